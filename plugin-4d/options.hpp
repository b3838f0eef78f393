// The properties of a connectionHandler that say how to connect: `dataType` and `headers`.
#ifndef WS4D_PLUGIN_OPTIONS_HPP
#define WS4D_PLUGIN_OPTIONS_HPP

#include "host.hpp"

#include <memory>
#include <ws4d.h>

namespace plugin {

struct free_options {
    void operator()(ws_options *options) const noexcept { ws_options_free(options); }
};
using options_ptr = std::unique_ptr<ws_options, free_options>;

/** Options as the handler has them; NULL where one is wrong, and then an error was raised. */
options_ptr read_options(host::services &host, const host::object_ref &handler);

} // namespace plugin

#endif
