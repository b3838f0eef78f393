/*
 * Every call of a function of the host goes through this file.
 *
 * A thread may be ended inside such a function: by pthread_exit(), by pthread_cancel(), or by an interpreter that ends
 * the threads which ask for its lock. On glibc that is a forced unwind, which must not enter Rust frames: the runtime
 * aborts the process there. So each call stands between pthread_cleanup_push() and pthread_cleanup_pop(). The cleanup
 * handler tells the library that this call will never return (`ended`), and then parks the thread for good, so that the
 * unwind ends in this frame. Systems that run cleanup handlers without unwinding (musl, macOS) stop here as well.
 *
 * Windows has neither forced unwinding nor cancellation; there each function below is a plain call.
 */

#include <stddef.h>
#include <stdint.h>

#ifndef _WIN32
#include <pthread.h>
#include <unistd.h>

static void park(void *ended) {
    void (*tell)(void);
    *(void **)&tell = ended;
    tell();
    for (;;)
        pause();
}

/* A function pointer as the argument of a cleanup handler: POSIX lets it pass through `void *`. */
#define GUARDED(ended, call)                        \
    do {                                            \
        pthread_cleanup_push(park, *(void **)&ended); \
        call;                                       \
        pthread_cleanup_pop(0);                     \
    } while (0)
#else
#define GUARDED(ended, call) \
    do {                     \
        (void)ended;         \
        call;                \
    } while (0)
#endif

typedef void (*ended_fn)(void);

/* ws_callback */
void ws4d_host_callback(ended_fn ended, void (*function)(void *, const void *, void *), void *ws, const void *event,
                        void *user_data) {
    GUARDED(ended, function(ws, event, user_data));
}

/* on_free, ws_wake_fn */
void ws4d_host_notify(ended_fn ended, void (*function)(void *), void *user_data) {
    GUARDED(ended, function(user_data));
}

/* ws_error_fn */
void ws4d_host_error(ended_fn ended, void (*function)(const void *, void *), const void *errors, void *user_data) {
    GUARDED(ended, function(errors, user_data));
}

/* ws_log_fn */
void ws4d_host_log(ended_fn ended, void (*function)(int32_t, const char *, const char *, void *), int32_t level,
                   const char *component, const char *message, void *user_data) {
    GUARDED(ended, function(level, component, message, user_data));
}

/* ws_reconnect_attempt_fn */
const char *ws4d_host_attempt(ended_fn ended, const char *(*function)(void *, void *, uint32_t, void *), void *r,
                              void *options, uint32_t attempt, void *user_data) {
    const char *volatile url = NULL;
    GUARDED(ended, url = function(r, options, attempt, user_data));
    return url;
}

/* ws_reconnect_fn */
void ws4d_host_reconnect(ended_fn ended, void (*function)(void *, const void *, void *), void *r, const void *info,
                         void *user_data) {
    GUARDED(ended, function(r, info, user_data));
}

/* ws_reconnect_final_fn */
int32_t ws4d_host_is_final(ended_fn ended, int32_t (*function)(void *, const void *, void *), void *r, const void *info,
                           void *user_data) {
    volatile int32_t final = 0;
    GUARDED(ended, final = function(r, info, user_data));
    return final;
}

/* ws_socket_fn */
int32_t ws4d_host_socket(ended_fn ended, int32_t (*function)(intptr_t, const char *, void *), intptr_t descriptor,
                         const char *address, void *user_data) {
    volatile int32_t refused = 0;
    GUARDED(ended, refused = function(descriptor, address, user_data));
    return refused;
}
