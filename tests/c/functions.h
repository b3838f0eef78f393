/* Every exported function, once: its name, a call of it, and what kind of answer it gives. The call uses names that
 * the including test has in scope:
 *
 *     ws, r, d, o        handles              url, handler       for opening
 *     e, v, errors       pointers to read     own_e, own_errors  pointers that may be freed
 *
 * Options that are one number have their rows in setters.h, unless another number than 1 (or 1000 ms) is needed. A row
 * becomes BAD_<kind>(call), true where a refused handle gave the right answer, or LIVE_<kind>(call). */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "setters.h"

#define SOCKET_FUNCTIONS(X) \
    X(ws_abort, (ws), RESULT) \
    X(ws_close, (ws), RESULT) \
    X(ws_cork, (ws), RESULT) \
    X(ws_get_buffered_amount, (ws), ZERO) \
    X(ws_get_close_info, (ws, &(ws_close_info)WS_CLOSE_INFO_INIT), RESULT) \
    X(ws_get_data_type, (ws), ZERO) \
    X(ws_get_handler, (ws, &(ws_handler)WS_HANDLER_INIT), RESULT) \
    X(ws_get_id, (ws), ZERO) \
    X(ws_get_peer_address, (ws), NONE) \
    X(ws_get_response_header, (ws, "upgrade", 0), NONE) \
    X(ws_get_response_status, (ws), ZERO) \
    X(ws_get_stats, (ws, &(ws_stats)WS_STATS_INIT), RESULT) \
    X(ws_get_status, (ws), CLOSED) \
    X(ws_get_tls_info, (ws, &(ws_tls_info)WS_TLS_INFO_INIT), RESULT) \
    X(ws_get_subprotocol, (ws), NONE) \
    X(ws_get_url, (ws), NONE) \
    X(ws_get_user_data, (ws), NONE) \
    X(ws_pause, (ws), RESULT) \
    X(ws_ping, (ws, "ping", 4), RESULT) \
    X(ws_pong, (ws, "pong", 4), RESULT) \
    X(ws_release, (ws), RESULT) \
    X(ws_resume, (ws), RESULT) \
    X(ws_send, (ws, WS_DATA_TYPE_TEXT, "text", 4, WS_SEND_PLAIN), RESULT) \
    X(ws_send_begin, (ws, WS_DATA_TYPE_TEXT, 0), RESULT) \
    X(ws_send_blob, (ws, "blob", 4), RESULT) \
    X(ws_send_end, (ws), RESULT) \
    X(ws_send_many, (ws, WS_DATA_TYPE_TEXT, &(ws_slice){"text", 4}, 1, 0), RESULT) \
    X(ws_send_object, (ws, "{}", 2), RESULT) \
    X(ws_send_object_utf16, (ws, (const uint16_t[]){0x7b, 0x7d, 0}, WS_NUL_TERMINATED), RESULT) \
    X(ws_send_part, (ws, "part", 4), RESULT) \
    X(ws_send_text, (ws, "text", WS_NUL_TERMINATED), RESULT) \
    X(ws_send_text_utf16, (ws, (const uint16_t[]){0x68, 0x69, 0}, WS_NUL_TERMINATED), RESULT) \
    X(ws_terminate, (ws, 1000, "bye"), RESULT) \
    X(ws_uncork, (ws), RESULT)

#define RECONNECTOR_FUNCTIONS(X) \
    X(ws_reconnector_close, (r), RESULT) \
    X(ws_reconnector_get_attempts, (r), ZERO) \
    X(ws_reconnector_get_connections, (r), ZERO) \
    X(ws_reconnector_get_socket, (r), NONE) \
    X(ws_reconnector_get_stats, (r, &(ws_stats)WS_STATS_INIT), RESULT) \
    X(ws_reconnector_get_status, (r), CLOSED) \
    X(ws_reconnector_release, (r), RESULT) \
    X(ws_reconnector_retry_now, (r), RESULT) \
    X(ws_reconnector_send, (r, WS_DATA_TYPE_TEXT, "text", 4, WS_SEND_PLAIN), RESULT) \
    X(ws_reconnector_terminate, (r, 1000, "bye"), RESULT)

#define DISPATCHER_FUNCTIONS(X) \
    X(ws_dispatcher_attach, (d), RESULT) \
    X(ws_dispatcher_set_busy_poll_us, (d, 0), RESULT) \
    X(ws_dispatcher_set_interruptible, (d, 0), RESULT) \
    X(ws_dispatcher_close, (d), RESULT) \
    X(ws_dispatcher_dispatch, (d, 0), RESULT) \
    X(ws_dispatcher_fd, (d), MINUS_ONE) \
    X(ws_dispatcher_next, (d, 0, &(ws_socket *){NULL}, &own_e), RESULT) \
    X(ws_dispatcher_next_batch, (d, 0, 1, &(ws_batch *){NULL}), RESULT) \
    X(ws_dispatcher_run, (d), RESULT) \
    X(ws_dispatcher_set_error_handler, (d, NULL, NULL), RESULT) \
    X(ws_dispatcher_stop, (d), RESULT) \
    X(ws_dispatcher_wait, (d, 0), RESULT)

#define OPTIONS_FUNCTIONS(X) \
    X(ws_options_free, (o), RESULT) \
    X(ws_options_set_ca_file, (o, "/no/such/file"), RESULT) \
    X(ws_options_set_ca_pem, (o, "no certificate", WS_NUL_TERMINATED), RESULT) \
    X(ws_options_set_alpn, (o, "http/1.1"), RESULT) \
    X(ws_options_set_client_certificate_file, (o, "/no/such/file", "/no/such/file"), RESULT) \
    X(ws_options_set_client_certificate_password, (o, "password"), RESULT) \
    X(ws_options_set_client_certificate_pem, (o, "no certificate", WS_NUL_TERMINATED, "no key", WS_NUL_TERMINATED), RESULT) \
    X(ws_options_set_crl_file, (o, "/no/such/file"), RESULT) \
    X(ws_options_set_key_log_file, (o, "/no/such/folder/file"), RESULT) \
    X(ws_options_set_min_tls_version, (o, 13), RESULT) \
    X(ws_options_set_pinned_key_sha256, (o, "no pin"), RESULT) \
    X(ws_options_set_server_name, (o, "name.test"), RESULT) \
    X(ws_options_set_cookie, (o, "a=1"), RESULT) \
    X(ws_options_errors, (o), NONE) \
    X(ws_options_set_header, (o, "X-Name", "value"), RESULT) \
    X(ws_options_set_proxy_header, (o, "X-Name", "value"), RESULT) \
    X(ws_options_set_local_address, (o, "127.0.0.1"), RESULT) \
    X(ws_options_set_proxy, (o, ""), RESULT) \
    X(ws_options_set_resolve, (o, "name.test", 443, "127.0.0.1"), RESULT) \
    X(ws_options_set_connect_to, (o, "name.test", 443, "127.0.0.1", 8443), RESULT) \
    X(ws_options_set_socket_fn, (o, NULL, NULL), RESULT) \
    X(ws_options_set_compression_window_bits, (o, 15, 15), RESULT) \
    X(ws_options_set_compression_context_takeover, (o, 1, 1), RESULT) \
    X(ws_options_set_subprotocol, (o, "name"), RESULT) \
    X(ws_options_set_unix_socket, (o, ""), RESULT) \
    NUMBER_OPTIONS_FUNCTIONS(X)

#define OPENING_FUNCTIONS(X) \
    X(ws_new, (url, handler, o, &own_errors), SOCKET) \
    X(ws_new_async, (url, handler, o, &own_errors), SOCKET) \
    X(ws_reconnector_new, (url, handler, o, NULL, &own_errors), RECONNECTOR)

#define EVENT_FUNCTIONS(X) \
    X(ws_batch_data, (NULL, &(size_t){9}), NONE) \
    X(ws_batch_event, (NULL, 0), NONE) \
    X(ws_batch_time_us, (NULL, 0), ZERO) \
    X(ws_batch_free, (NULL), NOTHING) \
    X(ws_batch_items, (NULL, &(size_t){9}), NONE) \
    X(ws_event_code, (e), ZERO) \
    X(ws_event_data, (e, &(size_t){9}), NONE) \
    X(ws_event_data_type, (e), ZERO) \
    X(ws_event_data_utf16, (e, &(size_t){9}), NONE) \
    X(ws_event_errors, (e), NONE) \
    X(ws_event_free, (own_e), NOTHING) \
    X(ws_event_get_type, (e), ZERO) \
    X(ws_event_json, (e), NONE) \
    X(ws_event_part_last, (e), ZERO) \
    X(ws_event_part_offset, (e), ZERO) \
    X(ws_event_reason, (e), NONE) \
    X(ws_event_retain, (e), EVENT) \
    X(ws_event_time_us, (e), ZERO) \
    X(ws_event_was_clean, (e), ZERO)

#define JSON_FUNCTIONS(X) \
    X(ws_json_bool, (v, 7), SEVEN) \
    X(ws_json_get_kind, (v), ZERO) \
    X(ws_json_int64, (v, 7), SEVEN) \
    X(ws_json_item, (v, 0), NONE) \
    X(ws_json_key, (v, 0, &(const ws_json *){NULL}), NONE) \
    X(ws_json_key_utf16, (v, 0, &(const ws_json *){NULL}, &(size_t){9}), NONE) \
    X(ws_json_length, (v), ZERO) \
    X(ws_json_member, (v, "a"), NONE) \
    X(ws_json_number, (v, 7), SEVEN) \
    X(ws_json_string, (v, &(size_t){9}), NONE) \
    X(ws_json_string_utf16, (v, &(size_t){9}), NONE) \
    X(ws_json_text, (v, &(size_t){9}), NONE)

#define ERRORS_FUNCTIONS(X) \
    X(ws_errors_code, (errors, 0), ZERO) \
    X(ws_errors_component, (errors, 0), NONE) \
    X(ws_errors_count, (errors), ZERO) \
    X(ws_errors_free, (own_errors), NOTHING) \
    X(ws_errors_http_body, (errors, &(size_t){9}), NONE) \
    X(ws_errors_http_header, (errors, "retry-after", 0), NONE) \
    X(ws_errors_http_status, (errors), ZERO) \
    X(ws_errors_message, (errors, 0), NONE) \
    X(ws_errors_os_code, (errors), ZERO)

/* These take no handle. */
#define OTHER_FUNCTIONS(X) \
    X(ws_add_log, (0, NULL, NULL), ZERO) \
    X(ws_data_type_name, (INT32_MIN), TEXT) \
    X(ws_dispatcher_new, (), DISPATCHER) \
    X(ws_dispatcher_new_driving, (), DISPATCHER) \
    X(ws_dispatcher_new_with_wake, (NULL, NULL), DISPATCHER) \
    X(ws_event_type_name, (INT32_MAX), TEXT) \
    X(ws_json_kind_name, (6), TEXT) \
    X(ws_log_level_name, (-1), TEXT) \
    X(ws_options_new, (), OPTIONS) \
    X(ws_reconnect_end_name, (99), TEXT) \
    X(ws_remove_log, (0), ARGUMENT) \
    X(ws_result_message, (-12345), TEXT) \
    X(ws_result_name, (INT32_MIN), TEXT) \
    X(ws_set_error_handler, (NULL, NULL), NOTHING) \
    X(ws_set_io_thread_stack, (1), ARGUMENT) \
    X(ws_set_io_threads, (0), ARGUMENT) \
    X(ws_set_log, (INT32_MAX, NULL, NULL), NOTHING) \
    X(ws_shutdown, (-2), ARGUMENT) \
    X(ws_stage_name, (99), TEXT) \
    X(ws_startup, (), USER) \
    X(ws_status_name, (-1), TEXT) \
    X(ws_utf16_from_utf8, ("a", WS_NUL_TERMINATED, NULL, 0), NUMBER) \
    X(ws_utf8_from_utf16, ((const uint16_t[]){0x68, 0}, WS_NUL_TERMINATED, NULL, 0), NUMBER) \
    X(ws_version_number, (), NUMBER) \
    X(ws_version_string, (), TEXT)

#define ALL_FUNCTIONS(X) \
    SOCKET_FUNCTIONS(X) RECONNECTOR_FUNCTIONS(X) DISPATCHER_FUNCTIONS(X) OPTIONS_FUNCTIONS(X) OPENING_FUNCTIONS(X) EVENT_FUNCTIONS(X) \
    JSON_FUNCTIONS(X) ERRORS_FUNCTIONS(X) OTHER_FUNCTIONS(X)

#define INDEX_OF(name, args, kind) INDEX_##name,
enum { ALL_FUNCTIONS(INDEX_OF) FUNCTIONS };
#define NAME_OF(name, args, kind) #name,
static const char *const function_names[] = {ALL_FUNCTIONS(NAME_OF)};

/* ws_startup() counts a user; as long as there are more than one, ws_shutdown() only counts down. */
static int users;
static int count_user(ws_result result)
{
    if (result == WS_OK) __atomic_fetch_add(&users, 1, __ATOMIC_RELAXED);
    return result == WS_OK || result == WS_ERR_SHUT_DOWN;
}
static ws_result shut_down(void)
{
    int others = __atomic_exchange_n(&users, 0, __ATOMIC_RELAXED) - 1;
    while (others-- > 0) CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    return ws_shutdown(PATIENCE_MS);
}

/* What a handle that is none gets. */
#define BAD_USER(call) count_user(call)
#define BAD_RESULT(call) ((call) == refused)
#define BAD_NONE(call) ((call) == NULL)
#define BAD_ZERO(call) ((call) == 0)
#define BAD_SEVEN(call) ((call) == 7)
#define BAD_MINUS_ONE(call) ((call) == -1)
#define BAD_CLOSED(call) ((call) == WS_STATUS_CLOSED)
#define BAD_NOTHING(call) ((call), 1)
#define BAD_EVENT(call) ((call) == NULL)
#define BAD_SOCKET(call) ((call) == NULL)
#define BAD_RECONNECTOR(call) ((call) == NULL)
/* What always succeeds, or never. */
#define BAD_TEXT(call) ((call) != NULL)
#define BAD_NUMBER(call) ((call) > 0)
#define BAD_ARGUMENT(call) ((call) == WS_ERR_INVALID_ARGUMENT)
#define BAD_DISPATCHER(call) (ws_dispatcher_close(call) == WS_OK)
#define BAD_OPTIONS(call) (ws_options_free(call) == WS_OK)

#endif
