// The connection and its callbacks; surface.cpp has the properties and functions.
#include "web_socket.hpp"

#include "errors.hpp"
#include "json.hpp"
#include "options.hpp"
#include "text.hpp"

#include <utility>

namespace plugin {

namespace {

/** A 60th of a second: how long a process that has a thread of its own waits between looking whether it is to end. */
constexpr std::int32_t tick_ms = 16;

constexpr const char *constructor = "4D.WebSocket.new";

} // namespace

class web_socket::turn {
public:
    explicit turn(web_socket &ws) : ws_(ws) { ws_.running_ = true; }
    ~turn() {
        ws_.running_ = false;
        // The host has ended the callback by unwinding: what still waits is looked for again, if anybody is left to do it.
        if (!completed_)
            ws_.wake_flag_.set();
    }
    turn(const turn &) = delete;
    turn &operator=(const turn &) = delete;

    void completed() { completed_ = true; }

private:
    web_socket &ws_;
    bool completed_ = false;
};

web_socket::web_socket(host::services &host, std::shared_ptr<wakeup> wakeup, host::object_ref handler)
    : host_(host), wake_flag_(std::move(wakeup)), home_(host.current()), handler_(std::move(handler)) {}

web_socket::~web_socket() {
    close_dispatcher();
    ws_release(socket_);
}

bool web_socket::begin(const host::text &url) {
    const options_ptr options = read_options(host_, handler_);
    if (options == nullptr)
        return false;
    const std::optional<std::string> url8 = exact_utf8(url);
    if (!url8) {
        raise(host_, WS_ERR_INVALID_URL, "4D.WebSocket.new: the URL has a lone surrogate or a NUL");
        return false;
    }
    dispatcher_ = ws_dispatcher_new_with_wake(wake_flag::wake, &wake_flag_);
    if (dispatcher_ == nullptr) {
        raise(host_, WS_ERR_OUT_OF_MEMORY, constructor);
        return false;
    }
    ws_handler handler = WS_HANDLER_INIT;
    handler.user_data = this;
    handler.dispatcher = dispatcher_;
    handler.on_terminate = note_end;
    ws_errors *errors = nullptr;
    socket_ = ws_new_async(url8->c_str(), &handler, options.get(), &errors);
    if (socket_ != nullptr)
        return true;
    raise(host_, errors);
    ws_errors_free(errors);
    return false;
}

bool web_socket::connect(const host::text &url) {
    const bool connected = begin(url) && wait_until_open();
    if (!connected)
        end(false);
    return connected;
}

bool web_socket::wait_until_open() {
    const bool may_wait = host_.preemptive();
    std::int32_t result = 0;
    event_ptr event;
    while ((event = pull(may_wait ? tick_ms : 0, result)) == nullptr) {
        if (result < 0 || host_.dying()) {
            raise(host_, result < 0 ? static_cast<ws_result>(result) : WS_ERR_CANCELLED, constructor);
            return false;
        }
        if (!may_wait)
            host_.idle();
    }
    if (ws_event_get_type(event.get()) == WS_EVENT_TYPE_OPEN)
        return true;
    const ws_errors *errors = ws_event_errors(event.get());
    if (errors != nullptr)
        raise(host_, errors);
    else
        raise(host_, WS_ERR_CANCELLED, constructor);
    return false;
}

event_ptr web_socket::pull(std::int32_t timeout_ms, std::int32_t &result) {
    // The host may run a process on another thread than before; the dispatcher goes with it.
    ws_dispatcher_attach(dispatcher_);
    ws_socket *ws = nullptr;
    ws_event *event = nullptr;
    result = ws_dispatcher_next(dispatcher_, timeout_ms, &ws, &event);
    return event_ptr(event);
}

void web_socket::opened() {
    turn on_stack(*this);
    tell(u"onOpen", event_object(WS_EVENT_TYPE_OPEN));
    on_stack.completed();
    if (dispatcher_ == nullptr)
        finish();
}

bool web_socket::deliver(unsigned most) {
    if (running_ || over_)
        return false;
    turn on_stack(*this);
    bool more = true;
    for (unsigned i = 0; i < most && more && !over_; i++) {
        std::int32_t result = 0;
        event_ptr event = pull(0, result);
        more = event != nullptr;
        if (more)
            tell_event(std::move(event));
        // A callback may have closed its own context.
        if (dispatcher_ == nullptr)
            finish();
    }
    on_stack.completed();
    return more && !over_;
}

void web_socket::tell_event(event_ptr event) {
    switch (ws_event_get_type(event.get())) {
    case WS_EVENT_TYPE_MESSAGE:
        tell_message(event.get());
        break;
    case WS_EVENT_TYPE_ERROR:
        tell_error(event.get());
        break;
    case WS_EVENT_TYPE_TERMINATE:
        note(event.get());
        event.reset();
        close_dispatcher();
        break;
    default: // DRAIN: 4D has no callback for it.
        break;
    }
}

void web_socket::tell_message(const ws_event *event) {
    const host::object_ref told = event_object(WS_EVENT_TYPE_MESSAGE);
    std::size_t length = 0;
    switch (ws_event_data_type(event)) {
    case WS_DATA_TYPE_TEXT: {
        const std::uint16_t *text = ws_event_data_utf16(event, &length);
        if (text == nullptr)
            return raise(host_, WS_ERR_OUT_OF_MEMORY, "4D.WebSocket.onMessage");
        told->set(u"data", text_of(text, length));
        break;
    }
    case WS_DATA_TYPE_OBJECT:
        told->set(u"data", value_of(host_, ws_event_json(event)));
        break;
    default: {
        const auto *bytes = static_cast<const unsigned char *>(ws_event_data(event, &length));
        told->set(u"data", host::blob(bytes, bytes + length));
        break;
    }
    }
    tell(u"onMessage", told);
}

void web_socket::tell_error(const ws_event *event) {
    const host::object_ref told = event_object(WS_EVENT_TYPE_ERROR);
    told->set(u"errors", error_stack(host_, ws_event_errors(event)));
    tell(u"onError", told);
}

void web_socket::note(const ws_event *terminate) {
    std::size_t length = 0;
    const std::uint16_t *reason = ws_event_data_utf16(terminate, &length);
    ending_.code = ws_event_code(terminate);
    ending_.reason = reason == nullptr ? host::text() : text_of(reason, length);
    ending_.clean = ws_event_was_clean(terminate) != 0;
}

/** The one callback that the library has; it runs inside ws_dispatcher_close alone, and calls nothing of the host's. */
void web_socket::note_end(ws_socket *, const ws_event *event, void *self) { static_cast<web_socket *>(self)->note(event); }

void web_socket::close_dispatcher() {
    if (dispatcher_ == nullptr)
        return;
    ws_dispatcher_attach(dispatcher_);
    ws_dispatcher_close(dispatcher_);
    dispatcher_ = nullptr;
}

void web_socket::end(bool tell) {
    if (over_)
        return;
    tell_end_ = tell;
    close_dispatcher();
    // Where a callback is on the stack, it is followed by this.
    if (!running_)
        finish();
}

void web_socket::finish() {
    if (over_)
        return;
    over_ = true;
    if (!tell_end_)
        return;
    const host::object_ref told = event_object(WS_EVENT_TYPE_TERMINATE);
    told->set(u"code", static_cast<double>(ending_.code));
    told->set(u"reason", ending_.reason);
    told->set(u"wasClean", ending_.clean);
    tell(u"onTerminate", told);
}

host::object_ref web_socket::event_object(ws_event_type type) {
    host::object_ref event = host_.new_object();
    event->set(u"type", text_of(ws_event_type_name(type)));
    return event;
}

void web_socket::tell(const host::text &callback, const host::object_ref &event) {
    if (handler_ == nullptr)
        return;
    const host::value found = handler_->get(callback);
    const host::function_ref *function = std::get_if<host::function_ref>(&found);
    if (function != nullptr)
        host_.call(*function, handler_, {host::instance_ref(shared_from_this()), event});
}

} // namespace plugin
