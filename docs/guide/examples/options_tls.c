/* What the API reference shows of options of TLS. Compiled by scripts/snippets.py. */
#include <stdio.h>
#include <stdlib.h>
#include <ws4d.h>

static void show_ws_options_set_ca_file(ws_options *options)
{
    if (ws_options_set_ca_file(options, "company-ca.pem") != WS_OK)
        fprintf(stderr, "%s\n", ws_errors_message(ws_options_errors(options), 0));
}

static void show_ws_options_set_ca_pem(ws_options *options, const char *pem)
{
    ws_options_set_ca_pem(options, pem, WS_NUL_TERMINATED);
}

static void show_ws_options_set_verify(ws_options *options)
{
    ws_options_set_verify(options, 0); /* for a test, and nowhere else */
}

static void show_ws_options_set_proxy_verify(ws_options *options)
{
    ws_options_set_proxy_verify(options, 0); /* for a test, and nowhere else */
}

static void show_ws_options_set_system_trust(ws_options *options)
{
    ws_options_set_system_trust(options, 0); /* the company's authority alone */
    ws_options_set_ca_file(options, "company-ca.pem");
}

static void show_ws_options_set_crl_file(ws_options *options)
{
    ws_options_set_crl_file(options, "revoked.pem");
}

static void show_ws_options_set_client_certificate_file(ws_options *options)
{
    ws_options_set_client_certificate_file(options, "me.pem", "me.key");
}

static void show_ws_options_set_client_certificate_pem(ws_options *options, const char *chain, const char *key)
{
    ws_options_set_client_certificate_pem(options, chain, WS_NUL_TERMINATED, key, WS_NUL_TERMINATED);
}

static void show_ws_options_set_client_certificate_password(ws_options *options, const char *password)
{
    ws_options_set_client_certificate_password(options, password); /* before the key */
    ws_options_set_client_certificate_file(options, "me.pem", "me.key");
}

static void show_ws_options_set_server_name(ws_options *options)
{
    ws_options_set_server_name(options, "feed.internal"); /* the URL has its address */
}

static void show_ws_options_set_pinned_key_sha256(ws_options *options)
{
    ws_options_set_pinned_key_sha256(options, "sha256//YhKJKSzoTt2b5FP18fvpHo7fJYqQCjAa3HWY3tvRMwE=");
}

static void show_ws_options_set_min_tls_version(ws_options *options)
{
    ws_options_set_min_tls_version(options, 13);
}

static void show_ws_options_set_alpn(ws_options *options)
{
    ws_options_set_alpn(options, ""); /* none is offered */
}

static void show_ws_options_set_key_log_file(ws_options *options)
{
    const char *file = getenv("SSLKEYLOGFILE");
    if (file != NULL) ws_options_set_key_log_file(options, file);
}
