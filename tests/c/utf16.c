/* For hosts that think in UTF-16: the two converters, strings and keys of JSON, and objects that are sent. */
#include "host.h"

static ws_dispatcher *dispatcher;

static ws_event *pull(ws_event_type type)
{
    ws_socket *ws;
    ws_event *event;
    CHECK(ws_dispatcher_next(dispatcher, PATIENCE_MS, &ws, &event) == 1);
    CHECK(ws_event_get_type(event) == type);
    return event;
}

/* ASCII as UTF-16, without a 0; how many units. */
static size_t widen(uint16_t *units, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        units[i] = (uint16_t)(unsigned char)text[i];
    }
    return len;
}

static int same_units(const uint16_t *got, size_t got_len, const uint16_t *expected, size_t len)
{
    return got != NULL && got_len == len && memcmp(got, expected, len * sizeof *got) == 0 && got[len] == 0;
}

/* Measure, allocate, convert: as the header has it. */
static void the_converters_measure_and_fill(void)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    static const uint16_t wide[] = {0x61, 0xe9, 0x20ac, 0xd83d, 0xde00, 0};
    uint16_t units[8];
    char bytes[16];
    CHECK(ws_utf16_from_utf8(text, WS_NUL_TERMINATED, NULL, 0) == 5 && ws_utf16_from_utf8(text, 3, NULL, 0) == 2);
    CHECK(ws_utf8_from_utf16(wide, WS_NUL_TERMINATED, NULL, 0) == 10 && ws_utf8_from_utf16(wide, 2, NULL, 0) == 3);
    for (size_t room = 0; room <= 8; room++) {
        memset(units, 0x55, sizeof units);
        CHECK(ws_utf16_from_utf8(text, WS_NUL_TERMINATED, units, room) == 5);
        size_t whole = room == 4 ? 3 : room < 5 ? room : 5; /* a pair comes whole */
        CHECK(memcmp(units, wide, whole * sizeof *units) == 0);
        CHECK(whole == 8 || units[whole] == (room > 5 ? 0 : 0x5555));
    }
    for (size_t room = 0; room <= 16; room++) {
        memset(bytes, 0x55, sizeof bytes);
        CHECK(ws_utf8_from_utf16(wide, 5, bytes, room) == 10);
        size_t whole = room >= 10 ? 10 : room >= 6 ? 6 : room >= 3 ? 3 : room >= 1 ? 1 : 0;
        CHECK(memcmp(bytes, text, whole) == 0 && bytes[whole] == (room > 10 ? '\0' : 0x55));
    }
    /* A 0 inside is a character like others. */
    CHECK(ws_utf16_from_utf8("a\0b", 3, units, 8) == 3 && units[1] == 0 && units[2] == 'b' && units[3] == 0);
}

static void the_converters_replace_what_is_invalid(void)
{
    static const uint16_t lone[] = {0x61, 0xd800, 0x62, 0xdc00, 0};
    uint16_t units[8];
    char bytes[16];
    CHECK(ws_utf16_from_utf8("a\xff" "b\xe2\x82", WS_NUL_TERMINATED, units, 8) == 4);
    CHECK(units[0] == 'a' && units[1] == 0xfffd && units[2] == 'b' && units[3] == 0xfffd && units[4] == 0);
    CHECK(ws_utf8_from_utf16(lone, WS_NUL_TERMINATED, bytes, sizeof bytes) == 8);
    CHECK(same(bytes, "a\xef\xbf\xbd" "b\xef\xbf\xbd"));
}

static void the_converters_survive_wrong_arguments(void)
{
    uint16_t units[2] = {7, 7};
    char bytes[2] = {7, 7};
    CHECK(ws_utf16_from_utf8(NULL, 5, units, 2) == 0 && units[0] == 0 && units[1] == 7);
    CHECK(ws_utf8_from_utf16(NULL, 5, bytes, 2) == 0 && bytes[0] == 0 && bytes[1] == 7);
    CHECK(ws_utf16_from_utf8(NULL, 0, NULL, 0) == 0 && ws_utf8_from_utf16(NULL, 0, NULL, 0) == 0);
    CHECK(ws_utf16_from_utf8(NULL, WS_NUL_TERMINATED, NULL, 0) == 0);
    CHECK(ws_utf16_from_utf8("abc", 3, NULL, 9) == 3); /* NULL: measures only */
    CHECK(ws_utf8_from_utf16((const uint16_t *)((const char *)units + 1), 1, NULL, 0) == 0);
    CHECK(ws_utf16_from_utf8("abc", (size_t)PTRDIFF_MAX + 1, NULL, 0) == 0);
}

static void strings_and_keys_of_json(ws_socket *ws)
{
    static const uint16_t clef[] = {0xd834, 0xdd1e, 0}, replaced[] = {0xfffd, 'x', 0}, with_zero[] = {'a', 0, 'b', 0};
    CHECK(ws_send_text(ws, "{\"\\ud834\\udd1e\":\"\\udd1ex\",\"a\\u0000b\":[\"\",1],\"a\":{}}", WS_NUL_TERMINATED) == WS_OK);
    ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
    const ws_json *root = ws_event_json(event), *value = NULL;
    size_t len = 9;
    const uint16_t *key = ws_json_key_utf16(root, 0, &value, &len);
    CHECK(same_units(key, len, clef, 2) && value == ws_json_member(root, "\xf0\x9d\x84\x9e"));
    CHECK(ws_json_key_utf16(root, 0, NULL, NULL) == key); /* kept */
    const uint16_t *string = ws_json_string_utf16(value, &len);
    CHECK(same_units(string, len, replaced, 2) && ws_json_string_utf16(value, NULL) == string);
    key = ws_json_key_utf16(root, 1, &value, &len);
    CHECK(same_units(key, len, with_zero, 3) && ws_json_get_kind(value) == WS_JSON_KIND_ARRAY);
    string = ws_json_string_utf16(ws_json_item(value, 0), &len);
    CHECK(same_units(string, len, with_zero + 3, 0));
    len = 9;
    CHECK(ws_json_string_utf16(ws_json_item(value, 1), &len) == NULL && len == 0);
    len = 9;
    CHECK(ws_json_string_utf16(NULL, &len) == NULL && len == 0);
    len = 9;
    CHECK(ws_json_key_utf16(root, 3, &value, &len) == NULL && value == NULL && len == 0);
    value = root;
    len = 9;
    CHECK(ws_json_key_utf16(ws_json_item(root, 0), 0, &value, &len) == NULL && value == NULL && len == 0);
    ws_event_free(event);
}

static void objects(ws_socket *ws)
{
    uint16_t json[64];
    size_t units = widen(json, " { \"a\" : \"?\\ud800\" } ");
    json[10] = 0x20ac;
    json[units] = 0;
    for (int way = 0; way < 2; way++) {
        CHECK(ws_send_object_utf16(ws, json, way == 0 ? units : WS_NUL_TERMINATED) == WS_OK);
        ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
        CHECK(same(ws_event_data(event, NULL), "{\"a\":\"\xe2\x82\xac\\ud800\"}"));
        ws_event_free(event);
    }
    CHECK(ws_send_object_utf16(ws, json, 3) == WS_ERR_INVALID_JSON && ws_send_object_utf16(ws, NULL, 0) == WS_ERR_INVALID_JSON);
    CHECK(ws_send_object_utf16(ws, NULL, 3) == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws_send_object_utf16(ws, (const uint16_t *)((const char *)json + 1), 3) == WS_ERR_INVALID_ARGUMENT);
    json[10] = 0xd800;
    CHECK(ws_send_object_utf16(ws, json, units) == WS_ERR_INVALID_UTF8 && ws_get_buffered_amount(ws) == 0);
}

int main(void)
{
    the_converters_measure_and_fill();
    the_converters_replace_what_is_invalid();
    the_converters_survive_wrong_arguments();
    dispatcher = ws_dispatcher_new();
    ws_options *options = ws_options_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = dispatcher;
    CHECK(ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT) == WS_OK);
    ws_socket *ws = ws_new(at("/echo"), &handler, options, NULL);
    CHECK(ws != NULL && ws_options_free(options) == WS_OK);
    strings_and_keys_of_json(ws);
    objects(ws);
    CHECK(ws_abort(ws) == WS_OK);
    ws_event_free(pull(WS_EVENT_TYPE_TERMINATE));
    CHECK(ws_release(ws) == WS_OK);
    CHECK(ws_dispatcher_close(dispatcher) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
