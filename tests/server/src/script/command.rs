//! The script's commands and how they are written in a query.

use crate::frames;
use crate::request::percent_decoded;
use std::time::Duration;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Frame(u8, Vec<u8>),
    Sized(u8, usize),
    /// A text in parts; with a ping between them.
    Fragments(Vec<Vec<u8>>, bool),
    Raw(Vec<u8>),
    Drip(Vec<u8>),
    Close(Option<u16>, Vec<u8>),
    Cork,
    Uncork,
    Expect,
    Echo,
    WaitClose,
    AnswerClose,
    Mute,
    Delay(Duration),
    Gate(String),
    KeyUpdate,
    CloseNotify,
    Fin,
    Drop,
    Reset,
    Stall,
}

impl Command {
    /// Does more than write: what was corked goes out first.
    pub(crate) fn waits(&self) -> bool {
        use Command::{Close, Cork, Drip, Fragments, Frame, Mute, Raw, Sized};
        !matches!(self, Frame(..) | Sized(..) | Fragments(..) | Raw(_) | Drip(_) | Close(..) | Cork | Mute)
    }
}

/// Commands, each with the number of times it is played.
pub(crate) fn parse(text: &str) -> Result<Vec<(usize, Command)>, String> {
    text.split(',').filter(|item| !item.is_empty()).map(parse_one).collect()
}

fn parse_one(item: &str) -> Result<(usize, Command), String> {
    let complaint = |what: &str| format!("script command {item:?}: {what}");
    let (name, argument) = item.split_once(':').unwrap_or((item, ""));
    let (name, times) = match name.split_once('*') {
        Some((name, times)) => (name, times.parse().map_err(|_| complaint("how many times?"))?),
        None => (name, 1),
    };
    let number = || argument.parse::<usize>().map_err(|_| complaint("wants a number"));
    let hex = |text: &str| hex(text).ok_or_else(|| complaint("wants hex digits"));
    let command = match name {
        "text" => Command::Frame(frames::TEXT, percent_decoded(argument)),
        "binary" => Command::Frame(frames::BINARY, hex(argument)?),
        "text_size" => Command::Sized(frames::TEXT, number()?),
        "binary_size" => Command::Sized(frames::BINARY, number()?),
        "ping" => Command::Frame(frames::PING, percent_decoded(argument)),
        "pong" => Command::Frame(frames::PONG, percent_decoded(argument)),
        "frag" | "frag_ping" => {
            // The bar stands for itself, or as a client must write it in a URL (RFC 3986).
            let parts = argument.replace("%7C", "|");
            Command::Fragments(parts.split('|').map(percent_decoded).collect(), name == "frag_ping")
        }
        "frame" => {
            let (first, payload) = argument.split_once(':').unwrap_or((argument, ""));
            match hex(first)?.as_slice() {
                [first] => Command::Frame(*first, hex(payload)?),
                _ => return Err(complaint("wants its first byte as two hex digits")),
            }
        }
        "raw" => Command::Raw(hex(argument)?),
        "drip" => Command::Drip(hex(argument)?),
        "cork" => Command::Cork,
        "uncork" => Command::Uncork,
        "close" => {
            let (code, reason) = argument.split_once(':').unwrap_or((argument, ""));
            Command::Close(
                Some(code.parse().map_err(|_| complaint("wants a code"))?),
                percent_decoded(reason),
            )
        }
        "close_empty" => Command::Close(None, Vec::new()),
        "expect" => Command::Expect,
        "echo" => {
            return Ok((if argument.is_empty() { times } else { number()? }, Command::Echo));
        }
        "wait_close" => Command::WaitClose,
        "answer_close" => Command::AnswerClose,
        "mute" => Command::Mute,
        "delay" => Command::Delay(Duration::from_millis(number()? as u64)),
        "gate" => Command::Gate(argument.to_owned()),
        "key_update" => Command::KeyUpdate,
        "close_notify" => Command::CloseNotify,
        "fin" => Command::Fin,
        "drop" => Command::Drop,
        "rst" => Command::Reset,
        "stall" => Command::Stall,
        _ => return Err(complaint("there is no such command")),
    };
    Ok((times, command))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_as_it_is_documented() {
        let script = parse("text:a%2Cb,ping*3:x,frag:he|ll|o,frame:c1:00fF,close:4001:a:b,drop").unwrap();
        assert_eq!(
            script,
            [
                (1, Command::Frame(0x81, b"a,b".to_vec())),
                (3, Command::Frame(0x89, b"x".to_vec())),
                (1, Command::Fragments(vec![b"he".to_vec(), b"ll".to_vec(), b"o".to_vec()], false)),
                (1, Command::Frame(0xc1, vec![0x00, 0xff])),
                (1, Command::Close(Some(4001), b"a:b".to_vec())),
                (1, Command::Drop),
            ]
        );
    }

    #[test]
    fn what_is_no_command_is_named() {
        assert!(parse("text:x,jump").unwrap_err().contains("jump"));
        assert!(parse("raw:0").unwrap_err().contains("hex"));
    }
}
