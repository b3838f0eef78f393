/* The hosts that ours.c can be: on which dispatcher its sockets are, and how it waits for their events.
 *
 *     inline       no dispatcher: callbacks on the I/O thread
 *     wait         a host thread in ws_dispatcher_wait
 *     driving      the same, on a dispatcher that does without an I/O thread
 *     pull         a host thread in ws_dispatcher_next
 *     busy         wait, and the dispatcher looks for messages before it sleeps
 *     busy-inline  inline, and the I/O thread looks for messages before it sleeps
 *     wake         a loop in poll, woken by the dispatcher's wake function through an eventfd; then ws_dispatcher_dispatch
 *     fd           a loop in poll, on ws_dispatcher_fd; then ws_dispatcher_dispatch
 */
#ifndef OURS_HOST_H
#define OURS_HOST_H

#include "bench.h"
#include "ws4d.h"

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

/* Longer than any round trip that is measured: no wait of these hosts ends in sleep. */
enum { BUSY_POLL_US = 500 };

static struct {
    ws_dispatcher *dispatcher;
    int is_inline, pulls, wakes, spins;
    int fd; /* what the host's own loop polls; -1: it waits in the library */
} host = {.fd = -1};

/* For hosts that sleep while the I/O thread works. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void signal_host(int *flag) {
    if (!host.is_inline) {
        *flag = 1;
        return;
    }
    pthread_mutex_lock(&lock);
    *flag = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void check(ws_result result, const char *what) {
    if (result != WS_OK) {
        fprintf(stderr, "%s: %s\n", what, ws_result_name(result));
        exit(1);
    }
}

static void wake(void *user_data) {
    (void)user_data;
    uint64_t one = 1;
    /* Only a full counter is refused, and that one wakes as well. */
    if (write(host.fd, &one, sizeof one) < 0)
        return;
}

static void host_start(const char *mode, ws_options *options) {
    int drives = strcmp(mode, "driving") == 0, busy = strcmp(mode, "busy") == 0;
    int busy_inline = strcmp(mode, "busy-inline") == 0, polls = strcmp(mode, "fd") == 0;
    host.is_inline = busy_inline || strcmp(mode, "inline") == 0;
    host.pulls = strcmp(mode, "pull") == 0;
    host.wakes = strcmp(mode, "wake") == 0;
    host.spins = busy || busy_inline;
    if (!host.is_inline && !host.pulls && !host.wakes && !drives && !busy && !polls && strcmp(mode, "wait") != 0)
        bench_fail("no such mode");
    if (busy_inline)
        check(ws_options_set_busy_poll_us(options, BUSY_POLL_US), "ws_options_set_busy_poll_us");
    if (host.is_inline)
        return;
    if (drives) {
        ws_dispatcher *(*make)(void) = (ws_dispatcher * (*)(void)) dlsym(RTLD_DEFAULT, "ws_dispatcher_new_driving");
        if (!make)
            bench_unsupported();
        host.dispatcher = make();
    } else if (host.wakes) {
        host.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        host.dispatcher = ws_dispatcher_new_with_wake(wake, NULL);
    } else {
        host.dispatcher = ws_dispatcher_new();
    }
    if (polls)
        host.fd = (int)ws_dispatcher_fd(host.dispatcher);
    if (!host.dispatcher || ((polls || host.wakes) && host.fd < 0))
        bench_fail("no dispatcher, or no descriptor");
    if (busy)
        check(ws_dispatcher_set_busy_poll_us(host.dispatcher, BUSY_POLL_US), "ws_dispatcher_set_busy_poll_us");
}

/* Whether the descriptor of the host's loop became readable. What woke it is taken away before the events are: what
 * comes between the two wakes it again. */
static int host_woken(int32_t timeout_ms) {
    struct pollfd awaited = {.fd = host.fd, .events = POLLIN};
    if (poll(&awaited, 1, timeout_ms) <= 0)
        return 0;
    uint64_t count;
    return !host.wakes || read(host.fd, &count, sizeof count) > 0;
}

/* One turn of the host's loop; events that are pulled go to the function that would have been called. */
static int32_t host_turn(int32_t timeout_ms, ws_callback message, ws_callback drain) {
    if (!host.pulls) {
        int32_t ran = 0;
        if (host.fd < 0)
            ran = ws_dispatcher_wait(host.dispatcher, timeout_ms);
        else if (host_woken(timeout_ms))
            ran = ws_dispatcher_dispatch(host.dispatcher, 0);
        if (ran < 0)
            bench_fail(ws_result_name(ran));
        return ran;
    }
    ws_socket *ws;
    ws_event *event;
    int32_t n = ws_dispatcher_next(host.dispatcher, timeout_ms, &ws, &event);
    if (n < 0)
        bench_fail(ws_result_name(n));
    if (n == 0)
        return 0;
    if (ws_event_get_type(event) == WS_EVENT_TYPE_MESSAGE)
        message(ws, event, ws_get_user_data(ws));
    else if (ws_event_get_type(event) == WS_EVENT_TYPE_DRAIN)
        drain(ws, event, NULL);
    ws_event_free(event);
    return 1;
}

/* Runs the host's loop until a callback has set the flag, which it clears. */
static void host_until(int *flag, ws_callback message, ws_callback drain) {
    if (!host.is_inline) {
        while (!*flag)
            host_turn(-1, message, drain);
        *flag = 0;
        return;
    }
    pthread_mutex_lock(&lock);
    while (!*flag)
        pthread_cond_wait(&changed, &lock);
    *flag = 0;
    pthread_mutex_unlock(&lock);
}

#endif
