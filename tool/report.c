/* report: standard error. */
#define _POSIX_C_SOURCE 200809L
#include "report.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "words.h"

static int terminal, telling, verbose, colour;
static void (*before_line)(void *);
static void *before_data;

int use_colour(uint32_t when, int fd)
{
    if (when != WHEN_AUTO) return when == WHEN_ALWAYS;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(fd) && (no_color == NULL || *no_color == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

/* The library's log, from any thread: one write for a line. */
static void on_log(int32_t level, const char *component, const char *message, void *user_data)
{
    (void)user_data;
    text line = { 0 };
    text_printf(&line, "%s[%s] %-4s ", report_dim(), ws_log_level_name(level), component);
    text_add_safe(&line, message, strlen(message), NULL);
    text_printf(&line, "%s\n", report_plain());
    report_write(&line);
    text_free(&line);
}

void report_begin(const options *o)
{
    terminal = isatty(STDERR_FILENO);
    verbose = o->verbose > 0;
    telling = !o->quiet && (terminal || verbose);
    colour = use_colour(o->color, STDERR_FILENO);
    if (o->verbose > 1) ws_set_log(o->verbose > 2 ? WS_LOG_LEVEL_TRACE : WS_LOG_LEVEL_DEBUG, on_log, NULL);
}

void report_before(void (*flush)(void *), void *user_data)
{
    before_line = flush;
    before_data = user_data;
}

int report_is_terminal(void) { return terminal; }
int report_is_verbose(void) { return verbose; }
const char *report_dim(void) { return colour ? "\033[2m" : ""; }
const char *report_plain(void) { return colour ? "\033[0m" : ""; }

void report_write(const text *t)
{
    for (size_t at = 0; at < t->len;) {
        ssize_t written = write(STDERR_FILENO, t->data + at, t->len - at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return; /* there is nobody to be told */
        at += (size_t)written;
    }
}

static void line(const char *before, const char *after, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) return;
    if (before_line != NULL) before_line(before_data);
    char *words = grow(NULL, (size_t)len + 1, 1);
    vsnprintf(words, (size_t)len + 1, format, arguments);
    text t = { 0 };
    text_put(&t, before);
    text_add_safe(&t, words, (size_t)len, "      ");
    text_printf(&t, "%s\n", after);
    report_write(&t);
    text_free(&t);
    free(words);
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line("ws4d: ", "", format, arguments);
    va_end(arguments);
}

static void note(const char *format, va_list arguments)
{
    char before[16];
    snprintf(before, sizeof before, "%s* ", report_dim());
    line(before, report_plain(), format, arguments);
}

void tell(const char *format, ...)
{
    if (!telling) return;
    va_list arguments;
    va_start(arguments, format);
    note(format, arguments);
    va_end(arguments);
}

void explain(const char *format, ...)
{
    if (!verbose) return;
    va_list arguments;
    va_start(arguments, format);
    note(format, arguments);
    va_end(arguments);
}

/* The page of a server that refused: its first 4 KiB. The message has quoted the beginning. */
static void complain_body(const ws_errors *errors)
{
    size_t len = 0;
    const char *body = ws_errors_http_body(errors, &len);
    const char *type = ws_errors_http_header(errors, "Content-Type", 0);
    int is_text = type == NULL || strncmp(type, "text/", 5) == 0 || strstr(type, "json") != NULL || strstr(type, "xml") != NULL;
    while (len > 0 && strchr(" \r\n\t", body[len - 1]) != NULL) len--;
    if (len == 0 || !is_text || ws_errors_http_header(errors, "Content-Encoding", 0) != NULL) return;
    if (len > 4096) len = 4096;
    text page = { 0 };
    for (size_t i = 0; i < len; i++) { /* a line break is a line break */
        if (body[i] != '\r' || i + 1 == len || body[i + 1] != '\n') text_add(&page, body + i, 1);
    }
    complain("  the server says: %s", text_string(&page));
    text_free(&page);
}

void complain_errors(const ws_errors *errors)
{
    size_t count = ws_errors_count(errors);
    for (size_t i = 0; i < count && (i == 0 || verbose); i++) {
        text words = { 0 };
        words_add(&words, ws_errors_message(errors, i));
        complain("%s%s", i > 0 ? "  " : "", text_string(&words));
        text_free(&words);
    }
    if (ws_errors_http_status(errors) == 0 || !verbose) return;
    static const char *const headers[] = { "Location", "WWW-Authenticate", "Retry-After" };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const char *value = ws_errors_http_header(errors, headers[i], 0);
        if (value != NULL) complain("  %s: %s", headers[i], value);
    }
    complain_body(errors);
}

static void explain_tls(const ws_socket *ws)
{
    ws_tls_info tls = WS_TLS_INFO_INIT;
    if (ws_get_tls_info(ws, &tls) != WS_OK) return;
    explain("%s, %s, %s%s%s%s", tls.version, tls.cipher_suite, tls.key_exchange != NULL ? tls.key_exchange : "no key exchange",
            tls.alpn != NULL ? ", ALPN " : "", tls.alpn != NULL ? tls.alpn : "", tls.resumed ? ", resumed" : "");
    explain("certificate of %s, signed by %s%s", tls.subject != NULL && *tls.subject != '\0' ? tls.subject : "(no subject)",
            tls.issuer != NULL ? tls.issuer : "(unknown)", tls.verified ? "" : "; not verified");
    time_t from = (time_t)tls.not_before, until = (time_t)tls.not_after;
    struct tm a, b;
    char first[32], last[32];
    if (gmtime_r(&from, &a) != NULL && gmtime_r(&until, &b) != NULL && strftime(first, sizeof first, "%Y-%m-%d", &a) > 0 &&
        strftime(last, sizeof last, "%Y-%m-%d", &b) > 0)
        explain("valid from %s to %s; the key's SHA-256 is %s", first, last, tls.key_sha256 != NULL ? tls.key_sha256 : "unknown");
}

void explain_connection(const ws_socket *ws)
{
    if (!verbose) return;
    ws_stats stats = WS_STATS_INIT;
    explain("connected to %s", ws_get_peer_address(ws));
    explain_tls(ws);
    if (ws_get_stats(ws, &stats) == WS_OK) {
        const struct {
            const char *name;
            int64_t us;
        } steps[] = { { "name", stats.dns_us }, { "TCP", stats.tcp_us }, { "proxy", stats.proxy_us }, { "TLS", stats.tls_us },
                      { "upgrade", stats.upgrade_us }, { "in all", stats.connect_us } };
        text t = { 0 };
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            if (steps[i].us < 0) continue;
            text_printf(&t, "%s%s ", t.len > 0 ? ", " : "", steps[i].name);
            text_add_duration(&t, steps[i].us * 1000);
        }
        explain("took: %s", text_string(&t));
        text_free(&t);
    }
    /* The library gives headers by their names; these are the ones that servers of WebSockets send. */
    static const char *const headers[] = { "Server", "Date", "Via", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Set-Cookie",
                                           "X-Powered-By", "X-Request-Id", "Strict-Transport-Security", "Alt-Svc", "CF-Ray" };
    explain("HTTP %d", (int)ws_get_response_status(ws));
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const char *value;
        for (size_t k = 0; (value = ws_get_response_header(ws, headers[i], k)) != NULL; k++) explain("%s: %s", headers[i], value);
    }
}
