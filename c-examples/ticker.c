/* ticker: a live table of quotes that arrive as JSON objects.
   On a terminal it redraws the table; elsewhere it prints one line a quote. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <ws4d.h>

enum { ROWS = 16, NAME = 12 };

typedef struct row {
    char symbol[NAME + 1];
    double price, change;
    unsigned long messages, drawn; /* in all, and at the last drawing */
} row;

typedef struct ticker {
    row rows[ROWS];
    int count;             /* rows in use */
    int live;              /* stdout is a terminal */
    unsigned long messages, wanted;
    int over, clean, failed;
} ticker;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void print_errors(const ws_errors *errors)
{
    for (size_t i = 0; i < ws_errors_count(errors); i++)
        fprintf(stderr, "ticker: %s [%s] %s\n", ws_result_name(ws_errors_code(errors, i)), ws_errors_component(errors, i),
                ws_errors_message(errors, i));
}

static int ok(ws_result result, const char *what)
{
    if (result != WS_OK) fprintf(stderr, "ticker: %s: %s\n", what, ws_result_message(result));
    return result == WS_OK;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    ticker *t = user_data;
    const ws_json *quote = ws_event_json(event); /* NULL: this was no JSON; the readers below bear it */
    const char *symbol = ws_json_string(ws_json_member(quote, "symbol"), NULL);
    if (symbol == NULL || (t->wanted > 0 && t->messages == t->wanted)) return;

    for (row *r = t->rows; r < t->rows + t->count; r++) {
        if (strcmp(r->symbol, symbol) != 0) continue;
        r->price = ws_json_number(ws_json_member(quote, "price"), 0);
        r->change = ws_json_number(ws_json_member(quote, "change"), 0);
        r->messages++;
        if (!t->live) printf("%-*s %12.5f %+10.5f\n", NAME, r->symbol, r->price, r->change);
        if (++t->messages == t->wanted && !ok(ws_terminate(ws, 1000, "enough"), "terminate")) ws_abort(ws);
    }
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    ((ticker *)user_data)->failed = 1;
    print_errors(ws_event_errors(event));
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    ticker *t = user_data;
    t->over = 1;
    t->clean = ws_event_was_clean(event);
    printf("closed: %d %s\n", ws_event_code(event), ws_event_reason(event));
}

static void draw(ticker *t, double elapsed, int again)
{
    if (again) printf("\033[%dA", t->count + 1); /* back to the table's first line */
    printf("\033[1m%-*s %12s %10s %8s\033[0m\n", NAME, "symbol", "price", "change", "msg/s");
    for (row *r = t->rows; r < t->rows + t->count; r++) {
        int colour = r->change < 0 ? 31 : 32;
        double rate = (double)(r->messages - r->drawn) / elapsed;
        printf("%-*s %12.5f \033[%dm%+10.5f\033[0m %8.1f\n", NAME, r->symbol, r->price, colour, r->change, rate);
        r->drawn = r->messages;
    }
    fflush(stdout);
}

/* Fills the rows from "A,B,C" and writes the order for them; 0 if the list is not usable. */
static int subscribe(ticker *t, const char *symbols, double rate, char *order, size_t size)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t used = (size_t)snprintf(order, size, "{\"subscribe\":[");
    while (t->count < ROWS) {
        size_t len = strspn(symbols, allowed);
        if (len == 0 || len > NAME) return 0;
        row *r = &t->rows[t->count++];
        memcpy(r->symbol, symbols, len); /* the NUL is there: the ticker began as zeroes */
        used += (size_t)snprintf(order + used, size - used, "%s\"%s\"", t->count > 1 ? "," : "", r->symbol);
        symbols += len;
        if (*symbols == '\0') return snprintf(order + used, size - used, "],\"rate\":%g}", rate) > 0;
        if (*symbols++ != ',') return 0;
    }
    return 0;
}

int main(int argc, char **argv)
{
    ticker t = { .wanted = 0 };
    const char *url = NULL, *ca = NULL, *symbols = "EURUSD,GBPUSD,USDJPY,DAX";
    double rate = 5;
    int usage = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--ca") == 0) ca = value, i++;
        else if (strcmp(argv[i], "--symbols") == 0) symbols = value, i++;
        else if (strcmp(argv[i], "--rate") == 0) usage |= (rate = atof(value)) <= 0, i++;
        else if (strcmp(argv[i], "--count") == 0) usage |= (t.wanted = strtoul(value, NULL, 10)) == 0, i++;
        else if (url == NULL && argv[i][0] != '-') url = argv[i];
        else usage = 1;
    }
    char order[ROWS * (NAME + 3) + 64];
    if (usage || url == NULL || !subscribe(&t, symbols, rate, order, sizeof order)) {
        fprintf(stderr, "usage: ticker [--ca FILE] [--symbols A,B,...] [--rate PER_SECOND] [--count MESSAGES]\n"
                        "              wss://host[:port]/ticker\n");
        return 2;
    }
    t.live = isatty(STDOUT_FILENO);
    if (!t.live) setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &action, NULL);

    int status = 1;
    ws_socket *ws = NULL;
    ws_errors *errors = NULL;
    ws_options *options = ws_options_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &t;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = on_message;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;
    if (!ok(ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT), "data type")) goto end;
    if (ca != NULL && !ok(ws_options_set_ca_file(options, ca), ca)) goto end;
    if ((ws = ws_new(url, &handler, options, &errors)) == NULL) {
        print_errors(errors);
        goto end;
    }
    if (!ok(ws_send_object(ws, order, WS_NUL_TERMINATED), "subscribe")) goto end;

    double drawn = seconds(), started = drawn;
    if (t.live) draw(&t, 1, 0);
    while (!t.over) {
        int32_t ran = ws_dispatcher_wait(handler.dispatcher, 100);
        if (ran < 0 && !ok(ran, "wait")) goto end;
        if (t.live && seconds() - drawn >= 0.5) {
            draw(&t, seconds() - drawn, 1);
            drawn = seconds();
        }
        if (interrupted && !ok(ws_terminate(ws, 1000, "interrupted"), "terminate")) goto end;
    }
    printf("%lu quotes in %.1f s\n", t.messages, seconds() - started);
    status = t.clean && !t.failed && t.messages >= t.wanted ? 0 : 1;

end:
    ws_release(ws);
    ws_dispatcher_close(handler.dispatcher);
    ws_options_free(options);
    ws_errors_free(errors);
    ws_shutdown(5000);
    return status;
}
