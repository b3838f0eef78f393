//! The option is judged where it is set, and a refused value changes nothing. `docs/hostile.md`, line 11.

use crate::far;
use crate::wire::silent;
use std::ptr;
use ws4d_test_host::{Options, api, c, name};
use ws4d_test_server::{Conduct, Server};

fn set(options: &Options, url: &str) -> String {
    name((api().ws_options_set_proxy)(options.0, c(url).as_ptr()))
}

#[test]
fn what_is_no_proxy_is_refused_and_what_was_set_before_stays() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    let options = Options::new();
    assert_eq!(set(&options, &proxy.url("http")), "WS_OK");
    let long = format!("socks5://{}:p@host", "u".repeat(256));
    for bad in [
        "proxy",
        "proxy:3128",
        "//proxy",
        "http:proxy",
        "http://",
        "http://:3128",
        "http://user@",
        "ws://proxy",
        "ftp://proxy",
        "socks4://proxy",
        "http://proxy/path",
        "http://proxy?q",
        "http://proxy#f",
        "http://proxy:0",
        "http://proxy:65536",
        "http://proxy:x",
        "http://a@b@proxy",
        "http://pro xy",
        "http://pro%78y",
        "socks5://pro\u{ad}xy",
        "socks5://a..proxy",
        "socks5h://1.2.3.4.5",
        " http://proxy",
        "http://proxy\\a",
        "http://proxy\r\nX: y",
        "http://us\r\ner:p@proxy",
        "http://us%0d%0aer:p@proxy",
        "http://user:p%00@proxy",
        "https://user:p%7f@proxy",
        "http://us%3Aer:p@proxy",
        "socks5://us%0aer:p@proxy",
        "socks5://user@proxy",
        "socks5h://:p@proxy",
        &long,
    ] {
        assert_eq!(set(&options, bad), "WS_ERR_INVALID_URL", "{bad:?}");
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
        assert_eq!(name(header(Options::new().0, bad, "x")), "WS_ERR_INVALID_HEADER", "{bad}");
    }
    assert_eq!(name(header(Options::new().0, "X-A", "a\r\nb")), "WS_ERR_INVALID_HEADER");
}
