/* words: options instead of functions. */
#include "words.h"
#include <string.h>

static const char prefix[] = "ws_options_set_";
/* A longer name stands before one with which it begins. */
static const struct {
    const char *function, *option;
} names[] = {
    { "ca_file", "--ca" },
    { "client_certificate_file", "--cert" },
    { "client_certificate_password", "--key-password" },
    { "close_timeout_ms", "--close-timeout" },
    { "compression 0", "--no-compression" },
    { "compression is 0", "--no-compression" },
    { "compression", "--compression" },
    { "connect_timeout_ms", "--timeout" },
    { "connect_to", "--connect-to" },
    { "cookie", "--cookie" },
    { "crl_file", "--crl" },
    { "header", "--header" },
    { "idle_timeout_ms", "--idle-timeout" },
    { "key_log_file", "--key-log" },
    { "local_address", "--bind" },
    { "max_message_size", "--max-size" },
    { "max_redirects", "--redirects" },
    { "min_tls_version", "--tls-min" },
    { "ping_interval_ms", "--ping" },
    { "ping_timeout_ms", "--ping-timeout" },
    { "pinned_key_sha256", "--pin" },
    { "proxy_header", "--proxy-header" },
    { "proxy_verify", "--insecure (which does not concern proxies)" },
    { "proxy", "--proxy" },
    { "resolve", "--resolve" },
    { "server_name", "--server-name" },
    { "subprotocol", "--subprotocol" },
    { "system_trust", "--no-system-trust" },
    { "unix_socket", "--unix" },
    { "verify", "--insecure" },
};

void words_add(text *t, const char *message)
{
    const char *found;
    while ((found = strstr(message, prefix)) != NULL) {
        text_add(t, message, (size_t)(found - message));
        message = found + sizeof prefix - 1;
        size_t i = 0, count = sizeof names / sizeof *names;
        while (i < count && strncmp(message, names[i].function, strlen(names[i].function)) != 0) i++;
        text_put(t, i < count ? names[i].option : prefix);
        message += i < count ? strlen(names[i].function) : 0;
    }
    text_put(t, message);
}

void words_add_refusal(text *t, const char *message)
{
    static const char refused[] = ") is refused: ";
    const char *end = strstr(message, refused), *begin = strchr(message, '(');
    if (strncmp(message, prefix, sizeof prefix - 1) == 0 && begin != NULL && end != NULL && begin < end) {
        text_add(t, begin + 1, (size_t)(end - begin - 1));
        text_put(t, ": ");
        message = end + sizeof refused - 1;
    }
    words_add(t, message);
}
