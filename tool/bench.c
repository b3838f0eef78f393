/* bench: echo and ping (one message on its way in each connection), throughput (many), connect (one connection after the
   other). */
#define _POSIX_C_SOURCE 200809L
#include "bench_internal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exits.h"
#include "report.h"
#include "signals.h"

void bench_fail(bench *b, int code)
{
    if (b->code == 0) b->code = code;
    b->ending = 1;
}

/* The payload of a message: its number, as far as there is room, in front of a pattern. */
static void fill(peer *p)
{
    char number[17];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)p->sent);
    memcpy(p->payload, number, p->bench->size < 16 ? p->bench->size : 16);
}

/* Whether this is the answer to the message of that number. */
static int is_echo(const peer *p, const char *data, size_t len)
{
    char number[17];
    size_t head = p->bench->size < 16 ? p->bench->size : 16;
    snprintf(number, sizeof number, "%016llx", (unsigned long long)p->answered);
    return len == p->bench->size && memcmp(data, number, head) == 0 && memcmp(data + head, p->payload + head, len - head) == 0;
}

/* Sends as much as may be on its way. */
static void send_more(peer *p)
{
    bench *b = p->bench;
    while (!b->ending && !p->blocked && p->sent - p->answered < b->window) {
        fill(p);
        p->sent_ns = now_ns();
        ws_result sent = b->kind == BENCH_PING ? ws_ping(p->socket, p->payload, b->size)
                                               : ws_send(p->socket, b->o->binary ? WS_DATA_TYPE_BLOB : WS_DATA_TYPE_TEXT, p->payload, b->size, 0);
        if (sent == WS_ERR_WOULD_BLOCK) p->blocked = 1;
        else if (sent != WS_OK && sent != WS_ERR_CLOSED) {
            complain("--bench: a message cannot be sent: %s", ws_result_message(sent));
            bench_fail(b, exit_of(sent, 1));
        }
        if (sent != WS_OK) return;
        p->sent++;
    }
}

static void end_peer(peer *p)
{
    ws_terminate(p->socket, 1000, NULL);
}

static void on_open(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)event;
    peer *p = user_data;
    bench *b = p->bench;
    p->socket = ws;
    p->open = 1;
    if (b->kind != BENCH_CONNECT) {
        if (++b->opened == b->count) bench_start(b);
        return;
    }
    ws_stats stats = WS_STATS_INIT;
    if (b->began_ns == 0) bench_start(b);
    if (ws_get_stats(ws, &stats) == WS_OK && !b->ending) {
        histogram_add(&b->times, stats.connect_us * 1000);
        const int64_t steps[STEPS] = { stats.dns_us, stats.tcp_us, stats.proxy_us, stats.tls_us, stats.upgrade_us };
        for (int i = 0; i < STEPS; i++) {
            if (steps[i] >= 0) histogram_add(&b->steps[i], steps[i] * 1000);
        }
        b->done++;
    }
    end_peer(p);
}

static void answered(peer *p, const ws_event *event)
{
    bench *b = p->bench;
    size_t len = 0;
    const char *data = ws_event_data(event, &len);
    if (!is_echo(p, data, len)) {
        if (b->ending || b->began_ns == 0) return;
        complain("--bench=%s needs an echo server: message %llu did not come back unchanged", bench_name(b->kind),
                 (unsigned long long)p->answered);
        bench_fail(b, EXIT_PROTOCOL);
        return;
    }
    p->answered++;
    if (b->ending) return;
    b->done++;
    if (b->kind != BENCH_THROUGHPUT) histogram_add(&b->times, now_ns() - p->sent_ns);
    send_more(p);
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    peer *p = user_data;
    if (p->bench->kind == BENCH_ECHO || p->bench->kind == BENCH_THROUGHPUT) answered(p, event);
}

static void on_pong(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    peer *p = user_data;
    if (p->bench->kind == BENCH_PING) answered(p, event);
}

static void on_drain(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event;
    peer *p = user_data;
    p->blocked = 0;
    send_more(p);
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    peer *p = user_data;
    const ws_errors *errors = ws_event_errors(event);
    if (p->bench->code == 0) complain_errors(errors);
    bench_fail(p->bench, exit_of(ws_errors_code(errors, 0), 0));
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    peer *p = user_data;
    bench *b = p->bench;
    if (!b->ending && (b->kind != BENCH_CONNECT || !p->open)) {
        complain("--bench: the server closed the connection with %d %s", (int)ws_event_code(event), ws_event_reason(event));
        bench_fail(b, ws_event_code(event) != 1006 ? EXIT_CLOSED : EXIT_LOST);
    }
    p->open = 0;
    p->ended = 1;
    b->alive--;
    ws_release(ws);
    p->socket = NULL;
    if (b->kind == BENCH_CONNECT && !b->ending) bench_connect(p);
}

void bench_start(bench *b)
{
    b->began_ns = now_ns();
    b->end_ns = b->began_ns + (int64_t)b->o->duration_ms * 1000000;
    if (b->kind == BENCH_CONNECT) return;
    for (uint32_t i = 0; i < b->count; i++) send_more(&b->peers[i]);
}

/* Begins to connect; the rest is callbacks. */
void bench_connect(peer *p)
{
    bench *b = p->bench;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = b->dispatcher;
    handler.user_data = p;
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_pong = on_pong;
    handler.on_drain = on_drain;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;
    p->ended = p->blocked = 0;
    p->sent = p->answered = 0;
    b->alive++;
    p->socket = ws_new_async(b->way->url, &handler, b->way->options, &errors);
    if (p->socket != NULL) return;
    b->alive--;
    complain_errors(errors);
    bench_fail(b, exit_of(ws_errors_code(errors, 0), 0));
    ws_errors_free(errors);
}

static void end_all(bench *b)
{
    b->ending = 1;
    b->ended_ns = now_ns();
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->peers[i].socket != NULL) end_peer(&b->peers[i]);
    }
}

/* What the answers of one turn have set free leaves together. */
static void cork(bench *b, ws_result (*change)(ws_socket *))
{
    for (uint32_t i = 0; b->kind == BENCH_THROUGHPUT && i < b->count; i++) {
        if (b->peers[i].open) change(b->peers[i].socket);
    }
}

/* When the time is over. A number wants an answer at least: the first one is waited for as long as a connection is. */
static int is_over(const bench *b)
{
    if (b->ending) return 1;
    if (b->began_ns == 0 || now_ns() < b->end_ns) return 0;
    return b->done > 0 || (b->o->timeout_ms > 0 && now_ns() >= b->began_ns + (int64_t)b->o->timeout_ms * 1000000);
}

static void run(bench *b)
{
    int ended = 0;
    for (uint32_t i = 0; i < b->count && !b->ending; i++) bench_connect(&b->peers[i]);
    while (b->alive > 0) {
        int64_t left = b->began_ns == 0 || ended ? 100000000 : b->end_ns - now_ns();
        int32_t ms = left <= 0 ? 1 : left < 100000000 ? (int32_t)(left / 1000000) + 1 : 100;
        cork(b, ws_cork);
        int32_t ran = ws_dispatcher_wait(b->dispatcher, ms);
        cork(b, ws_uncork);
        if (ran < 0 && ran != WS_ERR_INTERRUPTED) break;
        if (signal_received() != 0) bench_fail(b, EXIT_SIGNAL + signal_received());
        progress_draw(b);
        if (!ended && is_over(b)) {
            end_all(b);
            ended = 1;
        }
    }
    if (!ended) b->ended_ns = now_ns();
}

static int run_kind(const options *o, const way *w, uint32_t kind, text *out)
{
    bench b = { .o = o, .way = w, .kind = kind, .size = o->size, .count = o->connections, .window = kind == BENCH_THROUGHPUT ? o->window : 1 };
    if (kind == BENCH_PING && b.size > 125) b.size = 32;
    b.dispatcher = ws_dispatcher_new();
    if (b.dispatcher == NULL) {
        complain("out of memory or file descriptors");
        return EXIT_MACHINE;
    }
    ws_dispatcher_set_interruptible(b.dispatcher, 1);
    b.peers = grow(NULL, b.count, sizeof *b.peers);
    memset(b.peers, 0, b.count * sizeof *b.peers);
    for (uint32_t i = 0; i < b.count; i++) {
        b.peers[i].bench = &b;
        b.peers[i].payload = grow(NULL, b.size + 1, 1);
        for (size_t k = 0; k < b.size; k++) b.peers[i].payload[k] = "abcdefghijklmnopqrstuvwxyz "[k % 27];
    }
    run(&b);
    progress_end(&b);
    if (b.code == 0 && b.done == 0) {
        complain("--bench=%s: no answer arrived in time", bench_name(kind));
        b.code = EXIT_TIMEOUT;
    }
    if (b.code == 0) bench_report(&b, out);
    ws_dispatcher_close(b.dispatcher);
    for (uint32_t i = 0; i < b.count; i++) {
        ws_release(b.peers[i].socket);
        free(b.peers[i].payload);
    }
    free(b.peers);
    histogram_free(&b.times);
    for (int i = 0; i < STEPS; i++) histogram_free(&b.steps[i]);
    return b.code;
}

int bench_run(const options *o)
{
    static const uint32_t all[] = { BENCH_ECHO, BENCH_THROUGHPUT, BENCH_CONNECT };
    way w;
    text out = { 0 };
    int code = way_make(&w, o, WS_DATA_TYPE_TEXT);
    for (size_t i = 0; code == 0 && i < (o->bench == BENCH_ALL ? 3 : 1); i++) {
        code = run_kind(o, &w, o->bench == BENCH_ALL ? all[i] : o->bench, &out);
        if (code == 0) code = bench_write(&out);
    }
    way_free(&w);
    text_free(&out);
    return code;
}
