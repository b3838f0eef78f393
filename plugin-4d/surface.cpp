// What 4D code reads and calls: the properties and functions of `4D.WebSocket`, each by its name.
#include "errors.hpp"
#include "text.hpp"
#include "web_socket.hpp"

#include <cmath>

namespace plugin {

namespace {

constexpr const char *sending = "4D.WebSocket.send";
constexpr const char *terminating = "4D.WebSocket.terminate";

/** A close code as the library takes it; what is no whole number becomes one that it refuses. */
std::int32_t close_code(double code) { return code >= 0 && code <= 0xFFFF && std::floor(code) == code ? static_cast<std::int32_t>(code) : -1; }

} // namespace

host::text web_socket::url() const { return text_of(ws_get_url(socket_)); }

host::text web_socket::status() const { return text_of(ws_status_name(ws_get_status(socket_))); }

std::int32_t web_socket::id() const { return ws_get_id(socket_); }

host::text web_socket::data_type() const { return text_of(ws_data_type_name(ws_get_data_type(socket_))); }

host::object_ref web_socket::handler() const { return handler_; }

void web_socket::send(const host::value &message) {
    ws_result result = WS_ERR_INVALID_ARGUMENT;
    if (const auto *text = std::get_if<host::text>(&message))
        result = ws_send_text_utf16(socket_, units(*text), text->size());
    else if (const auto *blob = std::get_if<host::blob>(&message))
        result = ws_send_blob(socket_, blob->data(), blob->size());
    else if (const auto *object = std::get_if<host::object_ref>(&message)) {
        const host::text json = host_.json_stringify(*object);
        result = ws_send_object_utf16(socket_, units(json), json.size());
    }
    if (result != WS_OK)
        raise(host_, result, sending);
}

void web_socket::terminate(const host::value &code, const host::value &reason) {
    const double *number = std::get_if<double>(&code);
    const host::text *text = std::get_if<host::text>(&reason);
    ws_result result = WS_ERR_INVALID_ARGUMENT;
    if ((number != nullptr || host::omitted(code)) && (text != nullptr || host::omitted(reason))) {
        const std::string reason8 = text != nullptr ? utf8(*text) : std::string();
        const bool cut = reason8.find('\0') != std::string::npos;
        result = cut ? WS_ERR_INVALID_CLOSE_REASON : ws_terminate(socket_, number != nullptr ? close_code(*number) : 0, reason8.c_str());
    }
    if (result != WS_OK)
        raise(host_, result, terminating);
}

host::value web_socket::get(const host::text &name) {
    if (name == u"url")
        return url();
    if (name == u"status")
        return status();
    if (name == u"id")
        return static_cast<double>(id());
    if (name == u"dataType")
        return data_type();
    if (name == u"handler")
        return handler_ != nullptr ? host::value(handler_) : host::value(host::null());
    return host::undefined();
}

host::value web_socket::call(const host::text &name, const host::parameters &with) {
    if (name == u"send" && with.size() == 1)
        send(with[0]);
    else if (name == u"terminate" && with.size() <= 2)
        terminate(with.empty() ? host::undefined() : with[0], with.size() < 2 ? host::undefined() : with[1]);
    else
        raise(host_, WS_ERR_INVALID_ARGUMENT, "4D.WebSocket: no such function, or too many or too few parameters");
    return host::undefined();
}

} // namespace plugin
