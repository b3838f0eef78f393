//! The exported C functions, as `include/ws4d.h` declares them.
//!
//! They are declared safe: tests pass what they like, and the library must survive it. Only the plain pointers
//! (events, errors, JSON, texts) are the caller's to keep alive, as in C.

use std::ffi::{CStr, OsString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, ptr};

use libloading::Library;

use crate::batch::{RawBatch, RawBatchItem};
use crate::reconnect::RawReconnectPolicy;

/// A `ws_socket *`: a token, never an address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket(pub usize);

/// A `ws_dispatcher *`: a token, never an address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dispatcher(pub usize);

/// A `ws_options *`: a token, never an address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionsToken(pub usize);

/// A `ws_reconnector *`: a token, never an address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reconnector(pub usize);

/// What a `ws_event *` points to.
#[repr(C)]
pub struct RawEvent(u8);
/// What a `ws_errors *` points to.
#[repr(C)]
pub struct RawErrors(u8);
/// What a `ws_json *` points to.
#[repr(C)]
pub struct RawJson(u8);

/// `ws_callback`.
pub type Callback = extern "C" fn(Socket, *const RawEvent, *mut c_void);
/// The function of `on_free`.
pub type FreeFn = extern "C" fn(*mut c_void);
/// `ws_wake_fn`.
pub type WakeFn = extern "C" fn(*mut c_void);
/// `ws_error_fn`.
pub type ErrorFn = extern "C" fn(*const RawErrors, *mut c_void);
/// `ws_log_fn`.
pub type LogFn = extern "C" fn(i32, *const c_char, *const c_char, *mut c_void);

/// `ws_handler`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct RawHandler {
    pub size: usize,
    pub user_data: *mut c_void,
    pub dispatcher: Dispatcher,
    pub on_open: Option<Callback>,
    pub on_message: Option<Callback>,
    pub on_error: Option<Callback>,
    pub on_terminate: Option<Callback>,
    pub on_drain: Option<Callback>,
    pub on_pong: Option<Callback>,
    pub on_free: Option<FreeFn>,
}

impl RawHandler {
    /// `WS_HANDLER_INIT`.
    pub const INIT: RawHandler = RawHandler {
        size: size_of::<RawHandler>(),
        user_data: ptr::null_mut(),
        dispatcher: Dispatcher(0),
        on_open: None,
        on_message: None,
        on_error: None,
        on_terminate: None,
        on_drain: None,
        on_pong: None,
        on_free: None,
    };
}

/// `ws_close_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RawCloseInfo {
    pub size: usize,
    pub stage: i32,
    pub result: i32,
    pub code_received: i32,
    pub code_sent: i32,
    pub was_clean: i32,
    pub os_code: i32,
    pub tls_alert: i32,
    pub http_status: i32,
    pub began_ms: i64,
    pub opened_ms: i64,
    pub closed_ms: i64,
    pub open_us: i64,
}

impl RawCloseInfo {
    /// `WS_CLOSE_INFO_INIT`.
    pub const INIT: RawCloseInfo = RawCloseInfo {
        size: size_of::<RawCloseInfo>(),
        stage: 0,
        result: 0,
        code_received: 0,
        code_sent: 0,
        was_clean: 0,
        os_code: 0,
        tls_alert: 0,
        http_status: 0,
        began_ms: 0,
        opened_ms: 0,
        closed_ms: 0,
        open_us: 0,
    };
}

/// `ws_stats`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RawStats {
    pub size: usize,
    pub messages_sent: u64,
    pub messages_received: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub wire_bytes_sent: u64,
    pub wire_bytes_received: u64,
    pub messages_discarded: u64,
    pub send_buffered: u64,
    pub receive_buffered: u64,
    pub ping_us: i64,
    pub dns_us: i64,
    pub tcp_us: i64,
    pub proxy_us: i64,
    pub tls_us: i64,
    pub upgrade_us: i64,
    pub connect_us: i64,
}

impl RawStats {
    /// `WS_STATS_INIT`.
    pub const INIT: RawStats = RawStats {
        size: size_of::<RawStats>(),
        messages_sent: 0,
        messages_received: 0,
        bytes_sent: 0,
        bytes_received: 0,
        wire_bytes_sent: 0,
        wire_bytes_received: 0,
        messages_discarded: 0,
        send_buffered: 0,
        receive_buffered: 0,
        ping_us: 0,
        dns_us: 0,
        tcp_us: 0,
        proxy_us: 0,
        tls_us: 0,
        upgrade_us: 0,
        connect_us: 0,
    };
}

/// `ws_tls_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct RawTlsInfo {
    pub size: usize,
    pub version: *const c_char,
    pub cipher_suite: *const c_char,
    pub key_exchange: *const c_char,
    pub alpn: *const c_char,
    pub subject: *const c_char,
    pub issuer: *const c_char,
    pub sha256: *const c_char,
    pub key_sha256: *const c_char,
    pub not_before: i64,
    pub not_after: i64,
    pub resumed: i32,
    pub verified: i32,
}

impl RawTlsInfo {
    /// `WS_TLS_INFO_INIT`.
    pub const INIT: RawTlsInfo = RawTlsInfo {
        size: size_of::<RawTlsInfo>(),
        version: ptr::null(),
        cipher_suite: ptr::null(),
        key_exchange: ptr::null(),
        alpn: ptr::null(),
        subject: ptr::null(),
        issuer: ptr::null(),
        sha256: ptr::null(),
        key_sha256: ptr::null(),
        not_before: 0,
        not_after: 0,
        resumed: 0,
        verified: 0,
    };
}

macro_rules! functions {
    ($($name:ident($($type:ty),*) $(-> $result:ty)?;)*) => {
        /// Every exported function, a field each: `(api().ws_ping)(ws, ptr::null(), 0)`.
        pub struct Api {
            $(#[doc = concat!("`", stringify!($name), "`, see ws4d.h.")]
            pub $name: extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Api {
            /// The names of the fields.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            fn load(library: &Library) -> Result<Api, &'static str> {
                Ok(Api {
                    // SAFETY: the types are those of the header.
                    $($name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }
                        .map_err(|_| concat!("lacks ", stringify!($name), ", so it is an old one"))?,)*
                })
            }
        }
    };
}

functions! {
    ws_new(*const c_char, *const RawHandler, OptionsToken, *mut *mut RawErrors) -> Socket;
    ws_new_async(*const c_char, *const RawHandler, OptionsToken, *mut *mut RawErrors) -> Socket;
    ws_release(Socket) -> i32;
    ws_reconnector_new(*const c_char, *const RawHandler, OptionsToken, *const RawReconnectPolicy, *mut *mut RawErrors) -> Reconnector;
    ws_reconnector_send(Reconnector, i32, *const c_void, usize, u32) -> i32;
    ws_reconnector_get_socket(Reconnector) -> Socket;
    ws_reconnector_get_status(Reconnector) -> i32;
    ws_reconnector_get_attempts(Reconnector) -> u32;
    ws_reconnector_terminate(Reconnector, i32, *const c_char) -> i32;
    ws_reconnector_release(Reconnector) -> i32;
    ws_send_text(Socket, *const c_char, usize) -> i32;
    ws_send_text_utf16(Socket, *const u16, usize) -> i32;
    ws_send_blob(Socket, *const c_void, usize) -> i32;
    ws_send_object(Socket, *const c_char, usize) -> i32;
    ws_send(Socket, i32, *const c_void, usize, u32) -> i32;
    ws_ping(Socket, *const c_void, usize) -> i32;
    ws_cork(Socket) -> i32;
    ws_uncork(Socket) -> i32;
    ws_pause(Socket) -> i32;
    ws_resume(Socket) -> i32;
    ws_terminate(Socket, i32, *const c_char) -> i32;
    ws_abort(Socket) -> i32;
    ws_get_status(Socket) -> i32;
    ws_get_id(Socket) -> i32;
    ws_get_url(Socket) -> *const c_char;
    ws_get_data_type(Socket) -> i32;
    ws_get_handler(Socket, *mut RawHandler) -> i32;
    ws_get_user_data(Socket) -> *mut c_void;
    ws_get_subprotocol(Socket) -> *const c_char;
    ws_get_tls_info(Socket, *mut RawTlsInfo) -> i32;
    ws_get_response_status(Socket) -> i32;
    ws_get_response_header(Socket, *const c_char, usize) -> *const c_char;
    ws_get_peer_address(Socket) -> *const c_char;
    ws_get_buffered_amount(Socket) -> usize;
    ws_get_close_info(Socket, *mut RawCloseInfo) -> i32;
    ws_get_stats(Socket, *mut RawStats) -> i32;
    ws_dispatcher_new() -> Dispatcher;
    ws_dispatcher_new_driving() -> Dispatcher;
    ws_dispatcher_new_with_wake(Option<WakeFn>, *mut c_void) -> Dispatcher;
    ws_dispatcher_attach(Dispatcher) -> i32;
    ws_dispatcher_set_busy_poll_us(Dispatcher, u32) -> i32;
    ws_dispatcher_dispatch(Dispatcher, u32) -> i32;
    ws_dispatcher_wait(Dispatcher, i32) -> i32;
    ws_dispatcher_next(Dispatcher, i32, *mut Socket, *mut *mut RawEvent) -> i32;
    ws_dispatcher_next_batch(Dispatcher, i32, usize, *mut *mut RawBatch) -> i32;
    ws_batch_items(*const RawBatch, *mut usize) -> *const RawBatchItem;
    ws_batch_data(*const RawBatch, *mut usize) -> *const c_void;
    ws_batch_event(*const RawBatch, usize) -> *const RawEvent;
    ws_batch_free(*mut RawBatch);
    ws_dispatcher_run(Dispatcher) -> i32;
    ws_dispatcher_stop(Dispatcher) -> i32;
    ws_dispatcher_fd(Dispatcher) -> isize;
    ws_dispatcher_close(Dispatcher) -> i32;
    ws_event_get_type(*const RawEvent) -> i32;
    ws_event_data_type(*const RawEvent) -> i32;
    ws_event_data(*const RawEvent, *mut usize) -> *const c_void;
    ws_event_data_utf16(*const RawEvent, *mut usize) -> *const u16;
    ws_event_json(*const RawEvent) -> *const RawJson;
    ws_event_errors(*const RawEvent) -> *const RawErrors;
    ws_event_code(*const RawEvent) -> u16;
    ws_event_reason(*const RawEvent) -> *const c_char;
    ws_event_was_clean(*const RawEvent) -> i32;
    ws_event_retain(*const RawEvent) -> *mut RawEvent;
    ws_event_free(*mut RawEvent);
    ws_json_get_kind(*const RawJson) -> i32;
    ws_json_member(*const RawJson, *const c_char) -> *const RawJson;
    ws_json_item(*const RawJson, usize) -> *const RawJson;
    ws_json_length(*const RawJson) -> usize;
    ws_json_bool(*const RawJson, i32) -> i32;
    ws_json_number(*const RawJson, f64) -> f64;
    ws_json_int64(*const RawJson, i64) -> i64;
    ws_json_string(*const RawJson, *mut usize) -> *const c_char;
    ws_json_text(*const RawJson, *mut usize) -> *const c_char;
    ws_json_key(*const RawJson, usize, *mut *const RawJson) -> *const c_char;
    ws_errors_count(*const RawErrors) -> usize;
    ws_errors_code(*const RawErrors, usize) -> i32;
    ws_errors_message(*const RawErrors, usize) -> *const c_char;
    ws_errors_component(*const RawErrors, usize) -> *const c_char;
    ws_errors_os_code(*const RawErrors) -> i32;
    ws_errors_http_status(*const RawErrors) -> i32;
    ws_errors_http_header(*const RawErrors, *const c_char, usize) -> *const c_char;
    ws_errors_http_body(*const RawErrors, *mut usize) -> *const c_void;
    ws_errors_free(*mut RawErrors);
    ws_options_new() -> OptionsToken;
    ws_options_free(OptionsToken) -> i32;
    ws_options_set_data_type(OptionsToken, i32) -> i32;
    ws_options_set_strict_json(OptionsToken, i32) -> i32;
    ws_options_set_header(OptionsToken, *const c_char, *const c_char) -> i32;
    ws_options_set_cookie(OptionsToken, *const c_char) -> i32;
    ws_options_set_subprotocol(OptionsToken, *const c_char) -> i32;
    ws_options_set_connect_timeout_ms(OptionsToken, u32) -> i32;
    ws_options_set_close_timeout_ms(OptionsToken, u32) -> i32;
    ws_options_set_idle_timeout_ms(OptionsToken, u32) -> i32;
    ws_options_set_ping_interval_ms(OptionsToken, u32) -> i32;
    ws_options_set_ping_timeout_ms(OptionsToken, u32) -> i32;
    ws_options_set_max_message_size(OptionsToken, usize) -> i32;
    ws_options_set_send_buffer_size(OptionsToken, usize) -> i32;
    ws_options_set_receive_buffer_size(OptionsToken, usize) -> i32;
    ws_options_set_compression(OptionsToken, i32) -> i32;
    ws_options_set_compression_window_bits(OptionsToken, i32, i32) -> i32;
    ws_options_set_compression_context_takeover(OptionsToken, i32, i32) -> i32;
    ws_options_set_compression_min_size(OptionsToken, usize) -> i32;
    ws_options_set_ca_file(OptionsToken, *const c_char) -> i32;
    ws_options_set_ca_pem(OptionsToken, *const c_void, usize) -> i32;
    ws_options_set_max_redirects(OptionsToken, u32) -> i32;
    ws_options_set_resolve(OptionsToken, *const c_char, u16, *const c_char) -> i32;
    ws_options_set_local_address(OptionsToken, *const c_char) -> i32;
    ws_options_set_unix_socket(OptionsToken, *const c_char) -> i32;
    ws_options_set_tcp_keepalive_ms(OptionsToken, u32) -> i32;
    ws_options_set_busy_poll_us(OptionsToken, u32) -> i32;
    ws_options_set_verify(OptionsToken, i32) -> i32;
    ws_options_set_proxy(OptionsToken, *const c_char) -> i32;
    ws_options_set_system_trust(OptionsToken, i32) -> i32;
    ws_options_set_crl_file(OptionsToken, *const c_char) -> i32;
    ws_options_set_client_certificate_file(OptionsToken, *const c_char, *const c_char) -> i32;
    ws_options_set_client_certificate_pem(OptionsToken, *const c_void, usize, *const c_void, usize) -> i32;
    ws_options_set_server_name(OptionsToken, *const c_char) -> i32;
    ws_options_set_pinned_key_sha256(OptionsToken, *const c_char) -> i32;
    ws_options_set_min_tls_version(OptionsToken, i32) -> i32;
    ws_options_set_alpn(OptionsToken, *const c_char) -> i32;
    ws_options_set_key_log_file(OptionsToken, *const c_char) -> i32;
    ws_status_name(i32) -> *const c_char;
    ws_event_type_name(i32) -> *const c_char;
    ws_data_type_name(i32) -> *const c_char;
    ws_result_name(i32) -> *const c_char;
    ws_result_message(i32) -> *const c_char;
    ws_version_string() -> *const c_char;
    ws_version_number() -> u32;
    ws_set_error_handler(Option<ErrorFn>, *mut c_void);
    ws_set_log(i32, Option<LogFn>, *mut c_void);
    ws_set_io_threads(u32) -> i32;
    ws_shutdown(i32) -> i32;
}

/// The library's functions; loads it at the first call, for ever.
///
/// # Panics
/// If the library is not where [`library_path`] says, or lacks a function.
pub fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let path = library_path();
        warn_if_stale(&path);
        // SAFETY: the library runs no code at load but the C library's own.
        let library = unsafe { Library::new(&path) };
        let library = library.unwrap_or_else(|error| {
            panic!("{}: {error}; build it with `cargo build -p ws4d`, or set WS4D_LIBRARY", path.display())
        });
        let api = Api::load(&library).unwrap_or_else(|error| panic!("{} {error}", path.display()));
        std::mem::forget(library);
        api
    })
}

/// Where the library is: `WS4D_LIBRARY`, else beside the folder of the test's executable, where cargo puts it.
///
/// # Panics
/// If the executable has no path.
pub fn library_path() -> PathBuf {
    if let Some(path) = env::var_os("WS4D_LIBRARY").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let name: OsString = libloading::library_filename("ws4d");
    let executable = env::current_exe().expect("an executable has a path");
    let folders = executable.ancestors().skip(1).take(3).map(|folder| folder.join(&name));
    folders.clone().find(|path| path.exists()).or_else(|| folders.clone().nth(1)).expect("target/debug")
}

/// Cargo runs tests without building the cdylib first; whoever sees a test fail should know.
fn warn_if_stale(library: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = ["src", "client/src", "protocol/src"].map(|folder| root.join(folder)).to_vec();
    let Ok(built) = library.metadata().and_then(|file| file.modified()) else { return };
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.modified().is_ok_and(|changed| changed > built) {
                eprintln!("{} is older than {}", library.display(), entry.path().display());
                return;
            }
        }
    }
}

/// A copy of a text of the library; `None` for NULL.
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "safe as the functions are: see above")]
pub fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the library's texts end with a NUL, and live long enough to be copied.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// `ws_result_name`, the form in which tests read results.
pub fn name(result: i32) -> String {
    text((api().ws_result_name)(result)).unwrap_or_else(|| format!("{result}?"))
}
