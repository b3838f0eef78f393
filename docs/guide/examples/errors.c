/* What the API reference shows of errors, names, the log and the library. Compiled by scripts/snippets.py. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <ws4d.h>

static void show_ws_errors_count(const ws_errors *errors)
{
    for (size_t i = 0; i < ws_errors_count(errors); i++) fprintf(stderr, "%s\n", ws_errors_message(errors, i));
}

static void show_ws_errors_code(const ws_errors *errors)
{
    ws_result code = ws_errors_code(errors, 0); /* the one to act on */
    if (code <= -40 && code > -60) puts("the way to the server: try again later");
}

static void show_ws_errors_message(const ws_errors *errors)
{
    const char *message = ws_errors_message(errors, 0);
    if (message != NULL) fprintf(stderr, "%s\n", message);
}

static void show_ws_errors_component(const ws_errors *errors)
{
    const char *component = ws_errors_component(errors, 0);
    if (component != NULL && strcmp(component, "tls ") == 0) puts("TLS");
}

static void show_ws_errors_os_code(const ws_errors *errors)
{
    if (ws_errors_os_code(errors) != 0) fprintf(stderr, "%s\n", strerror(ws_errors_os_code(errors)));
}

static void show_ws_errors_http_status(const ws_errors *errors)
{
    if (ws_errors_http_status(errors) == 401) puts("who are you?");
}

static void show_ws_errors_http_header(const ws_errors *errors)
{
    const char *later = ws_errors_http_header(errors, "Retry-After", 0);
    if (later != NULL) printf("again in %s s\n", later);
}

static void show_ws_errors_http_body(const ws_errors *errors)
{
    size_t len = 0;
    const void *body = ws_errors_http_body(errors, &len);
    if (body != NULL) fwrite(body, 1, len, stderr);
}

static void show_ws_errors_free(ws_handler *handler)
{
    ws_errors *errors = NULL;
    ws_socket *ws = ws_new_async("wss://feed.example/", handler, NULL, &errors);
    if (ws == NULL) fprintf(stderr, "%s\n", ws_errors_message(errors, 0));
    ws_errors_free(errors);
}

static void show_ws_status_name(const ws_socket *ws)
{
    puts(ws_status_name(ws_get_status(ws)));
}

static void show_ws_event_type_name(const ws_event *event)
{
    puts(ws_event_type_name(ws_event_get_type(event)));
}

static void show_ws_data_type_name(const ws_event *event)
{
    puts(ws_data_type_name(ws_event_data_type(event)));
}

static void show_ws_stage_name(const ws_close_info *info)
{
    printf("it ended in %s\n", ws_stage_name(info->stage));
}

static void show_ws_reconnect_end_name(const ws_reconnect_info *info)
{
    printf("no further attempt: %s\n", ws_reconnect_end_name(info->end));
}

static void show_ws_log_level_name(int32_t level, const char *message)
{
    fprintf(stderr, "%s: %s\n", ws_log_level_name(level), message);
}

static void show_ws_json_kind_name(const ws_json *value)
{
    puts(ws_json_kind_name(ws_json_get_kind(value)));
}

static void show_ws_result_name(ws_result result)
{
    fprintf(stderr, "%s\n", ws_result_name(result)); /* WS_ERR_CLOSED */
}

static void show_ws_result_message(ws_socket *ws)
{
    ws_result result = ws_send_text(ws, "hello", WS_NUL_TERMINATED);
    if (result != WS_OK) fprintf(stderr, "%s\n", ws_result_message(result));
}

static void show_ws_version_string(void)
{
    printf("libws4d %s\n", ws_version_string());
}

static void show_ws_version_number(void)
{
    if (ws_version_number() < WS4D_VERSION_NUMBER) puts("the library is older than the header");
}

static void show_ws_set_error_handler(ws_error_fn show_alert, void *window)
{
    ws_set_error_handler(show_alert, window);
}

static void show_ws_set_io_threads(void)
{
    ws_set_io_threads(2); /* before the first socket */
}

static void show_ws_set_io_thread_stack(void)
{
    ws_set_io_thread_stack(512 * 1024); /* before the first socket */
}

static void show_ws_startup(void)
{
    if (ws_startup() == WS_OK) puts("counted; ws_shutdown() counts down"); /* a plug-in, first of all */
}

static void show_ws_shutdown(void)
{
    if (ws_shutdown(5000) == WS_ERR_TIMEOUT) fputs("a callback has not come back\n", stderr);
}

static void show_ws_set_log(ws_log_fn print_line)
{
    ws_set_log(WS_LOG_LEVEL_INFO, print_line, NULL);
}

static void show_ws_add_log(ws_log_fn print_line)
{
    uint32_t id = ws_add_log(WS_LOG_LEVEL_WARN, print_line, NULL);
    if (id == 0) fputs("no memory\n", stderr);
}

static void show_ws_remove_log(uint32_t id)
{
    ws_remove_log(id); /* its function runs no more */
}
