//! Entry points of the options of TLS.

use std::ffi::{c_char, c_void};

use libc::size_t;

use super::refused::Hidden;
use super::{flag, set};
use crate::arg;
use crate::result::ws_result;
use crate::types::ws_options;

/// Adds certificate authorities from a file to those that the system trusts. The file is read during the call.
///
/// A server's own certificate in it is trusted by itself, whatever it says of CAs and purposes (what `openssl req -x509`
/// makes): it must have the server's name in its subjectAltName, and be valid today. Revocation lists are not asked for it.
///
/// @param o     Options.
/// @param path  A PEM file with one or more certificates; UTF-8, NUL-terminated.
/// @return WS_OK; or, with nothing added, WS_ERR_FILE (it cannot be opened or read, or there is no certificate in it),
///         WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///         ws_options_errors() says more.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_ca_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set(o, "ws_options_set_ca_file", &[&path], |options| options.set_ca_file(path?))
}

/// Adds certificate authorities to those that the system trusts.
///
/// @param o    Options.
/// @param pem  One or more certificates as PEM text; copied.
/// @param len  Bytes in `pem`, or WS_NUL_TERMINATED.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_ARGUMENT (NULL, or no certificate in it), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `pem` is readable for `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_ca_pem(
    o: *mut ws_options,
    pem: *const c_void,
    len: size_t,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let pem = unsafe { arg::pem(pem.cast(), len) };
    set(o, "ws_options_set_ca_pem", &[&Hidden(&pem)], |options| options.set_ca_pem(pem?))
}

/// Whether the server's certificate is verified. Off only by this call, and only for a test: whoever sits on the road
/// can then read and change everything. The certificate of an `https` proxy is verified all the same: see
/// ws_options_set_proxy_verify().
///
/// @param o   Options.
/// @param on  1 or 0. Default: 1.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_verify(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_verify", &[&on], |options| {
        options.set_verify(flag(on)?);
        Ok(())
    })
}

/// Whether the certificate of an `https` proxy is verified. Off only by this call, and only for a test: whoever takes the
/// proxy's place is then told its user and password, and sees where the connection leads.
///
/// @param o   Options.
/// @param on  1 or 0. Default: 1.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_proxy_verify(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_proxy_verify", &[&on], |options| {
        options.set_proxy_verify(flag(on)?);
        Ok(())
    })
}

/// Whether those are trusted whom the system trusts.
///
/// On Linux and the BSDs that is what OpenSSL's usual places have; where the environment has SSL_CERT_FILE (a PEM file) or
/// SSL_CERT_DIR (folders of PEM files with colons between them), it is what these have instead. It is read at the first
/// connection with such options of TLS and then kept, on a thread of the library: a program that changes the environment
/// (setenv) does so before its first connection. What could not be read whole, for want of descriptors or memory, is the
/// error of that attempt alone. On macOS, Windows and Android the system itself decides.
///
/// @param o   Options.
/// @param on  1 or 0. With 0 only those are trusted whom ws_options_set_ca_file() and ws_options_set_ca_pem() add; without
///            any, connections to wss:// fail with WS_ERR_TLS. Default: 1.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_system_trust(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_system_trust", &[&on], |options| {
        options.set_system_trust(flag(on)?);
        Ok(())
    })
}

/// Adds certificate revocation lists (RFC 5280). The file is read during the call.
///
/// From then on each certificate of a server's chain, but for the trusted CA itself, must be covered by a list of its
/// issuer: where one is revoked, where a list is missing, and where a list was to be renewed by now, the connection fails
/// with WS_ERR_CERTIFICATE. Where verification is off (ws_options_set_verify()), they are not looked at.
///
/// @param o     Options.
/// @param path  A PEM file with one or more lists; UTF-8, NUL-terminated.
/// @return WS_OK; or, with nothing added, WS_ERR_FILE (it cannot be opened or read, or there is no list in it),
///         WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///         ws_options_errors() says more.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_crl_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set(o, "ws_options_set_crl_file", &[&path], |options| options.set_crl_file(path?))
}

/// Sets the certificate by which servers that ask know the client. The files are read during the call; a later call
/// replaces both. It is never shown to a proxy, nor to another server after a redirect.
///
/// @param o      Options.
/// @param chain  A PEM file: the client's certificate, then its issuers, if the server does not know them.
/// @param key    A PEM file with the certificate's key: PKCS#8, SEC1 (EC) or PKCS#1 (RSA). It may be the same file. Where it is
///               encrypted (PKCS#8 alone), ws_options_set_client_certificate_password() comes first.
/// @return WS_OK; or, with nothing changed, WS_ERR_FILE (one cannot be opened or read, there is no certificate or no
///         key in it, the key is encrypted and the password not set or wrong, or the key is not the certificate's),
///         WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED. ws_options_errors() says which.
///
/// # Safety
/// `chain` and `key` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_client_certificate_file(
    o: *mut ws_options,
    chain: *const c_char,
    key: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (chain, key) = unsafe { (arg::short_utf8(chain), arg::short_utf8(key)) };
    set(o, "ws_options_set_client_certificate_file", &[&chain, &key], |options| {
        options.set_client_certificate_file(chain?, key?)
    })
}

/// As ws_options_set_client_certificate_file(), from memory.
///
/// @param o          Options.
/// @param chain      The client's certificate and its issuers as PEM text; copied.
/// @param chain_len  Bytes in `chain`, or WS_NUL_TERMINATED.
/// @param key        The key as PEM text; copied.
/// @param key_len    Bytes in `key`, or WS_NUL_TERMINATED.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (NULL, no certificate or no key in it, the key is
///         encrypted and the password not set or wrong, or the key is not the certificate's; ws_options_errors() says
///         which), WS_ERR_TOO_LARGE, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `chain` and `key` are readable for their lengths, or up to their NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_client_certificate_pem(
    o: *mut ws_options,
    chain: *const c_void,
    chain_len: size_t,
    key: *const c_void,
    key_len: size_t,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (chain, key) = unsafe { (arg::pem(chain.cast(), chain_len), arg::pem(key.cast(), key_len)) };
    set(o, "ws_options_set_client_certificate_pem", &[&Hidden(&chain), &Hidden(&key)], |options| {
        options.set_client_certificate_pem(chain?, key?)
    })
}

/// Sets the password with which the key of a client's certificate is encrypted. It is used by later calls of
/// ws_options_set_client_certificate_file() and ws_options_set_client_certificate_pem(), and not by earlier ones.
///
/// Such keys are PKCS#8 with PBES2 (RFC 8018), what `openssl genpkey`, `openssl req` and `openssl pkcs8 -topk8` write: PEM
/// with the label ENCRYPTED PRIVATE KEY. The password is never shown, and is wiped when it is replaced and when the options
/// are freed; options that another function copied have none.
///
/// @param o         Options.
/// @param password  UTF-8, NUL-terminated; copied. Whether it is right shows when the key is read.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8,
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `password` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_client_certificate_password(
    o: *mut ws_options,
    password: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let password = unsafe { arg::short_utf8(password) };
    set(o, "ws_options_set_client_certificate_password", &[&Hidden(&password)], |options| {
        options.set_client_certificate_password(password?)
    })
}

/// The name to ask the server for (SNI), and that its certificate must have, instead of the URL's: for a server that is
/// reached by another name or by its address. The Host header stays the URL's. Proxies, and other servers to which a
/// redirect leads, are not concerned.
///
/// @param o     Options.
/// @param name  A host name or an IP address; UTF-8, NUL-terminated; copied.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (NULL, or no name that a certificate could have), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_server_name(o: *mut ws_options, name: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let name = unsafe { arg::short_utf8(name) };
    set(o, "ws_options_set_server_name", &[&name], |options| options.set_server_name(name?))
}

/// Pins a key: the key of the server's own certificate must be this one, or another that was pinned, else the connection
/// fails with WS_ERR_CERTIFICATE. Checked beside everything else, and also where verification is off. Proxies are not
/// concerned; servers to which a redirect leads are.
///
/// @param o    Options.
/// @param pin  The SHA-256 of the certificate's SubjectPublicKeyInfo: 64 hex digits (`key_sha256` of ws_tls_info), or
///             base64 as curl has it, with `sha256//` before it or without; NUL-terminated. May be called again, to pin
///             one more.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_ARGUMENT (NULL, or no SHA-256), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `pin` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_pinned_key_sha256(
    o: *mut ws_options,
    pin: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let pin = unsafe { arg::short_utf8(pin) };
    set(o, "ws_options_set_pinned_key_sha256", &[&pin], |options| options.set_pinned_key_sha256(pin?))
}

/// The lowest version of TLS to speak. Older ones than 1.2 are never spoken.
///
/// @param o        Options.
/// @param version  12 for TLS 1.2, 13 for TLS 1.3. Default: 12.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_min_tls_version(o: *mut ws_options, version: i32) -> ws_result {
    set(o, "ws_options_set_min_tls_version", &[&version], |options| options.set_min_tls_version(version))
}

/// The protocols to offer inside TLS (ALPN, RFC 7301).
///
/// The library speaks HTTP/1.1: where the server chooses another version of HTTP, the connection fails with WS_ERR_TLS.
/// A server that chooses none is accepted.
///
/// @param o          Options.
/// @param protocols  Names with commas between them, the preferred one first; NUL-terminated; copied. "": none are
///                   offered. Default: "http/1.1".
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (NULL, or a name that is empty, there twice, or not of visible ASCII),
///         WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `protocols` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_alpn(o: *mut ws_options, protocols: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let protocols = unsafe { arg::short_utf8(protocols) };
    set(o, "ws_options_set_alpn", &[&protocols], |options| options.set_alpn(protocols?))
}

/// Appends the secrets of TLS sessions to a file, in the format that Wireshark reads (NSS key log). A file that was removed
/// meanwhile is made anew. Whoever has the file
/// can read all that was said: for debugging only. The log says so at each connection.
///
/// The environment's SSLKEYLOGFILE does nothing by itself; a program that honours it passes its value here.
///
/// @param o     Options.
/// @param path  The file; UTF-8, NUL-terminated. Made during the call, for its owner alone to read, if it is not there.
/// @return WS_OK; WS_ERR_FILE (it cannot be made or written to), WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_key_log_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set(o, "ws_options_set_key_log_file", &[&path], |options| options.set_key_log_file(path?))
}
