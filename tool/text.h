/* text: bytes that grow, and the ways in which this program writes them: safe for a terminal, as JSON, as base64. */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char *data; /* NULL as long as nothing was added */
    size_t len, room;
} text;

/* Memory or the end of the program (exit code EXIT_MACHINE). */
void *grow(void *memory, size_t count, size_t size);

void text_add(text *t, const void *data, size_t len);
void text_put(text *t, const char *string);
void text_printf(text *t, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;
void text_clear(text *t);
void text_free(text *t);
/* A NUL behind what is there, which does not count as a part of it. */
char *text_string(text *t);

/* Adds a stranger's text so that a terminal can do nothing but show it. What controls terminals, or turns the direction of
   writing, becomes \u001b; a byte that is no UTF-8 becomes \xff. Tabs stay. A line break, with a carriage return before it or
   not, is followed by `indent`; where that is NULL it is escaped, too. */
void text_add_safe(text *t, const char *data, size_t len, const char *indent);
/* Adds a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void text_add_json(text *t, const char *data, size_t len);
void text_add_base64(text *t, const void *data, size_t len);
/* Adds the bytes that base64 stands for; 0 if it is none. */
int text_add_unbase64(text *t, const char *data, size_t len);
/* Adds what percent-encoding makes of it: all but letters, digits and -._~ */
void text_add_percent(text *t, const char *data, size_t len);
/* Adds a character as UTF-8. */
void text_add_character(text *t, uint32_t character);

/* How many bytes the character at `data` has, and which one it is; 0 if that is no UTF-8. */
size_t character_at(const char *data, size_t len, uint32_t *character);
/* Whether a terminal would obey this character instead of showing it. */
int is_control(uint32_t character);

/* Adds "58 us", "1.24 ms", "2.5 s". */
void text_add_duration(text *t, int64_t nanoseconds);
/* Adds "120 bytes", "1.5 MiB". */
void text_add_size(text *t, uint64_t bytes);

#endif
