//! The option is judged where it is set, and a refused value changes nothing. `docs/hostile.md`, line 11.

use crate::far;
use crate::wire::silent;
use std::ptr;
use ws4d_test_host::{Errors, Options, api, c, name};
use ws4d_test_server::{Conduct, Server};

fn set(options: &Options, url: &str) -> String {
    name((api().ws_options_set_proxy)(options.0, c(url).as_ptr()))
}

/// Entry 0 of the options' errors.
fn told(options: &Options) -> String {
    Errors::copy((api().ws_options_errors)(options.0)).entries[0].2.clone()
}

#[test]
fn what_is_no_proxy_is_refused_and_what_was_set_before_stays() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    let options = Options::new();
    assert_eq!(set(&options, &proxy.url("http")), "WS_OK");
    let long = format!("socks5://{}:p@host", "u".repeat(256));
    let unnamed = format!("https://{}.test", "x".repeat(64));
    for (bad, why) in [
        ("proxy", "no \"://\""),
        ("proxy:3128", "no \"://\""),
        ("//proxy", "no \"://\""),
        ("http:proxy", "no \"://\""),
        ("http://", "no host"),
        ("http://:3128", "no host"),
        ("http://user@", "no host"),
        ("ws://proxy", "its scheme is none of"),
        ("ftp://proxy", "its scheme is none of"),
        ("socks4://proxy", "its scheme is none of"),
        ("http://proxy/path", "a path, a query or a fragment"),
        ("http://proxy?q", "a path, a query or a fragment"),
        ("http://proxy#f", "a path, a query or a fragment"),
        ("http://proxy:0", "port 0"),
        ("http://proxy:65536", "its port is no number from 1 to 65535"),
        ("http://proxy:x", "its port is no number from 1 to 65535"),
        ("http://a@b@proxy", "more than one \"@\""),
        ("http://pro xy", "a space, a backslash or a control character"),
        ("http://pro%78y", "its host has a percent sign"),
        ("http://pro|xy", "its host has a character that names cannot have"),
        ("http://[::g]", "no IPv6 address"),
        ("http://[fe80::1%25]", "its zone is no name of an interface"),
        (&unnamed, "no name that a certificate can have"),
        ("socks5://pro\u{ad}xy", "an invisible character"),
        ("socks5://a..proxy", "an empty label"),
        ("socks5h://1.2.3.4.5", "looks like an IPv4 address"),
        (" http://proxy", "a space, a backslash or a control character"),
        ("http://proxy\\a", "a space, a backslash or a control character"),
        ("http://proxy\r\nX: y", "a space, a backslash or a control character"),
        ("http://us\r\ner:p@proxy", "a space, a backslash or a control character"),
        ("http://us%0d%0aer:p@proxy", "a control character"),
        ("http://user:p%00@proxy", "a control character"),
        ("https://user:p%7f@proxy", "a control character"),
        ("http://us%3Aer:p@proxy", "a colon (%3A)"),
        ("socks5://us%0aer:p@proxy", "its user or password contains a control character"),
        ("socks5://us%ffer:p@proxy", "its user or password is not UTF-8"),
        ("socks5://user@proxy", "1 to 255 bytes"),
        ("socks5h://:p@proxy", "1 to 255 bytes"),
        (&long, "1 to 255 bytes"),
    ] {
        assert_eq!(set(&options, bad), "WS_ERR_INVALID_URL", "{bad:?}");
        let said = told(&options);
        assert!(said.contains(why) && said.contains("it has to be http://, https://,"), "{bad:?}: {said}");
    }
    assert_eq!(name((api().ws_options_set_proxy)(options.0, ptr::null())), "WS_ERR_INVALID_ARGUMENT");
    let not_utf8 = b"http://\xff\0";
    assert_eq!(
        name((api().ws_options_set_proxy)(options.0, not_utf8.as_ptr().cast())),
        "WS_ERR_INVALID_UTF8"
    );
    silent(&far(&server, "/echo"), &options).abort();
    proxy.only();
}

#[test]
fn what_is_a_proxy_is_taken() {
    let options = Options::new();
    for good in [
        "http://proxy",
        "HTTPS://Proxy.example:8443/",
        "socks5://[::1]:1080",
        "socks://127.0.0.1:1080",
        "socks5h://user:p%40ss@10.0.0.1",
        "http://user@proxy",
        "http://user:@proxy:80",
        "http://\u{fc}ser:p\u{e4}ss@proxy",
        "",
    ] {
        assert_eq!(set(&options, good), "WS_OK", "{good:?}");
    }
}

#[test]
fn the_last_one_counts_and_empty_is_none() {
    let server = Server::start();
    let (first, second) = (server.proxy(Conduct::default()), server.proxy(Conduct::default()));
    let options = Options::new();
    for url in [first.url("http"), second.url("http")] {
        assert_eq!(set(&options, &url), "WS_OK");
    }
    // A proxy that was set is for every destination, also this machine.
    silent(&server.ws("/echo"), &options).abort();
    assert_eq!((first.talks().len(), second.talks().len()), (0, 1));
    assert_eq!(set(&options, ""), "WS_OK");
    silent(&server.ws("/echo"), &options).abort();
    assert_eq!((first.talks().len(), second.talks().len()), (0, 1));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_goes_through_no_proxy() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    let options = Options::new();
    assert_eq!(set(&options, &proxy.url("http")), "WS_OK");
    let path = server.unix_socket();
    let options =
        options.set(|api, o| (api.ws_options_set_unix_socket)(o, c(path.to_str().expect("UTF-8")).as_ptr()));
    silent("ws://whoever/echo", &options).abort();
    assert!(proxy.talks().is_empty());
}

/// For CONNECT alone; the host's own authorization replaces that of the URL.
#[test]
fn headers_for_the_proxy_go_to_the_proxy_and_nowhere_else() {
    let server = Server::start();
    let header = |o, name: &str, value: &str| {
        (api().ws_options_set_proxy_header)(o, c(name).as_ptr(), c(value).as_ptr())
    };
    for socks in [false, true] {
        let proxy = server.proxy(Conduct { socks, ..Conduct::default() });
        let url = if socks { proxy.url("socks5h") } else { proxy.url_with("http", "user:secret") };
        let options = crate::through(&server, &url)
            .set(|_, o| header(o, "X-Proxy", "one"))
            .set(|_, o| header(o, "X-Proxy", "two"))
            .set(|_, o| header(o, "proxy-authorization", "Bearer token"));
        silent(&far(&server, "/echo"), &options).abort();
        let talk = proxy.only();
        if !socks {
            let lines: Vec<&str> = talk.asked.lines().skip(2).collect();
            assert_eq!(lines, ["X-Proxy: one", "X-Proxy: two", "proxy-authorization: Bearer token", ""]);
        }
        let carried = String::from_utf8_lossy(&talk.carried).to_lowercase();
        assert!(!carried.contains("x-proxy") && !carried.contains("bearer"), "{carried}");
        assert!(
            !talk.asked.contains("Basic") && (!socks || !talk.asked.contains("X-Proxy")),
            "{}",
            talk.asked
        );
    }
    for bad in ["Host", "content-length", "Transfer-Encoding", "Connection", "Proxy-Connection", "", "a b"] {
        let options = Options::new();
        assert_eq!(name(header(options.0, bad, "x")), "WS_ERR_INVALID_HEADER", "{bad}");
        let why =
            if bad.is_empty() || bad.contains(' ') { "the name is empty" } else { "sets this header itself" };
        assert!(told(&options).contains(why), "{bad}: {}", told(&options));
    }
    assert_eq!(name(header(Options::new().0, "X-A", "a\r\nb")), "WS_ERR_INVALID_HEADER");
}
