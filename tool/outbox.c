/* outbox: --send and --file, in the order of the command line. A large file leaves in parts and is never in memory whole. */
#define _POSIX_C_SOURCE 200809L
#include "outbox.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "exits.h"
#include "report.h"

enum { PART = 65536, WHOLE = 1 << 20 };

static int is_input(const char *name)
{
    return strcmp(name, "-") == 0;
}

static int cannot(const char *name, const char *why)
{
    complain("--file: %s cannot be read: %s", name, why);
    return EXIT_FILE;
}

/* Before anything is sent: that the files are there. */
int outbox_check(const options *o)
{
    struct stat about;
    int inputs = 0;
    for (size_t i = 0; i < o->outgoing_count; i++) {
        const char *name = o->outgoing[i].value;
        if (!o->outgoing[i].is_file) continue;
        if (is_input(name)) {
            if (inputs++ == 0) continue;
            complain("--file - can be given only once, because it reads standard input to its end");
            return EXIT_USAGE;
        }
        if (stat(name, &about) != 0 || access(name, R_OK) != 0) return cannot(name, strerror(errno));
        if (S_ISDIR(about.st_mode)) return cannot(name, "it is a directory");
        if (S_ISREG(about.st_mode) && o->max_size > 0 && (uint64_t)about.st_size > o->max_size) {
            complain("--file: %s has %lld bytes, but --max-size allows only %zu", name, (long long)about.st_size, o->max_size);
            return EXIT_INPUT;
        }
    }
    return 0;
}

static void failed(session *s, ws_result result, const char *what)
{
    const char *hint = result == WS_ERR_INVALID_UTF8 ? "; --binary sends bytes as they are" : result == WS_ERR_TOO_LARGE ? "; see --max-size" : "";
    complain("%s was not sent: %s%s", what, ws_result_message(result), hint);
    session_finish(s, BY_FAILURE, exit_of(result, 1));
}

/* Reads some more into s->outbox.part: how many bytes; -1 where nothing is there yet, or with the reason said. Never waits: a
   pipe may have nothing to give for as long as it likes, and the session's loop goes on meanwhile. */
static ssize_t read_more(session *s, const char *name)
{
    char bytes[PART];
    struct pollfd ready = { .fd = s->outbox.fd, .events = POLLIN };
    if (poll(&ready, 1, 0) == 0) return -1;
    ssize_t got;
    do got = read(s->outbox.fd, bytes, sizeof bytes);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return -1;
    if (got < 0) session_finish(s, BY_FAILURE, cannot(name, strerror(errno)));
    if (got > 0) text_add(&s->outbox.part, bytes, (size_t)got);
    return got;
}

/* A message that is in s->outbox.part as a whole; 1 when it is sent. */
static int send_whole(session *s, int32_t type, const char *what)
{
    ws_result sent = session_send(s, type, s->outbox.part.data, s->outbox.part.len);
    if (sent == WS_ERR_WOULD_BLOCK || sent == WS_ERR_CLOSED) return 0;
    text_clear(&s->outbox.part);
    s->outbox.begun = 0;
    if (sent != WS_OK) failed(s, sent, what);
    return sent == WS_OK;
}

/* One step of a file that leaves in parts; 1 when its message is ended. */
static int send_parts(session *s, int32_t type, const char *name)
{
    outbox *out = &s->outbox;
    ws_result sent = out->begun ? WS_OK : ws_send_begin(s->socket, type, 0);
    while (sent == WS_OK) {
        out->begun = 1;
        if (out->part.len == 0) {
            ssize_t got = read_more(s, name);
            if (got < 0) return 0;
            if (got == 0) {
                sent = ws_send_end(s->socket);
                if (sent == WS_OK) return 1;
                break;
            }
        }
        sent = ws_send_part(s->socket, out->part.data, out->part.len);
        if (sent == WS_OK) text_clear(&out->part);
    }
    if (sent == WS_ERR_WOULD_BLOCK) s->blocked = 1;
    else if (sent != WS_ERR_CLOSED) failed(s, sent, name);
    return 0;
}

/* Opens a file; 0 if that cannot be. It is read as a whole where it is small or has to be. */
static int open_file(session *s, const char *name)
{
    outbox *out = &s->outbox;
    const options *o = s->o;
    int fd = is_input(name) ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        session_finish(s, BY_FAILURE, cannot(name, strerror(errno)));
        return 0;
    }
    out->fd = fd;
    out->whole = !S_ISREG(about.st_mode) || about.st_size <= WHOLE || o->json || session_records(s);
    return 1;
}

/* One read of a file that is sent as a whole; 1 at its end. The loop comes back while it is readable. */
static int read_whole(session *s, const char *name)
{
    outbox *out = &s->outbox;
    ssize_t got = read_more(s, name);
    int too_large = s->o->max_size > 0 && out->part.len > s->o->max_size; /* then the sending says so */
    if (got < 0 || (got > 0 && !too_large)) return 0;
    if (!is_input(name)) close(out->fd);
    out->fd = -1;
    out->begun = 1;
    return 1;
}

/* One of --send and --file; 1 when it is sent. */
static int send_item(session *s, const outgoing *item)
{
    outbox *out = &s->outbox;
    if (!item->is_file) {
        if (!out->begun) text_put(&out->part, item->value);
        out->begun = 1;
        return send_whole(s, WS_DATA_TYPE_TEXT, "--send");
    }
    int32_t type = s->o->binary ? WS_DATA_TYPE_BLOB : s->o->json ? WS_DATA_TYPE_OBJECT : WS_DATA_TYPE_TEXT;
    if (out->fd < 0 && !out->begun && !open_file(s, item->value)) return 0;
    if (out->fd >= 0 && out->whole && !read_whole(s, item->value)) return 0;
    if (out->fd < 0) return send_whole(s, type, item->value);
    if (!send_parts(s, type, item->value)) return 0;
    outbox_end(s);
    return 1;
}

int outbox_pump(session *s)
{
    while (s->outbox.next < s->o->outgoing_count) {
        if (!session_can_send(s) || !send_item(s, &s->o->outgoing[s->outbox.next])) return 0;
        s->outbox.next++;
    }
    return 1;
}

int outbox_fd(const session *s)
{
    return session_can_send(s) && s->outbox.whole ? s->outbox.fd : -1;
}

void outbox_again(session *s)
{
    if (s->outbox.fd < 0 || s->outbox.whole) return; /* what is whole in memory is sent again by itself */
    text_clear(&s->outbox.part);
    s->outbox.begun = 0;
    if (lseek(s->outbox.fd, 0, SEEK_SET) < 0) session_finish(s, BY_FAILURE, cannot("a file", strerror(errno)));
}

void outbox_end(session *s)
{
    if (s->outbox.fd >= 0) close(s->outbox.fd);
    s->outbox.fd = -1;
    s->outbox.begun = 0;
    text_free(&s->outbox.part);
}
