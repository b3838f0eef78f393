//! The proxies of the environment. Alone in its program: the environment is one for the whole process.

mod wire;

use std::env;
use wire::{refused, silent};
use ws4d_test_host::{Options, c, name};
use ws4d_test_server::{Conduct, Server};

const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// The environment has these of the variables.
fn set(variables: &[(&str, &str)]) {
    for variable in VARIABLES {
        // SAFETY: the only test of this program; no connection is being made, so no other thread reads it.
        unsafe { env::remove_var(variable) };
    }
    for (variable, value) in variables {
        // SAFETY: as above.
        unsafe { env::set_var(variable, value) };
    }
}

#[test]
fn the_environment_says_which_proxy_unless_the_option_does() {
    let server = Server::start();
    let (plain, secure) = (server.proxy(Conduct::default()), server.proxy(Conduct::default()));
    let seen = || (plain.talks().len(), secure.talks().len());
    let far = format!("ws://far.invalid:{}/echo", server.ws_port());
    let far_secure = format!("wss://far.invalid:{}/echo", server.wss_port());
    let default = Options::new();
    let both = [("HTTP_PROXY", &*plain.url("http")), ("HTTPS_PROXY", &*secure.url("http"))];

    // ws is http, wss is https. (The server has no certificate for that name.)
    set(&both);
    silent(&far, &default).abort();
    assert_eq!(seen(), (1, 0));
    assert_eq!(refused(&far_secure, &default).code(), "WS_ERR_CERTIFICATE");
    assert_eq!(seen(), (1, 1));

    // In small letters, without a scheme, for all.
    set(&[("all_proxy", plain.url("http").trim_start_matches("http://"))]);
    silent(&far, &default).abort();
    refused(&far_secure, &default);
    assert_eq!(seen(), (3, 1));

    // This machine is reached without, whatever it is called.
    for url in [server.ws("/echo"), server.ws("/echo").replace("127.0.0.1", "localhost")] {
        silent(&url, &default).abort();
    }
    assert_eq!(seen(), (3, 1));

    // NO_PROXY: without a proxy nobody finds that name.
    for list in ["*", "invalid", ".invalid", "10.0.0.0/8, far.invalid"] {
        set(&[("ALL_PROXY", &plain.url("http")), ("NO_PROXY", list)]);
        assert_eq!(refused(&far, &default).code(), "WS_ERR_DNS", "{list}");
    }
    set(&[("ALL_PROXY", &plain.url("http")), ("no_proxy", "other.invalid,nvalid")]);
    silent(&far, &default).abort();
    assert_eq!(seen(), (4, 1));

    // The option is stronger: none, or another.
    let none = Options::new().set(|api, o| (api.ws_options_set_proxy)(o, c("").as_ptr()));
    assert_eq!(refused(&far, &none).code(), "WS_ERR_DNS");
    let other = Options::new().set(|api, o| (api.ws_options_set_proxy)(o, c(&secure.url("http")).as_ptr()));
    silent(&far, &other).abort();
    assert_eq!(seen(), (4, 2));

    // What cannot be used is an error, not a way around the proxy, and it is not shown.
    set(&[("HTTP_PROXY", "socks4://user:secret@proxy")]);
    let refusal = refused(&far, &default);
    refusal.assert("WS_ERR_PROXY", "HTTP_PROXY");
    assert_eq!((refusal.component(), refusal.message().contains("secret")), ("prox", false));

    // Under CGI a client's `Proxy:` header is HTTP_PROXY.
    set(&[("HTTP_PROXY", &plain.url("http")), ("REQUEST_METHOD", "GET")]);
    assert_eq!(refused(&far, &default).code(), "WS_ERR_DNS");

    // Read for each socket anew, at ws_new.
    set(&[]);
    assert_eq!(refused(&far, &default).code(), "WS_ERR_DNS");
    assert_eq!(seen(), (4, 2));
    assert_eq!(name(0), "WS_OK");
}
