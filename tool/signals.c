/* signals: SIGINT, SIGTERM, SIGHUP. */
#define _POSIX_C_SOURCE 200809L
#include "signals.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "exits.h"
#include "record.h"

static volatile sig_atomic_t first, guarded = -1;
static struct termios guarded_state;
static int ends[2] = { -1, -1 };

static void on_signal(int number)
{
    int kept = errno;
    if (first != 0) {
        if (guarded >= 0) tcsetattr(guarded, TCSANOW, &guarded_state);
        _exit(EXIT_SIGNAL + number);
    }
    first = number;
    if (write(ends[1], "", 1) < 0) { /* it is full: then it is readable, too */
    }
    errno = kept;
}

int signals_begin(void)
{
    if (pipe(ends) != 0) return errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        action.sa_handler = on_signal;
        /* What nohup, or a shell for a job in the background, has said stays. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &action, NULL);
    }
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    return 0;
}

int signal_received(void)
{
    return first;
}

int signals_fd(void)
{
    return ends[0];
}

int signals_wait(int fd, short events, int64_t end_ns)
{
    struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = ends[0], .events = POLLIN } };
    for (;;) {
        fds[0].revents = fds[1].revents = 0;
        int64_t now = end_ns != 0 ? now_ns() : 0, ms = end_ns == 0 ? -1 : end_ns <= now ? 0 : (end_ns - now) / 1000000 + 1;
        /* Where that fails, the caller's read or write says what is wrong. */
        if (poll(fds, 2, ms > 1000000 ? 1000000 : (int)ms) < 0 && errno != EINTR) return 1;
        if (fds[0].revents != 0) return 1;
        if (fds[1].revents != 0 || (end_ns != 0 && end_ns <= now)) return 0;
    }
}

void signals_guard_terminal(int fd, const struct termios *before)
{
    guarded = -1;
    if (before != NULL) guarded_state = *before;
    guarded = fd;
}
