/* screen: standard output. */
#ifndef TOOL_SCREEN_H
#define TOOL_SCREEN_H

#include <stdint.h>
#include <ws4d.h>
#include "options.h"
#include "text.h"

typedef struct screen {
    text pending;   /* not yet written */
    int form;       /* FORMAT_RAW, FORMAT_PRETTY or FORMAT_JSON */
    int terminal, colour;
    char end;       /* behind a text message */
    int broken;     /* the reader has gone, or a signal or the end of --max-time has come while it did not read */
    int error;      /* the errno of a write that failed */
    int64_t end_ns; /* when --max-time is over, by now_ns(); 0: never */
} screen;

void screen_begin(screen *s, const options *o);
void screen_end(screen *s);
/* Shows a message; not for FORMAT_JSON. */
void screen_message(screen *s, const ws_event *event);
/* Writes what is pending; waits where the reader is slow. 0 if no more can be written. */
int screen_flush(screen *s);

/* Adds JSON text, which must be valid, in lines; `before` begins each but the first. */
void pretty_json(text *out, const char *json, size_t len, int colour, const char *before);
/* Adds bytes as hexadecimal numbers and letters. */
void pretty_bytes(text *out, const void *data, size_t len, const char *before);

#endif
