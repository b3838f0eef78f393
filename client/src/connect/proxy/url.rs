//! URLs of proxies: `http://`, `https://`, `socks5://`, `socks5h://` or `socks://`, perhaps with user and password. As
//! strict as for the destination: a mended URL is not the one that was meant.

use super::{Credentials, Proxy, Scheme};
use crate::connect::url::{
    Destination, check_written_host, cut_zone, is_mended, login, percent_decode, server_name, words,
};
use url::{Host, Url};

impl Proxy {
    /// Judges a proxy's URL; `Err` says why not, without any part of it.
    pub(super) fn parse(text: &str, set_by: &'static str) -> Result<Proxy, &'static str> {
        if text.chars().any(is_mended) {
            return Err("it contains a space, a backslash or a control character");
        }
        let (scheme, rest) = text.split_once("://").ok_or("it has no \"://\"")?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5" => (Scheme::Socks5, 1080),
            // Desktops write socks:// for SOCKS5 (GNOME's ALL_PROXY).
            "socks5h" | "socks" => (Scheme::Socks5h, 1080),
            _ => return Err("its scheme is none of http, https, socks5, socks5h and socks"),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err("it has a path, a query or a fragment");
        }
        if authority.matches('@').count() > 1 {
            return Err("it has more than one \"@\" (%40 in a password)");
        }
        let (user_info, place) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        if place.is_empty() || place.starts_with(':') {
            return Err("it has no host");
        }
        let (place, zone) = cut_zone(place)?;
        check_written_host(&place)?;
        // The rules of http for hosts hold for all of them: IDNA, the forms of addresses.
        let url = Url::parse(&format!("http://{user_info}{place}")).map_err(|error| words(error, &place))?;
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err("it has no host"),
        };
        // The parser does not distinguish http's own port from none.
        let names_port = place.rsplit(']').next().is_some_and(|end| end.contains(':') && !end.ends_with(':'));
        let port = url.port().unwrap_or(if names_port { 80 } else { default_port });
        if port == 0 {
            return Err("port 0 cannot be connected to");
        }
        let server_name = if scheme == Scheme::Https { Some(server_name(&host)?) } else { None };
        let credentials = credentials(scheme, &url)?;
        let name = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks5 => "socks5",
            Scheme::Socks5h => "socks5h",
        };
        let address = Destination { zone, ..Destination::of_proxy(name, server_name, host, port) };
        Ok(Proxy { scheme, address, credentials, set_by })
    }
}

fn credentials(scheme: Scheme, url: &Url) -> Result<Option<Credentials>, &'static str> {
    if matches!(scheme, Scheme::Http | Scheme::Https) {
        return Ok(login(url)?.map(Credentials::Http));
    }
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = percent_decode(url.username());
    let password = percent_decode(url.password().unwrap_or(""));
    if user.iter().chain(&password).any(u8::is_ascii_control) {
        return Err("its user or password contains a control character");
    }
    // RFC 1929 §2: one byte for each length, which is not 0.
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).map_err(|_| "its user or password is not UTF-8")?;
        let fits = (1..=255).contains(&text.len());
        if fits { Ok(text) } else { Err("SOCKS5 takes users and passwords of 1 to 255 bytes") }
    };
    Ok(Some(Credentials::Password(text(user)?, text(password)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Proxy, &'static str> {
        Proxy::parse(text, "a test")
    }

    fn basic(proxy: &Proxy) -> String {
        match &proxy.credentials {
            Some(Credentials::Http(login)) => login.basic(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_proxy_is_where_its_url_says() {
        for (text, host, port) in [
            ("http://proxy", "proxy", 80),
            ("HTTP://Proxy:3128/", "proxy", 3128),
            ("https://proxy", "proxy", 443),
            ("https://proxy:80", "proxy", 80),
            ("socks5://127.1", "127.0.0.1", 1080),
            ("socks5h://[::1]:80", "::1", 80),
            ("SOCKS://proxy", "proxy", 1080),
            ("socks5h://[::1]", "::1", 1080),
            ("socks5://user:pw@proxy:80", "proxy", 80),
            ("http://proxy:", "proxy", 80),
            ("http://B\u{fc}cher.example:1", "xn--bcher-kva.example", 1),
        ] {
            let proxy = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((proxy.address.host.as_str(), proxy.address.port), (host, port), "{text}");
            assert_eq!(proxy.address.is_secure(), proxy.scheme == Scheme::Https);
        }
    }

    /// It is this machine's business alone.
    #[test]
    fn a_zone_is_kept_and_shown_to_nobody() {
        for (text, zone) in [
            ("http://[fe80::1%25eth0]:3128", Some("eth0")),
            ("https://u:p%25@[FE80::1%eth0.1]/", Some("eth0.1")),
            ("socks5h://[fe80::1%252]", Some("2")),
            ("http://[fe80::1]", None),
        ] {
            let proxy = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                (proxy.address.host.as_str(), proxy.address.zone.as_deref()),
                ("fe80::1", zone),
                "{text}"
            );
            assert!(!proxy.address.authority.contains('%') && !proxy.to_string().contains('%'), "{proxy}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_never_shown() {
        let proxy = parse("http://us%65r:p%40ss@host:3128").unwrap();
        assert_eq!(basic(&proxy), "Basic dXNlcjpwQHNz");
        assert_eq!(format!("{proxy} {proxy:?}"), "http://host:3128 Proxy(http://host:3128)");
        let proxy = parse("socks5://us%65r:p%40ss@host").unwrap();
        assert!(proxy.credentials == Some(Credentials::Password("user".to_owned(), "p@ss".to_owned())));
        assert_eq!(format!("{proxy} {proxy:?}"), "socks5://host:1080 Proxy(socks5://host:1080)");
        assert_eq!(basic(&parse("http://user@host").unwrap()), "Basic dXNlcjo=");
    }

    /// `docs/hostile.md`, line 11.
    #[test]
    fn what_is_no_proxy_is_refused() {
        let long = format!("socks5://{}:p@host", "u".repeat(256));
        for bad in [
            "proxy:3128",
            "proxy",
            "http:proxy",
            "http://",
            "http:///",
            "http://:3128",
            "http://user@",
            "http://user@:1",
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
            " http://proxy",
            "http://proxy\r\nX: y",
            "http://proxy\\a",
            "http://us\0er@proxy",
            "http://us%0d%0aer:p@proxy",
            "http://user:p%00@proxy",
            "socks5://user:p%0a@proxy",
            "http://us%3Aer:p@proxy",
            "socks5://user@proxy",
            "socks5://:p@proxy",
            "socks5://us%ffer:p@proxy",
            "http://[::1",
            "http://[fe80::1%25]",
            "http://[fe80::1%25a%2fb]",
            "http://host%25eth0",
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
