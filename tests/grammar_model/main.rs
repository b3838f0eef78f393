//! A model of the host, the network and the order of callbacks: random sequences of steps, and an oracle that says
//! what each socket's life must have been (`ws_handler` in the header).
//!
//! Each sequence is decided by a seed and its number. `WS4D_MODEL_SEED` plays the same sequences again,
//! `WS4D_MODEL_SEQUENCE` only that one, `WS4D_MODEL_SEQUENCES` so many (one sequence: so often). What threads and
//! the network make of a sequence may differ from run to run, so one that failed may have to be played often.
//!
//! Each sequence has a dispatcher of its own, one to four sockets, a thread that plays the script, and an assistant
//! that stands for the host's other threads. Nothing is timed: whatever has to come is waited for.

mod acts;
mod arrivals;
mod assistant;
mod calls;
mod close_one;
mod comeback;
mod comeback_acts;
mod comeback_plan;
mod coverage;
mod fill;
mod finish;
mod frames;
mod goodbye;
mod life;
#[cfg(ws4d_panics)]
mod neighbour;
mod oracle;
mod panics;
mod plan;
mod pulls;
mod random;
mod run;
mod script;
mod sends;
mod server;
mod signals;
mod steps;
mod system;
mod wire;
mod world;

#[test]
fn every_sequence_of_events_keeps_the_grammar_of_callbacks() {
    run::all();
}
