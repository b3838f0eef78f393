/* bench_report: what was measured, and how far it is. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "bench_internal.h"
#include "exits.h"
#include "report.h"

const char *bench_name(uint32_t kind)
{
    static const char *const names[] = { [BENCH_ECHO] = "echo", [BENCH_PING] = "ping", [BENCH_THROUGHPUT] = "throughput", [BENCH_CONNECT] = "connect" };
    return names[kind];
}

static const char *const step_names[STEPS] = { "name", "TCP", "proxy", "TLS", "upgrade" };

static void report_json(const bench *b, text *out, double seconds, double rate)
{
    text_printf(out, "{\"bench\":\"%s\",\"connections\":%u,\"seconds\":%.3f,\"count\":%llu,\"per_second\":%.1f", bench_name(b->kind),
                (unsigned)b->count, seconds, (unsigned long long)b->done, rate);
    if (b->kind != BENCH_CONNECT) text_printf(out, ",\"size\":%zu", b->size);
    if (b->kind == BENCH_THROUGHPUT) text_printf(out, ",\"window\":%llu,\"bytes_per_second\":%.0f", (unsigned long long)b->window, rate * (double)b->size);
    if (b->times.total > 0) {
        text_put(out, ",\"latency\":");
        histogram_json(&b->times, out);
    }
    for (int i = 0; i < STEPS; i++) {
        if (b->steps[i].total == 0) continue;
        text_printf(out, ",\"%s\":", step_names[i]);
        histogram_json(&b->steps[i], out);
    }
    text_put(out, "}\n");
}

void bench_report(const bench *b, text *out)
{
    double seconds = (double)(b->ended_ns - b->began_ns) / 1e9, rate = seconds > 0 ? (double)b->done / seconds : 0;
    if (b->o->format == FORMAT_JSON) {
        report_json(b, out, seconds, rate);
        return;
    }
    text_printf(out, "%s: %u connection%s", bench_name(b->kind), (unsigned)b->count, b->count == 1 ? "" : "s");
    if (b->kind != BENCH_CONNECT) {
        text_put(out, ", messages of ");
        text_add_size(out, b->size);
    }
    if (b->kind == BENCH_THROUGHPUT) text_printf(out, ", %llu on their way", (unsigned long long)b->window);
    text_printf(out, ", %.1f s\n", seconds);
    const char *what = b->kind == BENCH_CONNECT ? "connections" : b->kind == BENCH_THROUGHPUT ? "messages there and back" : "round trips";
    text_printf(out, "  %llu %s, %.0f a second", (unsigned long long)b->done, what, rate);
    if (b->kind == BENCH_THROUGHPUT) {
        text_put(out, ", ");
        text_add_size(out, (uint64_t)(rate * (double)b->size));
        text_put(out, "/s each way");
    }
    text_put(out, "\n");
    if (b->times.total > 0) {
        text_put(out, "  ");
        histogram_words(&b->times, out);
        text_put(out, "\n");
    }
    for (int i = 0; i < STEPS; i++) {
        if (b->steps[i].total == 0) continue;
        text_printf(out, "    %-8s", step_names[i]);
        histogram_words(&b->steps[i], out);
        text_put(out, "\n");
    }
}

int bench_write(text *out)
{
    for (size_t at = 0; at < out->len;) {
        ssize_t written = write(STDOUT_FILENO, out->data + at, out->len - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EPIPE) return EXIT_SIGNAL + 13;
        if (written < 0) {
            complain("standard output cannot be written: %s", strerror(errno));
            return EXIT_FILE;
        }
        at += (size_t)written;
    }
    text_clear(out);
    return 0;
}

void progress_draw(bench *b)
{
    int64_t now = now_ns();
    if (!report_is_terminal() || b->o->quiet || b->began_ns == 0 || now - b->drawn_ns < 100000000) return;
    b->drawn_ns = now;
    b->drawn = 1;
    int64_t passed = now - b->began_ns, all = b->end_ns - b->began_ns;
    int width = 30, full = passed >= all ? width : (int)((double)passed / (double)all * width);
    text t = { 0 };
    text_printf(&t, "\r%-11s[", bench_name(b->kind));
    for (int i = 0; i < width; i++) text_put(&t, i < full ? "#" : ".");
    text_printf(&t, "] %llu, %.0f a second   ", (unsigned long long)b->done, passed > 0 ? (double)b->done / ((double)passed / 1e9) : 0);
    report_write(&t);
    text_free(&t);
}

void progress_end(bench *b)
{
    if (!b->drawn) return;
    text t = { 0 };
    text_printf(&t, "\r%78s\r", "");
    report_write(&t);
    text_free(&t);
}
