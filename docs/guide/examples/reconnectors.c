/* What the API reference shows of reconnectors. Compiled by scripts/snippets.py. */
#include <inttypes.h>
#include <stdio.h>
#include <ws4d.h>

static void show_ws_reconnector_new(const ws_handler *handler, ws_reconnect_attempt_fn set_a_fresh_token)
{
    ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
    policy.on_attempt = set_a_fresh_token;
    ws_errors *errors = NULL;
    ws_reconnector *r = ws_reconnector_new("wss://feed.example/", handler, NULL, &policy, &errors);
    if (r == NULL) fprintf(stderr, "%s\n", ws_errors_message(errors, 0));
    ws_errors_free(errors);
}

static void show_ws_reconnector_send(ws_reconnector *r)
{
    if (ws_reconnector_send(r, WS_DATA_TYPE_TEXT, "hello", WS_NUL_TERMINATED, 0) == WS_ERR_WOULD_BLOCK)
        puts("not connected, and the queue is full: on_drain follows");
}

static void show_ws_reconnector_retry_now(ws_reconnector *r)
{
    ws_reconnector_retry_now(r); /* the network is back */
}

static void show_ws_reconnector_close(ws_reconnector *r, void *user_data, void (*free_it)(void *))
{
    if (ws_reconnector_close(r) == WS_OK) free_it(user_data); /* no callback uses it any more */
}

static void show_ws_reconnector_terminate(ws_reconnector *r)
{
    ws_reconnector_terminate(r, 1000, "bye"); /* for good: on_end follows */
}

static void show_ws_reconnector_release(ws_reconnector *r)
{
    ws_reconnector_release(r); /* it goes on until it is over */
}

static void show_ws_reconnector_get_socket(const ws_reconnector *r)
{
    ws_socket *ws = ws_reconnector_get_socket(r); /* NULL between two connections */
    if (ws != NULL) ws_ping(ws, NULL, 0);
}

static void show_ws_reconnector_get_status(const ws_reconnector *r)
{
    puts(ws_status_name(ws_reconnector_get_status(r)));
}

static void show_ws_reconnector_get_attempts(const ws_reconnector *r)
{
    printf("attempt %" PRIu32 "\n", ws_reconnector_get_attempts(r));
}

static void show_ws_reconnector_get_connections(const ws_reconnector *r)
{
    if (ws_reconnector_get_connections(r) == 0) puts("never connected yet");
}

static void show_ws_reconnector_get_stats(const ws_reconnector *r)
{
    ws_stats stats = WS_STATS_INIT;
    if (ws_reconnector_get_stats(r, &stats) == WS_OK) printf("%" PRIu64 " messages in all\n", stats.messages_received);
}
