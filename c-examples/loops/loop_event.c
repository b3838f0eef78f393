/* loop_event: a socket in a libevent loop, by the dispatcher's descriptor.      usage: loop_event ws://127.0.0.1:8080/echo */
#include <event2/event.h>
#include <stdio.h>
#include <ws4d.h>

static struct event_base *loop;
static int clean;

static void on_open(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)event, (void)user_data;
    if (ws_send_text(ws, "hello, world", WS_NUL_TERMINATED) != WS_OK) ws_abort(ws);
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)user_data;
    printf("the server says: %s\n", (const char *)ws_event_data(event, NULL));
    if (ws_terminate(ws, 1000, "bye") != WS_OK) ws_abort(ws);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    clean = ws_event_was_clean(event);
    printf("closed: %d\n", ws_event_code(event));
    event_base_loopbreak(loop);
}

static void readable(evutil_socket_t fd, short what, void *dispatcher)
{
    (void)fd, (void)what;
    if (ws_dispatcher_dispatch(dispatcher, 0) < 0) event_base_loopbreak(loop);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: loop_event ws://host[:port]/path\n"), 2;

    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;

    loop = event_base_new();
    struct event *network = event_new(loop, (int)ws_dispatcher_fd(handler.dispatcher), EV_READ | EV_PERSIST, readable, handler.dispatcher);
    event_add(network, NULL);
    ws_socket *ws = ws_new_async(argv[1], &handler, NULL, NULL);
    if (ws != NULL) {
        event_base_dispatch(loop);
        ws_release(ws);
    }
    event_free(network); /* before the descriptor goes */
    event_base_free(loop);
    ws_dispatcher_close(handler.dispatcher);
    ws_shutdown(5000);
    return clean ? 0 : 1;
}
