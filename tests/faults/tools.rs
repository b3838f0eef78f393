//! C programs of these tests, and children that are not waited for beyond all patience.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Builds one of the C files beside this one with the system's compiler, and says where it is.
///
/// # Panics
/// If it does not compile.
pub(crate) fn build(source: &str, flags: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = folder.join(source).with_extension("built");
    // Tests run beside each other: each makes its own and puts it in place at once.
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let number = BUILDS.fetch_add(1, Ordering::Relaxed);
    let mine = folder.join(format!("{source}.{}.{number}", std::process::id()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(compiler)
        .args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .arg(&mine)
        .arg(root.join("tests/faults").join(source))
        .arg("-I")
        .arg(root.join("include"))
        .args(flags)
        .status()
        .expect("a C compiler");
    assert!(status.success(), "{source} does not compile");
    std::fs::rename(&mine, &built).expect("the built file");
    built
}

/// How the child ended; `None`: it did not within `patience`, and was killed.
pub(crate) fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait().expect("a child") {
            Some(status) => return Some(status),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            None => {
                child.kill().expect("a child");
                child.wait().expect("a child");
                return None;
            }
        }
    }
}

/// How many threads of this process have that name.
pub(crate) fn threads(name: &str) -> usize {
    let all = fs::read_dir("/proc/self/task").expect("own threads");
    let comm = all.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    comm.filter(|comm| comm.trim_end() == name).count()
}
