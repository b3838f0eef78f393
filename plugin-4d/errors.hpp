// Error stacks: the library's, as the collection that 4D's onError and ON ERR CALL know.
#ifndef WS4D_PLUGIN_ERRORS_HPP
#define WS4D_PLUGIN_ERRORS_HPP

#include "host.hpp"

#include <string_view>
#include <ws4d.h>

namespace plugin {

/** A collection of objects with `errCode`, `message` and `componentSignature`; the first one is the one to read. */
host::collection_ref error_stack(host::services &host, const ws_errors *errors);

/** Adds the stack to the errors of the current process. */
void raise(host::services &host, const ws_errors *errors);

/** The same with one error: which function of the class failed, and why. */
void raise(host::services &host, ws_result code, std::string_view what);

} // namespace plugin

#endif
