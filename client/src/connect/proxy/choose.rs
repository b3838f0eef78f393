//! The choice of the proxy for a destination: by the option, else by the environment, else by the system. The
//! environment, and the system's settings with it, are read on the host's own thread when it makes a socket, never by a
//! thread of ours: C's `setenv` may pull it from under a reader on another thread, so reading stays where the host can
//! keep the two apart.

use super::Proxy;
use crate::connect::url::Destination;
use crate::error::{Component, Error, ErrorCode};
use crate::options::refusal::Refusal;
use crate::options::texts::ensure_memory;
use crate::sys::services::{HAS_PROXY_SETTINGS, VARIABLES_IGNORE_CASE, may_have_variable};
use hyper_util::client::proxy::matcher::Matcher;
use std::env;
use std::net::IpAddr;
use std::sync::Arc;

/// The value of the option.
#[derive(Clone, Default, Debug)]
pub(crate) enum Choice {
    /// Nothing: the environment and the system decide.
    #[default]
    Unset,
    /// The same, with the environment as it was when the socket was made.
    Environment(Box<Environment>),
    /// No proxy.
    Direct,
    /// This one, for every destination.
    Set(Box<Proxy>),
}

/// The variables that are there, the usual names of them.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    http: Option<Variable>,
    https: Option<Variable>,
    all: Option<Variable>,
    no: Option<Variable>,
    /// The system's settings, which the crate reads together with the environment.
    system: Option<Arc<Matcher>>,
}

type Variable = (&'static str, String);

/// Values may hold passwords.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

impl Choice {
    /// [`ErrorCode::InvalidUrl`]: no proxy that could be used.
    pub(crate) fn parse(url: &str) -> Result<Choice, Refusal> {
        if url.is_empty() {
            return Ok(Choice::Direct);
        }
        // Decoding takes as much again, and percent-encoding three times as much.
        ensure_memory(4 * url.len())?;
        let proxy = Proxy::parse(url, "ws_options_set_proxy").map_err(|why| {
            let why = format!(
                "it is no URL of a proxy: {why}; it has to be http://, https://, socks5:// or socks5h://, then \
                 [user:password@]host[:port], or empty for no proxy"
            );
            Refusal::new(ErrorCode::InvalidUrl, why)
        })?;
        Ok(Choice::Set(Box::new(proxy)))
    }

    /// Reads the environment if it matters; to be called on the host's thread.
    pub(crate) fn choose_proxy(&mut self) {
        if matches!(self, Choice::Unset) {
            *self = Choice::Environment(Box::new(Environment::read()));
        }
    }

    /// The proxy that leads there, if one does.
    pub(crate) fn for_destination(&self, to: &Destination) -> Result<Option<Proxy>, Error> {
        match self {
            Choice::Direct | Choice::Unset => Ok(None),
            Choice::Set(proxy) => Ok(Some(Proxy::clone(proxy))),
            Choice::Environment(_) if is_here(&to.host) => Ok(None),
            Choice::Environment(environment) => environment.for_destination(to),
        }
    }
}

impl Environment {
    fn read() -> Environment {
        let system = HAS_PROXY_SETTINGS.then(|| Arc::new(Matcher::from_system()));
        // Mostly there are none, and the names need not be asked for one by one.
        if !may_have_variable("_proxy", b"HhAaNn") {
            return Environment { system, ..Environment::default() };
        }
        let value = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Environment { system, ..Environment::from(value, VARIABLES_IGNORE_CASE) }
    }

    fn from(value: impl Fn(&str) -> Option<String>, ignores_case: bool) -> Environment {
        let first = |names: [&'static str; 2]| {
            let set = names.into_iter().filter_map(|name| Some((name, value(name)?)));
            set.map(|(name, value)| (name, value.trim().to_owned())).find(|(_, value)| !value.is_empty())
        };
        let mut http = first(["HTTP_PROXY", "http_proxy"]);
        // Under CGI a client's `Proxy:` header is HTTP_PROXY, and where names ignore case it is http_proxy too.
        if http.as_ref().is_some_and(|(name, _)| *name == "HTTP_PROXY") && value("REQUEST_METHOD").is_some() {
            http = if ignores_case { None } else { first(["http_proxy", "http_proxy"]) };
        }
        Environment {
            http,
            https: first(["HTTPS_PROXY", "https_proxy"]),
            all: first(["ALL_PROXY", "all_proxy"]),
            no: first(["NO_PROXY", "no_proxy"]),
            system: None,
        }
    }

    fn for_destination(&self, to: &Destination) -> Result<Option<Proxy>, Error> {
        let variable = if to.is_secure() { &self.https } else { &self.http };
        let Some((name, value)) = variable.as_ref().or(self.all.as_ref()) else {
            return Ok(self.of_system(to));
        };
        if self.excepts(to) {
            return Ok(None);
        }
        let schemed = if value.contains("://") { value.clone() } else { format!("http://{value}") };
        // Going there without it is what somebody wanted to prevent.
        Proxy::parse(&schemed, name).map(Some).map_err(|why| {
            Error::new(
                ErrorCode::Proxy,
                Component::Proxy,
                format!(
                    "The environment's {name} is no proxy that can be used: {why}; mend it, or set another one, or \
                     none, with ws_options_set_proxy"
                ),
            )
        })
    }

    /// The proxy of the system's settings; `None` where there are none but the environment.
    fn of_system(&self, to: &Destination) -> Option<Proxy> {
        let proxy = self.system.as_ref()?.intercept(&uri(to)?)?;
        Proxy::parse(&proxy.uri().to_string(), "the system's settings").ok()
    }

    /// Returns `true` if `NO_PROXY` has the destination.
    fn excepts(&self, to: &Destination) -> bool {
        let Some((_, list)) = &self.no else { return false };
        // People also write spaces between the entries, brackets around IPv6, `*.` before a suffix.
        let entries = list.split([',', ' ', '\t']).filter_map(|entry| at_port(entry, to.port)).map(|entry| {
            let entry = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
            entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry)
        });
        let list = entries.collect::<Vec<_>>().join(",");
        let matcher = Matcher::builder().all("http://proxy").no(list).build();
        uri(to).is_some_and(|uri| matcher.intercept(&uri).is_none())
    }
}

/// The entry without its port; `None` where that is another one. An IPv6 address has brackets before a port.
fn at_port(entry: &str, port: u16) -> Option<&str> {
    match entry.rsplit_once(':') {
        Some((host, own)) if !host.contains(':') || host.ends_with(']') => match own.parse::<u16>() {
            Ok(own) => (own == port).then_some(host),
            Err(_) => Some(entry),
        },
        _ => Some(entry),
    }
}

/// The destination as HTTP has it: ws is http, wss is https.
fn uri(to: &Destination) -> Option<http::Uri> {
    let scheme = if to.is_secure() { "https" } else { "http" };
    let host = to.host.trim_end_matches('.');
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{scheme}://{host}:{}/", to.port).parse().ok()
}

/// Returns `true` if the destination is this machine, where a proxy would find itself instead.
fn is_here(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::url;

    /// The way to `to` with these variables.
    fn chosen(variables: &[(&str, &str)], to: &str) -> String {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        chosen_of(Environment::from(|name| value(name).map(|(_, value)| (*value).to_owned()), false), to)
    }

    /// The same where the names of variables ignore case.
    fn chosen_without_case(variables: &[(&str, &str)], to: &str) -> String {
        let value = |name: &str| variables.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        chosen_of(Environment::from(|name| value(name).map(|(_, value)| (*value).to_owned()), true), to)
    }

    fn chosen_of(environment: Environment, to: &str) -> String {
        let choice = Choice::Environment(Box::new(environment));
        match choice.for_destination(&url::parse(to).unwrap()) {
            Ok(Some(proxy)) => format!("{proxy} by {}", proxy.set_by),
            Ok(None) => "direct".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ws_is_http_and_wss_is_https() {
        let both = [("HTTP_PROXY", "http://plain:1"), ("HTTPS_PROXY", "http://secure:2")];
        assert_eq!(chosen(&both, "ws://there.test"), "http://plain:1 by HTTP_PROXY");
        assert_eq!(chosen(&both, "wss://there.test"), "http://secure:2 by HTTPS_PROXY");
        assert_eq!(chosen(&both[..1], "wss://there.test"), "direct");
        let all = [("all_proxy", "socks5h://rest:3"), ("https_proxy", "proxy.test:4")];
        assert_eq!(chosen(&all, "ws://there.test"), "socks5h://rest:3 by all_proxy");
        assert_eq!(chosen(&all, "wss://there.test"), "http://proxy.test:4 by https_proxy");
        let empty = [("HTTPS_PROXY", ""), ("https_proxy", "http://lower:1"), ("HTTP_PROXY", " ")];
        assert_eq!(chosen(&empty, "wss://there.test"), "http://lower:1 by https_proxy");
        assert_eq!(chosen(&empty, "ws://there.test"), "direct");
    }

    #[test]
    fn a_variable_that_is_no_proxy_is_an_error_that_does_not_show_it() {
        for bad in ["socks4://user:secret@proxy", "http://user:sec ret@proxy", "http://user:secret@"] {
            let said = chosen(&[("HTTPS_PROXY", bad)], "wss://there.test");
            assert!(said.contains("HTTPS_PROXY") && !said.contains("sec"), "{said}");
            assert_eq!(chosen(&[("HTTPS_PROXY", bad), ("NO_PROXY", "*")], "wss://there.test"), "direct");
        }
    }

    #[test]
    fn under_cgi_http_proxy_is_a_strangers() {
        let stranger =
            [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET"), ("http_proxy", "http://own:1")];
        assert_eq!(chosen(&stranger, "ws://there.test"), "http://own:1 by http_proxy");
        assert_eq!(chosen(&stranger[..2], "ws://there.test"), "direct");
        assert_eq!(chosen_without_case(&stranger[..2], "ws://there.test"), "direct");
        assert_eq!(chosen_without_case(&stranger[..1], "ws://there.test"), "http://evil:1 by HTTP_PROXY");
    }

    #[test]
    fn this_machine_is_reached_without_a_proxy_of_the_environment() {
        for here in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.255.1.2",
            "127.1",
            "[::1]",
            "0.0.0.0",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(
                chosen(&[("ALL_PROXY", "http://proxy")], &format!("ws://{here}:8080/")),
                "direct",
                "{here}"
            );
        }
        for there in ["128.0.0.1", "[::2]", "localhost.test", "notlocalhost"] {
            let road = chosen(&[("ALL_PROXY", "http://proxy")], &format!("ws://{there}:8080/"));
            assert_eq!(road, "http://proxy:80 by ALL_PROXY", "{there}");
        }
    }

    /// `docs/hostile.md`, line 13: NO_PROXY with CIDR, IPv6, suffix, `*`.
    #[test]
    fn no_proxy_has_names_suffixes_addresses_networks_and_all() {
        let list = "there.test, .suffix.test ,*.star.test 10.1.0.0/16,192.168.7.7,2001:db8::/32,[fd00::1]";
        for (host, excepted) in [
            ("there.test", true),
            ("THERE.test", true),
            ("there.test.", true),
            ("a.there.test", true),
            ("nothere.test", false),
            ("there.test.evil", false),
            ("suffix.test", true),
            ("a.suffix.test", true),
            ("asuffix.test", false),
            ("a.star.test", true),
            ("astar.test", false),
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("192.168.7.7", true),
            ("192.168.7.8", false),
            ("[2001:db8::7]", true),
            ("[2001:db9::7]", false),
            ("[fd00::1]", true),
            ("[fd00::2]", false),
        ] {
            let road =
                chosen(&[("ALL_PROXY", "http://proxy"), ("no_proxy", list)], &format!("wss://{host}:8443/"));
            assert_eq!(road == "direct", excepted, "{host}: {road}");
        }
        assert_eq!(chosen(&[("ALL_PROXY", "http://proxy"), ("NO_PROXY", "*")], "wss://there.test"), "direct");
        // With a port, for that port alone.
        let list =
            "there.test:8443,.suffix.test:1,10.1.0.0/16:8443,[2001:db8::7]:8443,[2001:db8::8]:1,star.test:x";
        for (host, excepted) in [
            ("there.test", true),
            ("a.there.test", true),
            ("a.suffix.test", false),
            ("10.1.2.3", true),
            ("[2001:db8::7]", true),
            ("[2001:db8::8]", false),
            ("star.test", false),
        ] {
            let road =
                chosen(&[("ALL_PROXY", "http://proxy"), ("no_proxy", list)], &format!("wss://{host}:8443/"));
            assert_eq!(road == "direct", excepted, "{host}: {road}");
        }
        assert_ne!(
            chosen(&[("ALL_PROXY", "http://proxy"), ("NO_PROXY", ",, ,")], "wss://there.test"),
            "direct"
        );
    }

    #[test]
    fn the_option_is_stronger_than_all_of_it() {
        let here = url::parse("ws://localhost").unwrap();
        let set = Choice::parse("http://user:pw@proxy:1").unwrap();
        assert_eq!(set.for_destination(&here).unwrap().unwrap().to_string(), "http://proxy:1");
        assert!(Choice::parse("").unwrap().for_destination(&here).unwrap().is_none());
        assert_eq!(Choice::parse("proxy:1").unwrap_err().code(), ErrorCode::InvalidUrl);
    }
}
