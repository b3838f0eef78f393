/* histogram: durations, each to within a part in 128, in a memory that does not grow. */
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>
#include "text.h"

typedef struct histogram {
    uint64_t *counts; /* made with the first one */
    uint64_t total;
    int64_t least, most;
    double sum;
} histogram;

void histogram_add(histogram *h, int64_t nanoseconds);
/* The duration that so many of a hundred do not exceed; 0 if there is none. */
int64_t histogram_percentile(const histogram *h, double percent);
void histogram_free(histogram *h);
/* "p50 58 us, p90 …, max …" */
void histogram_words(const histogram *h, text *t);
/* {"p50_us":58.1,…} */
void histogram_json(const histogram *h, text *t);

#endif
