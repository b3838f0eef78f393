/* events: what the library tells. All of it runs inside the session's ws_dispatcher_dispatch(). */
#define _POSIX_C_SOURCE 200809L
#include "events.h"
#include <string.h>
#include "connection.h"
#include "exits.h"
#include "outbox.h"
#include "report.h"
#include "words.h"

static int64_t time_of(const ws_event *event)
{
    int64_t us = ws_event_time_us(event);
    return us != 0 ? us : now_us();
}

static void on_open(ws_socket *ws, const ws_event *event, void *user_data)
{
    session *s = user_data;
    s->socket = ws;
    s->open = 1;
    s->lost = WS_OK;
    s->blocked = 0;
    s->connections++;
    if (!s->was_open) {
        s->was_open = 1;
        s->opened_ns = now_ns();
        s->replay.began_ns = s->opened_ns;
        if (s->replay.file != NULL) {
            int next = replay_next(&s->replay);
            if (next < 0) session_finish(s, BY_FAILURE, -next);
        }
    }
    if (s->o->ping_ms > 0) s->ping_ns = now_ns();
    for EACH_RECORD(s, it) record_open(it, ws, time_of(event));
    if (report_is_verbose()) {
        explain_connection(ws);
    } else {
        const char *protocol = ws_get_subprotocol(ws);
        tell("connected to %s%s%s", ws_get_peer_address(ws), protocol != NULL ? ", subprotocol " : "", protocol != NULL ? protocol : "");
    }
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    session *s = user_data;
    /* Who has seen enough is shown no more: exactly so many as --count wants. */
    if (s->cause == BY_COUNT || s->cause == BY_SIGNAL || s->cause == BY_READER) return;
    s->shown++;
    if (s->wait_until_ns != 0) session_wait(s);
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    int is_blob = ws_event_data_type(event) == WS_DATA_TYPE_BLOB;
    for EACH_RECORD(s, it) record_message(it, time_of(event), 0, is_blob ? WS_DATA_TYPE_BLOB : WS_DATA_TYPE_TEXT, data, len);
    if (s->json.lines == NULL) screen_message(&s->screen, event);
    else if (s->screen.pending.len >= 65536) screen_flush(&s->screen);
    if (s->o->count > 0 && s->shown >= s->o->count) session_finish(s, BY_COUNT, 0);
}

static void on_drain(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event;
    ((session *)user_data)->blocked = 0; /* the loop goes on sending */
}

static void on_ping(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    session *s = user_data;
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    for EACH_RECORD(s, it) record_control(it, time_of(event), 0, "ping", data, len);
    explain("ping from the server, %zu bytes", len);
}

static void on_pong(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    session *s = user_data;
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    for EACH_RECORD(s, it) record_control(it, time_of(event), 0, "pong", data, len);
    int64_t sent;
    if (s->pings_answered < s->pings_sent) s->pings_answered++;
    if (s->o->ping_ms == 0 || len != sizeof sent) return;
    memcpy(&sent, data, sizeof sent);
    int64_t took = now_ns() - sent;
    if (took < 0) return; /* that was none of ours */
    histogram_add(&s->pings, took);
    text words = { 0 };
    text_add_duration(&words, took);
    explain("pong after %s", text_string(&words));
    text_free(&words);
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    session *s = user_data;
    const ws_errors *errors = ws_event_errors(event);
    for EACH_RECORD(s, it) record_error(it, errors);
    if (s->reconnector != NULL) return; /* on_reconnect and on_end tell it */
    if (s->cause == NOT_CLOSING) complain_errors(errors);
    if (s->code == 0) s->code = exit_of(ws_errors_code(errors, 0), 0);
}

static void tell_close(const session *s, const ws_event *event)
{
    size_t len = 0;
    const char *reason = ws_event_data(event, &len);
    if (s->ended.code_received == 0) {
        if (s->cause != NOT_CLOSING && s->ended.result != WS_OK) tell("closed: %s", ws_result_message(s->ended.result));
        return;
    }
    if (s->cause == NOT_CLOSING && s->reconnector == NULL && exit_of_close(s->ended.code_received) != 0) return; /* the exit says it */
    const char *who = s->cause == NOT_CLOSING ? "closed by the server" : "closed";
    if (s->ended.code_received == 1005) tell("%s, without a code", who);
    else tell("%s: %d%s%.*s", who, (int)s->ended.code_received, len > 0 ? " " : "", (int)len, reason);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    session *s = user_data;
    size_t len = 0;
    const char *reason = ws_event_data(event, &len);
    s->open = 0;
    s->closed_ns = now_ns();
    ws_get_close_info(ws, &s->ended);
    if (s->cause == NOT_CLOSING || s->ended.result != WS_OK) s->lost = s->ended.result;
    text_clear(&s->reason);
    text_add(&s->reason, reason, len);
    for EACH_RECORD(s, it) {
        if (s->ended.code_received != 0) record_close(it, time_of(event), 0, s->ended.code_received, reason, len);
    }
    tell_close(s, event);
    outbox_again(s);
    if (s->reconnector != NULL) {
        s->socket = NULL; /* the reconnector's, and stale from now on */
        return;
    }
    ws_get_stats(ws, &s->stats);
    s->over = 1;
}

static void on_reconnect(ws_reconnector *r, const ws_reconnect_info *info, void *user_data)
{
    (void)r;
    session *s = user_data;
    text delay = { 0 };
    text_add_duration(&delay, (int64_t)info->delay_ms * 1000000);
    const char *why = ws_errors_message(info->errors, 0);
    text words = { 0 };
    words_add(&words, why != NULL ? why : "the connection has ended");
    if (s->cause == NOT_CLOSING) tell("%s; attempt %u in %s", text_string(&words), (unsigned)info->attempt, text_string(&delay));
    text_free(&words);
    text_free(&delay);
}

static void on_end(ws_reconnector *r, const ws_reconnect_info *info, void *user_data)
{
    session *s = user_data;
    s->over = 1;
    ws_reconnector_get_stats(r, &s->stats);
    if (info->end == WS_RECONNECT_END_HOST || s->cause != NOT_CLOSING) return;
    if (info->errors != NULL) complain_errors(info->errors);
    complain("--reconnect gives up: %s", ws_reconnect_end_name(info->end));
    if (s->code == 0) s->code = info->result != WS_OK ? exit_of(info->result, 0) : exit_of_close(info->code) != 0 ? EXIT_CLOSED : EXIT_LOST;
}

void events_set(ws_handler *handler, ws_reconnect_policy *policy, session *s)
{
    handler->user_data = s;
    handler->on_open = on_open;
    handler->on_message = on_message;
    handler->on_drain = on_drain;
    handler->on_ping = on_ping;
    handler->on_pong = on_pong;
    handler->on_error = on_error;
    handler->on_terminate = on_terminate;
    policy->on_reconnect = on_reconnect;
    policy->on_end = on_end;
}
