/* Calls that cannot finish, and calls that come late: a thread that ends inside a callback or is cancelled, an atexit
 * handler, a thread-specific value's destructor, a log function that waits. Each is tried in a child of its own. */
#include "host.h"

#include <sched.h>
#include <sys/wait.h>

static void in_a_child(const char *what, void (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_SECONDS);
        snprintf(doing, sizeof doing, "%s", what);
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    snprintf(doing, sizeof doing, "%s (wait status %d)", what, status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    doing[0] = '\0';
}

static ws_socket *connect_to_echo(ws_handler *handler)
{
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new(at("/echo"), handler, NULL, &errors);
    CHECK(ws != NULL && errors == NULL);
    return ws;
}

static void until_sends_are_refused(ws_socket *ws)
{
    ws_result result;
    while ((result = ws_send_text(ws, "x", 1)) == WS_OK) sched_yield();
    CHECK(result == WS_ERR_CLOSED);
}

static void end_this_thread(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event, (void)user_data;
    pthread_exit(NULL);
}

static void an_io_thread_that_ends_in_a_callback(void)
{
    ws_handler handler = WS_HANDLER_INIT;
    ws_errors *errors = NULL;
    handler.on_message = end_this_thread;
    ws_socket *ws = connect_to_echo(&handler);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK);
    until_sends_are_refused(ws);
    /* There was one I/O thread. */
    CHECK(ws_new(at("/echo"), NULL, NULL, &errors) == NULL && ws_errors_code(errors, 0) == WS_ERR_SHUT_DOWN);
    ws_errors_free(errors);
    CHECK(ws_startup() == WS_OK && ws_startup() == WS_OK);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    CHECK(ws_release(ws) == WS_OK);
    ws = connect_to_echo(NULL);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK);
}

static void *run_and_end(void *d)
{
    CHECK(ws_dispatcher_attach(d) == WS_OK);
    ws_dispatcher_run(d);
    failed(__FILE__, __LINE__, "the thread has ended in its callback");
    return NULL;
}

static void an_owner_that_ends_in_a_callback(void)
{
    pthread_t thread;
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = end_this_thread;
    ws_socket *ws = connect_to_echo(&handler);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK);
    CHECK(pthread_create(&thread, NULL, run_and_end, handler.dispatcher) == 0);
    until_sends_are_refused(ws);
    CHECK(ws_dispatcher_attach(handler.dispatcher) == WS_ERR_WRONG_THREAD);
    CHECK(ws_dispatcher_dispatch(handler.dispatcher, 0) == WS_ERR_WRONG_THREAD);
    CHECK(ws_dispatcher_close(handler.dispatcher) == WS_ERR_WRONG_THREAD);
    /* The others go on. */
    struct host host;
    host_init(&host, ws_dispatcher_new());
    ws_socket *other = host_connect(&host, at("/echo"), NULL);
    CHECK(ws_send_text(other, "x", 1) == WS_OK && ws_terminate(other, 1000, "") == WS_OK);
    CHECK(ws_dispatcher_run(host.dispatcher) == WS_OK);
    CHECK_ENDED(&host, "omtf", 1000);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
}

static void *run_until_stopped(void *d)
{
    CHECK(ws_dispatcher_attach(d) == WS_OK);
    CHECK(ws_dispatcher_run(d) == WS_OK);
    pthread_testcancel();
    return NULL;
}

static void a_thread_that_is_cancelled_while_it_waits(void)
{
    pthread_t thread;
    void *result = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    ws_socket *ws = connect_to_echo(&handler);
    CHECK(pthread_create(&thread, NULL, run_until_stopped, handler.dispatcher) == 0);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK);
    CHECK(ws_dispatcher_stop(handler.dispatcher) == WS_OK);
    /* It ends at its own cancellation point, behind the call. */
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    CHECK(ws_dispatcher_attach(handler.dispatcher) == WS_OK && ws_dispatcher_close(handler.dispatcher) == WS_OK);
    CHECK(ws_release(ws) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
}

static char large[64 * 1024];

/* Each way that a message can take, in a thread that was cancelled before it calls. */
static void *send_while_cancelled(void *connected)
{
    ws_socket *ws = connected;
    CHECK(pthread_cancel(pthread_self()) == 0);
    CHECK(ws_cork(ws) == WS_OK);
    /* The thread's first mask keys need random bytes of the system, here and again after some thousands. */
    for (int i = 0; i < 20000; i++)
        CHECK(ws_send_text(ws, "held", 4) == WS_OK);
    CHECK(ws_uncork(ws) == WS_OK);
    CHECK(ws_send_text(ws, "direct", 6) == WS_OK);
    CHECK(ws_send_blob(ws, large, sizeof large) == WS_OK);
    CHECK(ws_send_object(ws, "{}", 2) == WS_OK);
    CHECK(ws_ping(ws, "", 0) == WS_OK);
    /* The server reads nothing, so that the kernel and then the buffer are full. A refused message flushes, too. */
    ws_result sent = WS_OK;
    while (sent == WS_OK)
        sent = ws_send_blob(ws, large, 4096);
    CHECK(sent == WS_ERR_WOULD_BLOCK);
    CHECK(ws_abort(ws) == WS_OK);
    pthread_testcancel();
    return NULL;
}

static void a_thread_that_is_cancelled_before_it_sends(void)
{
    pthread_t thread;
    void *result = NULL;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    ws_options *options = ws_options_new();
    CHECK(options != NULL && ws_options_set_send_buffer_size(options, 8 * 1024 * 1024) == WS_OK);
    ws_socket *ws = ws_new(at("/script?do=gate:never"), &handler, options, &errors);
    CHECK(ws != NULL && errors == NULL && ws_options_free(options) == WS_OK);
    CHECK(pthread_create(&thread, NULL, send_while_cancelled, ws) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    CHECK(ws_release(ws) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
}

/* Cancellation is held off also while a function of the host's runs inside a call. */
static void count_free(void *user_data)
{
    pthread_testcancel();
    ++*(int *)user_data;
}

/* Each thing that a pull may have to do, in a thread that was cancelled before: to wait, to wake the I/O thread because
   there is room again in the receive buffer, to change the descriptor, to free a TERMINATE, to run on_free. */
static void *pull_while_cancelled(void *d)
{
    enum { MESSAGES = 200, LENGTH = 4096 };
    int freed = 0, messages = 0, status = 1;
    ws_event_type type = WS_EVENT_TYPE_NONE;
    ws_socket *of = NULL;
    ws_event *event = NULL;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    ws_options *options = ws_options_new();
    CHECK(pthread_cancel(pthread_self()) == 0);
    CHECK(ws_dispatcher_attach(d) == WS_OK);
    CHECK(options != NULL && ws_options_set_receive_buffer_size(options, 2 * LENGTH) == WS_OK);
    handler.dispatcher = d;
    handler.on_free = count_free;
    handler.user_data = &freed;
    ws_socket *ws = ws_new(at("/echo"), &handler, options, &errors);
    CHECK(ws != NULL && errors == NULL && ws_options_free(options) == WS_OK);
    for (int i = 0; i < MESSAGES; i++)
        CHECK(ws_send_blob(ws, large, LENGTH) == WS_OK);
    while (type != WS_EVENT_TYPE_TERMINATE && (status = ws_dispatcher_next(d, PATIENCE_MS, &of, &event)) == 1) {
        CHECK(of == ws);
        type = ws_event_get_type(event);
        messages += type == WS_EVENT_TYPE_MESSAGE;
        ws_event_free(event);
        if (type == WS_EVENT_TYPE_MESSAGE && messages == MESSAGES)
            CHECK(ws_terminate(ws, 1000, "") == WS_OK && ws_release(ws) == WS_OK);
    }
    CHECK(status == 1 && messages == MESSAGES && freed == 0);
    CHECK(ws_dispatcher_next(d, 0, &of, &event) == 0 && freed == 1);
    CHECK(ws_dispatcher_close(d) == WS_OK);
    pthread_testcancel();
    return NULL;
}

static void a_thread_that_is_cancelled_before_it_pulls(void)
{
    pthread_t thread;
    void *result = NULL;
    ws_dispatcher *plain = ws_dispatcher_new();
    ws_dispatcher *with_descriptor = ws_dispatcher_new();
    CHECK(ws_dispatcher_fd(with_descriptor) != -1);
    ws_dispatcher *all[] = {plain, with_descriptor, ws_dispatcher_new_driving()};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK(pthread_create(&thread, NULL, pull_while_cancelled, all[i]) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
}

static struct host last;
static ws_socket *last_socket;

static void at_exit(void)
{
    ws_errors *errors = NULL;
    CHECK(ws_send_text(last_socket, "x", 1) == WS_OK);
    CHECK(ws_send_blob(last_socket, large, sizeof large) == WS_OK);
    CHECK(ws_terminate(last_socket, 1000, "bye") == WS_OK);
    if (last.dispatcher != NULL) {
        CHECK(ws_dispatcher_close(last.dispatcher) == WS_OK);
    } else {
        host_wait(&last, 'f');
    }
    CHECK(host_saw(&last, 't') && host_saw(&last, 'f'));
    CHECK(ws_release(last_socket) == WS_OK);
    ws_socket *late = ws_new(at("/echo"), NULL, NULL, &errors);
#ifdef __GLIBC__
    /* It has already taken from the thread what it keeps for it, and a blocking connect needs some of that. */
    CHECK(late == NULL && ws_errors_code(errors, 0) == WS_ERR_SHUT_DOWN);
#else
    CHECK(late == NULL ? ws_errors_code(errors, 0) == WS_ERR_SHUT_DOWN : ws_close(late) == WS_OK);
#endif
    ws_errors_free(errors);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK && ws_shutdown(-1) == WS_OK);
    _exit(0);
}

static void live_until_exit(ws_dispatcher *d)
{
    host_init(&last, d);
    last_socket = host_connect(&last, at("/echo"), NULL);
    CHECK(atexit(at_exit) == 0);
    exit(1);
}
static void an_atexit_handler(void) { live_until_exit(NULL); }
static void an_atexit_handler_with_a_dispatcher(void) { live_until_exit(ws_dispatcher_new()); }
static void an_atexit_handler_with_a_driving_dispatcher(void) { live_until_exit(ws_dispatcher_new_driving()); }

static void send_late(void *ws)
{
    CHECK(ws_send_text(ws, "short", 5) == WS_OK);
    CHECK(ws_send_blob(ws, large, sizeof large) == WS_OK);
    CHECK(ws_send_text(ws, "behind", 6) == WS_OK);
    /* What is made for a thread as late as this is lost with it, which valgrind would say. */
    if (getenv("WS4D_TEST_VALGRIND") != NULL) return;
    /* A thread that never made a connection may still be able to; if not, it is told why. */
    ws_errors *errors = NULL;
    ws_socket *late = ws_new(at("/echo"), NULL, NULL, &errors);
    CHECK(late == NULL ? ws_errors_code(errors, 0) == WS_ERR_SHUT_DOWN : ws_close(late) == WS_OK);
    ws_errors_free(errors);
    ws_dispatcher *d = ws_dispatcher_new_driving();
    CHECK(d == NULL || (ws_dispatcher_wait(d, 0) == (late == NULL ? (int)WS_ERR_SHUT_DOWN : 0) && ws_dispatcher_close(d) == WS_OK));
}

static pthread_key_t key;

static void *leave_a_value(void *ws)
{
    /* What the library keeps for a thread is there before, and gone when the destructor runs again. */
    CHECK(ws_send_text(ws, "first", 5) == WS_OK);
    CHECK(pthread_setspecific(key, ws) == 0);
    return NULL;
}

static void a_destructor_of_a_thread_s_value(void)
{
    pthread_t thread;
    struct host host;
    host_init(&host, NULL);
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    CHECK(pthread_key_create(&key, send_late) == 0);
    CHECK(pthread_create(&thread, NULL, leave_a_value, ws) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(ws_terminate(ws, 1000, "") == WS_OK);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "ommmmtf", 1000);
    CHECK(ws_release(ws) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t host;
    int waits, go_on;
} slow = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static void wait_on_other_threads(int32_t level, const char *component, const char *message, void *user_data)
{
    (void)level, (void)component, (void)message, (void)user_data;
    if (pthread_equal(pthread_self(), slow.host)) return;
    pthread_mutex_lock(&slow.lock);
    slow.waits = 1;
    pthread_cond_broadcast(&slow.changed);
    while (!slow.go_on) pthread_cond_wait(&slow.changed, &slow.lock);
    pthread_mutex_unlock(&slow.lock);
}

static void a_log_function_that_waits(void)
{
    ws_handler handler = WS_HANDLER_INIT;
    slow.host = pthread_self();
    handler.dispatcher = ws_dispatcher_new();
    ws_socket *ws = connect_to_echo(&handler);
    ws_set_log(WS_LOG_LEVEL_TRACE, wait_on_other_threads, NULL);
    CHECK(ws_abort(ws_new_async(at("/echo"), NULL, NULL, NULL)) == WS_OK);
    CHECK(ws_new_async(at("/echo"), NULL, NULL, NULL) != NULL);
    pthread_mutex_lock(&slow.lock);
    while (!slow.waits) pthread_cond_wait(&slow.changed, &slow.lock);
    pthread_mutex_unlock(&slow.lock);
    /* It waits on a thread of the library for this one, which goes on. */
    CHECK(ws_dispatcher_wait(handler.dispatcher, 0) >= 0);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK);
    CHECK(ws_dispatcher_close(handler.dispatcher) == WS_OK);
    pthread_mutex_lock(&slow.lock);
    slow.go_on = 1;
    pthread_cond_broadcast(&slow.changed);
    pthread_mutex_unlock(&slow.lock);
    ws_set_log(WS_LOG_LEVEL_OFF, NULL, NULL);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
}

int main(void)
{
    /* What was on the stack of such a thread is lost, which valgrind would say. */
    if (getenv("WS4D_TEST_VALGRIND") == NULL) {
        in_a_child("an I/O thread ends in a callback", an_io_thread_that_ends_in_a_callback);
        in_a_child("an owner ends in a callback", an_owner_that_ends_in_a_callback);
    }
    in_a_child("a thread is cancelled", a_thread_that_is_cancelled_while_it_waits);
    in_a_child("a cancelled thread sends", a_thread_that_is_cancelled_before_it_sends);
    in_a_child("a cancelled thread pulls", a_thread_that_is_cancelled_before_it_pulls);
    in_a_child("an atexit handler", an_atexit_handler);
    in_a_child("an atexit handler, with a dispatcher", an_atexit_handler_with_a_dispatcher);
    in_a_child("an atexit handler, with a driving dispatcher", an_atexit_handler_with_a_driving_dispatcher);
    in_a_child("a thread-specific value's destructor", a_destructor_of_a_thread_s_value);
    in_a_child("a log function waits", a_log_function_that_waits);
    return 0;
}
