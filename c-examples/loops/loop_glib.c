/* loop_glib: a socket in a GLib main loop, by the dispatcher's descriptor.      usage: loop_glib ws://127.0.0.1:8080/echo */
#include <glib-unix.h>
#include <stdio.h>
#include <ws4d.h>

static GMainLoop *loop;
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
    g_main_loop_quit(loop);
}

static gboolean readable(gint fd, GIOCondition condition, gpointer dispatcher)
{
    (void)fd, (void)condition;
    if (ws_dispatcher_dispatch(dispatcher, 0) >= 0) return G_SOURCE_CONTINUE;
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: loop_glib ws://host[:port]/path\n"), 2;

    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_open = on_open;
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;

    loop = g_main_loop_new(NULL, FALSE);
    GSource *network = g_unix_fd_source_new((gint)ws_dispatcher_fd(handler.dispatcher), G_IO_IN);
    g_source_set_callback(network, G_SOURCE_FUNC(readable), handler.dispatcher, NULL);
    g_source_attach(network, NULL);
    ws_socket *ws = ws_new_async(argv[1], &handler, NULL, NULL);
    if (ws != NULL) {
        g_main_loop_run(loop);
        ws_release(ws);
    }
    g_source_destroy(network); /* before the descriptor goes */
    g_source_unref(network);
    g_main_loop_unref(loop);
    ws_dispatcher_close(handler.dispatcher);
    ws_shutdown(5000);
    return clean ? 0 : 1;
}
