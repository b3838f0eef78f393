/* What the API reference shows of dispatchers and batches. Compiled by scripts/snippets.py. */
#include <poll.h>
#include <stdio.h>
#include <ws4d.h>

static void show_ws_dispatcher_new(ws_handler *handler)
{
    handler->dispatcher = ws_dispatcher_new();
    ws_socket *ws = ws_new_async("wss://feed.example/", handler, NULL, NULL);
    if (ws != NULL) ws_dispatcher_run(handler->dispatcher);
}

static void show_ws_dispatcher_new_with_wake(ws_wake_fn post_to_my_queue, void *queue)
{
    /* post_to_my_queue: any thread; it posts, and does nothing else */
    ws_dispatcher *dispatcher = ws_dispatcher_new_with_wake(post_to_my_queue, queue);
    if (dispatcher == NULL) fputs("no memory\n", stderr);
}

static void show_ws_dispatcher_new_driving(ws_handler *handler)
{
    handler->dispatcher = ws_dispatcher_new_driving(); /* no thread of the library */
    ws_socket *ws = ws_new("wss://feed.example/", handler, NULL, NULL);
    if (ws != NULL) ws_dispatcher_run(handler->dispatcher);
}

static void show_ws_dispatcher_attach(ws_dispatcher *dispatcher)
{
    if (ws_dispatcher_attach(dispatcher) == WS_OK) ws_dispatcher_dispatch(dispatcher, 0); /* on this thread from now on */
}

static void show_ws_dispatcher_set_busy_poll_us(ws_dispatcher *dispatcher)
{
    ws_dispatcher_set_busy_poll_us(dispatcher, 50);
}

static void show_ws_dispatcher_set_interruptible(ws_dispatcher *dispatcher, volatile int *stopped)
{
    ws_dispatcher_set_interruptible(dispatcher, 1);
    while (!*stopped && ws_dispatcher_run(dispatcher) == WS_ERR_INTERRUPTED) {
        /* a signal handler has run, and may have set `stopped` */
    }
}

static void show_ws_dispatcher_dispatch(ws_dispatcher *dispatcher)
{
    ws_dispatcher_dispatch(dispatcher, 0); /* once a frame, or when the descriptor is readable */
}

static void show_ws_dispatcher_wait(ws_dispatcher *dispatcher)
{
    while (ws_dispatcher_wait(dispatcher, 1000) >= 0) {
        /* once a second at least */
    }
}

static void show_ws_dispatcher_next(ws_dispatcher *dispatcher)
{
    ws_socket *ws = NULL;
    ws_event *event = NULL;
    while (ws_dispatcher_next(dispatcher, 0, &ws, &event) == 1) {
        printf("%s\n", ws_event_type_name(ws_event_get_type(event)));
        ws_event_free(event);
    }
}

static void show_ws_dispatcher_run(ws_dispatcher *dispatcher)
{
    ws_result result = ws_dispatcher_run(dispatcher); /* until every socket has terminated */
    if (result != WS_OK) fprintf(stderr, "%s\n", ws_result_message(result));
}

static void show_ws_dispatcher_stop(ws_dispatcher *dispatcher)
{
    ws_dispatcher_stop(dispatcher); /* also in a signal handler */
}

static void show_ws_dispatcher_fd(ws_dispatcher *dispatcher)
{
    struct pollfd watched = {(int)ws_dispatcher_fd(dispatcher), POLLIN, 0};
    if (poll(&watched, 1, -1) == 1) ws_dispatcher_dispatch(dispatcher, 0);
}

static void show_ws_dispatcher_set_error_handler(ws_dispatcher *dispatcher, ws_error_fn show_alert, void *window)
{
    ws_dispatcher_set_error_handler(dispatcher, show_alert, window);
}

static void show_ws_dispatcher_close(ws_dispatcher *dispatcher)
{
    ws_dispatcher_close(dispatcher); /* its sockets have ended when it returns */
}

static void show_ws_dispatcher_next_batch(ws_dispatcher *dispatcher)
{
    ws_batch *batch = NULL;
    while (ws_dispatcher_next_batch(dispatcher, 0, 256, &batch) > 0) {
        size_t count = 0;
        const ws_batch_item *items = ws_batch_items(batch, &count);
        for (size_t i = 0; i < count; i++)
            if (items[i].type == WS_EVENT_TYPE_MESSAGE) fwrite(items[i].data, 1, items[i].len, stdout);
        ws_batch_free(batch);
    }
}

static void show_ws_batch_items(const ws_batch *batch)
{
    size_t count = 0;
    const ws_batch_item *items = ws_batch_items(batch, &count);
    for (size_t i = 0; i < count; i++) printf("%zu bytes\n", items[i].len);
}

static void show_ws_batch_data(const ws_batch *batch)
{
    size_t len = 0;
    const char *block = ws_batch_data(batch, &len); /* all small messages, a NUL behind each */
    if (len > 0) fwrite(block, 1, len, stdout);
}

static void show_ws_batch_time_us(const ws_batch *batch)
{
    printf("the first one came at %.6f\n", (double)ws_batch_time_us(batch, 0) / 1e6);
}

static void show_ws_batch_event(const ws_batch *batch, size_t i)
{
    const ws_event *event = ws_batch_event(batch, i);
    if (ws_event_get_type(event) == WS_EVENT_TYPE_TERMINATE) printf("closed: %d\n", ws_event_code(event));
}

static void show_ws_batch_free(ws_dispatcher *dispatcher)
{
    ws_batch *batch = NULL;
    if (ws_dispatcher_next_batch(dispatcher, 0, 256, &batch) > 0) ws_batch_free(batch);
}
