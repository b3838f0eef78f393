/* What the API reference shows of opening and closing a connection. Compiled by scripts/snippets.py. */
#include <stdio.h>
#include <ws4d.h>

static void show_ws_new(ws_handler *handler)
{
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new("wss://feed.example/", handler, NULL, &errors);
    if (ws == NULL) fprintf(stderr, "%s\n", ws_errors_message(errors, 0));
    ws_errors_free(errors);
}

static void show_ws_new_async(ws_handler *handler)
{
    ws_socket *ws = ws_new_async("wss://feed.example/", handler, NULL, NULL);
    ws_send_text(ws, "sent as soon as it is open", WS_NUL_TERMINATED);
}

static void show_ws_release(ws_socket *ws)
{
    ws_terminate(ws, 1000, NULL);
    ws_release(ws); /* the callbacks go on until on_free */
}

static void show_ws_close(ws_socket *ws, void *user_data, void (*free_it)(void *))
{
    if (ws_close(ws) == WS_OK) free_it(user_data); /* no callback uses it any more */
}

static void show_ws_pause(ws_socket *ws, int the_disk_is_full)
{
    if (the_disk_is_full) ws_pause(ws);
}

static void show_ws_resume(ws_socket *ws)
{
    ws_resume(ws); /* on any thread, once there is room */
}

static void show_ws_terminate(ws_socket *ws)
{
    ws_terminate(ws, 1000, "bye"); /* on_terminate tells the server's answer */
}

static void show_ws_abort(ws_socket *ws)
{
    if (ws_terminate(ws, 4000, "not what was agreed") != WS_OK) ws_abort(ws);
}
