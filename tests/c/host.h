/* What the C tests share: the server's address, checks that say where they failed, and a host that notes its
 * callbacks. A test prints nothing unless it fails. */
#ifndef HOST_H
#define HOST_H

#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <ws4d.h>

#ifdef _WIN32
#define IS_WINDOWS 1
#else
#define IS_WINDOWS 0
#endif

/* As a last resort, so that a test ends by itself: valgrind on a busy machine stays far below it. */
#define PATIENCE_SECONDS 120
#define PATIENCE_MS (PATIENCE_SECONDS * 1000)

/* What the thread is about, for the message of a check that fails. */
static _Thread_local char doing[512];

static inline void failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s%s%s\n", file, line, what, doing[0] ? "   while: " : "", doing);
    fflush(stderr);
    _exit(1);
}
#define CHECK(condition) ((condition) ? (void)0 : failed(__FILE__, __LINE__, #condition))

static inline int same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The URL of a path on the test server; the runner says where that is. One of the last eight of the thread. */
static inline const char *at_server(const char *variable, const char *path)
{
    static _Thread_local char urls[8][4096];
    static _Thread_local unsigned next;
    char *url = urls[next++ % 8];
    const char *server = getenv(variable);
    if (server == NULL) {
        fprintf(stderr, "%s is not set: run me with scripts/c-tests.sh\n", variable);
        _exit(2);
    }
    CHECK((size_t)snprintf(url, sizeof urls[0], "%s%s", server, path) < sizeof urls[0]);
    return url;
}
static inline const char *at(const char *path) { return at_server("WS4D_TEST_WS", path); }

/* One socket's host: a letter for each callback (o m e t d p, f for on_free), and something to do inside them. */
struct host {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char trace[512];
    size_t callbacks;
    int code, clean;
    void (*inside)(struct host *host, char letter, ws_socket *ws, const ws_event *event);
    void *more;
    ws_dispatcher *dispatcher;
};

/* Notes the callback as its last act: whoever sees the letter may take the host away. */
static inline void host_note(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    if (host->inside != NULL) host->inside(host, letter, ws, event);
    pthread_mutex_lock(&host->lock);
    /* A flood of one letter fills half of the trace at most. */
    if (host->callbacks < sizeof host->trace / 2 || host->trace[host->callbacks - 1] != letter) {
        CHECK(host->callbacks + 1 < sizeof host->trace);
        host->trace[host->callbacks++] = letter;
    }
    if (letter == 't') {
        host->code = ws_event_code(event);
        host->clean = ws_event_was_clean(event);
    }
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->lock);
}

static inline void host_open(ws_socket *w, const ws_event *e, void *host) { host_note(host, 'o', w, e); }
static inline void host_message(ws_socket *w, const ws_event *e, void *host) { host_note(host, 'm', w, e); }
static inline void host_error(ws_socket *w, const ws_event *e, void *host) { host_note(host, 'e', w, e); }
static inline void host_terminate(ws_socket *w, const ws_event *e, void *host) { host_note(host, 't', w, e); }
static inline void host_drain(ws_socket *w, const ws_event *e, void *host) { host_note(host, 'd', w, e); }
static inline void host_pong(ws_socket *w, const ws_event *e, void *host) { host_note(host, 'p', w, e); }
static inline void host_free(void *host) { host_note(host, 'f', NULL, NULL); }

static inline void host_init(struct host *host, ws_dispatcher *dispatcher)
{
    memset(host, 0, sizeof *host);
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->changed, NULL);
    host->dispatcher = dispatcher;
}

static inline ws_handler host_handler(struct host *host)
{
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = host;
    handler.dispatcher = host->dispatcher;
    handler.on_open = host_open;
    handler.on_message = host_message;
    handler.on_error = host_error;
    handler.on_terminate = host_terminate;
    handler.on_drain = host_drain;
    handler.on_pong = host_pong;
    handler.on_free = host_free;
    return handler;
}

/* Opens a socket that must open. */
static inline ws_socket *host_connect(struct host *host, const char *url, const ws_options *options)
{
    ws_handler handler = host_handler(host);
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new(url, &handler, options, &errors);
    if (ws == NULL) failed(url, 0, ws_errors_message(errors, 0));
    CHECK(errors == NULL);
    return ws;
}

static inline int host_saw(struct host *host, char letter)
{
    pthread_mutex_lock(&host->lock);
    int saw = strchr(host->trace, letter) != NULL;
    pthread_mutex_unlock(&host->lock);
    return saw;
}

/* Which callbacks ran, and with what code the last of them came. */
static inline void check_ended(const char *file, int line, struct host *host, const char *trace, int code)
{
    if (same(host->trace, trace) && host->code == code) return;
    fprintf(stderr, "%s:%d: %s %d, not %s %d\n", file, line, host->trace, host->code, trace, code);
    fflush(stderr);
    _exit(1);
}
#define CHECK_ENDED(host, trace, code) check_ended(__FILE__, __LINE__, host, trace, code)

/* Waits for a change; the lock is held. */
static inline void host_wait_change(struct host *host)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_SECONDS;
    if (pthread_cond_timedwait(&host->changed, &host->lock, &end) != 0) failed(host->trace, 0, "it goes on");
}

/* Dispatches, or waits for the I/O thread, until the callback has returned. */
static inline void host_wait(struct host *host, char letter)
{
    if (host->dispatcher != NULL) {
        while (!host_saw(host, letter)) CHECK(ws_dispatcher_wait(host->dispatcher, PATIENCE_MS) > 0);
        return;
    }
    pthread_mutex_lock(&host->lock);
    while (strchr(host->trace, letter) == NULL) host_wait_change(host);
    pthread_mutex_unlock(&host->lock);
}

/* on_open?  (on_message | on_part | on_drain | on_ping | on_pong)*  on_error?  on_terminate  on_free */
static inline int grammar_holds(const char *trace)
{
    if (*trace == 'o') trace++;
    trace += strspn(trace, "mdp");
    if (*trace == 'e') trace++;
    return strcmp(trace, "tf") == 0;
}

#endif
