/* What the clients of the benchmarks have in common. Each is a process of its own, started as
 *
 *     CLIENT KIND URL SIZE N CA-FILE DATA-FILE
 *
 * opens what the kind says, and prints what a message took, in microseconds, as `wall=… cpu=…` on a line.
 * It ends with 3 where it cannot do the kind.
 *
 *     echo      N times: one message of SIZE bytes, its echo; after a tenth of that to warm up
 *     spin      the same, for clients that look for the echo in a loop and do not sleep
 *     receive   sends one message, gets N of SIZE bytes
 *     send      N messages of SIZE bytes, each by itself; then one comes back
 *     batch     the same, together: as many in a write as the library likes (256 where the program says when); one
 *               comes back for each 4096
 *     many      the same, 256 in one call, for clients that have such a call
 *     connect   N times: connect, upgrade, close
 *     deflate   N times: a line of DATA-FILE, compressed, and a compressed message of its size back
 *     idle      N sockets that do nothing; with /deflate/ in the URL, after one message each way. Prints `kib=…`, the
 *               resident memory of one
 *     tick      N sockets that each get 10 messages a second, for a second and a half
 *     fan-in    N sockets that get all they can take, for a second; `fairness=…` too: the messages of the slowest socket,
 *               divided by those of the fastest
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_BATCH = 256, BENCH_BATCH_ANSWER = 4096, BENCH_MAX_LINES = 64 };
#define BENCH_SETTLE 0.3 /* seconds before the kind `tick` measures */
#define BENCH_TICKING 1.5
#define BENCH_FLOODING 1.0

typedef struct bench {
    const char *kind, *url, *ca, *data;
    size_t size, n;
    char *payload; /* SIZE times x */
    char *lines[BENCH_MAX_LINES];
    size_t line_count;
    double wall, cpu;
} bench;

static inline double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double bench_cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static inline void bench_begin(bench *b) {
    b->wall = bench_now();
    b->cpu = bench_cpu();
}

/* What `messages` messages took since bench_begin. */
static inline void bench_end(bench *b, size_t messages) {
    double wall = bench_now() - b->wall, cpu = bench_cpu() - b->cpu;
    printf("wall=%.6f cpu=%.6f\n", wall * 1e6 / (double)messages, cpu * 1e6 / (double)messages);
    fflush(stdout);
}

/* CPU only: the time was given. */
static inline void bench_end_cpu(bench *b, size_t messages) {
    printf("messages=%zu cpu=%.6f\n", messages, (bench_cpu() - b->cpu) * 1e6 / (double)messages);
    fflush(stdout);
}

static inline void bench_fairness(const size_t *counts, size_t n) {
    size_t least = counts[0], most = counts[0];
    for (size_t i = 1; i < n; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    printf("fairness=%.3f\n", most ? (double)least / (double)most : 0.0);
}

/* Resident memory of this process, in KiB. */
static inline double bench_rss(void) {
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024.0;
}

static inline void bench_fail(const char *what) {
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static inline void bench_unsupported(void) {
    exit(3);
}

static inline bench bench_arguments(int argc, char **argv) {
    bench b;
    memset(&b, 0, sizeof b);
    if (argc != 7)
        bench_fail("usage: KIND URL SIZE N CA-FILE DATA-FILE");
    b.kind = argv[1];
    b.url = argv[2];
    b.size = strtoul(argv[3], NULL, 10);
    b.n = strtoul(argv[4], NULL, 10);
    b.ca = argv[5];
    b.data = argv[6];
    b.payload = (char *)malloc(b.size + 1);
    memset(b.payload, 'x', b.size);
    b.payload[b.size] = 0;
    FILE *f = strstr(b.url, "/deflate/") ? fopen(b.data, "r") : NULL;
    if (f) {
        char *line = NULL;
        size_t room = 0;
        ssize_t n;
        while (b.line_count < BENCH_MAX_LINES && (n = getline(&line, &room, f)) > 0) {
            line[n - 1] = 0;
            b.lines[b.line_count++] = line;
            line = NULL;
            room = 0;
        }
        fclose(f);
    }
    return b;
}

/* The i-th message of the kinds `deflate` and `idle`. */
static inline const char *bench_line(const bench *b, size_t i) {
    return b->lines[i % b->line_count];
}

#define BENCH_IS(b, name) (strcmp((b)->kind, name) == 0)

#endif
