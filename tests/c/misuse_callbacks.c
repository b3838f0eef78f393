/* Every function, called with live arguments from each callback, once on a dispatcher and once on an I/O thread:
 * whatever it does to the socket, the order of callbacks holds, and nothing hangs. */
#include "host.h"

#include "functions.h"

/* One socket that will call one function from one callback. */
struct task {
    int function;
    char from;
    ws_socket *ws;
    ws_reconnector *r; /* for the functions that take one */
    ws_options *options;
    ws_event *kept;
    int called;      /* under the host's lock, */
    int others_open; /* as this */
};

static void set(struct host *host, int *number, int by)
{
    pthread_mutex_lock(&host->lock);
    *number += by;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->lock);
}

static int get(struct host *host, const int *number)
{
    pthread_mutex_lock(&host->lock);
    int value = *number;
    pthread_mutex_unlock(&host->lock);
    return value;
}

static void other_freed(void *host) { set(host, &((struct task *)((struct host *)host)->more)->others_open, -1); }

/* What a live call may say: anything but that the handle is none, or that the library is at fault. */
#define LIVE_USER(call) CHECK(count_user(call))
#define LIVE_RESULT(call) result = (call)
#define LIVE_ARGUMENT(call) CHECK((call) == WS_ERR_INVALID_ARGUMENT)
#define LIVE_EVENT(call) own_e = (call)
#define LIVE_SOCKET(call) opened = (call)
#define LIVE_RECONNECTOR(call) opened_r = (call)
#define LIVE_DISPATCHER(call) CHECK(ws_dispatcher_close(call) == WS_OK)
#define LIVE_OPTIONS(call) CHECK(ws_options_free(call) == WS_OK)
#define LIVE_TEXT(call) CHECK((call) != NULL)
#define LIVE_NONE(call) (void)(call)
#define LIVE_ZERO(call) (void)(call)
#define LIVE_SEVEN(call) (void)(call)
#define LIVE_CLOSED(call) (void)(call)
#define LIVE_MINUS_ONE(call) (void)(call)
#define LIVE_NUMBER(call) (void)(call)
#define LIVE_NOTHING(call) call
#define CALL_LIVE(name, args, kind) \
    case INDEX_##name: \
        LIVE_##kind(name args); \
        break;

static ws_result expected(struct host *host, struct task *task, ws_result result)
{
    int with_dispatcher = host->dispatcher != NULL;
    switch (task->function) {
    case INDEX_ws_dispatcher_attach:
        /* on_free runs inside the dispatch, too. */
        return with_dispatcher ? WS_ERR_WRONG_THREAD : WS_ERR_INVALID_HANDLE;
    case INDEX_ws_dispatcher_close:
    case INDEX_ws_dispatcher_set_busy_poll_us:
    case INDEX_ws_dispatcher_set_error_handler:
    case INDEX_ws_dispatcher_stop:
        return with_dispatcher ? WS_OK : WS_ERR_INVALID_HANDLE;
    case INDEX_ws_dispatcher_set_interruptible:
        return !with_dispatcher ? WS_ERR_INVALID_HANDLE : IS_WINDOWS ? WS_ERR_UNSUPPORTED : WS_OK;
    case INDEX_ws_dispatcher_dispatch:
    case INDEX_ws_dispatcher_next:
    case INDEX_ws_dispatcher_next_batch:
    case INDEX_ws_dispatcher_run:
    case INDEX_ws_dispatcher_wait:
        return with_dispatcher ? 0 : WS_ERR_INVALID_HANDLE;
    case INDEX_ws_options_set_ca_file:
    case INDEX_ws_options_set_client_certificate_file:
    case INDEX_ws_options_set_crl_file:
    case INDEX_ws_options_set_key_log_file:
        return WS_ERR_FILE;
    case INDEX_ws_options_set_ca_pem:
    case INDEX_ws_options_set_client_certificate_pem:
    case INDEX_ws_options_set_pinned_key_sha256:
        return WS_ERR_INVALID_ARGUMENT;
    case INDEX_ws_options_set_unix_socket:
        return IS_WINDOWS ? WS_ERR_UNSUPPORTED : WS_ERR_INVALID_ARGUMENT;
    case INDEX_ws_reconnector_send:
        return result == WS_ERR_WOULD_BLOCK ? result : WS_OK;
    case INDEX_ws_get_tls_info:
        return WS_ERR_UNSUPPORTED;
    case INDEX_ws_send_end:
    case INDEX_ws_send_part:
        /* No message is open. */
        if (task->from == 'f' || task->from == 't' || task->from == 'e') return WS_ERR_CLOSED;
        return result == WS_ERR_CLOSED ? result : WS_ERR_INVALID_ARGUMENT;
    case INDEX_ws_send_many:
        if (task->from == 'f' || task->from == 't' || task->from == 'e') return WS_ERR_CLOSED;
        /* How many were accepted. */
        return result == WS_ERR_CLOSED || result == WS_ERR_WOULD_BLOCK ? result : 1;
    case INDEX_ws_send:
    case INDEX_ws_send_begin:
    case INDEX_ws_send_blob:
    case INDEX_ws_send_object:
    case INDEX_ws_send_object_utf16:
    case INDEX_ws_send_text:
    case INDEX_ws_send_text_utf16:
    case INDEX_ws_ping:
    case INDEX_ws_pong:
    case INDEX_ws_cork:
    case INDEX_ws_uncork:
        if (task->from == 'f' || task->from == 't' || task->from == 'e') return WS_ERR_CLOSED;
        return result == WS_ERR_CLOSED || result == WS_ERR_WOULD_BLOCK ? result : WS_OK;
    default:
        return WS_OK;
    }
}

static void inside(struct host *host, char letter, ws_socket *ws, const ws_event *e)
{
    struct task *task = host->more;
    if (ws != NULL) task->ws = ws;
    if (letter == 'o' && task->from == 'p') CHECK(ws_ping(ws, "ping", 4) == WS_OK);
    if (letter != task->from || get(host, &task->called)) return;
    snprintf(doing, sizeof doing, "%s from the callback '%c', %s a dispatcher", function_names[task->function], letter,
             host->dispatcher ? "with" : "without");

    ws = task->ws;
    ws_dispatcher *d = host->dispatcher;
    ws_reconnector *r = task->r, *opened_r = NULL;
    ws_options *o = task->options;
    const ws_json *v = ws_event_json(e);
    const ws_errors *errors = ws_event_errors(e);
    ws_event *own_e = ws_event_retain(e), *kept = own_e;
    ws_errors *own_errors = NULL;
    const char *url = at("/close?code=1000");
    ws_handler other = WS_HANDLER_INIT, *handler = &other;
    other.dispatcher = d;
    other.user_data = host;
    other.on_free = other_freed;
    ws_socket *opened = NULL;
    ws_result result = WS_OK;
    int opens = task->function == INDEX_ws_new || task->function == INDEX_ws_new_async ||
                task->function == INDEX_ws_reconnector_new;
    if (opens) set(host, &task->others_open, 1);
    CHECK(ws_shutdown(0) == WS_ERR_WRONG_THREAD && ws_set_io_threads(1) == WS_ERR_UNSUPPORTED);
    ws_errors_free((ws_errors *)errors); /* not the host's: it stays */

    switch (task->function) { ALL_FUNCTIONS(CALL_LIVE) }

    CHECK(errors == NULL || ws_errors_code(errors, 0) == WS_ERR_PROTOCOL);
    CHECK(result == expected(host, task, result));
    if (task->function == INDEX_ws_new && d == NULL) {
        CHECK(opened == NULL && ws_errors_code(own_errors, 0) == WS_ERR_WRONG_THREAD);
        ws_errors_free(own_errors);
    } else if (task->function == INDEX_ws_reconnector_new) {
        CHECK(opened_r != NULL && own_errors == NULL);
        CHECK(ws_reconnector_terminate(opened_r, 0, NULL) == WS_OK && ws_reconnector_release(opened_r) == WS_OK);
    } else if (opens) {
        CHECK(opened != NULL && own_errors == NULL && ws_release(opened) == WS_OK);
    }
    if (task->function == INDEX_ws_event_retain) ws_event_free(own_e);
    if (task->function != INDEX_ws_event_free) task->kept = kept;
    doing[0] = '\0';
    set(host, &task->called, 1);
}

/* A socket whose on_message holds the only I/O thread, so that another stays connecting meanwhile. */
static struct {
    struct host host;
    ws_socket *ws;
    int held;
} gate;

static void hold(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)ws, (void)event;
    if (letter != 'm') return;
    set(host, &gate.held, 1);
    pthread_mutex_lock(&host->lock);
    while (gate.held) host_wait_change(host);
    pthread_mutex_unlock(&host->lock);
}

static void hold_io_thread(void)
{
    CHECK(ws_send_text(gate.ws, "hold", WS_NUL_TERMINATED) == WS_OK);
    pthread_mutex_lock(&gate.host.lock);
    while (!gate.held) host_wait_change(&gate.host);
    gate.host.callbacks = 0;
    pthread_mutex_unlock(&gate.host.lock);
}

static const char *path_to(char callback)
{
    switch (callback) {
    case 'm': return "/script?do=text:hello,text:again,close:1000:bye";
    case 'e': return "/script?do=frame:83:00";
    case 'd':
    case 'p': return "/echo";
    default: return "/script?do=close:1000:bye";
    }
}

/* Ends the socket once the call was made, and waits for the ends of all. */
static void finish(struct host *host, struct task *task, ws_socket *ws)
{
    int told = 0;
    while (!host_saw(host, 'f') || get(host, &task->others_open) > 0) {
        if (host->dispatcher != NULL) {
            int32_t ran = ws_dispatcher_wait(host->dispatcher, PATIENCE_MS);
            if (ran == WS_ERR_CANCELLED) break; /* closed: all has ended */
            CHECK(ran > 0);
        } else {
            pthread_mutex_lock(&host->lock);
            if ((!task->called || told) && (strchr(host->trace, 'f') == NULL || task->others_open > 0)) {
                host_wait_change(host);
            }
            pthread_mutex_unlock(&host->lock);
        }
        if (get(host, &task->called) && !told) {
            told = 1;
            ws_resume(ws);
            ws_terminate(ws, 1000, NULL);
        }
    }
}

static void run_task(int function, char from, int with_dispatcher)
{
    struct host host;
    struct task task = {.function = function, .from = from, .options = ws_options_new()};
    if (function >= INDEX_ws_reconnector_close && function <= INDEX_ws_reconnector_terminate) {
        task.r = ws_reconnector_new(at("/echo"), NULL, NULL, NULL, NULL);
        CHECK(task.r != NULL);
    }
    host_init(&host, with_dispatcher ? ws_dispatcher_new() : NULL);
    host.inside = inside;
    host.more = &task;
    ws_handler handler = host_handler(&host);
    ws_options *options = ws_options_new();
    CHECK(ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT) == WS_OK);
    if (from == 'd') {
        CHECK(ws_options_set_send_buffer_size(options, 1) == WS_OK);
        hold_io_thread();
    }
    ws_socket *ws = ws_new_async(at(path_to(from)), &handler, options, NULL);
    CHECK(ws != NULL && ws_options_free(options) == WS_OK);
    if (from == 'd') {
        CHECK(ws_send_text(ws, "fills the buffer", WS_NUL_TERMINATED) == WS_OK);
        CHECK(ws_send_text(ws, "does not fit", WS_NUL_TERMINATED) == WS_ERR_WOULD_BLOCK);
        set(&gate.host, &gate.held, -1);
    }
    finish(&host, &task, ws);

    if (!grammar_holds(host.trace) || !task.called || task.others_open != 0) {
        fprintf(stderr, "%s from '%c', dispatcher %d: %s\n", function_names[function], from, with_dispatcher, host.trace);
        _exit(1);
    }
    ws_event_free(task.kept);
    ws_reconnector_terminate(task.r, 0, NULL);
    ws_reconnector_release(task.r);
    ws_options_free(task.options);
    ws_release(ws);
    CHECK(ws_get_id(ws) == 0);
    ws_dispatcher_close(host.dispatcher);
}

int main(void)
{
    host_init(&gate.host, NULL);
    gate.host.inside = hold;
    gate.ws = host_connect(&gate.host, at("/echo"), NULL);
    for (int with_dispatcher = 0; with_dispatcher < 2; with_dispatcher++) {
        for (const char *from = "omdpetf"; *from; from++) {
            for (int function = 0; function < FUNCTIONS; function++) run_task(function, *from, with_dispatcher);
        }
    }
    CHECK(ws_release(gate.ws) == WS_OK && shut_down() == WS_OK);
    return 0;
}
