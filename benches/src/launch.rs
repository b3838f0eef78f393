//! Starts programs: the server, the clients.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cases::Case;
use crate::clients::{self, Client};
use crate::{process, server};

pub(crate) struct Server {
    process: Child,
    pub(crate) ports: (u16, u16),
}

impl Server {
    pub(crate) fn start() -> Server {
        let folder = clients::folder();
        std::fs::create_dir_all(&folder).expect("a folder");
        server::write_samples(&folder);
        more_files();
        process::go_first();
        let own = std::env::current_exe().expect("the path of this program");
        let mut process = Command::new(own)
            .arg("server")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("the server says its ports");
        let ports = line.trim().split_once(' ').expect("two ports");
        Server { process, ports: (ports.0.parse().expect("a port"), ports.1.parse().expect("a port")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As many open files as this process may have.
fn more_files() {
    // SAFETY: a struct that lives through the calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max.min(65_536);
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

/// The client's command line for a case, not yet started.
pub(crate) fn command(
    client: &Client,
    case: &Case,
    server: &Server,
    count: usize,
    before: &[&str],
) -> Command {
    let folder = clients::folder();
    let mut words = before.iter().map(|word| (*word).to_owned()).chain(client.command.iter().cloned());
    let mut command = Command::new(words.next().expect("a program"));
    command
        .args(words)
        .arg(case.kind)
        .arg(case.url(server.ports, count))
        .arg(case.size.to_string())
        .arg(count.to_string())
        .arg(folder.join("ca.pem"))
        .arg(clients::samples(&folder, case.path))
        .stdin(Stdio::null());
    if case.io_threads == 0 {
        // SAFETY: one system call.
        unsafe {
            command.pre_exec(|| {
                process::pin_to_core(1);
                Ok(())
            });
        }
    } else {
        command.env("BENCH_IO_THREADS", case.io_threads.to_string());
    }
    command
}

/// Whether a program can be started.
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).exists())
    })
}
