/* values: the words behind options, as numbers. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"

/* strtod takes blanks, signs, hexadecimal, infinity and the locale's comma: none of that is meant here. */
static int read_decimal(const char *value, double *number, const char **end)
{
    size_t digits = strspn(value, "0123456789"), fraction = 0;
    if (value[digits] == '.') fraction = 1 + strspn(value + digits + 1, "0123456789");
    if (digits + fraction == 0 || (digits == 0 && fraction == 1) || digits + fraction > 40) return 0;
    *number = strtod(value, NULL);
    *end = value + digits + fraction;
    return isfinite(*number);
}

int read_number(const char *value, uint32_t low, uint32_t high, uint32_t *number)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 10 || value[digits] != '\0') return 0;
    unsigned long long parsed = strtoull(value, NULL, 10);
    if (parsed < low || parsed > high) return 0;
    *number = (uint32_t)parsed;
    return 1;
}

int read_milliseconds(const char *value, uint32_t *ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "", 1e3 }, { "s", 1e3 }, { "ms", 1 }, { "m", 60e3 }, { "h", 3600e3 } };
    double number;
    const char *unit;
    if (!read_decimal(value, &number, &unit)) return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) != 0) continue;
        number = ceil(number * units[i].ms);
        if (number >= (double)NOT_SAID) return 0;
        *ms = (uint32_t)number;
        return 1;
    }
    return 0;
}

int read_size(const char *value, size_t *size)
{
    static const char *const units[] = { "", "K", "M", "G", "T" };
    double number;
    const char *unit;
    if (!read_decimal(value, &number, &unit)) return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i]);
        const char *rest = unit + len;
        if (strncmp(unit, units[i], len) != 0 || (*rest != '\0' && (i == 0 || strcmp(rest, "iB") != 0))) continue;
        number *= (double)(1ull << (10 * i));
        if (number != floor(number) || number > 9007199254740992.0) return 0;
        *size = (size_t)number;
        return 1;
    }
    return 0;
}

int read_factor(const char *value, double *factor)
{
    const char *end;
    return read_decimal(value, factor, &end) && *end == '\0';
}

int read_choice(const char *value, const char *choices, uint32_t *which)
{
    for (uint32_t i = 0;; i++) {
        size_t len = strcspn(choices, "|");
        if (strlen(value) == len && memcmp(value, choices, len) == 0) {
            *which = i;
            return 1;
        }
        if (choices[len] == '\0') return 0;
        choices += len + 1;
    }
}
