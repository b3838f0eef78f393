//! As many messages as the client takes, from frames that are made once.

use crate::frames::{self, Reader};
use crate::log::Seen;
use crate::route::Connection;
use crate::stream::{Stream, end_of};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::Notify;

const BATCH: usize = 128 * 1024;

pub(crate) async fn flood(mut connection: Connection) {
    if !connection.upgrade().await {
        return;
    }
    let query = &connection.request.query;
    let first = if query.raw("type") == Some("binary") { frames::BINARY } else { frames::TEXT };
    let source = Source { first, size: query.number("size", 32), numbered: query.flag("seq") };
    let total = query.number("n", 1000);
    let stay = query.flag("stay");
    let Connection { stream, buffer, trace, .. } = connection;
    let (mut input, output) = split(stream);
    let talk = Talk::default();

    let reading = async {
        let mut reader = Reader::new(buffer);
        let end = talk.listen(&mut reader, &mut input, |seen| trace.saw(seen)).await;
        talk.over.store(true, Ordering::SeqCst);
        talk.wake.notify_one();
        end
    };
    let ((), output) = tokio::join!(reading, talk.pour(output, source, total, stay));
    let mut stream: Stream = match output {
        Ok(output) => input.unsplit(output),
        Err(error) => {
            if !talk.gone.load(Ordering::SeqCst) {
                trace.saw(end_of(&error));
            }
            return;
        }
    };
    if !talk.gone.load(Ordering::SeqCst) {
        let _ = stream.shutdown().await;
        stream.drain(&trace).await;
    }
}

/// The messages.
struct Source {
    first: u8,
    size: usize,
    numbered: bool,
}

impl Source {
    fn frame(&self, number: usize) -> Vec<u8> {
        let mut payload: Vec<u8> = (b'a'..=b'z').cycle().take(self.size).collect();
        if self.numbered {
            let digits = format!("{number:08}");
            let len = self.size.min(digits.len());
            payload[..len].copy_from_slice(&digits.as_bytes()[..len]);
        }
        frames::frame(self.first, &payload)
    }

    /// Frames from `number` on, about a batch of them, `most` at most.
    fn batch(&self, number: usize, most: usize, into: &mut Vec<u8>) -> usize {
        into.clear();
        let mut count = 0;
        let mut frame = self.frame(number);
        while count < most && (count == 0 || into.len() + frame.len() <= BATCH) {
            if self.numbered && count > 0 {
                frame = self.frame(number + count);
            }
            into.extend_from_slice(&frame);
            count += 1;
        }
        count
    }
}

/// What the reading and the writing half tell each other.
#[derive(Default)]
struct Talk {
    pongs: Mutex<Vec<u8>>,
    wake: Notify,
    /// The client's close frame or its end has come.
    over: AtomicBool,
    gone: AtomicBool,
}

impl Talk {
    async fn listen(&self, reader: &mut Reader, input: &mut ReadHalf<Stream>, saw: impl Fn(Seen)) {
        loop {
            let seen = reader.next(input).await;
            let (close, gone) = (matches!(seen, Seen::Close(..)), matches!(seen, Seen::Eof | Seen::Reset));
            let end = close || gone || matches!(seen, Seen::Violation(_));
            if let Seen::Ping(payload) = &seen {
                let pong = frames::frame(frames::PONG, payload);
                self.pongs.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(pong);
                self.wake.notify_one();
            }
            self.gone.store(gone, Ordering::SeqCst);
            saw(seen);
            if end {
                return;
            }
        }
    }

    async fn pour(
        &self,
        mut output: WriteHalf<Stream>,
        source: Source,
        total: usize,
        stay: bool,
    ) -> io::Result<WriteHalf<Stream>> {
        let mut batch = Vec::new();
        let mut sent = 0;
        let mut made = 0;
        while sent < total && !self.over.load(Ordering::SeqCst) {
            // The batch of a flood without numbers serves again and again.
            if batch.is_empty() || source.numbered || total - sent < made {
                made = source.batch(sent, total - sent, &mut batch);
            }
            output.write_all(&batch).await?;
            sent += made;
            self.answer_pings(&mut output).await?;
        }
        output.flush().await?;
        while stay && !self.over.load(Ordering::SeqCst) {
            self.wake.notified().await;
            self.answer_pings(&mut output).await?;
            output.flush().await?;
        }
        if !self.gone.load(Ordering::SeqCst) {
            output.write_all(&frames::close(Some(1000), b"done")).await?;
            output.flush().await?;
        }
        Ok(output)
    }

    async fn answer_pings(&self, output: &mut WriteHalf<Stream>) -> io::Result<()> {
        let pongs = std::mem::take(&mut *self.pongs.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        output.write_all(&pongs).await
    }
}
