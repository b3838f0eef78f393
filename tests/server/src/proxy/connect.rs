//! HTTP CONNECT.

use super::{Session, connect};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http;

/// `Some`: from here on bytes are to be carried.
pub(super) async fn serve(session: &mut Session) -> io::Result<Option<TcpStream>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(session.stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    session.asked(&head);
    let port = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .and_then(|target| target.parse::<http::uri::Authority>().ok())
        .and_then(|authority| authority.port_u16());
    let Some(port) = port else {
        session.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        return Ok(None);
    };
    if !authorized(session, &head) {
        let challenge =
            b"HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 4\r\n\r\nwho?";
        session.answer(challenge).await?;
        return Ok(None);
    }
    let Ok(target) = connect(port).await else {
        session.answer(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nnobody").await?;
        return Ok(None);
    };
    let goes_on = session.answer(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    Ok(goes_on.then_some(target))
}

fn authorized(session: &Session, head: &str) -> bool {
    let Some((user, password)) = session.conduct().password else { return true };
    let value = head.split("\r\n").find_map(|line| line.strip_prefix("Proxy-Authorization: Basic "));
    value == Some(&base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize] as char;
            text.push(if i <= group.len() { letter } else { '=' });
        }
    }
    text
}
