/* What the API reference shows of JSON and of UTF-16. Compiled by scripts/snippets.py. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <ws4d.h>

static void show_ws_json_get_kind(const ws_json *value)
{
    if (ws_json_get_kind(value) == WS_JSON_KIND_ARRAY) printf("%zu items\n", ws_json_length(value));
}

static void show_ws_json_member(const ws_json *root)
{
    const ws_json *symbol = ws_json_member(root, "symbol"); /* NULL if there is none */
    puts(symbol != NULL ? ws_json_text(symbol, NULL) : "no symbol");
}

static void show_ws_json_item(const ws_json *array)
{
    const ws_json *first = ws_json_item(array, 0);
    printf("%g\n", ws_json_number(first, 0));
}

static void show_ws_json_length(const ws_json *array)
{
    for (size_t i = 0; i < ws_json_length(array); i++) puts(ws_json_text(ws_json_item(array, i), NULL));
}

static void show_ws_json_bool(const ws_json *root)
{
    if (ws_json_bool(ws_json_member(root, "live"), 0)) puts("live");
}

static void show_ws_json_number(const ws_json *root)
{
    double price = ws_json_number(ws_json_member(root, "price"), -1);
    printf("%g\n", price);
}

static void show_ws_json_int64(const ws_json *root)
{
    int64_t id = ws_json_int64(ws_json_member(root, "id"), -1);
    printf("%" PRId64 "\n", id);
}

static void show_ws_json_string(const ws_json *root)
{
    const char *name = ws_json_string(ws_json_member(root, "name"), NULL);
    if (name != NULL) puts(name);
}

static void show_ws_json_string_utf16(const ws_json *root, void (*show)(const uint16_t *units, size_t count))
{
    size_t units = 0;
    const uint16_t *name = ws_json_string_utf16(ws_json_member(root, "name"), &units);
    if (name != NULL) show(name, units);
}

static void show_ws_json_text(const ws_json *value)
{
    size_t len = 0;
    const char *text = ws_json_text(value, &len);
    if (text != NULL) printf("%zu bytes: %s\n", len, text);
}

static void show_ws_json_key(const ws_json *object)
{
    const ws_json *value = NULL;
    const char *key;
    for (size_t i = 0; (key = ws_json_key(object, i, &value)) != NULL; i++) printf("%s: %s\n", key, ws_json_text(value, NULL));
}

static void show_ws_json_key_utf16(const ws_json *object, void (*show)(const uint16_t *units, size_t count))
{
    size_t units = 0;
    const uint16_t *key;
    for (size_t i = 0; (key = ws_json_key_utf16(object, i, NULL, &units)) != NULL; i++) show(key, units);
}

static void show_ws_utf16_from_utf8(const char *utf8)
{
    size_t units = ws_utf16_from_utf8(utf8, WS_NUL_TERMINATED, NULL, 0); /* measures */
    uint16_t *utf16 = malloc((units + 1) * sizeof *utf16);
    if (utf16 != NULL) ws_utf16_from_utf8(utf8, WS_NUL_TERMINATED, utf16, units + 1);
    free(utf16);
}

static void show_ws_utf8_from_utf16(const uint16_t *utf16, size_t units)
{
    char utf8[256];
    if (ws_utf8_from_utf16(utf16, units, utf8, sizeof utf8) < sizeof utf8) puts(utf8); /* else it was cut */
}
