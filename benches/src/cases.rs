//! What is measured.

/// How a case is told, beside wall time and CPU time a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    WallAndCpu,
    Cpu,
    Memory,
    Fairness,
}

/// One thing to measure.
pub(crate) struct Case {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What the report says of it beside its title.
    pub(crate) text: &'static str,
    /// What the client is told to do: see `clients/bench.h`.
    pub(crate) kind: &'static str,
    /// Without SIZE and N, which the kinds `flood` and `sink` of the server want behind it.
    pub(crate) path: &'static str,
    pub(crate) secure: bool,
    pub(crate) size: usize,
    /// For the first run, which tells how many the others need; or for all, where the case says how many.
    pub(crate) count: usize,
    pub(crate) fixed: bool,
    pub(crate) told: Told,
    /// Part of a quick run.
    pub(crate) quick: bool,
    /// Another case whose floor takes turns with the clients of this one, to be compared with as well: figures of
    /// different times say nothing of each other.
    pub(crate) beside: Option<&'static str>,
    /// Of the library, for the case of several; the client is not kept on one core then.
    pub(crate) io_threads: usize,
}

const CASE: Case = Case {
    id: "",
    title: "",
    text: "",
    kind: "",
    path: "/echo",
    secure: false,
    size: 32,
    count: 200,
    fixed: false,
    told: Told::WallAndCpu,
    quick: true,
    beside: None,
    io_threads: 0,
};

/// A round trip that holds the client's wake-up alone.
const POLLED: Case = Case {
    kind: "echo",
    path: "/polled",
    text: "The server looks for the next message for 50 µs before it sleeps, so a round trip holds one wake-up, the client's.",
    quick: false,
    ..CASE
};

const IDLE: Case = Case { kind: "idle", count: 1000, fixed: true, told: Told::Memory, quick: false, ..CASE };

const FAN_IN: Case =
    Case { kind: "fan-in", path: "/flood", count: 100, fixed: true, told: Told::Fairness, ..CASE };

/// All cases, in the order of the report.
pub(crate) const CASES: &[Case] = &[
    Case { id: "echo-32", title: "round trip, 32 B", kind: "echo", ..CASE },
    Case {
        id: "echo-32-busy",
        title: "round trip, 32 B, both sides spin",
        text: "Neither the server nor the client ever sleeps: they look for bytes in a loop, as busy polling does, so that\n\
               nobody's wake-up is part of the figures or hides what was gained. \"x blocking\" is the ratio to the floor of\n\
               `echo-32`, the raw blocking socket against a server that sleeps, which takes turns with these.",
        kind: "spin",
        path: "/spin",
        beside: Some("echo-32"),
        ..CASE
    },
    Case { id: "echo-64k", title: "round trip, 64 KiB", kind: "echo", size: 65_536, count: 50, ..CASE },
    Case {
        id: "echo-1m",
        title: "round trip, 1 MiB",
        kind: "echo",
        size: 1 << 20,
        count: 10,
        quick: false,
        ..CASE
    },
    Case { id: "echo-32-polled", title: "round trip, 32 B, a server that looks before it sleeps", ..POLLED },
    Case {
        id: "echo-64k-polled",
        title: "round trip, 64 KiB, a server that looks before it sleeps",
        size: 65_536,
        count: 50,
        ..POLLED
    },
    Case {
        id: "echo-1m-polled",
        title: "round trip, 1 MiB, a server that looks before it sleeps",
        size: 1 << 20,
        count: 10,
        ..POLLED
    },
    Case { id: "receive-32", title: "receive, 32 B", kind: "receive", path: "/flood", count: 5_000, ..CASE },
    Case {
        id: "receive-256",
        title: "receive, 256 B",
        kind: "receive",
        path: "/flood",
        size: 256,
        count: 4_000,
        quick: false,
        ..CASE
    },
    Case {
        id: "receive-1k",
        title: "receive, 1 KiB",
        kind: "receive",
        path: "/flood",
        size: 1024,
        count: 3_000,
        ..CASE
    },
    Case {
        id: "receive-64k",
        title: "receive, 64 KiB",
        kind: "receive",
        path: "/flood",
        size: 65_536,
        count: 100,
        quick: false,
        ..CASE
    },
    Case {
        id: "receive-1m",
        title: "receive, 1 MiB",
        kind: "receive",
        path: "/flood",
        size: 1 << 20,
        count: 20,
        ..CASE
    },
    Case {
        id: "send-32",
        title: "send, 32 B, each by itself",
        kind: "send",
        path: "/sink",
        count: 2_000,
        ..CASE
    },
    Case {
        id: "send-32-together",
        title: "send, 32 B, together (corked; inline: in a callback on the I/O thread)",
        kind: "batch",
        path: "/sink",
        count: 8_192,
        ..CASE
    },
    Case {
        id: "send-32-many",
        title: "send, 32 B, 256 in one call (ws_send_many)",
        kind: "many",
        path: "/sink",
        count: 8_192,
        ..CASE
    },
    Case {
        id: "send-1k",
        title: "send, 1 KiB",
        kind: "send",
        path: "/sink",
        size: 1024,
        count: 2_000,
        quick: false,
        ..CASE
    },
    Case {
        id: "send-1m",
        title: "send, 1 MiB",
        kind: "send",
        path: "/sink",
        size: 1 << 20,
        count: 20,
        quick: false,
        ..CASE
    },
    Case {
        id: "wss-echo-1k",
        title: "wss: round trip, 1 KiB",
        kind: "echo",
        secure: true,
        size: 1024,
        ..CASE
    },
    Case {
        id: "wss-echo-1k-polled",
        title: "wss: round trip, 1 KiB, a server that looks before it sleeps",
        secure: true,
        size: 1024,
        ..POLLED
    },
    Case {
        id: "wss-receive-64k",
        title: "wss: receive, 64 KiB",
        kind: "receive",
        path: "/flood",
        secure: true,
        size: 65_536,
        count: 100,
        ..CASE
    },
    Case {
        id: "connect",
        title: "connect, upgrade, close",
        kind: "connect",
        path: "/connect",
        count: 20,
        ..CASE
    },
    Case {
        id: "wss-connect",
        title: "wss: connect, upgrade, close",
        text: "Clients of libws4d agree on keys by X25519MLKEM768, which keeps them from quantum computers too; the raw socket and\n\
               the other clients by X25519. A second raw socket does the former, so that its price can be seen.",
        kind: "connect",
        path: "/connect",
        secure: true,
        count: 10,
        ..CASE
    },
    Case {
        id: "deflate-1k",
        title: "permessage-deflate, 1 KiB of JSON there and back, context takeover",
        kind: "deflate",
        path: "/deflate/context/1k",
        size: 1024,
        ..CASE
    },
    Case {
        id: "deflate-64k",
        title: "permessage-deflate, 64 KiB of JSON there and back, context takeover",
        kind: "deflate",
        path: "/deflate/context/64k",
        size: 65_536,
        count: 20,
        quick: false,
        ..CASE
    },
    Case {
        id: "deflate-fresh-1k",
        title: "permessage-deflate, 1 KiB of JSON there and back, no context takeover",
        kind: "deflate",
        path: "/deflate/fresh/1k",
        size: 1024,
        quick: false,
        ..CASE
    },
    Case { id: "idle", title: "memory of an idle socket", count: 2000, quick: true, ..IDLE },
    Case { id: "wss-idle", title: "wss: memory of an idle socket", secure: true, ..IDLE },
    Case {
        id: "deflate-idle-fresh",
        title: "memory of an idle socket, permessage-deflate without context takeover, after one message each way",
        path: "/deflate/fresh/1k",
        ..IDLE
    },
    Case {
        id: "deflate-idle",
        title: "memory of an idle socket, permessage-deflate with context takeover, after one message each way",
        path: "/deflate/context/1k",
        ..IDLE
    },
    Case {
        id: "tick",
        title: "1,000 sockets that each get 10 messages of 32 B a second",
        kind: "tick",
        path: "/tick",
        count: 1000,
        fixed: true,
        told: Told::Cpu,
        ..CASE
    },
    Case { id: "fan-in", title: "100 busy sockets, 32 B", ..FAN_IN },
    Case {
        id: "fan-in-1-thread",
        title: "100 busy sockets, 1 KiB, one I/O thread, on both cores",
        size: 1024,
        quick: false,
        io_threads: 1,
        ..FAN_IN
    },
    Case {
        id: "fan-in-2-threads",
        title: "100 busy sockets, 1 KiB, two I/O threads, on both cores",
        size: 1024,
        quick: false,
        io_threads: 2,
        ..FAN_IN
    },
];

impl Case {
    /// The one whose floor takes turns with this one's clients.
    pub(crate) fn beside(&self) -> Option<&'static Case> {
        CASES.iter().find(|case| Some(case.id) == self.beside)
    }

    /// The URL for so many messages.
    pub(crate) fn url(&self, ports: (u16, u16), count: usize) -> String {
        let (scheme, port) = if self.secure { ("wss", ports.1) } else { ("ws", ports.0) };
        let what = match (self.path, self.kind) {
            ("/flood", "fan-in") => format!("/{}/1000000000", self.size),
            ("/flood", _) => format!("/{}/{count}", self.size),
            ("/sink", "batch" | "many") => "/4096".to_owned(),
            ("/sink", _) => format!("/{count}"),
            ("/tick", _) => format!("/{}/10", self.size),
            _ => String::new(),
        };
        format!("{scheme}://127.0.0.1:{port}{}{what}", self.path)
    }

    /// How many messages take about `seconds`, if one takes `wall` microseconds.
    pub(crate) fn count_for(&self, seconds: f64, wall: f64) -> usize {
        if self.fixed {
            return self.count;
        }
        // What the server keeps in memory for TLS is bounded by this, too.
        let most = if self.secure { 256 << 20 } else { usize::MAX / 2 } / (self.size + 16);
        let count = ((seconds * 1e6 / wall.max(0.001)) as usize).clamp(self.count.min(10), most);
        if matches!(self.kind, "batch" | "many") { count.div_ceil(4096) * 4096 } else { count }
    }
}
