/* summary: what a session was, in a few lines on standard error. */
#define _POSIX_C_SOURCE 200809L
#include "summary.h"
#include <string.h>
#include "exits.h"
#include "report.h"

static void add_count(text *t, const char *what, uint64_t messages, uint64_t bytes, uint64_t wire)
{
    text_printf(t, "  %-10s%llu message%s, ", what, (unsigned long long)messages, messages == 1 ? "" : "s");
    text_add_size(t, bytes);
    text_put(t, " (");
    text_add_size(t, wire);
    text_put(t, " on the wire)\n");
}

static void add_end(text *t, const session *s)
{
    static const char *const causes[] = {
        [NOT_CLOSING] = "",
        [BY_INPUT] = "because everything was sent",
        [BY_COUNT] = "because --count was reached",
        [BY_TIME] = "because --max-time had passed",
        [BY_SIGNAL] = "because of a signal",
        [BY_FAILURE] = "because of an error here",
        [BY_READER] = "because standard output was closed",
    };
    const ws_close_info *ended = &s->ended;
    text_put(t, "  closed    ");
    if (s->cause != NOT_CLOSING) {
        text_printf(t, "by us with %d, %s", (int)ended->code_sent, causes[s->cause]);
        if (ended->code_received != 0) text_printf(t, "; the server answered %d", (int)ended->code_received);
        else text_put(t, "; the server did not answer");
    } else if (ended->code_received != 0) {
        if (ended->code_received == 1005) text_put(t, "by the server, without a code");
        else text_printf(t, "by the server with %d", (int)ended->code_received);
    } else {
        text_printf(t, "the connection was lost: %s", ws_result_message(ended->result));
    }
    if (s->reason.len > 0) {
        text_put(t, ": ");
        text_add_safe(t, s->reason.data, s->reason.len, NULL);
    }
    text_put(t, "\n");
}

static void add_steps(text *t, const ws_stats *stats)
{
    const struct {
        const char *name;
        int64_t us;
    } steps[] = { { "name", stats->dns_us }, { "TCP", stats->tcp_us }, { "proxy", stats->proxy_us }, { "TLS", stats->tls_us }, { "upgrade", stats->upgrade_us } };
    text_put(t, "  connected in ");
    text_add_duration(t, stats->connect_us * 1000);
    const char *before = " (";
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].us < 0) continue;
        text_printf(t, "%s%s ", before, steps[i].name);
        text_add_duration(t, steps[i].us * 1000);
        before = ", ";
    }
    text_put(t, *before == ',' ? ")\n" : "\n");
}

void summary_write(const session *s, int code)
{
    text t = { 0 };
    const ws_stats *stats = &s->stats;
    text_printf(&t, "%s", report_dim());
    text_put(&t, "summary\n");
    add_steps(&t, stats);
    add_count(&t, "sent", stats->messages_sent, stats->bytes_sent, stats->wire_bytes_sent);
    add_count(&t, "received", stats->messages_received, stats->bytes_received, stats->wire_bytes_received);
    if (s->pings_sent > 0) {
        text_printf(&t, "  pings     %llu sent, %llu answered", (unsigned long long)s->pings_sent, (unsigned long long)s->pings_answered);
        if (s->pings.total > 0) {
            text_put(&t, ": ");
            histogram_words(&s->pings, &t);
        }
        text_put(&t, "\n");
    }
    text_put(&t, "  open      ");
    text_add_duration(&t, s->closed_ns - s->opened_ns);
    if (s->connections > 1) text_printf(&t, ", in %u connections", (unsigned)s->connections);
    text_put(&t, "\n");
    add_end(&t, s);
    text_printf(&t, "  exit code %d%s\n", code, report_plain());
    report_write(&t);
    text_free(&t);
}
