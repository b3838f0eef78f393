/* outbox: what --send and --file say. */
#ifndef TOOL_OUTBOX_H
#define TOOL_OUTBOX_H

#include "connection.h"

int outbox_check(const options *o);
/* Sends on; 1 when all is sent. */
int outbox_pump(session *s);
/* The file that the pump reads on once it is readable; -1: none is. */
int outbox_fd(const session *s);
/* The connection has ended: a file that was being sent begins anew with the next one. */
void outbox_again(session *s);
void outbox_end(session *s);

#endif
