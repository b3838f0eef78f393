//! URLs of servers, and the parts that they have.

use super::*;

#[test]
fn a_url_leads_somewhere() {
    let to = parse("wss://Bücher.example/a/b?c=d&e").unwrap();
    assert_eq!((to.is_secure(), to.host.as_str(), to.port), (true, "xn--bcher-kva.example", 443));
    assert_eq!((to.authority.as_str(), to.resource.as_str()), ("xn--bcher-kva.example", "/a/b?c=d&e"));
    let to = parse("ws://[::1]:8080").unwrap();
    assert_eq!((to.host.as_str(), to.port, to.resource.as_str()), ("::1", 8080, "/"));
    assert_eq!((to.authority.as_str(), to.authority_with_port().as_str()), ("[::1]:8080", "[::1]:8080"));
    assert_eq!(parse("WS://host:80/").unwrap().authority, "host");
    assert_eq!(parse("ws://host?q").unwrap().resource, "/?q");
}

#[test]
fn a_zone_is_for_nobody_but_this_machine() {
    for (given, zone, authority) in [
        ("ws://[fe80::1%25eth0]/", "eth0", "[fe80::1]"),
        ("wss://[FE80::1%eth0.1]:8080", "eth0.1", "[fe80::1]:8080"),
        ("ws://u:p%25@[fe80::1%252]/%25x", "2", "[fe80::1]"),
        ("ws://[fe80::1%25a%2Db]/", "a-b", "[fe80::1]"),
    ] {
        let to = parse(given).unwrap();
        assert_eq!((to.zone.as_deref(), to.host.as_str()), (Some(zone), "fe80::1"), "{given}");
        assert_eq!(to.authority, authority);
    }
    let from = parse("ws://[fe80::1%25eth0]/a").unwrap();
    assert_eq!(redirected(&from, "b").unwrap().zone.as_deref(), Some("eth0"));
    assert_eq!(redirected(&from, "ws://[fe80::1]:81/b").unwrap().zone.as_deref(), Some("eth0"));
    assert_eq!(redirected(&from, "ws://[fe80::2]/b").unwrap().zone, None);
    assert!(redirected(&from, "ws://[fe80::1%25eth1]/b").unwrap_err().contains("zone"));
}

#[test]
fn user_info_becomes_basic_authorization_and_is_never_shown() {
    let to = parse("ws://us%65r:p%40ss@host/x").unwrap();
    assert_eq!(to.login.as_ref().map(Login::basic).as_deref(), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(to.shown, "ws://host/x");
    assert_eq!(parse("ws://user@host").unwrap().login.unwrap().basic(), "Basic dXNlcjo=");
    for bad in ["ws://user:secret@host:99999/", "http://user:secret@host/", "ws://user:sec ret@host/"] {
        let error = parse(bad).unwrap_err();
        assert!(!error.to_string().contains("sec"), "{error}");
    }
}

/// `docs/hostile.md`, line 24: a password that nobody escaped.
#[test]
fn what_could_be_a_password_is_not_shown_of_a_refused_url() {
    for end in ['/', '?', '#', '\\'] {
        for bad in [format!("ws://user:hun{end}ter2@host/x"), format!("user:hun{end}ter2@host")] {
            let error = parse(&bad).unwrap_err().to_string();
            assert!(!["hun", "ter2", "user:"].iter().any(|part| error.contains(part)), "{error}");
            assert!(error.contains("...@host"), "{error}");
        }
    }
    assert!(parse("ws://host:0/@name").unwrap_err().to_string().contains("\"ws://...@name\""));
    assert!(parse("ws://host:0/name").unwrap_err().to_string().contains("\"ws://host:0/name\""));
}

#[test]
fn the_query_is_for_the_server_and_for_nobody_else() {
    let to = parse("ws://host/x?token=secret&b").unwrap();
    assert_eq!((to.url.as_str(), to.shown.as_str()), ("ws://host/x?token=secret&b", "ws://host/x?..."));
    assert_eq!(to.resource, "/x?token=secret&b");
    for bad in ["ws://host/?token=secret x", "ws://host/#secret", "http://host/?secret", "ws:host?secret"] {
        let error = parse(bad).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn what_the_parser_refuses_is_said_in_a_sentence() {
    for (bad, words) in [
        ("ws://::1/", "it has no host"),
        ("ws://host:65536", "its port is no number from 1 to 65535"),
        ("ws://1.2.3.4.5/", "its host looks like an IPv4 address and is none"),
        ("ws://[::1", "what it has between brackets is no IPv6 address"),
        ("ws://xn--/", "its host is no name that IDNA knows (RFC 5891)"),
    ] {
        let error = parse(bad).unwrap_err().to_string();
        assert!(error.ends_with(&format!("is refused: {words}")), "{error}");
    }
    let refused = redirected(&parse("ws://host/").unwrap(), "ws://host:0/").unwrap_err();
    assert_eq!(refused, "its Location \"ws://host:0/\" is refused: port 0 cannot be connected to");
}

#[test]
fn what_the_parser_would_mend_is_refused() {
    for bad in [
        "",
        "host",
        "ws:host",
        "ws:/host",
        "ws:///path",
        "ws://",
        "wss://:443",
        "http://host",
        "ws://host#f",
        "ws://host/#",
        " ws://host",
        "ws://host ",
        "ws://ho st",
        "ws://host/a b",
        "ws://host\\a",
        "ws:\\\\host",
        "ws://host/\t",
        "ws://host/\r\nX: y",
        "ws://host/\0",
        "ws://a@b@c",
        "ws://host:0",
        "ws://host:65536",
        "ws://host:x",
        "ws://[fe80::1%25]/",
        "ws://[fe80::1%]/",
        "ws://[fe80::1%25a%2fb]/",
        "ws://[127.0.0.1%25eth0]/",
        "ws://fe80::1%25eth0/",
        "ws://host%25eth0/",
        "ws://[::1",
        "ws://a%00b/",
        "ws://u%0d%0a@host/",
        "ws://u:p%00@host/",
        "ws://u%3Av:p@host/",
        "wss://@",
        "ws://%61/",
        "ws://a%2eb/",
        "ws://exa\u{ad}mple/",
        "ws://a\u{200b}b/",
        "ws://a\u{feff}/",
        "ws://a\u{ff20}b/",
        "ws://a\u{ff0f}b/",
        "ws://./",
        "ws://a..b/",
        "ws://user@",
    ] {
        assert_eq!(
            parse(bad).map_err(|e| e.code()).map(|to| to.shown),
            Err(ErrorCode::InvalidUrl),
            "{bad:?}"
        );
    }
}
