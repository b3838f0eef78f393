//! The two lists, the roads and the ways to wait, and what follows from each pair by rule. Nothing is written out case
//! by case: a new step or fault makes its cases by itself.

use std::fmt;

/// How far a connection has come when the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Dns,
    Tcp,
    /// The answer to CONNECT; on the TLS road the proxy is an `https://` one.
    Proxy,
    /// The answer to a SOCKS5 request.
    Socks,
    Tls,
    Upgrade,
    /// Open, between two messages.
    Open,
    /// Behind the first byte of a frame.
    Header,
    Payload,
    /// Between two fragments of a message.
    Fragments,
    /// The server has the host's close frame.
    Closing,
}

pub(crate) const STEPS: [Step; 11] = [
    Step::Dns,
    Step::Tcp,
    Step::Proxy,
    Step::Socks,
    Step::Tls,
    Step::Upgrade,
    Step::Open,
    Step::Header,
    Step::Payload,
    Step::Fragments,
    Step::Closing,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Reset,
    /// Our side ends, politely (on TLS with close_notify), and goes on reading.
    HalfClose,
    Silence,
    /// What is right, one byte a write.
    Drip,
    Garbage,
    /// Without end, and as right as that can be.
    Flood,
    /// A close frame where none is expected yet.
    CloseFrame,
    /// A fatal alert.
    Alert,
    /// Half a record, then the end without a goodbye.
    HalfRecord,
}

pub(crate) const FAULTS: [Fault; 9] = [
    Fault::Reset,
    Fault::HalfClose,
    Fault::Silence,
    Fault::Drip,
    Fault::Garbage,
    Fault::Flood,
    Fault::CloseFrame,
    Fault::Alert,
    Fault::HalfRecord,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    Bare,
    Tls,
}

pub(crate) const ROADS: [Road; 2] = [Road::Bare, Road::Tls];

/// How the host opens the socket and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Inline,
    Dispatched,
    DispatchedBlocking,
    Driven,
    DrivenBlocking,
    Pulled,
}

pub(crate) const WAYS: [Way; 6] =
    [Way::Inline, Way::Dispatched, Way::DispatchedBlocking, Way::Driven, Way::DrivenBlocking, Way::Pulled];

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) step: Step,
    pub(crate) fault: Fault,
    pub(crate) road: Road,
    pub(crate) way: Way,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { step, fault, road, way } = self;
        write!(f, "{step:?} x {fault:?} ({road:?}, {way:?})")
    }
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    STEPS.into_iter().flat_map(|step| {
        FAULTS.into_iter().flat_map(move |fault| {
            ROADS
                .into_iter()
                .flat_map(move |road| WAYS.into_iter().map(move |way| Case { step, fault, road, way }))
        })
    })
}

/// What the host is told, and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) opens: bool,
    /// A message whose bytes all came.
    pub(crate) message: Option<&'static str>,
    pub(crate) error: Option<&'static str>,
    pub(crate) terminate: &'static str,
    /// `ws_close_info.stage`, a `ws_stage`.
    pub(crate) stage: i32,
    pub(crate) alert: i32,
    /// The code in the client's close frame.
    pub(crate) close_code: Option<u16>,
    /// Which of the library's own times ends it; the others are out of reach.
    pub(crate) ended_by: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    None,
    Connect,
    Idle,
    Close,
}

/// The code and reason of the server's close frames here.
pub(crate) const SERVERS_CLOSE: &str = "terminate 4001 bye clean";
/// `ws_close_info.tls_alert` where the server sent none.
const NO_ALERT: i32 = -1;
/// The code of the host's.
pub(crate) const HOSTS_CODE: u16 = 4000;

impl Case {
    /// Why the pair is none; such cases are counted, not played.
    pub(crate) fn nonsense(self) -> Option<&'static str> {
        use Fault::{Alert, CloseFrame, Drip, Flood, Garbage, HalfClose, HalfRecord};
        let Case { step, fault, road, .. } = self;
        match (step, fault) {
            (Step::Dns, HalfClose | HalfRecord) => {
                Some("a name is asked for by datagrams, which have no end")
            }
            (Step::Dns, CloseFrame | Alert) => Some("a name server speaks neither WebSocket nor TLS"),
            (Step::Tcp, HalfClose | Drip | Garbage | Flood | CloseFrame | Alert | HalfRecord) => {
                Some("before TCP is open no byte can come; what comes then belongs to the next step")
            }
            (Step::Tls, _) if road == Road::Bare => Some("there is no TLS on a bare road"),
            (Step::Socks, _) if road == Road::Tls => Some("SOCKS5 has no TLS of its own"),
            (_, Alert | HalfRecord) if road == Road::Bare => {
                Some("without TLS its records are garbage, or half of what is right")
            }
            _ => None,
        }
    }

    pub(crate) fn expected(self) -> Expected {
        if self.step < Step::Open { self.expected_before_open() } else { self.expected_when_open() }
    }

    fn expected_before_open(self) -> Expected {
        if self.fault == Fault::Drip {
            return Expected {
                opens: true,
                message: Some("message text hello"),
                error: None,
                terminate: SERVERS_CLOSE,
                stage: 8,
                alert: NO_ALERT,
                close_code: Some(4001),
                ended_by: Clock::None,
            };
        }
        Expected {
            opens: false,
            message: None,
            error: Some(self.error_before_open()),
            terminate: "terminate 1006",
            stage: match self.step {
                // The addresses were there.
                Step::Dns if self.fault == Fault::Flood => 2,
                Step::Dns => 1,
                Step::Tcp => 2,
                Step::Proxy | Step::Socks => 3,
                Step::Tls => 4,
                _ => 5,
            },
            alert: self.alert(),
            close_code: None,
            ended_by: match self.fault {
                Fault::Silence if !self.waits_for_names() => Clock::Connect,
                _ => Clock::None,
            },
        }
    }

    fn error_before_open(self) -> &'static str {
        use Fault::{Alert, Flood, HalfClose, HalfRecord, Reset, Silence};
        match (self.step, self.fault) {
            (_, Silence) if !self.waits_for_names() => "WS_ERR_TIMEOUT",
            // Every one of its many addresses refuses.
            (Step::Tcp, _) | (Step::Dns, Flood) => "WS_ERR_CONNECTION_REFUSED",
            (Step::Dns, _) => "WS_ERR_DNS",
            (Step::Proxy | Step::Socks, _) => "WS_ERR_PROXY",
            (Step::Tls, Reset) => "WS_ERR_CONNECTION_RESET",
            (Step::Tls, _) | (Step::Upgrade, Alert) => "WS_ERR_TLS",
            (Step::Upgrade, Reset | HalfClose | HalfRecord) => "WS_ERR_CONNECTION_RESET",
            (Step::Upgrade, _) => "WS_ERR_HANDSHAKE",
            _ => unreachable!("open"),
        }
    }

    /// A driving dispatcher's owner looks names up itself, for as long as the system takes, whatever the time-outs.
    pub(crate) fn waits_for_names(self) -> bool {
        self.step == Step::Dns
            && self.fault == Fault::Silence
            && matches!(self.way, Way::Driven | Way::DrivenBlocking)
    }

    fn alert(self) -> i32 {
        match (self.fault, self.step) {
            // It is the server's alert that is told.
            (Fault::Alert, Step::Proxy) => NO_ALERT,
            // handshake_failure is written by hand, bad_record_mac by TLS.
            (Fault::Alert, Step::Tls) => 40,
            (Fault::Alert, _) => 20,
            _ => NO_ALERT,
        }
    }

    fn expected_when_open(self) -> Expected {
        use Fault::{Alert, CloseFrame, Drip, Flood, Garbage, HalfClose, HalfRecord, Reset, Silence};
        let closing = self.step == Step::Closing;
        let lost = Expected {
            opens: true,
            message: None,
            error: (!closing).then_some("WS_ERR_CONNECTION_RESET"),
            terminate: "terminate 1006",
            stage: if closing { 7 } else { 6 },
            alert: self.alert(),
            close_code: closing.then_some(HOSTS_CODE),
            ended_by: Clock::None,
        };
        let closed = Expected {
            error: None,
            terminate: SERVERS_CLOSE,
            stage: 8,
            close_code: Some(if closing { HOSTS_CODE } else { 4001 }),
            ..lost
        };
        let refused = |error, code| Expected { error: Some(error), close_code: Some(code), ..lost };
        match (self.step, self.fault) {
            (Step::Closing, Silence | Flood) => Expected { ended_by: Clock::Close, ..lost },
            (Step::Closing, Drip | CloseFrame) => closed,
            // After the host's own close nothing that goes wrong is an error.
            (Step::Closing, _) => lost,
            (_, Reset | HalfClose | HalfRecord) => lost,
            (_, Alert) => Expected { error: Some("WS_ERR_TLS"), ..lost },
            (_, Silence) => Expected { error: Some("WS_ERR_TIMEOUT"), ended_by: Clock::Idle, ..lost },
            (_, Drip) => Expected { message: Some("message text hello"), ..closed },
            // There its bytes are a part of the message.
            (Step::Payload, CloseFrame) => {
                Expected { message: Some("message blob 68656c88050fa1627965"), ..closed }
            }
            // There they say that a server masks.
            (Step::Header, CloseFrame) => refused("WS_ERR_PROTOCOL", 1002),
            (_, CloseFrame) => closed,
            (Step::Payload, Garbage) => refused("WS_ERR_PROTOCOL", 1007),
            (_, Garbage) => refused("WS_ERR_PROTOCOL", 1002),
            (Step::Header | Step::Payload, Flood) => refused("WS_ERR_TOO_LARGE", 1009),
            // Nothing is wrong with it; the host has enough, and the server goes on.
            (_, Flood) => Expected {
                error: None,
                close_code: Some(HOSTS_CODE),
                stage: 7,
                ended_by: Clock::Close,
                ..lost
            },
        }
    }
}
