/* What the API reference shows of questions to a socket. Compiled by scripts/snippets.py. */
#include <inttypes.h>
#include <stdio.h>
#include <ws4d.h>

static void show_ws_get_status(const ws_socket *ws)
{
    if (ws_get_status(ws) == WS_STATUS_CONNECTED) puts("connected");
}

static void show_ws_get_id(const ws_socket *ws)
{
    printf("socket %" PRId32 "\n", ws_get_id(ws));
}

static void show_ws_get_url(const ws_socket *ws)
{
    const char *url = ws_get_url(ws);
    puts(url != NULL ? url : "(no such socket)");
}

static void show_ws_get_data_type(const ws_socket *ws)
{
    puts(ws_data_type_name(ws_get_data_type(ws)));
}

static void show_ws_get_handler(const ws_socket *ws)
{
    ws_handler handler = WS_HANDLER_INIT;
    if (ws_get_handler(ws, &handler) == WS_OK && handler.on_message == NULL) puts("nobody listens");
}

static void show_ws_get_user_data(const ws_socket *ws)
{
    int *count = ws_get_user_data(ws);
    if (count != NULL) ++*count;
}

static void show_ws_get_subprotocol(const ws_socket *ws)
{
    const char *chosen = ws_get_subprotocol(ws);
    printf("subprotocol: %s\n", chosen != NULL ? chosen : "none");
}

static void show_ws_get_response_status(const ws_socket *ws)
{
    if (ws_get_response_status(ws) == 101) puts("the handshake was accepted");
}

static void show_ws_get_response_header(const ws_socket *ws)
{
    const char *cookie;
    for (size_t i = 0; (cookie = ws_get_response_header(ws, "Set-Cookie", i)) != NULL; i++) puts(cookie);
}

static void show_ws_get_peer_address(const ws_socket *ws)
{
    const char *address = ws_get_peer_address(ws);
    if (address != NULL) printf("connected to %s\n", address);
}

static void show_ws_get_buffered_amount(ws_socket *ws)
{
    if (ws_get_buffered_amount(ws) < 65536) ws_send_text(ws, "a price", 7); /* else it would be stale when it leaves */
}

static void show_ws_get_tls_info(const ws_socket *ws)
{
    ws_tls_info info = WS_TLS_INFO_INIT;
    if (ws_get_tls_info(ws, &info) == WS_OK) printf("%s, %s\n", info.version, info.cipher_suite);
}

static void show_ws_get_stats(const ws_socket *ws)
{
    ws_stats stats = WS_STATS_INIT;
    if (ws_get_stats(ws, &stats) == WS_OK) printf("%" PRIu64 " messages, last ping %" PRId64 " us\n", stats.messages_received, stats.ping_us);
}

static void show_ws_get_close_info(const ws_socket *ws)
{
    ws_close_info info = WS_CLOSE_INFO_INIT;
    if (ws_get_close_info(ws, &info) == WS_OK && info.stage != WS_STAGE_NONE)
        printf("ended while %s: %s\n", ws_stage_name(info.stage), ws_result_name(info.result));
}
