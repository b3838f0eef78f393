/* `docs/hostile.md`, line 23: sixty-four threads at once call every function on the same objects, while the library
 * is shut down under them, too: each call returns an answer that a function may give, each socket has its callbacks in
 * order and once. */
#include "host.h"

#include "functions.h"

enum { THREADS = 64, ROUNDS = 8 };

/* What the threads of a round share. */
static struct {
    ws_socket *ws;
    ws_reconnector *r;
    ws_dispatcher *d;
    ws_options *o;
    struct host *host;
    int shut_down;
    pthread_barrier_t start;
    int released, freed_options, closed;
} shared;

/* Hosts of the sockets that the threads open; they live until the end. */
static struct host opened_hosts[ROUNDS * THREADS * 3];
static int opened_count, opened_done;

static int is_known(ws_result result)
{
    return result <= 0 && !same(ws_result_name(result), "WS_ERR_UNKNOWN") && result != WS_ERR_INTERNAL &&
           result != WS_ERR_FORKED && result != WS_ERR_OUT_OF_MEMORY;
}

static void add(int *number) { __atomic_fetch_add(number, 1, __ATOMIC_RELAXED); }

static void opened_inside(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)host, (void)ws, (void)event;
    if (letter == 'f') __atomic_fetch_add(&opened_done, 1, __ATOMIC_RELEASE);
}

/* Kinds of answers: none is a fault of the library. The number of successes is kept where only one may have it. */
#define CALL_USER(call) CHECK(count_user(call))
#define CALL_RESULT(call) CHECK((result = (call)) >= 0 || is_known(result))
#define CALL_ARGUMENT(call) CHECK((call) == WS_ERR_INVALID_ARGUMENT)
#define CALL_TEXT(call) CHECK((call) != NULL)
#define CALL_NONE(call) (void)(call)
#define CALL_ZERO(call) CHECK((unsigned long long)(call) < 1000000)
#define CALL_SEVEN(call) CHECK((call) == 7)
#define CALL_CLOSED(call) CHECK((call) <= WS_STATUS_CLOSED)
#define CALL_MINUS_ONE(call) CHECK((call) >= -1)
#define CALL_NUMBER(call) CHECK((call) > 0)
#define CALL_NOTHING(call) call
#define CALL_EVENT(call) ws_event_free(call)
#define CALL_DISPATCHER(call) CHECK(ws_dispatcher_close(call) == WS_OK)
#define CALL_OPTIONS(call) CHECK(ws_options_free(call) == WS_OK)
#define CALL_SOCKET(call) \
    opened = &opened_hosts[__atomic_fetch_add(&opened_count, 1, __ATOMIC_RELAXED)]; \
    host_init(opened, NULL); \
    opened->inside = opened_inside; \
    plain = host_handler(opened); \
    opened_ws = (call); \
    if (opened_ws == NULL) { \
        CHECK(is_known(ws_errors_code(own_errors, 0)) && ws_errors_count(own_errors) > 0); \
        ws_errors_free(own_errors); \
        own_errors = NULL; \
    } else { \
        CHECK(ws_send_text(opened_ws, "hello", 5) <= 0 && ws_terminate(opened_ws, 0, NULL) == WS_OK); \
        CHECK(ws_release(opened_ws) == WS_OK); \
    }
#define CALL_RECONNECTOR(call) \
    opened = &opened_hosts[__atomic_fetch_add(&opened_count, 1, __ATOMIC_RELAXED)]; \
    host_init(opened, NULL); \
    opened->inside = opened_inside; \
    plain = host_handler(opened); \
    opened_r = (call); \
    if (opened_r == NULL) { \
        CHECK(is_known(ws_errors_code(own_errors, 0)) && ws_errors_count(own_errors) > 0); \
        ws_errors_free(own_errors); \
        own_errors = NULL; \
    } else { \
        CHECK(ws_reconnector_terminate(opened_r, 0, NULL) == WS_OK && ws_reconnector_release(opened_r) == WS_OK); \
    }
#define CALL(name, args, kind) \
    case INDEX_##name: \
        snprintf(doing, sizeof doing, "%s on 16 threads", #name); \
        result = WS_ERR_INVALID_HANDLE; \
        CALL_##kind(name args); \
        if (result == WS_OK && same(#name, "ws_release")) add(&shared.released); \
        if (result == WS_OK && same(#name, "ws_options_free")) add(&shared.freed_options); \
        if (result == WS_OK && same(#name, "ws_dispatcher_close")) add(&shared.closed); \
        break;

static void call_one(int function, ws_socket *ws, ws_reconnector *r, ws_dispatcher *d, ws_options *o)
{
    const ws_event *e = NULL;
    const ws_json *v = NULL;
    const ws_errors *errors = NULL;
    ws_event *own_e = NULL;
    ws_errors *own_errors = NULL;
    const char *url = at("/echo");
    ws_handler plain, *handler = &plain;
    struct host *opened;
    ws_socket *opened_ws;
    ws_reconnector *opened_r;
    ws_result result;
    switch (function) { ALL_FUNCTIONS(CALL) }
    ws_event_free(own_e);
}

static void *thread(void *number)
{
    int first = (int)(intptr_t)number;
    pthread_barrier_wait(&shared.start);
    /* Each begins elsewhere, and each goes through all. */
    for (int i = 0; i < FUNCTIONS; i++) call_one((first * 7 + i) % FUNCTIONS, shared.ws, shared.r, shared.d, shared.o);
    if (shared.shut_down && first % 5 == 0) CHECK(shut_down() == WS_OK);
    return NULL;
}

static void round_of_calls(int number)
{
    struct host host;
    pthread_t threads[THREADS];
    host_init(&host, NULL);
    memset(&shared, 0, sizeof shared);
    shared.ws = host_connect(&host, at("/echo"), NULL);
    shared.r = ws_reconnector_new(at("/echo"), NULL, NULL, NULL, NULL);
    CHECK(shared.r != NULL);
    shared.d = ws_dispatcher_new();
    shared.o = ws_options_new();
    shared.shut_down = number % 2;
    CHECK(pthread_barrier_init(&shared.start, NULL, THREADS) == 0);
    for (intptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    doing[0] = '\0';

    host_wait(&host, 'f');
    if (!grammar_holds(host.trace)) failed(host.trace, 0, "the order of callbacks");
    /* ws_close() counts as a release, too. */
    CHECK(shared.released <= 1 && shared.freed_options == 1);
    /* It was terminated and released by one of the threads each. */
    CHECK(ws_reconnector_release(shared.r) == WS_ERR_INVALID_HANDLE);
    CHECK(ws_get_id(shared.ws) == 0 && ws_send_text(shared.ws, "x", 1) == WS_ERR_INVALID_HANDLE);
    if (shared.closed == 0) {
        /* It belongs to one of the threads, all of which were refused: so it is as it was. */
        ws_result attached = ws_dispatcher_attach(shared.d);
        if (attached != WS_OK) failed(ws_result_name(attached), 0, "a dispatcher that nobody has closed is alive");
        CHECK(ws_dispatcher_close(shared.d) == WS_OK);
    }
    CHECK(shared.closed <= 1 && ws_dispatcher_close(shared.d) == WS_ERR_INVALID_HANDLE);
    pthread_barrier_destroy(&shared.start);
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) round_of_calls(i);
    CHECK(shut_down() == WS_OK);
    CHECK(__atomic_load_n(&opened_done, __ATOMIC_ACQUIRE) == opened_count);
    for (int i = 0; i < opened_count; i++) {
        const char *trace = opened_hosts[i].trace;
        /* One that could not be made has only on_free. */
        if (!same(trace, "f") && !grammar_holds(trace)) failed(trace, i, "the order of callbacks");
    }
    return 0;
}
