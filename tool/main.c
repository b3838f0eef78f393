/* ws4d: a WebSocket client for the command line, made of libws4d's public functions alone. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ws4d.h>
#include "bench.h"
#include "exits.h"
#include "options.h"
#include "report.h"
#include "session.h"
#include "signals.h"

/* A descriptor of 0 to 2 that is closed would be the next one that is opened: a connection would be printed to. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++) {
        while (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0) return;
        }
    }
}

static int print_about(const options *o)
{
    if (o->help) options_help();
    else printf("ws4d %s (libws4d %s)\n", WS4D_VERSION_STRING, ws_version_string());
    if (fflush(stdout) == 0) return EXIT_WELL;
    if (errno == EPIPE) return EXIT_SIGNAL + 13;
    complain("standard output cannot be written: %s", strerror(errno));
    return EXIT_FILE;
}

int main(int argc, char **argv)
{
    options o;
    open_standard_descriptors();
    int failed = signals_begin();
    if (failed != 0) {
        complain("no file descriptors are left: %s", strerror(failed));
        return EXIT_MACHINE;
    }
    int code = options_read(&o, argc, argv);
    if (code == 0 && (o.help || o.version)) {
        code = print_about(&o);
    } else if (code == 0) {
        report_begin(&o);
        code = o.bench != BENCH_NONE ? bench_run(&o) : session_run(&o);
        ws_shutdown(2000);
    }
    options_free(&o);
    return code;
}
