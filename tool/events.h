/* events: the library's callbacks. */
#ifndef TOOL_EVENTS_H
#define TOOL_EVENTS_H

#include "connection.h"

void events_set(ws_handler *handler, ws_reconnect_policy *policy, session *s);

#endif
