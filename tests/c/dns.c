/* Name lookups that go wrong, by a getaddrinfo of the test's own: one that hangs, one that hangs for IPv6 only, one with
 * a thousand addresses, one that fails now and then. `docs/hostile.md`, line 22. */
#include "host.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int hanging, released;

static void hang(void)
{
    pthread_mutex_lock(&lock);
    hanging++;
    pthread_cond_broadcast(&changed);
    while (!released) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct addrinfo *one(int family, uint32_t ipv4, struct addrinfo *next)
{
    struct addrinfo *info = calloc(1, sizeof *info);
    struct sockaddr_storage *address = calloc(1, sizeof *address);
    CHECK(info != NULL && address != NULL);
    info->ai_family = family;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)address;
    info->ai_next = next;
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)address;
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(ipv4);
        info->ai_addrlen = sizeof *in;
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
        in6->sin6_family = AF_INET6;
        in6->sin6_addr = in6addr_loopback;
        info->ai_addrlen = sizeof *in6;
    }
    return info;
}

/* The library's calls come here: a program's own function goes before the C library's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    CHECK(name != NULL && service == NULL && hints != NULL && hints->ai_socktype == SOCK_STREAM);
    int family = hints->ai_family;
    CHECK(family == AF_INET || family == AF_INET6);
    *found = NULL;
    CHECK(!strstr(name, "localhost"));
    if (strncmp(name, "hang", 4) == 0) hang();
    if (same(name, "half.test") && family == AF_INET6) hang();
    if (same(name, "broken.test")) return EAI_FAIL;
    if (same(name, "system.test")) return errno = EMFILE, EAI_SYSTEM;
    if (same(name, "again.test")) return EAI_AGAIN;
    if (same(name, "nodata.test")) return EAI_NODATA;
    if (same(name, "thousand.test")) {
        if (family == AF_INET6) return EAI_NODATA;
        for (uint32_t i = 1; i <= 1000; i++) *found = one(AF_INET, 0x7f020000 + i, *found);
        return 0;
    }
    if (family == AF_INET6 && !same(name, "both.test")) return EAI_NONAME;
    *found = one(family, INADDR_LOOPBACK, NULL);
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        free(found->ai_addr);
        free(found);
        found = next;
    }
}

static const char *url_of(const char *name)
{
    static char url[256];
    snprintf(url, sizeof url, "ws://%s:%d/echo", name, atoi(strrchr(at(""), ':') + 1));
    return url;
}

static ws_errors *must_fail(const char *url, const ws_options *o, ws_result code, const char *why)
{
    ws_errors *errors = NULL;
    CHECK(ws_new(url, NULL, o, &errors) == NULL && errors != NULL);
    if (ws_errors_code(errors, 0) != code || strstr(ws_errors_message(errors, 0), why) == NULL)
        failed(url, 0, ws_errors_message(errors, 0));
    return errors;
}

static void must_open(const char *url)
{
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new(url, NULL, NULL, &errors);
    if (ws == NULL) failed(url, 0, ws_errors_message(errors, 0));
    CHECK(ws_abort(ws) == WS_OK && ws_release(ws) == WS_OK);
}

int main(void)
{
    ws_options *o = ws_options_new();
    ws_errors *errors;

    /* What one family's name server says is used while the other's hangs. */
    must_open(url_of("half.test"));
    must_open(url_of("plain.test"));
    must_open(url_of("both.test")); /* IPv6 is refused or not, IPv4 answers */
    /* Nobody is asked for these (RFC 6761). */
    must_open(url_of("localhost"));
    must_open(url_of("dev.LocalHost"));

    /* A thousand addresses: 32 are tried, and the rest is counted. Nobody listens there. */
    errors = must_fail("ws://thousand.test:9/", NULL, WS_ERR_CONNECTION_REFUSED, "thousand.test:9");
    CHECK(ws_errors_count(errors) == 1 + 32 + 1);
    CHECK(strstr(ws_errors_message(errors, 33), "968 more addresses") != NULL);
    ws_errors_free(errors);

    /* The resolver's own words, once, though both families were asked. */
    errors = must_fail(url_of("broken.test"), NULL, WS_ERR_DNS, "broken.test");
    CHECK(ws_errors_count(errors) == 1 && same(ws_errors_component(errors, 0), "dns "));
    ws_errors_free(errors);
    ws_errors_free(must_fail(url_of("again.test"), NULL, WS_ERR_DNS, "name server"));
    ws_errors_free(must_fail(url_of("nodata.test"), NULL, WS_ERR_DNS, "has no address"));
    errors = must_fail(url_of("system.test"), NULL, WS_ERR_OUT_OF_MEMORY, "no descriptors");
    CHECK(ws_errors_os_code(errors) == EMFILE);
    ws_errors_free(errors);

    /* DNS that hangs, for many sockets at once: each has its own end, and others go on meanwhile, also with what
     * needs a worker as a lookup does. Half of them want one name, which is looked up once for each family; the others
     * have one each, and none of them keeps another name waiting. */
    enum { MANY = 100, NAMES = 1 + MANY / 2 };
    static struct host hosts[MANY];
    static ws_socket *sockets[MANY];
    for (int i = 0; i < MANY; i++) {
        host_init(&hosts[i], NULL);
        ws_handler handler = host_handler(&hosts[i]);
        char name[32] = "hang.test";
        if (i % 2) snprintf(name, sizeof name, "hang%d.test", i);
        sockets[i] = ws_new_async(url_of(name), &handler, NULL, NULL);
        CHECK(sockets[i] != NULL);
    }
    pthread_mutex_lock(&lock);
    while (hanging < 1 + 2 * NAMES) pthread_cond_wait(&changed, &lock); /* half.test hangs since it was asked for */
    pthread_mutex_unlock(&lock);
    must_open(url_of("another.test"));
    pthread_mutex_lock(&lock);
    CHECK(hanging == 1 + 2 * NAMES);
    pthread_mutex_unlock(&lock);
    ws_options *trusting = ws_options_new();
    CHECK(ws_options_set_verify(trusting, 0) == WS_OK);
    const char *localhost = strrchr(getenv("WS4D_TEST_WSS"), ':');
    char wss[256];
    snprintf(wss, sizeof wss, "wss://127.0.0.1%s/echo", localhost);
    ws_socket *ws = ws_new(wss, NULL, trusting, &errors);
    if (ws == NULL) failed(wss, 0, ws_errors_message(errors, 0));
    CHECK(ws_abort(ws) == WS_OK && ws_release(ws) == WS_OK);
    CHECK(ws_options_free(trusting) == WS_OK);
    for (int i = 0; i < MANY; i++) {
        CHECK(ws_terminate(sockets[i], 0, NULL) == WS_OK);
        host_wait(&hosts[i], 'f');
        CHECK_ENDED(&hosts[i], "tf", 1006);
        CHECK(ws_release(sockets[i]) == WS_OK);
    }
    CHECK(ws_options_set_connect_timeout_ms(o, 100) == WS_OK);
    ws_errors_free(must_fail(url_of("hang.test"), o, WS_ERR_TIMEOUT, "looking the name up"));

    /* Shutdown does not wait for a lookup that the system does not let go; later the library can be used again. */
    CHECK(ws_shutdown(PATIENCE_MS) == WS_OK);
    pthread_mutex_lock(&lock);
    released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    must_open(url_of("plain.test"));
    CHECK(ws_options_free(o) == WS_OK && ws_shutdown(PATIENCE_MS) == WS_OK);
    return 0;
}
