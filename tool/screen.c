/* screen: standard output. A terminal is shown nothing that it would obey. */
#define _POSIX_C_SOURCE 200809L
#include "screen.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "record.h"
#include "report.h"
#include "signals.h"

void screen_begin(screen *s, const options *o)
{
    *s = (screen){ .end = o->nul ? '\0' : '\n' };
    s->terminal = isatty(STDOUT_FILENO);
    s->form = o->format != FORMAT_AUTO ? (int)o->format : s->terminal ? FORMAT_PRETTY : FORMAT_RAW;
    s->colour = use_colour(o->color, STDOUT_FILENO);
}

void screen_end(screen *s)
{
    text_free(&s->pending);
}

static void add_raw(screen *s, const ws_event *event, const char *data, size_t len)
{
    int is_text = ws_event_data_type(event) != WS_DATA_TYPE_BLOB;
    if (s->terminal) text_add_safe(&s->pending, data, len, "");
    else text_add(&s->pending, data, len);
    if (is_text) text_add(&s->pending, &s->end, 1);
    else if (s->terminal) text_put(&s->pending, "\n");
}

static void add_pretty(screen *s, const ws_event *event, const char *data, size_t len)
{
    /* What the server says is told from what is typed; only lines of ours begin at the edge. */
    const char *before = s->terminal ? "  " : "";
    if (s->terminal) text_put(&s->pending, s->colour ? "\033[2m<\033[0m " : "< ");
    ws_data_type type = ws_event_data_type(event);
    if (type == WS_DATA_TYPE_BLOB) {
        text_printf(&s->pending, "%zu byte%s of binary data", len, len == 1 ? "" : "s");
        pretty_bytes(&s->pending, data, len, before);
    } else if (type == WS_DATA_TYPE_OBJECT) {
        pretty_json(&s->pending, data, len, s->colour, before);
    } else {
        text_add_safe(&s->pending, data, len, before);
    }
    text_put(&s->pending, "\n");
}

void screen_message(screen *s, const ws_event *event)
{
    size_t len = 0;
    const char *data = ws_event_data(event, &len);
    if (s->form == FORMAT_PRETTY) add_pretty(s, event, data, len);
    else add_raw(s, event, data, len);
    if (s->pending.len >= 65536) screen_flush(s);
}

/* Returns until when to wait for a reader that takes nothing; 0: for ever. After --max-time, a reader that still reads gets what came
   before that time: it has one second for each write, and five seconds in all. */
static int64_t patience_end(const screen *s)
{
    const int64_t second = 1000000000;
    if (s->end_ns == 0) return 0;
    int64_t until = now_ns() + second;
    if (until > s->end_ns + 5 * second) until = s->end_ns + 5 * second;
    return until > s->end_ns ? until : s->end_ns;
}

int screen_flush(screen *s)
{
    size_t at = 0;
    while (!s->broken && at < s->pending.len) {
        if (!signals_wait(STDOUT_FILENO, POLLOUT, patience_end(s))) {
            s->broken = 1; /* who ends the program does not wait for a reader that does not read */
            break;
        }
        /* So much a pipe takes without waiting, when it takes anything. */
        size_t some = s->pending.len - at < PIPE_BUF ? s->pending.len - at : PIPE_BUF;
        ssize_t written = write(STDOUT_FILENO, s->pending.data + at, some);
        if (written >= 0) {
            at += (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            s->error = errno;
            s->broken = 1;
        }
    }
    text_clear(&s->pending);
    return !s->broken;
}
