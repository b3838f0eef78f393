/* What arrives as what, by the option data_type; texts in UTF-8 and UTF-16; events that outlive their callbacks. */
#include "host.h"

/* One socket whose messages are pulled, so that each test reads them where it stands. */
static ws_dispatcher *dispatcher;

static ws_socket *open_as(int32_t type, int32_t strict, const char *path)
{
    ws_options *options = ws_options_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = dispatcher;
    CHECK(ws_options_set_data_type(options, type) == WS_OK && ws_options_set_strict_json(options, strict) == WS_OK);
    ws_socket *ws = ws_new(at(path), &handler, options, NULL);
    CHECK(ws != NULL && ws_options_free(options) == WS_OK);
    CHECK(ws_get_data_type(ws) == type);
    return ws;
}

static ws_event *pull(ws_event_type type)
{
    ws_socket *ws;
    ws_event *event;
    CHECK(ws_dispatcher_next(dispatcher, PATIENCE_MS, &ws, &event) == 1);
    CHECK(ws_event_get_type(event) == type);
    return event;
}

static void end(ws_socket *ws)
{
    CHECK(ws_abort(ws) == WS_OK);
    ws_event_free(pull(WS_EVENT_TYPE_TERMINATE));
    CHECK(ws_release(ws) == WS_OK && ws_get_id(ws) == 0);
}

static int data_is(const ws_event *event, const void *bytes, size_t len)
{
    size_t got = 0;
    const char *data = ws_event_data(event, &got);
    return data != NULL && got == len && memcmp(data, bytes, len) == 0;
}

/* A NUL stands behind text, which may hold one itself. */
static int text_is(const ws_event *event, const void *bytes, size_t len)
{
    return data_is(event, bytes, len) && ((const char *)ws_event_data(event, NULL))[len] == '\0';
}

static void check_message(int32_t mode, const char *path, ws_data_type type, const char *bytes, size_t len)
{
    snprintf(doing, sizeof doing, "receiving %s in mode %d", path, (int)mode);
    ws_socket *ws = open_as(mode, 0, path);
    ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
    CHECK(ws_event_data_type(event) == type && data_is(event, bytes, len));
    CHECK(type == WS_DATA_TYPE_BLOB || text_is(event, bytes, len));
    CHECK((ws_event_json(event) != NULL) == (type == WS_DATA_TYPE_OBJECT));
    CHECK((ws_event_data_utf16(event, NULL) != NULL) == (type != WS_DATA_TYPE_BLOB));
    CHECK(ws_event_errors(event) == NULL && ws_event_code(event) == 0 && ws_event_reason(event) == NULL);
    ws_event_free(event);
    end(ws);
}

static void each_frame_arrives_in_its_form(void)
{
    const char *json = "/script?do=text:%7B%22a%22%3A1%7D";
    const char *binary = "/script?do=binary:7b7d00ff", *empty = "/script?do=text:";
    const char *parts = "/script?do=frag_ping:[1|%2C|2]", *escaped = "/script?do=text:not%20json";
    check_message(WS_DATA_TYPE_TEXT, json, WS_DATA_TYPE_TEXT, "{\"a\":1}", 7);
    check_message(WS_DATA_TYPE_TEXT, binary, WS_DATA_TYPE_BLOB, "{}\0\xff", 4);
    check_message(WS_DATA_TYPE_TEXT, empty, WS_DATA_TYPE_TEXT, "", 0);
    check_message(WS_DATA_TYPE_TEXT, "/script?do=binary:", WS_DATA_TYPE_BLOB, "", 0);
    check_message(WS_DATA_TYPE_BLOB, json, WS_DATA_TYPE_BLOB, "{\"a\":1}", 7);
    check_message(WS_DATA_TYPE_BLOB, binary, WS_DATA_TYPE_BLOB, "{}\0\xff", 4);
    check_message(WS_DATA_TYPE_BLOB, empty, WS_DATA_TYPE_BLOB, "", 0);
    check_message(WS_DATA_TYPE_OBJECT, json, WS_DATA_TYPE_OBJECT, "{\"a\":1}", 7);
    check_message(WS_DATA_TYPE_OBJECT, parts, WS_DATA_TYPE_OBJECT, "[1,2]", 5);
    check_message(WS_DATA_TYPE_OBJECT, escaped, WS_DATA_TYPE_TEXT, "not json", 8);
    check_message(WS_DATA_TYPE_OBJECT, empty, WS_DATA_TYPE_TEXT, "", 0);
    check_message(WS_DATA_TYPE_OBJECT, binary, WS_DATA_TYPE_BLOB, "{}\0\xff", 4);
    doing[0] = '\0';
}

/* Messages that arrive in one read share a buffer: a NUL behind each all the same. */
static void a_nul_follows_each_text(void)
{
    ws_socket *ws = open_as(WS_DATA_TYPE_TEXT, 0, "/glued?do=text:one,text:,text:a%00b,text:three,pong:x,text_size:200000");
    const struct { const char *text; size_t len; } texts[] = {{"one", 3}, {"", 0}, {"a\0b", 3}, {"three", 5}};
    for (size_t i = 0; i < 4; i++) {
        ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
        CHECK(text_is(event, texts[i].text, texts[i].len));
        ws_event_free(event);
    }
    ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
    size_t len = 0;
    const char *text = ws_event_data(event, &len);
    CHECK(len == 200000 && text[len] == '\0');
    ws_event_free(event);
    end(ws);
}

/* A close reason is text as well, and may hold a NUL. */
static void a_reason_has_its_length(void)
{
    ws_socket *ws = open_as(WS_DATA_TYPE_TEXT, 0, "/script?do=close:4001:a%00%C3%A9");
    ws_event *event = pull(WS_EVENT_TYPE_TERMINATE);
    size_t units = 0;
    const uint16_t *utf16 = ws_event_data_utf16(event, &units);
    CHECK(text_is(event, "a\0\xc3\xa9", 4) && same(ws_event_reason(event), "a"));
    CHECK(units == 3 && utf16[0] == 'a' && utf16[1] == 0 && utf16[2] == 0xe9 && utf16[3] == 0);
    CHECK(ws_event_code(event) == 4001 && ws_event_was_clean(event) == 1);
    ws_event_free(event);
    CHECK(ws_release(ws) == WS_OK);
}

static void utf16_goes_both_ways(void)
{
    ws_socket *ws = open_as(WS_DATA_TYPE_TEXT, 0, "/echo");
    const uint16_t text[] = {'a', 0xe9, 0x20ac, 0xd83d, 0xde00, 0, 0xffff, 'z', 0};
    const char *utf8 = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0\xef\xbf\xbfz";
    CHECK(ws_send_text_utf16(ws, text, 8) == WS_OK);
    CHECK(ws_send_text_utf16(ws, text, WS_NUL_TERMINATED) == WS_OK);
    CHECK(ws_send_text_utf16(ws, NULL, 0) == WS_OK);
    const size_t units_of[] = {8, 5, 0}, bytes_of[] = {15, 10, 0};
    for (int i = 0; i < 3; i++) {
        size_t units = 99;
        ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
        const uint16_t *utf16 = ws_event_data_utf16(event, &units);
        CHECK(text_is(event, utf8, bytes_of[i]));
        CHECK(units == units_of[i] && memcmp(utf16, text, units * sizeof *text) == 0 && utf16[units] == 0);
        CHECK(ws_event_data_utf16(event, NULL) == utf16); /* converted once */
        ws_event_free(event);
    }
    /* Half a pair is no text, wherever it stands, and nothing of it is sent. */
    const uint16_t lone[][3] = {{0xd83d}, {0xde00}, {'a', 0xd83d}, {0xd83d, 'a'}, {0xde00, 0xd83d}, {0xd83d, 0xd83d, 0xde00}};
    const size_t lens[] = {1, 1, 2, 2, 2, 3};
    for (int i = 0; i < 6; i++) CHECK(ws_send_text_utf16(ws, lone[i], lens[i]) == WS_ERR_INVALID_UTF8);
    CHECK(ws_send_text(ws, "a\0b", 3) == WS_OK && ws_send_text(ws, "a\0b", WS_NUL_TERMINATED) == WS_OK);
    ws_event *event = pull(WS_EVENT_TYPE_MESSAGE), *cut = pull(WS_EVENT_TYPE_MESSAGE);
    CHECK(text_is(event, "a\0b", 3) && text_is(cut, "a", 1));
    ws_event_free(event);
    ws_event_free(cut);
    end(ws);
}

/* Kept events: of each type, read by several threads at once, after the socket and the library are gone. */
enum { MESSAGE, UNPARSED, BLOB, PONG, ERROR, TERMINATE, KEPT };
static ws_event *kept[KEPT];

static void *read_kept(void *unused)
{
    size_t units = 0;
    for (int i = 0; i < 100; i++) {
        CHECK(text_is(kept[MESSAGE], "{\"a\":[1,2]}", 11) && ws_event_data_type(kept[MESSAGE]) == WS_DATA_TYPE_OBJECT);
        CHECK(ws_json_int64(ws_json_item(ws_json_member(ws_event_json(kept[MESSAGE]), "a"), 1), 0) == 2);
        CHECK(same(ws_json_text(ws_event_json(kept[UNPARSED]), NULL), "{\"b\":[3,\"\\u00e9\"]}"));
        CHECK(same(ws_json_string(ws_json_item(ws_json_member(ws_event_json(kept[UNPARSED]), "b"), 1), NULL), "\xc3\xa9"));
        CHECK(ws_event_data_utf16(kept[UNPARSED], &units)[units] == 0 && units == 18);
        CHECK(data_is(kept[BLOB], "\x01\0", 2) && data_is(kept[PONG], "ping", 4));
        CHECK(ws_errors_code(ws_event_errors(kept[ERROR]), 0) == WS_ERR_PROTOCOL);
        CHECK(ws_errors_message(ws_event_errors(kept[ERROR]), 0) != NULL && ws_event_code(kept[TERMINATE]) == 1006);
        ws_event *again = ws_event_retain(kept[MESSAGE]);
        CHECK(text_is(again, "{\"a\":[1,2]}", 11));
        ws_event_free(again);
    }
    return unused;
}

static void keep(struct host *host, char letter, ws_socket *ws, const ws_event *event)
{
    (void)host;
    if (letter == 'o') CHECK(ws_ping(ws, "ping", 4) == WS_OK && ws_send_text(ws, "go", 2) == WS_OK);
    if (letter == 'm') {
        int which = kept[MESSAGE] == NULL ? MESSAGE : kept[UNPARSED] == NULL ? UNPARSED : BLOB;
        if (which == MESSAGE) CHECK(ws_event_json(event) != NULL);
        kept[which] = ws_event_retain(event);
        if (which == BLOB) CHECK(ws_send_text(ws, "go on", WS_NUL_TERMINATED) == WS_OK);
    }
    if (letter == 'p') kept[PONG] = ws_event_retain(event);
    if (letter == 'e') kept[ERROR] = ws_event_retain(event);
    if (letter == 't') kept[TERMINATE] = ws_event_retain(event);
}

static void a_retained_event_outlives_everything(void)
{
    struct host host;
    pthread_t threads[4];
    ws_options *options = ws_options_new();
    host_init(&host, dispatcher);
    host.inside = keep;
    CHECK(ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT) == WS_OK);
    ws_socket *ws = host_connect(
        &host, at("/script?do=expect,text:{\"a\":[1%2C2]},text:{%22b%22:[3%2C\"%5Cu00e9\"]},binary:0100,expect,frame:83:"), options);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "opmmmetf", 1006);
    CHECK(ws_release(ws) == WS_OK && ws_options_free(options) == WS_OK);
    CHECK(ws_dispatcher_close(dispatcher) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, read_kept, NULL) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < KEPT; i++) ws_event_free(kept[i]);
}

int main(void)
{
    dispatcher = ws_dispatcher_new();
    each_frame_arrives_in_its_form();
    a_nul_follows_each_text();
    a_reason_has_its_length();
    utf16_goes_both_ways();
    a_retained_event_outlives_everything();
    return 0;
}
