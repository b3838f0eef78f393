// The header in C++: a class around a socket, callbacks without captures, enums that convert; and a real echo.
#include <ws4d.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

// Each enum type has the width that C knows, and each function C linkage: a pointer to it has the declared type.
static_assert(std::is_enum<ws_result>::value && sizeof(ws_result) == 4, "ws_result");
static_assert(std::is_same<std::underlying_type<ws_status>::type, int32_t>::value, "ws_status");
static_assert(std::is_same<std::underlying_type<ws_data_type>::type, int32_t>::value, "ws_data_type");
static_assert(std::is_same<std::underlying_type<ws_event_type>::type, int32_t>::value, "ws_event_type");
static_assert(std::is_same<std::underlying_type<ws_json_kind>::type, int32_t>::value, "ws_json_kind");
static_assert(std::is_same<std::underlying_type<ws_log_level>::type, int32_t>::value, "ws_log_level");
static_assert(std::is_standard_layout<ws_handler>::value && sizeof(ws_handler) == 12 * sizeof(void *), "ws_handler");
static_assert(std::is_same<decltype(ws_send_text(nullptr, nullptr, 0)), ws_result>::value, "ws_send_text");
static_assert(!std::is_convertible<ws_dispatcher *, ws_socket *>::value, "handles are told apart");
static_assert(WS4D_VERSION_NUMBER == (WS4D_VERSION_MAJOR << 16 | WS4D_VERSION_MINOR << 8 | WS4D_VERSION_PATCH), "version");

#define CHECK(condition) \
    ((condition) ? (void)0 : (std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::exit(1)))

namespace {

struct Release {
    void operator()(ws_socket *ws) const { CHECK(ws_release(ws) == WS_OK); }
    void operator()(ws_options *options) const { CHECK(ws_options_free(options) == WS_OK); }
    void operator()(ws_dispatcher *dispatcher) const { CHECK(ws_dispatcher_close(dispatcher) == WS_OK); }
    void operator()(ws_errors *errors) const { ws_errors_free(errors); }
    void operator()(ws_event *event) const { ws_event_free(event); }
};
template <class T> using Handle = std::unique_ptr<T, Release>;

struct Client {
    std::vector<std::string> trace;
    Handle<ws_event> kept;

    static Client &of(void *user_data) { return *static_cast<Client *>(user_data); }

    ws_handler handler(ws_dispatcher *dispatcher) {
        ws_handler handler = WS_HANDLER_INIT;
        handler.user_data = this;
        handler.dispatcher = dispatcher;
        handler.on_open = [](ws_socket *ws, const ws_event *event, void *user_data) {
            of(user_data).trace.push_back(ws_event_type_name(ws_event_get_type(event)));
            CHECK(ws_send_object(ws, " { \"n\": 42 } ", WS_NUL_TERMINATED) == WS_OK);
            CHECK(ws_send(ws, WS_DATA_TYPE_TEXT, "secret", 6, WS_SEND_PLAIN) == WS_OK);
        };
        handler.on_message = [](ws_socket *ws, const ws_event *event, void *user_data) {
            size_t len = 0;
            auto data = static_cast<const char *>(ws_event_data(event, &len));
            of(user_data).trace.emplace_back(data, len);
            if (ws_event_data_type(event) == WS_DATA_TYPE_OBJECT) {
                of(user_data).kept.reset(ws_event_retain(event));
            } else {
                CHECK(ws_terminate(ws, 0, "bye") == WS_OK);
            }
        };
        handler.on_terminate = [](ws_socket *, const ws_event *event, void *user_data) {
            of(user_data).trace.push_back(std::to_string(ws_event_code(event)) + " " + ws_event_reason(event));
        };
        handler.on_free = [](void *user_data) { of(user_data).trace.push_back("free"); };
        return handler;
    }
};

std::string server() {
    const char *url = std::getenv("WS4D_TEST_WS");
    CHECK(url != nullptr);
    return url;
}

void echo() {
    Client client;
    Handle<ws_dispatcher> dispatcher(ws_dispatcher_new());
    Handle<ws_options> options(ws_options_new());
    ws_handler handler = client.handler(dispatcher.get());
    ws_errors *errors = nullptr;
    CHECK(ws_options_set_data_type(options.get(), WS_DATA_TYPE_OBJECT) == WS_OK);
    Handle<ws_socket> ws(ws_new((server() + "/echo").c_str(), &handler, options.get(), &errors));
    CHECK(ws != nullptr && errors == nullptr && client.trace.size() == 1);
    const ws_status status = ws_get_status(ws.get());
    CHECK(status == WS_STATUS_CONNECTED && ws_status_name(status) == std::string("Connected"));
    CHECK(ws_dispatcher_run(dispatcher.get()) == WS_OK);
    CHECK((client.trace == std::vector<std::string>{"open", "{\"n\":42}", "secret", "1000 bye", "free"}));
    CHECK(ws_json_int64(ws_json_member(ws_event_json(client.kept.get()), "n"), 0) == 42);
}

void refused() {
    ws_errors *raw = nullptr;
    CHECK(ws_new((server() + "/status?code=503").c_str(), nullptr, nullptr, &raw) == nullptr);
    Handle<ws_errors> errors(raw);
    const ws_result code = ws_errors_code(errors.get(), 0);
    CHECK(code == WS_ERR_HTTP_STATUS && code <= -80 && ws_errors_http_status(errors.get()) == 503);
    CHECK(ws_result_name(code) == std::string("WS_ERR_HTTP_STATUS"));
}

} // namespace

int main() {
    CHECK(ws_version_number() == WS4D_VERSION_NUMBER && ws_version_string() == std::string(WS4D_VERSION_STRING));
    echo();
    refused();
    CHECK(ws_shutdown(10000) == WS_OK);
}
