/* loop_queue: a thread with a message queue of its own, as runtimes and games have it; the library posts to it, and so does
 * the rest of the program.      usage: loop_queue ws://127.0.0.1:8080/echo */
#include <pthread.h>
#include <stdio.h>
#include <ws4d.h>

enum message { NETWORK, SEND, QUIT };

static struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    enum message waiting[16]; /* at most one NETWORK: the library wakes once, until it is dispatched */
    size_t count;
} queue = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, { NETWORK }, 0 };

static void post(enum message message)
{
    pthread_mutex_lock(&queue.mutex);
    if (queue.count < 16) queue.waiting[queue.count++] = message;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.mutex);
}

static enum message take(void)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 0) pthread_cond_wait(&queue.filled, &queue.mutex);
    enum message first = queue.waiting[0];
    queue.count--;
    for (size_t i = 0; i < queue.count; i++) queue.waiting[i] = queue.waiting[i + 1];
    pthread_mutex_unlock(&queue.mutex);
    return first;
}

/* On any thread, also inside a call of the library's: it posts, and does nothing else. */
static void wake(void *user_data)
{
    (void)user_data;
    post(NETWORK);
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)user_data;
    printf("the server says: %s\n", (const char *)ws_event_data(event, NULL));
    if (ws_terminate(ws, 1000, "bye") != WS_OK) ws_abort(ws);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    *(int *)user_data = ws_event_was_clean(event);
    printf("closed: %d\n", ws_event_code(event));
    post(QUIT);
}

static void *worker(void *url)
{
    static int clean;
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &clean;
    handler.dispatcher = ws_dispatcher_new_with_wake(wake, NULL);
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;
    ws_socket *ws = ws_new_async(url, &handler, NULL, NULL);
    for (enum message message = ws != NULL ? take() : QUIT; message != QUIT; message = take()) {
        if (message == SEND && ws_send_text(ws, "hello, world", WS_NUL_TERMINATED) != WS_OK) ws_abort(ws);
        if (message == NETWORK) ws_dispatcher_dispatch(handler.dispatcher, 0);
    }
    ws_release(ws);
    ws_dispatcher_close(handler.dispatcher);
    return &clean;
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: loop_queue ws://host[:port]/path\n"), 2;

    pthread_t thread;
    void *clean = NULL;
    if (pthread_create(&thread, NULL, worker, argv[1]) != 0) return 1;
    post(SEND);
    pthread_join(thread, &clean);
    ws_shutdown(5000);
    return *(int *)clean ? 0 : 1;
}
