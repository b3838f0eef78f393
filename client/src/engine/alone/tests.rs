//! A driver whose only task is run without the runtime, and the moment at which the runtime takes over.

use super::*;
use crate::connect::readiness::Readiness;
use crate::engine::Driver;
use crate::timer;
use std::future::poll_fn;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::Poll;
use std::thread;
use tokio::sync::Notify;

/// A stream, and its other end.
fn pair() -> (Arc<crate::sys::stream::Stream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    (Arc::new(near.into()), listener.accept().unwrap().0)
}

/// A task that counts its end, and wakes the driver then.
fn ending(
    driver: &Arc<Driver>,
    ended: &Arc<AtomicUsize>,
    task: impl Future<Output = ()> + Send + 'static,
) -> Task {
    let (weak, ended) = (Arc::downgrade(driver), Arc::clone(ended));
    Box::pin(async move {
        task.await;
        ended.fetch_add(1, Ordering::SeqCst);
        if let Some(driver) = weak.upgrade() {
            driver.wake();
        }
    })
}

fn run_until(driver: &Driver, done: impl Fn() -> bool) {
    while !done() {
        driver.run(None, None);
    }
}

/// The number of tasks that the runtime has.
fn of_runtime(driver: &Driver) -> usize {
    driver.reactor().flatten().unwrap().runtime.metrics().num_alive_tasks()
}

fn is_alone_here() -> bool {
    poll::IS_POSSIBLE
}

#[test]
fn a_task_that_is_alone_waits_for_streams_times_and_other_threads() {
    let driver = Driver::alone().unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let (stream, far) = pair();
    let told = Arc::new(Notify::new());
    let (wait_told, teller) = (Arc::clone(&told), Arc::clone(&told));
    let was_alone = Arc::new(AtomicBool::new(false));
    let alone = Arc::clone(&was_alone);
    driver.spawn(ending(&driver, &ended, async move {
        timer::sleep(Duration::from_millis(1)).await;
        let readiness = Readiness::new(stream).unwrap();
        readiness.writable().await.unwrap();
        // Sent only now, so that the wait begins before.
        let other = thread::spawn(move || {
            teller.notify_one();
            std::io::Write::write_all(&mut &far, b"x").unwrap();
            far
        });
        wait_told.notified().await;
        readiness.readable().await.unwrap();
        alone.store(lone::is_here(), Ordering::SeqCst);
        drop(other.join().unwrap());
    }));
    run_until(&driver, || ended.load(Ordering::SeqCst) == 1);
    assert_eq!(was_alone.load(Ordering::SeqCst), is_alone_here());
    assert_eq!((driver.tasks(), of_runtime(&driver)), (0, 0));
}

/// A connection that is being made would otherwise be taken for one that is open.
#[test]
fn a_task_that_wakes_itself_finds_nothing_ready_that_the_system_was_not_asked_for() {
    let driver = Driver::alone().unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let (stream, far) = pair();
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let was_sent = Arc::new(AtomicBool::new(false));
    let sent = Arc::clone(&was_sent);
    driver.spawn(ending(&driver, &ended, async move {
        let readiness = Readiness::new(stream).unwrap();
        poll_fn(|cx| {
            if readiness.poll_readable(cx).is_ready() {
                return Poll::Ready(());
            }
            if counted.fetch_add(1, Ordering::SeqCst) < 3 * TURNS_AT_ONCE as usize {
                cx.waker().wake_by_ref();
            } else if !sent.swap(true, Ordering::SeqCst) {
                std::io::Write::write_all(&mut &far, b"x").unwrap();
            }
            Poll::Pending
        })
        .await;
    }));
    run_until(&driver, || ended.load(Ordering::SeqCst) == 1);
    assert!(was_sent.load(Ordering::SeqCst), "ready before anything was sent, after {turns:?} turns");
}

#[test]
fn with_a_second_task_the_runtime_runs_both() {
    let driver = Driver::alone().unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let (stream, far) = pair();
    driver.spawn(ending(&driver, &ended, async move {
        let readiness = Readiness::new(stream).unwrap();
        let mut long = pin!(timer::sleep(Duration::from_secs(3600)));
        tokio::select! {
            ready = readiness.readable() => drop(ready.unwrap()),
            () = &mut long => unreachable!("an hour is not over"),
        }
    }));
    driver.run(Some(Duration::ZERO), None);
    assert_eq!(of_runtime(&driver), usize::from(!is_alone_here()));
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    driver.spawn(ending(&driver, &ended, async move { wait.notified().await }));
    driver.run(Some(Duration::ZERO), None);
    assert_eq!((driver.tasks(), of_runtime(&driver)), (2, 2), "the wait of the first goes on there");
    std::io::Write::write_all(&mut &far, b"x").unwrap();
    go.notify_one();
    run_until(&driver, || ended.load(Ordering::SeqCst) == 2);
    assert_eq!(driver.tasks(), 0);
}

#[test]
fn a_task_with_many_streams_is_for_the_runtime() {
    let driver = Driver::alone().unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let pairs: Vec<_> = (0..=MOST).map(|_| pair()).collect();
    let streams: Vec<_> = pairs.iter().map(|(stream, _)| Arc::clone(stream)).collect();
    driver.spawn(ending(&driver, &ended, async move {
        let all: Vec<_> = streams.into_iter().map(|stream| Readiness::new(stream).unwrap()).collect();
        poll_fn(|cx| match all.iter().any(|one| one.poll_readable(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }));
    driver.run(Some(Duration::ZERO), None);
    driver.run(Some(Duration::ZERO), None);
    assert_eq!((driver.tasks(), of_runtime(&driver)), (1, 1));
    std::io::Write::write_all(&mut &pairs[MOST].1, b"x").unwrap();
    run_until(&driver, || ended.load(Ordering::SeqCst) == 1);
}

#[test]
fn a_panic_ends_the_task_and_not_the_run() {
    let driver = Driver::alone().unwrap();
    driver.spawn(Box::pin(async { panic!("expected by the test") }));
    assert_eq!(driver.run(Some(Duration::ZERO), None), Ran::Woken);
    assert_eq!(driver.tasks(), 0);
}

#[test]
fn a_driver_that_ends_drops_its_only_task() {
    let driver = Driver::alone().unwrap();
    let held = Arc::new(());
    let kept = Arc::clone(&held);
    driver.spawn(Box::pin(async move {
        std::future::pending::<()>().await;
        drop(kept);
    }));
    driver.run(Some(Duration::ZERO), None);
    assert_eq!(Arc::strong_count(&held), 2);
    driver.drop_tasks();
    assert_eq!((Arc::strong_count(&held), driver.tasks()), (1, 0));
}

/// The descriptor `also` ends a run, and is reported, because it remains readable.
#[test]
fn what_is_watched_beside_the_task_ends_the_run() {
    if !is_alone_here() {
        return;
    }
    let driver = Driver::alone().unwrap();
    let beside = Wake::new().unwrap();
    wake::signal(beside.signal_end());
    driver.spawn(Box::pin(std::future::pending()));
    assert_eq!(driver.run(None, Some(beside.raw())), Ran::Also);
    wake::reset(beside.raw());
    driver.wake();
    assert_eq!(driver.run(None, Some(beside.raw())), Ran::Woken);
}
