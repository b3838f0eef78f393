//! The opening handshake of RFC 6455 §4.1: the request, and the strict judgement of the answer.

use super::exchange::{patience, read_some, refused_body, write_some};
use super::readiness::Readiness;
use super::redirect::is_followed;
use super::refusal::refusal;
use super::request::{self, Offer, offered_extensions};
use super::response::{Head, HeadReader, not_accepted, refused};
use super::stranger::shown_text;
use super::terms::Terms;
use super::url::Destination;
use crate::clock;
use crate::error::{Component, Error, ErrorCode, HttpAnswer};
use crate::header_list::HeaderList;
use crate::log::log;
use crate::options::Options;
use crate::timer::timeout;
use crate::transport::{Transport, tls_failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::borrow::Cow;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};
use ws4d_protocol::deflate;

/// The terms to which the server agreed.
pub(crate) struct Accepted {
    pub(crate) subprotocol: Option<String>,
    /// The terms of compression.
    pub(crate) deflate: Option<deflate::Params>,
    pub(crate) status: u16,
    pub(crate) headers: HeaderList,
    /// Frames that came with the answer.
    pub(crate) rest: Vec<u8>,
    /// When the answer came.
    pub(crate) time_us: i64,
}

/// Sends the request and judges the answer; where the server asks for Digest, sends it once more. `early`: what came before
/// it was asked.
pub(super) async fn upgrade(
    to: &Destination,
    options: &Options,
    terms: &mut Terms,
    transport: &Transport,
    readiness: &Readiness,
    mut early: Vec<u8>,
    deadline: Option<Instant>,
) -> Result<Accepted, Error> {
    let login = request::login(to, options);
    let mut has_answered = false;
    loop {
        let key = STANDARD.encode(crate::random::bytes::<16>());
        let authorization = login.map(|login| terms.server.value(login, "GET", &to.resource));
        let request = request::request(to, options, terms.offer, authorization.as_deref(), &key)?;
        let asked = ask(to, options, request, transport, readiness, std::mem::take(&mut early)).await;
        if has_answered && asked.as_ref().is_err_and(|failure| failure.code() == ErrorCode::ConnectionReset) {
            // It need not say that it is going to end a connection.
            terms.server.want_connection();
        }
        let (head, rest) = asked?;
        if head.status == 101 {
            return accepted(to, options, head, rest, &key);
        }
        let patience = match is_followed(head.status, options) {
            true => Duration::ZERO,
            false => patience(deadline),
        };
        let body = refused_body(&head, transport, readiness, rest, patience).await;
        if terms.server.take(&head, login) {
            let (shown, digest) = (&to.shown, terms.server.digest().unwrap_or_default());
            log!(Info, Component::Http, "{shown} answered 401: asked again with Digest ({digest})");
            if body.can_go_on {
                has_answered = true;
                continue;
            }
            terms.server.want_connection();
        }
        return Err(refusal(to, options, terms.server.digest(), head, body.bytes));
    }
}

fn failed(to: &Destination) -> String {
    format!("The upgrade of {} failed", to.shown)
}

/// Sends a request and reads the head of the answer, and what came behind it.
async fn ask(
    to: &Destination,
    options: &Options,
    request: String,
    transport: &Transport,
    readiness: &Readiness,
    early: Vec<u8>,
) -> Result<(Head, Vec<u8>), Error> {
    let broken = |error: &io::Error| match tls_failure(error) {
        Some(failure) => super::tls::describe(&to.authority_with_port(), &options.tls, failure),
        None => Error::from_io(Component::Http, &format!("The upgrade of {} broke off", to.shown), error),
    };
    let reader = HeadReader::default();
    let mut asking = Asking { request: request.into_bytes(), sent: 0, failure: None, reader };
    *asking.reader.buffer() = early;
    let head = loop {
        match next_head(&mut asking.reader).map_err(|error| error.while_doing(&failed(to)))? {
            // Interim answers (RFC 9110 §15.2) come before the one that counts.
            Some(head) if (100..200).contains(&head.status) && head.status != 101 => {}
            Some(head) => break head,
            None => match asking.turn(transport, readiness).await {
                Ok(true) => {}
                Ok(false) => return Err(ended(to)),
                Err(error) => return Err(broken(&error)),
            },
        }
    };
    if head.status == 101 && !asking.request.is_empty() {
        return Err(not_accepted("it came before all of the request had left").while_doing(&failed(to)));
    }
    Ok((head, asking.reader.into_rest()))
}

fn ended(to: &Destination) -> Error {
    let cure = if to.is_secure() { "" } else { "; does its port want wss://?" };
    let message =
        format!("The server of {} ended the connection before it answered the upgrade{cure}", to.shown);
    Error::new(ErrorCode::ConnectionReset, Component::Http, message)
}

fn accepted(
    to: &Destination,
    options: &Options,
    head: Head,
    rest: Vec<u8>,
    key: &str,
) -> Result<Accepted, Error> {
    let time_us = clock::now_us();
    let (subprotocol, deflate) = judge(&head, key, options).map_err(|error| {
        let Head { status, headers, .. } = head.clone();
        error.while_doing(&failed(to)).with_http(HttpAnswer { status, headers, body: Vec::new() })
    })?;
    Ok(Accepted { subprotocol, deflate, status: head.status, headers: head.headers, rest, time_us })
}

/// So long a piece of an answer is waited for that had left before the connection broke.
const LATE_ANSWER: Duration = Duration::from_secs(1);

/// A request that leaves while the answer may already come: a server that refuses a large one does not read all of it.
struct Asking {
    /// Freed once all of it has left, or cannot.
    request: Vec<u8>,
    sent: usize,
    /// The reason why the rest of it cannot leave.
    failure: Option<io::Error>,
    reader: HeadReader,
}

impl Asking {
    /// Writes some of it, or reads some of the answer. `false`: the server has ended its side.
    async fn turn(&mut self, transport: &Transport, readiness: &Readiness) -> io::Result<bool> {
        if self.request.is_empty() {
            let read = read_some(transport, readiness, self.reader.buffer());
            let Some(failure) = self.failure.take() else { return read.await };
            // The failure is reported only without an answer; an answer that was sent before is here, or about to
            // arrive.
            return match timeout(LATE_ANSWER, pin!(read)).await {
                Ok(Ok(true)) => {
                    self.failure = Some(failure);
                    Ok(true)
                }
                Ok(Ok(false) | Err(_)) | Err(_) => Err(failure),
            };
        }
        let mut left = &self.request[self.sent..];
        let written = write_some(transport, readiness, &mut left, self.reader.buffer()).await;
        self.sent = self.request.len() - left.len();
        if left.is_empty() || written.is_err() {
            (self.request, self.sent) = (Vec::new(), 0);
        }
        written.or_else(|failure| {
            // The answer may have come before the connection broke.
            self.failure = Some(failure);
            Ok(true)
        })
    }
}

pub(crate) fn next_head(reader: &mut HeadReader) -> Result<Option<Head>, Error> {
    let head = reader.next().map_err(refused)?;
    // Its refusals are as good as those of HTTP/1.1.
    if head.as_ref().is_some_and(|head| head.minor_version == 0 && head.status < 200) {
        return Err(refused("it is HTTP/1.0, which knows no upgrade"));
    }
    Ok(head)
}

/// The value of `Sec-WebSocket-Accept` for a key (RFC 6455 §1.3).
pub(crate) fn accept_of(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// RFC 6455 §4.1, the client's list of reasons to fail; returns the subprotocol, and what was agreed about compression.
pub(crate) fn judge(
    head: &Head,
    key: &str,
    options: &Options,
) -> Result<(Option<String>, Option<deflate::Params>), Error> {
    let only = |name: &'static str| -> Result<Option<&str>, Error> {
        let mut values = head.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(not_accepted(format_args!("it has more than one {name} header")));
        }
        Ok(first)
    };
    match only("Upgrade")? {
        Some(value) if value.eq_ignore_ascii_case("websocket") => {}
        Some(_) => return Err(not_accepted("its Upgrade header is not \"websocket\"")),
        None => return Err(not_accepted("it has no Upgrade header")),
    }
    let mut connection = head.all("Connection").flat_map(|value| value.split(','));
    if !connection.any(|token| token.trim_matches([' ', '\t']).eq_ignore_ascii_case("upgrade")) {
        return Err(not_accepted("its Connection header does not have \"Upgrade\""));
    }
    match only("Sec-WebSocket-Accept")? {
        Some(value) if value == accept_of(key) => {}
        Some(_) => {
            return Err(not_accepted("its Sec-WebSocket-Accept does not answer the key that was sent"));
        }
        None => return Err(not_accepted("it has no Sec-WebSocket-Accept header")),
    }
    let extensions: Vec<&str> = head.all("Sec-WebSocket-Extensions").collect();
    let judged = match options.compression.level {
        #[cfg(feature = "compression")]
        1.. => deflate::accept(&extensions, &options.compression.offer),
        _ => deflate::accept_none(&extensions).map(|()| None),
    };
    let deflate = judged.map_err(|why| {
        let offered = match offered_extensions(options, Offer::AsSet) {
            Some(offered) => format!("offered was \"{offered}\"; ws_options_set_compression 0 goes without"),
            None => "nothing was offered (ws_options_set_compression is 0)".to_owned(),
        };
        let answer = extensions.join(", ");
        not_accepted(format_args!(
            "its Sec-WebSocket-Extensions \"{}\" does not answer the offer: {why}; {offered}",
            shown_text(&answer)
        ))
    })?;
    let subprotocol = match only("Sec-WebSocket-Protocol")? {
        None => None,
        Some(value) if options.subprotocols.iter().any(|one| one == value) => Some(value.to_owned()),
        Some(value) => {
            let offered = match &options.subprotocols[..] {
                [] => "none was".to_owned(),
                some => {
                    format!("\"{}\" was", some.iter().map(|name| told(name)).collect::<Vec<_>>().join(", "))
                }
            };
            return Err(not_accepted(format_args!(
                "its subprotocol \"{}\" was not offered: {offered} (ws_options_set_subprotocol)",
                shown_text(value)
            )));
        }
    };
    Ok((subprotocol, deflate))
}

/// A subprotocol as errors and the log show it: some services take a token in its place, which is long, and a secret.
fn told(name: &str) -> Cow<'_, str> {
    const LONGEST: usize = 16;
    const BEGINNING: usize = 6;
    match name.get(..BEGINNING) {
        Some(beginning) if name.len() > LONGEST => format!("{beginning}...").into(),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> Head {
        let mut reader = HeadReader::default();
        reader.buffer().extend_from_slice(format!("HTTP/1.1 101 Ok\r\n{lines}\r\n").as_bytes());
        reader.next().unwrap().unwrap()
    }

    /// Options that offer these subprotocols, and no extension.
    fn offering(subprotocols: &[&str]) -> Options {
        let mut options = Options::default();
        options.set_compression(0).unwrap();
        for protocol in subprotocols {
            options.set_subprotocol(protocol).unwrap();
        }
        options
    }

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: &str = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert_eq!(judge(&head(GOOD), KEY, &Options::default()).unwrap(), (None, None));
        let offered = offering(&["a", "b"]);
        let answer = head(&format!("{GOOD}Sec-WebSocket-Protocol: b\r\n"));
        assert_eq!(judge(&answer, KEY, &offered).unwrap().0.as_deref(), Some("b"));
        let answer = head(&format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        let mut compressing = Options::default();
        compressing.set_compression(1).unwrap();
        assert!(judge(&answer, KEY, &compressing).unwrap().1.is_some());
    }

    #[test]
    fn a_wrong_answer_is_refused_with_its_reason() {
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        for (lines, why) in [
            (GOOD.replace("Upgrade: WebSocket\r\n", ""), "no Upgrade header"),
            (GOOD.replace("WebSocket\r", "notwebsocket\r"), "not \"websocket\""),
            (GOOD.replace("keep-alive, Upgrade", "keep-alive"), "Connection"),
            (GOOD.replace(accept, ""), "no Sec-WebSocket-Accept"),
            (GOOD.replace("s3pP", "S3pP"), "does not answer the key"),
            (format!("{GOOD}{accept}"), "more than one"),
            (format!("{GOOD}Upgrade: websocket\r\n"), "more than one"),
            (format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n"), "not offered"),
            (format!("{GOOD}Sec-WebSocket-Protocol: A\r\n"), "not offered"),
            (format!("{GOOD}Sec-WebSocket-Protocol: a, a\r\n"), "not offered"),
            (format!("{GOOD}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n"), "more than one"),
        ] {
            let error = judge(&head(&lines), KEY, &offering(&["a"])).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Handshake);
            assert!(error.to_string().contains(why), "{error} does not say {why}");
        }
    }
}
