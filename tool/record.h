/* record: a session as JSON lines, for --record and --format json. */
#ifndef TOOL_RECORD_H
#define TOOL_RECORD_H

#include <stdint.h>
#include <ws4d.h>
#include "text.h"

/* Where lines go: a text that somebody writes, and the moment from which times count. */
typedef struct record {
    text *lines;
    int64_t began_us; /* since 1970; 0: not yet */
} record;

int64_t now_us(void); /* since 1970 */
int64_t now_ns(void); /* of the clock that is never set */

void record_open(record *r, const ws_socket *ws, int64_t time_us);
void record_message(record *r, int64_t time_us, int out, int32_t data_type, const void *data, size_t len);
/* A ping or a pong, by its name. */
void record_control(record *r, int64_t time_us, int out, const char *name, const void *data, size_t len);
void record_close(record *r, int64_t time_us, int out, int code, const char *reason, size_t len);
void record_error(record *r, const ws_errors *errors);

/* A file that is written when the program has nothing else to do. */
typedef struct record_file {
    int fd; /* -1: none */
    text pending;
    const char *name;
} record_file;

/* Makes the file, for its owner alone to read: what is said may be secret. 0, or an exit code, with the reason said. */
int record_file_open(record_file *f, const char *name);
int record_file_flush(record_file *f);
int record_file_close(record_file *f);

#endif
