/* Eight threads call everything on the same handles while others open, release, close and shut down under them. Made
 * for the sanitizers (scripts/sanitize.sh), which see what goes wrong inside; what shows outside is checked here: each
 * answer is one that a function may give, callbacks come in order, on_free comes once for each socket.
 * WS4D_STRESS_ROUNDS plays more rounds than two, WS4D_STRESS_SEED the same choices again. WS4D_STRESS_PLANTED breaks the
 * rules of the header instead, in a way that the named sanitizer must see inside of the library: "race", "freed". */
#include "host.h"

#include "functions.h"

enum { THREADS = 8, STEPS = 250, SOCKETS = 24, RECONNECTORS = 4, OPTIONS = 4 };

/* Tokens that all threads use, alive or not. */
static struct {
    ws_socket *ws[SOCKETS];
    ws_reconnector *r[RECONNECTORS];
    ws_dispatcher *d[THREADS];
    ws_options *o[OPTIONS];
} shared;
static int opened, freed;
static uint64_t seed;

static _Thread_local uint64_t chance;

static uint32_t below(uint32_t limit)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)(chance >> 33) % limit;
}

#define GET(place) __atomic_load_n(&(place), __ATOMIC_ACQUIRE)
#define SET(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELEASE)
#define TAKE(place) __atomic_exchange_n(&(place), NULL, __ATOMIC_ACQ_REL)

static ws_result known(ws_result result)
{
    CHECK(result >= 0 || (!same(ws_result_name(result), "WS_ERR_UNKNOWN") && result != WS_ERR_INTERNAL &&
                          result != WS_ERR_FORKED && result != WS_ERR_OUT_OF_MEMORY));
    return result;
}

/* The life of one socket; its callbacks never run at the same time, so that plain fields do: a sanitizer would see it.
 * Events that are pulled have no callback, so an order is only one of what came here; a reconnector's begins anew. */
struct life {
    int is_reconnector, has_messages, has_failed, has_terminated;
    uint64_t chance;
};

static void act(ws_socket *ws, struct life *life)
{
    static const char text[] = "from inside of a callback";
    life->chance = life->chance * 6364136223846793005u + 1442695040888963407u;
    switch (life->chance >> 60) {
    case 0: known(ws_send_text(ws, text, WS_NUL_TERMINATED)); break;
    case 1: known(ws_terminate(ws, 1000, "enough")); break;
    case 2: known(ws_release(ws)); break;
    case 3: known(ws_pause(ws)), known(ws_resume(ws)); break;
    case 4: known(ws_ping(ws, "ping", 4)); break;
    case 5: known(ws_abort(ws)); break;
    default: break;
    }
}

static void on_open(ws_socket *ws, const ws_event *event, void *user_data)
{
    struct life *life = user_data;
    (void)event;
    CHECK(life->is_reconnector || (!life->has_messages && !life->has_failed && !life->has_terminated));
    act(ws, life);
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    struct life *life = user_data;
    size_t len = 0;
    const char *data = ws_event_data(event, &len);
    CHECK(life->is_reconnector || (!life->has_failed && !life->has_terminated));
    CHECK(data != NULL && (ws_event_data_type(event) == WS_DATA_TYPE_BLOB || data[len] == 0));
    life->has_messages = 1;
    if (len % 7 == 0) ws_event_free(ws_event_retain(event));
    act(ws, life);
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    struct life *life = user_data;
    (void)ws;
    CHECK(life->is_reconnector || (!life->has_failed && !life->has_terminated));
    life->has_failed = 1;
    known(ws_errors_code(ws_event_errors(event), 0));
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    struct life *life = user_data;
    (void)ws, (void)event;
    CHECK(life->is_reconnector || !life->has_terminated);
    life->has_terminated = 1;
}

static void on_free(void *user_data)
{
    free(user_data);
    __atomic_fetch_add(&freed, 1, __ATOMIC_RELEASE);
}

static ws_handler handler_of(ws_dispatcher *d, int is_reconnector)
{
    ws_handler handler = WS_HANDLER_INIT;
    struct life *life = calloc(1, sizeof *life);
    CHECK(life != NULL);
    life->chance = chance;
    life->is_reconnector = is_reconnector;
    __atomic_fetch_add(&opened, 1, __ATOMIC_RELAXED);
    handler.dispatcher = d;
    handler.user_data = life;
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;
    handler.on_free = on_free;
    return handler;
}

static const char *somewhere(void)
{
    static const char *const paths[] = {"/echo", "/flood?n=300&size=33", "/close?code=4001&reason=bye", "/status?code=503",
                                        "/script?do=frag_ping:he|ll|o,text_size:70000,rst", "/idle"};
    return at_server(below(4) == 0 ? "WS4D_TEST_WSS" : "WS4D_TEST_WS", paths[below(sizeof paths / sizeof *paths)]);
}

static void open_one(ws_dispatcher *own)
{
    ws_dispatcher *d = below(2) ? own : NULL;
    ws_errors *errors = NULL;
    ws_handler handler = handler_of(d, 0);
    const ws_options *o = GET(shared.o[below(OPTIONS)]);
    ws_socket **place = &shared.ws[below(SOCKETS)], *ws;
    ws = below(3) == 0 ? ws_new(somewhere(), &handler, o, &errors) : ws_new_async(somewhere(), &handler, o, &errors);
    if (ws == NULL) known(ws_errors_code(errors, 0));
    ws_errors_free(errors);
    ws = __atomic_exchange_n(place, ws, __ATOMIC_ACQ_REL);
    if (ws != NULL) known(ws_abort(ws)), known(ws_release(ws));
}

static void come_back(ws_dispatcher *own)
{
    ws_handler handler = handler_of(below(2) ? own : NULL, 1);
    ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
    ws_errors *errors = NULL;
    ws_reconnector **place = &shared.r[below(RECONNECTORS)], *r;
    policy.base_delay_ms = policy.min_delay_ms = 1;
    policy.max_delay_ms = 5;
    policy.queue_size = below(2) * 10000;
    r = ws_reconnector_new(somewhere(), &handler, GET(shared.o[below(OPTIONS)]), &policy, &errors);
    if (r == NULL) known(ws_errors_code(errors, 0));
    ws_errors_free(errors);
    r = __atomic_exchange_n(place, r, __ATOMIC_ACQ_REL);
    if (r != NULL) known(ws_reconnector_terminate(r, 1000, NULL)), known(ws_reconnector_release(r));
}

static void deliver(ws_dispatcher *own)
{
    ws_socket *ws;
    ws_event *event = NULL;
    ws_batch *batch = NULL;
    size_t count = 0;
    switch (below(5)) {
    case 0: known(ws_dispatcher_dispatch(own, below(20))); break;
    case 1: known(ws_dispatcher_wait(own, (int32_t)below(3))); break;
    case 2:
        known(ws_dispatcher_next(own, 0, &ws, &event));
        ws_event_free(event);
        break;
    case 3:
        known(ws_dispatcher_next_batch(own, 0, 1 + below(50), &batch));
        (void)ws_batch_items(batch, &count);
        for (size_t i = 0; i < count; i++) (void)ws_event_get_type(ws_batch_event(batch, i));
        ws_batch_free(batch);
        break;
    default: known(ws_dispatcher_stop(GET(shared.d[below(THREADS)])));
    }
}

static void write_some(void)
{
    static const char large[200000];
    ws_socket *ws = GET(shared.ws[below(SOCKETS)]);
    int cork = below(4) == 0;
    if (cork) known(ws_cork(ws));
    for (uint32_t i = below(5); i > 0; i--) known(ws_send_text(ws, "a text that is sent", 1 + below(19)));
    if (below(4) == 0) known(ws_send_blob(ws, large, below(sizeof large)));
    known(ws_reconnector_send(GET(shared.r[below(RECONNECTORS)]), WS_DATA_TYPE_TEXT, "text", 4, 0));
    if (cork) known(ws_uncork(ws));
}

static void renew_options(void)
{
    ws_options **place = &shared.o[below(OPTIONS)], *o = ws_options_new();
    CHECK(o != NULL && ws_options_set_ca_file(o, getenv("WS4D_TEST_CA")) == WS_OK);
    known(ws_options_set_close_timeout_ms(o, 200));
    known(ws_options_set_compression(o, (int32_t)below(3)));
    known(ws_options_set_data_type(o, (int32_t)below(3)));
    known(ws_options_set_ping_interval_ms(o, below(2) * 2));
    known(ws_options_set_send_buffer_size(o, 50000 + below(400000)));
    o = __atomic_exchange_n(place, o, __ATOMIC_ACQ_REL);
    if (o != NULL) known(ws_options_free(o));
}

static int lines;
static void on_log(int32_t level, const char *component, const char *message, void *user_data)
{
    (void)level;
    if (component != NULL && message != NULL) __atomic_fetch_add((int *)user_data, 1, __ATOMIC_RELAXED);
}
static void on_errors(const ws_errors *errors, void *user_data)
{
    if (ws_errors_count(errors) > 0) __atomic_fetch_add((int *)user_data, 1, __ATOMIC_RELAXED);
}

#define CALL_USER(call) CHECK(count_user(call))
#define CALL_RESULT(call) known(call)
#define CALL_ARGUMENT(call) known(call)
#define CALL_TEXT(call) CHECK((call) != NULL)
#define CALL_NONE(call) (void)(call)
#define CALL_ZERO(call) (void)(call)
#define CALL_SEVEN(call) (void)(call)
#define CALL_CLOSED(call) (void)(call)
#define CALL_MINUS_ONE(call) (void)(call)
#define CALL_NUMBER(call) (void)(call)
#define CALL_NOTHING(call) call
#define CALL_EVENT(call) ws_event_free(call)
/* What makes handles, and what gives out what has to be freed, is called above. */
#define CALL_DISPATCHER(call) (void)0
#define CALL_OPTIONS(call) (void)0
#define CALL_SOCKET(call) (void)0
#define CALL_RECONNECTOR(call) (void)0
#define CALL(name, args, kind) \
    case INDEX_##name: \
        snprintf(doing, sizeof doing, "%s with seed %llu", #name, (unsigned long long)seed); \
        if (!is_elsewhere(#name)) CALL_##kind(name args); \
        break;

/* What gives out something to be freed, or would wait for sockets that never end. */
static int is_elsewhere(const char *name)
{
    return same(name, "ws_dispatcher_next") || same(name, "ws_dispatcher_next_batch") || same(name, "ws_dispatcher_run");
}

static void call_any(void)
{
    ws_socket *ws = GET(shared.ws[below(SOCKETS)]);
    ws_reconnector *r = GET(shared.r[below(RECONNECTORS)]);
    ws_options *o = GET(shared.o[below(OPTIONS)]);
    ws_dispatcher *d = GET(shared.d[below(THREADS)]);
    const ws_event *e = NULL;
    const ws_json *v = NULL;
    const ws_errors *errors = NULL;
    ws_event *own_e = NULL;
    ws_errors *own_errors = NULL;
    const char *url = NULL;
    const ws_handler *handler = NULL;
    (void)own_errors, (void)url, (void)handler;
    switch (below(FUNCTIONS)) { ALL_FUNCTIONS(CALL) }
    ws_event_free(own_e);
    doing[0] = 0;
}

/* Another thread may have attached it, or closed it after that. */
static void close_dispatcher(ws_dispatcher *d)
{
    ws_result result;
    while ((result = ws_dispatcher_close(d)) == WS_ERR_WRONG_THREAD) known(ws_dispatcher_attach(d));
    CHECK(result == WS_OK || result == WS_ERR_INVALID_HANDLE);
}

static void *thread(void *argument)
{
    size_t number = (size_t)(intptr_t)argument;
    ws_dispatcher *own = NULL;
    chance = seed * 31 + number * 7919 + 1;
    for (int i = 0; i < STEPS; i++) {
        if (own == NULL) {
            own = below(2) ? ws_dispatcher_new() : ws_dispatcher_new_driving();
            CHECK(own != NULL);
            SET(shared.d[number], own);
        }
        switch (below(12)) {
        case 0: open_one(own); break;
        case 1: come_back(own); break;
        case 2: case 3: write_some(); break;
        case 4: case 5: case 6: deliver(own); break;
        case 7:
            if (below(4) != 0) break;
            close_dispatcher(own);
            own = NULL;
            break;
        case 8: renew_options(); break;
        case 9: ws_set_log((int32_t)below(6), below(2) ? on_log : NULL, &lines); break;
        case 10: ws_set_error_handler(below(2) ? on_errors : NULL, &lines); break;
        default: for (int j = 0; j < 10; j++) call_any();
        }
        if (below(STEPS) == 0) CHECK(shut_down() == WS_OK);
    }
    if (own != NULL) close_dispatcher(own);
    return NULL;
}

static void play(void)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < SOCKETS; i++) (void)known(ws_release(TAKE(shared.ws[i])));
    for (int i = 0; i < RECONNECTORS; i++) {
        ws_reconnector *r = TAKE(shared.r[i]);
        known(ws_reconnector_terminate(r, 0, NULL)), known(ws_reconnector_release(r));
    }
    for (int i = 0; i < OPTIONS; i++) (void)known(ws_options_free(TAKE(shared.o[i])));
    ws_set_log(WS_LOG_LEVEL_OFF, NULL, NULL);
    ws_set_error_handler(NULL, NULL);
    CHECK(shut_down() == WS_OK);
}

/* What the library reads is written by another thread at the same time, or was freed. */
static char planted_text[] = "planted";

static void *write_planted(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100000; i++) *(volatile char *)planted_text = (char)('a' + i % 26);
    return NULL;
}

static int plant(const char *what)
{
    struct host host;
    pthread_t writer;
    char *volatile freed_text = strdup("planted");
    ws_socket *ws;
    host_init(&host, NULL);
    ws = host_connect(&host, at("/echo"), NULL);
    if (same(what, "race")) {
        CHECK(pthread_create(&writer, NULL, write_planted, NULL) == 0);
        for (int i = 0; i < 1000; i++) known(ws_send_text(ws, planted_text, 7));
        CHECK(pthread_join(writer, NULL) == 0);
    }
    free(freed_text);
    if (same(what, "freed")) known(ws_send_text(ws, freed_text, 7));
    CHECK(ws_abort(ws) == WS_OK && ws_release(ws) == WS_OK && shut_down() == WS_OK);
    return 0;
}

int main(void)
{
    if (getenv("WS4D_STRESS_PLANTED") != NULL) return plant(getenv("WS4D_STRESS_PLANTED"));
    const char *rounds = getenv("WS4D_STRESS_ROUNDS"), *again = getenv("WS4D_STRESS_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = again != NULL ? strtoull(again, NULL, 10) : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = rounds != NULL ? atoi(rounds) : 2; i > 0; i--, seed++) {
        play();
        snprintf(doing, sizeof doing, "%d opened, %d freed, seed %llu", opened, GET(freed), (unsigned long long)seed);
        CHECK(GET(freed) == opened && opened > 0);
    }
    return 0;
}
