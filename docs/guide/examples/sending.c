/* What the API reference shows of sending. Compiled by scripts/snippets.py. */
#include <stdio.h>
#include <string.h>
#include <ws4d.h>

static void show_ws_send_text(ws_socket *ws)
{
    ws_result result = ws_send_text(ws, "hello", WS_NUL_TERMINATED);
    if (result == WS_ERR_WOULD_BLOCK) puts("later: on_drain follows");
    else if (result != WS_OK) fprintf(stderr, "%s\n", ws_result_message(result));
}

static void show_ws_send_text_utf16(ws_socket *ws)
{
    const uint16_t text[] = {'h', 'e', 'l', 'l', 'o'};
    ws_send_text_utf16(ws, text, 5);
}

static void show_ws_send_blob(ws_socket *ws)
{
    const unsigned char bytes[] = {0x08, 0x96, 0x01};
    ws_send_blob(ws, bytes, sizeof bytes);
}

static void show_ws_send_object(ws_socket *ws)
{
    if (ws_send_object(ws, "{\"subscribe\": [\"EURUSD\"]}", WS_NUL_TERMINATED) == WS_ERR_INVALID_JSON)
        fputs("that is no JSON\n", stderr);
}

static void show_ws_send_object_utf16(ws_socket *ws, const uint16_t *json, size_t units)
{
    ws_send_object_utf16(ws, json, units);
}

static void show_ws_send(ws_socket *ws, const char *secret)
{
    ws_send(ws, WS_DATA_TYPE_TEXT, secret, strlen(secret), WS_SEND_PLAIN); /* not compressed */
}

static void show_ws_ping(ws_socket *ws)
{
    ws_ping(ws, "42", 2); /* on_pong brings "42" back */
}

static void show_ws_pong(ws_socket *ws)
{
    ws_pong(ws, NULL, 0);
}

static void show_ws_cork(ws_socket *ws)
{
    ws_cork(ws);
    for (int i = 0; i < 100; i++) ws_send_text(ws, "tick", 4);
    ws_uncork(ws); /* they leave in few writes */
}

static void show_ws_uncork(ws_socket *ws)
{
    ws_cork(ws);
    ws_send_text(ws, "one", 3);
    ws_send_text(ws, "two", 3);
    ws_uncork(ws);
}

static void show_ws_send_many(ws_socket *ws)
{
    const ws_slice messages[] = {{"one", 3}, {"two", 3}, {"three", WS_NUL_TERMINATED}};
    int32_t accepted = ws_send_many(ws, WS_DATA_TYPE_TEXT, messages, 3, 0);
    if (accepted < 0) fprintf(stderr, "%s\n", ws_result_message(accepted));
}

static void show_ws_send_begin(ws_socket *ws)
{
    if (ws_send_begin(ws, WS_DATA_TYPE_TEXT, 0) == WS_OK) {
        ws_send_part(ws, "good ", 5);
        ws_send_part(ws, "bye", 3);
        ws_send_end(ws); /* one message: "good bye" */
    }
}

static void show_ws_send_part(ws_socket *ws, FILE *file)
{
    char part[4096];
    size_t len;
    while ((len = fread(part, 1, sizeof part, file)) > 0)
        if (ws_send_part(ws, part, len) != WS_OK) break; /* WS_ERR_WOULD_BLOCK: this part again in on_drain */
}

static void show_ws_send_end(ws_socket *ws)
{
    if (ws_send_end(ws) == WS_ERR_INVALID_UTF8) fputs("the text ends inside a character\n", stderr);
}
