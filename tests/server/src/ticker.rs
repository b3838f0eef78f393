//! Quotes for the symbols that a client subscribes to. Each symbol walks its own path, the same in every run.

use crate::route::Connection;
use crate::services::Socket;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;

const DEFAULT_RATE: f64 = 10.0;

pub(crate) async fn ticker(connection: Connection) {
    let mut socket = Socket::new(connection).await;
    let mut feed = Feed::default();
    let mut timer = feed.timer();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                None => return socket.finish().await,
                Some(message) => match feed.obey(&message) {
                    Ok(()) => timer = feed.timer(),
                    Err(complaint) => {
                        let answer = serde_json::json!({ "error": complaint }).to_string();
                        if !socket.send(Message::text(answer)).await {
                            return socket.finish().await;
                        }
                    }
                },
            },
            _ = timer.tick(), if feed.live() => {
                for quote in feed.due() {
                    if !socket.feed(Message::text(quote)).await {
                        return socket.finish().await;
                    }
                }
                if !socket.flush().await {
                    return socket.finish().await;
                }
            }
        }
    }
}

/// One client's subscriptions.
struct Feed {
    symbols: Vec<Symbol>,
    rate: f64,
    /// Quotes still to send; `None` for no end.
    left: Option<u64>,
    /// Rounds sent since `started`.
    rounds: u64,
    started: Instant,
}

impl Default for Feed {
    fn default() -> Self {
        Feed { symbols: Vec::new(), rate: DEFAULT_RATE, left: None, rounds: 0, started: Instant::now() }
    }
}

impl Feed {
    fn obey(&mut self, message: &Message) -> Result<(), &'static str> {
        let text = message.to_text().map_err(|_| "want JSON as text")?;
        let order: Value = serde_json::from_str(text).map_err(|_| "this is not JSON")?;
        let names = |key: &str| -> Option<Vec<&str>> {
            order.get(key)?.as_array()?.iter().map(Value::as_str).collect()
        };
        match (names("subscribe"), names("unsubscribe")) {
            (Some(names), _) => {
                for name in names {
                    if !self.symbols.iter().any(|symbol| symbol.name == name) {
                        self.symbols.push(Symbol::new(name));
                    }
                }
                if let Some(rate) = order.get("rate").and_then(Value::as_f64) {
                    self.rate = rate.clamp(0.1, 1e6);
                }
                self.left = order.get("count").and_then(Value::as_u64);
            }
            (None, Some(names)) => self.symbols.retain(|symbol| !names.contains(&symbol.name.as_str())),
            (None, None) => return Err("want {\"subscribe\":[…]} or {\"unsubscribe\":[…]}"),
        }
        self.rounds = 0;
        self.started = Instant::now();
        Ok(())
    }

    fn live(&self) -> bool {
        !self.symbols.is_empty() && self.left != Some(0)
    }

    fn timer(&self) -> Interval {
        let mut timer = interval(Duration::from_secs_f64((1.0 / self.rate).max(0.001)));
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        timer
    }

    /// The quotes whose time has come. A client that was slow for more than a second loses the rest of its backlog.
    fn due(&mut self) -> Vec<String> {
        let due = (self.started.elapsed().as_secs_f64() * self.rate) as u64 + 1;
        let backlog = due.saturating_sub(self.rounds);
        let rounds = backlog.min(self.rate.ceil() as u64);
        self.rounds += backlog;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let mut quotes = Vec::new();
        for _ in 0..rounds {
            for symbol in &mut self.symbols {
                if self.left == Some(0) {
                    return quotes;
                }
                self.left = self.left.map(|left| left - 1);
                quotes.push(symbol.quote(time));
            }
        }
        quotes
    }
}

struct Symbol {
    name: String,
    /// The name as JSON.
    quoted: String,
    open: f64,
    price: f64,
    digits: usize,
    seq: u64,
    random: u64,
}

impl Symbol {
    fn new(name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let (open, digits) = match name {
            "EURUSD" => (1.0842, 5),
            "GBPUSD" => (1.2710, 5),
            "USDCHF" => (0.8835, 5),
            "USDJPY" => (151.32, 3),
            "DAX" => (18_342.5, 2),
            _ => (20.0 + (hash % 48_000) as f64 / 100.0, 2),
        };
        Symbol {
            name: name.to_owned(),
            quoted: Value::from(name).to_string(),
            open,
            price: open,
            digits,
            seq: 0,
            random: hash | 1,
        }
    }

    fn quote(&mut self, time: u128) -> String {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let step = (self.random % 2001) as f64 / 1000.0 - 1.0;
        self.price = (self.price * (1.0 + step * 2e-4)).max(self.open / 2.0);
        self.seq += 1;
        let Symbol { quoted, price, digits, seq, .. } = self;
        let change = *price - self.open;
        format!(
            r#"{{"symbol":{quoted},"price":{price:.digits$},"change":{change:.digits$},"seq":{seq},"time":{time}}}"#
        )
    }
}
