/* Arguments that cannot be: structs of another size, lengths that no buffer has, numbers out of range, the wrong
 * thread. Each is refused by its code, with nothing done. */
#include "host.h"

static int freed;
static void count_free(void *user_data) { (void)user_data, freed++; }

/* A handler as a later version of the header has it, or a garbled one. */
struct later {
    ws_handler known;
    void *more[2];
};

static ws_result open_with(struct later *later, size_t size, int async)
{
    ws_errors *errors = NULL;
    later->known.size = size;
    ws_socket *(*open)(const char *, const ws_handler *, const ws_options *, ws_errors **) = async ? ws_new_async : ws_new;
    ws_socket *ws = open(at("/echo"), &later->known, NULL, &errors);
    ws_result result = ws_errors_code(errors, 0);
    CHECK((ws == NULL) == (errors != NULL));
    ws_errors_free(errors);
    if (ws != NULL) {
        ws_handler seen = WS_HANDLER_INIT;
        CHECK(ws_get_handler(ws, &seen) == WS_OK && seen.size == sizeof seen && seen.on_free == count_free);
        CHECK(ws_abort(ws) == WS_OK && ws_release(ws) == WS_OK);
    }
    return result;
}

static void handlers_of_other_sizes(ws_dispatcher *d)
{
    struct later later = {.known = WS_HANDLER_INIT};
    later.known.dispatcher = d;
    later.known.on_free = count_free;
    for (int async = 0; async < 2; async++) {
        const size_t refused[] = {0, 1, sizeof(size_t), offsetof(ws_handler, on_part) - 1, SIZE_MAX, SIZE_MAX / 2};
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            CHECK(open_with(&later, refused[i], async) == WS_ERR_INVALID_ARGUMENT && freed == 0);
        }
        /* Each byte of the tail counts, also where the tail is no whole field. */
        for (size_t tail = 1; tail <= sizeof later.more; tail++) {
            memset(later.more, 0, sizeof later.more);
            CHECK(open_with(&later, sizeof(ws_handler) + tail, async) == WS_OK);
            CHECK(ws_dispatcher_run(d) == WS_OK && freed == 1);
            ((char *)later.more)[tail - 1] = 1;
            CHECK(open_with(&later, sizeof(ws_handler) + tail, async) == WS_ERR_UNSUPPORTED && freed == 2);
            CHECK(open_with(&later, sizeof(ws_handler) + tail - 1, async) == WS_OK);
            CHECK(ws_dispatcher_run(d) == WS_OK && freed == 3);
            freed = 0;
        }
    }
}

static void handlers_read_back(ws_socket *ws, const struct host *host)
{
    struct later out = {.known = WS_HANDLER_INIT, .more = {&out, &out}};
    CHECK(ws_get_handler(ws, NULL) == WS_ERR_INVALID_ARGUMENT);
    const size_t refused[] = {0, offsetof(ws_handler, on_part) - 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        out.known.size = refused[i];
        CHECK(ws_get_handler(ws, &out.known) == WS_ERR_INVALID_ARGUMENT && out.known.user_data == NULL);
    }
    out.known.size = sizeof out;
    CHECK(ws_get_handler(ws, &out.known) == WS_OK && out.known.size == sizeof out);
    CHECK(out.known.user_data == (const void *)host && out.known.on_pong == host_pong && out.more[0] == &out);
}

/* Whatever is refused here is not sent: the echo of the last message is the only one that comes back. */
static void lengths(ws_socket *ws, struct host *host)
{
    const size_t impossible[] = {SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2};
    const uint16_t units[] = {0x68, 0};
    for (size_t i = 0; i < 3; i++) {
        size_t len = impossible[i];
        CHECK(ws_send_text(ws, "x", len) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_send_blob(ws, "x", len) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_send_object(ws, "1", len) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_send_text_utf16(ws, units, len) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_send_text_utf16(ws, units, len / 2 + 1) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_ping(ws, "x", len) == WS_ERR_TOO_LARGE);
        for (int32_t type = 0; type < 3; type++) CHECK(ws_send(ws, type, "1", len, 0) == WS_ERR_INVALID_ARGUMENT);
    }
    CHECK(ws_send_blob(ws, "x", WS_NUL_TERMINATED) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send(ws, WS_DATA_TYPE_BLOB, "x", WS_NUL_TERMINATED, 0) == WS_ERR_INVALID_ARGUMENT);

    CHECK(ws_send_text(ws, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_text(ws, NULL, WS_NUL_TERMINATED) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_text_utf16(ws, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_text_utf16(ws, NULL, WS_NUL_TERMINATED) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_text_utf16(ws, (const uint16_t *)((const char *)units + 1), 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_blob(ws, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_object(ws, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_object(ws, NULL, 0) == WS_ERR_INVALID_JSON);
    CHECK(ws_ping(ws, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_get_response_header(ws, NULL, 0) == NULL);
    CHECK(ws_get_response_header(ws, "upgrade", SIZE_MAX) == NULL);

    char many[126] = {0};
    CHECK(ws_ping(ws, many, sizeof many) == WS_ERR_TOO_LARGE);
    CHECK(ws_send(ws, -1, "x", 1, 0) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send(ws, 3, "x", 1, 0) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send(ws, WS_DATA_TYPE_TEXT, "x", 1, 2) == WS_ERR_UNSUPPORTED);
    CHECK(ws_send(ws, WS_DATA_TYPE_TEXT, "x", 1, UINT32_MAX) == WS_ERR_UNSUPPORTED);
    CHECK(ws_send_text(ws, "\xff", 1) == WS_ERR_INVALID_UTF8);
    CHECK(ws_send_text(ws, "\xed\xa0\x80", 3) == WS_ERR_INVALID_UTF8);
    CHECK(ws_send_text(ws, "\xc3", WS_NUL_TERMINATED) == WS_ERR_INVALID_UTF8);

    CHECK(ws_get_buffered_amount(ws) == 0 && same(host->trace, "o"));
    CHECK(ws_ping(ws, many, 125) == WS_OK && ws_ping(ws, NULL, 0) == WS_OK);
    host_wait(host, 'p');
    CHECK(ws_send_blob(ws, NULL, 0) == WS_OK);
    host_wait(host, 'm');
}

static void closing(ws_socket *ws)
{
    const int32_t refused[] = {1, -1, 999, 1001, 1002, 1005, 1006, 1015, 2999, 5000, 66536, INT32_MIN, INT32_MAX};
    char reason[125];
    memset(reason, 'x', sizeof reason);
    reason[124] = '\0';
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CHECK(ws_terminate(ws, refused[i], NULL) == WS_ERR_INVALID_CLOSE_CODE);
    }
    CHECK(ws_terminate(ws, 1000, reason) == WS_ERR_INVALID_CLOSE_REASON);
    CHECK(ws_terminate(ws, 1000, "\xff") == WS_ERR_INVALID_UTF8);
    CHECK(ws_get_status(ws) == WS_STATUS_CONNECTED && ws_send_text(ws, "open", WS_NUL_TERMINATED) == WS_OK);
    CHECK(ws_terminate(ws, 4999, reason + 1) == WS_OK && ws_get_status(ws) >= WS_STATUS_CLOSING);
    CHECK(ws_terminate(ws, 999, NULL) == WS_ERR_INVALID_CLOSE_CODE && ws_terminate(ws, 3000, "other") == WS_OK);
    CHECK(ws_send_text(ws, "late", 4) == WS_ERR_CLOSED && ws_ping(ws, "late", 4) == WS_ERR_CLOSED);
    CHECK(ws_cork(ws) == WS_ERR_CLOSED && ws_uncork(ws) == WS_ERR_CLOSED);
}

static void *elsewhere(void *dispatcher)
{
    ws_dispatcher *d = dispatcher;
    ws_socket *ws = (ws_socket *)d;
    ws_event *event = (ws_event *)d;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = d;
    handler.on_free = count_free;
    CHECK(ws_dispatcher_dispatch(d, 0) == WS_ERR_WRONG_THREAD && ws_dispatcher_wait(d, -1) == WS_ERR_WRONG_THREAD);
    CHECK(ws_dispatcher_run(d) == WS_ERR_WRONG_THREAD && ws_dispatcher_close(d) == WS_ERR_WRONG_THREAD);
    CHECK(ws_dispatcher_next(d, -1, &ws, &event) == WS_ERR_WRONG_THREAD && ws == NULL && event == NULL);
    CHECK(ws_new(at("/echo"), &handler, NULL, &errors) == NULL);
    CHECK(ws_errors_code(errors, 0) == WS_ERR_WRONG_THREAD && freed == 1);
    ws_errors_free(errors);
    /* These are for any thread. */
    CHECK(ws_dispatcher_fd(d) >= 0 && ws_dispatcher_stop(d) == WS_OK);
    CHECK(ws_dispatcher_attach(d) == WS_OK && ws_dispatcher_run(d) == WS_OK);
    CHECK(ws_dispatcher_wait(d, 0) == 0);
    return NULL;
}

static void wrong_thread(void)
{
    pthread_t thread;
    ws_socket *ws = NULL;
    ws_event *event = NULL;
    ws_dispatcher *d = ws_dispatcher_new();
    freed = 0;
    CHECK(ws_dispatcher_wait(d, -2) == WS_ERR_INVALID_ARGUMENT && ws_dispatcher_wait(d, INT32_MIN) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_dispatcher_next(d, -2, &ws, &event) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_dispatcher_next(d, 0, NULL, &event) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_dispatcher_next(d, 0, &ws, NULL) == WS_ERR_INVALID_ARGUMENT);
    ws_batch *batch = (ws_batch *)d;
    CHECK(ws_dispatcher_next_batch(d, -2, 1, &batch) == WS_ERR_INVALID_ARGUMENT && batch == NULL);
    CHECK(ws_dispatcher_next_batch(d, 0, 1, NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_dispatcher_next_batch(d, 0, 0, &batch) == WS_ERR_INVALID_ARGUMENT && batch == NULL);
    CHECK(ws_dispatcher_next_batch(d, 0, SIZE_MAX, &batch) == 0 && batch == NULL);
    CHECK(pthread_create(&thread, NULL, elsewhere, d) == 0 && pthread_join(thread, NULL) == 0);
    /* It was handed over, to a thread that is gone. */
    CHECK(ws_dispatcher_wait(d, 0) == WS_ERR_WRONG_THREAD && ws_dispatcher_close(d) == WS_ERR_WRONG_THREAD);
    CHECK(ws_dispatcher_attach(d) == WS_OK && ws_dispatcher_close(d) == WS_OK);
}

static void options(void)
{
    ws_options *o = ws_options_new();
    for (int32_t type = -1; type <= 3; type += 4) {
        CHECK(ws_options_set_data_type(o, type) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_options_set_strict_json(o, type) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_options_set_verify(o, type) == WS_ERR_INVALID_ARGUMENT);
        CHECK(ws_options_set_proxy_verify(o, type) == WS_ERR_INVALID_ARGUMENT);
    }
    CHECK(ws_options_set_proxy(o, NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_proxy(o, "http://\xff") == WS_ERR_INVALID_UTF8);
    CHECK(ws_options_set_proxy(o, "proxy:3128") == WS_ERR_INVALID_URL);
    CHECK(ws_options_set_header(o, NULL, "v") == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_header(o, "n", NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_header(o, "n", "\xff") == WS_ERR_INVALID_UTF8);
    CHECK(ws_options_set_header(o, "n", "a\r\nb: c") == WS_ERR_INVALID_HEADER);
    CHECK(ws_options_set_cookie(o, NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_subprotocol(o, NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_ca_file(o, NULL) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_ca_pem(o, NULL, 1) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_ca_pem(o, NULL, WS_NUL_TERMINATED) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_options_set_ca_pem(o, "x", SIZE_MAX - 1) == WS_ERR_TOO_LARGE);
    CHECK(ws_options_free(o) == WS_OK && ws_options_free(o) == WS_ERR_INVALID_HANDLE);
}

int main(void)
{
    struct host host;
    host_init(&host, ws_dispatcher_new());
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    CHECK(ws_shutdown(-2) == WS_ERR_INVALID_ARGUMENT && ws_shutdown(INT32_MIN) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_set_io_threads(0) == WS_ERR_INVALID_ARGUMENT && ws_set_io_threads(1) == WS_ERR_UNSUPPORTED);
    handlers_read_back(ws, &host);
    lengths(ws, &host);
    closing(ws);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "oppmmtf", 4999);
    CHECK(ws_release(ws) == WS_OK);
    handlers_of_other_sizes(host.dispatcher);
    options();
    wrong_thread();
    CHECK(ws_dispatcher_close(host.dispatcher) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
