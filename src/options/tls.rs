//! Entry points of the options of TLS.

use std::ffi::{c_char, c_void};

use libc::size_t;

use super::refused::Hidden;
use super::{flag, set, set_read};
use crate::arg;
use crate::result::ws_result;
use crate::types::ws_options;
use ws4d_client::{KeyLogFile, PemFile};

/// Adds certificate authorities from a file to those that are trusted. The file is read during the call.
///
/// The file may also contain a server's own certificate, such as one that `openssl req -x509` makes. That certificate
/// is then trusted by itself, whatever it says about CAs and purposes, if it has the server's name in its
/// subjectAltName and is valid today. Revocation lists do not apply to it.
///
/// Thread: any, also in callbacks; may block while it reads the file.
///
/// @param o     Options.
/// @param path  A PEM file with one or more certificates; UTF-8, NUL-terminated.
/// @return WS_OK, or, with nothing added: WS_ERR_FILE (it cannot be opened or read, or it has no certificate),
///         WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///         ws_options_errors() says more.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_ca_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set_read(
        o,
        "ws_options_set_ca_file",
        &[&path],
        || PemFile::read(path?),
        |options, file| options.set_ca_file(&file),
    )
}

/// Adds certificate authorities from memory to those that are trusted. Otherwise it is like ws_options_set_ca_file().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o    Options.
/// @param pem  One or more certificates as PEM text; copied.
/// @param len  Bytes in `pem`, or WS_NUL_TERMINATED.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_ARGUMENT (NULL, or it has no certificate), WS_ERR_TOO_LARGE,
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

/// Sets whether the server's certificate is verified. Switch verification off only for a test: without it, anybody
/// between the program and the server can read and change everything.
///
/// Nothing but this function switches it off. The certificate of an `https` proxy is verified all the same: see
/// ws_options_set_proxy_verify().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  1 or 0. Default: 1.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_verify(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_verify", &[&on], |options| {
        options.set_verify(flag(on)?);
        Ok(())
    })
}

/// Sets whether the certificate of an `https` proxy is verified. Switch verification off only for a test: without it,
/// anybody who takes the place of the proxy gets its user name and password, and sees which server the connection leads
/// to.
///
/// Nothing but this function switches it off.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  1 or 0. Default: 1.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_proxy_verify(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_proxy_verify", &[&on], |options| {
        options.set_proxy_verify(flag(on)?);
        Ok(())
    })
}

/// Sets whether the certificate authorities that the operating system trusts are trusted.
///
/// On Linux and the BSDs these are the ones in OpenSSL's usual places. If the environment has SSL_CERT_FILE (a PEM
/// file) or SSL_CERT_DIR (folders of PEM files, separated by colons), it is those instead. They are read on a thread of
/// the library, for the first connection with such options that uses TLS, and then kept; so a program that changes the
/// environment (setenv) must do so before its first connection. If they cannot be read completely, for lack of
/// descriptors or memory, only that attempt fails. On macOS, Windows and Android the system itself decides.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  1 or 0. With 0, only the certificates of ws_options_set_ca_file() and ws_options_set_ca_pem() are
///            trusted; if there are none, connections to wss:// fail with WS_ERR_TLS. Default: 1.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_system_trust(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_system_trust", &[&on], |options| {
        options.set_system_trust(flag(on)?);
        Ok(())
    })
}

/// Adds certificate revocation lists (RFC 5280). The file is read during the call.
///
/// From then on, each certificate of a server's chain, except the trusted CA itself, must be covered by a list of its
/// issuer. If a certificate is revoked, if a list is missing, or if a list is past the time of its next update, the
/// connection fails with WS_ERR_CERTIFICATE. The lists are ignored if verification is off (ws_options_set_verify()).
///
/// Thread: any, also in callbacks; may block while it reads the file.
///
/// @param o     Options.
/// @param path  A PEM file with one or more lists; UTF-8, NUL-terminated.
/// @return WS_OK, or, with nothing added: WS_ERR_FILE (it cannot be opened or read, or it has no list),
///         WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///         ws_options_errors() says more.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_crl_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set_read(
        o,
        "ws_options_set_crl_file",
        &[&path],
        || PemFile::read_lists(path?),
        |options, file| options.set_crl_file(&file),
    )
}

/// Sets the certificate with which the client identifies itself to servers that ask for one. The files are read during
/// the call; a later call replaces both.
///
/// The certificate is never shown to a proxy, nor to another server after a redirect.
///
/// Thread: any, also in callbacks; may block while it reads the files.
///
/// @param o      Options.
/// @param chain  A PEM file with the client's certificate, followed by its issuers if the server does not know them;
///               UTF-8, NUL-terminated.
/// @param key    A PEM file with the key of the certificate: PKCS#8, SEC1 (EC) or PKCS#1 (RSA); UTF-8, NUL-terminated.
///               It may be the same file. If it is encrypted, which only PKCS#8 can be, call
///               ws_options_set_client_certificate_password() first.
/// @return WS_OK, or, with nothing changed: WS_ERR_FILE (a file cannot be opened or read, has no certificate or no key,
///         or the key is encrypted and the password is not set or wrong, or the key does not belong to the
///         certificate), WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED. ws_options_errors() says which.
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
    let read = || {
        let (chain, key) = (chain?, key?);
        Ok((PemFile::read(chain)?, PemFile::read(key)?))
    };
    set_read(o, "ws_options_set_client_certificate_file", &[&chain, &key], read, |options, (chain, key)| {
        options.set_client_certificate_file(&chain, &key)
    })
}

/// Sets the client's certificate from memory. Otherwise it is like ws_options_set_client_certificate_file().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o          Options.
/// @param chain      The client's certificate and its issuers as PEM text; copied.
/// @param chain_len  Bytes in `chain`, or WS_NUL_TERMINATED.
/// @param key        The key as PEM text; copied.
/// @param key_len    Bytes in `key`, or WS_NUL_TERMINATED.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL, there is no certificate or no key, the key
///         is encrypted and the password is not set or wrong, or the key does not belong to the certificate;
///         ws_options_errors() says which), WS_ERR_TOO_LARGE, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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

/// Sets the password with which the key of a client's certificate is encrypted. Call it before
/// ws_options_set_client_certificate_file() or ws_options_set_client_certificate_pem(): it has no effect on earlier
/// calls.
///
/// Such keys are PKCS#8 with PBES2 (RFC 8018), in PEM with the label ENCRYPTED PRIVATE KEY; `openssl genpkey`, `openssl
/// req` and `openssl pkcs8 -topk8` write them. The password is never shown. It is erased from memory when it is
/// replaced and when the options are freed; a copy of the options that another function makes does not have it.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o         Options.
/// @param password  UTF-8, NUL-terminated; copied. Whether it is right is known only when the key is read.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8,
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

/// Sets the name that the server is asked for (SNI) and that its certificate must have, instead of the host of the URL.
///
/// This is for a server that is reached by another name or by its address. The Host header still comes from the URL.
/// The name does not apply to proxies, nor to other servers that a redirect leads to.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o     Options.
/// @param name  A host name or an IP address; UTF-8, NUL-terminated; copied.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL, or a name that no certificate can have),
///         WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_server_name(o: *mut ws_options, name: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let name = unsafe { arg::short_utf8(name) };
    set(o, "ws_options_set_server_name", &[&name], |options| options.set_server_name(name?))
}

/// Pins a key: the server's own certificate must have this key, or another key that was pinned. Otherwise the
/// connection fails with WS_ERR_CERTIFICATE.
///
/// This is checked in addition to everything else, and also if verification is off. It does not apply to proxies, but
/// it does to servers that a redirect leads to.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o    Options.
/// @param pin  The SHA-256 of the certificate's SubjectPublicKeyInfo, NUL-terminated: 64 hex digits (`key_sha256` of
///             ws_tls_info), or base64 as in curl, with or without `sha256//` before it. Call the function again to pin
///             another key.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_ARGUMENT (NULL, or not a SHA-256), WS_ERR_TOO_LARGE,
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

/// Sets the lowest version of TLS that is accepted. Versions below 1.2 are never accepted.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param version  12 for TLS 1.2, 13 for TLS 1.3. Default: 12.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_min_tls_version(o: *mut ws_options, version: i32) -> ws_result {
    set(o, "ws_options_set_min_tls_version", &[&version], |options| options.set_min_tls_version(version))
}

/// Sets the protocols that are offered in the TLS handshake (ALPN, RFC 7301).
///
/// The library speaks HTTP/1.1: if the server chooses another version of HTTP, the connection fails with WS_ERR_TLS. A
/// server that chooses none is accepted.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o          Options.
/// @param protocols  Names that are separated by commas, the preferred one first; NUL-terminated; copied. An empty text
///                   offers none. Default: "http/1.1".
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL, or a name that is empty, occurs twice, or is
///         not visible ASCII), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `protocols` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_alpn(o: *mut ws_options, protocols: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let protocols = unsafe { arg::short_utf8(protocols) };
    set(o, "ws_options_set_alpn", &[&protocols], |options| options.set_alpn(protocols?))
}

/// Sets a file to which the secrets of TLS sessions are appended, in the format that Wireshark reads (NSS key log). Use
/// it only for debugging: whoever has the file can decrypt everything that was said.
///
/// The log says so at each connection. If the file is removed in the meantime, it is made anew. The environment
/// variable SSLKEYLOGFILE has no effect by itself; a program that wants to honour it passes its value here.
///
/// Thread: any, also in callbacks; may block while it opens the file.
///
/// @param o     Options.
/// @param path  The file; UTF-8, NUL-terminated. If it does not exist, it is made during the call, readable by its
///              owner only.
/// @return WS_OK, or, with nothing changed: WS_ERR_FILE (it cannot be made or written to), WS_ERR_INVALID_ARGUMENT
///         (NULL), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_key_log_file(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set_read(
        o,
        "ws_options_set_key_log_file",
        &[&path],
        || KeyLogFile::at(path?),
        |options, file| {
            options.set_key_log_file(file);
            Ok(())
        },
    )
}
