/* The client that Autobahn's fuzzing server examines: sends every message back, and lets the library do the rest.
 * usage: autobahn URL AGENT inline|dispatcher|pull [CA_FILE]
 * With PART_SIZE in the environment messages come in parts of so many bytes, are put together here, and go back whole.
 * Exits with 0 if every case was played; how each went, the server's report says. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ws4d.h>

/* A connection on which nothing happens for so long is given up, and after so many of them the rest of the cases:
 * then the server still writes its report. */
enum { PATIENCE_SECONDS = 40, MOST_STALLED = 5, URL_SIZE = 1024 };

static const char *server, *agent;
static enum { INLINE, DISPATCHER, PULL } mode;
static ws_dispatcher *dispatcher;
static ws_options *options;
static int stalled;

/* One connection. Its callbacks run on an I/O thread (inline) or on this one: the lock is for the former. */
typedef struct conversation {
    const char *url;
    int echo;        /* whether messages are sent back, or kept in `text` */
    char text[32];
    ws_event *held;  /* a message that found the send buffer full */
    char *gathered;  /* the parts of a message so far, or a message of parts that found the send buffer full */
    size_t gathered_len, gathered_room;
    ws_data_type gathered_type;
    int gathered_held;
    unsigned events; /* so far */
    int over, failed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} conversation;

static void complain(conversation *c, const char *what, const char *why)
{
    fprintf(stderr, "autobahn: %s: %s: %s\n", c->url, what, why);
    c->failed = 1;
}

static ws_result send_back(ws_socket *ws, const ws_event *event)
{
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    return ws_send(ws, ws_event_data_type(event), data, len, 0);
}

/* Where the server has closed meanwhile, there is nobody to send it to. */
static void judge(conversation *c, ws_result result)
{
    if (result != WS_OK && result != WS_ERR_CLOSED) complain(c, "send", ws_result_message(result));
}

static void message(conversation *c, ws_socket *ws, const ws_event *event)
{
    if (!c->echo) {
        const char *text = ws_event_data(event, NULL);
        snprintf(c->text, sizeof c->text, "%s", text);
        return;
    }
    ws_result result = send_back(ws, event);
    if (result == WS_ERR_WOULD_BLOCK) {
        /* No further message until this one is on its way. */
        if ((c->held = ws_event_retain(event)) == NULL) complain(c, "retain", "out of memory");
        result = ws_pause(ws);
    }
    judge(c, result);
}

static void gather(conversation *c, const void *data, size_t len)
{
    if (c->gathered_room - c->gathered_len < len) {
        size_t room = 2 * (c->gathered_len + len);
        char *larger = realloc(c->gathered, room);
        if (larger == NULL) {
            complain(c, "part", "out of memory");
            return;
        }
        c->gathered = larger;
        c->gathered_room = room;
    }
    if (len > 0) memcpy(c->gathered + c->gathered_len, data, len);
    c->gathered_len += len;
}

static ws_result send_gathered(conversation *c, ws_socket *ws)
{
    ws_result result = ws_send(ws, c->gathered_type, c->gathered, c->gathered_len, 0);
    c->gathered_held = result == WS_ERR_WOULD_BLOCK;
    if (!c->gathered_held) c->gathered_len = 0;
    return result;
}

static void part(conversation *c, ws_socket *ws, const ws_event *event)
{
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    if (ws_event_part_offset(event) != c->gathered_len) complain(c, "part", "it is not the next one");
    gather(c, data, len);
    if (!ws_event_part_last(event)) return;
    if (!c->echo) {
        snprintf(c->text, sizeof c->text, "%.*s", (int)c->gathered_len, c->gathered);
        c->gathered_len = 0;
        return;
    }
    c->gathered_type = ws_event_data_type(event);
    ws_result result = send_gathered(c, ws);
    judge(c, result == WS_ERR_WOULD_BLOCK ? ws_pause(ws) : result);
}

static void drain(conversation *c, ws_socket *ws)
{
    if (c->gathered_held) {
        judge(c, send_gathered(c, ws));
        judge(c, ws_resume(ws));
    }
    if (c->held == NULL) return;
    judge(c, send_back(ws, c->held));
    ws_event_free(c->held);
    c->held = NULL;
    judge(c, ws_resume(ws));
}

/* What is done with an event, wherever it comes from. */
static void handle(conversation *c, ws_socket *ws, const ws_event *event)
{
    switch (ws_event_get_type(event)) {
    case WS_EVENT_TYPE_MESSAGE: message(c, ws, event); break;
    case WS_EVENT_TYPE_PART: part(c, ws, event); break;
    case WS_EVENT_TYPE_DRAIN: drain(c, ws); break;
    case WS_EVENT_TYPE_TERMINATE:
        if (c->held != NULL) ws_event_free(c->held);
        c->held = NULL;
        free(c->gathered);
        c->gathered = NULL;
        break;
    default: break; /* an error, most of all: the server has provoked it, and wants to see a close frame */
    }
    pthread_mutex_lock(&c->lock);
    c->events++;
    c->over = ws_event_get_type(event) == WS_EVENT_TYPE_TERMINATE;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void on_event(ws_socket *ws, const ws_event *event, void *user_data) { handle(user_data, ws, event); }

/* Waits for one event, or some, and handles them where that is for this thread to do. 0: none came. */
static int turn(conversation *c)
{
    if (mode == DISPATCHER) return ws_dispatcher_wait(dispatcher, PATIENCE_SECONDS * 1000) > 0;
    if (mode == PULL) {
        ws_socket *ws;
        ws_event *event;
        if (ws_dispatcher_next(dispatcher, PATIENCE_SECONDS * 1000, &ws, &event) != 1) return 0;
        handle(ws_get_user_data(ws), ws, event);
        ws_event_free(event);
        return 1;
    }
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&c->lock);
    unsigned before = c->events;
    int waited = 0;
    while (!c->over && c->events == before && waited == 0) waited = pthread_cond_timedwait(&c->changed, &c->lock, &end);
    pthread_mutex_unlock(&c->lock);
    return waited == 0;
}

static int is_over(conversation *c)
{
    pthread_mutex_lock(&c->lock);
    int over = c->over;
    pthread_mutex_unlock(&c->lock);
    return over;
}

/* Opens a connection and goes on until it has ended. The first message goes to `text`, if that is wanted. */
static int converse(const char *path, char *text, size_t size)
{
    char url[URL_SIZE];
    if ((size_t)snprintf(url, sizeof url, "%s%s", server, path) >= sizeof url) {
        fprintf(stderr, "autobahn: too long a URL\n");
        return 0;
    }
    conversation c = { .url = url, .echo = text == NULL, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &c;
    handler.dispatcher = dispatcher;
    handler.on_message = handler.on_part = handler.on_drain = handler.on_error = handler.on_terminate = on_event;

    ws_socket *ws = ws_new(url, &handler, options, &errors);
    if (ws == NULL) {
        complain(&c, "connect", ws_errors_message(errors, 0));
        ws_errors_free(errors);
        return 0;
    }
    while (!is_over(&c)) {
        if (turn(&c)) continue;
        complain(&c, "waited in vain", ws_status_name(ws_get_status(ws)));
        stalled++;
        ws_abort(ws); /* what follows is its end, and if not even that comes, there is no going on */
        if (!turn(&c)) exit(1);
    }
    ws_release(ws);
    if (text != NULL) snprintf(text, size, "%s", c.text);
    return !c.failed;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = { "inline", "dispatcher", "pull" };
    int known = -1;
    for (int i = 0; argc > 3 && i < 3; i++)
        if (strcmp(argv[3], modes[i]) == 0) known = i;
    if (known < 0 || argc > 5) {
        fprintf(stderr, "usage: autobahn URL AGENT inline|dispatcher|pull [CA_FILE]\n");
        return 2;
    }
    server = argv[1];
    agent = argv[2];
    mode = known;
    options = ws_options_new();
    if (argc > 4 && ws_options_set_ca_file(options, argv[4]) != WS_OK) {
        fprintf(stderr, "autobahn: %s holds no certificate\n", argv[4]);
        return 2;
    }
    const char *part_size = getenv("PART_SIZE");
    if (part_size != NULL && ws_options_set_part_size(options, strtoul(part_size, NULL, 10)) != WS_OK) {
        fprintf(stderr, "autobahn: %s is no size of parts\n", part_size);
        return 2;
    }
    if (mode != INLINE) dispatcher = ws_dispatcher_new();

    char path[URL_SIZE], count[32] = "";
    int ok = converse("/getCaseCount", count, sizeof count);
    int cases = atoi(count);
    if (cases <= 0) {
        fprintf(stderr, "autobahn: the server has no cases\n");
        ok = 0;
    }
    int played = 0;
    while (played < cases && stalled < MOST_STALLED) {
        snprintf(path, sizeof path, "/runCase?case=%d&agent=%s", ++played, agent);
        ok &= converse(path, NULL, 0);
    }
    snprintf(path, sizeof path, "/updateReports?agent=%s", agent);
    ok &= converse(path, NULL, 0);

    if (dispatcher != NULL) ws_dispatcher_close(dispatcher);
    ws_options_free(options);
    ws_shutdown(5000);
    printf("%d of %d cases\n", played, cases);
    return ok && played == cases ? 0 : 1;
}
