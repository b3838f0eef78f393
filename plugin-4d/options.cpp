#include "options.hpp"

#include "errors.hpp"
#include "text.hpp"

namespace plugin {

namespace {

constexpr const char *data_type_option = "4D.WebSocket.new: dataType is \"text\", \"blob\" or \"object\"";
constexpr const char *headers_option = "4D.WebSocket.new: headers is an object of texts, and of collections of texts";

bool read_data_type(host::services &host, const host::value &v, ws_options *options) {
    if (host::omitted(v))
        return true;
    const host::text *name = std::get_if<host::text>(&v);
    for (const ws_data_type type : {WS_DATA_TYPE_TEXT, WS_DATA_TYPE_BLOB, WS_DATA_TYPE_OBJECT})
        if (name != nullptr && *name == text_of(ws_data_type_name(type)))
            return ws_options_set_data_type(options, type) == WS_OK;
    raise(host, WS_ERR_INVALID_ARGUMENT, data_type_option);
    return false;
}

bool add_header(host::services &host, const host::text &name, const host::value &v, ws_options *options) {
    const host::text *text = std::get_if<host::text>(&v);
    if (text == nullptr) {
        raise(host, WS_ERR_INVALID_HEADER, headers_option);
        return false;
    }
    const std::optional<std::string> name8 = exact_utf8(name);
    const std::optional<std::string> text8 = exact_utf8(*text);
    if (!name8 || !text8) {
        raise(host, WS_ERR_INVALID_HEADER, "4D.WebSocket.new: a header has a lone surrogate or a NUL");
        return false;
    }
    if (ws_options_set_header(options, name8->c_str(), text8->c_str()) == WS_OK)
        return true;
    raise(host, ws_options_errors(options));
    return false;
}

bool add_headers(host::services &host, const host::text &name, const host::value &v, ws_options *options) {
    const host::collection_ref *several = std::get_if<host::collection_ref>(&v);
    if (several == nullptr)
        return add_header(host, name, v, options);
    for (std::size_t i = 0; i < (*several)->length(); i++)
        if (!add_header(host, name, (*several)->at(i), options))
            return false;
    return true;
}

bool read_headers(host::services &host, const host::value &v, ws_options *options) {
    if (host::omitted(v))
        return true;
    const host::object_ref *headers = std::get_if<host::object_ref>(&v);
    if (headers == nullptr) {
        raise(host, WS_ERR_INVALID_HEADER, headers_option);
        return false;
    }
    for (const host::text &name : (*headers)->keys())
        if (!add_headers(host, name, (*headers)->get(name), options))
            return false;
    return true;
}

} // namespace

options_ptr read_options(host::services &host, const host::object_ref &handler) {
    options_ptr options(ws_options_new());
    if (options == nullptr)
        raise(host, WS_ERR_OUT_OF_MEMORY, "4D.WebSocket.new");
    else if (handler != nullptr &&
        (!read_data_type(host, handler->get(u"dataType"), options.get()) ||
            !read_headers(host, handler->get(u"headers"), options.get())))
        options.reset();
    return options;
}

} // namespace plugin
