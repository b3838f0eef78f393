/* on_drain answers a WS_ERR_WOULD_BLOCK that the host has seen, and nothing else. */
#include "host.h"

static int refused;

static void send_two(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)host, (void)event;
    if (letter == 'o') {
        /* On an I/O thread these are collected; the buffer of one byte is full after the first. */
        for (int i = 0; i < 2; i++) {
            ws_result result = ws_send_text(ws, "x", 1);
            CHECK(result == WS_OK || result == WS_ERR_WOULD_BLOCK);
            refused += result == WS_ERR_WOULD_BLOCK;
        }
    }
    if (letter == 'm' && host->callbacks + (size_t)refused >= 2) CHECK(ws_terminate(ws, 0, NULL) == WS_OK);
}

int main(void)
{
    struct host host;
    ws_options *options = ws_options_new();
    host_init(&host, NULL);
    host.inside = send_two;
    CHECK(ws_options_set_send_buffer_size(options, 1) == WS_OK);
    ws_socket *ws = host_connect(&host, at("/echo"), options);
    host_wait(&host, 'f');
    CHECK(grammar_holds(host.trace) && host_saw(&host, 'd') == (refused > 0));
    CHECK(ws_release(ws) == WS_OK && ws_options_free(options) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
