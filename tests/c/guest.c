/* The library as a guest: no SIGPIPE, no signal on its threads, threads that say whose they are, and an end of the
 * process while they run, from wherever it comes. */
#include "host.h"

#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

/* Sends until the library says that the connection is gone. The default for SIGPIPE is death. */
static void send_into_a_reset(const char *url, const ws_options *options)
{
    struct host host;
    host_init(&host, NULL);
    ws_socket *ws = host_connect(&host, url, options);
    ws_result result = WS_OK;
    while (result == WS_OK || result == WS_ERR_WOULD_BLOCK) result = ws_send_text(ws, "anybody there?", 14);
    CHECK(result == WS_ERR_CLOSED);
    CHECK(ws_ping(ws, "x", 1) == WS_ERR_CLOSED);
    host_wait(&host, 'f');
    CHECK(ws_terminate(ws, 0, NULL) == WS_OK && ws_abort(ws) == WS_OK);
    CHECK_ENDED(&host, "oetf", 1006);
    CHECK(ws_release(ws) == WS_OK);
}

static void sigpipe_is_never_raised(const ws_options *options)
{
    struct sigaction action;
    for (int i = 0; i < 20; i++) {
        send_into_a_reset(at("/script?do=rst"), NULL);
        send_into_a_reset(at("/script?do=drop"), NULL);
        send_into_a_reset(at_server("WS4D_TEST_WSS", "/script?do=rst"), options);
    }
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    /* Nor does one wait behind a mask. */
    sigset_t pending;
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
}

/* What a callback on an I/O thread finds. */
static int tells_of_a_fault_of_the_thread(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGTRAP ||
           signal == SIGSYS || signal == SIGABRT;
}

static void signals_are_blocked(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    sigset_t mask;
    (void)host, (void)letter, (void)ws, (void)event;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    for (int signal = 1; signal < 32; signal++) {
        int blocked = !tells_of_a_fault_of_the_thread(signal) && signal != SIGKILL && signal != SIGSTOP;
        CHECK(sigismember(&mask, signal) == blocked);
    }
}

static unsigned long long blocked_signals(const char *thread)
{
    char path[300], line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *status = fopen(path, "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) sscanf(line, "SigBlk: %llx", &mask);
    fclose(status);
    return mask;
}

/* Looks at all threads but the calling one, and says how many there are. */
static int threads_are_quiet_and_named(void)
{
    int threads = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], name[64] = "";
        if (entry->d_name[0] == '.' || atol(entry->d_name) == syscall(SYS_gettid)) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *comm = fopen(path, "r");
        if (comm == NULL) continue; /* gone meanwhile */
        CHECK(fgets(name, sizeof name, comm) != NULL);
        fclose(comm);
        /* An emulator has a thread of its own. */
        if (getenv("WS4D_TEST_RUNNER") != NULL && strncmp(name, "ws4d-", 5) != 0) continue;
        snprintf(doing, sizeof doing, "looking at the thread %s", name);
        CHECK(strncmp(name, "ws4d-", 5) == 0);
        unsigned long long mask = blocked_signals(entry->d_name);
        /* Under valgrind and in an emulator the kernel's mask is not the program's. */
        int real = getenv("WS4D_TEST_VALGRIND") == NULL && getenv("WS4D_TEST_RUNNER") == NULL;
        for (int signal = 1; signal <= 64 && real; signal++) {
            int ours = signal != SIGKILL && signal != SIGSTOP && (signal < 32 || signal >= SIGRTMIN);
            int blocked = ours && !tells_of_a_fault_of_the_thread(signal);
            if (ours && (int)(mask >> (signal - 1) & 1) != blocked) failed("signal", signal, "it is blocked");
        }
        threads++;
    }
    closedir(tasks);
    doing[0] = '\0';
    return threads;
}

/* Worker threads come with names to look up and with TLS, and stay a while. */
static void threads_of_the_library(const ws_options *options)
{
    struct host hosts[3];
    ws_socket *sockets[3];
    char by_name[64];
    sigset_t before, after;
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK && ws_set_io_threads(3) == WS_OK);
    CHECK(sigemptyset(&before) == 0 && sigaddset(&before, SIGUSR2) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    snprintf(by_name, sizeof by_name, "ws://localhost%s/echo", strrchr(getenv("WS4D_TEST_WS"), ':'));
    for (int i = 0; i < 3; i++) {
        host_init(&hosts[i], NULL);
        hosts[i].inside = signals_are_blocked;
    }
    sockets[0] = host_connect(&hosts[0], at("/echo"), NULL);
    sockets[1] = host_connect(&hosts[1], by_name, NULL);
    sockets[2] = host_connect(&hosts[2], at_server("WS4D_TEST_WSS", "/echo"), options);
    CHECK(threads_are_quiet_and_named() >= 3);
    /* The mask of the host's own thread is what it was. */
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0);
    for (int signal = 1; signal < 32; signal++) CHECK(sigismember(&after, signal) == (signal == SIGUSR2));
    CHECK(sigemptyset(&before) == 0 && pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    for (int i = 0; i < 3; i++) CHECK(ws_release(sockets[i]) == WS_OK);
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    while (threads_are_quiet_and_named() > 0) sched_yield(); /* the kernel lists a joined thread a moment longer */
    for (int i = 0; i < 3; i++) CHECK(grammar_holds(hosts[i].trace));
    CHECK(ws_set_io_threads(1) == WS_OK);
}

static void no_handler_is_installed(void)
{
    for (int signal = 1; signal < 32; signal++) {
        struct sigaction action;
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        CHECK(sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    }
}

/* The ends of a process that runs this program again. */
static void exit_inside(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)host, (void)ws, (void)event;
    if (letter == 'm') exit(0);
}

static void *exit_elsewhere(void *unused)
{
    (void)unused;
    exit(0);
}

static int end_by(const char *way)
{
    static struct host host; /* the library's threads see it to the last */
    pthread_t thread;
    host_init(&host, NULL);
    if (same(way, "callback")) host.inside = exit_inside;
    ws_socket *ws = host_connect(&host, at("/flood?n=1000000&stay=1"), NULL);
    /* One that is still connecting, one that only sends. */
    CHECK(ws_new_async(at("/no-answer"), NULL, NULL, NULL) != NULL);
    CHECK(ws_new_async(at("/idle"), NULL, NULL, NULL) != NULL);
    for (int i = 0; i < 1000; i++) CHECK(ws_send_text(ws, "traffic", 7) <= 0);
    if (same(way, "return")) return 0;
    if (same(way, "_exit")) _exit(0);
    if (same(way, "quick_exit")) quick_exit(0);
    if (same(way, "dispatcher")) ws_dispatcher_fd(ws_dispatcher_new());
    if (same(way, "thread")) CHECK(pthread_create(&thread, NULL, exit_elsewhere, NULL) == 0);
    if (same(way, "callback") || same(way, "thread")) {
        for (;;) pause();
    }
    exit(0);
}

static void the_end_while_threads_run(char *self)
{
    static const char *const ways[] = {"return", "exit", "_exit", "quick_exit", "dispatcher", "callback", "thread"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *arguments[] = {self, (char *)ways[i], NULL}, command[4096];
        char *through_shell[] = {"sh", "-c", command, NULL};
        pid_t child;
        int status = 0;
        snprintf(doing, sizeof doing, "ending by %s", ways[i]);
        if (getenv("WS4D_TEST_RUNNER") == NULL) {
            CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
        } else {
            CHECK((size_t)snprintf(command, sizeof command, "exec $WS4D_TEST_RUNNER '%s' %s", self, ways[i]) < sizeof command);
            CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, through_shell, environ) == 0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) return end_by(argv[1]);
    ws_options *options = ws_options_new();
    CHECK(ws_options_set_ca_file(options, getenv("WS4D_TEST_CA")) == WS_OK);
    sigpipe_is_never_raised(options);
    threads_of_the_library(options);
    no_handler_is_installed();
    the_end_while_threads_run(argv[0]);
    CHECK(ws_options_free(options) == WS_OK);
    return 0;
}
