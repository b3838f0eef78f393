//! What the host does to a socket, from wherever it is, and what it does inside callbacks.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, Socket, api, name};

use crate::life::{ABORTED, CLOSED, Life, RELEASED, RELEASING, TERMINATED, TERMINATED_EARLY};
use crate::plan::{Act, ServerAct};
use crate::pulls::Kept;
use crate::steps::React;
use crate::wire::{Answer, Wire, lock};
use crate::world::{World, this_thread};

/// Threads of the host, as their messages and pings name them.
fn tag(world: &World) -> u32 {
    let name = this_thread().name();
    match name.strip_prefix("ws4d-io-").map(str::parse::<u32>) {
        Some(number) => 10 + number.expect("an I/O thread's number"),
        None if name == "assistant" => 1,
        None if world.is_scripts() => 0,
        None => 2,
    }
}

/// Runs what the plan has for this event.
pub(crate) fn run(life: &Arc<Life>, kind: i32, count: u32, event: Option<Event>) {
    for reaction in life.plan.reactions.iter().filter(|reaction| (reaction.on, reaction.nth) == (kind, count))
    {
        life.world.note(format!("  socket {}, type {kind}: {:?}", life.index, reaction.what));
        react(life, reaction.what, event.as_ref());
    }
}

fn react(life: &Arc<Life>, what: React, event: Option<&Event>) {
    let world = &life.world;
    let word = format!("{what:?}");
    world.count(format!("inside: {}", word.split(['(', ' ']).next().unwrap_or_default()));
    match what {
        React::Own(deed) => act(life, deed),
        React::Other(index, deed) => {
            if let Some(other) = world.life(index) {
                act(&other, deed);
            }
        }
        React::Elsewhere(deed) if world.is_scripts() => {
            let life = Arc::clone(life);
            world.assistant.now(move || act(&life, deed));
        }
        React::Elsewhere(deed) => act(life, deed),
        React::Server(deed) => serve(life, deed),
        React::Dispatch(most) => drop(world.dispatch(most)),
        React::Wait => drop(world.wait(0)),
        React::Next => drop(world.next(0)),
        React::Stop => world.stop(world.owns()),
        React::StopElsewhere if world.is_scripts() => {
            let (of_world, certain) = (Arc::clone(world), world.owns());
            world.assistant.now(move || of_world.stop(certain));
        }
        React::StopElsewhere => world.stop(false),
        React::CloseDispatcher => world.close(),
        React::Comeback(deed) => world.comeback().iter().for_each(|comeback| comeback.act(deed)),
        React::Attach if world.owns() => drop(world.attach()),
        React::Attach => {}
        React::Shutdown => {
            // Pulled events are looked at outside of callbacks, where it would work.
            if life.on_stack.load(SeqCst) {
                let result = (api().ws_shutdown)(0);
                if result != WS_ERR_WRONG_THREAD {
                    life.wrong(format!("ws_shutdown inside a callback: {}", name(result)));
                }
            }
        }
        React::Retain => {
            let Some(event) = event else { return };
            lock(&world.kept).push(Kept::retained(event));
        }
        React::Open { blocking } => {
            let index = world.plan.sockets.len();
            world.open(index, &world.plan.spare, blocking);
            if world.finishing.load(SeqCst)
                && let Some(spare) = world.life(index)
            {
                world.finish(&spare);
            }
        }
    }
}

/// What the server does; at the end only what lets all end.
pub(crate) fn serve(life: &Life, deed: ServerAct) {
    let wire: &Wire = &life.wire;
    let finishing = || life.world.finishing.load(SeqCst);
    match deed {
        ServerAct::Message { text, len, parts } => wire.message(text, len, parts),
        ServerAct::Burst { count, len } => wire.burst(count, len),
        ServerAct::Ping => wire.ping(),
        ServerAct::UnaskedPong => wire.unasked_pong(),
        ServerAct::Unfinished => wire.unfinished(),
        ServerAct::Garbage(kind) => wire.garbage(kind),
        ServerAct::Close(code) => wire.close(code, if code.is_some() { "the server's" } else { "" }),
        ServerAct::Fin => wire.fin(),
        ServerAct::Rst => wire.rst(),
        ServerAct::Answer(answer) if wire.state().answer == Answer::Hold => wire.answer(answer),
        ServerAct::Answer(_) => {}
        ServerAct::Read(on) => {
            wire.read(on);
            if finishing() {
                wire.read(true);
            }
        }
        ServerAct::AnswerClose(on) => {
            wire.answer_close(on);
            if finishing() {
                wire.answer_close(true);
            }
        }
    }
}

/// One deed of the host, with what it must return.
pub(crate) fn act(life: &Arc<Life>, deed: Act) {
    let ws = life.socket();
    if ws == Socket::NULL {
        return;
    }
    let world = &life.world;
    let released = life.released.load(SeqCst);
    let gone = released == RELEASED && life.over.load(SeqCst);
    let status = ws.status();
    // Whether no callback of the socket can begin meanwhile.
    let owns = !life.plan.inline && world.owns();
    let shut = life.shut.load(SeqCst) && released == 0;
    let result = match deed {
        Act::Text(len) | Act::Blob(len) => send(life, ws, matches!(deed, Act::Text(_)), len),
        Act::Many(count, len) => life.send_many(ws, tag(world), count, len),
        Act::Begin(text) => life.send_begin(ws, text),
        Act::Part(len) => life.send_part(ws, len),
        Act::End => life.send_end(ws),
        Act::Ping => {
            let payload = life.next_ping(tag(world));
            lock(&life.record).pings.push(payload.clone());
            let result = ws.ping(&payload);
            if result == WS_ERR_WOULD_BLOCK {
                life.would_block.fetch_add(1, SeqCst);
            }
            result
        }
        Act::Pause => {
            let result = ws.pause();
            life.paused.store(owns && result == WS_OK && world.assistant.is_idle(), SeqCst);
            life.held.store(true, SeqCst);
            if world.finishing.load(SeqCst) { resume(life, ws) } else { result }
        }
        Act::Resume => resume(life, ws),
        Act::Cork => {
            let result = ws.cork();
            if world.finishing.load(SeqCst) { ws.uncork() } else { result }
        }
        Act::Uncork => ws.uncork(),
        Act::Terminate(code) => {
            let sent = if code == 0 { 1000 } else { code as u16 };
            lock(&life.record).codes.push(sent);
            match status {
                WS_STATUS_CONNECTING => drop(life.causes.fetch_or(TERMINATED_EARLY, SeqCst)),
                WS_STATUS_CONNECTED => drop(life.causes.fetch_or(TERMINATED, SeqCst)),
                // It ends already, for another reason.
                _ => {}
            }
            ws.terminate(code, "the host's")
        }
        Act::BadTerminate => {
            let result = ws.terminate(1001, "no");
            if result == WS_ERR_INVALID_CLOSE_CODE { WS_OK } else { result }
        }
        Act::Abort => {
            life.causes.fetch_or(ABORTED, SeqCst);
            life.paused.store(false, SeqCst);
            let result = ws.abort();
            life.silenced.fetch_or(owns && result == WS_OK, SeqCst);
            result
        }
        Act::Release => release(life, ws),
        Act::Close => match life.close(ws) {
            Some(result) => result,
            None => return,
        },
    };
    let sends = deed.sends();
    let excused = world.excuses(deed, result);
    if excused && !sends {
        // It was done, or it was not.
        return act(life, deed);
    }
    let right = match result {
        _ if excused => true,
        WS_OK => !gone,
        WS_ERR_INVALID_HANDLE => life.released.load(SeqCst) != 0,
        WS_ERR_CLOSED => sends || matches!(deed, Act::Cork | Act::Uncork),
        WS_ERR_WOULD_BLOCK => sends && deed != Act::End,
        // See `Life::close`.
        WS_ERR_WRONG_THREAD => deed == Act::Close,
        // See `check_open`.
        WS_ERR_INVALID_ARGUMENT => matches!(deed, Act::Begin(_) | Act::Part(_) | Act::End),
        _ => false,
    };
    if matches!(deed, Act::Terminate(_) | Act::Abort) && result == WS_OK {
        life.shut.store(true, SeqCst);
    }
    if !right || (shut && sends && result == WS_OK) {
        life.wrong(format!(
            "{deed:?}: {} (released: {released}, over: {gone}, status {status})",
            name(result)
        ));
    }
}

fn resume(life: &Life, ws: Socket) -> i32 {
    life.paused.store(false, SeqCst);
    life.held.store(false, SeqCst);
    ws.resume()
}

fn send(life: &Life, ws: Socket, text: bool, len: usize) -> i32 {
    let tag = tag(&life.world);
    let number = lock(&life.accepted).get(&tag).copied().unwrap_or(0);
    let begun = life.sends.begun();
    let mut message = format!("{tag}.{number}:").into_bytes();
    message.resize(len.max(message.len()), b'y');
    let result = match text {
        true => (api().ws_send_text)(ws, message.as_ptr().cast(), message.len()),
        false => ws.send_blob(&message),
    };
    match result {
        WS_OK => {
            *lock(&life.accepted).entry(tag).or_default() += 1;
            life.sends.accepted(tag, number, 1, begun);
        }
        WS_ERR_WOULD_BLOCK => drop(life.would_block.fetch_add(1, SeqCst)),
        WS_ERR_INTERNAL => life.perhaps_accepted(tag, number, 1),
        _ => {}
    }
    result
}

/// The first release ends the host's share, a second is an error.
pub(crate) fn release(life: &Life, ws: Socket) -> i32 {
    let first = life.released.compare_exchange(0, RELEASING, SeqCst, SeqCst);
    if first == Err(RELEASING) {
        return WS_ERR_INVALID_HANDLE;
    }
    let result = ws.release();
    // Another thread's ws_close, which counts as a release, may come before it.
    let closed = || life.causes.load(SeqCst) & CLOSED != 0;
    match first {
        Ok(_) => {
            life.released.store(RELEASED, SeqCst);
            if result != WS_OK && !closed() {
                life.wrong(format!("the first release: {}", name(result)));
            }
        }
        Err(_) if result != WS_ERR_INVALID_HANDLE && !closed() => {
            life.wrong(format!("a second release: {}", name(result)))
        }
        Err(_) => {}
    }
    result
}
