//! `ws_stats`: what a socket has counted.

use libc::size_t;
use ws4d_client::{Stats, Step};

use crate::boundary;
use crate::bridge::entry;
use crate::out_struct::{self, OutStruct};
use crate::reconnector;
use crate::result::ws_result;
use crate::types::{ws_reconnector, ws_socket};

/// What a socket has counted since it was made; see ws_get_stats(). Durations are in microseconds, -1 for one that
/// there is not (yet).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_stats {
    /// `sizeof(ws_stats)`, set by WS_STATS_INIT: how the struct grows without breaking its callers.
    pub size: size_t,
    /// Messages that ws_send_text() and its like have accepted, those included that were lost with the connection.
    pub messages_sent: u64,
    /// Messages that arrived whole, whether or not they have been delivered.
    pub messages_received: u64,
    /// The bytes of the messages sent: their payload, before compression.
    pub bytes_sent: u64,
    /// The bytes of the messages received: their payload, after decompression.
    pub bytes_received: u64,
    /// All bytes that the kernel has taken for the connection from the opening handshake on, frame headers, pings and
    /// TLS records included; the TLS handshake is not counted.
    pub wire_bytes_sent: u64,
    /// All bytes that were read from the connection from the answer to the opening handshake on.
    pub wire_bytes_received: u64,
    /// Messages that arrived after ws_terminate() and were dropped, because the receive buffer had no room.
    pub messages_discarded: u64,
    /// How full the send buffer is, as ws_get_buffered_amount() says.
    pub send_buffered: u64,
    /// How full the receive buffer is: the bytes of messages that wait for the host, plus 64 each.
    pub receive_buffered: u64,
    /// The last round trip: from a ping, the host's or one of `ping_interval_ms`, to the moment in which its pong was
    /// read.
    pub ping_us: i64,
    /// How long the look-up of the host's name took.
    pub dns_us: i64,
    /// How long it took until TCP was connected.
    pub tcp_us: i64,
    /// How long the proxy took; -1 where there is none.
    pub proxy_us: i64,
    /// How long the TLS handshake took; -1 where there is none.
    pub tls_us: i64,
    /// How long the server took to answer the upgrade.
    pub upgrade_us: i64,
    /// How long connecting took in all, until the connection was open, or had failed.
    pub connect_us: i64,
    /// When the last read from the network returned that brought something, in microseconds since 1970 (UTC) by the
    /// machine's clock; 0: none has, since the connection was open.
    pub last_received_us: i64,
}

// SAFETY: `repr(C)`, and `size` is its first field.
unsafe impl OutStruct for ws_stats {
    const FIRST_SIZE: usize = 17 * 8;
}

impl From<&Stats> for ws_stats {
    fn from(stats: &Stats) -> ws_stats {
        ws_stats {
            size: size_of::<ws_stats>(),
            messages_sent: stats.messages_sent,
            messages_received: stats.messages_received,
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            wire_bytes_sent: stats.wire_bytes_sent,
            wire_bytes_received: stats.wire_bytes_received,
            messages_discarded: stats.messages_discarded,
            send_buffered: stats.send_buffered as u64,
            receive_buffered: stats.receive_buffered as u64,
            ping_us: stats.ping.map_or(-1, |ping| i64::try_from(ping.as_micros()).unwrap_or(i64::MAX)),
            dns_us: stats.phases.of(Step::Dns),
            tcp_us: stats.phases.of(Step::Tcp),
            proxy_us: stats.phases.of(Step::Proxy),
            tls_us: stats.phases.of(Step::Tls),
            upgrade_us: stats.phases.of(Step::Upgrade),
            connect_us: stats.phases.total,
            last_received_us: stats.last_received_us,
        }
    }
}

/// What the socket has counted so far: messages and bytes both ways, buffers, the last ping, and how long each step of
/// connecting took.
///
/// Any thread, also inside `wake`; never waits for the network or the host. Readable as long as the handle is valid;
/// the numbers of several calls may be of different moments, those of one call nearly of the same.
///
/// @param ws     A socket in any state.
/// @param stats  Its `size` is set by the caller (WS_STATS_INIT); as many fields as fit are filled.
/// @return WS_OK, or, with nothing filled: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (NULL, or a
///         `size` that ws_stats never had).
///
/// # Safety
/// `stats` is NULL or writable for its `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_get_stats(ws: *const ws_socket, stats: *mut ws_stats) -> ws_result {
    boundary::call(|| {
        let counted = entry(ws)?.socket().stats();
        // SAFETY: the caller upholds the contract above.
        unsafe { out_struct::fill(stats, ws_stats::from(&counted)) }
    })
}

/// What the reconnector's sockets have counted together. Counters are sums; buffers are those of now, what
/// ws_reconnector_send() keeps included in `send_buffered`; times are those of the last connection that was open, or, as long
/// as none was, of the last attempt.
///
/// Any thread, also inside `wake`; never waits for the network or the host.
///
/// @param r      A reconnector, also one that is over.
/// @param stats  As for ws_get_stats().
/// @return As ws_get_stats().
///
/// # Safety
/// `stats` is NULL or writable for its `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_reconnector_get_stats(
    r: *const ws_reconnector,
    stats: *mut ws_stats,
) -> ws_result {
    boundary::call(|| {
        let counted = reconnector::get(r)?.reconnector.stats();
        // SAFETY: the caller upholds the contract above.
        unsafe { out_struct::fill(stats, ws_stats::from(&counted)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_stays_readable() {
        const { assert!(size_of::<ws_stats>() >= ws_stats::FIRST_SIZE) };
        assert_eq!(std::mem::offset_of!(ws_stats, connect_us) + 8, ws_stats::FIRST_SIZE);
    }
}
