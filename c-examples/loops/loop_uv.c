/* loop_uv: a socket in a libuv loop, by the dispatcher's descriptor.      usage: loop_uv ws://127.0.0.1:8080/echo */
#include <stdio.h>
#include <uv.h>
#include <ws4d.h>

static uv_poll_t network;
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
    uv_poll_stop(&network); /* nothing is left to wait for: uv_run returns */
}

static void readable(uv_poll_t *handle, int status, int events)
{
    (void)events;
    if (status < 0 || ws_dispatcher_dispatch(handle->data, 0) < 0) uv_poll_stop(handle);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: loop_uv ws://host[:port]/path\n"), 2;

    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;

    uv_loop_t *loop = uv_default_loop();
    uv_poll_init(loop, &network, (int)ws_dispatcher_fd(handler.dispatcher));
    network.data = handler.dispatcher;
    ws_socket *ws = ws_new_async(argv[1], &handler, NULL, NULL);
    if (ws != NULL) {
        uv_poll_start(&network, UV_READABLE, readable);
        uv_run(loop, UV_RUN_DEFAULT);
        ws_release(ws);
    }
    uv_close((uv_handle_t *)&network, NULL); /* before the descriptor goes */
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    ws_dispatcher_close(handler.dispatcher);
    ws_shutdown(5000);
    return clean ? 0 : 1;
}
