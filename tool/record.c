/* record: a session as JSON lines. */
#define _POSIX_C_SOURCE 200809L
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "exits.h"
#include "report.h"

int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void begin(record *r, int64_t time_us)
{
    if (r->began_us == 0) r->began_us = time_us;
    text_printf(r->lines, "{\"t\":%lld", (long long)(time_us > r->began_us ? time_us - r->began_us : 0));
}

static void member(text *t, const char *name, const char *value)
{
    if (value == NULL) return;
    text_printf(t, ",\"%s\":", name);
    text_add_json(t, value, strlen(value));
}

void record_open(record *r, const ws_socket *ws, int64_t time_us)
{
    begin(r, time_us);
    text_put(r->lines, ",\"type\":\"open\"");
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm utc;
    char day[40];
    if (gmtime_r(&seconds, &utc) != NULL && strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc) > 0)
        text_printf(r->lines, ",\"time\":\"%s.%06dZ\"", day, (int)(time_us % 1000000));
    member(r->lines, "url", ws_get_url(ws));
    member(r->lines, "address", ws_get_peer_address(ws));
    member(r->lines, "subprotocol", ws_get_subprotocol(ws));
    text_put(r->lines, "}\n");
}

void record_message(record *r, int64_t time_us, int out, int32_t data_type, const void *data, size_t len)
{
    begin(r, time_us);
    text_printf(r->lines, ",\"dir\":\"%s\",\"type\":\"%s\",", out ? "out" : "in", data_type == WS_DATA_TYPE_BLOB ? "binary" : "text");
    if (data_type == WS_DATA_TYPE_BLOB) {
        text_put(r->lines, "\"base64\":\"");
        text_add_base64(r->lines, data, len);
        text_put(r->lines, "\"}\n");
    } else {
        text_put(r->lines, "\"data\":");
        text_add_json(r->lines, data, len);
        text_put(r->lines, "}\n");
    }
}

void record_control(record *r, int64_t time_us, int out, const char *name, const void *data, size_t len)
{
    begin(r, time_us);
    text_printf(r->lines, ",\"dir\":\"%s\",\"type\":\"%s\",\"base64\":\"", out ? "out" : "in", name);
    text_add_base64(r->lines, data, len);
    text_put(r->lines, "\"}\n");
}

void record_close(record *r, int64_t time_us, int out, int code, const char *reason, size_t len)
{
    begin(r, time_us);
    text_printf(r->lines, ",\"dir\":\"%s\",\"type\":\"close\",\"code\":%d,\"reason\":", out ? "out" : "in", code);
    text_add_json(r->lines, reason, len);
    text_put(r->lines, "}\n");
}

void record_error(record *r, const ws_errors *errors)
{
    begin(r, now_us());
    text_put(r->lines, ",\"type\":\"error\"");
    member(r->lines, "code", ws_result_name(ws_errors_code(errors, 0)));
    member(r->lines, "message", ws_errors_message(errors, 0));
    text_put(r->lines, "}\n");
}

int record_file_open(record_file *f, const char *name)
{
    *f = (record_file){ .fd = -1, .name = name };
    if (name == NULL) return 0;
    f->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    if (f->fd >= 0) return 0;
    complain("--record: %s cannot be written: %s", name, strerror(errno));
    return EXIT_FILE;
}

int record_file_flush(record_file *f)
{
    for (size_t at = 0; f->fd >= 0 && at < f->pending.len;) {
        ssize_t written = write(f->fd, f->pending.data + at, f->pending.len - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            complain("--record: %s cannot be written: %s", f->name, strerror(errno));
            close(f->fd);
            f->fd = -1;
            return EXIT_FILE;
        }
        at += (size_t)written;
    }
    text_clear(&f->pending);
    return 0;
}

int record_file_close(record_file *f)
{
    int code = record_file_flush(f);
    if (f->fd >= 0 && close(f->fd) != 0) {
        complain("--record: %s cannot be written: %s", f->name, strerror(errno));
        code = EXIT_FILE;
    }
    f->fd = -1;
    text_free(&f->pending);
    return code;
}
