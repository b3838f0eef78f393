/* bench: how fast a server and the way to it are. */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include "options.h"

/* Measures what --bench says; the exit code. */
int bench_run(const options *o);

#endif
