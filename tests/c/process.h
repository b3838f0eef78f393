/* What a process holds: for tests that do the same thing again and again. */
#ifndef PROCESS_H
#define PROCESS_H

#include "host.h"

#include <dirent.h>
#include <malloc.h>
#include <sched.h>

struct held {
    long threads, descriptors;
    size_t allocated;
};

static inline long entries(const char *folder)
{
    long count = 0;
    DIR *files = opendir(folder);
    CHECK(files != NULL);
    while (readdir(files) != NULL) count++;
    closedir(files);
    return count;
}

static inline struct held now_held(void)
{
    struct held held;
    held.threads = entries("/proc/self/task");
    held.descriptors = entries("/proc/self/fd");
    /* What is resident would depend on when the allocator gives pages back. Only glibc's says what it has given out. */
    held.allocated = 0;
#ifdef __GLIBC__
    struct mallinfo2 memory = mallinfo2();
    held.allocated = memory.uordblks + memory.hblkhd;
#endif
    return held;
}

/* Waits until no more is held than before, but for `bytes`: a joined thread may be listed a moment longer, and another one
 * may be just about to free. */
static inline void held_no_more(const char *what, struct held before, size_t bytes)
{
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (;;) {
        struct held held = now_held();
        if (held.threads <= before.threads && held.descriptors <= before.descriptors &&
            held.allocated <= before.allocated + bytes)
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(doing, sizeof doing, "%s: %ld threads, %ld descriptors, %zu bytes; before %ld, %ld, %zu", what, held.threads,
                 held.descriptors, held.allocated, before.threads, before.descriptors, before.allocated);
        if (now.tv_sec - begun.tv_sec > PATIENCE_SECONDS) failed(what, 0, "it holds no more than before");
        doing[0] = '\0';
        sched_yield();
    }
}

/* How often things are done: `small` times, or, where WS4D_LIFECYCLE says so, that number times `factor`. */
static inline int times(int small, double factor)
{
    const char *asked = getenv("WS4D_LIFECYCLE");
    return asked == NULL ? small : (int)(atoi(asked) * factor);
}

/* Only where somebody asked for much: a test says nothing. */
static inline void tell(const char *what, int count)
{
    struct held held = now_held();
    if (getenv("WS4D_LIFECYCLE") == NULL) return;
    printf("    %-28s %7d times; %zu KiB allocated, %ld threads, %ld descriptors\n", what, count, held.allocated / 1024,
           held.threads - 2, held.descriptors - 3);
    fflush(stdout);
}

#endif
