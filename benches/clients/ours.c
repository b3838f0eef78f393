/* libws4d, as a C program uses it. usage: ours MODE KIND URL SIZE N CA-FILE DATA-FILE; ours_host.h has the modes,
 * bench.h the kinds. */
#include "ours_host.h"

static bench b;
static ws_options *options;

/* What the callbacks of a single socket do. */
static struct {
    ws_socket *ws;
    size_t left;        /* messages that are awaited */
    size_t to_send;     /* messages that callbacks still send */
    int echo, lines, chunks;
    size_t line;
} run;

static int done, drained;

static void send_next(ws_socket *ws) {
    if (run.lines) {
        const char *line = bench_line(&b, run.line++);
        check(ws_send_text(ws, line, b.size), "ws_send_text");
    } else {
        check(ws_send_text(ws, b.payload, b.size), "ws_send_text");
    }
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data) {
    (void)event, (void)user_data;
    if (--run.left == 0)
        signal_host(&done);
    else if (run.echo)
        send_next(ws);
    for (size_t n = run.chunks && run.to_send ? BENCH_BATCH_ANSWER : 0; n > 0; n--, run.to_send--)
        send_next(ws);
}

static void on_drain(ws_socket *ws, const ws_event *event, void *user_data) {
    (void)ws, (void)event, (void)user_data;
    signal_host(&drained);
}

static void until(int *flag) {
    host_until(flag, on_message, on_drain);
}

static ws_socket *open_socket(ws_callback message, void *user_data) {
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = host.dispatcher;
    handler.user_data = user_data;
    handler.on_message = message;
    handler.on_drain = on_drain;
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new(b.url, &handler, options, &errors);
    if (!ws)
        bench_fail(ws_errors_message(errors, 0));
    return ws;
}

/* `n` messages, a cork around each `together`. */
static void send_all(size_t n, size_t together) {
    for (size_t sent = 0, in_cork = 0; sent < n;) {
        if (together > 1 && in_cork == 0)
            ws_cork(run.ws);
        ws_result result = ws_send_text(run.ws, b.payload, b.size);
        if (result == WS_ERR_WOULD_BLOCK) {
            if (together > 1)
                ws_uncork(run.ws);
            in_cork = 0;
            until(&drained);
            continue;
        }
        check(result, "ws_send_text");
        sent++;
        if (together > 1 && ++in_cork == together) {
            ws_uncork(run.ws);
            in_cork = 0;
        }
    }
}

/* `n` messages, BENCH_BATCH in a call. Where the send buffer is full, the rest of a call is sent once it is not. */
static void send_many(size_t n) {
    static ws_slice slices[BENCH_BATCH];
    for (size_t i = 0; i < BENCH_BATCH; i++)
        slices[i].data = b.payload, slices[i].len = b.size;
    for (size_t sent = 0; sent < n;) {
        int32_t took = ws_send_many(run.ws, WS_DATA_TYPE_TEXT, slices, BENCH_BATCH - sent % BENCH_BATCH, 0);
        if (took == 0 || took == WS_ERR_WOULD_BLOCK)
            until(&drained);
        else if (took < 0)
            bench_fail(ws_result_name(took));
        else
            sent += (size_t)took;
    }
}

static void round_trips(size_t n) {
    run.left = n;
    send_next(run.ws);
    until(&done);
}

static void one_socket(void) {
    run.ws = open_socket(on_message, NULL);
    if (BENCH_IS(&b, "echo") || BENCH_IS(&b, "spin") || BENCH_IS(&b, "deflate")) {
        run.echo = 1;
        run.lines = BENCH_IS(&b, "deflate");
        round_trips(b.n / 10 + 1);
        bench_begin(&b);
        round_trips(b.n);
    } else if (BENCH_IS(&b, "receive")) {
        bench_begin(&b);
        run.left = b.n;
        check(ws_send_text(run.ws, "", 0), "ws_send_text");
        until(&done);
    } else if (BENCH_IS(&b, "send")) {
        run.left = 1;
        bench_begin(&b);
        send_all(b.n, 1);
        until(&done);
    } else if (BENCH_IS(&b, "many") && !host.is_inline) {
        run.left = b.n / BENCH_BATCH_ANSWER;
        bench_begin(&b);
        send_many(b.n);
        until(&done);
    } else if (!BENCH_IS(&b, "batch")) {
        bench_unsupported();
    } else if (host.is_inline) {
        /* From callbacks: a chunk for each answer, two of them under way. */
        run.left = b.n / BENCH_BATCH_ANSWER;
        run.chunks = 1;
        size_t first = b.n < 2 * BENCH_BATCH_ANSWER ? b.n : 2 * BENCH_BATCH_ANSWER;
        run.to_send = b.n - first;
        bench_begin(&b);
        send_all(first, BENCH_BATCH);
        until(&done);
    } else {
        run.left = b.n / BENCH_BATCH_ANSWER;
        bench_begin(&b);
        send_all(b.n, BENCH_BATCH);
        until(&done);
    }
    bench_end(&b, b.n);
}

static void on_closed(ws_socket *ws, const ws_event *event, void *user_data) {
    (void)ws, (void)event, (void)user_data;
    signal_host(&done);
}

static void one_connection(void) {
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = host.dispatcher;
    handler.on_terminate = on_closed;
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new(b.url, &handler, options, &errors);
    if (!ws)
        bench_fail(ws_errors_message(errors, 0));
    check(ws_terminate(ws, 1000, NULL), "ws_terminate");
    if (host.pulls) {
        for (ws_event_type type = WS_EVENT_TYPE_NONE; type != WS_EVENT_TYPE_TERMINATE;) {
            ws_socket *of;
            ws_event *event;
            if (ws_dispatcher_next(host.dispatcher, -1, &of, &event) != 1)
                bench_fail("ws_dispatcher_next");
            type = ws_event_get_type(event);
            ws_event_free(event);
        }
    } else {
        until(&done);
    }
    ws_release(ws);
}

static size_t counts[4096];

static void on_counted(ws_socket *ws, const ws_event *event, void *user_data) {
    (void)ws, (void)event;
    __atomic_store_n((size_t *)user_data, *(size_t *)user_data + 1, __ATOMIC_RELAXED);
}

static size_t counted(size_t n) {
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
    return all;
}

static int all_counted(size_t n, size_t at_least) {
    for (size_t i = 0; i < n; i++)
        if (__atomic_load_n(&counts[i], __ATOMIC_RELAXED) < at_least)
            return 0;
    return 1;
}

/* Lets events come for `seconds`, or, if that is 0, a little. */
static void let_pass(double seconds) {
    if (host.is_inline) {
        usleep(seconds > 0 ? (useconds_t)(seconds * 1e6) : 1000);
        return;
    }
    double end = bench_now() + seconds;
    do {
        int32_t left = seconds > 0 ? (int32_t)((end - bench_now()) * 1e3) : 100;
        for (int n = 0; n < 256 && host_turn(n == 0 && left > 0 ? left : 0, on_counted, on_drain) > 0 && host.pulls; n++) {
        }
    } while (bench_now() < end);
}

static void many_sockets(size_t n) {
    static ws_socket *sockets[4096];
    if (n > 4096)
        bench_fail("at most 4096 sockets");
    /* The library's threads, tables and trust are not a socket's. */
    if (BENCH_IS(&b, "idle"))
        ws_abort(open_socket(NULL, NULL)), let_pass(0.1);
    double before = bench_rss();
    for (size_t i = 0; i < n; i++) {
        sockets[i] = open_socket(on_counted, &counts[i]);
        if (b.line_count)
            check(ws_send_text(sockets[i], bench_line(&b, i), strlen(bench_line(&b, i))), "ws_send_text");
    }
    while (b.line_count && !all_counted(n, 1))
        let_pass(0);
    if (BENCH_IS(&b, "idle")) {
        let_pass(0.2);
        printf("kib=%.3f\n", (bench_rss() - before) / (double)n);
    } else if (BENCH_IS(&b, "tick")) {
        let_pass(BENCH_SETTLE);
        size_t start = counted(n);
        bench_begin(&b);
        let_pass(BENCH_TICKING);
        bench_end_cpu(&b, counted(n) - start);
    } else {
        for (size_t i = 0; i < n; i++)
            check(ws_send_text(sockets[i], "", 0), "ws_send_text");
        while (!all_counted(n, 1))
            let_pass(0);
        static size_t start[4096], gained[4096];
        size_t before_all = counted(n);
        memcpy(start, counts, sizeof start);
        bench_begin(&b);
        let_pass(BENCH_FLOODING);
        size_t all = counted(n) - before_all;
        for (size_t i = 0; i < n; i++)
            gained[i] = __atomic_load_n(&counts[i], __ATOMIC_RELAXED) - start[i];
        bench_end(&b, all);
        bench_fairness(gained, n);
    }
}

int main(int argc, char **argv) {
    if (argc != 8)
        bench_fail("usage: ours MODE KIND URL SIZE N CA-FILE DATA-FILE");
    b = bench_arguments(argc - 1, argv + 1);
    const char *threads = getenv("BENCH_IO_THREADS");
    if (threads)
        check(ws_set_io_threads((uint32_t)atoi(threads)), "ws_set_io_threads");
    options = ws_options_new();
    check(ws_options_set_ca_file(options, b.ca), "ws_options_set_ca_file");
    ws_result (*set_compression)(ws_options *, int32_t) =
        (ws_result(*)(ws_options *, int32_t))dlsym(RTLD_DEFAULT, "ws_options_set_compression");
    if (b.line_count) {
        if (!set_compression)
            bench_unsupported();
        check(set_compression(options, 6), "ws_options_set_compression");
    } else if (set_compression) {
        set_compression(options, 0);
    }
    host_start(argv[1], options);
    if (BENCH_IS(&b, "spin") && !host.spins)
        bench_unsupported();
    if (BENCH_IS(&b, "connect")) {
        for (size_t i = 0; i < b.n / 10 + 1; i++)
            one_connection();
        bench_begin(&b);
        for (size_t i = 0; i < b.n; i++)
            one_connection();
        bench_end(&b, b.n);
    } else if (BENCH_IS(&b, "idle") || BENCH_IS(&b, "tick") || BENCH_IS(&b, "fan-in")) {
        many_sockets(b.n);
    } else {
        one_socket();
    }
    fflush(stdout);
    /* The system takes the rest back. */
    _exit(0);
}
