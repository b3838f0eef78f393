/* A relay in front of the test server that keeps what the client sends, to look at the bytes on the wire. One
 * connection. */
#ifndef WIRETAP_H
#define WIRETAP_H

#include "host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

struct wiretap {
    char url[256]; /* of the path, through the relay */
    unsigned char sent[65536];
    size_t len;
    int listener, port;
    pthread_t thread;
};

static inline int wiretap_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static inline void *wiretap_relay(void *argument)
{
    struct wiretap *tap = argument;
    int client = accept(tap->listener, NULL, NULL), server = wiretap_to(tap->port), open = 2;
    CHECK(client >= 0);
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    while (open > 0) {
        CHECK(poll(fds, 2, PATIENCE_MS) > 0);
        for (int i = 0; i < 2; i++) {
            unsigned char bytes[4096];
            if (fds[i].fd < 0 || fds[i].revents == 0) continue;
            ssize_t got = recv(fds[i].fd, bytes, sizeof bytes, 0);
            if (got <= 0) {
                shutdown(i == 0 ? server : client, SHUT_WR);
                fds[i].fd = -1;
                open--;
                continue;
            }
            if (i == 0) {
                CHECK(tap->len + (size_t)got <= sizeof tap->sent);
                memcpy(tap->sent + tap->len, bytes, (size_t)got);
                tap->len += (size_t)got;
            }
            send(i == 0 ? server : client, bytes, (size_t)got, MSG_NOSIGNAL);
        }
    }
    close(client);
    close(server);
    return NULL;
}

static inline void wiretap_start(struct wiretap *tap, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    memset(tap, 0, sizeof *tap);
    tap->port = atoi(strrchr(at(""), ':') + 1);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    tap->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(tap->listener, (struct sockaddr *)&address, size) == 0 && listen(tap->listener, 1) == 0);
    CHECK(getsockname(tap->listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(tap->url, sizeof tap->url, "ws://127.0.0.1:%d%s", ntohs(address.sin_port), path);
    CHECK(pthread_create(&tap->thread, NULL, wiretap_relay, tap) == 0);
}

/* Waits for the end of the connection on both sides. */
static inline void wiretap_join(struct wiretap *tap)
{
    CHECK(pthread_join(tap->thread, NULL) == 0);
    close(tap->listener);
}

/* The n-th frame of the client, unmasked in place once; its first byte, or -1 if there is none. Short frames only. */
static inline int wiretap_frame(struct wiretap *tap, int n, const unsigned char **payload, size_t *len)
{
    size_t at = 4;
    while (at <= tap->len && memcmp(tap->sent + at - 4, "\r\n\r\n", 4) != 0) at++;
    for (;; n--) {
        if (at + 6 > tap->len) return -1;
        unsigned char *frame = tap->sent + at, *mask = frame + 2;
        *len = frame[1] & 0x7f;
        CHECK(frame[1] & 0x80 && *len < 126 && at + 6 + *len <= tap->len);
        for (size_t i = 0; i < *len; i++) frame[6 + i] ^= mask[i % 4];
        memset(mask, 0, 4); /* done */
        *payload = frame + 6;
        if (n == 0) return frame[0];
        at += 6 + *len;
    }
}

#endif
