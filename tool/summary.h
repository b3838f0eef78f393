/* summary: what is told at the end. */
#ifndef TOOL_SUMMARY_H
#define TOOL_SUMMARY_H

#include "connection.h"

void summary_write(const session *s, int code);

#endif
