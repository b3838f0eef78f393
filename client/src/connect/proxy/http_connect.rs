//! HTTP CONNECT (RFC 9110 §9.3.6): one question, one answer. An answer that is not 2xx is a refusal, which is reported
//! and not tried again; only a proxy that asks for Digest is asked once more.

use super::{Asked, Credentials, Proxy};
use crate::connect::auth::{Asker, Login, UNKNOWN_DIGEST, offers, schemes};
use crate::connect::exchange::{patience, read_some, refused_body, write_all};
use crate::connect::readiness::Readiness;
use crate::connect::response::{Head, HeadReader};
use crate::connect::stranger::shown_text;
use crate::connect::url::Destination;
use crate::error::{Component, Error, ErrorCode, HttpAnswer, code_of_io};
use crate::log::log;
use crate::transport::Transport;
use std::io;

/// Has the proxy connect to the destination. `early`: what it said before it was asked.
pub(super) async fn ask(
    proxy: &Proxy,
    to: &Destination,
    asked: Asked<'_>,
    transport: &Transport,
    readiness: &Readiness,
    early: Vec<u8>,
) -> Result<(), Error> {
    if !early.is_empty() {
        return Err(proxy.error("spoke before it was asked; is it an HTTP proxy?"));
    }
    let Asked { headers, authorization, deadline, .. } = asked;
    let target = to.authority_with_port();
    let login = login(proxy, headers);
    let mut has_answered = false;
    loop {
        let value = login.map(|login| authorization.value(login, "CONNECT", &target));
        let request = request(&target, value.as_deref(), headers)?;
        let answer = exchange(proxy, &target, &request, transport, readiness).await;
        if has_answered && answer.as_ref().is_err_and(Error::is_without_verdict) {
            // It need not say that it is going to end a connection.
            authorization.want_connection();
        }
        let (head, rest) = answer?;
        if (200..300).contains(&head.status) {
            return opened(proxy, &target, &rest);
        }
        let body = refused_body(&head, transport, readiness, rest, patience(deadline)).await;
        if authorization.take(&head, login) {
            let digest = authorization.digest().unwrap_or_default();
            log!(Info, Component::Proxy, "{proxy} answered 407: asked again with Digest ({digest})");
            if body.can_go_on {
                has_answered = true;
                continue;
            }
            authorization.want_connection();
        }
        return Err(refusal(proxy, &target, authorization.digest(), head, body.bytes));
    }
}

/// Content-Length and Transfer-Encoding of such an answer are to be ignored: it has no body. Bytes behind it come before
/// anything that the destination could have been asked, and would be taken for its own.
fn opened(proxy: &Proxy, target: &str, rest: &[u8]) -> Result<(), Error> {
    if rest.is_empty() {
        return Ok(());
    }
    let len = rest.len();
    Err(proxy.error(format_args!("sent {len} bytes behind its answer, before {target} was asked anything")))
}

/// Sends a request and reads the head of the answer, and what came behind it.
async fn exchange(
    proxy: &Proxy,
    target: &str,
    request: &str,
    transport: &Transport,
    readiness: &Readiness,
) -> Result<(Head, Vec<u8>), Error> {
    let broken = |error: &io::Error| {
        let why = format!("broke off when it was asked for {target}: {error}");
        let os_code = error.raw_os_error().unwrap_or(0);
        proxy
            .error(why)
            .with_detail(code_of_io(error), Component::Proxy, error.to_string())
            .with_os_code(os_code)
            .without_verdict()
    };
    write_all(transport, readiness, request.as_bytes()).await.map_err(|error| broken(&error))?;
    let mut reader = HeadReader::default();
    loop {
        let head = reader.next().map_err(|why| {
            proxy.error(format_args!(
                "answered with what is no acceptable HTTP: {}; is it an HTTP proxy?",
                why.of_a_proxy()
            ))
        })?;
        match head {
            // Interim answers (RFC 9110 §15.2); nobody asked for another protocol.
            Some(head) if (100..200).contains(&head.status) && head.status != 101 => {}
            Some(head) => return Ok((head, reader.into_rest())),
            None => match read_some(transport, readiness, reader.buffer()).await {
                Ok(true) => {}
                Ok(false) => {
                    let why = format_args!("ended the connection before it had answered for {target}");
                    return Err(proxy.error(why).without_verdict());
                }
                Err(error) => return Err(broken(&error)),
            },
        }
    }
}

/// The user and password of its URL, unless the host has a header of its own for that.
fn login<'a>(proxy: &'a Proxy, headers: &[(String, String)]) -> Option<&'a Login> {
    let host_authorizes = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    match &proxy.credentials {
        Some(Credentials::Http(login)) if !host_authorizes => Some(login),
        _ => None,
    }
}

fn request(target: &str, authorization: Option<&str>, headers: &[(String, String)]) -> Result<String, Error> {
    let authorization =
        authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}");
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    request.try_reserve_exact(size + 2).map_err(|_| {
        let message = "There is no memory left for the headers of the request to the proxy";
        Error::new(ErrorCode::OutOfMemory, Component::Proxy, message)
    })?;
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    Ok(request)
}

fn refusal(proxy: &Proxy, target: &str, digest: Option<&str>, head: Head, body: Vec<u8>) -> Error {
    let asked_by = Asker::Proxy.challenges();
    let hint = match head.status {
        // Some say 401 where the password is wrong.
        401 | 407 => unauthorized(proxy, digest, &head, asked_by),
        403 | 405 => "; its rules forbid this host or port".into(),
        502..=504 => "; it could not reach the server".into(),
        _ => String::new(),
    };
    let reason = shown_text(&head.reason);
    let message = format!("refused to connect to {target}: {} {reason}{hint}", head.status);
    let answer = HttpAnswer { status: head.status, headers: head.headers, body };
    proxy.error(message).with_http(answer)
}

fn unauthorized(proxy: &Proxy, digest: Option<&str>, head: &Head, asked_by: &'static str) -> String {
    const REFUSED: &str = "; it does not take the user and password of its URL";
    let is_silent = head.all(asked_by).next().is_none();
    let [basic, asks_digest] = ["basic", "digest"].map(|scheme| offers(head, asked_by, scheme));
    match digest {
        Some(algorithm) => {
            format!("{REFUSED}, neither as Basic nor as Digest ({algorithm}): are they right?")
        }
        None if !(is_silent || basic || asks_digest) => {
            format!("; it wants {}; what is spoken here is Basic and Digest", schemes(head, asked_by))
        }
        None if proxy.credentials.is_none() => "; it wants authorization: user:password@ in its URL".into(),
        None if asks_digest && !basic => format!("{REFUSED}, which went as Basic, and {UNKNOWN_DIGEST}"),
        None => REFUSED.into(),
    }
}
