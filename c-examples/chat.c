/* chat: the keyboard and the network in one poll loop. What is typed is sent; the end of the input says goodbye. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ws4d.h>

typedef struct chat {
    char typed[4096];      /* not yet sent; lines end with a newline */
    size_t len;
    int full;              /* the send buffer is full: do not read more until on_drain */
    int input_ended, over, clean, failed;
} chat;

static void print_errors(const ws_errors *errors)
{
    for (size_t i = 0; i < ws_errors_count(errors); i++)
        fprintf(stderr, "chat: %s [%s] %s\n", ws_result_name(ws_errors_code(errors, i)), ws_errors_component(errors, i),
                ws_errors_message(errors, i));
}

static int ok(ws_result result, const char *what)
{
    if (result != WS_OK) fprintf(stderr, "chat: %s: %s\n", what, ws_result_message(result));
    return result == WS_OK;
}

/* Sends the whole lines, and after the end of the input the rest and the goodbye; 0 if a line cannot be sent. */
static int send_lines(chat *c, ws_socket *ws)
{
    c->full = 0;
    while (c->len > 0) {
        char *newline = memchr(c->typed, '\n', c->len);
        if (newline == NULL && !c->input_ended && c->len < sizeof c->typed) return 1;
        size_t line = newline != NULL ? (size_t)(newline - c->typed) : c->len;
        ws_result sent = line > 0 ? ws_send_text(ws, c->typed, line) : WS_OK;
        if (sent == WS_ERR_WOULD_BLOCK) return c->full = 1;
        if (sent != WS_ERR_CLOSED && !ok(sent, "send")) return 0;
        line += newline != NULL;
        memmove(c->typed, c->typed + line, c->len -= line);
    }
    return !c->input_ended || ok(ws_terminate(ws, 1000, "goodbye"), "terminate");
}

static void on_message(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws, (void)user_data;
    const ws_json *line = ws_event_json(event);
    const char *from = ws_json_string(ws_json_member(line, "from"), NULL);
    const char *text = ws_json_string(ws_json_member(line, "text"), NULL);
    const char *came = ws_json_string(ws_json_member(line, "join"), NULL);
    const char *went = ws_json_string(ws_json_member(line, "leave"), NULL);
    if (from != NULL && text != NULL) printf("%s: %s\n", from, text);
    if (came != NULL) printf("* %s joins; %zu in the room\n", came, ws_json_length(ws_json_member(line, "members")));
    if (went != NULL) printf("* %s leaves\n", went);
}

static void on_drain(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)event;
    if (!send_lines(user_data, ws)) ws_abort(ws);
}

static void on_error(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    ((chat *)user_data)->failed = 1;
    print_errors(ws_event_errors(event));
}

static void on_terminate(ws_socket *ws, const ws_event *event, void *user_data)
{
    (void)ws;
    chat *c = user_data;
    c->over = 1;
    c->clean = ws_event_was_clean(event);
    printf("* disconnected: %d %s\n", ws_event_code(event), ws_event_reason(event));
}

int main(int argc, char **argv)
{
    const char *ca = argc == 5 && strcmp(argv[1], "--ca") == 0 ? argv[2] : NULL;
    const char *name = argv[argc - 1];
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if ((argc != 3 && ca == NULL) || name[strspn(name, allowed)] != '\0') {
        fprintf(stderr, "usage: chat [--ca FILE] wss://host/chat NAME      (NAME: letters and digits)\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);

    int status = 1;
    char url[1024];
    chat c = { .len = 0 };
    ws_socket *ws = NULL;
    ws_errors *errors = NULL;
    ws_options *options = ws_options_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = &c;
    handler.dispatcher = ws_dispatcher_new();
    handler.on_message = on_message;
    handler.on_drain = on_drain;
    handler.on_error = on_error;
    handler.on_terminate = on_terminate;
    if (snprintf(url, sizeof url, "%s?name=%s", argv[argc - 2], name) >= (int)sizeof url) goto end;
    if (!ok(ws_options_set_data_type(options, WS_DATA_TYPE_OBJECT), "data type")) goto end;
    if (ca != NULL && !ok(ws_options_set_ca_file(options, ca), ca)) goto end;
    if ((ws = ws_new(url, &handler, options, &errors)) == NULL) {
        print_errors(errors);
        goto end;
    }

    struct pollfd fds[2] = { { .fd = STDIN_FILENO }, { .fd = (int)ws_dispatcher_fd(handler.dispatcher), .events = POLLIN } };
    while (!c.over) {
        fds[0].fd = c.full || c.input_ended ? -1 : STDIN_FILENO; /* poll passes over a negative one */
        fds[0].events = POLLIN;
        fds[0].revents = fds[1].revents = 0;
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            perror("chat: poll");
            goto end;
        }
        if (fds[1].revents != 0) {
            int32_t ran = ws_dispatcher_dispatch(handler.dispatcher, 0);
            if (ran < 0 && !ok(ran, "dispatch")) goto end;
        }
        if (fds[0].revents != 0) {
            ssize_t got = read(STDIN_FILENO, c.typed + c.len, sizeof c.typed - c.len);
            if (got < 0 && errno == EINTR) continue;
            c.input_ended = got <= 0;
            c.len += got > 0 ? (size_t)got : 0;
            if (!send_lines(&c, ws)) goto end;
        }
    }
    status = c.clean && !c.failed ? 0 : 1;

end:
    ws_release(ws);
    ws_dispatcher_close(handler.dispatcher);
    ws_options_free(options);
    ws_errors_free(errors);
    ws_shutdown(5000);
    return status;
}
