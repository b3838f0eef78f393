/* ws_dispatcher_stop in a signal handler: under an allocator that aborts inside of one, wherever the signal has interrupted
 * the thread, while another thread closes the dispatcher, and in a forked child. */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static volatile sig_atomic_t in_handler;
static pthread_t signalled;

/* The signals are for one thread; others may allocate meanwhile. */
static void not_here(void)
{
    static const char words[] = "memory is allocated or freed in a signal handler\n";
    if (!in_handler || !pthread_equal(pthread_self(), signalled)) return;
    if (write(2, words, sizeof words - 1) > 0) abort();
}

void *malloc(size_t size) { return not_here(), __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return not_here(), __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return not_here(), __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return not_here(), __libc_memalign(alignment, size); }
void free(void *block) { not_here(), __libc_free(block); }
int posix_memalign(void **out, size_t alignment, size_t size)
{
    not_here();
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

static ws_dispatcher *_Atomic stopped;
static atomic_int signals, answers[2];
static int allocates_on_purpose;

static void stop(int number)
{
    (void)number;
    int before = errno;
    in_handler = 1;
    if (allocates_on_purpose) free(malloc(1));
    ws_dispatcher *d = stopped;
    if (d != NULL) answers[ws_dispatcher_stop(d) != WS_OK]++;
    in_handler = 0;
    if (errno != before) abort();
    signals++;
}

static timer_t begin_signals(void)
{
    struct sigaction action = {0};
    struct sigevent event = {0};
    struct itimerspec often = {{0, 200000}, {0, 200000}};
    timer_t timer;
    signalled = pthread_self();
    action.sa_handler = stop;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
    return timer;
}

static int wanted(void)
{
    const char *asked = getenv("WS4D_SIGNALS");
    if (asked != NULL) return atoi(asked);
    return 2000;
}

static int messages;
static void count_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event, (void)user_data;
    messages++;
}

/* A flood loses nothing to stops that come at any time. */
static void under_a_flood(ws_dispatcher *(*make)(void))
{
    enum { MESSAGES = 500 };
    int end = signals + wanted();
    while (signals < end) {
        ws_handler handler = WS_HANDLER_INIT;
        handler.dispatcher = make();
        handler.on_message = count_message;
        messages = 0;
        ws_socket *ws = ws_new_async(at("/flood?n=500&size=32"), &handler, NULL, NULL);
        CHECK(ws != NULL);
        stopped = handler.dispatcher;
        while (ws_get_status(ws) != WS_STATUS_CLOSED || messages < MESSAGES)
            CHECK(ws_dispatcher_wait(handler.dispatcher, PATIENCE_MS) >= 0);
        stopped = NULL;
        CHECK(messages == MESSAGES && ws_release(ws) == WS_OK && ws_dispatcher_close(handler.dispatcher) == WS_OK);
    }
}

static atomic_int closing_is_over;
static void *close_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 300; i++) {
        ws_dispatcher *d = i % 2 == 0 ? ws_dispatcher_new() : ws_dispatcher_new_driving();
        stopped = d;
        CHECK(ws_dispatcher_wait(d, 0) == 0 && ws_dispatcher_close(d) == WS_OK);
    }
    closing_is_over = 1;
    return NULL;
}

static void while_another_thread_closes(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, close_many, NULL) == 0);
    while (!closing_is_over) free(malloc(4096));
    CHECK(pthread_join(thread, NULL) == 0);
    stopped = NULL;
}

static void in_a_forked_child(void)
{
    int status;
    ws_dispatcher *d = ws_dispatcher_new();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_SECONDS);
        begin_signals();
        CHECK(ws_dispatcher_stop(d) == WS_ERR_FORKED);
        int refused = answers[1];
        stopped = d;
        while (answers[1] < refused + 10) free(malloc(4096));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(ws_dispatcher_close(d) == WS_OK);
}

/* An allocator that would not see it shows nothing. */
static void the_allocator_sees_it(void)
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signalled = pthread_self();
        allocates_on_purpose = 1;
        /* What it says is expected. */
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        stop(0);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    /* valgrind has an allocator of its own, and is too slow for a signal every 200 us. */
    if (getenv("WS4D_TEST_VALGRIND") != NULL) return 0;
    the_allocator_sees_it();
    timer_t timer = begin_signals();
    under_a_flood(ws_dispatcher_new);
    under_a_flood(ws_dispatcher_new_driving);
    while_another_thread_closes();
    CHECK(timer_delete(timer) == 0);
    in_a_forked_child();
    CHECK(answers[0] > 0);
    if (getenv("WS4D_SIGNALS") != NULL) printf("%d signals, %d stops\n", signals, answers[0] + answers[1]);
    return 0;
}
