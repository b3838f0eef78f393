//! `ws_tls_info`: what the TLS handshake of a socket agreed on.

use std::ffi::{CString, c_char};
use std::ptr;

use libc::size_t;
use ws4d_client::{ErrorCode, TlsInfo};

use crate::boundary;
use crate::bridge::entry;
use crate::out_struct::{self, OutStruct};
use crate::result::ws_result;
use crate::tls_texts::TlsTexts;
use crate::types::ws_socket;

/// What the TLS handshake of a socket has agreed on; see ws_get_tls_info(). The texts live as long as the socket's
/// handle is valid.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_tls_info {
    /// `sizeof(ws_tls_info)`, which WS_TLS_INFO_INIT sets. It allows the struct to grow without breaking existing
    /// programs.
    pub size: size_t,
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: *const c_char,
    /// The cipher suite by its IANA name, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher_suite: *const c_char,
    /// The group of the key exchange, such as `X25519MLKEM768` (which also protects against quantum computers),
    /// `X25519` or `secp256r1`; NULL if a resumed session of TLS 1.2 needed no key exchange.
    pub key_exchange: *const c_char,
    /// The protocol that the server has chosen (see ws_options_set_alpn()); NULL if it has chosen none.
    pub alpn: *const c_char,
    /// The subject of the server's certificate, such as `CN=feed.example.com, O=Example`. It is often empty, because
    /// the names that count are elsewhere in the certificate. This field and those after it, up to `not_after`, are
    /// NULL or 0 if the certificate could not be read.
    pub subject: *const c_char,
    /// The issuer of the certificate, in the same form.
    pub issuer: *const c_char,
    /// The SHA-256 of the certificate, as 64 hex digits in lower case.
    pub sha256: *const c_char,
    /// The SHA-256 of the certificate's key (SubjectPublicKeyInfo), as 64 hex digits in lower case.
    /// ws_options_set_pinned_key_sha256() takes it in this form.
    pub key_sha256: *const c_char,
    /// The time from which the certificate is valid, in seconds since 1970.
    pub not_before: i64,
    /// The time until which the certificate is valid, in seconds since 1970.
    pub not_after: i64,
    /// 1 if an earlier session of this process with the same options was resumed; the certificate is that session's.
    /// Otherwise 0.
    pub resumed: i32,
    /// 1 if the certificate was verified; 0 if verification was off (ws_options_set_verify()).
    pub verified: i32,
}

// SAFETY: `repr(C)`, and `size` is its first field.
unsafe impl OutStruct for ws_tls_info {
    const FIRST_SIZE: usize = 12 * 8;
}

/// The struct that points to the texts.
fn shown(texts: &TlsTexts, info: &TlsInfo) -> ws_tls_info {
    let pointer = |text: Option<&CString>| text.map_or(ptr::null(), |text| text.as_ptr());
    let part = |i: usize| pointer(texts.certificate.as_ref().map(|parts| &parts[i]));
    let certificate = info.certificate.as_ref();
    ws_tls_info {
        size: size_of::<ws_tls_info>(),
        version: texts.version.as_ptr(),
        cipher_suite: texts.cipher_suite.as_ptr(),
        key_exchange: pointer(texts.key_exchange.as_ref()),
        alpn: pointer(texts.alpn.as_ref()),
        subject: part(0),
        issuer: part(1),
        sha256: part(2),
        key_sha256: part(3),
        not_before: certificate.map_or(0, |certificate| certificate.not_before),
        not_after: certificate.map_or(0, |certificate| certificate.not_after),
        resumed: info.resumed.into(),
        verified: info.verified.into(),
    }
}

/// Returns what the TLS handshake with the socket's server has agreed on, and the server's certificate.
///
/// It is known from `on_open` on, as long as the handle is valid. It says nothing about TLS with a proxy. If the
/// connection could not be made, the error stack says why.
///
/// Thread: any, also in callbacks and in `wake`; never blocks on the network or the program.
///
/// @param ws    A socket.
/// @param info  Receives the information. The caller sets its `size` (WS_TLS_INFO_INIT); as many fields as fit are
///              filled.
/// @return WS_OK, or, with nothing filled: WS_ERR_UNSUPPORTED (a ws:// socket, which has no TLS), WS_ERR_CLOSED (a
///         wss:// socket that is not open yet, or never was), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED,
///         WS_ERR_INVALID_ARGUMENT (NULL, or a `size` that ws_tls_info never had).
///
/// # Safety
/// `info` is NULL or writable for its `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_get_tls_info(ws: *const ws_socket, info: *mut ws_tls_info) -> ws_result {
    boundary::call(|| {
        let entry = entry(ws)?;
        let socket = entry.socket();
        let told = match socket.tls_info() {
            Some(told) => told,
            None if socket.is_secure() => return Err(ErrorCode::Closed),
            None => return Err(ErrorCode::Unsupported),
        };
        let texts = entry.tls.get_or_init(|| Box::new(TlsTexts::of(told)));
        let shown = shown(texts, told);
        // SAFETY: the caller upholds the contract above.
        unsafe { out_struct::fill(info, shown) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_stays_readable() {
        const { assert!(size_of::<ws_tls_info>() >= ws_tls_info::FIRST_SIZE) };
        assert_eq!(std::mem::offset_of!(ws_tls_info, verified) + 4, ws_tls_info::FIRST_SIZE);
    }
}
