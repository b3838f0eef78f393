//! Redirects: followed as far as `max_redirects` allows, and never at the price of a secret. `docs/hostile.md`,
//! line 10.

mod wire;

use wire::{RawServer, head_value, percent, refused, silent};
use ws4d_test_host::{Host, Options, api, c, name, text};
use ws4d_test_server::{CertKind, Seen, Server};

fn following(n: u32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_max_redirects)(o, n))
}

fn trusting(server: &Server, options: Options) -> Options {
    let file = server.ca_file();
    options.set(|api, o| (api.ws_options_set_ca_file)(o, c(file.to_str().expect("UTF-8")).as_ptr()))
}

/// The path that redirects there.
fn to(location: &str) -> String {
    format!("/redirect?to={}", percent(location.as_bytes()))
}

/// The heads of all requests so far.
fn requests(server: &Server) -> Vec<String> {
    let log = server.log();
    let heads = log.iter().filter_map(|event| match &event.seen {
        Seen::Request { head, .. } => Some(head.clone()),
        _ => None,
    });
    heads.collect()
}

/// The details of an error, in one text.
fn chain(refusal: &wire::Refusal) -> String {
    refusal.errors.entries[1..].iter().map(|entry| format!("{}\n", entry.2)).collect()
}

#[test]
fn redirects_are_followed_and_the_url_stays_as_it_was_passed() {
    let server = Server::start();
    for code in [301, 302, 303, 307, 308] {
        let url = server.ws(&format!("/redirect?to=/echo&code={code}"));
        let host = Host::new();
        let ws = host.to(url.as_str()).with(following(1)).open();
        ws.send_text("hello");
        host.run_until("message text hello");
        assert_eq!(text((api().ws_get_url)(ws)), Some(url), "{code}");
        assert_eq!((api().ws_get_response_status)(ws), 101);
        ws.terminate(1000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 clean", "free"]);
    }
}

#[test]
fn without_the_option_and_for_other_answers_none_is_followed() {
    let server = Server::start();
    refused(&server.ws("/redirect?to=/echo"), &Options::new())
        .assert("WS_ERR_HTTP_STATUS", "ws_options_set_max_redirects");
    for code in [300, 304, 305, 306, 200, 404] {
        let refusal =
            refused(&server.ws(&format!("/status?code={code}&header=Location:/echo")), &following(3));
        refusal.assert("WS_ERR_HTTP_STATUS", &code.to_string());
    }
    assert!(requests(&server).iter().all(|head| !head.starts_with("GET /echo")));
}

/// `docs/hostile.md`, line 10: another scheme, relative and absolute places.
#[test]
fn a_location_may_be_relative_or_absolute_and_http_means_ws() {
    let server = Server::start();
    let port = server.ws_port();
    for location in [
        "/echo?x=1".to_owned(),
        "echo?x=1".to_owned(),
        "echo?x=1#fragment".to_owned(),
        format!("//127.0.0.1:{port}/echo?x=1"),
        format!("ws://127.0.0.1:{port}/echo?x=1"),
        format!("http://127.0.0.1:{port}/echo?x=1"),
    ] {
        silent(&server.ws(&to(&location)), &following(1)).abort();
        let last = requests(&server).pop().expect("a request");
        assert!(last.starts_with("GET /echo?x=1 HTTP/1.1\r\n"), "{location}: {last}");
    }
}

/// `docs/hostile.md`, line 10: other origin.
#[test]
fn credentials_go_to_their_origin_and_to_no_other() {
    let (first, second) = (Server::start(), Server::start());
    let options = [
        ("Authorization", "Bearer secret"),
        ("AUTHORIZATION", "Other secret"),
        ("Cookie", "own=secret"),
        ("X-Name", "value"),
        ("Origin", "https://here.test"),
    ]
    .into_iter()
    .fold(following(5), |options, (key, value)| {
        options.set(|api, o| (api.ws_options_set_header)(o, c(key).as_ptr(), c(value).as_ptr()))
    })
    .set(|api, o| (api.ws_options_set_cookie)(o, c"a=secret".as_ptr()));
    // Here, here, there, and back again.
    let back = format!("{}&{}", to(&first.ws("/echo")), "n=3");
    let away = to(&second.ws(&back));
    let url = first.ws(&to(&away)).replace("ws://", "ws://user:secret@");
    silent(&url, &options).abort();

    let (first, second) = (requests(&first), requests(&second));
    assert_eq!((first.len(), second.len()), (3, 1), "{first:?} {second:?}");
    for head in &first[..2] {
        assert_eq!(head.matches("secret").count(), 4, "{head}");
    }
    for head in [&second[0], &first[2]] {
        assert!(!head.contains("secret") && !head.to_lowercase().contains("authorization"), "{head}");
        assert!(head.contains("X-Name: value") && head.contains("Origin: https://here.test"), "{head}");
    }
}

#[test]
fn the_urls_user_goes_along_within_its_origin_and_never_to_another() {
    let (first, second) = (Server::start(), Server::start());
    let with_user = |url: String| url.replace("ws://", "ws://anna:secret@");
    silent(&with_user(first.ws(&to(&to("/echo")))), &following(2)).abort();
    assert!(requests(&first).iter().all(|head| head.contains("Authorization: Basic YW5uYTpzZWNyZXQ=")));
    silent(&with_user(first.ws(&to(&second.ws("/echo")))), &following(2)).abort();
    assert!(requests(&second).iter().all(|head| !head.contains("Authorization")));
    // A server does not choose the user.
    let refusal = refused(&first.ws(&to(&with_user(second.ws("/echo")))), &following(2));
    refusal.assert("WS_ERR_HTTP_STATUS", "user name or password");
    assert!(!refusal.message().contains("secret"), "{:?}", refusal.errors);
}

/// `docs/hostile.md`, line 10: nor does the client certificate.
#[test]
fn the_client_certificate_stays_with_its_origin() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let path = |path: &std::path::Path| c(path.to_str().expect("UTF-8"));
    let options = trusting(&server, following(2)).set(|api, o| {
        (api.ws_options_set_client_certificate_file)(o, path(&chain).as_ptr(), path(&key).as_ptr())
    });
    let demanding = |path: &str| server.wss_with(CertKind::ClientRequired, path);
    silent(&demanding("/echo"), &options).abort();
    silent(&demanding(&to(&demanding("/echo"))), &options).abort();
    // The same machine, another port.
    let refusal = refused(&server.wss(&to(&demanding("/echo"))), &options);
    refusal.assert("WS_ERR_TLS", "client certificate");
}

/// `docs/hostile.md`, line 10: redirect loops.
#[test]
fn circles_and_too_many_are_errors_that_list_the_chain_and_keep_the_answer() {
    let server = Server::start();
    let refusal = refused(&server.ws("/redirect-loop"), &following(20));
    refusal.assert("WS_ERR_HTTP_STATUS", "round in circles");
    assert_eq!(
        (refusal.errors.http_status, refusal.header("location", 0).as_deref()),
        (302, Some("/redirect-loop"))
    );

    let three = server.ws(&to(&to(&to("/echo"))));
    silent(&three, &following(3)).abort();
    let refusal = refused(&three, &following(2));
    refusal.assert("WS_ERR_HTTP_STATUS", "more than 2");
    assert_eq!(refusal.header("Location", 0).as_deref(), Some("/echo"));
    let chain = chain(&refusal);
    assert_eq!(chain.matches("answered 302 and redirected to").count(), 2, "{chain}");
}

/// `docs/hostile.md`, line 10: wss to ws. And the other way, with http's words.
#[test]
fn wss_is_never_left_for_ws() {
    let (first, second) = (Server::start(), Server::start());
    for location in [second.ws("/echo"), second.ws("/echo").replace("ws://", "http://")] {
        let refusal = refused(&first.wss(&to(&location)), &trusting(&first, following(5)));
        refusal.assert("WS_ERR_HTTP_STATUS", "never left for ws");
    }
    assert_eq!(requests(&second).len(), 0);
    silent(&first.wss(&to("/echo")), &trusting(&first, following(5))).abort();
    let location = first.wss("/echo").replace("wss://", "https://");
    silent(&second.ws(&to(&location)), &trusting(&first, following(5))).abort();
}

/// `docs/hostile.md`, line 14: a name mismatch after a redirect.
#[test]
fn the_certificate_must_name_the_host_that_the_redirect_names() {
    let server = Server::start();
    let port = server.wss_port();
    let options = trusting(&server, following(1))
        .set(|api, o| (api.ws_options_set_resolve)(o, c"other.test".as_ptr(), port, c"127.0.0.1".as_ptr()));
    let refusal = refused(&server.wss(&to(&format!("wss://other.test:{port}/echo"))), &options);
    refusal.assert("WS_ERR_CERTIFICATE", "other.test");
    assert!(chain(&refusal).contains("answered 302"), "{:?}", refusal.errors);
}

/// `docs/hostile.md`, lines 10, 11 and 12: what is no place to go to.
#[test]
fn a_location_that_would_have_to_be_mended_is_not_followed() {
    let server = Server::start();
    for (location, why) in [
        ("ftp://127.0.0.1/", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("ws:127.0.0.1", "://"),
        ("ws://", "refused"),
        ("/a b", "space"),
        ("\\\\other\\path", "backslash"),
        ("ws://127.0.0.1:0/", "port"),
        ("ws://127.0.0.1:65536/", "port"),
        ("ws://a@b@127.0.0.1/", "refused"),
        ("ws://[fe80::1%25eth0]/", "refused"),
        ("ws://a%00b/", "refused"),
    ] {
        let refusal = refused(&server.ws(&to(location)), &following(1));
        refusal.assert("WS_ERR_HTTP_STATUS", why);
        refusal.assert("WS_ERR_HTTP_STATUS", "not followed");
    }
    let none = refused(&server.ws("/status?code=302"), &following(1));
    none.assert("WS_ERR_HTTP_STATUS", "no Location");
    let two = refused(&server.ws("/redirect?to=/echo&header=Location:/chat"), &following(1));
    two.assert("WS_ERR_HTTP_STATUS", "more than one Location");
}

#[test]
fn one_connect_timeout_is_over_all_of_it_and_its_message_names_the_place() {
    let server = Server::start();
    let options = following(5).set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 2000));
    let refusal = refused(&server.ws(&to(&to("/no-answer"))), &options);
    refusal.assert("WS_ERR_TIMEOUT", "/no-answer");
    refusal.assert("WS_ERR_TIMEOUT", "2000 ms");
    assert_eq!(chain(&refusal).matches("answered 302").count(), 2, "{:?}", refusal.errors);
}

#[test]
fn a_failure_behind_a_redirect_tells_how_it_came_to_that() {
    let server = Server::start();
    let gone = format!("ws://127.0.0.1:{}/", server.closed_port());
    let refusal = refused(&server.ws(&to(&gone)), &following(1));
    refusal.assert("WS_ERR_CONNECTION_REFUSED", "was refused");
    assert!(chain(&refusal).contains(&format!("redirected to {gone}")), "{:?}", refusal.errors);
    let refusal = refused(&server.ws(&to("/status?code=401")), &following(1));
    refusal.assert("WS_ERR_HTTP_STATUS", "401");
    assert_eq!(refusal.errors.http_status, 401);
}

/// A login, or a balancer, that answers with a cookie and wants to be asked again.
#[test]
fn cookies_that_a_redirect_sets_come_back_to_its_origin_within_the_attempt() {
    for path in ["/start", "/ws", "/ws/"] {
        let server = RawServer::start(|peer| {
            let head = peer.head();
            let cookie = head_value(&head, "Cookie").unwrap_or_default();
            if cookie.contains("session=2") {
                peer.accept(&head, "");
                peer.wait_for_the_end();
            } else {
                let set = if cookie.contains("session=1") { "session=2" } else { "session=1; HttpOnly" };
                peer.answer("302 Found", &format!("Location: /ws\r\nSet-Cookie: {set}; Path=/\r\n"));
            }
        });
        let options = following(5).set(|api, o| (api.ws_options_set_cookie)(o, c"session=0; own=1".as_ptr()));
        silent(&server.ws(path), &options).abort();
        let sent: Vec<_> = server.heads().iter().filter_map(|head| head_value(head, "Cookie")).collect();
        assert_eq!(sent, ["session=0; own=1", "own=1; session=1", "own=1; session=2"], "{path}");
        // Nothing of it outlives the attempt.
        silent(&server.ws(path), &options).abort();
        assert_eq!(head_value(&server.heads()[3], "Cookie").as_deref(), Some("session=0; own=1"));
    }
}

#[test]
fn a_cookie_of_a_redirect_goes_to_no_other_origin_and_without_a_change_it_is_a_circle() {
    let other = Server::start();
    let away = other.ws("/echo");
    let first = RawServer::start(move |peer| {
        let head = peer.head();
        let to = if head.starts_with("GET /away ") { away.as_str() } else { "/circle" };
        peer.answer("302 Found", &format!("Location: {to}\r\nSet-Cookie: secret=1; Domain=127.0.0.1\r\n"));
    });
    silent(&first.ws("/away"), &following(5)).abort();
    assert!(requests(&other).iter().all(|head| !head.to_lowercase().contains("cookie")));
    refused(&first.ws("/circle"), &following(5)).assert("WS_ERR_HTTP_STATUS", "round in circles");
    assert_eq!(first.connections(), 3, "once more, since a cookie came");
}

/// The body of an answer that is followed is nobody's business, however long it takes.
#[test]
fn a_redirect_with_a_body_that_stalls_or_has_no_end_is_followed() {
    let server = Server::start();
    for body in ["size=1000&stall=1", "endless=1", "size=100000&chunked=1&stall=1"] {
        silent(&server.ws(&format!("/status?code=307&header=Location:/echo&{body}")), &following(1)).abort();
    }
}

#[test]
fn more_than_a_hundred_is_refused_at_the_setter() {
    let options = Options::new();
    let set = |n| name((api().ws_options_set_max_redirects)(options.0, n));
    assert_eq!((set(0), set(100)), ("WS_OK".into(), "WS_OK".into()));
    assert_eq!(
        (set(101), set(u32::MAX)),
        ("WS_ERR_INVALID_ARGUMENT".into(), "WS_ERR_INVALID_ARGUMENT".into())
    );
}

/// `docs/hostile.md`, line 24: a query may hold a token, also one of the server's making.
#[test]
fn the_query_of_a_location_is_shown_nowhere() {
    let server = Server::start();
    for location in
        ["/status?code=503&token=hidden", "/redirect-loop?token=hidden", "ftp://x/?hidden", "/?hid den"]
    {
        for most in [0, 1] {
            let refusal = refused(&server.ws(&to(location)), &following(most));
            for (_, _, message) in &refusal.errors.entries {
                assert!(!message.contains("hid"), "{message}");
            }
        }
    }
}
