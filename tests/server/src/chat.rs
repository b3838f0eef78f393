//! A chat room: everybody hears everything, in the same order.

use crate::route::Connection;
use crate::services::Socket;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

struct Member {
    id: u64,
    name: String,
    lines: UnboundedSender<String>,
}

#[derive(Default)]
pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Vec<Member>>>,
    next: std::sync::atomic::AtomicU64,
}

impl Rooms {
    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Vec<Member>>> {
        self.rooms.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn say(&self, room: &str, from: &str, text: &str) {
        tell(
            self.rooms().get(room).map_or(&[], Vec::as_slice),
            &json!({ "from": from, "text": text }).to_string(),
        );
    }
}

fn tell(members: &[Member], line: &str) {
    for member in members {
        let _ = member.lines.send(line.to_owned());
    }
}

fn names(members: &[Member]) -> Vec<&str> {
    members.iter().map(|member| member.name.as_str()).collect()
}

/// A member's stay: leaves when it is dropped, whatever ended the connection.
struct Stay<'a> {
    rooms: &'a Rooms,
    room: &'a str,
    id: u64,
}

impl<'a> Stay<'a> {
    fn join(rooms: &'a Rooms, room: &'a str, name: &str, lines: UnboundedSender<String>) -> Self {
        let id = rooms.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut all = rooms.rooms();
        let members = all.entry(room.to_owned()).or_default();
        members.push(Member { id, name: name.to_owned(), lines });
        tell(members, &json!({ "join": name, "members": names(members) }).to_string());
        Stay { rooms, room, id }
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        let mut all = self.rooms.rooms();
        let Some(members) = all.get_mut(self.room) else {
            return;
        };
        if let Some(at) = members.iter().position(|member| member.id == self.id) {
            let gone = members.remove(at);
            tell(members, &json!({ "leave": gone.name, "members": names(members) }).to_string());
        }
        if members.is_empty() {
            all.remove(self.room);
        }
    }
}

pub(crate) async fn chat(connection: Connection) {
    let shared = connection.shared.clone();
    let name = connection.request.query.text("name").unwrap_or("somebody".into());
    let room = connection.request.query.text("room").unwrap_or("main".into());
    let mut socket = Socket::new(connection).await;
    let (sender, mut lines) = unbounded_channel();
    let stay = Stay::join(&shared.rooms, &room, &name, sender);
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(message) => shared.rooms.say(&room, &name, message.to_text().unwrap_or("(binary)")),
                None => break,
            },
            Some(line) = lines.recv() => if !socket.send(Message::text(line)).await {
                break;
            },
        }
    }
    drop(stay);
    socket.finish().await;
}
