//! The opening handshake, and who serves what was asked for.

use std::io;
use std::sync::Arc;
use std::thread;

use base64::Engine;
use sha1::{Digest, Sha1};

use super::bytes::Samples;
use super::{Link, serve, ticker};
use crate::spin::Spinning;

/// Reads the request and serves it, here or on a thread of its own.
pub(crate) fn accept<L: Link>(mut link: L, samples: &Arc<Samples>) -> io::Result<()> {
    let Some(head) = read_head(&mut link)? else { return Ok(()) };
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut response = response(&head);
    if let Some(how) = path.strip_prefix("/deflate/").filter(|_| head.contains("permessage-deflate")) {
        let fresh = how.starts_with("fresh");
        response.push_str("Sec-WebSocket-Extensions: permessage-deflate");
        response.push_str(if fresh {
            "; server_no_context_takeover; client_no_context_takeover\r\n"
        } else {
            "\r\n"
        });
    }
    response.push_str("\r\n");
    if path == "/connect" {
        link.write_all(response.as_bytes())?;
        return serve::echo(link, serve::same_length());
    }
    let samples = Arc::clone(samples);
    // Small stacks: thousands of idle connections are served at a time.
    thread::Builder::new().stack_size(256 * 1024).spawn(move || {
        let _ = serve(link, &path, response.as_bytes(), &samples);
    })?;
    Ok(())
}

fn serve<L: Link>(mut link: L, path: &str, response: &[u8], samples: &Samples) -> io::Result<()> {
    let mut parts = path.trim_start_matches('/').split('/');
    let kind = parts.next().unwrap_or("");
    let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).unwrap_or(1);
    match kind {
        "flood" => {
            let (size, messages) = (number(), number());
            serve::flood(link, response, size, messages)
        }
        "sink" => {
            let messages = number();
            link.write_all(response)?;
            serve::sink(link, messages)
        }
        "tick" => {
            let (size, per_second) = (number(), number());
            link.write_all(response)?;
            ticker::add(link.bare(), size, per_second);
            Ok(())
        }
        "spin" => {
            link.write_all(response)?;
            match link.bare() {
                Some(stream) => serve::echo(Spinning::new(stream)?, serve::same_length()),
                None => Ok(()),
            }
        }
        "polled" => {
            link.write_all(response)?;
            link.look_before_sleeping();
            serve::echo(link, serve::same_length())
        }
        "deflate" => {
            link.write_all(response)?;
            let mut answers = samples.compressed(path.ends_with("64k")).iter().cycle();
            serve::echo(link, |_, bytes| {
                bytes.clear();
                bytes.extend_from_slice(answers.next().expect("samples"));
            })
        }
        _ => {
            link.write_all(response)?;
            serve::echo(link, serve::same_length())
        }
    }
}

fn read_head(link: &mut impl Link) -> io::Result<Option<String>> {
    let mut head = vec![0; 16 * 1024];
    let mut filled = 0;
    while !head[..filled].ends_with(b"\r\n\r\n") {
        match link.read(&mut head[filled..])? {
            0 => return Ok(None),
            n => filled += n,
        }
    }
    head.truncate(filled);
    Ok(String::from_utf8(head).ok())
}

fn response(head: &str) -> String {
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map_or("", |(_, key)| key.trim());
    let digest =
        Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    )
}
