/* replay: reads a recording. */
#define _POSIX_C_SOURCE 200809L
#include "replay.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "exits.h"
#include "report.h"

static int cannot_read(const replay *r)
{
    complain("--replay: %s cannot be read: %s", r->name, strerror(errno));
    return -EXIT_FILE;
}

/* The next line, whatever it is: 1; 0 at the end; or a negative exit code. */
static int next_line(replay *r, char **buffer, size_t *room)
{
    errno = 0;
    for (;;) {
        ssize_t len = getline(buffer, room, r->file);
        if (len < 0) return ferror(r->file) || !feof(r->file) ? cannot_read(r) : 0;
        r->number++;
        if (len > 0 && (*buffer)[len - 1] == '\n') len--;
        if (strspn(*buffer, " \t\r\n") >= (size_t)len) continue;
        const char *why;
        if (replay_parse(*buffer, (size_t)len, &r->line, &why)) return 1;
        complain("--replay: %s, line %lu: %s", r->name, r->number, why);
        return -EXIT_FILE;
    }
}

int replay_next(replay *r)
{
    char *buffer = NULL;
    size_t room = 0;
    int64_t before = r->line.t;
    int found;
    do found = next_line(r, &buffer, &room);
    while (found > 0 && (before = r->line.t, r->line.kind == LINE_OTHER));
    if (found == 0) {
        r->line.t = before;
        r->line.kind = LINE_OTHER;
    }
    free(buffer);
    return found;
}

int replay_open(replay *r, const char *name, double speed)
{
    *r = (replay){ .name = name, .speed = speed };
    if (name == NULL) return 0;
    struct stat about;
    r->file = fopen(name, "r");
    if (r->file == NULL || fstat(fileno(r->file), &about) != 0) return -cannot_read(r);
    if (S_ISDIR(about.st_mode)) {
        complain("--replay: %s is a directory", name);
        return EXIT_FILE;
    }
    if (!S_ISREG(about.st_mode)) return 0;
    int found;
    unsigned long sent = 0;
    while ((found = replay_next(r)) > 0) sent++;
    if (found < 0) return -found;
    if (sent == 0) {
        complain("--replay: %s contains nothing that was sent", name);
        return EXIT_FILE;
    }
    rewind(r->file);
    r->number = 0;
    r->line.t = 0;
    return 0;
}

int64_t replay_due_ns(const replay *r)
{
    return r->speed == 0 ? r->began_ns : r->began_ns + (int64_t)((double)r->line.t * 1000.0 / r->speed);
}

void replay_close(replay *r)
{
    if (r->file != NULL) fclose(r->file);
    text_free(&r->line.data);
    r->file = NULL;
}
