/* hello: connects, says hello, prints the answer, closes.      usage: hello ws://127.0.0.1:8080/echo */
#include <stdio.h>
#include <ws4d.h>

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    size_t len = 0;
    const char *text = ws_event_data(event, &len);
    printf("the server says: %.*s\n", (int)len, text);
    *(int *)user_data = 1;
    if (ws_terminate(ws, 1000, "bye") != WS_OK) ws_abort(ws);
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: hello ws://host[:port]/path\n"), 2;

    int answered = 0;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &answered;
    handler.on_message = on_message;
    handler.dispatcher = ws_dispatcher_new();

    ws_socket *ws = ws_new(argv[1], &handler, NULL, &errors);
    for (size_t i = 0; i < ws_errors_count(errors); i++) fprintf(stderr, "hello: %s\n", ws_errors_message(errors, i));
    if (ws != NULL) {
        ws_result sent = ws_send_text(ws, "hello, world", WS_NUL_TERMINATED);
        if (sent != WS_OK) fprintf(stderr, "hello: %s\n", ws_result_message(sent));
        else ws_dispatcher_run(handler.dispatcher); /* until the socket has terminated */
        ws_release(ws);
    }
    ws_errors_free(errors);
    ws_dispatcher_close(handler.dispatcher);
    ws_shutdown(5000);
    return answered ? 0 : 1;
}
