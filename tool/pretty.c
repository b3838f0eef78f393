/* pretty: JSON in lines and colours, bytes as numbers. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "screen.h"

enum { SHOWN = 256 }; /* bytes of a binary message */

static const char *const colours[] = { ['k'] = "\033[34;1m", ['s'] = "\033[32m", ['n'] = "\033[36m", ['w'] = "\033[35m" };

static void add_token(text *out, const char *token, size_t len, char kind, int colour)
{
    if (colour) text_put(out, colours[(int)kind]);
    /* Inside a JSON string \u009b is the same character, only that no terminal obeys it. */
    text_add_safe(out, token, len, NULL);
    if (colour) text_put(out, "\033[0m");
}

static void new_line(text *out, const char *before, size_t depth)
{
    text_put(out, "\n");
    text_put(out, before);
    for (size_t i = 0; i < depth; i++) text_put(out, "  ");
}

static size_t skip_blanks(const char *json, size_t at, size_t len)
{
    while (at < len && strchr(" \t\r\n", json[at]) != NULL && json[at] != '\0') at++;
    return at;
}

/* The end of the string that begins at `at`. */
static size_t string_end(const char *json, size_t at, size_t len)
{
    for (at++; at < len && json[at] != '"'; at++) at += json[at] == '\\';
    return at < len ? at + 1 : len;
}

void pretty_json(text *out, const char *json, size_t len, int colour, const char *before)
{
    size_t depth = 0, at = 0;
    if (len >= 3 && memcmp(json, "\xef\xbb\xbf", 3) == 0) at = 3;
    while ((at = skip_blanks(json, at, len)) < len) {
        char c = json[at];
        size_t end = at + 1;
        if (c == '{' || c == '[') {
            text_add(out, &c, 1);
            end = skip_blanks(json, end, len);
            if (end < len && (json[end] == '}' || json[end] == ']')) text_add(out, json + end++, 1);
            else new_line(out, before, ++depth);
        } else if (c == '}' || c == ']') {
            new_line(out, before, depth > 0 ? --depth : 0);
            text_add(out, &c, 1);
        } else if (c == ',') {
            text_add(out, ",", 1);
            new_line(out, before, depth);
        } else if (c == ':') {
            text_put(out, ": ");
        } else if (c == '"') {
            end = string_end(json, at, len);
            size_t next = skip_blanks(json, end, len);
            add_token(out, json + at, end - at, next < len && json[next] == ':' ? 'k' : 's', colour);
        } else {
            while (end < len && strchr(",:]}\" \t\r\n", json[end]) == NULL) end++;
            add_token(out, json + at, end - at, c == '-' || (c >= '0' && c <= '9') ? 'n' : 'w', colour);
        }
        at = end;
    }
}

void pretty_bytes(text *out, const void *data, size_t len, const char *before)
{
    const unsigned char *bytes = data;
    size_t shown = len < SHOWN ? len : SHOWN;
    for (size_t at = 0; at < shown; at += 16) {
        size_t count = shown - at < 16 ? shown - at : 16;
        text_printf(out, "\n%s%08zx ", before, at);
        for (size_t i = 0; i < 16; i++) {
            if (i < count) text_printf(out, "%s%02x", i == 8 ? "  " : " ", bytes[at + i]);
            else text_put(out, i == 8 ? "    " : "   ");
        }
        text_put(out, "  |");
        for (size_t i = 0; i < count; i++) {
            char c = bytes[at + i] >= 0x20 && bytes[at + i] < 0x7f ? (char)bytes[at + i] : '.';
            text_add(out, &c, 1);
        }
        text_put(out, "|");
    }
    if (len > shown) text_printf(out, "\n%sand %zu bytes more", before, len - shown);
}
