/* For LD_PRELOAD: getaddrinfo for names under ".faults.test", without a name server. The label before that says what goes wrong. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

enum { FLOOD = 2000 };

/* Addresses 127.1.x.y, each its own list of one, chained: freeaddrinfo() frees them one by one. */
static int flood(lookup *real, const struct addrinfo *hints, struct addrinfo **result)
{
    struct addrinfo **end = result;
    for (int i = 0; i < FLOOD; i++) {
        char address[32];
        struct in_addr number = {htonl(0x7f010001u + (unsigned)i)};
        inet_ntop(AF_INET, &number, address, sizeof address);
        int error = real(address, NULL, hints, end);
        if (error != 0) return error;
        while (*end != NULL) end = &(*end)->ai_next;
    }
    return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    lookup *real = (lookup *)(size_t)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *zone = name == NULL ? NULL : strstr(name, ".faults.test");
    if (zone == NULL) return real(name, service, hints, result);

    /* Any name below hang.faults.test hangs, too. */
    const char *label = zone;
    while (label > name && label[-1] != '.') label--;
    size_t length = (size_t)(zone - label);
    int ipv6 = hints != NULL && hints->ai_family == AF_INET6;
#define IS(word) (length == sizeof word - 1 && memcmp(label, word, length) == 0)
    if (IS("reset")) return EAI_AGAIN;
    if (IS("garbage")) return EAI_FAIL;
    if (IS("silence") || IS("moment") || IS("hang")) {
        struct timespec patience = {IS("hang") ? 600 : IS("silence") ? 5 : 0, 100 * 1000 * 1000};
        nanosleep(&patience, NULL);
        return EAI_AGAIN;
    }
    if (IS("flood")) return ipv6 ? EAI_NONAME : flood(real, hints, result);
    if (IS("drip")) {
        struct timespec moment = {0, 100 * 1000 * 1000};
        nanosleep(&moment, NULL);
        return ipv6 ? EAI_NONAME : real("127.0.0.1", service, hints, result);
    }
    return EAI_NONAME;
}
