/* host_runtime: WebSockets in an application runtime in the manner of 4D. Forms and workers are contexts: each
   has a thread and a queue of messages, and runs nothing but what it takes from its queue. A context has a
   dispatcher whose `wake` posts "dispatch" to that queue; so every callback runs in the context that opened
   the socket, and closing a form ends the form's sockets and no others. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <ws4d.h>

/* ---- the runtime: contexts and their queues ---- */

typedef struct context context;
typedef void (*task)(context *self, const void *argument);
typedef struct message {
    task run;
    const void *argument;
    struct message *next;
} message;
struct context {
    const char *name;
    pthread_t thread;              /* set by the thread itself */
    pthread_mutex_t lock;          /* over the queue */
    pthread_cond_t filled;
    message *first, **end;
    int closing;
    ws_dispatcher *sockets;
    ws_socket *ws;
};

static void *must(void *pointer)
{
    if (pointer == NULL) fprintf(stderr, "host_runtime: out of memory\n"), abort();
    return pointer;
}

static void post(context *c, task run, const void *argument)       /* any thread */
{
    message *m = must(malloc(sizeof *m));
    *m = (message){ run, argument, NULL };
    pthread_mutex_lock(&c->lock);
    *c->end = m;
    c->end = &m->next;
    pthread_cond_signal(&c->filled);
    pthread_mutex_unlock(&c->lock);
}

static message *take(context *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL) pthread_cond_wait(&c->filled, &c->lock);
    message *m = c->first;
    if ((c->first = m->next) == NULL) c->end = &c->first;
    pthread_mutex_unlock(&c->lock);
    return m;
}

static void dispatch(context *self, const void *argument)
{
    (void)argument;
    ws_dispatcher_dispatch(self->sockets, 0); /* leaves some? then it wakes us again */
}

static void wake(void *user_data)                                    /* any thread; must not block */
{
    post(user_data, dispatch, NULL);
}

static void close_context(context *self, const void *argument)
{
    (void)argument;
    self->closing = 1;
}

static void *run_context(void *argument)
{
    context *self = argument;
    self->thread = pthread_self();
    self->sockets = must(ws_dispatcher_new_with_wake(wake, self));
    while (!self->closing) {
        message *m = take(self);
        m->run(self, m->argument);
        free(m);
    }
    printf("%-12s closes\n", self->name);
    ws_dispatcher_close(self->sockets); /* onTerminate of what is still open; no wake from here on */
    while (self->first != NULL) free(take(self));
    return NULL;
}

static pthread_t start_context(context *c, const char *name)
{
    pthread_t thread;
    *c = (context){ .name = name };
    c->end = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->filled, NULL);
    if (pthread_create(&thread, NULL, run_context, c) != 0) fprintf(stderr, "host_runtime: no thread\n"), abort();
    return thread;
}

static void join_context(context *c, pthread_t thread)
{
    pthread_join(thread, NULL);
    pthread_cond_destroy(&c->filled);
    pthread_mutex_destroy(&c->lock);
}

/* ---- what the main process waits for ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int messages, errors_seen, terminated, freed, failed;

static void count(int *counter)
{
    pthread_mutex_lock(&lock);
    ++*counter;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(const int *counter, int value)
{
    pthread_mutex_lock(&lock);
    while (*counter < value && !failed) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- the class ConnectionHandler: what a 4D developer writes ---- */

typedef struct connection_handler {
    context *home;
    const char *label;
} connection_handler;

static void say(const connection_handler *this, const char *callback, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("%-12s %-12s %-10s %s\n", this->home->name, callback, this->label, text);
    if (!pthread_equal(pthread_self(), this->home->thread)) {
        fprintf(stderr, "host_runtime: %s ran outside of its context\n", callback);
        abort();
    }
}

static void on_open(ws_socket *ws, const ws_event *event, void *this)
{
    (void)event;
    say(this, "onOpen", "status %s", ws_status_name(ws_get_status(ws)));
}

static void on_message(ws_socket *ws, const ws_event *event, void *this)
{
    (void)ws;
    size_t len = 0;
    const char *text = ws_event_data(event, &len);
    say(this, "onMessage", "%.*s", (int)len, text);
    count(&messages);
}

static void on_error(ws_socket *ws, const ws_event *event, void *this)
{
    (void)ws;
    const ws_errors *errors = ws_event_errors(event);
    for (size_t i = 0; i < ws_errors_count(errors); i++)
        say(this, "onError", "%s: %s", ws_result_name(ws_errors_code(errors, i)), ws_errors_message(errors, i));
    count(&errors_seen);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *this)
{
    (void)ws;
    say(this, "onTerminate", "%d %s", ws_event_code(event), ws_event_was_clean(event) ? "clean" : "not clean");
    count(&terminated);
}

static void on_free(void *this) /* after the last callback, also where ws_new failed */
{
    free(this);
    count(&freed);
}

static ws_handler handler_for(context *home, const char *label)
{
    connection_handler *this = must(malloc(sizeof *this));
    *this = (connection_handler){ home, label };
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = this;
    handler.dispatcher = home->sockets;
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;
    handler.on_free = on_free;
    return handler;
}

/* ---- the application: tasks that run in a context ---- */

static void must_be_ok(ws_result result, const char *what)
{
    if (result == WS_OK) return;
    fprintf(stderr, "host_runtime: %s: %s\n", what, ws_result_message(result));
    count(&failed);
}

static void open_socket(context *self, const void *url)
{
    ws_errors *errors = NULL;
    ws_handler handler = handler_for(self, "prices");
    self->ws = ws_new(url, &handler, NULL, &errors); /* blocks this context alone, as in 4D */
    for (size_t i = 0; i < ws_errors_count(errors); i++)
        fprintf(stderr, "host_runtime: %s %s\n", ws_errors_component(errors, i), ws_errors_message(errors, i));
    if (self->ws == NULL) count(&failed);
    ws_errors_free(errors);
}

static void open_in_vain(context *self, const void *url)
{
    ws_errors *errors = NULL;
    ws_handler handler = handler_for(self, "nobody");
    ws_socket *ws = ws_new_async(url, &handler, NULL, &errors); /* what fails later goes to onError */
    must_be_ok(ws != NULL ? WS_OK : ws_errors_code(errors, 0), "ws_new_async");
    ws_release(ws); /* its callbacks still come */
    ws_errors_free(errors);
}

static void send_text(context *self, const void *text)
{
    must_be_ok(ws_send_text(self->ws, text, WS_NUL_TERMINATED), "send");
}

static void terminate(context *self, const void *reason)
{
    must_be_ok(ws_terminate(self->ws, 1000, reason), "terminate");
}

static void release(context *self, const void *argument)
{
    (void)argument;
    ws_release(self->ws);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host_runtime ws://host[:port]/echo\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    context form, worker;
    pthread_t form_thread = start_context(&form, "form Quotes");
    pthread_t worker_thread = start_context(&worker, "worker Feed");

    post(&form, open_socket, argv[1]);
    post(&form, send_text, "hello from the form");
    post(&worker, open_socket, argv[1]);
    post(&worker, send_text, "hello from the worker");
    wait_for(&messages, 2);

    post(&worker, open_in_vain, "ws://127.0.0.1:1/"); /* nobody listens there */
    wait_for(&errors_seen, 1);
    wait_for(&terminated, 1);

    post(&form, release, NULL); /* it stays open ... */
    post(&form, close_context, NULL); /* ... until its form closes */
    join_context(&form, form_thread);
    wait_for(&terminated, 2);

    post(&worker, send_text, "the worker is still here");
    wait_for(&messages, 3);
    post(&worker, terminate, "done");
    wait_for(&terminated, 3);
    post(&worker, release, NULL);
    post(&worker, close_context, NULL);
    join_context(&worker, worker_thread);

    ws_shutdown(5000);
    int right = !failed && messages == 3 && errors_seen == 1 && terminated == 3 && freed == 3;
    printf("%-12s %s\n", "process", right ? "every callback ran in its own context" : "something is missing");
    return right ? 0 : 1;
}
