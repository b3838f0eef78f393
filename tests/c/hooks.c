/* Every function of the host's that the library calls, in every way to wait: each may wait for another thread that uses the
 * library with a lock of the host held, because none is called under a lock of the library's; and a thread may end in each. */
#include "host.h"

#include <stdatomic.h>
#include <sched.h>
#include <sys/wait.h>

enum hook {
    OPEN, MESSAGE, PONG, DRAIN, ERROR, TERMINATE, FREE, WAKE, LOG, ADDED_LOG, ERROR_HANDLER, OWN_ERROR_HANDLER, ATTEMPT,
    RECONNECT, IS_FINAL, END, SOCKET, HOOKS
};
static const char *const names[HOOKS] = {
    "on_open", "on_message", "on_pong", "on_drain", "on_error", "on_terminate", "on_free", "wake", "ws_set_log", "ws_add_log",
    "ws_set_error_handler", "ws_dispatcher_set_error_handler", "on_attempt", "on_reconnect", "is_final", "on_end", "socket_fn",
};
enum way { INLINE, DISPATCHED, DRIVEN, WAYS };
static const char *const way_names[WAYS] = {"inline", "dispatched", "driven"};

/* What the chosen hook does at its first call. */
static enum hook chosen;
static enum { WAITS, ENDS } act;
static atomic_int calls[HOOKS];
static atomic_int chosen_is_inside, chosen_is_over;
static pthread_mutex_t inside_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t inside_changed = PTHREAD_COND_INITIALIZER;

/* The lock of the host's, and what the thread that holds it uses. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int rounds, has_dispatcher;
static ws_socket *_Atomic the_socket;
static ws_reconnector *_Atomic the_reconnector;
static ws_dispatcher *_Atomic the_dispatcher;

static void go_inside(void)
{
    pthread_mutex_lock(&inside_lock);
    chosen_is_inside = 1;
    pthread_cond_broadcast(&inside_changed);
    pthread_mutex_unlock(&inside_lock);
}

static void until_inside(void)
{
    pthread_mutex_lock(&inside_lock);
    while (!chosen_is_inside) pthread_cond_wait(&inside_changed, &inside_lock);
    pthread_mutex_unlock(&inside_lock);
}

static void pass(enum hook hook)
{
    if (calls[hook]++ > 0 || hook != chosen) return;
    go_inside();
    if (act == ENDS) pthread_exit(NULL);
    /* Two whole rounds: the second has begun behind this line. */
    int end = rounds + 2;
    while (rounds < end) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
        sched_yield();
    }
    chosen_is_over = 1;
}

static void use(void)
{
    ws_close_info close_info = WS_CLOSE_INFO_INIT;
    ws_stats stats = WS_STATS_INIT;
    ws_errors *errors = NULL;
    ws_socket *ws = the_socket;
    ws_reconnector *r = the_reconnector;
    ws_get_status(ws), ws_get_stats(ws, &stats), ws_get_close_info(ws, &close_info), ws_get_buffered_amount(ws);
    ws_send_text(ws, "x", 1), ws_ping(ws, "x", 1), ws_pause(ws), ws_resume(ws), ws_cork(ws), ws_uncork(ws);
    ws_reconnector_get_status(r), ws_reconnector_get_stats(r, &stats), ws_reconnector_retry_now(r);
    ws_reconnector_send(r, WS_DATA_TYPE_TEXT, "x", 1, 0);
    if (has_dispatcher) ws_dispatcher_fd(the_dispatcher), ws_dispatcher_dispatch(the_dispatcher, 0);
    /* The process's own: threads, the tables of handles, options. */
    ws_options *o = ws_options_new();
    CHECK(ws_options_set_header(o, "X-A", "b") == WS_OK);
    ws_dispatcher *d = ws_dispatcher_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = d;
    ws_socket *own = ws_new_async(at("/no-answer"), &handler, o, &errors);
    ws_errors_free(errors);
    ws_abort(own), ws_release(own);
    CHECK(ws_dispatcher_dispatch(d, 0) >= 0 && ws_dispatcher_close(d) == WS_OK && ws_options_free(o) == WS_OK);
}

static void *use_with_the_lock(void *unused)
{
    (void)unused;
    until_inside();
    while (!chosen_is_over) {
        pthread_mutex_lock(&lock);
        use();
        rounds++;
        pthread_mutex_unlock(&lock);
        sched_yield();
    }
    return NULL;
}

static void on_event(ws_socket *ws, const ws_event *event, void *user_data)
{
    static const enum hook hooks[] = {HOOKS, OPEN, MESSAGE, ERROR, TERMINATE, DRAIN, PONG};
    (void)user_data, (void)ws;
    pass(hooks[ws_event_get_type(event)]);
}
static void on_free(void *user_data) { (void)user_data, pass(FREE); }
static void on_wake(void *user_data) { (void)user_data, pass(WAKE); }
static void on_log(int32_t level, const char *component, const char *message, void *hook)
{
    (void)level, (void)component, (void)message;
    pass(*(enum hook *)hook);
}
static void on_errors(const ws_errors *errors, void *hook) { (void)errors, pass(*(enum hook *)hook); }
static const char *on_attempt(ws_reconnector *r, ws_options *options, uint32_t attempt, void *user_data)
{
    (void)r, (void)options, (void)attempt, (void)user_data, pass(ATTEMPT);
    return NULL;
}
static void on_reconnect(ws_reconnector *r, const ws_reconnect_info *info, void *user_data)
{
    (void)r, (void)info, (void)user_data, pass(RECONNECT);
}
static int32_t is_final(ws_reconnector *r, const ws_reconnect_info *info, void *user_data)
{
    (void)r, (void)info, (void)user_data, pass(IS_FINAL);
    return calls[IS_FINAL] > 1;
}
static atomic_int is_over;
static void on_end(ws_reconnector *r, const ws_reconnect_info *info, void *user_data)
{
    (void)r, (void)info, (void)user_data, pass(END);
    is_over = 1;
}
static int32_t on_socket(intptr_t fd, const char *address, void *user_data)
{
    (void)fd, (void)address, (void)user_data, pass(SOCKET);
    return 0;
}

static ws_handler all_callbacks(void)
{
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = the_dispatcher;
    handler.on_open = handler.on_message = handler.on_error = handler.on_terminate = handler.on_drain = handler.on_pong =
        on_event;
    handler.on_free = on_free;
    return handler;
}

/* Whether the life is to go on: where a thread has ended in it, what it waits for may never come. */
static int goes_on(void)
{
    return act == WAITS || !chosen_is_inside;
}

static void until(atomic_int *what, int count)
{
    while (*what < count && goes_on()) {
        if (has_dispatcher) {
            ws_dispatcher_wait(the_dispatcher, 10);
        } else {
            sched_yield();
        }
    }
}

static void a_socket_that_does_all(ws_options *options)
{
    static char large[64 * 1024];
    ws_handler handler = all_callbacks();
    CHECK(ws_options_set_send_buffer_size(options, 1000) == WS_OK);
    CHECK(ws_options_set_socket_fn(options, on_socket, NULL) == WS_OK);
    the_socket = ws_new_async(at("/echo"), &handler, options, NULL);
    until(&calls[OPEN], 1);
    ws_ping(the_socket, "ping", 4), ws_send_text(the_socket, "text", 4);
    until(&calls[MESSAGE], 1), until(&calls[PONG], 1);
    /* Others wait behind a message that has not ended, so that the send buffer fills however slow this program is. */
    ws_send_begin(the_socket, WS_DATA_TYPE_BLOB, 0);
    while (goes_on() && ws_send_blob(the_socket, large, sizeof large) == WS_OK) continue;
    ws_send_end(the_socket);
    until(&calls[DRAIN], 1);
    ws_terminate(the_socket, 1000, "bye");
    until(&calls[FREE], 1);
}

static void a_socket_that_fails(ws_options *options)
{
    ws_handler handler = all_callbacks();
    int free_before = calls[FREE];
    the_socket = ws_new_async(at("/status?code=503"), &handler, options, NULL);
    until(&calls[FREE], free_before + 1);
}

static void a_reconnector_that_ends(ws_options *options)
{
    ws_handler handler = all_callbacks();
    ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
    policy.min_delay_ms = policy.max_delay_ms = 1;
    policy.on_attempt = on_attempt;
    policy.on_reconnect = on_reconnect;
    policy.is_final = is_final;
    policy.on_end = on_end;
    the_reconnector = ws_reconnector_new(at("/close?code=4001"), &handler, options, &policy, NULL);
    until(&is_over, 1);
}

/* The thread that owns the dispatcher, and that may end. */
static void *live(void *of_way)
{
    static enum hook own = OWN_ERROR_HANDLER;
    enum way way = *(enum way *)of_way;
    ws_options *options = ws_options_new();
    if (way == DISPATCHED) the_dispatcher = ws_dispatcher_new_with_wake(on_wake, NULL);
    if (way == DRIVEN) the_dispatcher = ws_dispatcher_new_driving();
    has_dispatcher = way != INLINE;
    a_socket_that_does_all(options);
    if (goes_on()) a_socket_that_fails(options);
    if (goes_on() && has_dispatcher) {
        CHECK(ws_dispatcher_set_error_handler(the_dispatcher, on_errors, &own) == WS_OK);
        a_socket_that_fails(options);
    }
    if (goes_on()) a_reconnector_that_ends(options);
    if (act == WAITS) {
        ws_reconnector_release(the_reconnector);
        if (has_dispatcher) CHECK(ws_dispatcher_close(the_dispatcher) == WS_OK);
        CHECK(ws_options_free(options) == WS_OK);
    }
    return NULL;
}

static int is_called(enum way way, enum hook hook)
{
    return (way == DISPATCHED || hook != WAKE) && (way != INLINE || hook != OWN_ERROR_HANDLER);
}

static void one_case(enum way way)
{
    static enum hook log = LOG, added = ADDED_LOG, errors = ERROR_HANDLER;
    pthread_t owner, user;
    ws_set_log(WS_LOG_LEVEL_TRACE, on_log, &log);
    CHECK(ws_add_log(WS_LOG_LEVEL_TRACE, on_log, &added) != 0);
    ws_set_error_handler(on_errors, &errors);
    if (act == WAITS) CHECK(pthread_create(&user, NULL, use_with_the_lock, NULL) == 0);
    CHECK(pthread_create(&owner, NULL, live, &way) == 0);
    if (act == WAITS) {
        CHECK(pthread_join(owner, NULL) == 0);
        /* It may be a thread of the library that is inside. */
        CHECK(pthread_join(user, NULL) == 0);
        for (int hook = 0; hook < HOOKS; hook++)
            if (is_called(way, hook) && calls[hook] == 0) failed(names[hook], 0, "it was called");
    } else {
        until_inside();
    }
    /* Neither waits for a function that will not return. */
    ws_set_error_handler(NULL, NULL);
    ws_set_log(WS_LOG_LEVEL_OFF, NULL, NULL);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    /* The process goes on, and so does the library. */
    struct host host;
    host_init(&host, NULL);
    chosen = HOOKS;
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK && ws_terminate(ws, 1000, "") == WS_OK);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "omtf", 1000);
}

static void in_a_child(enum way way)
{
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_SECONDS);
        one_case(way);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    snprintf(doing, sizeof doing, "%s, %s a thread that %s (wait status %d)", way_names[way], names[chosen],
             act == WAITS ? "waits for another" : "ends", status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    /* Each child loads the library anew, which takes minutes there. */
    if (getenv("WS4D_TEST_VALGRIND") != NULL) return 0;
    for (enum way way = 0; way < WAYS; way++) {
        for (chosen = 0; chosen < HOOKS; chosen++) {
            if (!is_called(way, chosen)) continue;
            act = WAITS;
            in_a_child(way);
            act = ENDS;
            in_a_child(way);
        }
    }
    return 0;
}
