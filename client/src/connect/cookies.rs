//! Cookies that servers set with their redirects (RFC 6265), for as long as one attempt lasts. They are given back to the
//! origin that set them and to no other, whatever their `Domain` says; nothing is kept beyond the attempt.

use super::headers::is_token;
use super::url::Destination;
use crate::error::ErrorCode;
use crate::options::texts::{SharedList, copied};
use std::time::SystemTime;

/// Names and values of all of them together.
const MOST_BYTES: usize = 64 * 1024;

/// The cookies that the servers of one attempt have set.
#[derive(Default)]
pub(super) struct Jar {
    cookies: Vec<Cookie>,
    /// The number of changes.
    changes: u32,
}

#[derive(PartialEq, Eq, Debug)]
struct Cookie {
    /// Scheme, host and port.
    origin: (bool, String, u16),
    name: String,
    /// `None`: it was removed, the host's own as well.
    value: Option<String>,
    path: String,
}

impl Jar {
    /// Takes what the answer of `from` sets.
    pub(super) fn take<'h>(&mut self, from: &Destination, set: impl Iterator<Item = &'h str>) {
        for value in set {
            let Some(cookie) = parse(from, value) else { continue };
            let size = |cookie: &Cookie| cookie.name.len() + cookie.value.as_ref().map_or(0, String::len);
            let is_same = |one: &Cookie| one.origin == cookie.origin && one.name == cookie.name;
            let others: usize = self.cookies.iter().filter(|one| !is_same(one)).map(size).sum();
            if self.cookies.contains(&cookie) || others + size(&cookie) > MOST_BYTES {
                continue;
            }
            self.cookies.retain(|one| !is_same(one));
            self.cookies.push(cookie);
            self.changes += 1;
        }
    }

    /// Grows with each change.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// The pairs of the `Cookie` header for `to`: the host's own pairs, but for those that were replaced, and what was set.
    pub(super) fn header(
        &self,
        own: &SharedList<String>,
        to: &Destination,
    ) -> Result<SharedList<String>, ErrorCode> {
        let fits = |cookie: &&Cookie| {
            let (secure, host, port) = &cookie.origin;
            (*secure, host.as_str(), *port) == to.origin() && path_matches(&cookie.path, &to.resource)
        };
        let set: Vec<&Cookie> = self.cookies.iter().filter(fits).collect();
        let is_replaced = |pair: &str| {
            let name = pair.split('=').next().unwrap_or("").trim_matches([' ', '\t']);
            set.iter().any(|cookie| cookie.name == name)
        };
        let mut header = own.clone();
        if own.iter().any(|pairs| pairs.split(';').any(is_replaced)) {
            header.clear();
            for pair in own.iter().flat_map(|pairs| pairs.split(';')).filter(|pair| !is_replaced(pair)) {
                header.push(copied(pair.trim_matches([' ', '\t']))?)?;
            }
        }
        for cookie in set {
            if let Some(value) = &cookie.value {
                header.push(format!("{}={value}", cookie.name))?;
            }
        }
        Ok(header)
    }
}

/// The cookie of a `Set-Cookie` header (RFC 6265 5.2, 5.3). `None`: it sets nothing here.
fn parse(from: &Destination, header: &str) -> Option<Cookie> {
    let trimmed = |text: &str| text.trim_matches([' ', '\t']).to_owned();
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (trimmed(name), trimmed(value));
    if !is_token(&name) || value.contains(|c: char| c.is_control()) {
        return None;
    }
    let (mut path, mut max_age, mut expires) = (None, None, None);
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = trimmed(value);
        match trimmed(key).to_ascii_lowercase().as_str() {
            "path" => path = Some(value).filter(|path| path.starts_with('/')),
            "secure" if !from.is_secure() => return None,
            "domain" if !domain_covers(&value, &from.host) => return None,
            "max-age" => max_age = is_in_the_past_by_age(&value).or(max_age),
            "expires" => expires = is_in_the_past_by_date(&value).or(expires),
            _ => {}
        }
    }
    let removed = max_age.or(expires).unwrap_or(false);
    Some(Cookie {
        origin: (from.is_secure(), from.host.clone(), from.port),
        name,
        value: (!removed).then_some(value),
        path: path.unwrap_or_else(|| default_path(&from.resource)),
    })
}

/// Returns `true` if this host may set the attribute. An empty one counts as none.
fn domain_covers(domain: &str, host: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    domain.is_empty()
        || host == domain
        || (is_name && host.strip_suffix(&domain).is_some_and(|before| before.ends_with('.')))
}

/// `Max-Age`, a number of seconds. `None`: it is none, and does not count.
fn is_in_the_past_by_age(value: &str) -> Option<bool> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(value.starts_with('-') || digits.bytes().all(|byte| byte == b'0'))
}

/// `Expires`; servers write it with dashes too (`Thu, 01-Jan-1970 00:00:00 GMT`), and with two digits for the year.
fn is_in_the_past_by_date(value: &str) -> Option<bool> {
    let moment = httpdate::parse_http_date(value)
        .or_else(|_| {
            let mut words: Vec<String> =
                value.replace('-', " ").split_whitespace().map(str::to_owned).collect();
            if let Some(year) = words.get_mut(3).filter(|year| year.len() == 2) {
                // RFC 6265 5.1.1.
                let century = if year.as_str() >= "70" { "19" } else { "20" };
                year.insert_str(0, century);
            }
            if let Some(day) = words.first_mut() {
                let short: String = day.trim_end_matches(',').chars().take(3).collect();
                *day = short + ",";
            }
            httpdate::parse_http_date(&words.join(" "))
        })
        .ok()?;
    Some(moment <= SystemTime::now())
}

/// RFC 6265 5.1.4: up to the last slash of the path, without it.
fn default_path(resource: &str) -> String {
    let path = path_of(resource);
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

/// RFC 6265 5.1.4.
fn path_matches(cookies: &str, resource: &str) -> bool {
    let path = path_of(resource);
    match path.strip_prefix(cookies) {
        Some(rest) => rest.is_empty() || cookies.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn path_of(resource: &str) -> &str {
    resource.split('?').next().unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use super::super::url;
    use super::*;

    /// The cookies that `to` gets after `from` has set this, where the host had cookies of its own.
    fn header(from: &str, set: &[&str], own: &[&str], to: &str) -> String {
        let mut jar = Jar::default();
        jar.take(&url::parse(from).unwrap(), set.iter().copied());
        let mut all = SharedList::default();
        own.iter().for_each(|&pairs| all.push(pairs.to_owned()).unwrap());
        jar.header(&all, &url::parse(to).unwrap()).unwrap().join("; ")
    }

    #[test]
    fn a_cookie_goes_back_to_its_origin_and_to_no_other() {
        for (from, set, to, gets) in [
            ("ws://host/a", "s=1", "ws://host/b", "s=1"),
            ("ws://host/a", "s=1; HttpOnly; SameSite=Lax", "ws://host/b?q", "s=1"),
            ("ws://host/a", " s = \"1 2\" ;Path=/", "ws://host/b", "s=\"1 2\""),
            ("ws://host/a", "s=1", "ws://host:81/b", ""),
            ("ws://host/a", "s=1", "wss://host/b", ""),
            ("ws://host/a", "s=1", "ws://other/b", ""),
            ("ws://a.example/a", "s=1; Domain=example", "ws://b.example/", ""),
            ("ws://a.example/a", "s=1; Domain=.EXAMPLE", "ws://a.example/", "s=1"),
            ("ws://a.example/a", "s=1; Domain=other", "ws://a.example/", ""),
            ("ws://127.0.0.1/a", "s=1; Domain=0.0.1", "ws://127.0.0.1/", ""),
            ("ws://host/a", "s=1; Secure", "ws://host/b", ""),
            ("wss://host/a", "s=1; secure", "wss://host/b", "s=1"),
            ("ws://host/a", "s", "ws://host/b", ""),
            ("ws://host/a", "=1", "ws://host/b", ""),
            ("ws://host/a", "a b=1", "ws://host/b", ""),
        ] {
            assert_eq!(header(from, &[set], &[], to), gets, "{from} {set} {to}");
        }
    }

    #[test]
    fn the_path_must_fit() {
        for (from, set, to, fits) in [
            ("ws://host/a/x", "s=1", "ws://host/a/y", true),
            ("ws://host/a/x", "s=1", "ws://host/a", true),
            ("ws://host/a/x", "s=1", "ws://host/ab", false),
            ("ws://host/a/x", "s=1", "ws://host/", false),
            ("ws://host/a/x", "s=1; Path=/", "ws://host/?/a", true),
            ("ws://host/a/x", "s=1; Path=b", "ws://host/a/", true),
            ("ws://host/a", "s=1; Path=/b/", "ws://host/b/c", true),
            ("ws://host/a", "s=1; Path=/b/", "ws://host/b", false),
        ] {
            assert_eq!(header(from, &[set], &[], to) == "s=1", fits, "{from} {set} {to}");
        }
    }

    #[test]
    fn a_later_one_replaces_and_what_is_over_is_removed_the_hosts_too() {
        let at = |set: &[&str], own: &[&str]| header("ws://host/a", set, own, "ws://host/b");
        assert_eq!(at(&["s=1", "s=2"], &[]), "s=2");
        assert_eq!(at(&["s=2"], &["a=1; s=1; b=3", "s=4", "c=5"]), "a=1; b=3; c=5; s=2");
        for over in [
            "s=; Max-Age=0",
            "s=1; Max-Age=-5",
            "s=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "s=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
            "s=1; Expires=Thursday, 01-Jan-70 00:00:01 GMT",
        ] {
            assert_eq!(at(&["s=1", over], &["s=0; a=1"]), "a=1", "{over}");
        }
        for lives in [
            "s=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "s=1; Max-Age=never",
            "s=1; Expires=soon",
            "s=1; Expires=Thu, 01 Jan 2150 00:00:00 GMT",
        ] {
            assert_eq!(at(&[lives], &[]), "s=1", "{lives}");
        }
    }

    #[test]
    fn no_more_than_64_kib_are_kept_and_only_changes_count() {
        let mut jar = Jar::default();
        let from = url::parse("ws://host/").unwrap();
        let large = format!("a={}", "x".repeat(60_000));
        jar.take(&from, [large.as_str(), &large.replace('a', "b"), "c=1", "c=1"].into_iter());
        assert_eq!(jar.changes(), 2);
        assert_eq!(*jar.header(&SharedList::default(), &from).unwrap(), [large.as_str(), "c=1"]);
    }
}
