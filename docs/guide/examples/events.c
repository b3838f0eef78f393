/* What the API reference shows of events. Compiled by scripts/snippets.py. */
#include <inttypes.h>
#include <stdio.h>
#include <ws4d.h>

static void show_ws_event_get_type(const ws_event *event)
{
    if (ws_event_get_type(event) == WS_EVENT_TYPE_MESSAGE) puts("a message");
}

static void show_ws_event_data_type(const ws_event *event)
{
    if (ws_event_data_type(event) == WS_DATA_TYPE_BLOB) puts("bytes");
}

static void show_ws_event_data(const ws_event *event)
{
    size_t len = 0;
    const void *data = ws_event_data(event, &len);
    fwrite(data, 1, len, stdout);
}

static void show_ws_event_data_utf16(const ws_event *event, void (*show)(const uint16_t *units, size_t count))
{
    size_t units = 0;
    const uint16_t *text = ws_event_data_utf16(event, &units);
    if (text != NULL) show(text, units);
}

static void show_ws_event_json(const ws_event *event)
{
    const ws_json *root = ws_event_json(event); /* the option data_type is object */
    if (root != NULL) printf("%g\n", ws_json_number(ws_json_member(root, "price"), 0));
}

static void show_ws_event_errors(const ws_event *event)
{
    const ws_errors *errors = ws_event_errors(event);
    for (size_t i = 0; i < ws_errors_count(errors); i++) fprintf(stderr, "%s\n", ws_errors_message(errors, i));
}

static void show_ws_event_code(const ws_event *event)
{
    if (ws_event_code(event) == 1006) puts("the server said nothing");
}

static void show_ws_event_reason(const ws_event *event)
{
    const char *reason = ws_event_reason(event);
    if (reason != NULL) printf("closed: %s\n", reason);
}

static void show_ws_event_was_clean(const ws_event *event)
{
    puts(ws_event_was_clean(event) ? "closed in good order" : "cut off");
}

static void show_ws_event_part_offset(const ws_event *event)
{
    printf("%" PRIu64 " bytes came before\n", ws_event_part_offset(event));
}

static void show_ws_event_part_last(const ws_event *event, FILE *file)
{
    if (ws_event_part_last(event)) fclose(file);
}

static void show_ws_event_time_us(const ws_event *event)
{
    printf("it came at %.6f\n", (double)ws_event_time_us(event) / 1e6);
}

static void show_ws_event_retain(const ws_event *event, void (*give_to_a_worker)(ws_event *kept))
{
    ws_event *kept = ws_event_retain(event);
    if (kept != NULL) give_to_a_worker(kept); /* who frees it with ws_event_free() */
}

static void show_ws_event_free(ws_event *kept)
{
    ws_event_free(kept);
}
