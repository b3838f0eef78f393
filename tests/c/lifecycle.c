/* The same life again and again, many at once, and forks in the middle of traffic: what a process holds stays the same.
 * WS4D_LIFECYCLE=10000 (make lifecycle) does each thing as often as a server's process in a year, and says so. */
#include "host.h"
#include "process.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What the same life again may allocate more: lists that grow once, a thread's buffers. */
enum { SLACK = 256 * 1024 };

static void one_life(ws_dispatcher *d)
{
    struct host host;
    host_init(&host, d);
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    CHECK(ws_send_text(ws, "x", 1) == WS_OK && ws_terminate(ws, 1000, NULL) == WS_OK);
    if (d != NULL) CHECK(ws_dispatcher_run(d) == WS_OK);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "omtf", 1000);
    CHECK(ws_release(ws) == WS_OK);
}

static void lives_one_after_the_other(void)
{
    int count = times(200, 10);
    struct held before = {0};
    ws_dispatcher *ways[] = {NULL, ws_dispatcher_new(), ws_dispatcher_new_driving()};
    for (int i = 0; i < count; i++) {
        one_life(ways[i % 3]);
        if (i == count / 10) before = now_held();
    }
    held_no_more("lives one after the other", before, SLACK);
    tell("connect, echo, close", count);
    CHECK(ws_dispatcher_close(ways[1]) == WS_OK && ws_dispatcher_close(ways[2]) == WS_OK);
}

static int opened;
static void count_open(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event, (void)user_data;
    opened++;
}

static void never(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    failed("on_error", 0, ws_errors_message(ws_event_errors(event), 0));
}

/* As many as descriptors allow, with some left. */
static int most_sockets(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int count = times(200, 1);
    return (rlim_t)count + 100 < limit.rlim_cur ? count : (int)limit.rlim_cur - 100;
}

static void many_at_once(ws_dispatcher *(*make)(void))
{
    int count = most_sockets();
    ws_socket **sockets = calloc((size_t)count, sizeof *sockets);
    ws_handler handler = WS_HANDLER_INIT;
    /* Brings threads up, and grows lists to what they stay at. */
    struct held before = now_held();
    handler.dispatcher = make();
    handler.on_open = count_open;
    handler.on_error = never;
    opened = 0;
    for (int i = 0; i < count; i++) {
        sockets[i] = ws_new_async(at("/idle"), &handler, NULL, NULL);
        CHECK(sockets[i] != NULL);
        /* Not all at the door at the same time: a listener's queue is short. */
        while (i - opened > 50) CHECK(ws_dispatcher_wait(handler.dispatcher, PATIENCE_MS) > 0);
    }
    while (opened < count) CHECK(ws_dispatcher_wait(handler.dispatcher, PATIENCE_MS) > 0);
    for (int i = 0; i < count; i++) CHECK(ws_send_text(sockets[i], "here", 4) == WS_OK);
    tell("at once", count);
    CHECK(ws_dispatcher_close(handler.dispatcher) == WS_OK);
    for (int i = 0; i < count; i++) CHECK(ws_release(sockets[i]) == WS_OK);
    free(sockets);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    /* The table of handles stays as large as it was. */
    held_no_more("many at once", before, SLACK + (size_t)count * 64);
}

/* Echoes that come while the process forks: each once, in order. */
static atomic_int stop_traffic;
static int echoed;

static void check_echo(ws_socket *ws, const ws_event *event, void *user_data)
{
    size_t size;
    const char *text = ws_event_data(event, &size);
    (void)ws, (void)user_data;
    CHECK(atoi(text) == echoed);
    echoed++;
}

static void *traffic(void *unused)
{
    int sent = 0;
    char text[16];
    ws_handler handler = WS_HANDLER_INIT;
    (void)unused;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = check_echo;
    ws_socket *ws = ws_new(at("/echo?log=0"), &handler, NULL, NULL);
    CHECK(ws != NULL);
    while (!stop_traffic || echoed < sent) {
        if (!stop_traffic && sent < echoed + 100) {
            CHECK(ws_send_text(ws, text, (size_t)snprintf(text, sizeof text, "%d", sent)) == WS_OK);
            sent++;
        } else {
            CHECK(ws_dispatcher_wait(handler.dispatcher, PATIENCE_MS) > 0);
        }
    }
    CHECK(sent > 0 && ws_dispatcher_close(handler.dispatcher) == WS_OK && ws_release(ws) == WS_OK);
    return NULL;
}

static void a_childs_life(ws_socket *inherited)
{
    alarm(PATIENCE_SECONDS);
    CHECK(ws_send_text(inherited, "x", 1) == WS_ERR_FORKED);
    one_life(NULL);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    _exit(0);
}

static void forks_in_traffic(void)
{
    int count = times(10, 0.05), status;
    pthread_t thread;
    struct host host;
    host_init(&host, NULL);
    ws_socket *ws = host_connect(&host, at("/flood?n=1000000000&stay=1&log=0"), NULL);
    CHECK(pthread_create(&thread, NULL, traffic, NULL) == 0);
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) a_childs_life(ws);
        CHECK(waitpid(child, &status, 0) == child);
        snprintf(doing, sizeof doing, "child %d, wait status %d", i, status);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    stop_traffic = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    tell("forks in traffic", count);
    if (getenv("WS4D_LIFECYCLE") != NULL) printf("    %d echoes meanwhile, none lost\n", echoed);
    CHECK(ws_close(ws) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
}

int main(void)
{
    lives_one_after_the_other();
    many_at_once(ws_dispatcher_new);
    many_at_once(ws_dispatcher_new_driving);
    /* What a child inherits and cannot use is lost there, which valgrind would say. Qemu's child fails where other threads ran. */
    if (getenv("WS4D_TEST_VALGRIND") == NULL && getenv("WS4D_TEST_RUNNER") == NULL) forks_in_traffic();
    return 0;
}
