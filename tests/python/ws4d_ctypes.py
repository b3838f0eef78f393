"""include/ws4d.h for Python: its types, numbers and functions, declared once, with nothing but ctypes.

Names are the header's. `load` gives the library with each function declared; test_header.py compares all of it with
the header. What a call promises stands there.

Handles and pointers are types of their own, so that ctypes refuses a socket where a dispatcher is wanted. A text that
comes with its length is a pointer (`bytes_at` reads it), because it may hold a NUL; a text that ends at its NUL comes
as bytes.
"""

import ctypes
import enum
from ctypes import POINTER, c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_ssize_t, c_uint16, c_uint32, c_uint64, c_void_p


class ws_socket(c_void_p): ...
class ws_dispatcher(c_void_p): ...
class ws_options(c_void_p): ...
class ws_reconnector(c_void_p): ...
class ws_event(c_void_p): ...
class ws_batch(c_void_p): ...
class ws_errors(c_void_p): ...
class ws_json(c_void_p): ...


class ws_result(enum.IntEnum):
    WS_OK = 0
    WS_ERR_INVALID_ARGUMENT = -1
    WS_ERR_INVALID_HANDLE = -2
    WS_ERR_WRONG_THREAD = -3
    WS_ERR_INVALID_URL = -4
    WS_ERR_INVALID_HEADER = -5
    WS_ERR_INVALID_UTF8 = -6
    WS_ERR_INVALID_JSON = -7
    WS_ERR_INVALID_CLOSE_CODE = -8
    WS_ERR_INVALID_CLOSE_REASON = -9
    WS_ERR_UNSUPPORTED = -10
    WS_ERR_CLOSED = -20
    WS_ERR_WOULD_BLOCK = -21
    WS_ERR_TOO_LARGE = -22
    WS_ERR_CANCELLED = -23
    WS_ERR_SHUT_DOWN = -24
    WS_ERR_FORKED = -25
    WS_ERR_DNS = -40
    WS_ERR_CONNECTION_REFUSED = -41
    WS_ERR_UNREACHABLE = -42
    WS_ERR_TIMEOUT = -43
    WS_ERR_CONNECTION_RESET = -44
    WS_ERR_PROXY = -45
    WS_ERR_TLS = -60
    WS_ERR_CERTIFICATE = -61
    WS_ERR_HTTP_STATUS = -80
    WS_ERR_HANDSHAKE = -81
    WS_ERR_PROTOCOL = -82
    WS_ERR_OUT_OF_MEMORY = -100
    WS_ERR_INTERNAL = -101


class ws_status(enum.IntEnum):
    WS_STATUS_CONNECTING = 0
    WS_STATUS_CONNECTED = 1
    WS_STATUS_CLOSING = 2
    WS_STATUS_CLOSED = 3


class ws_data_type(enum.IntEnum):
    WS_DATA_TYPE_TEXT = 0
    WS_DATA_TYPE_BLOB = 1
    WS_DATA_TYPE_OBJECT = 2


class ws_event_type(enum.IntEnum):
    WS_EVENT_TYPE_NONE = 0
    WS_EVENT_TYPE_OPEN = 1
    WS_EVENT_TYPE_MESSAGE = 2
    WS_EVENT_TYPE_ERROR = 3
    WS_EVENT_TYPE_TERMINATE = 4
    WS_EVENT_TYPE_DRAIN = 5
    WS_EVENT_TYPE_PONG = 6


class ws_json_kind(enum.IntEnum):
    WS_JSON_KIND_NULL = 0
    WS_JSON_KIND_BOOL = 1
    WS_JSON_KIND_NUMBER = 2
    WS_JSON_KIND_STRING = 3
    WS_JSON_KIND_ARRAY = 4
    WS_JSON_KIND_OBJECT = 5


class ws_stage(enum.IntEnum):
    WS_STAGE_NONE = 0
    WS_STAGE_DNS = 1
    WS_STAGE_TCP = 2
    WS_STAGE_PROXY = 3
    WS_STAGE_TLS = 4
    WS_STAGE_UPGRADE = 5
    WS_STAGE_OPEN = 6
    WS_STAGE_CLOSING = 7
    WS_STAGE_CLOSED = 8


class ws_reconnect_end(enum.IntEnum):
    WS_RECONNECT_END_NONE = 0
    WS_RECONNECT_END_HOST = 1
    WS_RECONNECT_END_CLOSE_CODE = 2
    WS_RECONNECT_END_REFUSED = 3
    WS_RECONNECT_END_ATTEMPTS = 4
    WS_RECONNECT_END_TIME = 5
    WS_RECONNECT_END_DISPATCHER = 6
    WS_RECONNECT_END_SHUT_DOWN = 7


class ws_log_level(enum.IntEnum):
    WS_LOG_LEVEL_OFF = 0
    WS_LOG_LEVEL_ERROR = 1
    WS_LOG_LEVEL_WARN = 2
    WS_LOG_LEVEL_INFO = 3
    WS_LOG_LEVEL_DEBUG = 4
    WS_LOG_LEVEL_TRACE = 5


ENUMS = (ws_result, ws_status, ws_data_type, ws_event_type, ws_json_kind, ws_stage, ws_reconnect_end, ws_log_level)

WS4D_VERSION_MAJOR = 0
WS4D_VERSION_MINOR = 1
WS4D_VERSION_PATCH = 0
WS4D_VERSION_NUMBER = WS4D_VERSION_MAJOR << 16 | WS4D_VERSION_MINOR << 8 | WS4D_VERSION_PATCH
WS4D_VERSION_STRING = "0.1.0"
WS_NUL_TERMINATED = c_size_t(-1).value
WS_SEND_PLAIN = 1

for values in ENUMS:
    globals().update(values.__members__)
del values

ws_callback = ctypes.CFUNCTYPE(None, ws_socket, ws_event, c_void_p)
ws_free_fn = ctypes.CFUNCTYPE(None, c_void_p)
ws_wake_fn = ctypes.CFUNCTYPE(None, c_void_p)
ws_error_fn = ctypes.CFUNCTYPE(None, ws_errors, c_void_p)
ws_log_fn = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_char_p, c_void_p)

CALLBACKS = {"ws_callback": ws_callback, "ws_wake_fn": ws_wake_fn, "ws_error_fn": ws_error_fn, "ws_log_fn": ws_log_fn}


class ws_handler(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("user_data", c_void_p),
        ("dispatcher", ws_dispatcher),
        ("on_open", ws_callback),
        ("on_message", ws_callback),
        ("on_error", ws_callback),
        ("on_terminate", ws_callback),
        ("on_drain", ws_callback),
        ("on_pong", ws_callback),
        ("on_free", ws_free_fn),
    ]

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(ws_handler), **fields)


class ws_batch_item(ctypes.Structure):
    _fields_ = [
        ("ws", ws_socket),
        ("data", c_void_p),
        ("len", c_size_t),
        ("offset", c_size_t),
        ("type", c_int32),
        ("data_type", c_int32),
    ]


class ws_close_info(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("stage", c_int32),
        ("result", c_int32),
        ("code_received", c_int32),
        ("code_sent", c_int32),
        ("was_clean", c_int32),
        ("os_code", c_int32),
        ("tls_alert", c_int32),
        ("http_status", c_int32),
        ("began_ms", c_int64),
        ("opened_ms", c_int64),
        ("closed_ms", c_int64),
        ("open_us", c_int64),
    ]

    def __init__(self):
        super().__init__(size=ctypes.sizeof(ws_close_info))


class ws_stats(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("messages_sent", c_uint64),
        ("messages_received", c_uint64),
        ("bytes_sent", c_uint64),
        ("bytes_received", c_uint64),
        ("wire_bytes_sent", c_uint64),
        ("wire_bytes_received", c_uint64),
        ("messages_discarded", c_uint64),
        ("send_buffered", c_uint64),
        ("receive_buffered", c_uint64),
        ("ping_us", c_int64),
        ("dns_us", c_int64),
        ("tcp_us", c_int64),
        ("proxy_us", c_int64),
        ("tls_us", c_int64),
        ("upgrade_us", c_int64),
        ("connect_us", c_int64),
    ]

    def __init__(self):
        super().__init__(size=ctypes.sizeof(ws_stats))


class ws_tls_info(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("version", c_char_p),
        ("cipher_suite", c_char_p),
        ("key_exchange", c_char_p),
        ("alpn", c_char_p),
        ("subject", c_char_p),
        ("issuer", c_char_p),
        ("sha256", c_char_p),
        ("key_sha256", c_char_p),
        ("not_before", c_int64),
        ("not_after", c_int64),
        ("resumed", c_int32),
        ("verified", c_int32),
    ]

    def __init__(self):
        super().__init__(size=ctypes.sizeof(ws_tls_info))


class ws_reconnect_info(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("attempt", c_uint32),
        ("delay_ms", c_uint32),
        ("result", c_int32),
        ("code", c_int32),
        ("http_status", c_int32),
        ("end", c_int32),
    ]

    def __init__(self):
        super().__init__(ctypes.sizeof(ws_reconnect_info))


ws_reconnect_attempt_fn = ctypes.CFUNCTYPE(c_char_p, ws_reconnector, ws_options, c_uint32, c_void_p)
ws_reconnect_fn = ctypes.CFUNCTYPE(None, ws_reconnector, POINTER(ws_reconnect_info), c_void_p)


CALLBACKS |= {"ws_reconnect_attempt_fn": ws_reconnect_attempt_fn, "ws_reconnect_fn": ws_reconnect_fn}


class ws_reconnect_policy(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("base_delay_ms", c_uint32),
        ("max_delay_ms", c_uint32),
        ("min_delay_ms", c_uint32),
        ("stable_ms", c_uint32),
        ("max_attempts", c_uint32),
        ("max_time_ms", c_uint32),
        ("max_retry_after_ms", c_uint32),
        ("final_code_count", c_uint32),
        ("queue_size", c_size_t),
        ("final_codes", POINTER(c_uint16)),
        ("on_attempt", ws_reconnect_attempt_fn),
        ("on_reconnect", ws_reconnect_fn),
        ("on_end", ws_reconnect_fn),
    ]

    def __init__(self):
        super().__init__(ctypes.sizeof(ws_reconnect_policy), 500, 30000, 100, 10000, 0, 0, 300000)


STRUCTS = (ws_handler, ws_batch_item, ws_close_info, ws_stats, ws_tls_info, ws_reconnect_info, ws_reconnect_policy)

sized_text = POINTER(c_char)

# name: (what it returns, *what it takes), in the header's order
FUNCTIONS = {
    "ws_result_name": (c_char_p, c_int32),
    "ws_result_message": (c_char_p, c_int32),
    "ws_new": (ws_socket, c_char_p, POINTER(ws_handler), ws_options, POINTER(ws_errors)),
    "ws_new_async": (ws_socket, c_char_p, POINTER(ws_handler), ws_options, POINTER(ws_errors)),
    "ws_send_text": (c_int32, ws_socket, c_char_p, c_size_t),
    "ws_send_text_utf16": (c_int32, ws_socket, POINTER(c_uint16), c_size_t),
    "ws_send_blob": (c_int32, ws_socket, c_void_p, c_size_t),
    "ws_send_object": (c_int32, ws_socket, c_char_p, c_size_t),
    "ws_send": (c_int32, ws_socket, c_int32, c_void_p, c_size_t, c_uint32),
    "ws_ping": (c_int32, ws_socket, c_void_p, c_size_t),
    "ws_cork": (c_int32, ws_socket),
    "ws_uncork": (c_int32, ws_socket),
    "ws_release": (c_int32, ws_socket),
    "ws_pause": (c_int32, ws_socket),
    "ws_resume": (c_int32, ws_socket),
    "ws_terminate": (c_int32, ws_socket, c_int32, c_char_p),
    "ws_abort": (c_int32, ws_socket),
    "ws_get_status": (c_int32, ws_socket),
    "ws_get_id": (c_int32, ws_socket),
    "ws_get_url": (c_char_p, ws_socket),
    "ws_get_data_type": (c_int32, ws_socket),
    "ws_get_handler": (c_int32, ws_socket, POINTER(ws_handler)),
    "ws_get_user_data": (c_void_p, ws_socket),
    "ws_get_subprotocol": (c_char_p, ws_socket),
    "ws_get_tls_info": (c_int32, ws_socket, POINTER(ws_tls_info)),
    "ws_get_response_status": (c_int32, ws_socket),
    "ws_get_response_header": (c_char_p, ws_socket, c_char_p, c_size_t),
    "ws_get_peer_address": (c_char_p, ws_socket),
    "ws_get_buffered_amount": (c_size_t, ws_socket),
    "ws_get_close_info": (c_int32, ws_socket, POINTER(ws_close_info)),
    "ws_get_stats": (c_int32, ws_socket, POINTER(ws_stats)),
    "ws_reconnector_new": (
        ws_reconnector, c_char_p, POINTER(ws_handler), ws_options, POINTER(ws_reconnect_policy), POINTER(ws_errors),
    ),
    "ws_reconnector_send": (c_int32, ws_reconnector, c_int32, c_void_p, c_size_t, c_uint32),
    "ws_reconnector_get_socket": (ws_socket, ws_reconnector),
    "ws_reconnector_get_status": (c_int32, ws_reconnector),
    "ws_reconnector_get_attempts": (c_uint32, ws_reconnector),
    "ws_reconnector_terminate": (c_int32, ws_reconnector, c_int32, c_char_p),
    "ws_reconnector_release": (c_int32, ws_reconnector),
    "ws_dispatcher_new": (ws_dispatcher,),
    "ws_dispatcher_new_driving": (ws_dispatcher,),
    "ws_dispatcher_new_with_wake": (ws_dispatcher, ws_wake_fn, c_void_p),
    "ws_dispatcher_attach": (c_int32, ws_dispatcher),
    "ws_dispatcher_set_busy_poll_us": (c_int32, ws_dispatcher, c_uint32),
    "ws_dispatcher_dispatch": (c_int32, ws_dispatcher, c_uint32),
    "ws_dispatcher_wait": (c_int32, ws_dispatcher, c_int32),
    "ws_dispatcher_next": (c_int32, ws_dispatcher, c_int32, POINTER(ws_socket), POINTER(ws_event)),
    "ws_dispatcher_next_batch": (c_int32, ws_dispatcher, c_int32, c_size_t, POINTER(ws_batch)),
    "ws_batch_items": (POINTER(ws_batch_item), ws_batch, POINTER(c_size_t)),
    "ws_batch_data": (c_void_p, ws_batch, POINTER(c_size_t)),
    "ws_batch_event": (ws_event, ws_batch, c_size_t),
    "ws_batch_free": (None, ws_batch),
    "ws_dispatcher_run": (c_int32, ws_dispatcher),
    "ws_dispatcher_stop": (c_int32, ws_dispatcher),
    "ws_dispatcher_fd": (c_ssize_t, ws_dispatcher),
    "ws_dispatcher_close": (c_int32, ws_dispatcher),
    "ws_event_get_type": (c_int32, ws_event),
    "ws_event_data_type": (c_int32, ws_event),
    "ws_event_data": (c_void_p, ws_event, POINTER(c_size_t)),
    "ws_event_data_utf16": (POINTER(c_uint16), ws_event, POINTER(c_size_t)),
    "ws_event_json": (ws_json, ws_event),
    "ws_event_errors": (ws_errors, ws_event),
    "ws_event_code": (c_uint16, ws_event),
    "ws_event_reason": (c_char_p, ws_event),
    "ws_event_was_clean": (c_int32, ws_event),
    "ws_event_retain": (ws_event, ws_event),
    "ws_event_free": (None, ws_event),
    "ws_json_get_kind": (c_int32, ws_json),
    "ws_json_member": (ws_json, ws_json, c_char_p),
    "ws_json_item": (ws_json, ws_json, c_size_t),
    "ws_json_length": (c_size_t, ws_json),
    "ws_json_bool": (c_int32, ws_json, c_int32),
    "ws_json_number": (c_double, ws_json, c_double),
    "ws_json_int64": (c_int64, ws_json, c_int64),
    "ws_json_string": (sized_text, ws_json, POINTER(c_size_t)),
    "ws_json_text": (sized_text, ws_json, POINTER(c_size_t)),
    "ws_json_key": (c_char_p, ws_json, c_size_t, POINTER(ws_json)),
    "ws_errors_count": (c_size_t, ws_errors),
    "ws_errors_code": (c_int32, ws_errors, c_size_t),
    "ws_errors_message": (c_char_p, ws_errors, c_size_t),
    "ws_errors_component": (c_char_p, ws_errors, c_size_t),
    "ws_errors_os_code": (c_int32, ws_errors),
    "ws_errors_http_status": (c_int32, ws_errors),
    "ws_errors_http_header": (c_char_p, ws_errors, c_char_p, c_size_t),
    "ws_errors_http_body": (c_void_p, ws_errors, POINTER(c_size_t)),
    "ws_errors_free": (None, ws_errors),
    "ws_options_new": (ws_options,),
    "ws_options_free": (c_int32, ws_options),
    "ws_options_set_data_type": (c_int32, ws_options, c_int32),
    "ws_options_set_strict_json": (c_int32, ws_options, c_int32),
    "ws_options_set_header": (c_int32, ws_options, c_char_p, c_char_p),
    "ws_options_set_cookie": (c_int32, ws_options, c_char_p),
    "ws_options_set_subprotocol": (c_int32, ws_options, c_char_p),
    "ws_options_set_connect_timeout_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_close_timeout_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_idle_timeout_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_ping_interval_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_ping_timeout_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_max_message_size": (c_int32, ws_options, c_size_t),
    "ws_options_set_send_buffer_size": (c_int32, ws_options, c_size_t),
    "ws_options_set_receive_buffer_size": (c_int32, ws_options, c_size_t),
    "ws_options_set_max_redirects": (c_int32, ws_options, c_uint32),
    "ws_options_set_resolve": (c_int32, ws_options, c_char_p, c_uint16, c_char_p),
    "ws_options_set_local_address": (c_int32, ws_options, c_char_p),
    "ws_options_set_unix_socket": (c_int32, ws_options, c_char_p),
    "ws_options_set_tcp_keepalive_ms": (c_int32, ws_options, c_uint32),
    "ws_options_set_busy_poll_us": (c_int32, ws_options, c_uint32),
    "ws_options_set_compression": (c_int32, ws_options, c_int32),
    "ws_options_set_compression_window_bits": (c_int32, ws_options, c_int32, c_int32),
    "ws_options_set_compression_context_takeover": (c_int32, ws_options, c_int32, c_int32),
    "ws_options_set_compression_min_size": (c_int32, ws_options, c_size_t),
    "ws_options_set_ca_file": (c_int32, ws_options, c_char_p),
    "ws_options_set_ca_pem": (c_int32, ws_options, c_void_p, c_size_t),
    "ws_options_set_verify": (c_int32, ws_options, c_int32),
    "ws_options_set_proxy": (c_int32, ws_options, c_char_p),
    "ws_options_set_system_trust": (c_int32, ws_options, c_int32),
    "ws_options_set_crl_file": (c_int32, ws_options, c_char_p),
    "ws_options_set_client_certificate_file": (c_int32, ws_options, c_char_p, c_char_p),
    "ws_options_set_client_certificate_pem": (c_int32, ws_options, c_void_p, c_size_t, c_void_p, c_size_t),
    "ws_options_set_server_name": (c_int32, ws_options, c_char_p),
    "ws_options_set_pinned_key_sha256": (c_int32, ws_options, c_char_p),
    "ws_options_set_min_tls_version": (c_int32, ws_options, c_int32),
    "ws_options_set_alpn": (c_int32, ws_options, c_char_p),
    "ws_options_set_key_log_file": (c_int32, ws_options, c_char_p),
    "ws_status_name": (c_char_p, c_int32),
    "ws_event_type_name": (c_char_p, c_int32),
    "ws_data_type_name": (c_char_p, c_int32),
    "ws_version_string": (c_char_p,),
    "ws_version_number": (c_uint32,),
    "ws_set_error_handler": (None, ws_error_fn, c_void_p),
    "ws_set_log": (None, c_int32, ws_log_fn, c_void_p),
    "ws_set_io_threads": (c_int32, c_uint32),
    "ws_shutdown": (c_int32, c_int32),
}


def load(path):
    """The library, each of its functions declared."""
    library = ctypes.CDLL(path)
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def bytes_at(function, owner):
    """What a function with an out-parameter for the length points to, as bytes; None for NULL."""
    length = c_size_t()
    pointer = function(owner, ctypes.byref(length))
    return ctypes.string_at(pointer, length.value) if pointer else None
