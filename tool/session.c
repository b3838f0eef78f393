/* session: the loop between the network, standard input, signals and the clock. */
#define _POSIX_C_SOURCE 200809L
#include "session.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "connection.h"
#include "events.h"
#include "exits.h"
#include "input.h"
#include "outbox.h"
#include "report.h"
#include "signals.h"
#include "summary.h"

/* The first signal closes politely; where that goes on already, it ends the connection. */
static void on_signal(session *s)
{
    if (s->cause == NOT_CLOSING) {
        tell("closing the connection; press Ctrl-C again to quit at once");
        session_finish(s, BY_SIGNAL, EXIT_SIGNAL + signal_received());
        return;
    }
    s->cause = BY_SIGNAL;
    s->code = EXIT_SIGNAL + signal_received();
    if (s->reconnector != NULL) ws_reconnector_close(s->reconnector);
    else if (s->socket != NULL) ws_abort(s->socket);
}

/* Sends what of the recording is due; 1 when its time is over. */
static int replay_pump(session *s)
{
    while (s->replay.file != NULL && session_can_send(s)) {
        if (replay_due_ns(&s->replay) > now_ns()) return 0;
        replay_line *line = &s->replay.line;
        if (line->kind == LINE_OTHER) { /* the end of the recording */
            replay_close(&s->replay);
            return 1;
        }
        ws_result sent;
        if (line->kind == LINE_PING) sent = session_ping(s, line->data.data, line->data.len);
        else sent = session_send(s, line->kind == LINE_TEXT ? WS_DATA_TYPE_TEXT : WS_DATA_TYPE_BLOB, line->data.data, line->data.len);
        if (sent == WS_ERR_WOULD_BLOCK || sent == WS_ERR_CLOSED) {
            s->blocked = 1; /* until on_drain, or on_open of the next connection: then the line is sent */
            return 0;
        }
        if (sent != WS_OK) {
            complain("--replay: %s, line %lu: %s", s->replay.name, s->replay.number, ws_result_message(sent));
            session_finish(s, BY_FAILURE, exit_of(sent, 1));
            return 0;
        }
        int next = replay_next(&s->replay);
        if (next < 0) session_finish(s, BY_FAILURE, -next);
    }
    return s->replay.file == NULL;
}

/* Sends what is due, as far as there is room. */
static void session_pump(session *s)
{
    if (!session_can_send(s) || !outbox_pump(s) || !replay_pump(s)) return;
    input_pump(s);
    if (!s->input.reading && s->input.at == s->input.bytes.len && session_can_send(s) && s->wait_until_ns == 0)
        session_wait(s);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

/* When something is to be done though nothing happens. */
static int64_t next_time(const session *s)
{
    if (s->cause != NOT_CLOSING) return INT64_MAX;
    int64_t next = sooner(sooner(INT64_MAX, s->end_ns), s->wait_until_ns);
    if (!session_can_send(s)) return next;
    next = sooner(next, s->ping_ns);
    if (s->replay.file != NULL) next = sooner(next, replay_due_ns(&s->replay));
    return next;
}

static void do_what_is_due(session *s)
{
    int64_t now = now_ns();
    if (s->open && s->ping_ns != 0 && now >= s->ping_ns && s->cause == NOT_CLOSING) {
        session_ping(s, &now, sizeof now); /* without room, the next one will do */
        s->ping_ns = now + (int64_t)s->o->ping_ms * 1000000;
    }
    session_pump(s);
    if (s->wait_until_ns != 0 && now >= s->wait_until_ns) session_finish(s, BY_INPUT, 0);
    if (s->end_ns != 0 && now >= s->end_ns && s->cause == NOT_CLOSING) {
        tell("--max-time is over");
        session_finish(s, BY_TIME, s->was_open ? 0 : EXIT_TIMEOUT);
    }
}

/* Writes what waits for standard output and the recording. */
static void write_out(session *s)
{
    screen_flush(&s->screen);
    int error = s->screen.error;
    s->screen.error = 0; /* it is said once */
    if (error != 0 && error != EPIPE) complain("standard output cannot be written: %s", strerror(error));
    if (error != 0) session_finish(s, BY_READER, error == EPIPE ? EXIT_SIGNAL + 13 : EXIT_FILE);
    int code = record_file_flush(&s->file);
    if (code != 0) {
        s->recorded.lines = NULL;
        session_finish(s, BY_FAILURE, code);
    }
}

static void wait_and_act(session *s, int stdout_is_pipe)
{
    enum { NETWORK, SIGNAL, INPUT, FILE_INPUT, OUTPUT };
    int64_t next = next_time(s), now = now_ns();
    int64_t ms = next == INT64_MAX ? -1 : next <= now ? 0 : (next - now) / 1000000 + 1;
    struct pollfd fds[] = {
        [NETWORK] = { .fd = (int)ws_dispatcher_fd(s->dispatcher), .events = POLLIN },
        [SIGNAL] = { .fd = s->cause == BY_SIGNAL ? -1 : signals_fd(), .events = POLLIN },
        [INPUT] = { .fd = input_wanted(s) ? STDIN_FILENO : -1, .events = POLLIN },
        [FILE_INPUT] = { .fd = outbox_fd(s), .events = POLLIN }, /* the pump reads it */
        /* A pipe whose reader has gone is an error also while there is nothing to be written. */
        [OUTPUT] = { .fd = stdout_is_pipe && !s->screen.broken && s->cause == NOT_CLOSING ? STDOUT_FILENO : -1, .events = 0 },
    };
    if (poll(fds, sizeof fds / sizeof *fds, ms > 1000000 ? 1000000 : (int)ms) < 0) {
        if (errno == EINTR) return;
        complain("poll: %s", strerror(errno));
        s->code = EXIT_MACHINE;
        s->over = 1;
        return;
    }
    if (fds[SIGNAL].revents != 0) on_signal(s);
    if (fds[OUTPUT].revents & (POLLERR | POLLNVAL)) session_finish(s, BY_READER, EXIT_SIGNAL + 13);
    if (fds[NETWORK].revents != 0 && ws_dispatcher_dispatch(s->dispatcher, 0) < 0) s->over = 1;
    if (fds[INPUT].revents != 0) input_read(s);
    do_what_is_due(s);
    write_out(s);
}

static int begin(session *s)
{
    const options *o = s->o;
    ws_errors *errors = NULL;
    ws_handler handler = WS_HANDLER_INIT;
    ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
    s->dispatcher = ws_dispatcher_new();
    if (s->dispatcher == NULL || ws_dispatcher_fd(s->dispatcher) < 0) {
        complain("out of memory or file descriptors");
        return EXIT_MACHINE;
    }
    handler.dispatcher = s->dispatcher;
    events_set(&handler, &policy, s);
    if (o->max_delay_ms < policy.base_delay_ms) policy.base_delay_ms = o->max_delay_ms;
    if (o->max_delay_ms < policy.min_delay_ms) policy.min_delay_ms = o->max_delay_ms;
    policy.max_delay_ms = o->max_delay_ms;
    policy.max_attempts = o->max_attempts;
    if (o->reconnect) s->reconnector = ws_reconnector_new(s->way.url, &handler, s->way.options, &policy, &errors);
    else s->socket = ws_new_async(s->way.url, &handler, s->way.options, &errors);
    if (s->reconnector != NULL || s->socket != NULL) return 0;
    int code = exit_of(ws_errors_code(errors, 0), 0);
    complain_errors(errors);
    ws_errors_free(errors);
    return code;
}

/* The exit code of an end that is not wrong by itself. */
static int judge(const session *s)
{
    if (s->code != 0) return s->code;
    /* Theirs may have been on its way when ours left. */
    int theirs = s->cause == NOT_CLOSING || (s->cause == BY_INPUT && s->ended.code_received != (int32_t)s->o->close_code);
    if (theirs && s->ended.code_received != 0 && exit_of_close(s->ended.code_received) != 0) {
        complain("the server closed the connection with %d%s%.*s", (int)s->ended.code_received, s->reason.len > 0 ? ": " : "",
                 (int)s->reason.len, s->reason.len > 0 ? s->reason.data : "");
        return EXIT_CLOSED;
    }
    if (s->cause == BY_INPUT && s->lost != WS_OK && s->stats.messages_sent > 0) {
        complain("the connection was not closed cleanly (%s): the server may not have received everything", ws_result_message(s->lost));
        return exit_of(s->lost, 0);
    }
    if (s->o->count > s->shown) {
        complain("only %llu of the %u messages that --count asks for arrived", (unsigned long long)s->shown, (unsigned)s->o->count);
        return EXIT_COUNT;
    }
    return EXIT_WELL;
}

static void flush_screen(void *screen)
{
    screen_flush(screen);
}

static int prepare(session *s)
{
    const options *o = s->o;
    screen_begin(&s->screen, o);
    report_before(flush_screen, &s->screen);
    input_begin(&s->input, o);
    s->outbox.fd = -1;
    s->file.fd = -1;
    int code = outbox_check(o);
    if (code == 0) code = replay_open(&s->replay, o->replay, o->speed);
    if (code == 0) code = way_make(&s->way, o, s->screen.form == FORMAT_PRETTY ? WS_DATA_TYPE_OBJECT : WS_DATA_TYPE_TEXT);
    if (code == 0) code = record_file_open(&s->file, o->record);
    if (code == 0 && s->screen.form == FORMAT_JSON) s->json.lines = &s->screen.pending;
    if (code == 0 && o->record != NULL) s->recorded.lines = &s->file.pending;
    return code;
}

int session_run(const options *o)
{
    session s = { .o = o, .stats = WS_STATS_INIT, .ended = WS_CLOSE_INFO_INIT };
    int code = prepare(&s);
    struct stat about;
    int stdout_is_pipe = fstat(STDOUT_FILENO, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
    s.began_ns = now_ns();
    if (o->max_time_ms > 0) s.end_ns = s.began_ns + (int64_t)o->max_time_ms * 1000000;
    s.screen.end_ns = s.end_ns;
    if (code == 0) code = begin(&s);
    if (code == 0) {
        while (!s.over) wait_and_act(&s, stdout_is_pipe);
        write_out(&s);
        code = judge(&s);
        int telling = !o->quiet && (o->summary || (report_is_terminal() && !o->no_summary));
        if (telling && s.was_open) summary_write(&s, code);
    }
    if (s.reconnector == NULL) ws_release(s.socket);
    ws_reconnector_release(s.reconnector);
    ws_dispatcher_close(s.dispatcher);
    way_free(&s.way);
    replay_close(&s.replay);
    outbox_end(&s);
    input_end(&s.input);
    histogram_free(&s.pings);
    text_free(&s.reason);
    report_before(NULL, NULL);
    screen_end(&s.screen);
    int written = record_file_close(&s.file);
    return code != 0 ? code : written;
}
