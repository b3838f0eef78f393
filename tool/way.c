/* way: the URL and the library's options. */
#define _POSIX_C_SOURCE 200809L
#include "way.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "exits.h"
#include "report.h"
#include "signals.h"
#include "words.h"

/* What a setter refused, in the option's name. */
static int judge(ws_result result, const char *option, const ws_options *options)
{
    if (result == WS_OK) return 0;
    const char *why = ws_errors_message(ws_options_errors(options), 0);
    text words = { 0 };
    words_add_refusal(&words, why != NULL ? why : ws_result_message(result));
    complain("--%s %s", option, text_string(&words));
    text_free(&words);
    return result == WS_ERR_FILE ? EXIT_FILE : exit_of(result, 0) == EXIT_MACHINE ? EXIT_MACHINE : EXIT_USAGE;
}

static int set_each(const list *items, const char *option, ws_options *options, ws_result (*set)(ws_options *, const char *))
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < items->count; i++) code = judge(set(options, items->items[i]), option, options);
    return code;
}

static int set_text(const char *value, const char *option, ws_options *options, ws_result (*set)(ws_options *, const char *))
{
    return value == NULL ? 0 : judge(set(options, value), option, options);
}

/* 'NAME: VALUE' */
static int set_headers(const list *headers, const char *option, ws_options *options,
                       ws_result (*set)(ws_options *, const char *, const char *))
{
    for (size_t i = 0; i < headers->count; i++) {
        const char *line = headers->items[i], *colon = strchr(line, ':');
        if (colon == NULL) {
            complain("--%s expects 'NAME: VALUE', and \"%s\" has no colon", option, line);
            return EXIT_USAGE;
        }
        text name = { 0 };
        text_add(&name, line, (size_t)(colon - line));
        int code = judge(set(options, text_string(&name), colon + 1 + strspn(colon + 1, " \t")), option, options);
        text_free(&name);
        if (code != 0) return code;
    }
    return 0;
}

/* Cuts the next part of HOST:PORT:…, where a host may stand in brackets. 1; or 0: there is none. */
static int cut(const char **at, char last, text *part)
{
    text_clear(part);
    if (**at == '[') {
        size_t len = strcspn(*at, "]");
        if ((*at)[len] != ']') return 0;
        text_add(part, *at + 1, len - 1);
        *at += len + 1;
    } else {
        size_t len = last == '\0' ? strlen(*at) : strcspn(*at, ":");
        text_add(part, *at, len);
        *at += len;
    }
    text_string(part);
    if (**at != last) return 0;
    *at += last != '\0';
    return 1;
}

static int port_of(text *part, uint32_t *port, int may_be_empty)
{
    *port = 0;
    return part->len == 0 ? may_be_empty : read_number(text_string(part), 1, 65535, port);
}

static int set_routes(const options *o, ws_options *options)
{
    text host = { 0 }, to = { 0 }, number = { 0 };
    uint32_t port, to_port;
    int code = 0;
    for (size_t i = 0; code == 0 && i < o->resolve.count; i++) {
        const char *at = o->resolve.items[i];
        if (cut(&at, ':', &host) && cut(&at, ':', &number) && port_of(&number, &port, 0) && cut(&at, '\0', &to)) {
            code = judge(ws_options_set_resolve(options, text_string(&host), (uint16_t)port, text_string(&to)), "resolve", options);
        } else {
            complain("--resolve expects HOST:PORT:ADDRESS, not \"%s\"", o->resolve.items[i]);
            code = EXIT_USAGE;
        }
    }
    for (size_t i = 0; code == 0 && i < o->connect_to.count; i++) {
        const char *at = o->connect_to.items[i];
        if (cut(&at, ':', &host) && cut(&at, ':', &number) && port_of(&number, &port, 1) && cut(&at, ':', &to) &&
            cut(&at, '\0', &number) && port_of(&number, &to_port, 1)) {
            code = judge(ws_options_set_connect_to(options, text_string(&host), (uint16_t)port, text_string(&to), (uint16_t)to_port),
                         "connect-to", options);
        } else {
            complain("--connect-to expects HOST:PORT:HOST:PORT, not \"%s\"", o->connect_to.items[i]);
            code = EXIT_USAGE;
        }
    }
    text_free(&host);
    text_free(&to);
    text_free(&number);
    return code;
}

/* A secret, or with @ the first line of a file, which `ps` does not show. */
static int read_secret(const char *value, const char *option, text *secret)
{
    text_clear(secret);
    if (*value != '@') {
        text_put(secret, value);
        return 0;
    }
    FILE *file = fopen(value + 1, "r");
    int c = EOF, failed = file == NULL ? errno : 0;
    while (file != NULL && (c = getc(file)) != EOF && c != '\n' && secret->len < 65536) {
        char byte = (char)c;
        text_add(secret, &byte, 1);
    }
    if (file != NULL && ferror(file)) failed = errno;
    if (file != NULL) fclose(file);
    if (secret->len > 0 && secret->data[secret->len - 1] == '\r') secret->len--;
    if (failed == 0) return 0;
    complain("--%s: %s cannot be read: %s", option, value + 1, strerror(failed));
    return EXIT_FILE;
}

static int set_secrets(const options *o, ws_options *options)
{
    text secret = { 0 };
    int code = 0;
    if (o->bearer != NULL && (code = read_secret(o->bearer, "bearer", &secret)) == 0) {
        text value = { 0 };
        text_printf(&value, "Bearer %s", text_string(&secret));
        code = judge(ws_options_set_header(options, "Authorization", text_string(&value)), "bearer", options);
        text_free(&value);
    }
    if (code == 0 && o->key_password != NULL && (code = read_secret(o->key_password, "key-password", &secret)) == 0)
        code = judge(ws_options_set_client_certificate_password(options, text_string(&secret)), "key-password", options);
    text_free(&secret);
    return code;
}

/* Options that have numbers, all of them judged when the command line was read. */
static int set_numbers(const options *o, ws_options *options, int32_t data_type)
{
    /* With pings of ours a server that lives is never silent for longer than that. */
    uint32_t idle = o->idle_timeout_ms;
    if (o->ping_ms > 0 && idle == 0 && o->ping_timeout_ms > 0 && o->ping_ms < NOT_SAID - o->ping_timeout_ms) idle = o->ping_ms + o->ping_timeout_ms;
    const struct {
        const char *option;
        ws_result result;
    } results[] = {
        { "timeout", ws_options_set_connect_timeout_ms(options, o->timeout_ms) },
        { "close-timeout", ws_options_set_close_timeout_ms(options, o->close_timeout_ms) },
        { "idle-timeout", ws_options_set_idle_timeout_ms(options, idle) },
        { "redirects", ws_options_set_max_redirects(options, o->redirects) },
        { "max-size", ws_options_set_max_message_size(options, o->max_size) },
        { "compression", ws_options_set_compression(options, o->no_compression ? 0 : (int32_t)o->compression) },
        { "tls-min", ws_options_set_min_tls_version(options, o->tls_min == 0 ? 12 : 13) },
        { "no-system-trust", ws_options_set_system_trust(options, !o->no_system_trust) },
        { "insecure", ws_options_set_verify(options, !o->insecure) },
        { "format", ws_options_set_data_type(options, data_type) },
    };
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof results / sizeof *results; i++) code = judge(results[i].result, results[i].option, options);
    return code;
}

static int set_all(const options *o, ws_options *options, int32_t data_type)
{
    int code = set_numbers(o, options, data_type);
    if (code == 0) code = set_headers(&o->headers, "header", options, ws_options_set_header);
    if (code == 0) code = set_headers(&o->proxy_headers, "proxy-header", options, ws_options_set_proxy_header);
    if (code == 0 && o->origin != NULL) code = judge(ws_options_set_header(options, "Origin", o->origin), "origin", options);
    if (code == 0) code = set_each(&o->cookies, "cookie", options, ws_options_set_cookie);
    if (code == 0) code = set_each(&o->subprotocols, "subprotocol", options, ws_options_set_subprotocol);
    if (code == 0) code = set_each(&o->cas, "ca", options, ws_options_set_ca_file);
    if (code == 0) code = set_each(&o->crls, "crl", options, ws_options_set_crl_file);
    if (code == 0) code = set_each(&o->pins, "pin", options, ws_options_set_pinned_key_sha256);
    if (code == 0) code = set_text(o->proxy, "proxy", options, ws_options_set_proxy);
    if (code == 0) code = set_text(o->unix_socket, "unix", options, ws_options_set_unix_socket);
    if (code == 0) code = set_text(o->bind, "bind", options, ws_options_set_local_address);
    if (code == 0) code = set_text(o->server_name, "server-name", options, ws_options_set_server_name);
    if (code == 0) code = set_text(o->key_log, "key-log", options, ws_options_set_key_log_file);
    if (code == 0) code = set_routes(o, options);
    if (code == 0) code = set_secrets(o, options);
    if (code == 0 && o->cert != NULL)
        code = judge(ws_options_set_client_certificate_file(options, o->cert, o->key != NULL ? o->key : o->cert), "cert", options);
    return code;
}

/* NAME:PASSWORD as a URL has it, or NAME with the password asked for. */
static int add_user(text *url, const char *user)
{
    size_t name = strcspn(user, ":");
    text password = { 0 };
    if (user[name] == ':') {
        text_put(&password, user + name + 1);
    } else if (!password_ask(user, &password)) {
        text_free(&password);
        if (signal_received() != 0) return EXIT_SIGNAL + signal_received();
        complain("--user \"%s\" has no password, and there is no terminal to ask for one; use --user NAME:PASSWORD", user);
        return EXIT_USAGE;
    }
    text_add_percent(url, user, name);
    text_put(url, ":");
    text_add_percent(url, password.data, password.len);
    text_put(url, "@");
    if (password.len > 0) memset(password.data, 0, password.len);
    text_free(&password);
    return 0;
}

static int make_url(text *url, const options *o)
{
    static const char *const schemes[][2] = { { "ws://", "ws://" }, { "wss://", "wss://" }, { "http://", "ws://" }, { "https://", "wss://" } };
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(o->url, schemes[i][0], strlen(schemes[i][0])) != 0) continue;
        rest = o->url + strlen(schemes[i][0]);
        text_put(url, schemes[i][1]);
    }
    if (rest == NULL) {
        complain("\"%s\" is not the URL of a WebSocket server, which begins with ws:// or wss://", o->url);
        return EXIT_USAGE;
    }
    if (o->user != NULL) {
        size_t authority = strcspn(rest, "/?#");
        if (memchr(rest, '@', authority) != NULL) {
            complain("the URL and --user both name a user; use only one of them");
            return EXIT_USAGE;
        }
        int code = add_user(url, o->user);
        if (code != 0) return code;
    }
    text_put(url, rest);
    return 0;
}

int way_make(way *w, const options *o, int32_t data_type)
{
    text url = { 0 };
    *w = (way){ NULL, NULL };
    w->options = ws_options_new();
    if (w->options == NULL) {
        complain("out of memory");
        return EXIT_MACHINE;
    }
    int code = set_all(o, w->options, data_type);
    if (code == 0) code = make_url(&url, o);
    w->url = text_string(&url);
    return code;
}

void way_free(way *w)
{
    if (w->url != NULL) memset(w->url, 0, strlen(w->url)); /* it may have a password */
    free(w->url);
    if (w->options != NULL) ws_options_free(w->options);
    *w = (way){ NULL, NULL };
}
