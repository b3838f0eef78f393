/* input: the lines of standard input, each of them a message; with --binary what a read brings. */
#define _POSIX_C_SOURCE 200809L
#include "input.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "exits.h"
#include "report.h"

enum { READ_SIZE = 65536 };

void input_begin(input *in, const options *o)
{
    *in = (input){ .terminal = isatty(STDIN_FILENO) };
    int is_file = 0;
    for (size_t i = 0; i < o->outgoing_count; i++) is_file |= o->outgoing[i].is_file && strcmp(o->outgoing[i].value, "-") == 0;
    /* Where --send or --file say what to send, only who types may add to it: a script's input is the script's. */
    int said = o->outgoing_count > 0 || o->replay != NULL;
    in->reading = !o->no_input && !is_file && (in->terminal || !said);
}

int input_wanted(const session *s)
{
    const input *in = &s->input;
    return in->reading && session_can_send(s) && s->outbox.next == s->o->outgoing_count && s->replay.file == NULL;
}

void input_read(session *s)
{
    input *in = &s->input;
    if (!in->reading || !session_can_send(s)) return;
    if (in->at > 0) { /* what is left is less than a message */
        memmove(in->bytes.data, in->bytes.data + in->at, in->bytes.len - in->at);
        in->bytes.len -= in->at;
        in->seen -= in->at;
        in->at = 0;
    }
    char bytes[READ_SIZE];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got < 0 && errno != EIO) { /* EIO: a terminal that is gone, or another program's by now */
        complain("standard input cannot be read: %s", strerror(errno));
        session_finish(s, BY_FAILURE, EXIT_FILE);
    }
    if (got > 0) text_add(&in->bytes, bytes, (size_t)got);
    else in->reading = 0;
}

/* What cannot be sent. Who types may try again; of a script's input nothing more is sent. */
static void refuse(session *s, ws_result result)
{
    input *in = &s->input;
    const char *hint = result == WS_ERR_INVALID_UTF8 ? "; --binary sends bytes as they are" : result == WS_ERR_TOO_LARGE ? "; see --max-size" : "";
    complain("line %lu of the input was not sent: %s%s", in->number, ws_result_message(result), hint);
    if (!in->terminal) session_finish(s, BY_FAILURE, exit_of(result, 1));
}

/* The end of the message that begins at in->at, and what lies behind it; 0: it is not there yet. */
static int find_end(session *s, size_t *len, size_t *next)
{
    input *in = &s->input;
    size_t left = in->bytes.len - in->at;
    if (left == 0) return 0;
    if (s->o->binary) {
        *len = *next = left;
        return 1;
    }
    const char *found = memchr(in->bytes.data + in->seen, s->o->nul ? '\0' : '\n', in->bytes.len - in->seen);
    in->seen = in->bytes.len;
    if (found != NULL) {
        *len = (size_t)(found - (in->bytes.data + in->at));
        *next = *len + 1;
        return 1;
    }
    *len = *next = left;
    if (!in->reading) return 1; /* the last line may end without a line break */
    if (s->o->max_size == 0 || left <= s->o->max_size) return 0;
    in->number++;
    refuse(s, WS_ERR_TOO_LARGE);
    in->at = in->bytes.len;
    return 0;
}

void input_pump(session *s)
{
    input *in = &s->input;
    size_t len, next;
    int corked = 0;
    while (session_can_send(s) && find_end(s, &len, &next)) {
        const char *data = in->bytes.data + in->at;
        ws_result sent = WS_OK;
        int32_t type = s->o->binary ? WS_DATA_TYPE_BLOB : s->o->json ? WS_DATA_TYPE_OBJECT : WS_DATA_TYPE_TEXT;
        if (!corked && next < in->bytes.len - in->at) corked = ws_cork(s->socket) == WS_OK;
        /* An empty line on a terminal is a key that was pressed; elsewhere it is an empty message. */
        if (len > 0 || !in->terminal) sent = session_send(s, type, data, len);
        in->seen = in->at;
        if (sent == WS_ERR_WOULD_BLOCK || sent == WS_ERR_CLOSED) break;
        in->number++;
        in->at += next;
        in->seen = in->at;
        if (sent != WS_OK) refuse(s, sent);
    }
    if (corked) ws_uncork(s->socket);
}

void input_end(input *in)
{
    text_free(&in->bytes);
}
