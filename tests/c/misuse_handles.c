/* Every function with handles that are none: NULL, stale, of another type, invented; and NULL for every pointer.
 * Each is an error or the neutral answer, and touches nothing: the live objects beside them stay as they were. */
#include "host.h"

#include "functions.h"

static int plain_freed;
static void count_free(void *user_data) { ++*(int *)user_data; }

/* Calls all functions of a group. Those of the other groups see NULL. */
#define CALL_BAD(name, args, kind) \
    snprintf(doing, sizeof doing, "%s with %s", #name, what); \
    CHECK((BAD_##kind(name args))); \
    CHECK(own_e == NULL);

static void bad_socket(ws_socket *ws, ws_result refused, const char *what)
{
    ws_event *own_e = NULL;
    SOCKET_FUNCTIONS(CALL_BAD)
}

static void bad_reconnector(ws_reconnector *r, ws_result refused, const char *what)
{
    ws_event *own_e = NULL;
    RECONNECTOR_FUNCTIONS(CALL_BAD)
}

static void bad_dispatcher(ws_dispatcher *d, ws_result refused, const char *what)
{
    ws_event *own_e = NULL;
    DISPATCHER_FUNCTIONS(CALL_BAD)
}

#define CALL_OPENING(name, args, kind) \
    snprintf(doing, sizeof doing, "%s with %s", #name, what); \
    own_errors = NULL; \
    before = plain_freed; \
    CHECK(name args == NULL); \
    CHECK(ws_errors_code(own_errors, 0) == refused); \
    CHECK(ws_errors_message(own_errors, 0)[0] != '\0'); \
    CHECK(strlen(ws_errors_component(own_errors, 0)) == 4); \
    CHECK(plain_freed == before + (handler != NULL)); \
    ws_errors_free(own_errors);

static void bad_opening(const char *url, ws_dispatcher *d, ws_options *o, ws_result refused, const char *what)
{
    ws_errors *own_errors;
    int before;
    ws_handler plain = WS_HANDLER_INIT, *handler = &plain;
    plain.user_data = &plain_freed;
    plain.on_free = count_free;
    plain.dispatcher = d;
    OPENING_FUNCTIONS(CALL_OPENING)
}

static void bad_options(ws_options *o, ws_result refused, const char *what)
{
    ws_event *own_e = NULL;
    OPTIONS_FUNCTIONS(CALL_BAD)
    if (o != NULL) bad_opening(at("/echo"), NULL, o, refused, what);
}

/* A handle as the same number in each type. */
static void bad_in_all_types(uintptr_t number, const char *what)
{
    bad_socket((ws_socket *)number, WS_ERR_INVALID_HANDLE, what);
    bad_reconnector((ws_reconnector *)number, WS_ERR_INVALID_HANDLE, what);
    bad_dispatcher((ws_dispatcher *)number, WS_ERR_INVALID_HANDLE, what);
    bad_options((ws_options *)number, WS_ERR_INVALID_HANDLE, what);
    if (number != 0) {
        bad_opening(at("/echo"), (ws_dispatcher *)number, NULL, WS_ERR_INVALID_HANDLE, what);
    }
}

static void null_pointers(void)
{
    const char *what = "NULL";
    const ws_event *e = NULL;
    const ws_json *v = NULL;
    const ws_errors *errors = NULL;
    ws_event *own_e = NULL;
    ws_errors *own_errors = NULL;
    EVENT_FUNCTIONS(CALL_BAD)
    JSON_FUNCTIONS(CALL_BAD)
    ERRORS_FUNCTIONS(CALL_BAD)
    OTHER_FUNCTIONS(CALL_BAD)
    bad_opening(NULL, NULL, NULL, WS_ERR_INVALID_ARGUMENT, "no URL");

    /* A length that nobody wants is no error, and one that is wanted is 0. */
    size_t len = 9;
    CHECK(ws_event_data(NULL, NULL) == NULL && ws_event_data_utf16(NULL, NULL) == NULL);
    CHECK(ws_json_string(NULL, NULL) == NULL && ws_json_text(NULL, NULL) == NULL);
    CHECK(ws_json_key(NULL, 0, NULL) == NULL && ws_errors_http_body(NULL, NULL) == NULL);
    CHECK(ws_event_data(NULL, &len) == NULL && len == 0);
    CHECK((len = 9, ws_event_data_utf16(NULL, &len)) == NULL && len == 0);
    CHECK((len = 9, ws_batch_items(NULL, &len)) == NULL && len == 0);
    CHECK((len = 9, ws_batch_data(NULL, &len)) == NULL && len == 0);
    CHECK((len = 9, ws_json_string(NULL, &len)) == NULL && len == 0);
    CHECK((len = 9, ws_json_text(NULL, &len)) == NULL && len == 0);
    CHECK((len = 9, ws_errors_http_body(NULL, &len)) == NULL && len == 0);
}

/* Numbers that a host could come up with, and the neighbours of live tokens. `live` is every token that is valid now: a
 * neighbour may well be one of them, and then it is no invention. */
static void invented(const uintptr_t *live, size_t count)
{
    int local = 0;
    void *heap = malloc(1);
    const uintptr_t numbers[] = {
        1, 7, 80, 0xdeadbeef, UINTPTR_MAX, (uintptr_t)INTPTR_MAX, (uintptr_t)1 << 46, ((uintptr_t)1 << 47) - 1,
        (uintptr_t)1 << 47, (uintptr_t)&local, (uintptr_t)heap, (uintptr_t)stdout,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) bad_in_all_types(numbers[i], "an invented handle");
    for (size_t i = 0; i < count; i++) {
        for (int bit = 0; bit < 64; bit++) {
            uintptr_t number = live[i] ^ (uintptr_t)1 << bit;
            int is_live = 0;
            for (size_t j = 0; j < count; j++) is_live |= number == live[j];
            if (!is_live) bad_in_all_types(number, "a token with one bit turned");
        }
    }
    free(heap);
}

static void stale(ws_dispatcher *dispatcher)
{
    struct host host;
    host_init(&host, dispatcher);
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    ws_dispatcher *d = ws_dispatcher_new();
    ws_options *o = ws_options_new();

    CHECK(ws_release(ws) == WS_OK);
    CHECK(ws_release(ws) == WS_ERR_INVALID_HANDLE);
    CHECK(ws_get_status(ws) == WS_STATUS_CONNECTED && ws_send_text(ws, "still here", WS_NUL_TERMINATED) == WS_OK);
    host_wait(&host, 'm');
    CHECK(ws_terminate(ws, 0, NULL) == WS_OK);
    host_wait(&host, 'f');
    bad_socket(ws, WS_ERR_INVALID_HANDLE, "a socket that was released and is over");
    CHECK_ENDED(&host, "omtf", 1000);

    CHECK(ws_dispatcher_close(d) == WS_OK);
    bad_dispatcher(d, WS_ERR_INVALID_HANDLE, "a dispatcher that was closed");
    bad_opening(at("/echo"), d, NULL, WS_ERR_INVALID_HANDLE, "a dispatcher that was closed");
    CHECK(ws_options_free(o) == WS_OK);
    bad_options(o, WS_ERR_INVALID_HANDLE, "options that were freed");

    /* The slots are used again, by others; the old tokens stay what they were. */
    struct host next;
    host_init(&next, dispatcher);
    ws_socket *ws2 = host_connect(&next, at("/echo"), NULL);
    ws_dispatcher *d2 = ws_dispatcher_new();
    ws_options *o2 = ws_options_new();
    CHECK(ws2 != ws && d2 != d && o2 != o);
    bad_socket(ws, WS_ERR_INVALID_HANDLE, "a stale socket whose slot was used again");
    bad_dispatcher(d, WS_ERR_INVALID_HANDLE, "a stale dispatcher whose slot was used again");
    bad_options(o, WS_ERR_INVALID_HANDLE, "stale options whose slot was used again");
    CHECK(ws_abort(ws2) == WS_OK && ws_release(ws2) == WS_OK);
    host_wait(&next, 'f');
    CHECK_ENDED(&next, "otf", 1006);
    CHECK(ws_dispatcher_close(d2) == WS_OK && ws_options_free(o2) == WS_OK);
}

/* The table of functions.h has each exported function, and no other. The runner starts tests in the root. */
static void the_table_is_complete(void)
{
    size_t listed = 0;
    char line[256], symbol[256];
    FILE *symbols = fopen("include/ws4d.symbols", "r");
    CHECK(symbols != NULL);
    while (fgets(line, sizeof line, symbols) != NULL) {
        if (line[0] == '#' || sscanf(line, "%255s", symbol) != 1) continue;
        listed++;
        snprintf(doing, sizeof doing, "looking for %s", symbol);
        size_t found = 0;
        for (size_t i = 0; i < FUNCTIONS; i++) found += same(function_names[i], symbol);
        CHECK(found == 1);
    }
    fclose(symbols);
    CHECK(listed == FUNCTIONS);
}

int main(void)
{
    the_table_is_complete();
    struct host host;
    ws_dispatcher *dispatcher = ws_dispatcher_new();
    host_init(&host, dispatcher);
    ws_socket *ws = host_connect(&host, at("/echo"), NULL);
    ws_options *options = ws_options_new();

    /* A reconnector opens a socket of its own. Once that is open no further one comes while the server keeps it, so
     * from here on nothing appears behind the test's back. */
    struct host reconnecting;
    host_init(&reconnecting, NULL);
    ws_handler handler = host_handler(&reconnecting);
    ws_reconnector *r = ws_reconnector_new(at("/echo"), &handler, NULL, NULL, NULL);
    host_wait(&reconnecting, 'o');
    ws_socket *its_socket = ws_reconnector_get_socket(r);
    CHECK(its_socket != NULL);
    const uintptr_t live[] = {
        (uintptr_t)ws, (uintptr_t)dispatcher, (uintptr_t)options, (uintptr_t)r, (uintptr_t)its_socket,
    };

    null_pointers();
    bad_in_all_types(0, "NULL");
    invented(live, 5);
    CHECK(ws_reconnector_get_socket(r) == its_socket);
    for (int i = 0; i < 4; i++) {
        if (i != 0) bad_socket((ws_socket *)live[i], WS_ERR_INVALID_HANDLE, "a handle of another type");
        if (i != 1) bad_dispatcher((ws_dispatcher *)live[i], WS_ERR_INVALID_HANDLE, "a handle of another type");
        if (i != 2) bad_options((ws_options *)live[i], WS_ERR_INVALID_HANDLE, "a handle of another type");
        if (i != 3) bad_reconnector((ws_reconnector *)live[i], WS_ERR_INVALID_HANDLE, "a handle of another type");
        CHECK(live[i] < (uintptr_t)1 << 47);
    }
    stale(dispatcher);
    stale(NULL);

    /* All the while nothing happened to the live ones. */
    CHECK(same(host.trace, "o") && ws_get_status(ws) == WS_STATUS_CONNECTED);
    CHECK(ws_send_text(ws, "alive", WS_NUL_TERMINATED) == WS_OK);
    host_wait(&host, 'm');

    /* Shut down, the tokens stay valid; the bad ones stay bad. */
    CHECK(shut_down() == WS_OK);
    null_pointers();
    bad_in_all_types(0, "NULL, after shutdown");
    stale(dispatcher);
    CHECK(ws_get_status(ws) == WS_STATUS_CLOSED && ws_send_text(ws, "x", 1) == WS_ERR_CLOSED);
    host_wait(&host, 'f');
    CHECK_ENDED(&host, "omtf", 1006);
    /* Shut down it is over, and so stale once it is released. */
    host_wait(&reconnecting, 'f');
    CHECK_ENDED(&reconnecting, "otf", 1006);
    CHECK(ws_reconnector_get_status(r) == WS_STATUS_CLOSED && ws_reconnector_release(r) == WS_OK);
    bad_reconnector(r, WS_ERR_INVALID_HANDLE, "a reconnector that is over");
    CHECK(ws_release(ws) == WS_OK && ws_options_free(options) == WS_OK && ws_dispatcher_close(dispatcher) == WS_OK);
    bad_socket(ws, WS_ERR_INVALID_HANDLE, "a socket released after shutdown");
    CHECK(shut_down() == WS_OK);
    return 0;
}
