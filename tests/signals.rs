//! `ws_dispatcher_stop` in a signal handler, and signals that end a wait (`ws_dispatcher_set_interruptible`).
//!
//! Signals come every 200 µs, to the thread of the test alone, whatever that does just then.
#![cfg(target_os = "linux")]

mod support;

use std::ffi::c_int;
use std::mem::zeroed;
use std::ptr;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Host, Options, alone, api};
use ws4d_test_server::Server;

static STOP: AtomicUsize = AtomicUsize::new(0);
/// The token of the dispatcher that the handler stops; 0: none.
static STOPPED: AtomicU64 = AtomicU64::new(0);
static SIGNALS: AtomicU64 = AtomicU64::new(0);
/// What the last stop has said.
static SAID: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_signal(_: c_int) {
    let (stop, token) = (STOP.load(Ordering::SeqCst), STOPPED.load(Ordering::SeqCst));
    if stop != 0 && token != 0 {
        // SAFETY: what was stored is this function.
        let stop: extern "C" fn(Dispatcher) -> c_int = unsafe { std::mem::transmute(stop) };
        SAID.store(stop(Dispatcher(token as usize)) as u32 as u64, Ordering::SeqCst);
    }
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// How many signals a test that counts them wants at least: a second's, or `WS4D_SIGNALS`.
fn wanted() -> u64 {
    std::env::var("WS4D_SIGNALS").ok().and_then(|text| text.parse().ok()).unwrap_or(5_000)
}

/// Signals to the calling thread, until it is dropped.
struct Ticker {
    timer: libc::timer_t,
    _alone: MutexGuard<'static, ()>,
}

impl Ticker {
    fn stopping(d: Dispatcher) -> Ticker {
        let ticker = Ticker::new(200_000);
        STOPPED.store(d.0 as u64, Ordering::SeqCst);
        ticker
    }

    fn new(every_ns: libc::c_long) -> Ticker {
        let alone = alone();
        STOP.store(api().ws_dispatcher_stop as *const () as usize, Ordering::SeqCst);
        SIGNALS.store(0, Ordering::SeqCst);
        // SAFETY: plain data, filled below as the functions want it; all of it lives through the calls.
        unsafe {
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
            let mut event: libc::sigevent = zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = libc::SIGUSR1;
            event.sigev_notify_thread_id = libc::syscall(libc::SYS_gettid) as c_int;
            let mut timer = zeroed();
            assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer), 0);
            let every = libc::timespec { tv_sec: 0, tv_nsec: every_ns };
            let spec = libc::itimerspec { it_interval: every, it_value: every };
            assert_eq!(libc::timer_settime(timer, 0, &spec, ptr::null_mut()), 0);
            Ticker { timer, _alone: alone }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // SAFETY: made in `new`.
        unsafe { libc::timer_delete(self.timer) };
        STOPPED.store(0, Ordering::SeqCst);
    }
}

fn hosts() -> [Host; 2] {
    [Host::new(), Host::driving()]
}

fn interruptible(d: Dispatcher, on: i32) {
    assert_eq!((api().ws_dispatcher_set_interruptible)(d, on), WS_OK);
}

#[test]
fn a_signal_ends_each_wait_where_that_is_on() {
    let server = Server::start();
    for host in hosts() {
        let d = host.dispatcher();
        host.open(server.ws("/idle"));
        // Its task keeps a time, which a driving dispatcher watches in another place.
        let timed = Options::new().set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, 3_600_000));
        interruptible(d, 1);
        let ticker = Ticker::new(200_000);
        assert_eq!(d.wait(-1), WS_ERR_INTERRUPTED);
        assert_eq!(d.wait(60_000), WS_ERR_INTERRUPTED);
        assert_eq!(d.run(), WS_ERR_INTERRUPTED);
        assert_eq!(d.next(-1).err(), Some(WS_ERR_INTERRUPTED));
        let mut batch = ptr::null_mut();
        assert_eq!((api().ws_dispatcher_next_batch)(d, -1, 8, &mut batch), WS_ERR_INTERRUPTED);
        let interrupted = host.to(server.ws("/no-answer")).named("b").try_open();
        assert_eq!(interrupted.expect_err("a signal came").code(), WS_ERR_INTERRUPTED);
        assert_eq!(host.trace(), ["open", "b free"]);
        drop(ticker);
        interruptible(d, 0);
        host.to(server.ws("/idle")).named("c").with(timed).open();
        interruptible(d, 1);
        let _ticker = Ticker::new(200_000);
        assert_eq!(d.wait(-1), WS_ERR_INTERRUPTED);
        assert_eq!(d.run(), WS_ERR_INTERRUPTED);
    }
}

#[test]
fn a_signal_ends_the_wait_of_a_dispatcher_without_a_socket() {
    for host in hosts() {
        interruptible(host.dispatcher(), 1);
        let _ticker = Ticker::new(200_000);
        assert_eq!(host.dispatcher().wait(-1), WS_ERR_INTERRUPTED);
    }
}

#[test]
fn where_it_is_off_a_signal_ends_no_wait() {
    let server = Server::start();
    for host in hosts() {
        let d = host.dispatcher();
        host.open(script(&server, "gate:now,text:a"));
        let _ticker = Ticker::new(200_000);
        thread::scope(|scope| {
            scope.spawn(|| {
                while SIGNALS.load(Ordering::SeqCst) < 100 {
                    thread::yield_now();
                }
                server.open_gate("now");
            });
            assert_eq!(d.wait(-1), 1);
        });
        let opened = host.to(server.ws("/idle")).named("b").try_open();
        assert!(opened.is_ok());
    }
}

#[test]
fn stops_in_a_signal_handler_under_a_flood_lose_no_message() {
    let server = Server::start();
    let n = 500;
    let _ticker = Ticker::new(200_000);
    while SIGNALS.load(Ordering::SeqCst) < wanted() {
        for host in hosts() {
            let d = host.dispatcher();
            host.open(server.ws(&format!("/flood?n={n}&size=32")));
            STOPPED.store(d.0 as u64, Ordering::SeqCst);
            while host.count("free") == 0 {
                assert!(d.wait(-1) >= 0);
            }
            STOPPED.store(0, Ordering::SeqCst);
            assert_eq!(host.count("message"), n);
        }
    }
}

#[test]
fn a_stop_in_a_signal_handler_ends_ws_new_wherever_that_is() {
    let server = Server::start();
    for host in hosts() {
        let d = host.dispatcher();
        let _ticker = Ticker::stopping(d);
        while SIGNALS.load(Ordering::SeqCst) < wanted() {
            let errors = host.to(server.ws("/no-answer")).try_open().expect_err("it is stopped");
            assert_eq!(errors.code(), WS_ERR_CANCELLED);
        }
    }
}

#[test]
fn a_stop_in_a_signal_handler_may_meet_a_close_on_another_thread() {
    let _ticker = Ticker::new(50_000);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..3_000 {
                let api = api();
                let d = if round % 2 == 0 {
                    (api.ws_dispatcher_new)()
                } else {
                    (api.ws_dispatcher_new_driving)()
                };
                STOPPED.store(d.0 as u64, Ordering::SeqCst);
                // It has something to give back.
                assert_eq!(d.wait(0), 0);
                assert_eq!(d.close(), WS_OK);
            }
            over.store(true, Ordering::SeqCst);
        });
        while !over.load(Ordering::SeqCst) {
            // What the handler interrupts here takes locks of the allocator.
            drop(std::hint::black_box(vec![0u8; 4096]));
        }
    });
}

#[test]
fn a_stop_in_a_signal_handler_keeps_errno_and_knows_a_parents_token() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.open(server.ws("/idle"));
    let _ticker = Ticker::new(900_000_000);
    STOPPED.store(d.0 as u64, Ordering::SeqCst);
    // SAFETY: `errno` of this thread; the signal is handled before `raise` returns.
    let errno = unsafe {
        *libc::__errno_location() = libc::E2BIG;
        libc::raise(libc::SIGUSR1);
        *libc::__errno_location()
    };
    assert_eq!(errno, libc::E2BIG);
    assert_eq!(SAID.load(Ordering::SeqCst) as u32 as i32, WS_OK);
    assert_eq!(d.wait(-1), 0, "it was remembered");
    // SAFETY: the child raises a signal and ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: does not return.
        unsafe {
            libc::raise(libc::SIGUSR1);
            libc::_exit(i32::from(SAID.load(Ordering::SeqCst) as u32 as i32 != WS_ERR_FORKED));
        }
    }
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    while unsafe { libc::waitpid(pid, &mut status, 0) } < 0 {}
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    assert_eq!(host.trace(), ["open"]);
}
