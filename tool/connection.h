/* connection: the state of one run of the program: a connection, or one that comes back, between standard input and standard
   output; what is sent on it, and how its end begins. */
#ifndef TOOL_CONNECTION_H
#define TOOL_CONNECTION_H

#include <stdint.h>
#include <ws4d.h>
#include "histogram.h"
#include "options.h"
#include "record.h"
#include "replay.h"
#include "screen.h"
#include "text.h"
#include "way.h"

/* Standard input. */
typedef struct input {
    int reading;  /* it is a source of messages, and has not ended */
    int terminal;
    text bytes;   /* read and not yet sent */
    size_t at;    /* where the next message begins */
    size_t seen;  /* up to here there is no end of a message */
    unsigned long number; /* of the line */
} input;

/* What --send and --file say. */
typedef struct outbox {
    size_t next; /* which one is sent next, or being sent */
    int fd;      /* of a file that is being read; -1: none is */
    int whole;   /* it is read to its end before it is sent; otherwise it is sent in parts */
    int begun;   /* `part` is a message as a whole; or, in parts, ws_send_begin() was called for it on this connection */
    text part;   /* read and not yet sent */
} outbox;

/* Why we close. */
typedef enum cause { NOT_CLOSING, BY_INPUT, BY_COUNT, BY_TIME, BY_SIGNAL, BY_FAILURE, BY_READER } cause;

typedef struct session {
    const options *o;
    way way;
    ws_dispatcher *dispatcher;
    ws_socket *socket; /* the connection of now; NULL: there is none */
    ws_reconnector *reconnector;
    int open, over, blocked, was_open;
    cause cause;
    int code; /* the exit code, as soon as something is known to be wrong */
    screen screen;
    record json, recorded;
    record_file file;
    input input;
    outbox outbox;
    replay replay;
    /* Times of the clock that is never set, in nanoseconds; 0: none. */
    int64_t began_ns, opened_ns, closed_ns, wait_until_ns, end_ns, ping_ns;
    uint64_t shown; /* messages, for --count */
    uint64_t pings_sent, pings_answered;
    histogram pings;
    /* How it ended. */
    ws_close_info ended;
    int32_t lost; /* why there is no connection, where none of us has ended it: a ws_result */
    text reason;
    ws_stats stats;
    uint32_t connections;
} session;

/* Sends a message, and notes that; WS_ERR_WOULD_BLOCK: on_drain follows. */
ws_result session_send(session *s, int32_t data_type, const void *data, size_t len);
/* As session_send(), for a ping, except that it does not set s->blocked: a caller that can do without this ping ignores the result. */
ws_result session_ping(session *s, const void *data, size_t len);
/* Begins the end, once; `code` is the exit code, or 0 where that shows later. */
void session_finish(session *s, cause cause, int code);
/* All is sent: waits for what the server still has to say, from now on. */
void session_wait(session *s);
int session_can_send(const session *s);
int session_records(const session *s);
/* Once for each line of JSON that is to be written: `it` is s->json, then s->recorded, as far as they are wanted. */
#define EACH_RECORD(s, it) (record *it = record_first(s); it != NULL; it = record_after(s, it))
record *record_first(session *s);
record *record_after(session *s, record *it);

#endif
