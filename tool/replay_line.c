/* replay_line: reads a line of a recording, which is an object whose members are strings, numbers or words. */
#include <stdlib.h>
#include <string.h>
#include "replay.h"

typedef struct cursor {
    const char *at, *end;
} cursor;

static void blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r')) c->at++;
}

static int take(cursor *c, char wanted)
{
    blanks(c);
    if (c->at == c->end || *c->at != wanted) return 0;
    c->at++;
    return 1;
}

static int hex4(cursor *c, uint32_t *value)
{
    static const char digits[] = "0123456789abcdef";
    *value = 0;
    if (c->end - c->at < 4) return 0;
    for (int i = 0; i < 4; i++) {
        char letter = *c->at++;
        if (letter >= 'A' && letter <= 'F') letter = (char)(letter - 'A' + 'a');
        const char *found = letter != '\0' ? strchr(digits, letter) : NULL;
        if (found == NULL) return 0;
        *value = *value << 4 | (uint32_t)(found - digits);
    }
    return 1;
}

/* What stands behind \u: a character, perhaps of two halves. */
static int escaped_unit(cursor *c, text *out)
{
    uint32_t high, low;
    if (!hex4(c, &high) || (high >= 0xdc00 && high < 0xe000)) return 0;
    if (high >= 0xd800 && high < 0xdc00) {
        if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u') return 0;
        c->at += 2;
        if (!hex4(c, &low) || low < 0xdc00 || low > 0xdfff) return 0;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    text_add_character(out, high);
    return 1;
}

static int string(cursor *c, text *out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    text_clear(out);
    if (!take(c, '"')) return 0;
    while (c->at < c->end && *c->at != '"') {
        uint32_t character = 0;
        size_t size = character_at(c->at, (size_t)(c->end - c->at), &character);
        if (size == 0 || character < 0x20) return 0;
        if (character != '\\') {
            text_add(out, c->at, size);
            c->at += size;
            continue;
        }
        if (++c->at == c->end) return 0;
        char letter = *c->at++;
        const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
        if (letter == 'u') {
            if (!escaped_unit(c, out)) return 0;
        } else if (found != NULL) {
            text_add(out, &meant[found - letters], 1);
        } else {
            return 0;
        }
    }
    return take(c, '"');
}

/* A number or a word, as its letters. */
static int word(cursor *c, text *out)
{
    text_clear(out);
    blanks(c);
    while (c->at < c->end && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *c->at) != NULL && *c->at != '\0') text_add(out, c->at++, 1);
    return out->len > 0;
}

static int is(const text *t, const char *words)
{
    return t->len == strlen(words) && memcmp(t->data, words, t->len) == 0;
}

/* What the members of a line say. */
typedef struct members {
    text dir, type, data, base64;
    int has_t, has_data, has_base64;
} members;

static int read_time(const text *value, int64_t *t)
{
    *t = 0;
    if (value->len == 0 || value->len > 18) return 0;
    for (size_t i = 0; i < value->len; i++) {
        if (value->data[i] < '0' || value->data[i] > '9') return 0;
        *t = *t * 10 + (value->data[i] - '0');
    }
    return 1;
}

static int read_members(cursor *c, members *m, replay_line *line, text *name, text *value)
{
    if (!take(c, '{')) return 0;
    if (take(c, '}')) return 1;
    do {
        if (!string(c, name) || !take(c, ':')) return 0;
        blanks(c);
        int quoted = c->at < c->end && *c->at == '"';
        text *into = !quoted ? value : is(name, "dir") ? &m->dir : is(name, "type") ? &m->type : is(name, "data") ? &m->data :
                     is(name, "base64") ? &m->base64 : value;
        if (!(quoted ? string(c, into) : word(c, into))) return 0;
        if (is(name, "t")) m->has_t = !quoted && read_time(value, &line->t);
        m->has_data |= into == &m->data;
        m->has_base64 |= into == &m->base64;
    } while (take(c, ','));
    return take(c, '}');
}

static int judge(members *m, replay_line *line, const char **why)
{
    if (!m->has_t) return *why = "it has no time (\"t\", microseconds)", 0;
    if (!is(&m->dir, "out")) return 1;
    line->kind = is(&m->type, "text") ? LINE_TEXT : is(&m->type, "binary") ? LINE_BINARY : is(&m->type, "ping") ? LINE_PING : LINE_OTHER;
    if (line->kind == LINE_OTHER) return 1;
    if (m->has_data == m->has_base64) return *why = "a line that was sent has either \"data\" or \"base64\"", 0;
    if (m->has_data) text_add(&line->data, m->data.data, m->data.len);
    else if (!text_add_unbase64(&line->data, m->base64.data, m->base64.len)) return *why = "its \"base64\" is malformed", 0;
    if (line->kind == LINE_PING && line->data.len > 125) return *why = "a ping carries at most 125 bytes", 0;
    return 1;
}

int replay_parse(const char *json, size_t len, replay_line *line, const char **why)
{
    cursor c = { json, json + len };
    members m = { .has_t = 0 };
    text name = { 0 }, value = { 0 };
    line->kind = LINE_OTHER;
    text_clear(&line->data);
    int good = read_members(&c, &m, line, &name, &value);
    blanks(&c);
    *why = "it is not a JSON object of strings and numbers";
    good = good && c.at == c.end && judge(&m, line, why);
    text *texts[] = { &name, &value, &m.dir, &m.type, &m.data, &m.base64 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) text_free(texts[i]);
    return good;
}
