/* What the API reference shows of options. Compiled by scripts/snippets.py. */
#include <stdio.h>
#include <ws4d.h>

static void show_ws_options_new(ws_handler *handler)
{
    ws_options *options = ws_options_new();
    ws_options_set_ping_interval_ms(options, 20000);
    ws_socket *ws = ws_new_async("wss://feed.example/", handler, options, NULL);
    if (ws == NULL) fputs("no socket\n", stderr);
    ws_options_free(options); /* the socket has a copy */
}

static void show_ws_options_free(ws_options *options)
{
    ws_options_free(options);
}

static void show_ws_options_errors(ws_options *options, const char *path)
{
    if (ws_options_set_ca_file(options, path) != WS_OK)
        fprintf(stderr, "%s\n", ws_errors_message(ws_options_errors(options), 0));
}

static void show_ws_options_set_data_type(ws_options *options)
{
    ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT); /* text arrives as parsed JSON */
}

static void show_ws_options_set_strict_json(ws_options *options)
{
    ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT);
    ws_options_set_strict_json(options, 1); /* what is no JSON ends the connection */
}

static void show_ws_options_set_header(ws_options *options)
{
    ws_options_set_header(options, "Authorization", "Bearer 8c3f21");
    ws_options_set_header(options, "Origin", "https://app.example");
}

static void show_ws_options_set_cookie(ws_options *options)
{
    ws_options_set_cookie(options, "session=8c3f; theme=dark");
}

static void show_ws_options_set_subprotocol(ws_options *options)
{
    ws_options_set_subprotocol(options, "chat.v2"); /* the most wanted first */
    ws_options_set_subprotocol(options, "chat.v1");
}

static void show_ws_options_set_connect_timeout_ms(ws_options *options)
{
    ws_options_set_connect_timeout_ms(options, 5000);
}

static void show_ws_options_set_close_timeout_ms(ws_options *options)
{
    ws_options_set_close_timeout_ms(options, 1000);
}

static void show_ws_options_set_idle_timeout_ms(ws_options *options)
{
    ws_options_set_idle_timeout_ms(options, 60000); /* the server is expected to say something each minute */
}

static void show_ws_options_set_ping_interval_ms(ws_options *options)
{
    ws_options_set_ping_interval_ms(options, 20000);
}

static void show_ws_options_set_ping_timeout_ms(ws_options *options)
{
    ws_options_set_ping_interval_ms(options, 20000);
    ws_options_set_ping_timeout_ms(options, 10000);
}

static void show_ws_options_set_send_buffer_size(ws_options *options)
{
    ws_options_set_send_buffer_size(options, 1024 * 1024);
}

static void show_ws_options_set_receive_buffer_size(ws_options *options)
{
    ws_options_set_receive_buffer_size(options, 1024 * 1024);
}

static void show_ws_options_set_proxy(ws_options *options)
{
    ws_options_set_proxy(options, "http://anna:s%40cret@proxy.example:3128");
}

static void show_ws_options_set_proxy_header(ws_options *options)
{
    ws_options_set_proxy_header(options, "Proxy-Authorization", "Bearer 8c3f21");
}

static void show_ws_options_set_compression(ws_options *options)
{
    ws_options_set_compression(options, 0); /* not offered */
}

static void show_ws_options_set_compression_window_bits(ws_options *options)
{
    ws_options_set_compression_window_bits(options, 12, 12); /* 4 KiB both ways */
}

static void show_ws_options_set_compression_memory(ws_options *options)
{
    ws_options_set_compression_memory(options, 1); /* for very many sockets */
}

static void show_ws_options_set_compression_context_takeover(ws_options *options)
{
    ws_options_set_compression_context_takeover(options, 0, 0); /* an idle socket keeps nothing */
}

static void show_ws_options_set_compression_min_size(ws_options *options)
{
    ws_options_set_compression_min_size(options, 1024);
}

static void show_ws_options_set_max_message_size(ws_options *options)
{
    ws_options_set_max_message_size(options, 1024 * 1024);
}

static void show_ws_options_set_part_size(ws_options *options)
{
    ws_options_set_part_size(options, 256 * 1024);
    ws_options_set_max_message_size(options, 0); /* as long as it likes */
}

static void show_ws_options_set_frame_size(ws_options *options)
{
    ws_options_set_frame_size(options, 0); /* each message is one frame */
}

static void show_ws_options_set_validate_utf8(ws_options *options)
{
    ws_options_set_data_type(options, WS_DATA_TYPE_BLOB);
    ws_options_set_validate_utf8(options, 0); /* the server sends Latin-1 */
}

static void show_ws_options_set_ping_events(ws_options *options)
{
    ws_options_set_ping_events(options, 1); /* for a host that pulls */
}

static void show_ws_options_set_ping_always(ws_options *options)
{
    ws_options_set_ping_interval_ms(options, 10000);
    ws_options_set_ping_always(options, 1);
}

static void show_ws_options_set_max_redirects(ws_options *options)
{
    ws_options_set_max_redirects(options, 5);
}
