// The plug-in: the constructor of `4D.WebSocket`, and what the host tells a plug-in of its processes.
#ifndef WS4D_PLUGIN_CORE_HPP
#define WS4D_PLUGIN_CORE_HPP

#include "wakeup.hpp"
#include "host.hpp"
#include "web_socket.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace plugin {

class core {
public:
    explicit core(host::services &host);

    /** kInitPlugin and kServerInitPlugin. False where the library is just being shut down by somebody else. */
    bool start();

    /** 4D.WebSocket.new( url {; connectionHandler} ): a socket, or Null, and then an error was raised. */
    host::value new_web_socket(const host::parameters &with);

    /** Delivers what waits for the sockets of the current context; runs where services::post() has asked for it. */
    void pump();

    /**
     * A process or a form ends: kCloseProcess, or the form's On Unload. Its sockets end; onTerminate is called if this is called in
     * that process, and 4D code can still run in it.
     */
    void context_closed(const host::context &which);

    /** kDeinitPlugin and kServerDeinitPlugin: no other process calls the plug-in any more. All that is left ends, without callbacks. */
    void stop();

private:
    using socket_ref = std::shared_ptr<web_socket>;

    void listen();
    bool ensure_listener();
    bool is_closing(const host::context &which);
    std::vector<socket_ref> sockets_of(const host::context &which);
    std::vector<host::context> contexts_with_events();
    void remove(const host::context &which, const socket_ref &socket);

    host::services &host_;
    std::shared_ptr<wakeup> wakeup_ = std::make_shared<wakeup>();
    std::atomic<bool> listening_{false};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_; // over what follows; never held while the host or the library is called
    std::map<host::context, std::vector<socket_ref>> sockets_;
    std::set<host::context> closing_;
};

} // namespace plugin

#endif
