/* words: the library's messages name its functions; who sits at a command line knows options. */
#ifndef TOOL_WORDS_H
#define TOOL_WORDS_H

#include "text.h"

/* Adds a message of the library with options instead of the functions that set them. */
void words_add(text *t, const char *message);
/* What a setter says of what it refused, without its own name and its "is refused": `("/nope"): why`. */
void words_add_refusal(text *t, const char *message);

#endif
