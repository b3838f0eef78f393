#include "errors.hpp"

#include "text.hpp"

namespace plugin {

namespace {

host::value entry(host::services &host, ws_result code, const host::text &message, const host::text &component) {
    const host::object_ref error = host.new_object();
    error->set(u"errCode", static_cast<double>(code));
    error->set(u"message", message);
    error->set(u"componentSignature", component);
    return error;
}

} // namespace

host::collection_ref error_stack(host::services &host, const ws_errors *errors) {
    const host::collection_ref stack = host.new_collection();
    for (std::size_t i = 0; i < ws_errors_count(errors); i++)
        stack->push(entry(host, ws_errors_code(errors, i), text_of(ws_errors_message(errors, i)),
            text_of(ws_errors_component(errors, i))));
    return stack;
}

void raise(host::services &host, const ws_errors *errors) { host.raise(error_stack(host, errors)); }

void raise(host::services &host, ws_result code, std::string_view what) {
    const host::collection_ref stack = host.new_collection();
    stack->push(entry(host, code, text_of(std::string(what) + ": " + ws_result_message(code)), u"sock"));
    host.raise(stack);
}

} // namespace plugin
