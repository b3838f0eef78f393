//! URLs: refused where they could mean something else than they say, never mended. `docs/hostile.md`, lines 11, 12.

use crate::wire::{RawServer, refused, silent};
use std::ptr;
use ws4d_test_host::{Errors, Host, Options, Socket, api, c, text};
use ws4d_test_server::Server;

/// `docs/hostile.md`, line 12: IDN, `%00`, `wss://a@b@c`, zone ids, ports, control characters, spaces,
/// backslashes, no `://`; and 11 for CR, LF and NUL.
#[test]
fn urls_that_would_have_to_be_mended_are_refused() {
    for (url, why) in [
        ("", "://"),
        ("127.0.0.1", "://"),
        ("127.0.0.1:8080/x", "://"),
        ("//127.0.0.1/", "://"),
        ("ws:127.0.0.1", "://"),
        ("ws:/127.0.0.1", "://"),
        ("ws:///path", "host"),
        ("ws://", "host"),
        ("ws://?q", "host"),
        ("wss://:443/", "host"),
        ("ws://user@/", "host"),
        ("http://127.0.0.1/", "ws or wss"),
        ("https://127.0.0.1/", "ws or wss"),
        ("wsx://127.0.0.1/", "ws or wss"),
        ("://127.0.0.1/", "ws or wss"),
        ("ws://127.0.0.1/#", "fragment"),
        ("ws://127.0.0.1/path?q#fragment", "fragment"),
        (" ws://127.0.0.1/", "space"),
        ("ws://127.0.0.1/ ", "space"),
        ("ws://127.0. 0.1/", "space"),
        ("ws://127.0.0.1/a b", "space"),
        ("ws://127.0.0.1/a\u{a0}b", "space"),
        ("ws://127.0.0.1/a\u{3000}b", "space"),
        ("ws://127.0.0.1/\t", "control character"),
        ("ws://127.0.0.1/\r\nX-Injected: 1", "control character"),
        ("ws://127.0.0.1\n/", "control character"),
        ("ws://127.0.0.1/\u{7f}", "control character"),
        ("ws://127.0.0.1/\u{85}", "control character"),
        ("ws://127.0.0.1\\path", "backslash"),
        ("ws:\\\\127.0.0.1\\", "backslash"),
        ("ws://127.0.0.1:80\\@elsewhere.test/", "backslash"),
        ("ws://a@b@127.0.0.1/", "@"),
        ("ws://127.0.0.1:0/", "port"),
        ("ws://127.0.0.1:65536/", "port"),
        ("ws://127.0.0.1:-1/", "port"),
        ("ws://127.0.0.1:8o/", "port"),
        ("ws://[fe80::1%25]/", "zone"),
        ("ws://[fe80::1%]/", "zone"),
        ("ws://[fe80::1%25a%2fb]/", "zone"),
        ("ws://[127.0.0.1%25eth0]/", "refused"),
        ("ws://host%25eth0/", "zones"),
        ("ws://[::1", "refused"),
        ("ws://[::g]/", "refused"),
        ("ws://::1/", "refused"),
        ("ws://a%00b/", "refused"),
        ("ws://a%2fb/", "refused"),
        ("ws://%zz/", "percent"),
        ("ws://a|b/", "a character that names cannot have"),
        ("ws://a<b/", "a character that names cannot have"),
        (
            "wss://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test/",
            "no name that a certificate can have",
        ),
        ("ws://%61/", "percent"),
        ("ws://a%2eb/", "percent"),
        ("wss://a@b@c", "@"),
        ("wss://a%00b/", "percent"),
        ("wss://127.0.0.1:0/", "port"),
        ("wss://127.0.0.1:65536/", "port"),
        ("ws://127.0.0.1:+80/", "port"),
        ("ws://[::1]x/", "refused"),
        ("ws://[127.0.0.1]/", "refused"),
        ("ws://1.2.3.4.5/", "refused"),
        ("ws://./", "empty label"),
        ("ws://a..b/", "empty label"),
        ("ws://exa\u{ad}mple/", "invisible"),
        ("ws://a\u{200b}b/", "invisible"),
        ("ws://a\u{feff}b/", "invisible"),
        ("ws://a\u{ff20}b/", "refused"),
        ("ws://a\u{ff0f}b/", "refused"),
        ("ws://a\u{ff1a}80/", "refused"),
        ("ws://\u{202e}a/", "refused"),
        ("ws://\u{5d0}a/", "refused"),
        ("ws://xn--/", "refused"),
        ("ws://xn--a/", "refused"),
        ("ws://a\u{2028}b/", "space or control"),
        ("ws://256.0.0.1/", "refused"),
        ("ws://u%0d%0aX:p@127.0.0.1/", "control character"),
        ("ws://u:p%00@127.0.0.1/", "control character"),
        ("ws://u%3Av:p@127.0.0.1/", "colon"),
    ] {
        let refusal = refused(url, &Options::new());
        refusal.assert("WS_ERR_INVALID_URL", why);
        assert_eq!(refusal.component(), "sock", "{url:?}");
    }
}

#[test]
fn a_refused_url_does_not_show_its_password() {
    for url in [
        "http://user:hidden@127.0.0.1/",
        "ws://user:hidden@127.0.0.1:99999/",
        "ws://user:hidden@127.0.0.1/a b",
        "ws://user:hid den@127.0.0.1/",
        "ws://user:hidden@127.0.0.1\\x",
        "ws://a@user:hidden@127.0.0.1/",
        "ws:user:hidden@127.0.0.1/",
        "user:hidden@127.0.0.1",
    ] {
        let refusal = refused(url, &Options::new());
        for (_, _, message) in &refusal.errors.entries {
            assert!(!message.contains("hid"), "{url:?}: {message}");
        }
    }
}

#[test]
fn what_is_odd_but_legal_goes_through() {
    let server = Server::start();
    let port = server.ws_port();
    for (url, line) in [
        (format!("WS://127.0.0.1:{port}/echo"), "GET /echo HTTP/1.1"),
        (format!("ws://127.1:{port}/echo"), "GET /echo HTTP/1.1"),
        (format!("ws://LOCALHOST:{port}/echo"), "GET /echo HTTP/1.1"),
        (format!("ws://127.0.0.1:{port}/echo?a=%0d%0aX:1"), "GET /echo?a=%0d%0aX:1 HTTP/1.1"),
        (format!("ws://127.0.0.1:{port}/echo?ws://a@b"), "GET /echo?ws://a@b HTTP/1.1"),
        (format!("ws://127.0.0.1:{port}/echo?ü=ß"), "GET /echo?%C3%BC=%C3%9F HTTP/1.1"),
        (format!("ws://127.0.0.1:{port}/echo?%00"), "GET /echo?%00 HTTP/1.1"),
        (format!("ws://127.0.0.1:0{port}/echo"), "GET /echo HTTP/1.1"),
    ] {
        let host = Host::new();
        let ws = host.open(url.as_str());
        assert_eq!(text((api().ws_get_url)(ws)).as_deref(), Some(url.as_str()), "as it was passed");
        let seen = server.log().iter().any(|event| format!("{:?}", event.seen).contains(line));
        assert!(seen, "{url}: no {line:?}");
    }
}

/// RFC 3986 6.2.2 lets whoever reads a URL normalize it; a server that signs what it is asked for must get what was written.
#[test]
fn path_and_query_leave_as_they_were_given() {
    let server = RawServer::start(|peer| {
        let head = peer.head();
        peer.accept(&head, "");
        peer.wait_for_the_end();
    });
    for (given, asked) in [
        ("/a/../b/./c/%2e%2E/", "/a/../b/./c/%2e%2E/"),
        ("/%7e%zz%?q='x'&r=/?:@!$()*+,;=-._~%", "/%7e%zz%?q='x'&r=/?:@!$()*+,;=-._~%"),
        ("/'//a", "/'//a"),
        ("/\"<>^`{|}?\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D?%22%3C%3E%5E%60%7B%7C%7D"),
        ("/\u{fc}?\u{fc}", "/%C3%BC?%C3%BC"),
    ] {
        silent(&server.ws(given), &Options::new()).abort();
        let head = server.heads().pop().expect("a request");
        assert!(head.starts_with(&format!("GET {asked} HTTP/1.1\r\n")), "{given}: {head}");
    }
}

/// `docs/hostile.md`, line 12.
#[test]
fn an_international_name_is_looked_up_in_ascii() {
    // A label of more than 63 letters never leaves this machine.
    let url = format!("ws://b\u{fc}cher{}.invalid/", "x".repeat(70));
    let refusal = refused(&url, &Options::new());
    let code = refusal.code();
    assert!(code == "WS_ERR_DNS" || code == "WS_ERR_INVALID_URL", "{:?}", refusal.errors);
    if code == "WS_ERR_DNS" {
        assert!(refusal.message().contains("xn--bcher"), "{:?}", refusal.errors);
    }
}

#[test]
fn a_url_that_is_no_text_is_refused() {
    for (url, code) in
        [(ptr::null(), "WS_ERR_INVALID_ARGUMENT"), (c"ws://127.0.0.1/\xff".as_ptr(), "WS_ERR_INVALID_UTF8")]
    {
        let mut raw = ptr::null_mut();
        let ws = (api().ws_new)(url, ptr::null(), Options::new().0, &mut raw);
        assert_eq!(ws, Socket::NULL);
        assert_eq!(Errors::take(raw).name(), code);
    }
}

#[test]
fn a_refused_url_calls_on_free_and_nothing_else() {
    let host = Host::new();
    host.to("http://127.0.0.1/").named("blocking").try_open().expect_err("refused");
    host.to("http://127.0.0.1/").named("async").try_open_async().expect_err("refused");
    assert_eq!(host.trace(), ["blocking free", "async free"]);
    assert_eq!(
        (api().ws_new)(c("ws://").as_ptr(), ptr::null(), Options::new().0, ptr::null_mut()),
        Socket::NULL
    );
}
