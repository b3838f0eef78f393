/*
 * One whole life of a socket while a call of the system fails, and a second one while none does. Prints one line, and ends
 * with 0 if both lives were as they must be.
 *
 *   life URL CA_FILE WAY COMPRESSION [KIND N once|on ERRNO]
 *
 * WAY is inline, dispatched, driven or pulled. Without a kind the calls are counted.
 */
#define _GNU_SOURCE
#include "shim.h"
#include "ws4d.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* AT_ONCE go out before the first has come back. */
enum { MESSAGES = 8, AT_ONCE = 4, LARGEST = 540000, UTF16 = 5, PATIENCE_S = 10 };

static const struct {
    int type;
    size_t size;
} messages[MESSAGES] = {
    {WS_DATA_TYPE_TEXT, 5},       {WS_DATA_TYPE_BLOB, 1000},   {WS_DATA_TYPE_BLOB, 40000}, {WS_DATA_TYPE_TEXT, 200000},
    {WS_DATA_TYPE_BLOB, LARGEST}, {WS_DATA_TYPE_TEXT, 100000}, {WS_DATA_TYPE_TEXT, 20},    {WS_DATA_TYPE_BLOB, 5},
};

struct life {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    ws_socket *ws;
    /* The next message, and those that were accepted, in their order. */
    int next, accepted[MESSAGES], accepted_count, echoed;
    int opened, errors, terminated, freed, wrong, ending;
    /* Of a message that nobody waits for. */
    size_t unexpected;
    /* What failed: making it, a send, a wait; and on_error. */
    ws_result made, refused, waited, error;
};

static char contents[MESSAGES][LARGEST];
static const char *url, *ca_file, *way;
static int compression;

static int is_way(const char *name) { return strcmp(way, name) == 0; }

/* Letters that neither repeat nor compress to nothing. */
static void fill(void)
{
    unsigned state = 1;
    for (int i = 0; i < MESSAGES; i++)
        for (size_t at = 0; at < messages[i].size; at++) {
            state = state * 1103515245u + 12345u;
            contents[i][at] = (char)('a' + (state >> 16) % 20);
        }
}

static ws_result send_one(ws_socket *ws, int i)
{
    static uint16_t units[LARGEST];
    if (i != UTF16) return ws_send(ws, messages[i].type, contents[i], messages[i].size, 0);
    for (size_t at = 0; at < messages[i].size; at++) units[at] = (uint16_t)contents[i][at];
    return ws_send_text_utf16(ws, units, messages[i].size);
}

/* Sends what is to be on its way by now; once all has come back, ends the conversation. */
static void go_on(struct life *life)
{
    while (life->next < MESSAGES && life->accepted_count < life->echoed + AT_ONCE) {
        int i = life->next++;
        ws_result result = send_one(life->ws, i);
        if (result == WS_OK)
            life->accepted[life->accepted_count++] = i;
        else
            life->refused = result;
    }
    if (life->next == MESSAGES && life->echoed == life->accepted_count && !life->ending) {
        life->ending = 1;
        if (ws_terminate(life->ws, 1000, "done") != WS_OK) ws_abort(life->ws);
    }
}

/* Notes an event, wherever it was delivered; anything that the order of callbacks forbids is wrong. */
static void note(struct life *life, ws_socket *ws, const ws_event *event)
{
    size_t size;
    const void *data;
    pthread_mutex_lock(&life->lock);
    if (life->terminated || life->freed) life->wrong = __LINE__;
    life->ws = ws;
    switch (ws_event_get_type(event)) {
    case WS_EVENT_TYPE_OPEN:
        if (life->opened++ || life->errors) life->wrong = __LINE__;
        break;
    case WS_EVENT_TYPE_MESSAGE:
        if (!life->opened || life->errors) life->wrong = __LINE__;
        data = ws_event_data(event, &size);
        if (life->echoed == life->accepted_count) {
            life->wrong = __LINE__;
            life->unexpected = size;
            break;
        }
        int i = life->accepted[life->echoed++];
        if (size != messages[i].size || memcmp(data, contents[i], size) != 0) life->wrong = __LINE__;
        go_on(life);
        break;
    case WS_EVENT_TYPE_ERROR:
        if (life->errors++) life->wrong = __LINE__;
        life->error = ws_errors_code(ws_event_errors(event), 0);
        if (life->error == WS_OK) life->wrong = __LINE__;
        break;
    case WS_EVENT_TYPE_TERMINATE:
        life->terminated++;
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&life->lock);
}

static void on_event(ws_socket *ws, const ws_event *event, void *user_data) { note(user_data, ws, event); }

static void on_free(void *user_data)
{
    struct life *life = user_data;
    pthread_mutex_lock(&life->lock);
    if (life->freed++) life->wrong = __LINE__;
    pthread_cond_broadcast(&life->changed);
    pthread_mutex_unlock(&life->lock);
}

static int64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* The system has failed often enough: what is left is ended by the host. */
enum { MOST_FAILED_WAITS = 3 };

/* Until on_free has run, or all patience is over. */
static void live_on(struct life *life, ws_dispatcher *d)
{
    int64_t end = now_s() + PATIENCE_S;
    int failed_waits = 0;
    while (!life->freed && now_s() < end && failed_waits < MOST_FAILED_WAITS) {
        ws_socket *ws;
        ws_event *event = NULL;
        /* Once TERMINATE was pulled, a call runs on_free and has nothing to wait for. */
        int timeout_ms = is_way("pulled") && life->terminated ? 0 : 1000;
        int result = is_way("pulled") ? ws_dispatcher_next(d, timeout_ms, &ws, &event) : ws_dispatcher_wait(d, timeout_ms);
        if (event != NULL) note(life, ws, event);
        ws_event_free(event);
        if (result < 0) {
            life->waited = result;
            failed_waits++;
        }
    }
}

static void wait_for_others(struct life *life)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&life->lock);
    while (!life->freed && pthread_cond_timedwait(&life->changed, &life->lock, &end) == 0) {}
    pthread_mutex_unlock(&life->lock);
}

static ws_options *make_options(void)
{
    ws_options *o = ws_options_new();
    ws_options_set_compression(o, compression ? 6 : 0);
    ws_options_set_compression_min_size(o, 0);
    ws_options_set_system_trust(o, 0);
    /* What cannot be sent is given up after that time, in which the server may still say why. */
    ws_options_set_close_timeout_ms(o, 300);
    if (strncmp(url, "wss:", 4) == 0) ws_options_set_ca_file(o, ca_file);
    return o;
}

static void live(struct life *life, ws_dispatcher *d, const ws_options *o)
{
    ws_handler handler = WS_HANDLER_INIT;
    ws_errors *errors = NULL;
    int asynchronous = is_way("inline") || is_way("pulled");
    handler.user_data = life;
    handler.dispatcher = d;
    if (!is_way("pulled"))
        handler.on_open = handler.on_message = handler.on_error = handler.on_terminate = on_event;
    handler.on_free = on_free;
    ws_socket *ws = (asynchronous ? ws_new_async : ws_new)(url, &handler, o, &errors);
    life->made = ws == NULL ? ws_errors_code(errors, 0) : WS_OK;
    if (ws == NULL && life->made == WS_OK) life->wrong = __LINE__;
    if (ws != NULL && errors != NULL) life->wrong = __LINE__;
    ws_errors_free(errors);
    if (ws == NULL) return;

    pthread_mutex_lock(&life->lock);
    life->ws = ws;
    go_on(life);
    pthread_mutex_unlock(&life->lock);
    if (d != NULL)
        live_on(life, d);
    else
        wait_for_others(life);
    if (ws_release(ws) != WS_OK) life->wrong = __LINE__;
}

/* Why it was not as it must be; NULL if it was. `sound`: nothing may fail. */
static const char *judge(const struct life *life, int sound)
{
    int failed = life->made != WS_OK || life->error != WS_OK || life->waited != WS_OK;
    if (life->wrong) return "an event in the wrong place, or wrong in itself";
    if (life->freed != 1) return "on_free did not run once";
    if (life->made == WS_OK && life->terminated != 1 && life->waited == WS_OK) return "no on_terminate";
    if (life->made != WS_OK && life->terminated != 0) return "on_terminate of a socket that was never made";
    if (life->echoed < life->accepted_count && !failed) return "accepted, lost, and no error";
    if (sound && (failed || life->refused != WS_OK || life->echoed != MESSAGES)) return "the second life failed";
    return NULL;
}

static int tell(const char *name, const struct life *life, const char *why)
{
    printf("%s: made %d, sent %d, accepted %d, echoed %d, refused %d, waited %d, on_error %d, opened %d, terminated %d, "
           "freed %d, unexpected %zu, line %d: %s\n", name, life->made, life->next, life->accepted_count, life->echoed, life->refused,
           life->waited, life->error, life->opened, life->terminated, life->freed, life->unexpected, life->wrong, why ? why : "well");
    return why != NULL;
}

static int one_life(const char *name, int sound)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    struct life life = {.changed = PTHREAD_COND_INITIALIZER};
    pthread_mutex_init(&life.lock, &recursive);
    ws_dispatcher *d = NULL;
    if (!is_way("inline")) d = is_way("driven") ? ws_dispatcher_new_driving() : ws_dispatcher_new();
    if (!is_way("inline") && d == NULL) {
        printf("%s: no dispatcher\n", name);
        return sound;
    }
    ws_options *o = make_options();
    live(&life, d, o);
    ws_options_free(o);
    if (d != NULL && ws_dispatcher_close(d) != WS_OK) life.wrong = __LINE__;
    ws_result shut = ws_shutdown(PATIENCE_S * 1000);
    if (shut != WS_OK) printf("%s: ws_shutdown %d\n", name, shut);
    return tell(name, &life, judge(&life, sound)) || shut != WS_OK;
}

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

static const char *const kinds[] = {
#define FAULT_WORD(kind, word) word,
    FAULT_KINDS(FAULT_WORD)
};

static int kind_of(const char *word)
{
    int kind = 0;
    while (kind < FAULT_COUNT && strcmp(kinds[kind], word) != 0) kind++;
    return kind;
}

int main(int argc, char **argv)
{
    int counts[FAULT_COUNT];
    faults_arm_fn *arm = (faults_arm_fn *)(size_t)dlsym(RTLD_DEFAULT, "faults_arm");
    faults_disarm_fn *disarm = (faults_disarm_fn *)(size_t)dlsym(RTLD_DEFAULT, "faults_disarm");
    if ((argc != 5 && argc != 9) || arm == NULL || disarm == NULL) return 2;
    url = argv[1], ca_file = argv[2], way = argv[3], compression = atoi(argv[4]);
    fill();
    setvbuf(stdout, NULL, _IOLBF, 0);
    int before = descriptors();
    if (argc == 9)
        arm(kind_of(argv[5]), atoi(argv[6]), strcmp(argv[7], "on") == 0, atoi(argv[8]));
    else
        arm(FAULT_SOCKET, 0, 0, 0);
    int failed = one_life("first", argc == 5);
    int hits = disarm(counts);
    printf("hits %d;", hits);
    for (int kind = 0; kind < FAULT_COUNT; kind++) printf(" %s=%d", kinds[kind], counts[kind]);
    printf("\n");
    failed |= one_life("second", 1);
    if (descriptors() != before) {
        printf("descriptors: %d before, %d after\n", before, descriptors());
        failed = 1;
    }
    return failed;
}
