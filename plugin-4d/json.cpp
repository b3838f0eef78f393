#include "json.hpp"

#include "text.hpp"

namespace plugin {

namespace {

host::value object_of(host::services &host, const ws_json *json) {
    const host::object_ref object = host.new_object();
    for (std::size_t i = 0; i < ws_json_length(json); i++) {
        const ws_json *member = nullptr;
        std::size_t count = 0;
        const std::uint16_t *name = ws_json_key_utf16(json, i, &member, &count);
        if (name != nullptr)
            object->set(text_of(name, count), value_of(host, member));
    }
    return object;
}

host::value collection_of(host::services &host, const ws_json *json) {
    const host::collection_ref collection = host.new_collection();
    for (std::size_t i = 0; i < ws_json_length(json); i++)
        collection->push(value_of(host, ws_json_item(json, i)));
    return collection;
}

} // namespace

host::value value_of(host::services &host, const ws_json *json) {
    switch (ws_json_get_kind(json)) {
    case WS_JSON_KIND_BOOL:
        return ws_json_bool(json, 0) != 0;
    case WS_JSON_KIND_NUMBER:
        return ws_json_number(json, 0);
    case WS_JSON_KIND_STRING: {
        std::size_t count = 0;
        const std::uint16_t *string = ws_json_string_utf16(json, &count);
        return string == nullptr ? host::text() : text_of(string, count);
    }
    case WS_JSON_KIND_ARRAY:
        return collection_of(host, json);
    case WS_JSON_KIND_OBJECT:
        return object_of(host, json);
    default:
        return host::null();
    }
}

} // namespace plugin
