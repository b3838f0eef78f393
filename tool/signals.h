/* signals: the first one asks the program to end politely, the second one ends it at once. */
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

#include <stdint.h>
#include <termios.h>

/* SIGINT, SIGTERM and SIGHUP, as far as they are not ignored; SIGPIPE is ignored. 0, or an errno. */
int signals_begin(void);
/* The first signal that came; 0: none. */
int signal_received(void);
/* A descriptor that is readable from then on, once a signal has come. */
int signals_fd(void);
/* Waits until a descriptor is ready for POLLIN or POLLOUT, and returns 1. Returns 0 if it is not ready and a signal has come, or the
   time `end_ns`, by now_ns(), has come; 0: there is no such time. */
int signals_wait(int fd, short events, int64_t end_ns);
/* What the second signal sets back before it ends the program; -1: nothing. */
void signals_guard_terminal(int fd, const struct termios *before);

#endif
