// 4D's class `4D.WebSocket`: its properties and functions, and its callbacks.
//
// Events are pulled, never called back: so no function of the library is on the stack while the host runs 4D code, which may
// switch to another process there, show a dialog that goes on listening, or be aborted. Each socket has a dispatcher of its own, so
// that `new` can wait for its own connection alone, and that a socket whose callback is on the stack keeps its events while those
// of others are delivered.
#ifndef WS4D_PLUGIN_WEB_SOCKET_HPP
#define WS4D_PLUGIN_WEB_SOCKET_HPP

#include "wakeup.hpp"
#include "host.hpp"

#include <memory>
#include <ws4d.h>

namespace plugin {

struct free_event {
    void operator()(ws_event *event) const noexcept { ws_event_free(event); }
};
using event_ptr = std::unique_ptr<ws_event, free_event>;

class web_socket final : public host::instance, public std::enable_shared_from_this<web_socket> {
public:
    /** The class as its users see it: url, status, id, dataType, handler; send, terminate. */
    host::text url() const;
    host::text status() const;
    std::int32_t id() const;
    host::text data_type() const;
    host::object_ref handler() const;
    void send(const host::value &message);
    void terminate(const host::value &code, const host::value &reason);

    host::value get(const host::text &name) override;
    host::value call(const host::text &name, const host::parameters &with) override;

    // From here on for the plug-in alone, in the context that made the socket, unless it says otherwise.

    web_socket(host::services &host, std::shared_ptr<wakeup> wakeup, host::object_ref handler);
    ~web_socket() override;
    web_socket(const web_socket &) = delete;
    web_socket &operator=(const web_socket &) = delete;

    /** Waits until the connection is open. False where it could not be made; then an error was raised. */
    bool connect(const host::text &url);
    /** Calls onOpen. */
    void opened();
    /** Pulls at most so many events and calls their callbacks. Whether there may be more. */
    bool deliver(unsigned most);
    /** Ends the connection at once, with onTerminate only where `tell`. Any process, while none other uses the socket. */
    void end(bool tell);

    /** The context that made it. Any thread. */
    const host::context &home() const { return home_; }
    /** Whether onTerminate was called, or never will be. */
    bool over() const { return over_; }
    /** Whether events came since the last call. Any thread. */
    bool take_wake_flag() noexcept { return wake_flag_.take(); }

private:
    /** While one is there, a callback is on the stack. */
    class turn;
    /** What onTerminate is told. */
    struct ending {
        std::uint16_t code = 0;
        host::text reason;
        bool clean = false;
    };

    bool begin(const host::text &url);
    bool wait_until_open();
    event_ptr pull(std::int32_t timeout_ms, std::int32_t &result);
    void tell_event(event_ptr event);
    void tell_message(const ws_event *event);
    void tell_error(const ws_event *event);
    void finish();
    void close_dispatcher();
    host::object_ref event_object(ws_event_type type);
    void tell(const host::text &callback, const host::object_ref &event);
    static void note_end(ws_socket *ws, const ws_event *event, void *self);
    void note(const ws_event *terminate);

    host::services &host_;
    wake_flag wake_flag_;
    host::context home_;
    host::object_ref handler_;
    ws_dispatcher *dispatcher_ = nullptr;
    ws_socket *socket_ = nullptr;
    ending ending_;
    bool running_ = false;
    bool tell_end_ = true;
    bool over_ = false;
};

} // namespace plugin

#endif
