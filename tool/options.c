/* options: reads the command line by the table of options. */
#define _POSIX_C_SOURCE 200809L
#include "options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exits.h"
#include "report.h"
#include "text.h"

static const options defaults = {
    .timeout_ms = 30000, .close_timeout_ms = 5000, .ping_timeout_ms = 20000, .max_delay_ms = 30000, .wait_ms = NOT_SAID,
    .max_size = 64 << 20, .compression = 1, .close_code = 1000, .speed = 1, .duration_ms = 3000, .size = 32,
    .connections = 1, .window = 64,
};

/* complain() shows the words of the command line safely. */
#define REFUSE(...) (complain(__VA_ARGS__), EXIT_USAGE)

/* How many letters have to be changed, added or left out to make one word of the other; words are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], len = strlen(b);
    if (len >= 64 || strlen(a) >= 64) return 64;
    for (size_t i = 0; i <= len; i++) row[i] = i;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < len; k++) {
            size_t least = diagonal + (a[i] != b[k]);
            if (row[k] + 1 < least) least = row[k] + 1;
            if (row[k + 1] + 1 < least) least = row[k + 1] + 1;
            diagonal = row[k + 1];
            row[k + 1] = least;
        }
    }
    return row[len];
}

static int unknown(const char *name)
{
    const char *nearest = NULL;
    size_t least = 3;
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].name == NULL) continue;
        size_t far = distance(name, option_table[i].name);
        if (far < least) {
            least = far;
            nearest = option_table[i].name;
        }
    }
    if (nearest != NULL) return REFUSE("there is no option --%s; did you mean --%s?", name, nearest);
    return REFUSE("there is no option --%s; ws4d --help lists the options", name);
}

static int set_number(options *o, const option *it, const char *name, const char *value)
{
    void *field = (char *)o + it->offset;
    int good;
    switch (it->kind) {
    case OPTION_SECONDS:
        good = it->high == FOR_EVER && strcmp(value, "forever") == 0;
        if (good) *(uint32_t *)field = FOR_EVER;
        else good = read_milliseconds(value, field) && *(uint32_t *)field >= it->low;
        return good ? 0 : REFUSE("%s expects seconds, such as 2, 0.5, 500ms or 2m%s, not \"%s\"", name, it->high == FOR_EVER ? ", or forever" : "", value);
    case OPTION_SIZE:
        return read_size(value, field) ? 0 : REFUSE("%s expects bytes, such as 4096, 64K or 1M, not \"%s\"", name, value);
    case OPTION_FACTOR:
        return read_factor(value, field) ? 0 : REFUSE("%s expects a number, such as 2 or 0.5, not \"%s\"", name, value);
    default:
        if (read_number(value, it->low, it->high, field)) return 0;
        return REFUSE("%s expects a whole number from %u to %u, not \"%s\"", name, (unsigned)it->low, (unsigned)it->high, value);
    }
}

static int set_choice(options *o, const option *it, const char *name, const char *value)
{
    if (*value != '\0' && read_choice(value, it->choices, (uint32_t *)((char *)o + it->offset))) return 0;
    text wanted = { 0 };
    for (const char *at = it->choices + (*it->choices == '|'); *at != '\0'; at++) {
        if (*at == '|') text_put(&wanted, strchr(at + 1, '|') != NULL ? ", " : " or ");
        else text_add(&wanted, at, 1);
    }
    complain("%s expects %s, not \"%s\"", name, text_string(&wanted), value);
    text_free(&wanted);
    return EXIT_USAGE;
}

static int set(options *o, const option *it, const char *value)
{
    char name[32];
    snprintf(name, sizeof name, "--%s", it->name);
    void *field = (char *)o + it->offset;
    switch (it->kind) {
    case OPTION_FLAG:
        *(int *)field = 1;
        return 0;
    case OPTION_MORE:
        ++*(uint32_t *)field;
        return 0;
    case OPTION_STRING:
        *(const char **)field = value;
        return 0;
    case OPTION_LIST: {
        list *items = field;
        items->items = grow(items->items, items->count + 1, sizeof *items->items);
        items->items[items->count++] = value;
        return 0;
    }
    case OPTION_SEND:
    case OPTION_FILE:
        o->outgoing = grow(o->outgoing, o->outgoing_count + 1, sizeof *o->outgoing);
        o->outgoing[o->outgoing_count++] = (outgoing){ it->kind == OPTION_FILE, value };
        return 0;
    case OPTION_CHOICE:
        return set_choice(o, it, name, value);
    default:
        return set_number(o, it, name, value);
    }
}

static const option *find(const char *name, size_t len, char letter)
{
    for (size_t i = 0; i < option_count; i++) {
        const option *it = &option_table[i];
        if (it->name == NULL) continue;
        if (letter != 0 ? it->letter == letter : strlen(it->name) == len && memcmp(it->name, name, len) == 0) return it;
    }
    return NULL;
}

/* --name, --name=value, --name value. */
static int read_long(options *o, const char *word, const char *next, int *used_next)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] == '=' ? word + len + 1 : NULL;
    const option *it = find(word, len, 0);
    if (it == NULL) {
        text name = { 0 };
        text_add(&name, word, len);
        int code = unknown(text_string(&name));
        text_free(&name);
        return code;
    }
    if (it->argument == NULL && value != NULL) return REFUSE("--%s takes no value, but \"%s\" was given", it->name, value);
    if (it->argument != NULL && value == NULL) {
        if (it->choices != NULL && *it->choices == '|') {
            *(uint32_t *)((char *)o + it->offset) = 1;
            return 0;
        }
        if (next == NULL) return REFUSE("--%s needs a value: %s", it->name, it->argument);
        value = next;
        *used_next = 1;
    }
    return set(o, it, value);
}

/* -x, -xvalue, -x value, and several that take none in one word. */
static int read_letters(options *o, const char *word, const char *next, int *used_next)
{
    for (; *word != '\0'; word++) {
        char letter[] = { *word, '\0' };
        const option *it = find(NULL, 0, *word);
        if (it == NULL) return REFUSE("there is no option -%s; ws4d --help lists the options", letter);
        const char *value = NULL;
        if (it->argument != NULL) {
            value = word[1] != '\0' ? word + 1 : next;
            *used_next = word[1] == '\0';
            if (value == NULL) return REFUSE("-%s, --%s needs a value: %s", letter, it->name, it->argument);
        }
        int code = set(o, it, value);
        if (code != 0 || value != NULL) return code;
    }
    return 0;
}

static int is_reason(const char *reason)
{
    size_t len = strlen(reason), at = 0, size;
    uint32_t character;
    while (at < len && (size = character_at(reason + at, len - at, &character)) > 0) at += size;
    return at == len && len <= 123;
}

/* Options that exclude each other, or need each other. */
static int judge(const options *o)
{
    const struct {
        int wrong;
        const char *why;
    } rules[] = {
        { o->binary && o->json, "--binary and --json exclude each other" },
        { o->nul && o->binary, "--null and --binary exclude each other: binary input has no lines" },
        { o->quiet && o->verbose > 0, "--quiet and --verbose exclude each other" },
        { o->summary && o->no_summary, "--summary and --no-summary exclude each other" },
        { o->key != NULL && o->cert == NULL, "--key needs --cert, which names the certificate" },
        { o->key_password != NULL && o->cert == NULL, "--key-password needs --cert and --key" },
        { o->user != NULL && o->bearer != NULL, "--user and --bearer exclude each other: both set the Authorization header" },
        { o->no_system_trust && o->cas.count == 0 && !o->insecure, "--no-system-trust needs --ca: otherwise no server is trusted" },
        { o->close_code > 1000 && o->close_code < 3000, "--close-code expects 1000, or 3000 to 4999: the other codes are reserved for the protocol" },
        { o->close_reason != NULL && !is_reason(o->close_reason), "--close-reason expects at most 123 bytes of UTF-8" },
        { o->replay != NULL && o->outgoing_count > 0, "--replay cannot be combined with --send or --file" },
        { o->replay != NULL && (o->binary || o->json || o->nul), "--replay cannot be combined with --binary, --json or --null: the recording says what is sent" },
        { o->replay == NULL && o->speed != 1, "--speed needs --replay" },
        { !o->reconnect && (o->max_attempts > 0 || o->max_delay_ms != 30000), "--max-attempts and --max-delay need --reconnect" },
        { o->bench == BENCH_NONE && (o->duration_ms != 3000 || o->size != 32 || o->connections != 1 || o->window != 64),
          "--duration, --size, --connections and --window need --bench" },
        { o->bench != BENCH_NONE && (o->outgoing_count > 0 || o->record != NULL || o->replay != NULL || o->count > 0 || o->reconnect),
          "--bench cannot be combined with --send, --file, --record, --replay, --count or --reconnect" },
        { o->bench == BENCH_PING && o->size > 125, "--bench=ping needs a --size of at most 125, the most that a ping can carry" },
        { o->size > (1u << 30), "--size must be at most 1G" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!rules[i].wrong) continue;
        complain("%s", rules[i].why);
        return EXIT_USAGE;
    }
    return 0;
}

int options_read(options *o, int argc, char **argv)
{
    *o = defaults;
    int only_words = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        int code = 0, used_next = 0;
        if (only_words || word[0] != '-' || word[1] == '\0') {
            if (o->url != NULL) return REFUSE("only one URL is allowed, and \"%s\" is a second one", word);
            o->url = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = 1;
        } else if (word[1] == '-') {
            code = read_long(o, word + 2, next, &used_next);
        } else {
            code = read_letters(o, word + 1, next, &used_next);
        }
        if (code != 0) return code;
        i += used_next;
    }
    if (o->help || o->version) return 0;
    if (o->url == NULL) {
        complain("no URL was given; usage: ws4d [OPTION...] URL; ws4d --help lists the options");
        return EXIT_USAGE;
    }
    if (o->compression == 0) o->no_compression = 1;
    return judge(o);
}

void options_free(options *o)
{
    list *lists[] = { &o->headers, &o->cookies, &o->subprotocols, &o->proxy_headers, &o->resolve, &o->connect_to, &o->cas, &o->crls, &o->pins };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->items);
    free(o->outgoing);
}
