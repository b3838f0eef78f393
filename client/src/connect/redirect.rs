//! Redirects of the upgrade (RFC 9110 §15.4), as far as the host allows them. Credentials never go to another origin,
//! and a secure connection is never followed by one in the clear.

use super::cookies::Jar;
use super::url::{self, Destination};
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::options::Options;
use crate::options::texts::SharedList;
use std::borrow::Cow;

/// Answers that name another place for the same GET.
const FOLLOWED: &[u16] = &[301, 302, 303, 307, 308];

/// A header that proves who the host is: for the origin that it was set for, and no other.
const CREDENTIALS: &str = "authorization";

/// The place to go to, and the redirects that led there.
pub(super) struct Road<'a> {
    to: Cow<'a, Destination>,
    options: Cow<'a, Options>,
    /// The places so far.
    hops: Vec<Hop>,
    /// The host's cookies, until its origin is left.
    own_cookies: SharedList<String>,
    jar: Jar,
}

struct Hop {
    from: Destination,
    /// Led away from it.
    status: u16,
    /// [`Jar::changes`] when it was asked.
    changes: u32,
}

/// Returns `true` if the answer will be followed, so that its body is not worth a wait.
pub(super) fn is_followed(status: u16, options: &Options) -> bool {
    options.max_redirects > 0 && FOLLOWED.contains(&status)
}

impl<'a> Road<'a> {
    pub(super) fn new(to: &'a Destination, options: &'a Options) -> Road<'a> {
        Road {
            to: Cow::Borrowed(to),
            options: Cow::Borrowed(options),
            hops: Vec::new(),
            own_cookies: options.cookies.clone(),
            jar: Jar::default(),
        }
    }

    pub(super) fn to(&self) -> &Destination {
        &self.to
    }

    /// The options for the place that comes next.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// After a failure: goes on where it was a redirect that may be followed, else gives the error to report.
    pub(super) fn follow(&mut self, failure: Error) -> Result<(), Error> {
        let answer = match (failure.code(), failure.http()) {
            // A proxy's answer is no redirect of the server's.
            (ErrorCode::HttpStatus, Some(answer)) if is_followed(answer.status, &self.options) => answer,
            _ => return Err(self.tell(failure)),
        };
        let status = answer.status;
        let mut locations = answer.headers.all("Location");
        let changes = self.jar.changes();
        self.jar.take(&self.to, answer.headers.all("Set-Cookie"));
        let next = match (locations.next(), locations.next()) {
            (Some(location), None) => self.judge(location, changes),
            (Some(_), Some(_)) => Err("it has more than one Location".to_owned()),
            (None, _) => Err("it has no Location".to_owned()),
        };
        let mut next = match next {
            Ok(next) => next,
            Err(why) => return Err(self.refuse(&failure, status, &why)),
        };
        if next.origin() == self.to.origin() {
            next.login.clone_from(&self.to.login);
        } else {
            let options = self.options.to_mut();
            options.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CREDENTIALS)).map_err(no_memory)?;
            options.tls = options.tls.for_another_server();
            self.own_cookies.clear();
        }
        let cookies = self.jar.header(&self.own_cookies, &next).map_err(no_memory)?;
        if cookies != self.options.cookies {
            self.options.to_mut().cookies = cookies;
        }
        log!(Info, Component::Http, "{} answered {status}: redirected to {}", self.to.shown, next.shown);
        let from = std::mem::replace(&mut self.to, Cow::Owned(next)).into_owned();
        self.hops.push(Hop { from, status, changes });
        Ok(())
    }

    /// The place that a Location names, or why it is not gone to. The cookies had changed so often when the place was asked
    /// that names it.
    fn judge(&self, location: &str, changes: u32) -> Result<Destination, String> {
        let next = url::redirected(&self.to, location)?;
        if self.to.is_secure() && !next.is_secure() {
            return Err(format!("{} is not secure, and wss is never left for ws", next.shown));
        }
        let key = |to: &Destination| (to.is_secure(), to.authority_with_port(), to.resource.clone());
        // Asked again with other cookies, a server may answer otherwise.
        let asked_alike = |hop: &&Hop| hop.changes == self.jar.changes();
        let before = self.hops.iter().filter(asked_alike).map(|hop| &hop.from);
        let here = Some(&*self.to).filter(|_| changes == self.jar.changes());
        if before.chain(here).any(|hop| key(hop) == key(&next)) {
            return Err(format!("{} was asked before: it goes round in circles", next.shown));
        }
        let most = self.options.max_redirects as usize;
        if self.hops.len() >= most {
            return Err(format!("it would be one more than {most} (ws_options_set_max_redirects)"));
        }
        Ok(next)
    }

    /// The error for a redirect that is not followed. It keeps the server's answer.
    fn refuse(&self, failure: &Error, status: u16, why: &str) -> Error {
        let message = format!("The redirect ({status}) by {} is not followed: {why}", self.to.shown);
        let error = Error::new(ErrorCode::HttpStatus, Component::Http, message);
        let error = match failure.http() {
            Some(answer) => error.with_http(answer.clone()),
            None => error,
        };
        self.tell(error)
    }

    /// Adds how it came to that.
    pub(super) fn tell(&self, error: Error) -> Error {
        let mut next = self.hops.iter().skip(1).map(|hop| &hop.from).chain([&*self.to]);
        self.hops.iter().fold(error, |error, Hop { from, status, .. }| {
            let to = next.next().map_or("", |to| to.shown.as_str());
            let message = format!("{} answered {status} and redirected to {to}", from.shown);
            error.with_detail(ErrorCode::HttpStatus, Component::Http, message)
        })
    }
}

fn no_memory(code: ErrorCode) -> Error {
    let message = "There is no memory left for the headers of the redirected request";
    Error::new(code, Component::Http, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HttpAnswer;
    use crate::header_list::HeaderList;

    fn options(max_redirects: u32) -> Options {
        let mut options = Options::default();
        options.set_max_redirects(max_redirects).unwrap();
        options.set_header("Authorization", "Bearer x").unwrap();
        options.set_header("AUTHORIZATION", "y").unwrap();
        options.set_header("X-Name", "z").unwrap();
        options.set_cookie("a=1").unwrap();
        options
    }

    fn answer(status: u16, locations: &[&str]) -> Error {
        let headers = HeaderList::new(locations.iter().map(|to| ("location", *to)));
        Error::new(ErrorCode::HttpStatus, Component::Http, "answered").with_http(HttpAnswer {
            status,
            headers,
            body: Vec::new(),
        })
    }

    /// The place to which each Location leads from a URL, or the reason why not.
    fn walk(from: &str, locations: &[&str]) -> Result<(String, bool), String> {
        let (to, options) = (url::parse(from).unwrap(), options(5));
        let mut road = Road::new(&to, &options);
        for location in locations {
            road.follow(answer(302, &[location])).map_err(|error| error.to_string())?;
        }
        let kept = !road.options().cookies.is_empty();
        assert_eq!(kept, road.options().headers.len() == 3);
        assert!(road.options().headers.iter().any(|(name, _)| name == "X-Name"));
        Ok((format!("{}{}", road.to().authority_with_port(), road.to().resource), kept))
    }

    /// `docs/hostile.md`, line 10: another scheme, a relative place.
    #[test]
    fn a_location_is_taken_relative_to_where_it_was_said_and_http_means_ws() {
        for (location, to) in [
            ("/b?c", "host:80/b?c"),
            ("b", "host:80/a/b"),
            ("?q", "host:80/a/x?q"),
            ("../b", "host:80/b"),
            ("b#fragment", "host:80/a/b"),
            ("//other/b", "other:80/b"),
            ("ws://other:81", "other:81/"),
            ("http://other/b", "other:80/b"),
            ("HTTPS://other/b", "other:443/b"),
            ("wss://other/", "other:443/"),
            ("http://host:80/c", "host:80/c"),
        ] {
            assert_eq!(walk("ws://host/a/x", &[location]).unwrap().0, to, "{location}");
        }
    }

    /// `docs/hostile.md`, line 10: another origin is another scheme, host or port; credentials stay behind,
    /// also on the way back.
    #[test]
    fn credentials_stay_with_their_origin() {
        for (locations, kept) in [
            (&["/b"][..], true),
            (&["ws://host:80/b", "ws://HOST/c"], true),
            (&["ws://host:81/b"], false),
            (&["wss://host:80/b"], false),
            (&["ws://other/b"], false),
            (&["ws://other/b", "ws://host/c"], false),
        ] {
            assert_eq!(walk("ws://host/a", locations).unwrap().1, kept, "{locations:?}");
        }
    }

    #[test]
    fn user_info_goes_to_its_origin_only() {
        let (to, options) = (url::parse("ws://user:secret@host/a").unwrap(), options(5));
        let mut road = Road::new(&to, &options);
        road.follow(answer(307, &["/b"])).unwrap();
        assert!(to.login.is_some() && road.to().login == to.login);
        road.follow(answer(307, &["ws://other/b"])).unwrap();
        assert_eq!(road.to().login, None);
        let error = road.follow(answer(307, &["ws://me:hidden@third/"])).unwrap_err();
        assert!(error.to_string().contains("user") && !error.to_string().contains("hidden"), "{error}");
    }

    /// `docs/hostile.md`, lines 10 and 12: what is no place to go to.
    #[test]
    fn a_location_that_would_have_to_be_mended_or_is_not_secure_is_refused() {
        for (location, why) in [
            ("ws://host/b", "never left"),
            ("http://host/b", "never left"),
            ("ftp://host/", "scheme"),
            ("javascript:alert(1)", "scheme"),
            ("wss:host", "://"),
            ("/a b", "space"),
            ("\\\\other\\b", "backslash"),
            ("wss://", "refused"),
            ("wss://host:0/", "port"),
            ("wss://host:99999/", "refused"),
            ("wss://a@b@c/", "refused"),
            ("", "circles"),
            ("wss://host/a", "circles"),
        ] {
            let error = walk("wss://host/a", &[location]).unwrap_err();
            assert!(error.contains(why), "{location}: {error}");
        }
    }

    /// `docs/hostile.md`, line 10: loops.
    #[test]
    fn circles_and_too_many_are_errors_that_list_the_chain() {
        let error = walk("ws://host/a", &["/b", "/c", "/a"]).unwrap_err();
        assert!(error.contains("circles") && error.contains("ws://host/b answered 302"), "{error}");
        let error = walk("ws://host/0", &["/1", "/2", "/3", "/4", "/5", "/6"]).unwrap_err();
        assert!(error.contains("more than 5") && error.contains("ws://host/4 answered 302"), "{error}");
    }

    #[test]
    fn one_location_it_must_be_and_a_status_that_means_it() {
        let (to, options) = (url::parse("ws://host/a").unwrap(), options(5));
        let mut road = Road::new(&to, &options);
        for (status, locations, why) in [
            (302, &[][..], "no Location"),
            (302, &["/b", "/c"], "more than one"),
            (300, &["/b"], "answered"),
            (304, &["/b"], "answered"),
            (200, &["/b"], "answered"),
        ] {
            let error = road.follow(answer(status, locations)).unwrap_err();
            assert!(error.to_string().contains(why), "{status}: {error}");
            assert_eq!(error.http().unwrap().status, status);
        }
        // A proxy's refusal is its own.
        let proxys = Error::new(ErrorCode::Proxy, Component::Proxy, "no")
            .with_http(HttpAnswer { status: 302, ..Default::default() });
        assert_eq!(road.follow(proxys).unwrap_err().code(), ErrorCode::Proxy);
    }
}
