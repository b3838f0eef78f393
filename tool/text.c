/* text: bytes that grow, and how they are written. */
#define _POSIX_C_SOURCE 200809L
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exits.h"

void *grow(void *memory, size_t count, size_t size)
{
    void *grown = count <= SIZE_MAX / size ? realloc(memory, count * size) : NULL;
    if (grown == NULL) {
        fprintf(stderr, "ws4d: out of memory: %zu times %zu bytes\n", count, size);
        exit(EXIT_MACHINE);
    }
    return grown;
}

static char *text_room(text *t, size_t more)
{
    if (more > t->room - t->len) {
        size_t room = t->room > SIZE_MAX / 2 ? SIZE_MAX : t->room * 2;
        if (room < 256) room = 256;
        if (room - t->len < more) room = more > SIZE_MAX - t->len ? SIZE_MAX : t->len + more;
        t->data = grow(t->data, room, 1);
        t->room = room;
    }
    return t->data + t->len;
}

void text_add(text *t, const void *data, size_t len)
{
    if (len == 0) return;
    memcpy(text_room(t, len), data, len);
    t->len += len;
}

void text_put(text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_printf(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0) return;
    va_start(arguments, format);
    vsnprintf(text_room(t, (size_t)len + 1), (size_t)len + 1, format, arguments);
    va_end(arguments);
    t->len += (size_t)len;
}

void text_clear(text *t)
{
    t->len = 0;
}

void text_free(text *t)
{
    free(t->data);
    *t = (text){ NULL, 0, 0 };
}

char *text_string(text *t)
{
    *text_room(t, 1) = '\0';
    return t->data;
}

size_t character_at(const char *data, size_t len, uint32_t *character)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (len == 0) return 0;
    uint32_t first = bytes[0];
    size_t size = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (size == 0 || size > len) return 0;
    uint32_t value = size == 1 ? first : first & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    *character = value;
    return size;
}

int is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

void text_add_safe(text *t, const char *data, size_t len, const char *indent)
{
    size_t size, from = 0, at = 0;
    for (; at < len; at += size) {
        uint32_t c = 0;
        size = character_at(data + at, len - at, &c);
        if (size != 0 && (!is_control(c) || c == '\t')) continue;
        text_add(t, data + from, at - from);
        if (size == 0) {
            text_printf(t, "\\x%02x", (unsigned char)data[at]);
            size = 1;
        } else if (c == '\r' && indent != NULL && at + 1 < len && data[at + 1] == '\n') {
            /* the line break of HTTP */
        } else if (c == '\n' && indent != NULL) {
            text_add(t, "\n", 1);
            text_put(t, indent);
        } else {
            text_printf(t, "\\u%04x", (unsigned)c);
        }
        from = at + size;
    }
    text_add(t, data + from, len - from);
}

void text_add_json(text *t, const char *data, size_t len)
{
    static const char short_ones[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    text_add(t, "\"", 1);
    size_t size, from = 0, at = 0;
    for (; at < len; at += size) {
        uint32_t c = 0;
        size = character_at(data + at, len - at, &c);
        if (size != 0 && c != '"' && c != '\\' && !is_control(c)) continue;
        text_add(t, data + from, at - from);
        const char *found = size == 1 && c != 0 ? memchr(short_ones, (int)c, sizeof short_ones - 1) : NULL;
        if (size == 0) text_put(t, "\xef\xbf\xbd");
        else if (found != NULL) text_printf(t, "\\%c", letters[found - short_ones]);
        else text_printf(t, "\\u%04x", (unsigned)c);
        if (size == 0) size = 1;
        from = at + size;
    }
    text_add(t, data + from, len - from);
    text_add(t, "\"", 1);
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void text_add_base64(text *t, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0u);
        char letters[4] = { base64[group >> 18], base64[group >> 12 & 63], left > 1 ? base64[group >> 6 & 63] : '=',
                            left > 2 ? base64[group & 63] : '=' };
        text_add(t, letters, 4);
    }
}

int text_add_unbase64(text *t, const char *data, size_t len)
{
    if (len % 4 != 0) return 0;
    for (size_t i = 0; i < len; i += 4) {
        uint32_t group = 0;
        size_t padding = i + 4 == len ? (size_t)(data[i + 3] == '=') + (data[i + 2] == '=' && data[i + 3] == '=') : 0;
        for (size_t k = 0; k < 4; k++) {
            const char *found = k >= 4 - padding ? base64 : data[i + k] != '\0' ? strchr(base64, data[i + k]) : NULL;
            if (found == NULL) return 0;
            group = group << 6 | (uint32_t)(found - base64);
        }
        if (padding > 0 && (group & (padding == 2 ? 0xffffu : 0xffu)) != 0) return 0;
        unsigned char bytes[3] = { (unsigned char)(group >> 16), (unsigned char)(group >> 8), (unsigned char)group };
        text_add(t, bytes, 3 - padding);
    }
    return 1;
}

void text_add_percent(text *t, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) text_add(t, &c, 1);
        else text_printf(t, "%%%02X", (unsigned char)c);
    }
}

void text_add_character(text *t, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    bytes[0] = (char)(lead[len] | c);
    text_add(t, bytes, len);
}

/* Three digits that count. */
static void add_three(text *t, double value, const char *unit)
{
    text_printf(t, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
}

void text_add_duration(text *t, int64_t nanoseconds)
{
    double ns = (double)nanoseconds;
    if (ns < 999500.0) text_printf(t, "%.*f us", ns < 9995.0 ? 1 : 0, ns / 1e3);
    else if (ns < 999500000.0) add_three(t, ns / 1e6, "ms");
    else if (ns < 120e9) add_three(t, ns / 1e9, "s");
    else text_printf(t, "%lld min %02lld s", (long long)(nanoseconds / 60000000000), (long long)(nanoseconds / 1000000000 % 60));
}

void text_add_size(text *t, uint64_t bytes)
{
    if (bytes < 10000) text_printf(t, "%llu byte%s", (unsigned long long)bytes, bytes == 1 ? "" : "s");
    else if (bytes < 1048576) add_three(t, (double)bytes / 1024, "KiB");
    else if (bytes < 1073741824) add_three(t, (double)bytes / 1048576, "MiB");
    else add_three(t, (double)bytes / 1073741824, "GiB");
}
