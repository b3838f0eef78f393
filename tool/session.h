/* session: one run of the program. */
#ifndef TOOL_SESSION_H
#define TOOL_SESSION_H

#include "options.h"

/* Runs until it is over, and returns the exit code. */
int session_run(const options *o);

#endif
