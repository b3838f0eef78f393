/* exits: with which code the program ends, and why. The man page, docs/tool.md and --help have the same table. */
#ifndef TOOL_EXITS_H
#define TOOL_EXITS_H

#include <stdint.h>

enum {
    EXIT_WELL = 0,
    EXIT_USAGE = 1,       /* an option, its value or the URL is wrong */
    EXIT_FILE = 2,        /* a file, or standard output, cannot be read or written */
    EXIT_INPUT = 3,       /* what was to be sent cannot be: not UTF-8, not JSON, too large */
    EXIT_NAME = 4,        /* the server's name was not found */
    EXIT_UNREACHABLE = 5, /* refused, or no way there */
    EXIT_PROXY = 6,       /* the proxy refused, or failed */
    EXIT_TLS = 7,         /* no TLS, or a certificate that is not trusted */
    EXIT_STATUS = 8,      /* another HTTP status than 101 */
    EXIT_HANDSHAKE = 9,   /* a wrong answer to the opening handshake */
    EXIT_PROTOCOL = 10,   /* the server broke the protocol, or sent what is too large */
    EXIT_TIMEOUT = 11,    /* nothing came back in time */
    EXIT_LOST = 12,       /* the connection broke */
    EXIT_CLOSED = 13,     /* the server closed, with another code than 1000, 1001 and none */
    EXIT_COUNT = 14,      /* fewer messages came than --count wants */
    EXIT_MACHINE = 15,    /* no memory, no descriptors, or a fault of the library */
    EXIT_SIGNAL = 128     /* and the signal's number: 130 for Ctrl-C, 141 for a reader that has gone */
};

/* The exit code for a ws_result; `sending`: it came from a call that sends. */
int exit_of(int32_t result, int sending);
/* The exit code for the server's close code. */
int exit_of_close(int code);
/* The table as --help prints it. */
extern const char exit_table[];

#endif
