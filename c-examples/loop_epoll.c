/* loop_epoll: a socket and a timer in one epoll loop.      usage: loop_epoll ws://127.0.0.1:8080/echo */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <ws4d.h>

static int over;

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)user_data;
    printf("the server says: %s\n", (const char *)ws_event_data(event, NULL));
    if (ws_terminate(ws, 1000, "bye") != WS_OK) ws_abort(ws);
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    fprintf(stderr, "loop_epoll: %s\n", ws_errors_message(ws_event_errors(event), 0));
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    printf("closed: %d\n", ws_event_code(event));
    over = 1;
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: loop_epoll ws://host[:port]/path\n"), 2;

    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = on_message;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;

    /* The dispatcher's descriptor is readable while there is something to dispatch; nobody reads it. */
    int loop = epoll_create1(EPOLL_CLOEXEC), network = (int)ws_dispatcher_fd(handler.dispatcher);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec once = { { 0, 0 }, { 0, 1 } };
    struct epoll_event wanted = { 0 };
    wanted.events = EPOLLIN;
    wanted.data.fd = network;
    int bad = epoll_ctl(loop, EPOLL_CTL_ADD, network, &wanted);
    wanted.data.fd = timer;
    bad |= epoll_ctl(loop, EPOLL_CTL_ADD, timer, &wanted) | timerfd_settime(timer, 0, &once, NULL);
    if (bad) perror("loop_epoll");

    ws_socket *ws = bad ? NULL : ws_new_async(argv[1], &handler, NULL, NULL);
    while (ws != NULL && !over) {
        struct epoll_event ready[8];
        int n = epoll_wait(loop, ready, 8, -1);
        if (n < 0 && errno != EINTR) break;
        for (int i = 0; i < n; i++) {
            uint64_t expired;
            if (ready[i].data.fd == network) {
                if (ws_dispatcher_dispatch(handler.dispatcher, 0) < 0) over = 1;
            } else if (read(timer, &expired, sizeof expired) > 0) {
                /* What is sent while it connects waits for the connection. */
                if (ws_send_text(ws, "hello, world", WS_NUL_TERMINATED) != WS_OK) ws_abort(ws);
            }
        }
    }
    ws_close_info info = WS_CLOSE_INFO_INIT;
    ws_get_close_info(ws, &info);
    ws_release(ws);
    ws_dispatcher_close(handler.dispatcher);
    close(timer);
    close(loop);
    ws_shutdown(5000);
    return info.was_clean ? 0 : 1;
}
