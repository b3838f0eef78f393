/* histogram: durations in buckets, 128 for each doubling. */
#include "histogram.h"
#include <stdlib.h>
#include <string.h>

enum { BITS = 7, STEPS = 1 << BITS, BUCKETS = (64 - BITS) * STEPS + STEPS };

static const struct {
    const char *name;
    double percent;
} shown[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99.9", 99.9 } };

static size_t bucket_of(uint64_t value)
{
    if (value < STEPS) return (size_t)value;
    unsigned high = BITS;
    while (value >> (high + 1) != 0) high++;
    unsigned shift = high - BITS;
    return (size_t)(shift + 1) * STEPS + (size_t)((value >> shift) - STEPS);
}

/* The largest value of a bucket. */
static uint64_t value_of(size_t bucket)
{
    if (bucket < STEPS) return bucket;
    unsigned shift = (unsigned)(bucket / STEPS) - 1;
    return ((uint64_t)(bucket % STEPS + STEPS) << shift) + ((1ull << shift) - 1);
}

void histogram_add(histogram *h, int64_t nanoseconds)
{
    if (nanoseconds < 0) nanoseconds = 0;
    if (h->counts == NULL) {
        h->counts = grow(NULL, BUCKETS, sizeof *h->counts);
        memset(h->counts, 0, BUCKETS * sizeof *h->counts);
        h->least = nanoseconds;
    }
    h->counts[bucket_of((uint64_t)nanoseconds)]++;
    h->total++;
    h->sum += (double)nanoseconds;
    if (nanoseconds < h->least) h->least = nanoseconds;
    if (nanoseconds > h->most) h->most = nanoseconds;
}

int64_t histogram_percentile(const histogram *h, double percent)
{
    uint64_t seen = 0;
    for (size_t i = 0; h->total > 0 && i < BUCKETS; i++) {
        seen += h->counts[i];
        if ((double)seen < (double)h->total * percent / 100.0 || seen == 0) continue;
        int64_t value = (int64_t)value_of(i);
        return value < h->most ? value : h->most;
    }
    return 0;
}

void histogram_free(histogram *h)
{
    free(h->counts);
    memset(h, 0, sizeof *h);
}

void histogram_words(const histogram *h, text *t)
{
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        text_printf(t, "%s ", shown[i].name);
        text_add_duration(t, histogram_percentile(h, shown[i].percent));
        text_put(t, ", ");
    }
    text_put(t, "max ");
    text_add_duration(t, h->most);
}

void histogram_json(const histogram *h, text *t)
{
    text_printf(t, "{\"count\":%llu,\"min_us\":%.1f,\"mean_us\":%.1f", (unsigned long long)h->total, (double)h->least / 1e3,
                h->total > 0 ? h->sum / (double)h->total / 1e3 : 0);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        text_printf(t, ",\"%s_us\":%.1f", shown[i].name, (double)histogram_percentile(h, shown[i].percent) / 1e3);
    text_printf(t, ",\"max_us\":%.1f}", (double)h->most / 1e3);
}
