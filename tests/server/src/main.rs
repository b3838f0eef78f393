//! The test server as a program, for demos, benchmarks and tests in other languages.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use ws4d_test_server::{Config, PATHS, Server};

const USAGE: &str = "usage: ws4d-test-server [--ws PORT] [--wss PORT] [--ca-out FILE] [--ready-file FILE]
                        [--tls-front PORT] [--until-stdin-closes]

Serves WebSockets on 127.0.0.1, on free ports by default, with a fresh certificate authority. Prints one
line of JSON with the ports and the CA's file when it is ready; with --tls-front also front_url, where it
speaks TLS and forwards the bytes to that port of 127.0.0.1. Ends at SIGTERM, at SIGINT, and, with
--until-stdin-closes, at the end of its input.
";

#[derive(Default)]
struct Options {
    ws: u16,
    wss: u16,
    ca_out: Option<String>,
    ready_file: Option<String>,
    tls_front: Option<u16>,
    until_stdin_closes: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}\n{PATHS}");
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprint!("ws4d-test-server: {complaint}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ws4d-test-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `None`: help is wanted.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        let port = |text: String| text.parse().map_err(|_| format!("{text} is not a port"));
        match name.as_str() {
            "--ws" => options.ws = port(value()?)?,
            "--wss" => options.wss = port(value()?)?,
            "--ca-out" => options.ca_out = Some(value()?),
            "--ready-file" => options.ready_file = Some(value()?),
            "--tls-front" => options.tls_front = Some(port(value()?)?),
            "--until-stdin-closes" => options.until_stdin_closes = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("what is {name}?")),
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> std::io::Result<()> {
    let (end, ended) = channel();
    watch_signals(end.clone())?;
    let server = Server::start_with(Config {
        ws_port: options.ws,
        wss_port: options.wss,
        log: false,
        receive_buffer: None,
    })?;
    let ca = match &options.ca_out {
        Some(file) => {
            std::fs::write(file, server.ca_pem())?;
            std::path::PathBuf::from(file)
        }
        None => server.ca_file(),
    };
    let mut ready = serde_json::json!({
        "ws": server.ws_port(),
        "wss": server.wss_port(),
        "ca": ca,
        "ws_url": server.ws(""),
        "wss_url": server.wss(""),
    });
    if let Some(behind) = options.tls_front {
        ready["front_url"] = server.tls_front(behind, "").into();
    }
    println!("{ready}");
    std::io::stdout().flush()?;
    if let Some(file) = &options.ready_file {
        // Renamed into place, so that whoever waits for the file never reads half of it.
        let unfinished = format!("{file}.tmp");
        std::fs::write(&unfinished, format!("{ready}\n"))?;
        std::fs::rename(&unfinished, file)?;
    }
    if options.until_stdin_closes {
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
            let _ = end.send(());
        });
    }
    let _ = ended.recv();
    Ok(())
}

/// Blocks the signals that end a program, before there is any other thread, and waits for one of them on a thread of its
/// own. (Not by tokio's: that feature would be built into the library, too, where all of the workspace is built at once.)
#[cfg(unix)]
fn watch_signals(end: Sender<()>) -> std::io::Result<()> {
    // SAFETY: plain data, which sigemptyset fills before anything reads it.
    let mut ends: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set lives through the calls.
    let blocked = unsafe {
        libc::sigemptyset(&mut ends);
        libc::sigaddset(&mut ends, libc::SIGTERM);
        libc::sigaddset(&mut ends, libc::SIGINT);
        libc::pthread_sigmask(libc::SIG_BLOCK, &ends, std::ptr::null_mut())
    };
    if blocked != 0 {
        return Err(std::io::Error::from_raw_os_error(blocked));
    }
    std::thread::spawn(move || {
        let mut which = 0;
        // SAFETY: both live through the call.
        while unsafe { libc::sigwait(&ends, &mut which) } != 0 {}
        let _ = end.send(());
    });
    Ok(())
}

/// Elsewhere the system's own way to end a program does.
#[cfg(not(unix))]
fn watch_signals(end: Sender<()>) -> std::io::Result<()> {
    std::mem::forget(end);
    Ok(())
}
