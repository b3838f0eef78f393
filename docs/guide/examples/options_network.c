/* What the API reference shows of options for the way to the server. Compiled by scripts/snippets.py. */
#include <ws4d.h>

static void show_ws_options_set_resolve(ws_options *options)
{
    ws_options_set_resolve(options, "feed.example", 443, "192.0.2.7");
}

static void show_ws_options_set_connect_to(ws_options *options)
{
    ws_options_set_connect_to(options, "feed.example", 443, "staging.example", 8443);
}

static void show_ws_options_set_socket_fn(ws_options *options, ws_socket_fn bind_to_interface, void *interface)
{
    ws_options_set_socket_fn(options, bind_to_interface, interface);
}

static void show_ws_options_set_local_address(ws_options *options)
{
    ws_options_set_local_address(options, "192.0.2.10");
}

static void show_ws_options_set_unix_socket(ws_options *options)
{
    ws_options_set_unix_socket(options, "/run/feed.sock");
}

static void show_ws_options_set_tcp_keepalive_ms(ws_options *options)
{
    ws_options_set_tcp_keepalive_ms(options, 60000);
}

static void show_ws_options_set_busy_poll_us(ws_options *options)
{
    ws_options_set_busy_poll_us(options, 50);
}
