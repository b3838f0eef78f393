//! Digest (RFC 7616): a hash of user, password and a number of the server's in place of the password. `auth-int`, which
//! would have a body in the hash, is not spoken: a handshake has none.

use super::Login;
use super::challenge::{Challenge, challenges};
use crate::connect::response::Head;
use crate::connect::tls::digest::{SHA256, SHA512_256, digest};
use md5::Md5;
use std::borrow::Cow;
use std::fmt::Write;

/// A challenge of a server or a proxy that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Digest {
    algorithm: &'static Algorithm,
    /// The server has named it; some that are older than these names do not take it back.
    is_named: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// With `qop=auth`; else as in RFC 2069, which a server that names no `qop` speaks.
    has_qop: bool,
    /// The user's name is to be hashed as well.
    hashes_user: bool,
    /// Names that are no ASCII may be encoded as RFC 5987 has it.
    is_utf8: bool,
    /// The answer before was right but for its nonce.
    pub(super) is_stale: bool,
}

#[derive(PartialEq, Eq, Debug)]
struct Algorithm {
    name: &'static str,
    hash: Hash,
    /// The nonces are in the hash of the password too.
    is_session: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

/// The words for a challenge that cannot be answered.
pub(in crate::connect) const UNKNOWN_DIGEST: &str = "its Digest is of a kind that is not known here (known are MD5, SHA-256 and SHA-512-256, with qop auth or without)";

const ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "MD5", hash: Hash::Md5, is_session: false },
    Algorithm { name: "MD5-sess", hash: Hash::Md5, is_session: true },
    Algorithm { name: "SHA-256", hash: Hash::Sha256, is_session: false },
    Algorithm { name: "SHA-256-sess", hash: Hash::Sha256, is_session: true },
    Algorithm { name: "SHA-512-256", hash: Hash::Sha512_256, is_session: false },
    Algorithm { name: "SHA-512-256-sess", hash: Hash::Sha512_256, is_session: true },
];

impl Hash {
    /// The hash in hex digits.
    fn of(self, data: &[u8]) -> String {
        fn hex(bytes: &[u8]) -> String {
            bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
        }
        match self {
            Hash::Md5 => hex(&<Md5 as md5::Digest>::digest(data)),
            Hash::Sha256 => hex(digest(&SHA256, data).as_ref()),
            Hash::Sha512_256 => hex(digest(&SHA512_256, data).as_ref()),
        }
    }
}

/// A number of ours, so that nobody can prepare answers to nonces of his choice.
pub(super) fn client_nonce() -> String {
    format!("{:032x}", u128::from_ne_bytes(crate::random::bytes::<16>()))
}

impl Digest {
    /// The strongest of the challenges that can be answered; of several that are as strong, the one that the server prefers.
    pub(super) fn strongest(head: &Head, name: &str) -> Option<Digest> {
        let mut best: Option<Digest> = None;
        for digest in challenges(head, name).iter().filter_map(Digest::read) {
            if best.as_ref().is_none_or(|best| best.algorithm.hash < digest.algorithm.hash) {
                best = Some(digest);
            }
        }
        best
    }

    /// `None`: it is no digest, or one of a kind that is not known here.
    fn read(challenge: &Challenge) -> Option<Digest> {
        if !challenge.is("Digest") {
            return None;
        }
        let named = challenge.get("algorithm");
        let algorithm = named.unwrap_or("MD5");
        let algorithm = ALGORITHMS.iter().find(|known| known.name.eq_ignore_ascii_case(algorithm))?;
        let qop = challenge.get("qop");
        let has_auth = |qop: &str| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"));
        if qop.is_some_and(|qop| !has_auth(qop)) {
            return None;
        }
        let is_set = |name: &str| challenge.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Some(Digest {
            algorithm,
            is_named: named.is_some(),
            realm: challenge.get("realm")?.to_owned(),
            nonce: challenge.get("nonce")?.to_owned(),
            opaque: challenge.get("opaque").map(str::to_owned),
            has_qop: qop.is_some(),
            hashes_user: is_set("userhash"),
            is_utf8: challenge.get("charset").is_some_and(|charset| charset.eq_ignore_ascii_case("UTF-8")),
            is_stale: is_set("stale"),
        })
    }

    pub(super) fn algorithm(&self) -> &'static str {
        self.algorithm.name
    }

    /// The value of `Authorization` for the `count`-th request with this nonce, with a nonce of the client's.
    pub(super) fn answer(
        &self,
        login: &Login,
        method: &str,
        target: &str,
        count: u32,
        client_nonce: &str,
    ) -> String {
        let Digest { algorithm, realm, nonce, .. } = self;
        let hash = algorithm.hash;
        let joined = |parts: &[&[u8]]| hash.of(&parts.join(&b':'));
        let mut secret = joined(&[&login.user, realm.as_bytes(), &login.password]);
        if algorithm.is_session {
            secret = joined(&[secret.as_bytes(), nonce.as_bytes(), client_nonce.as_bytes()]);
        }
        let request = joined(&[method.as_bytes(), target.as_bytes()]);
        let count = format!("{count:08x}");
        let response = match self.has_qop {
            true => joined(&[&secret, nonce, &count, client_nonce, "auth", &request].map(str::as_bytes)),
            false => joined(&[&secret, nonce.as_str(), &request].map(str::as_bytes)),
        };
        let mut value = format!("Digest {}", self.user(login));
        let _ = write!(value, ", realm={}, nonce={}, uri={}", quoted(realm), quoted(nonce), quoted(target));
        if self.is_named {
            let _ = write!(value, ", algorithm={}", algorithm.name);
        }
        if self.has_qop {
            let _ = write!(value, ", qop=auth, nc={count}");
        }
        if self.has_qop || algorithm.is_session {
            let _ = write!(value, ", cnonce=\"{client_nonce}\"");
        }
        let _ = write!(value, ", response=\"{response}\"");
        if let Some(opaque) = &self.opaque {
            let _ = write!(value, ", opaque={}", quoted(opaque));
        }
        if self.hashes_user {
            value.push_str(", userhash=true");
        }
        value
    }

    fn user(&self, login: &Login) -> String {
        let user = String::from_utf8_lossy(&login.user);
        if self.hashes_user {
            let hashed = self.algorithm.hash.of(&[&login.user, self.realm.as_bytes()].join(&b':'));
            return format!("username=\"{hashed}\"");
        }
        if self.is_utf8 && !user.is_ascii() {
            return format!("username*=UTF-8''{}", percent_encoded(&user));
        }
        format!("username={}", quoted(&user))
    }
}

/// RFC 9110 §5.6.4.
fn quoted(text: &str) -> String {
    let text = match text.contains(['"', '\\']) {
        true => Cow::from(text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => Cow::from(text),
    };
    format!("\"{text}\"")
}

/// RFC 8187 §3.2.1.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::response::HeadReader;

    fn strongest(challenges: &[&str]) -> Option<Digest> {
        let mut reader = HeadReader::default();
        let lines: String = challenges.iter().map(|line| format!("WWW-Authenticate: {line}\r\n")).collect();
        reader.buffer().extend_from_slice(format!("HTTP/1.1 401 No\r\n{lines}\r\n").as_bytes());
        Digest::strongest(&reader.next().unwrap().unwrap(), "WWW-Authenticate")
    }

    fn login(user: &str, password: &str) -> Login {
        Login::new(user.into(), password.into()).unwrap()
    }

    fn parameter(answer: &str, name: &str) -> Option<String> {
        let value = answer.split_once(&format!("{name}="))?.1;
        Some(value.split([',']).next()?.trim_matches('"').to_owned())
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_examples_of_the_rfc_are_answered_as_it_says() {
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let ours = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let digest = strongest(&[&challenge(algorithm)]).unwrap();
            let answer = digest.answer(&login("Mufasa", "Circle of Life"), "GET", "/dir/index.html", 1, ours);
            assert_eq!(
                answer,
                format!(
                    "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
                     nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", \
                     algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"{ours}\", response=\"{response}\", \
                     opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
                )
            );
        }
        let both = strongest(&[&challenge("MD5"), &challenge("SHA-256")]).unwrap();
        assert_eq!(both.algorithm(), "SHA-256");
        let both = strongest(&[&challenge("SHA-256"), &challenge("MD5"), "Basic realm=x"]).unwrap();
        assert_eq!(both.algorithm(), "SHA-256");
    }

    /// RFC 7616 §3.9.2, as its erratum 4897 mends it.
    #[test]
    fn a_user_can_be_hashed_too() {
        let digest = strongest(&["Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
             nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
             opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true"])
        .unwrap();
        let ours = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let answer =
            digest.answer(&login("J\u{e4}s\u{f8}n Doe", "Secret, or not?"), "GET", "/doe.json", 1, ours);
        let get = |name: &str| parameter(&answer, name);
        assert_eq!(
            get("username").as_deref(),
            Some("793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
        );
        assert_eq!(
            get("response").as_deref(),
            Some("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
        );
        assert_eq!(get("userhash").as_deref(), Some("true"));
    }

    /// RFC 2069 §2.4, as its erratum 749 mends it, and RFC 2617 §3.5.
    #[test]
    fn a_server_of_long_ago_is_answered_without_qop_and_algorithm() {
        let challenge = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let digest = strongest(&[challenge]).unwrap();
        let answer = digest.answer(&login("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", 1, "0a4f113b");
        assert_eq!(parameter(&answer, "response").as_deref(), Some("1949323746fe6a43ef61f9606e7febea"));
        for absent in ["qop", "nc=", "cnonce", "algorithm", "opaque", "userhash"] {
            assert!(!answer.contains(absent), "{answer}");
        }
        let digest = strongest(&[&format!("{challenge}, qop=auth")]).unwrap();
        let answer =
            digest.answer(&login("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", 1, "0a4f113b");
        assert_eq!(parameter(&answer, "response").as_deref(), Some("6629fae49393a05397450978507c4ef1"));
    }

    #[test]
    fn a_session_has_both_nonces_in_its_secret() {
        let digest = strongest(&["Digest realm=r, nonce=n, algorithm=md5-SESS"]).unwrap();
        let answer = digest.answer(&login("u", "p"), "GET", "/", 1, "c");
        let secret = Hash::Md5.of(format!("{}:n:c", Hash::Md5.of(b"u:r:p")).as_bytes());
        let response = Hash::Md5.of(format!("{secret}:n:{}", Hash::Md5.of(b"GET:/")).as_bytes());
        assert_eq!(parameter(&answer, "response"), Some(response));
        assert!(answer.contains("algorithm=MD5-sess") && answer.contains("cnonce=\"c\""), "{answer}");
    }

    #[test]
    fn what_is_not_known_is_not_answered() {
        for challenge in [
            "Basic realm=r",
            "Digest realm=r",
            "Digest nonce=n",
            "Digest realm=r, nonce=n, algorithm=MD4",
            "Digest realm=r, nonce=n, qop=\"auth-int\"",
            "Digest realm=r, nonce=n, qop=\"\"",
        ] {
            assert_eq!(strongest(&[challenge]), None, "{challenge}");
        }
    }

    #[test]
    fn names_are_quoted_or_encoded() {
        let digest = strongest(&["Digest realm=\"a \\\"b\\\" \\\\c\", nonce=n"]).unwrap();
        let answer = digest.answer(&login("d\"e\\", "p"), "GET", "/", 1, "c");
        assert!(answer.starts_with(r#"Digest username="d\"e\\", realm="a \"b\" \\c", "#), "{answer}");
        let digest = strongest(&["Digest realm=r, nonce=n, charset=utf-8"]).unwrap();
        let answer = digest.answer(&login("J\u{e4}s n", "p"), "GET", "/", 1, "c");
        assert!(answer.starts_with("Digest username*=UTF-8''J%C3%A4s%20n, "), "{answer}");
    }
}
