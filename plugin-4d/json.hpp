// JSON that the library has parsed, as objects and collections of the host.
#ifndef WS4D_PLUGIN_JSON_HPP
#define WS4D_PLUGIN_JSON_HPP

#include "host.hpp"

#include <ws4d.h>

namespace plugin {

/** A value of the host; the library has bounded the nesting (128), so that this may recurse. */
host::value value_of(host::services &host, const ws_json *json);

} // namespace plugin

#endif
