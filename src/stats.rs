//! `ws_stats`: what a socket has counted.

use libc::size_t;
use ws4d_client::{Stats, Step};

use crate::boundary;
use crate::bridge::entry;
use crate::out_struct::{self, OutStruct};
use crate::reconnector;
use crate::result::ws_result;
use crate::types::{ws_reconnector, ws_socket};

/// What a socket has counted since it was made; see ws_get_stats(). Durations are in microseconds; a duration that does
/// not exist, or not yet, is -1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_stats {
    /// `sizeof(ws_stats)`, which WS_STATS_INIT sets. It allows the struct to grow without breaking existing programs.
    pub size: size_t,
    /// The messages that ws_send_text() and its relatives have accepted, including those that were lost with the
    /// connection.
    pub messages_sent: u64,
    /// The messages that have arrived completely, whether or not they have been delivered.
    pub messages_received: u64,
    /// The bytes of the messages sent: their payload, before compression.
    pub bytes_sent: u64,
    /// The bytes of the messages received: their payload, after decompression.
    pub bytes_received: u64,
    /// All bytes that the operating system has taken for the connection, from the opening handshake on, including frame
    /// headers, pings and TLS records. The TLS handshake is not counted.
    pub wire_bytes_sent: u64,
    /// All bytes that were read from the connection, from the answer to the opening handshake on.
    pub wire_bytes_received: u64,
    /// The messages that arrived after ws_terminate() and were dropped because the receive buffer had no room.
    pub messages_discarded: u64,
    /// How full the send buffer is, in bytes: the same number as ws_get_buffered_amount() returns.
    pub send_buffered: u64,
    /// How full the receive buffer is: the bytes of the messages that were not delivered yet, plus 64 for each of them.
    pub receive_buffered: u64,
    /// The last round trip: the time from a ping, whether ws_ping() or `ping_interval_ms` sent it, until its pong was
    /// read.
    pub ping_us: i64,
    /// How long the look-up of the host's name took.
    pub dns_us: i64,
    /// How long it took until TCP was connected.
    pub tcp_us: i64,
    /// How long the proxy took; -1 if there is none.
    pub proxy_us: i64,
    /// How long the TLS handshake took; -1 if there was none.
    pub tls_us: i64,
    /// How long the server took to answer the opening handshake.
    pub upgrade_us: i64,
    /// How long connecting took in all, until the connection was open or had failed.
    pub connect_us: i64,
    /// When bytes last came from the network, in microseconds since 1970 (UTC) by the machine's clock: the time at
    /// which the read that brought them returned. The server's answer to the opening handshake counts; 0 before it.
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

/// Returns what a socket has counted so far: messages and bytes in both directions, buffers, the last ping, and how
/// long each step of connecting took.
///
/// The numbers can be read as long as the handle is valid. Those of one call are nearly of the same moment; those of
/// several calls need not be.
///
/// Thread: any, also in callbacks and in `wake`; never blocks on the network or the program.
///
/// @param ws     A socket in any state.
/// @param stats  Receives the numbers. The caller sets its `size` (WS_STATS_INIT); as many fields as fit are filled.
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

/// Returns what all sockets of a reconnector have counted together.
///
/// Counters are sums. The buffers are those of the present socket; `send_buffered` includes what ws_reconnector_send()
/// keeps. The durations are those of the last connection that was open, or of the last attempt as long as none was.
///
/// Thread: any, also in callbacks and in `wake`; never blocks on the network or the program.
///
/// @param r      A reconnector, which may be over.
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
