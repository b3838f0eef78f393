/* input: standard input as a source of messages. */
#ifndef TOOL_INPUT_H
#define TOOL_INPUT_H

#include "connection.h"

void input_begin(input *in, const options *o);
int input_wanted(const session *s);
void input_read(session *s);
/* Sends whole messages of what was read. */
void input_pump(session *s);
void input_end(input *in);

#endif
