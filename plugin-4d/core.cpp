#include "core.hpp"

#include "errors.hpp"

#include <algorithm>
#include <ws4d.h>

namespace plugin {

namespace {

/** Of one socket, before others have their turn and the process looks at its other messages. */
constexpr unsigned events_a_turn = 64;

/** A 60th of a second. */
constexpr std::chrono::milliseconds tick{16};

/** Is false again when its scope is left, also where the host ends a process by unwinding it. */
class until_left {
public:
    explicit until_left(std::atomic<bool> &flag) : flag_(flag) {}
    ~until_left() { flag_ = false; }
    until_left(const until_left &) = delete;
    until_left &operator=(const until_left &) = delete;

private:
    std::atomic<bool> &flag_;
};

/** For the library's own threads; none of them runs code of the plug-in. */
constexpr std::int32_t shutdown_ms = 5000;

} // namespace

core::core(host::services &host) : host_(host) {}

bool core::start() {
    stopping_ = false;
    return ws_startup() == WS_OK;
}

host::value core::new_web_socket(const host::parameters &with) {
    const host::text *url = with.empty() ? nullptr : std::get_if<host::text>(&with[0]);
    const host::object_ref *handler = with.size() < 2 ? nullptr : std::get_if<host::object_ref>(&with[1]);
    const bool handler_omitted = with.size() < 2 || host::omitted(with[1]);
    if (url == nullptr || with.size() > 2 || (handler == nullptr && !handler_omitted)) {
        raise(host_, WS_ERR_INVALID_ARGUMENT, "4D.WebSocket.new: a text, and an object where there is a second parameter");
        return host::null();
    }
    if (is_closing(host_.current())) {
        raise(host_, WS_ERR_CANCELLED, "4D.WebSocket.new: the form or worker is being closed");
        return host::null();
    }
    if (!ensure_listener()) {
        raise(host_, WS_ERR_OUT_OF_MEMORY, "4D.WebSocket.new: no process could be started for the plug-in");
        return host::null();
    }
    const socket_ref socket = std::make_shared<web_socket>(host_, wakeup_, handler != nullptr ? *handler : nullptr);
    if (!socket->connect(*url))
        return host::null();
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        sockets_[socket->home()].push_back(socket);
    }
    socket->opened();
    // What came together with the server's answer has woken nobody: the socket was not in the list yet.
    host_.post(socket->home());
    return host::instance_ref(socket);
}

void core::pump() {
    const host::context here = host_.current();
    bool more = false;
    for (const socket_ref &socket : sockets_of(here)) {
        more = socket->deliver(events_a_turn) || more;
        if (socket->over())
            remove(here, socket);
    }
    if (more)
        host_.post(here);
}

void core::context_closed(const host::context &which) {
    const bool can_run = host_.current().process == which.process && !host_.dying();
    std::vector<socket_ref> ended;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        closing_.insert(which);
        ended.swap(sockets_[which]);
        sockets_.erase(which);
    }
    for (const socket_ref &socket : ended)
        socket->end(can_run);
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_.erase(which);
}

void core::stop() {
    stopping_ = true;
    while (listening_) {
        wakeup_->notify();
        host_.idle();
    }
    std::map<host::context, std::vector<socket_ref>> left;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        left.swap(sockets_);
    }
    for (const auto &[where, sockets] : left)
        for (const socket_ref &socket : sockets)
            socket->end(false);
    left.clear();
    ws_shutdown(shutdown_ms);
}

/** The code of the plug-in's own process: it has `pump` called in each context whose sockets have events. */
void core::listen() {
    const until_left until_left(listening_);
    const bool may_wait = host_.preemptive();
    while (!stopping_ && !host_.dying()) {
        if (wakeup_->wait(may_wait ? tick : std::chrono::milliseconds(0))) {
            for (const host::context &where : contexts_with_events())
                host_.post(where);
        } else if (!may_wait) {
            host_.idle();
        }
    }
}

bool core::ensure_listener() {
    if (listening_.exchange(true) || host_.start_process(u"$ws4d", [this] { listen(); }))
        return true;
    listening_ = false;
    return false;
}

bool core::is_closing(const host::context &which) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return closing_.count(which) != 0;
}

std::vector<core::socket_ref> core::sockets_of(const host::context &which) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sockets_.find(which);
    return found == sockets_.end() ? std::vector<socket_ref>() : found->second;
}

std::vector<host::context> core::contexts_with_events() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<host::context> found;
    for (const auto &[where, sockets] : sockets_) {
        bool awake = false;
        for (const socket_ref &socket : sockets)
            awake = socket->take_wake_flag() || awake;
        if (awake)
            found.push_back(where);
    }
    return found;
}

void core::remove(const host::context &which, const socket_ref &socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sockets_.find(which);
    if (found == sockets_.end())
        return;
    std::vector<socket_ref> &all = found->second;
    all.erase(std::remove(all.begin(), all.end(), socket), all.end());
    if (all.empty())
        sockets_.erase(found);
}

} // namespace plugin
