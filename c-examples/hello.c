/* hello: connects, says hello, prints the answer, closes.      usage: hello ws://127.0.0.1:8080/echo */
#include <stdio.h>
#include <ws4d.h>

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)user_data;
    printf("the server says: %s\n", (const char *)ws_event_data(event, NULL));
    ws_terminate(ws, 1000, "bye");
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: hello ws://host[:port]/path\n"), 2;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = on_message;
    ws_socket *ws = ws_new(argv[1], &handler, NULL, &errors);
    if (ws != NULL && ws_send_text(ws, "hello, world", WS_NUL_TERMINATED) == WS_OK)
        ws_dispatcher_run(handler.dispatcher); /* until the socket has terminated */
    for (size_t i = 0; i < ws_errors_count(errors); i++)
        fprintf(stderr, "hello: %s\n", ws_errors_message(errors, i));
    ws_close_info info = WS_CLOSE_INFO_INIT;
    ws_get_close_info(ws, &info);
    ws_release(ws);
    ws_errors_free(errors);
    ws_dispatcher_close(handler.dispatcher);
    ws_shutdown(5000);
    return info.was_clean ? 0 : 1;
}
