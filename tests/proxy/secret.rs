//! Nobody is told what is not for him: the proxy nothing of the server's credentials, the server nothing of the proxy's,
//! errors and the log neither. `docs/hostile.md`, lines 13 and 24.

use crate::wire::{refused, request, silent};
use crate::{far, impatiently, through, tls};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use ws4d_test_host::codes::WS_LOG_LEVEL_TRACE;
use ws4d_test_host::{Options, alone, api, c, text};
use ws4d_test_server::{CertKind, Conduct, Server, Then};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn keep(_: i32, component: *const c_char, message: *const c_char, _: *mut c_void) {
    let line = format!("{:?} {:?}", text(component), text(message));
    LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
}

const SECRETS: [&str; 6] =
    ["prox-user", "prox-secret", "host-user", "host-secret", "cookie-secret", "header-secret"];

fn hidden(text: &str) -> bool {
    // Basic credentials begin with the user: base64 of "prox-user" and "host-user" without their ends.
    !SECRETS.iter().chain(&["cHJveC11c2Vy", "aG9zdC11c2Vy"]).any(|secret| text.contains(secret))
}

fn with_credentials(options: Options) -> Options {
    options
        .set(|api, o| (api.ws_options_set_cookie)(o, c("session=cookie-secret").as_ptr()))
        .set(|api, o| (api.ws_options_set_header)(o, c("X-Token").as_ptr(), c("header-secret").as_ptr()))
}

#[test]
fn the_proxy_and_the_server_are_told_what_is_for_them_alone() {
    let server = Server::start();
    for conduct in [Conduct::default(), tls(), Conduct { socks: true, ..Conduct::default() }] {
        let scheme = match (conduct.socks, conduct.certificate) {
            (true, _) => "socks5h",
            (false, Some(_)) => "https",
            (false, None) => "http",
        };
        let proxy = server.proxy(Conduct { password: Some(("prox-user", "prox-secret")), ..conduct });
        let url = server.wss("/echo").replace("wss://", "wss://host-user:host-secret@");
        let proxied = through(&server, &proxy.url_with(scheme, "prox-user:prox-secret"));
        silent(&url, &with_credentials(proxied)).abort();
        let talk = proxy.only();
        let asked = talk.asked.replace("prox-user prox-secret", "").replace("cHJveC11c2Vy", "");
        assert!(hidden(&asked) && !asked.contains("Cookie"), "{asked}");
        assert!(hidden(&String::from_utf8_lossy(&talk.carried)), "through TLS nothing can be read");
    }
    let head = request(&server).join("\n");
    assert!(head.contains("Authorization: Basic aG9zdC11c2Vy") && head.contains("cookie-secret"), "{head}");
    assert!(!head.contains("Proxy-") && !head.contains("prox-") && !head.contains("cHJveC11c2Vy"), "{head}");
}

#[test]
fn neither_errors_nor_the_log_show_a_password() {
    let _alone = alone();
    (api().ws_set_log)(WS_LOG_LEVEL_TRACE, Some(keep), ptr::null_mut());
    let server = Server::start();
    let answers = |answer: &str| vec![answer.as_bytes().to_vec()];
    let conducts = [
        Conduct::default(),
        Conduct { password: Some(("other", "one")), ..Conduct::default() },
        Conduct { answers: answers("garbage"), ..Conduct::default() },
        Conduct { answers: answers("HTTP/1.1 200 OK\r\n\r\nmore"), ..Conduct::default() },
        Conduct { answers: answers(""), then: Then::End, ..Conduct::default() },
        Conduct { answers: answers(""), then: Then::Hold, ..Conduct::default() },
        Conduct { certificate: Some(CertKind::Expired), ..Conduct::default() },
        Conduct { socks: true, password: Some(("other", "one")), ..Conduct::default() },
        Conduct { socks: true, answers: answers("garbage"), ..Conduct::default() },
    ];
    let mut failures = 0;
    for conduct in conducts {
        let scheme = match (conduct.socks, conduct.certificate) {
            (true, _) => "socks5h",
            (false, Some(_)) => "https",
            (false, None) => "http",
        };
        let proxy = server.proxy(conduct);
        let url = proxy.url_with(scheme, "prox-user:prox-secret");
        let options = with_credentials(impatiently(&server, &url, 2000));
        // Nobody listens there, so the good proxy refuses too.
        let closed = format!("ws://host-user:host-secret@far.invalid:{}/", server.closed_port());
        let refusal = refused(&closed, &options);
        assert!(refusal.errors.entries.iter().all(|entry| hidden(&entry.2)), "{:?}", refusal.errors);
        failures += 1;
    }
    let nowhere = format!("http://prox-user:prox-secret@127.0.0.1:{}", server.closed_port());
    let refusal = refused(&far(&server, "/echo"), &through(&server, &nowhere));
    assert!(refusal.errors.entries.iter().all(|entry| hidden(&entry.2)), "{:?}", refusal.errors);
    let proxy = server.proxy(Conduct::default());
    silent(&far(&server, "/echo"), &through(&server, &proxy.url_with("http", "prox-user:prox-secret")))
        .abort();

    (api().ws_set_log)(0, None, ptr::null_mut());
    let lines = LINES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    assert!(failures == 9 && lines.iter().any(|line| line.contains("prox")), "{lines:#?}");
    assert!(lines.iter().all(|line| hidden(line)), "{lines:#?}");
}

/// `verify` is about the server: a stranger in the proxy's place is told nothing, whatever it says.
#[test]
fn a_proxy_that_is_not_trusted_is_told_nothing_also_where_the_server_is_not_verified() {
    let server = Server::start();
    for url in [far(&server, "/echo"), server.wss("/echo")] {
        let conduct = || Conduct { certificate: Some(CertKind::UnknownCa), ..Conduct::default() };
        let stranger = server.proxy(Conduct { password: Some(("prox-user", "prox-secret")), ..conduct() });
        let blindly = || {
            through(&server, &stranger.url_with("https", "prox-user:prox-secret"))
                .set(|api, o| (api.ws_options_set_verify)(o, 0))
        };
        let refusal = refused(&url, &blindly());
        refusal.assert("WS_ERR_CERTIFICATE", "unknown issuer");
        assert!(!refusal.message().contains("ws_options_set_verify"), "{}", refusal.message());
        assert!(stranger.talks().iter().all(|talk| talk.asked.is_empty()), "{:?}", stranger.talks());
        // The only way to switch it off.
        silent(&url, &blindly().set(|api, o| (api.ws_options_set_proxy_verify)(o, 0))).abort();
        assert!(stranger.talks().iter().any(|talk| talk.asked.contains("Proxy-Authorization")));
    }
}
