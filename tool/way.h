/* way: the URL and the library's options, made of the command line. */
#ifndef TOOL_WAY_H
#define TOOL_WAY_H

#include <ws4d.h>
#include "options.h"
#include "text.h"

typedef struct way {
    char *url;
    ws_options *options;
} way;

/* 0; or an exit code, with the reason said. `data_type`: in which form text arrives. */
int way_make(way *w, const options *o, int32_t data_type);
void way_free(way *w);

/* Asks for a password on the terminal, without showing what is typed. 1; or 0: there is no terminal, or a signal came. */
int password_ask(const char *user, text *password);

#endif
