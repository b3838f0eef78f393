/* JSON that arrives and JSON that is sent: values as they were written, refusals that send nothing. */
#include "host.h"

#include <math.h>

#include "wiretap.h"

static ws_dispatcher *dispatcher;

static ws_socket *open_as(int32_t type, int32_t strict, const char *url)
{
    ws_options *options = ws_options_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = dispatcher;
    CHECK(ws_options_set_data_type(options, type) == WS_OK && ws_options_set_strict_json(options, strict) == WS_OK);
    ws_socket *ws = ws_new(url, &handler, options, NULL);
    CHECK(ws != NULL && ws_options_free(options) == WS_OK);
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
    CHECK(ws_release(ws) == WS_OK);
}

/* The server sends it back as it is. */
static ws_event *echoed(ws_socket *ws, const char *json, size_t len)
{
    snprintf(doing, sizeof doing, "reading %.200s", json);
    CHECK(ws_send_text(ws, json, len) == WS_OK);
    return pull(WS_EVENT_TYPE_MESSAGE);
}

static int is_text(const ws_json *v, const char *expected)
{
    size_t len = 0;
    const char *text = ws_json_text(v, &len);
    return same(text, expected) && len == strlen(expected) && ws_json_text(v, NULL) == text;
}

static int is_string(const ws_json *v, const char *bytes, size_t bytes_len)
{
    size_t len = 0;
    const char *string = ws_json_string(v, &len);
    return string != NULL && len == bytes_len && memcmp(string, bytes, len) == 0 && string[len] == '\0' &&
           ws_json_length(v) == len;
}

static void members_and_items(ws_socket *ws)
{
    static const char *const keys[] = {"", "a", "list", "\xc3\xa9", "a", "nothing", "o"};
    ws_event *event = echoed(
        ws, " { \"\" : 0, \"a\":1 , \"list\":[true ,false,\"x\"], \"\\u00e9\":\"y\", \"a\":2, \"nothing\":null, \"o\":{} } ",
        WS_NUL_TERMINATED);
    const ws_json *root = ws_event_json(event), *value;
    CHECK(root != NULL && ws_event_json(event) == root && ws_event_data_type(event) == WS_DATA_TYPE_OBJECT);
    CHECK(ws_json_get_kind(root) == WS_JSON_KIND_OBJECT && ws_json_length(root) == 7);
    for (size_t i = 0; i < 7; i++) {
        value = NULL;
        CHECK(same(ws_json_key(root, i, &value), keys[i]) && value != NULL && ws_json_key(root, i, NULL) != NULL);
    }
    value = root;
    CHECK(ws_json_key(root, 7, &value) == NULL && value == NULL && ws_json_key(root, SIZE_MAX, NULL) == NULL);
    CHECK(ws_json_int64(ws_json_member(root, "a"), 0) == 2); /* the last of two */
    CHECK(ws_json_int64(ws_json_member(root, ""), 7) == 0 && is_string(ws_json_member(root, "\xc3\xa9"), "y", 1));
    CHECK(ws_json_get_kind(ws_json_member(root, "nothing")) == WS_JSON_KIND_NULL && ws_json_member(root, "nothing") != NULL);
    CHECK(ws_json_member(root, "A") == NULL && ws_json_member(root, NULL) == NULL && ws_json_item(root, 0) == NULL);
    const ws_json *list = ws_json_member(root, "list");
    CHECK(ws_json_get_kind(list) == WS_JSON_KIND_ARRAY && ws_json_length(list) == 3);
    CHECK(ws_json_bool(ws_json_item(list, 0), 7) == 1 && ws_json_bool(ws_json_item(list, 1), 7) == 0);
    CHECK(ws_json_item(list, 3) == NULL && ws_json_item(list, SIZE_MAX) == NULL && ws_json_member(list, "a") == NULL);
    CHECK(is_text(list, "[true,false,\"x\"]") && is_text(ws_json_member(root, "o"), "{}"));
    CHECK(is_text(root, "{\"\":0,\"a\":1,\"list\":[true,false,\"x\"],\"\\u00e9\":\"y\",\"a\":2,\"nothing\":null,\"o\":{}}"));
    ws_event_free(event);
}

static void strings(ws_socket *ws)
{
    ws_event *event = echoed(
        ws, "[\"a\\u0000b\",\"\\ud83d\\ude00\",\"\\ud83d\",\"\\ude00x\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\",\"\\ud83d\\ud83d\\ude00\"]",
        WS_NUL_TERMINATED);
    const ws_json *root = ws_event_json(event);
    CHECK(is_string(ws_json_item(root, 0), "a\0b", 3) && is_string(ws_json_item(root, 1), "\xf0\x9f\x98\x80", 4));
    CHECK(is_string(ws_json_item(root, 2), "\xef\xbf\xbd", 3) && is_string(ws_json_item(root, 3), "\xef\xbf\xbdx", 4));
    CHECK(is_string(ws_json_item(root, 4), "\"\\/\b\f\n\r\t", 8) && is_string(ws_json_item(root, 5), "", 0));
    CHECK(is_string(ws_json_item(root, 6), "\xef\xbf\xbd\xf0\x9f\x98\x80", 7));
    CHECK(is_text(ws_json_item(root, 2), "\"\\ud83d\"") && is_text(ws_json_item(root, 0), "\"a\\u0000b\""));
    ws_event_free(event);
}

static void numbers(ws_socket *ws)
{
    static const struct {
        const char *text;
        double number;
        int64_t whole; /* 7: none */
    } numbers[] = {
        {"9007199254740993", 9007199254740992.0, 9007199254740993}, /* 2^53 + 1 */
        {"-0", -0.0, 0}, {"-0.0e5", -0.0, 0}, {"1e999", INFINITY, 7}, {"-1e999", -INFINITY, 7}, {"1e-999", 0.0, 7},
        {"2.0", 2, 2}, {"1e3", 1000, 1000}, {"10e-1", 1, 1}, {"0.5", 0.5, 7}, {"1E+2", 100, 100},
        {"9223372036854775807", 9223372036854775808.0, INT64_MAX}, {"9223372036854775808", 9223372036854775808.0, 7},
        {"-9223372036854775808", -9223372036854775808.0, INT64_MIN}, {"-9223372036854775809", -9223372036854775808.0, 7},
        {"0.1000000000000000055511151231257827021181583404541015625", 0.1, 7},
        {"123456789012345678901234567890", 123456789012345678901234567890.0, 7}, {"5e-324", 5e-324, 7},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ws_event *event = echoed(ws, numbers[i].text, WS_NUL_TERMINATED);
        const ws_json *v = ws_event_json(event);
        double number = ws_json_number(v, 7);
        CHECK(ws_json_get_kind(v) == WS_JSON_KIND_NUMBER && is_text(v, numbers[i].text));
        CHECK(number == numbers[i].number && !signbit(number) == !signbit(numbers[i].number));
        CHECK(ws_json_int64(v, 7) == numbers[i].whole);
        ws_event_free(event);
    }
}

/* Each kind answers its own questions only; to the others it says the neutral thing. */
static void other_kinds(ws_socket *ws)
{
    ws_event *event = echoed(ws, "[null,true,1,\"s\",[2],{\"k\":3}]", WS_NUL_TERMINATED);
    const ws_json *root = ws_event_json(event);
    for (int kind = WS_JSON_KIND_NULL; kind <= WS_JSON_KIND_OBJECT; kind++) {
        const ws_json *v = ws_json_item(root, (size_t)kind), *value = root;
        size_t len = 99;
        CHECK(v != NULL && (int)ws_json_get_kind(v) == kind);
        CHECK((ws_json_bool(v, 7) == 7) == (kind != WS_JSON_KIND_BOOL));
        CHECK((ws_json_number(v, 7) == 7) == (kind != WS_JSON_KIND_NUMBER));
        CHECK((ws_json_int64(v, 7) == 7) == (kind != WS_JSON_KIND_NUMBER));
        CHECK((ws_json_string(v, &len) == NULL) == (kind != WS_JSON_KIND_STRING));
        CHECK(len == (kind == WS_JSON_KIND_STRING) && ws_json_length(v) == (kind >= WS_JSON_KIND_STRING));
        CHECK((ws_json_item(v, 0) == NULL) == (kind != WS_JSON_KIND_ARRAY));
        CHECK((ws_json_member(v, "k") == NULL) == (kind != WS_JSON_KIND_OBJECT));
        CHECK((ws_json_key(v, 0, &value) == NULL) == (kind != WS_JSON_KIND_OBJECT));
        CHECK((value == NULL) == (kind != WS_JSON_KIND_OBJECT));
    }
    ws_event_free(event);
}

static const char *nested(int depth)
{
    static char text[1024];
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    text[2 * depth] = '\0';
    return text;
}

static void what_is_not_json_is_text(ws_socket *ws)
{
    static const char *const texts[] = {"", " ", "nul", "01", "+1", "1.", "[1,]", "{a:1}", "'a'", "\"a", "1 2", "\"\n\"",
                                        "NaN", "{\"a\":1,}", "\"\\x\"", "/**/1", "[1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ws_event *event = echoed(ws, texts[i], WS_NUL_TERMINATED);
        CHECK(ws_event_json(event) == NULL && ws_event_data_type(event) == WS_DATA_TYPE_TEXT);
        CHECK(same(ws_event_data(event, NULL), texts[i]) && ws_event_data_utf16(event, NULL) != NULL);
        ws_event_free(event);
        CHECK(ws_send_object(ws, texts[i], WS_NUL_TERMINATED) == WS_ERR_INVALID_JSON);
    }
    ws_event *event = echoed(ws, "[1]\0", 4);
    CHECK(ws_event_json(event) == NULL && ws_event_data_type(event) == WS_DATA_TYPE_TEXT);
    ws_event_free(event);
    for (int depth = 127; depth <= 130; depth++) {
        event = echoed(ws, nested(depth), WS_NUL_TERMINATED);
        CHECK((ws_event_json(event) != NULL) == (depth <= 128));
        CHECK(ws_event_data_type(event) == (depth <= 128 ? WS_DATA_TYPE_OBJECT : WS_DATA_TYPE_TEXT));
        ws_event_free(event);
    }
}

/* The option: what is not JSON is an error, and the server hears 1007. */
static void strict_json(const char *refused)
{
    struct wiretap tap;
    const unsigned char *payload;
    size_t len;
    wiretap_start(&tap, "/echo");
    ws_socket *ws = open_as(WS_DATA_TYPE_OBJECT, 1, tap.url);
    ws_event *event = echoed(ws, "[1]", 3);
    CHECK(is_text(ws_event_json(event), "[1]"));
    ws_event_free(event);
    CHECK(ws_send_blob(ws, "not json", 8) == WS_OK);
    event = pull(WS_EVENT_TYPE_MESSAGE);
    CHECK(ws_event_data_type(event) == WS_DATA_TYPE_BLOB);
    ws_event_free(event);
    CHECK(ws_send_text(ws, refused, WS_NUL_TERMINATED) == WS_OK);
    event = pull(WS_EVENT_TYPE_ERROR);
    CHECK(ws_errors_code(ws_event_errors(event), 0) == WS_ERR_INVALID_JSON);
    CHECK(same(ws_errors_component(ws_event_errors(event), 0), "json"));
    ws_event_free(event);
    ws_event_free(pull(WS_EVENT_TYPE_TERMINATE));
    CHECK(ws_release(ws) == WS_OK);
    wiretap_join(&tap);
    CHECK(wiretap_frame(&tap, 0, &payload, &len) == 0x81 && len == 3 && memcmp(payload, "[1]", 3) == 0);
    CHECK(wiretap_frame(&tap, 3, &payload, &len) == 0x88 && len >= 2 && payload[0] << 8 == (1007 & 0xff00));
    CHECK(payload[1] == (1007 & 0xff) && wiretap_frame(&tap, 4, &payload, &len) == -1);
}

/* What is sent as an object: white space between tokens goes, all else stays. */
static void objects_are_sent_as_given(void)
{
    static const struct { const char *given, *sent; } objects[] = {
        {" { \"b\" : 1.50 ,\t\"a\":[ 1E+2 , -0 ]\r\n} ", "{\"b\":1.50,\"a\":[1E+2,-0]}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
        {" \"a  b \\u00e9 \\/ \" ", "\"a  b \\u00e9 \\/ \""},
        {"1e999", "1e999"}, {" null", "null"}, {"[ ]", "[]"}, {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"\"\\ud83d\"", "\"\\ud83d\""},
    };
    ws_socket *ws = open_as(WS_DATA_TYPE_TEXT, 0, at("/echo"));
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        snprintf(doing, sizeof doing, "sending %s", objects[i].given);
        for (int way = 0; way < 3; way++) {
            size_t len = way == 1 ? strlen(objects[i].given) : WS_NUL_TERMINATED;
            CHECK((way == 2 ? ws_send(ws, WS_DATA_TYPE_OBJECT, objects[i].given, len, 0)
                            : ws_send_object(ws, objects[i].given, len)) == WS_OK);
            ws_event *event = pull(WS_EVENT_TYPE_MESSAGE);
            CHECK(same(ws_event_data(event, NULL), objects[i].sent) && ws_event_json(event) == NULL);
            ws_event_free(event);
        }
    }
    CHECK(ws_send_object(ws, "[1]\0", 4) == WS_ERR_INVALID_JSON && ws_send_object(ws, "\"\xff\"", 3) < 0);
    CHECK(ws_send_object(ws, nested(400), WS_NUL_TERMINATED) == WS_OK); /* the limit is for what is parsed */
    ws_event_free(pull(WS_EVENT_TYPE_MESSAGE));
    end(ws);
}

int main(void)
{
    dispatcher = ws_dispatcher_new();
    ws_socket *ws = open_as(WS_DATA_TYPE_OBJECT, 0, at("/echo"));
    members_and_items(ws);
    strings(ws);
    numbers(ws);
    other_kinds(ws);
    what_is_not_json_is_text(ws);
    end(ws);
    strict_json("not json");
    strict_json("[1,]");
    strict_json("");
    objects_are_sent_as_given();
    CHECK(ws_dispatcher_close(dispatcher) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
