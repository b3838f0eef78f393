/* connection: what is sent on the connection of now, and how its end begins. */
#define _POSIX_C_SOURCE 200809L
#include "connection.h"
#include <string.h>

record *record_first(session *s)
{
    return s->json.lines != NULL ? &s->json : record_after(s, &s->json);
}

record *record_after(session *s, record *it)
{
    return it == &s->json && s->recorded.lines != NULL ? &s->recorded : NULL;
}

int session_records(const session *s)
{
    return s->json.lines != NULL || s->recorded.lines != NULL;
}

int session_can_send(const session *s)
{
    return s->open && !s->blocked && s->cause == NOT_CLOSING;
}

ws_result session_send(session *s, int32_t data_type, const void *data, size_t len)
{
    int64_t time_us = session_records(s) ? now_us() : 0;
    ws_result sent = s->reconnector != NULL ? ws_reconnector_send(s->reconnector, data_type, data, len, 0)
                                            : ws_send(s->socket, data_type, data, len, 0);
    if (sent == WS_ERR_WOULD_BLOCK) s->blocked = 1;
    for EACH_RECORD(s, it) {
        if (sent == WS_OK) record_message(it, time_us, 1, data_type, data, len);
    }
    return sent;
}

ws_result session_ping(session *s, const void *data, size_t len)
{
    int64_t time_us = session_records(s) ? now_us() : 0;
    ws_result sent = ws_ping(s->socket, data, len);
    if (sent != WS_OK) return sent;
    s->pings_sent++;
    for EACH_RECORD(s, it) record_control(it, time_us, 1, "ping", data, len);
    return WS_OK;
}

void session_finish(session *s, cause cause, int code)
{
    if (s->code == 0) s->code = code;
    if (s->cause != NOT_CLOSING) return;
    s->cause = cause;
    int32_t with = (int32_t)s->o->close_code;
    const char *reason = s->o->close_reason != NULL ? s->o->close_reason : "";
    for EACH_RECORD(s, it) {
        if (s->open) record_close(it, now_us(), 1, with, reason, strlen(reason));
    }
    if (s->reconnector != NULL) ws_reconnector_terminate(s->reconnector, with, reason);
    else if (s->socket != NULL) ws_terminate(s->socket, with, reason);
}

/* How long the server may be silent after the end of the input. Who has typed the end has seen enough. */
static uint32_t patience(const session *s)
{
    if (s->o->wait_ms != NOT_SAID) return s->o->wait_ms;
    return s->o->count > 0 || s->o->no_input ? FOR_EVER : s->input.terminal && s->replay.name == NULL ? 0 : 1000;
}

void session_wait(session *s)
{
    uint32_t wait = patience(s);
    s->wait_until_ns = wait == FOR_EVER ? INT64_MAX : now_ns() + (int64_t)wait * 1000000;
}
