//! Plays a list of commands on a connection: what is sent, when, and how it ends.

mod command;

use crate::frames::{self, Reader};
use crate::log::{Seen, Trace};
use crate::route::Connection;
use crate::server::Shared;
use crate::stream::{Stream, end_of};
use command::Command;
use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

pub(crate) async fn script(connection: Connection) {
    let commands = connection.request.query.raw("do").unwrap_or("").to_owned();
    start(connection, &commands, false).await;
}

pub(crate) async fn glued(connection: Connection) {
    let commands = connection.request.query.raw("do").unwrap_or("text:hello").to_owned();
    start(connection, &commands, true).await;
}

pub(crate) async fn idle(connection: Connection) {
    start(connection, "", false).await;
}

async fn start(mut connection: Connection, commands: &str, glued: bool) {
    let commands = match command::parse(commands) {
        Ok(commands) => commands,
        Err(complaint) => {
            connection.trace.saw(Seen::Violation(complaint.clone()));
            return connection.refuse("400 Bad Script", &complaint).await;
        }
    };
    let head = crate::response::Head::upgrade(&connection.request).bytes();
    let Connection { stream, buffer, trace, shared, .. } = connection;
    let mut player = Player {
        stream,
        reader: Reader::new(buffer),
        trace,
        shared,
        corked: glued.then(Vec::new),
        close_sent: false,
        close_received: None,
        close_unanswered: false,
        mute: false,
    };
    if player.write(&head).await.is_break() {
        return;
    }
    for (times, command) in commands {
        for _ in 0..times {
            if player.play(&command).await.is_break() {
                return;
            }
        }
    }
    if player.uncork().await.is_continue() {
        let _ = player.end().await;
    }
}

/// `Break` ends the connection: the drop of the player closes it.
type Flow = ControlFlow<()>;

struct Player {
    stream: Stream,
    reader: Reader,
    trace: Trace,
    shared: Arc<Shared>,
    corked: Option<Vec<u8>>,
    close_sent: bool,
    /// The payload of the client's close frame.
    close_received: Option<Option<u16>>,
    /// It was `wait_close` that read it.
    close_unanswered: bool,
    mute: bool,
}

impl Player {
    async fn play(&mut self, command: &Command) -> Flow {
        if command.waits() {
            self.uncork().await?;
        }
        match command {
            Command::Frame(first, payload) => self.write(&frames::frame(*first, payload)).await,
            Command::Sized(first, size) => self.write(&frames::frame(*first, &vec![b'x'; *size])).await,
            Command::Fragments(parts, ping) => self.fragments(parts, *ping).await,
            Command::Raw(bytes) => self.write(bytes).await,
            Command::Drip(bytes) => self.drip(bytes).await,
            Command::Close(code, reason) => {
                self.close_sent = true;
                self.write(&frames::close(*code, reason)).await
            }
            Command::Cork => {
                self.corked.get_or_insert_default();
                Continue(())
            }
            Command::Uncork => self.uncork().await,
            Command::Expect => match self.receive().await? {
                Seen::Close(..) => self.end().await,
                _ => Continue(()),
            },
            Command::Echo => match self.receive().await? {
                Seen::Text(text) => self.write(&frames::frame(frames::TEXT, text.as_bytes())).await,
                Seen::Binary(data) => self.write(&frames::frame(frames::BINARY, &data)).await,
                _ => self.end().await,
            },
            Command::WaitClose => {
                self.read_to_close().await?;
                self.close_unanswered = true;
                Continue(())
            }
            Command::AnswerClose => {
                self.close_unanswered = false;
                self.end().await
            }
            Command::Mute => {
                self.mute = true;
                Continue(())
            }
            Command::Delay(time) => {
                tokio::time::sleep(*time).await;
                Continue(())
            }
            Command::Gate(name) => {
                let mut gates = self.shared.gates.subscribe();
                self.trace.saw(Seen::Gate(name.clone()));
                match gates.wait_for(|open| open.contains(name)).await {
                    Ok(_) => Continue(()),
                    Err(_) => Break(()),
                }
            }
            Command::KeyUpdate => {
                let updated = self.stream.update_keys().await;
                self.unless_ended(updated)
            }
            Command::CloseNotify => {
                let sent = self.stream.close_notify().await;
                self.unless_ended(sent)
            }
            Command::Fin => {
                let _ = self.stream.shutdown().await;
                self.drain().await
            }
            Command::Drop => {
                let _ = self.stream.fin().await;
                self.drain().await
            }
            Command::Reset => {
                self.stream.reset_on_drop();
                Break(())
            }
            Command::Stall => std::future::pending().await,
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Flow {
        if let Some(corked) = &mut self.corked {
            corked.extend_from_slice(bytes);
            return Continue(());
        }
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let written = written.await;
        self.unless_ended(written)
    }

    async fn uncork(&mut self) -> Flow {
        match self.corked.take() {
            Some(bytes) => self.write(&bytes).await,
            None => Continue(()),
        }
    }

    async fn drip(&mut self, bytes: &[u8]) -> Flow {
        for byte in bytes.chunks(1) {
            self.write(byte).await?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Continue(())
    }

    async fn fragments(&mut self, parts: &[Vec<u8>], ping: bool) -> Flow {
        for (at, part) in parts.iter().enumerate() {
            let opcode = if at == 0 { 0x01 } else { 0x00 };
            let fin = if at + 1 == parts.len() { 0x80 } else { 0x00 };
            self.write(&frames::frame(fin | opcode, part)).await?;
            if ping && fin == 0 {
                self.write(&frames::frame(frames::PING, b"between")).await?;
            }
        }
        Continue(())
    }

    /// The next message or close frame; pings are answered on the way, unless the script is mute.
    async fn receive(&mut self) -> ControlFlow<(), Seen> {
        loop {
            let seen = self.reader.next(&mut self.stream).await;
            self.trace.saw(seen.clone());
            match seen {
                Seen::Ping(payload) if !self.mute => {
                    self.write(&frames::frame(frames::PONG, &payload)).await?
                }
                Seen::Ping(_) | Seen::Pong(_) => {}
                Seen::Close(code, _) => {
                    self.close_received = Some(code);
                    return Continue(seen);
                }
                Seen::Text(_) | Seen::Binary(_) => return Continue(seen),
                Seen::Violation(_) => return self.drain().await.map_continue(|()| seen),
                _ => return Break(()),
            }
        }
    }

    async fn read_to_close(&mut self) -> Flow {
        while self.close_received.is_none() {
            self.receive().await?;
        }
        Continue(())
    }

    /// The proper end of a script: reads up to the client's close frame, answers it, ends TCP.
    async fn end(&mut self) -> Flow {
        self.uncork().await?;
        self.read_to_close().await?;
        if self.close_unanswered {
            return self.drain().await;
        }
        if !self.close_sent {
            let code = self.close_received.flatten();
            self.write(&frames::close(code, b"")).await?;
        }
        let _ = self.stream.shutdown().await;
        self.drain().await
    }

    fn unless_ended(&self, sent: io::Result<()>) -> Flow {
        match sent {
            Ok(()) => Continue(()),
            Err(error) => {
                self.trace.saw(end_of(&error));
                Break(())
            }
        }
    }

    async fn drain(&mut self) -> Flow {
        self.stream.drain(&self.trace).await;
        Break(())
    }
}
