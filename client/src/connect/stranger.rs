//! Peers that speak something else where an HTTP answer was expected, judged by their first bytes.

/// So many bytes of what a stranger sent are shown.
const MOST_SHOWN: usize = 40;
/// So many letters of what it said in an HTTP answer.
const MOST_LETTERS: usize = 100;

/// The words for such bytes: how they begin; and for those of a server what that looks like, and what to do.
pub(super) fn described(bytes: &[u8]) -> (String, &'static str) {
    let what = match bytes {
        // A record of TLS: an alert, or a handshake.
        [0x15 | 0x16, ..] => {
            return ("it does not begin with HTTP/1.1 but as TLS does".to_owned(), "; try wss://");
        }
        // A frame of settings on stream 0 (RFC 9113 3.4), as the first that a server says.
        [0, 0, _, 4, _, 0, 0, 0, 0, ..] | [b'P', b'R', b'I', b' ', ..] => {
            "; it is an HTTP/2 server, and the upgrade is one of HTTP/1.1"
        }
        [b'S', b'S', b'H', b'-', ..] => "; it is an SSH server and no WebSocket server: is the port right?",
        [b'R', b'F', b'B', b' ', ..] => "; it is a VNC server and no WebSocket server: is the port right?",
        [b'2', b'2', b'0', b' ' | b'-', ..] => {
            "; it is a mail or FTP server and no WebSocket server: is the port right?"
        }
        [5, _] => "; it is a SOCKS proxy: see ws_options_set_proxy",
        _ => "; is this a WebSocket server, and the port right?",
    };
    (format!("it does not begin with HTTP/1.1 but with \"{}\"", shown(bytes)), what)
}

/// The beginning of a stranger's text, fit for a message.
pub(super) fn shown_text(text: &str) -> String {
    text.escape_debug().take(MOST_LETTERS).collect()
}

/// The beginning of its bytes, fit for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(MOST_SHOWN)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_http_is_shown_and_named() {
        for (bytes, words) in [
            (&b"\x15\x03\x01\0\x02\x02\x46"[..], "try wss://"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "\"SSH-2.0-OpenSSH_9.2\\r\\n\"; it is an SSH server"),
            (b"RFB 003.008\n", "VNC"),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "\\x00\\x00\\x12"),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "HTTP/2"),
            (b"220 mail.example ESMTP", "mail"),
            (b"hello", "\"hello\"; is this a WebSocket server"),
        ] {
            let (how, what) = described(bytes);
            let said = how + what;
            assert!(said.contains(words) && said.starts_with("it does not begin with HTTP/1.1"), "{said}");
        }
        assert!(described(&[b'x'; 1000]).0.len() < 200);
    }
}
