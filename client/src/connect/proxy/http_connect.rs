//! HTTP CONNECT (RFC 9110 §9.3.6): one question, one answer. Whatever is not 2xx is a refusal, and a refusal is told,
//! never tried again.

use super::{Credentials, Proxy};
use crate::connect::exchange::{patience, read_some, refused_body, write_all};
use crate::connect::readiness::Readiness;
use crate::connect::response::{Head, HeadReader};
use crate::connect::url::Destination;
use crate::error::{Component, Error, ErrorCode, HttpAnswer, code_of_io};
use crate::transport::Transport;
use std::io;
use std::time::Instant;

/// Has the proxy connect to the destination. `early`: what it said before it was asked.
pub(super) async fn ask(
    proxy: &Proxy,
    to: &Destination,
    headers: &[(String, String)],
    transport: &Transport,
    readiness: &Readiness,
    early: Vec<u8>,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    if !early.is_empty() {
        return Err(proxy.error("spoke before it was asked"));
    }
    let target = to.authority_with_port();
    let broken = |error: &io::Error| {
        let why = format!("broke off when it was asked for {target}: {error}");
        let os_code = error.raw_os_error().unwrap_or(0);
        proxy
            .error(why)
            .with_detail(code_of_io(error), Component::Proxy, error.to_string())
            .with_os_code(os_code)
            .without_verdict()
    };
    let request = request(proxy, &target, headers)?;
    write_all(transport, readiness, request.as_bytes()).await.map_err(|error| broken(&error))?;
    let mut reader = HeadReader::default();
    let head = loop {
        let head = reader.next().map_err(|why| {
            proxy.error(format_args!("answered with what is no acceptable HTTP: {why}; is it an HTTP proxy?"))
        })?;
        match head {
            // Interim answers (RFC 9110 §15.2); nobody asked for another protocol.
            Some(head) if (100..200).contains(&head.status) && head.status != 101 => {}
            Some(head) => break head,
            None => match read_some(transport, readiness, reader.buffer()).await {
                Ok(true) => {}
                Ok(false) => {
                    let why = format_args!("ended the connection before it had answered for {target}");
                    return Err(proxy.error(why).without_verdict());
                }
                Err(error) => return Err(broken(&error)),
            },
        }
    };
    let rest = reader.into_rest();
    if !(200..300).contains(&head.status) {
        let body = refused_body(&head, transport, readiness, rest, patience(deadline)).await;
        return Err(refusal(proxy, &target, head, body));
    }
    // Content-Length and Transfer-Encoding of such an answer are to be ignored: it has no body. Bytes behind it come
    // before anything that the destination could have been asked, and would be taken for its own.
    if !rest.is_empty() {
        return Err(proxy.error(format_args!(
            "sent {} bytes behind its answer, before {target} was asked anything",
            rest.len()
        )));
    }
    Ok(())
}

/// The host's own `Proxy-Authorization` replaces that of the proxy's URL.
fn request(proxy: &Proxy, target: &str, headers: &[(String, String)]) -> Result<String, Error> {
    let host_authorizes = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    let authorization = match &proxy.credentials {
        Some(Credentials::Basic(value)) if !host_authorizes => format!("Proxy-Authorization: {value}\r\n"),
        _ => String::new(),
    };
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

fn refusal(proxy: &Proxy, target: &str, head: Head, body: Vec<u8>) -> Error {
    let hint = match (head.status, proxy.credentials.is_some()) {
        // Some say 401 where the password is wrong.
        (401 | 407, _) if !offers_basic(&head) => {
            "; it wants an authorization that is not Basic, which is not supported"
        }
        (401 | 407, true) => "; it does not take the user and password of its URL",
        (401 | 407, false) => "; it wants authorization: user:password@ in its URL",
        (403 | 405, _) => "; its rules forbid this host or port",
        (502..=504, _) => "; it could not reach the server",
        _ => "",
    };
    let reason: String = head.reason.escape_debug().take(100).collect();
    let message = format!("refused to connect to {target}: {} {reason}{hint}", head.status);
    let answer = HttpAnswer { status: head.status, headers: head.headers, body };
    proxy.error(message).with_http(answer)
}

/// Whether one of the challenges is Basic, or there is none (RFC 9110 §11.6.1).
fn offers_basic(head: &Head) -> bool {
    let mut challenges = head.all("Proxy-Authenticate").flat_map(|value| value.split(',')).peekable();
    let is_basic =
        |part: &str| part.trim().split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("basic"));
    challenges.peek().is_none() || challenges.any(is_basic)
}
