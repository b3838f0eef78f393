/* Where there is no memory for a compressor, a decompressor or the records of TLS, that is the end of one connection at
 * most, and nothing is delivered that the server has not sent. */
#include "host.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

/* Requests from `refuse_from` on that are smaller than `refuse_below` are refused, while the first is not 0. */
static atomic_size_t refuse_from, refuse_below;
static atomic_int refused;

static int refuse(size_t size)
{
    if (refuse_from == 0 || size < refuse_from || size >= refuse_below) return 0;
    refused++;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return refuse(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return refuse(n * size) ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return refuse(size) ? NULL : __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return refuse(size) ? NULL : __libc_memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *got = refuse(size) ? NULL : __libc_memalign(alignment, size);
    if (got == NULL) return ENOMEM;
    *out = got;
    return 0;
}

static void begin_refusing(size_t from, size_t below)
{
    refused = 0;
    refuse_below = below;
    refuse_from = from;
}

static int stop_refusing(void)
{
    refuse_from = 0;
    return refused;
}

static void note_size(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)ws;
    if (letter == 'm') ws_event_data(event, host->more);
    if (letter == 'e') *(ws_result *)host->more = ws_errors_code(ws_event_errors(event), 0);
}

/* The server of the scripts knows no RSV1: what it gives back came uncompressed. */
static void a_message_that_cannot_be_compressed_leaves_as_it_is(void)
{
    static char text[5000];
    struct host host;
    size_t size = 0;
    host_init(&host, NULL);
    host.inside = note_size;
    host.more = &size;
    memset(text, 'a', sizeof text);
    ws_socket *ws = host_connect(&host, at("/script?extensions=permessage-deflate&do=expect,text_size:7,wait_close,answer_close"), NULL);
    /* The compressor, but not what is read into. */
    begin_refusing(270000, SIZE_MAX);
    CHECK(ws_send_text(ws, text, sizeof text) == WS_OK);
    CHECK(stop_refusing() > 0);
    host_wait(&host, 'm');
    CHECK(size == 7 && ws_get_buffered_amount(ws) == 0);
    CHECK(ws_terminate(ws, 1000, NULL) == WS_OK);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "omtf", 1000);
    CHECK(host.clean == 1 && ws_release(ws) == WS_OK);
}

static void where_nothing_can_be_inflated_the_connection_ends(void)
{
    struct host host;
    ws_result result = WS_OK;
    host_init(&host, ws_dispatcher_new());
    host.inside = note_size;
    host.more = &result;
    /* "a", compressed, once the client has said something. */
    ws_socket *ws = host_connect(&host, at("/script?extensions=permessage-deflate&do=expect,raw:c1034b0400,wait_close"), NULL);
    host_wait(&host, 'o');
    begin_refusing(40000, 60000);
    CHECK(ws_send_text(ws, "go", 2) == WS_OK);
    host_wait(&host, 'f');
    CHECK(stop_refusing() > 0);
    CHECK_ENDED(&host, "oetf", 1006);
    CHECK(result == WS_ERR_OUT_OF_MEMORY);
    CHECK(ws_release(ws) == WS_OK && ws_dispatcher_close(host.dispatcher) == WS_OK);
}

/* A thread that reads has room for records of its own. The thread of ws_new has to get it, and so has a fresh I/O thread. */
static void where_records_cannot_be_read_the_connection_ends(void)
{
    struct host host;
    ws_result result = WS_OK;
    ws_options *options = ws_options_new();
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    CHECK(ws_options_set_ca_file(options, getenv("WS4D_TEST_CA")) == WS_OK);
    host_init(&host, NULL);
    host.inside = note_size;
    host.more = &result;
    const char *url = at_server("WS4D_TEST_WSS", "/script?do=expect,text:a,wait_close");
    ws_handler nobody = WS_HANDLER_INIT;
    ws_errors *errors = NULL;
    begin_refusing(256 * 1024 - 32 * 1024, 256 * 1024);
    CHECK(ws_new(url, &nobody, options, &errors) == NULL && stop_refusing() > 0);
    CHECK(ws_errors_code(errors, 0) == WS_ERR_OUT_OF_MEMORY);
    ws_errors_free(errors);
    ws_socket *ws = host_connect(&host, url, options);
    begin_refusing(256 * 1024 - 32 * 1024, 256 * 1024);
    CHECK(ws_send_text(ws, "go", 2) == WS_OK);
    host_wait(&host, 'f');
    CHECK(stop_refusing() > 0);
    CHECK_ENDED(&host, "oetf", 1006);
    CHECK(result == WS_ERR_OUT_OF_MEMORY);
    CHECK(ws_release(ws) == WS_OK && ws_options_free(options) == WS_OK);
}

/* What is JSON stays so where it does not fit into memory. */
static void json_without_memory_is_out_of_memory(void)
{
    enum { SIZE = 100000 };
    struct host host;
    char *json = malloc(SIZE);
    memset(json, ' ', SIZE);
    json[0] = '1';
    host_init(&host, NULL);
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    begin_refusing(SIZE, SIZE_MAX);
    CHECK(ws_send_object(ws, json, SIZE) == WS_ERR_OUT_OF_MEMORY);
    CHECK(stop_refusing() > 0);
    CHECK(ws_send_object(ws, json, SIZE) == WS_OK);
    host_wait(&host, 'm');
    CHECK(ws_abort(ws) == WS_OK && ws_release(ws) == WS_OK);
    host_wait(&host, 'f');
    free(json);
}

int main(void)
{
    /* valgrind has a malloc of its own. */
    if (getenv("WS4D_TEST_VALGRIND") != NULL) return 0;
    a_message_that_cannot_be_compressed_leaves_as_it_is();
    where_nothing_can_be_inflated_the_connection_ends();
    json_without_memory_is_out_of_memory();
    where_records_cannot_be_read_the_connection_ends();
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
