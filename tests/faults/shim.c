/*
 * For LD_PRELOAD: calls of the system that fail on demand, and allocations of 32 KiB and more. Only what the library itself
 * calls is counted and fails; the program that loads it, and the C library inside, are left alone.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Smaller blocks are always given. WS4D_FAULTS_BYTES says another limit. */
static size_t large = 32 * 1024;

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uintptr_t from, to;
static atomic_int armed, hits, counts[FAULT_COUNT];
static int nth, onwards, error_number, trace;
static enum fault_kind failing;

static int find(struct dl_phdr_info *info, size_t size, void *user_data)
{
    (void)size, (void)user_data;
    if (info->dlpi_name == NULL || strstr(info->dlpi_name, "libws4d") == NULL) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD) continue;
        if (from == 0 || begin < from) from = begin;
        if (begin + part->p_memsz > to) to = begin + part->p_memsz;
    }
    return 1;
}

void faults_arm(enum fault_kind kind, int n, int on, int error)
{
    dl_iterate_phdr(find, NULL);
    failing = kind, nth = n, onwards = on, error_number = error;
    trace = getenv("WS4D_FAULTS_TRACE") != NULL;
    if (getenv("WS4D_FAULTS_BYTES") != NULL) large = strtoul(getenv("WS4D_FAULTS_BYTES"), NULL, 10);
    for (int i = 0; i < FAULT_COUNT; i++) counts[i] = 0;
    hits = 0;
    armed = 1;
}

int faults_disarm(int told[FAULT_COUNT])
{
    armed = 0;
    for (int i = 0; i < FAULT_COUNT; i++) told[i] = counts[i];
    return hits;
}

/* Where it struck, for whoever looks into a failure; addr2line makes words of it. */
static void show(void)
{
    void *frames[64];
    armed = 0;
    backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
    armed = 1;
}

static int fails(enum fault_kind kind, const void *caller)
{
    if (!armed || (uintptr_t)caller < from || (uintptr_t)caller >= to) return 0;
    int number = ++counts[kind];
    if (nth == 0 || kind != failing || (onwards ? number < nth : number != nth)) return 0;
    hits++;
    if (trace) show();
    errno = error_number;
    return 1;
}

#define CALLER __builtin_return_address(0)
#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
/* A function of the system that gives -1, and its arguments. */
#define FAILING(kind, type, name, parameters, arguments) \
    type name parameters { return fails(kind, CALLER) ? -1 : REAL(name) arguments; }

FAILING(FAULT_SOCKET, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(FAULT_CONNECT, int, connect, (int fd, const struct sockaddr *to_, socklen_t size), (fd, to_, size))
FAILING(FAULT_SEND, ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
FAILING(FAULT_SEND, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
FAILING(FAULT_RECV, ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
FAILING(FAULT_RECV, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAILING(FAULT_SETSOCKOPT, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
        (fd, level, name, value, size))
FAILING(FAULT_EPOLL_CREATE, int, epoll_create1, (int flags), (flags))
FAILING(FAULT_EPOLL_CTL, int, epoll_ctl, (int fd, int what, int other, struct epoll_event *event),
        (fd, what, other, event))
FAILING(FAULT_EVENTFD, int, eventfd, (unsigned first, int flags), (first, flags))

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    if (fails(FAULT_THREAD, CALLER)) return error_number;
    return REAL(pthread_create)(thread, attributes, run, argument);
}

static int refuses(size_t size, const void *caller)
{
    if (size < large || !fails(FAULT_MALLOC, caller)) return 0;
    if (trace) dprintf(2, "%zu bytes were refused\n", size);
    return 1;
}

void *malloc(size_t size)
{
    return refuses(size, CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return refuses(count * size, CALLER) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return refuses(size, CALLER) ? NULL : __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (refuses(size, CALLER)) return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refuses(size, CALLER) ? NULL : __libc_memalign(alignment, size);
}
