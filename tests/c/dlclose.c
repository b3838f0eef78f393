/* dlclose with live sockets is safe: the code stays mapped under the library's threads. This program is not linked
 * with the library; the runner says where it is. */
#include "host.h"
#include "process.h"

#include <dlfcn.h>

/* The functions under the names that dlsym gives; the header has their types. */
#define FUNCTIONS(X) X(ws_new) X(ws_new_async) X(ws_send_text) X(ws_release) X(ws_shutdown) X(ws_get_status) X(ws_event_code)
#define POINTER(name) static __typeof__(name) *name##_;
FUNCTIONS(POINTER)

static int messages, terminated;

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)event, (void)user_data;
    __atomic_fetch_add(&messages, 1, __ATOMIC_RELAXED);
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    CHECK(ws_event_code_(event) == 1000);
    __atomic_store_n(&terminated, 1, __ATOMIC_RELEASE);
}

static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) failed(path, 0, dlerror());
#define FIND(name) \
    { \
        void *symbol = dlsym(library, #name); \
        CHECK(symbol != NULL); \
        memcpy(&name##_, &symbol, sizeof symbol); \
    }
    FUNCTIONS(FIND)
    return library;
}

/* Loaded, used and let go again and again: the process holds no more for it. */
static void again_and_again(const char *path)
{
    int count = times(100, 1);
    struct held before = {0};
    for (int i = 0; i < count; i++) {
        void *library = load(path);
        ws_socket *ws = ws_new_(at("/echo"), NULL, NULL, NULL);
        CHECK(ws != NULL && ws_send_text_(ws, "x", 1) == WS_OK && ws_release_(ws) == WS_OK);
        CHECK(ws_shutdown_(PATIENCE_MS) == WS_OK && dlclose(library) == 0);
        if (i == count / 10) before = now_held();
    }
    held_no_more("loads", before, 64 * 1024);
    tell("load, connect, shutdown", count);
}

int main(void)
{
    const char *path = getenv("WS4D_LIBRARY");
    CHECK(path != NULL && dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
    /* Even where no thread of it was ever started, it stays once it was there. */
    CHECK(dlclose(load(path)) == 0 && dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL);
    void *library = load(path);
    ws_handler handler = WS_HANDLER_INIT;
    handler.on_message = on_message;
    handler.on_terminate = on_terminate;
    ws_socket *ws = ws_new_(at("/flood?n=20000"), &handler, NULL, NULL);
    CHECK(ws != NULL && ws_get_status_(ws) <= WS_STATUS_CLOSED);
    CHECK(ws_release_(ws) == WS_OK);
    CHECK(ws_new_async_(at("/no-answer"), NULL, NULL, NULL) != NULL);

    /* The flood goes on: into the callbacks of this program, on a thread of a library that was let go. */
    CHECK(dlclose(library) == 0);
    while (!__atomic_load_n(&terminated, __ATOMIC_ACQUIRE)) sched_yield();
    CHECK(messages == 20000);

    /* Loaded again, it is the same, and it works. */
    library = load(path);
    ws = ws_new_(at("/idle"), NULL, NULL, NULL);
    CHECK(ws != NULL && ws_send_text_(ws, "x", 1) == WS_OK && ws_release_(ws) == WS_OK);
    CHECK(ws_shutdown_(PATIENCE_MS) == WS_OK);
    CHECK(dlclose(library) == 0);
    again_and_again(path);
    return 0;
}
