//! libcurl's own interface for WebSockets, on the copy that curl-sys builds: connect, then `curl_ws_send` and
//! `curl_ws_recv`, and poll where they say AGAIN.

use std::ffi::{CString, c_int, c_long, c_uint, c_void};
use std::ptr;

use curl_sys::{CURL, CURLE_AGAIN, CURLE_OK, CURLcode, CURLoption};
use peer_common::{Peer, Target};

#[repr(C)]
struct CurlWsFrame {
    age: c_int,
    flags: c_int,
    offset: i64,
    bytesleft: i64,
    len: usize,
}

unsafe extern "C" {
    fn curl_ws_recv(
        curl: *mut CURL,
        buffer: *mut c_void,
        len: usize,
        received: *mut usize,
        meta: *mut *const CurlWsFrame,
    ) -> CURLcode;
    fn curl_ws_send(
        curl: *mut CURL,
        buffer: *const c_void,
        len: usize,
        sent: *mut usize,
        fragment: i64,
        flags: c_uint,
    ) -> CURLcode;
}

const CURLWS_TEXT: c_uint = 1;
const CURLWS_CONT: c_int = 4;
const CURLWS_CLOSE: c_uint = 8;
const CURLINFO_ACTIVESOCKET: c_uint = 0x50_0000 + 44;

struct Libcurl {
    curl: *mut CURL,
    socket: c_int,
    buffer: Vec<u8>,
}

thread_local! {
    /// Used again, as a program would that connects often: it keeps the TLS session.
    static HANDLE: *mut CURL = unsafe { curl_sys::curl_easy_init() };
}

impl Libcurl {
    fn wait(&self, events: i16) {
        let mut poll = libc::pollfd { fd: self.socket, events, revents: 0 };
        unsafe { libc::poll(&mut poll, 1, -1) };
    }

    fn send_frame(&mut self, bytes: &[u8], flags: c_uint) {
        let mut done = 0;
        loop {
            let mut sent = 0;
            let rest = &bytes[done..];
            let result = unsafe { curl_ws_send(self.curl, rest.as_ptr().cast(), rest.len(), &mut sent, 0, flags) };
            done += sent;
            match result {
                CURLE_OK if done == bytes.len() => return,
                CURLE_OK => {}
                CURLE_AGAIN => self.wait(libc::POLLOUT),
                error => panic!("curl_ws_send: {error}"),
            }
        }
    }

    /// `None` at the end.
    fn receive_message(&mut self) -> Option<usize> {
        let mut length = 0;
        loop {
            let (mut received, mut meta) = (0, ptr::null());
            let (buffer, room) = (self.buffer.as_mut_ptr().cast(), self.buffer.len());
            match unsafe { curl_ws_recv(self.curl, buffer, room, &mut received, &mut meta) } {
                CURLE_OK => {
                    let meta: &CurlWsFrame = unsafe { &*meta };
                    if meta.flags & CURLWS_CLOSE as c_int != 0 {
                        return None;
                    }
                    length += received;
                    if meta.bytesleft == 0 && meta.flags & CURLWS_CONT == 0 {
                        return Some(length);
                    }
                }
                CURLE_AGAIN => self.wait(libc::POLLIN),
                _ => return None,
            }
        }
    }
}

impl Peer for Libcurl {
    const MANY: bool = false;
    type Message = std::rc::Rc<str>;

    fn message(text: &str) -> Self::Message {
        text.into()
    }

    async fn connect(target: &Target) -> Self {
        let curl = HANDLE.with(|handle| *handle);
        let url = CString::new(target.url.as_str()).expect("no NUL");
        let ca = CString::new(target.ca.as_str()).expect("no NUL");
        unsafe {
            let number = |option: CURLoption, value: c_long| curl_sys::curl_easy_setopt(curl, option, value);
            curl_sys::curl_easy_setopt(curl, curl_sys::CURLOPT_URL, url.as_ptr());
            curl_sys::curl_easy_setopt(curl, curl_sys::CURLOPT_CAINFO, ca.as_ptr());
            number(curl_sys::CURLOPT_CONNECT_ONLY, 2);
            number(curl_sys::CURLOPT_TCP_NODELAY, 1);
            number(curl_sys::CURLOPT_FRESH_CONNECT, 1);
            let result = curl_sys::curl_easy_perform(curl);
            assert_eq!(result, CURLE_OK, "the connection is made");
            let mut socket: c_int = -1;
            curl_sys::curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &mut socket);
            Libcurl { curl, socket, buffer: vec![0; 256 * 1024] }
        }
    }

    async fn send(&mut self, message: Self::Message) {
        self.send_frame(message.as_bytes(), CURLWS_TEXT);
    }

    async fn feed(&mut self, _: Self::Message) {
        // It has no way to hold messages back.
        peer_common::unsupported();
    }

    async fn flush(&mut self) {}

    async fn receive(&mut self) -> usize {
        self.receive_message().expect("a message")
    }

    async fn close(mut self) {
        self.send_frame(&1000_u16.to_be_bytes(), CURLWS_CLOSE);
        while self.receive_message().is_some() {}
    }
}

fn main() {
    peer_common::main::<Libcurl>();
}
