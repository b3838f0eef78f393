//! Authorization with a server, or with an HTTP proxy: Basic (RFC 7617), which goes without being asked for, and Digest
//! (RFC 7616), which answers a challenge. User and password are never shown, and sent to nobody else.

mod challenge;
mod digest;

pub(super) use challenge::{offers, schemes, wanted};
pub(super) use digest::UNKNOWN_DIGEST;

use super::response::Head;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use digest::Digest;
use std::fmt;

/// User and password of a URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// `Err` says what is wrong with them.
    pub(super) fn new(user: Vec<u8>, password: Vec<u8>) -> Result<Login, &'static str> {
        if user.contains(&b':') {
            return Err("its user name contains a colon (%3A), which HTTP's authorization cannot carry");
        }
        if user.iter().chain(&password).any(u8::is_ascii_control) {
            return Err("its user name or password contains a control character");
        }
        Ok(Login { user, password })
    }

    /// The value of `Authorization`.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode([&self.user[..], &self.password].join(&b':')))
    }
}

/// The side that asks who the host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    Server,
    Proxy,
}

impl Asker {
    /// The status of an answer that asks.
    fn status(self) -> u16 {
        if self == Asker::Server { 401 } else { 407 }
    }

    /// The header that has the challenges.
    pub(super) fn challenges(self) -> &'static str {
        if self == Asker::Server { "WWW-Authenticate" } else { "Proxy-Authenticate" }
    }
}

/// The authorization with one peer: Basic until it has asked for Digest.
pub(super) struct Authorization {
    asker: Asker,
    digest: Option<Digest>,
    /// Requests that had this digest's nonce.
    requests: u32,
    /// A nonce had become too old and was replaced, which happens once.
    is_renewed: bool,
    wants_connection: bool,
}

impl Authorization {
    pub(super) fn of(asker: Asker) -> Authorization {
        Authorization { asker, digest: None, requests: 0, is_renewed: false, wants_connection: false }
    }

    /// The value of the header, for a request with this method and target.
    pub(super) fn value(&mut self, login: &Login, method: &str, target: &str) -> String {
        match &self.digest {
            None => login.basic(),
            Some(digest) => {
                self.requests += 1;
                digest.answer(login, method, target, self.requests, &digest::client_nonce())
            }
        }
    }

    /// Takes what the answer asks for. `true`: the request is to be made once more.
    pub(super) fn take(&mut self, head: &Head, login: Option<&Login>) -> bool {
        let can_be_said = login.is_some_and(|login| std::str::from_utf8(&login.user).is_ok());
        if head.status != self.asker.status() || !can_be_said {
            return false;
        }
        let Some(asked) = Digest::strongest(head, self.asker.challenges()) else { return false };
        // A second refusal is one, unless only the nonce was too old.
        if self.digest.is_some() {
            if self.is_renewed || !asked.is_stale {
                return false;
            }
            self.is_renewed = true;
        }
        (self.digest, self.requests) = (Some(asked), 0);
        true
    }

    /// The algorithm of the digest that was asked for.
    pub(super) fn digest(&self) -> Option<&'static str> {
        self.digest.as_ref().map(Digest::algorithm)
    }

    /// The request is to be made once more, on a connection of its own.
    pub(super) fn want_connection(&mut self) {
        self.wants_connection = true;
    }

    /// Returns `true` if it is; once.
    pub(super) fn wanted_connection(&mut self) -> bool {
        std::mem::take(&mut self.wants_connection)
    }
}

#[cfg(test)]
mod tests {
    use super::super::response::HeadReader;
    use super::*;

    fn head(status: &str, challenge: &str) -> Head {
        let mut reader = HeadReader::default();
        let text = format!("HTTP/1.1 {status} No\r\nWWW-Authenticate: {challenge}\r\n\r\n");
        reader.buffer().extend_from_slice(text.as_bytes());
        reader.next().unwrap().unwrap()
    }

    #[test]
    fn one_answer_and_one_more_for_a_nonce_that_was_too_old() {
        let login = Login::new(b"user".to_vec(), b"secret".to_vec()).unwrap();
        let digest = |more: &str| head("401", &format!("Digest realm=r, nonce=n{more}"));
        let mut asked = Authorization::of(Asker::Server);
        assert!(asked.value(&login, "GET", "/").starts_with("Basic "));
        assert!(!asked.take(&head("403", "Digest realm=r, nonce=n"), Some(&login)));
        assert!(!asked.take(&digest(""), None));
        assert!(asked.take(&digest(", qop=auth"), Some(&login)));
        assert!(asked.value(&login, "GET", "/").contains("nc=00000001"));
        assert!(asked.value(&login, "GET", "/").contains("nc=00000002"));
        assert!(!asked.take(&digest(""), Some(&login)));
        assert!(asked.take(&digest(", qop=auth, stale=TRUE"), Some(&login)));
        assert!(asked.value(&login, "GET", "/").contains("nc=00000001"));
        assert!(!asked.take(&digest(", stale=true"), Some(&login)), "for ever is too often");
        let mut strange = Authorization::of(Asker::Server);
        let unsaid = Login::new(b"\xff".to_vec(), Vec::new()).unwrap();
        assert!(!strange.take(&digest(""), Some(&unsaid)));
    }

    #[test]
    fn a_login_is_not_shown() {
        let login = Login::new(b"user".to_vec(), b"secret".to_vec()).unwrap();
        assert_eq!(format!("{login:?}"), "Login");
        assert!(Login::new(b"a:b".to_vec(), Vec::new()).unwrap_err().contains("colon"));
        assert!(Login::new(b"a".to_vec(), b"\r\n".to_vec()).unwrap_err().contains("control"));
    }
}
