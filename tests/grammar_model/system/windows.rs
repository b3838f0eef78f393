//! Windows: handles, snapshots of threads, no signals.

use std::io;
use std::net::TcpListener;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process;
use std::ptr;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE, LocalFree, WAIT_OBJECT_0};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, GetCurrentThread, GetProcessHandleCount, GetThreadDescription,
    OpenThread, ResetEvent, SetEvent, THREAD_QUERY_LIMITED_INFORMATION, WaitForMultipleObjects,
};

/// Signalled from `raise` to `lower`.
pub(crate) struct Event(OwnedHandle);

impl Event {
    pub(crate) fn new() -> Event {
        // SAFETY: no attributes and no name; manual reset, not signalled.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        assert!(!event.is_null(), "an event");
        // SAFETY: a fresh handle that nobody else owns.
        Event(unsafe { OwnedHandle::from_raw_handle(event) })
    }

    pub(crate) fn raise(&self) {
        // SAFETY: our own event.
        unsafe { SetEvent(self.0.as_raw_handle()) };
    }

    pub(crate) fn lower(&self) {
        // SAFETY: our own event.
        unsafe { ResetEvent(self.0.as_raw_handle()) };
    }
}

/// Waits until the dispatcher's event is signalled, or the other is raised; says whether the dispatcher's is.
pub(crate) fn wait_for(descriptor: isize, event: Option<&Event>, ms: u32) -> bool {
    let mut handles = vec![descriptor as HANDLE];
    handles.extend(event.map(|event| event.0.as_raw_handle()));
    // SAFETY: a vector of handles with its length. Of several that are signalled the call names the first.
    unsafe { WaitForMultipleObjects(handles.len() as u32, handles.as_ptr(), 0, ms) == WAIT_OBJECT_0 }
}

fn name_of(thread: HANDLE) -> String {
    let mut name = ptr::null_mut();
    // SAFETY: the caller has the thread open; the name is ours to free.
    unsafe {
        if GetThreadDescription(thread, &mut name) < 0 || name.is_null() {
            return String::new();
        }
        let len = (0..).take_while(|at| *name.add(*at) != 0).count();
        let text = String::from_utf16_lossy(std::slice::from_raw_parts(name, len));
        LocalFree(name.cast());
        text
    }
}

/// Of the calling thread, which has it from its start to its end.
pub(crate) fn thread_name() -> String {
    thread_local! {
        // SAFETY: takes nothing, and needs not be closed.
        static NAME: String = name_of(unsafe { GetCurrentThread() });
    }
    NAME.try_with(String::clone).unwrap_or_default()
}

/// The names of the library's threads that live.
pub(crate) fn library_threads() -> Vec<String> {
    threads()
        .into_iter()
        .map(|thread| name_of(thread.as_raw_handle()))
        .filter(|name| name.starts_with("ws4d-"))
        .collect()
}

/// The threads of this process.
fn threads() -> Vec<OwnedHandle> {
    // SAFETY: takes no pointer.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
    assert_ne!(snapshot, INVALID_HANDLE_VALUE, "a snapshot");
    // SAFETY: a fresh handle that nobody else owns.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    let mut entry = THREADENTRY32 { dwSize: size_of::<THREADENTRY32>() as u32, ..Default::default() };
    let mut found = Vec::new();
    // SAFETY: the snapshot is open, and the entry says how large it is.
    let mut more = unsafe { Thread32First(snapshot.as_raw_handle(), &mut entry) };
    while more != 0 {
        if entry.th32OwnerProcessID == process::id() {
            // SAFETY: takes no pointer. A thread that has ended meanwhile is not opened.
            let thread = unsafe { OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, entry.th32ThreadID) };
            if !thread.is_null() {
                // SAFETY: as above.
                found.push(unsafe { OwnedHandle::from_raw_handle(thread) });
            }
        }
        // SAFETY: as above.
        more = unsafe { Thread32Next(snapshot.as_raw_handle(), &mut entry) };
    }
    found
}

/// How many handles the process has open.
pub(crate) fn open_descriptors() -> usize {
    let mut count = 0;
    // SAFETY: writes one number.
    let known = unsafe { GetProcessHandleCount(GetCurrentProcess(), &mut count) };
    assert_ne!(known, 0, "a number of handles");
    count as usize
}

pub(crate) const HAS_SIGNALS: bool = false;

/// There are none.
pub(crate) fn handle_signals() {}

/// A thread that signals would be sent to.
pub(crate) struct Target;

impl Target {
    /// The calling thread.
    pub(crate) fn here() -> Target {
        Target
    }

    /// Sends nothing.
    pub(crate) fn signal(&self) {}
}

/// Small buffers for the connections to come, so that a server that does not read is felt soon.
pub(crate) fn narrow(listener: &TcpListener) -> io::Result<()> {
    socket2::SockRef::from(listener).set_recv_buffer_size(4096)
}
