/* bench_internal: what the files of bench share. */
#ifndef TOOL_BENCH_INTERNAL_H
#define TOOL_BENCH_INTERNAL_H

#include <stdio.h>
#include "bench.h"
#include "histogram.h"
#include "record.h"
#include "way.h"

enum { STEPS = 5 }; /* of connecting: name, TCP, proxy, TLS, upgrade */

/* One of the connections that are open at the same time. */
typedef struct peer {
    struct bench *bench;
    ws_socket *socket;
    char *payload;
    uint64_t sent, answered; /* on this connection */
    int64_t sent_ns;         /* when the last one was sent */
    int open, ended, blocked;
} peer;

typedef struct bench {
    const options *o;
    const way *way;
    uint32_t kind, count, opened, alive;
    size_t size;
    uint64_t window, done;
    ws_dispatcher *dispatcher;
    peer *peers;
    int64_t began_ns, end_ns, ended_ns; /* began_ns 0: it has not begun */
    int ending, code;
    histogram times, steps[STEPS];
    int64_t drawn_ns;
    int drawn;
} bench;

const char *bench_name(uint32_t kind);
void bench_fail(bench *b, int code);
void bench_start(bench *b);
void bench_connect(peer *p);
/* Adds what was measured, for people or as a line of JSON. */
void bench_report(const bench *b, text *out);
/* Writes it to standard output; the exit code. */
int bench_write(text *out);
/* A bar on standard error, where that is a terminal. */
void progress_draw(bench *b);
void progress_end(bench *b);

#endif
