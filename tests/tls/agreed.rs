//! What client and server agreed on, as `ws_get_tls_info` tells it; ALPN, the key log, floods of new keys.

use super::wire::{refused, silent};
use super::{Log, echoes, server_saw, trusting, trusting_nobody};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::{fs, ptr};
use ws4d_test_host::{Host, Options, RawTlsInfo, Socket, alone, api, c, name};
use ws4d_test_server::{CertKind, Server};

/// In a build with ring, which has none of these, the key exchange is the usual one.
#[test]
fn the_newest_version_with_a_key_exchange_that_survives_quantum_computers() {
    let server = Server::start();
    let info = silent(&server.wss("/echo"), &trusting(&server)).tls_info().unwrap();
    assert_eq!(info.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(info.cipher_suite.as_deref(), Some("TLS_AES_256_GCM_SHA384"));
    let key_exchange = if cfg!(feature = "aws-lc") { "X25519MLKEM768" } else { "X25519" };
    assert_eq!(info.key_exchange.as_deref(), Some(key_exchange));
    assert_eq!(info.alpn.as_deref(), Some("http/1.1"));
    assert_eq!(info.subject.as_deref(), Some("CN=localhost"));
    assert_eq!(info.issuer.as_deref(), Some("CN=ws4d test CA"));
    assert_eq!((info.not_before, info.not_after), (157_766_400, 67_090_118_400), "rcgen's 1975 and 4096");
    for sum in [info.sha256.unwrap(), info.key_sha256.unwrap()] {
        assert!(
            sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        );
    }
    assert!(info.verified && !info.resumed);
}

#[test]
fn an_older_server_and_one_that_is_not_verified_are_told_as_such() {
    let server = Server::start();
    let info = silent(&server.wss_with(CertKind::Tls12, "/echo"), &trusting_nobody()).tls_info().unwrap();
    assert_eq!(info.version.as_deref(), Some("TLSv1.2"));
    assert!(info.cipher_suite.as_deref().unwrap().starts_with("TLS_ECDHE_ECDSA_WITH_"), "{info:?}");
    assert_eq!(info.key_exchange.as_deref(), Some("X25519"));
    assert!(!info.verified);
    assert_eq!(
        silent(&server.wss_with(CertKind::NoAlpn, "/echo"), &trusting(&server)).tls_info().unwrap().alpn,
        None
    );
}

#[test]
fn there_is_nothing_to_tell_without_tls_or_before_it() {
    let server = Server::start();
    assert_eq!(silent(&server.ws("/echo"), &Options::new()).tls_info(), Err("WS_ERR_UNSUPPORTED".into()));
    assert_eq!(Socket::NULL.tls_info(), Err("WS_ERR_INVALID_HANDLE".into()));
    let host = Host::new();
    let ws = host.to(server.wss_with(CertKind::Silent, "/echo")).with(trusting(&server)).open_async();
    assert_eq!(ws.tls_info(), Err("WS_ERR_CLOSED".into()));
    ws.abort();
    host.run_until("free");
}

/// The texts live as long as the handle; the struct grows only where the caller knows it.
#[test]
fn what_was_agreed_is_told_after_the_end_too_and_only_where_there_is_room() {
    let server = Server::start();
    let ws = silent(&server.wss("/script?do=close:1000"), &trusting(&server));
    server.wait_until_idle();
    let (mut first, mut second) = (RawTlsInfo::INIT, RawTlsInfo::INIT);
    for info in [&mut first, &mut second] {
        assert_eq!(name((api().ws_get_tls_info)(ws, info)), "WS_OK");
    }
    assert_eq!(first.sha256, second.sha256, "made once");
    for size in [0, 95, 4097] {
        first = RawTlsInfo { size, ..RawTlsInfo::INIT };
        assert_eq!(name((api().ws_get_tls_info)(ws, &mut first)), "WS_ERR_INVALID_ARGUMENT");
        assert!(first.version.is_null());
    }
    assert_eq!(name((api().ws_get_tls_info)(ws, ptr::null_mut())), "WS_ERR_INVALID_ARGUMENT");
    assert!(server.connections() == 0);
}

fn offering(server: &Server, protocols: &str) -> Options {
    trusting(server).set(|api, o| (api.ws_options_set_alpn)(o, c(protocols).as_ptr()))
}

#[test]
fn http_1_1_is_offered_unless_the_host_says_otherwise() {
    let server = Server::start();
    echoes(&Host::new(), &server.wss("/echo"), trusting(&server));
    server_saw(&server, "alpn=http/1.1");
    echoes(&Host::new(), &server.wss("/echo"), offering(&server, "h2,http/1.1"));
    echoes(&Host::new(), &server.wss("/echo"), offering(&server, ""));
    server_saw(&server, "alpn=-");
    for bad in [",", "a,", "a,a", "a b"] {
        let result = (api().ws_options_set_alpn)(Options::new().0, c(bad).as_ptr());
        assert_eq!(name(result), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
}

#[test]
fn a_server_that_chooses_http_2_is_refused() {
    let server = Server::start();
    let url = server.wss_with(CertKind::H2, "/echo");
    refused(&url, &trusting(&server))
        .assert("WS_ERR_TLS", "none of the offered protocols (alert no application protocol, 120)");
    refused(&url, &offering(&server, "h2,http/1.1")).assert("WS_ERR_TLS", "chose to speak h2, not HTTP/1.1");
}

#[test]
fn the_secrets_of_a_session_are_written_where_the_host_asks_and_the_log_says_so() {
    let server = Server::start();
    let file = server.ca_file().with_file_name("keys.log");
    let path = c(file.to_str().unwrap());
    let options = trusting(&server).set(|api, o| (api.ws_options_set_key_log_file)(o, path.as_ptr()));
    let _alone = alone();
    let log = Log::start();
    echoes(&Host::new(), &server.wss("/echo"), options);
    let lines = log.stop();
    let warned = |line: &&String| line.contains("secrets") && line.contains("keys.log");
    assert_eq!(lines.iter().filter(warned).count(), 1, "{lines:?}");
    let keys = fs::read_to_string(&file).unwrap();
    #[cfg(unix)]
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"] {
        let line = keys.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{keys}"));
        let lengths: Vec<usize> = line.split(' ').map(str::len).collect();
        assert_eq!(lengths[1..], [64, 96], "client random, and a secret of SHA-384");
    }
    let nowhere = c("/no/such/folder/keys.log");
    let result = (api().ws_options_set_key_log_file)(Options::new().0, nowhere.as_ptr());
    assert_eq!(name(result), "WS_ERR_FILE");
}

#[test]
fn a_key_log_that_was_removed_is_made_anew() {
    let server = Server::start();
    let file = server.ca_file().with_file_name("removed.log");
    let path = c(file.to_str().unwrap());
    let options = || trusting(&server).set(|api, o| (api.ws_options_set_key_log_file)(o, path.as_ptr()));
    // Set once: a later connection shares the file that the first one opened.
    let (first, second) = (options(), options());
    echoes(&Host::new(), &server.wss("/echo"), first);
    fs::remove_file(&file).unwrap();
    echoes(&Host::new(), &server.wss("/echo"), second);
    assert!(fs::read_to_string(&file).unwrap().contains("SERVER_TRAFFIC_SECRET_0"));
}

/// The setter could write to it, so the file is judged once more by the first connection.
#[test]
fn a_key_log_whose_folder_has_gone_is_an_error_of_the_file() {
    let server = Server::start();
    let folder = server.ca_file().with_file_name("keys");
    fs::create_dir(&folder).unwrap();
    let path = c(folder.join("gone.log").to_str().unwrap());
    let options = trusting(&server).set(|api, o| (api.ws_options_set_key_log_file)(o, path.as_ptr()));
    fs::remove_dir_all(&folder).unwrap();
    let refusal = refused(&server.wss("/echo"), &options);
    refusal.assert("WS_ERR_FILE", "gone.log (ws_options_set_key_log_file) could not be opened");
    assert_eq!(refusal.errors.os_code, libc::ENOENT);
}

/// `docs/hostile.md`, line 14: a flood of key updates.
#[test]
fn new_keys_now_and_then_are_followed_and_a_flood_of_them_is_the_end() {
    let server = Server::start();
    let host = Host::new();
    let turns = "key_update,text:a,echo:1,".repeat(100);
    let ws = host.to(server.wss(&format!("/script?do={turns}close:1000"))).with(trusting(&server)).open();
    for _ in 0..100 {
        host.run_until("message text a");
        assert_eq!(name(ws.send_text("b")), "WS_OK");
    }
    host.run_until("free");
    assert_eq!(host.trace().last().unwrap(), "free");
    assert!(host.trace().contains(&"terminate 1000 clean".to_owned()), "{:?}", host.trace());

    let host = Host::new();
    host.to(server.wss("/script?do=text:last,gate:flood,key_update*100000,text:never"))
        .with(trusting(&server))
        .open();
    host.run_until("message text last");
    server.open_gate("flood");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text last", "error WS_ERR_TLS", "terminate 1006", "free"]);
    server.wait_until_idle();
}

/// TCP stays open behind it, so that nothing else makes the socket readable.
#[test]
fn an_end_of_tls_alone_is_the_end_of_the_connection_in_every_context() {
    let server = Server::start();
    let hosts: [fn() -> Host; 3] = [Host::new, Host::driving, Host::inline];
    for (at, host) in hosts.into_iter().enumerate() {
        let ends = |path: &str, events: &[&str]| {
            let host = host();
            // No deadline is to end it instead.
            let options = trusting(&server).set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 3_600_000));
            host.to(server.wss(path)).with(options).open();
            server.open_gate(&format!("open{at}"));
            host.run_until("free");
            assert_eq!(host.trace(), events, "{path}");
        };
        let lost = ["open", "message text last", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        ends(&format!("/script?do=gate:open{at},text:last,close_notify,stall"), &lost);
        ends("/script?do=text:last,close_notify,stall", &lost);
        ends("/glued?do=text:last,uncork,close_notify,stall", &lost);
        let silent = ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        ends("/glued?do=uncork,close_notify,stall", &silent);
        let closed = ["open", "terminate 1000 clean", "free"];
        ends("/script?do=close:1000,close_notify,stall", &closed);
        ends("/glued?do=close:1000,uncork,close_notify,stall", &closed);
    }
}
