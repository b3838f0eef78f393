/* replay: sends what was sent in a recording, with the same pauses. */
#ifndef TOOL_REPLAY_H
#define TOOL_REPLAY_H

#include <stdint.h>
#include <stdio.h>
#include "text.h"

/* A line of a recording, as far as a replay needs it. */
typedef struct replay_line {
    int64_t t;
    enum { LINE_OTHER, LINE_TEXT, LINE_BINARY, LINE_PING } kind; /* LINE_OTHER: what was not sent */
    text data;
} replay_line;

typedef struct replay {
    FILE *file; /* NULL: there is none */
    const char *name;
    unsigned long number; /* of the line */
    replay_line line;     /* what is to be sent next */
    int64_t began_ns;     /* 0: the connection was not open yet */
    double speed;
} replay;

/* Opens a recording and, where it is a file that can be read twice, judges each of its lines. 0, or an exit code, with the
   reason said. */
int replay_open(replay *r, const char *name, double speed);
/* Reads on to what is to be sent next: 1; or 0 at the end, where line.t is the time of the last line; or a negative exit
   code, with the reason said. */
int replay_next(replay *r);
/* When the line is due. */
int64_t replay_due_ns(const replay *r);
void replay_close(replay *r);

/* Reads a line of JSON. 1; or 0, with what is wrong in `why`. */
int replay_parse(const char *json, size_t len, replay_line *line, const char **why);

#endif
