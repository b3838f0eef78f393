/* password: asks for one on the terminal. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "signals.h"
#include "way.h"

static void put(int fd, const char *words)
{
    if (write(fd, words, strlen(words)) < 0) return; /* then nobody sees the question; the answer is read all the same */
}

/* Reads a line. 1; or 0 at a signal and at an end without a line. */
static int read_line(int fd, text *line)
{
    for (;;) {
        char byte;
        if (!signals_wait(fd, POLLIN, 0)) return 0;
        ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        if (byte == '\n' || byte == '\r') return 1;
        if (line->len < 65536) text_add(line, &byte, 1);
    }
}

int password_ask(const char *user, text *password)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, silent;
    if (fd < 0) return 0;
    if (tcgetattr(fd, &before) != 0) {
        close(fd);
        return 0;
    }
    /* Who stops the program here would be left without an echo: the stop waits until that is back. */
    sigset_t stop, mask;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stop, &mask);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    signals_guard_terminal(fd, &before);
    tcsetattr(fd, TCSAFLUSH, &silent);
    text question = { 0 };
    text_put(&question, "password of ");
    text_add_safe(&question, user, strlen(user), NULL);
    text_put(&question, ": ");
    put(fd, text_string(&question));
    text_free(&question);
    int answered = read_line(fd, password);
    put(fd, "\n");
    tcsetattr(fd, TCSAFLUSH, &before);
    signals_guard_terminal(-1, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(fd);
    return answered;
}
