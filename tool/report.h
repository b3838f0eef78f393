/* report: what is said on standard error, a line at a time, and safely for a terminal. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdint.h>
#include <ws4d.h>
#include "options.h"
#include "text.h"

#ifdef __GNUC__
#define PRINTF_LIKE __attribute__((format(printf, 1, 2)))
#else
#define PRINTF_LIKE
#endif

/* How much is said, and whether in colours: once, before anything else. */
void report_begin(const options *o);
/* Whether a descriptor gets colours: --color, else a terminal that has some, and no NO_COLOR. */
int use_colour(uint32_t when, int fd);
/* What is called before a line is said: what goes to standard output before it is then there before it. */
void report_before(void (*flush)(void *), void *user_data);
/* `ws4d: …`: what went wrong. Always said; what is formatted may come from anybody. */
void complain(const char *format, ...) PRINTF_LIKE;
/* `* …`: what goes on. Said on a terminal and with --verbose, not with --quiet. */
void tell(const char *format, ...) PRINTF_LIKE;
/* `* …`: said with --verbose alone. */
void explain(const char *format, ...) PRINTF_LIKE;
/* Writes a text to standard error as it is. */
void report_write(const text *t);
int report_is_terminal(void);
int report_is_verbose(void);
const char *report_dim(void);
const char *report_plain(void);

/* The error stack: its first entry, with --verbose all, and what an HTTP server had to say. */
void complain_errors(const ws_errors *errors);
/* What the connection is like, with --verbose. */
void explain_connection(const ws_socket *ws);

#endif
