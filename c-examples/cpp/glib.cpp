// glib: a socket in a GLib main loop. GLib is C: an exception of a callback must not pass through it, so what calls
// dispatch() keeps it until the loop has returned.
#include <exception>
#include <glib-unix.h>
#include <iostream>
#include <ws4d.hpp>

namespace {

struct program {
    GMainLoop *loop = g_main_loop_new(nullptr, FALSE);
    ws4d::dispatcher dispatcher;
    std::exception_ptr thrown;

    program() = default;
    program(const program &) = delete;
    program &operator=(const program &) = delete;
    ~program() { g_main_loop_unref(loop); }

    static gboolean readable(gint, GIOCondition, gpointer data) {
        auto *self = static_cast<program *>(data);
        try {
            self->dispatcher.dispatch();
            return G_SOURCE_CONTINUE;
        } catch (const std::exception &) {
            self->thrown = std::current_exception();
            g_main_loop_quit(self->loop);
            return G_SOURCE_CONTINUE;
        }
    }
    void run() {
        const guint network = g_unix_fd_add(static_cast<gint>(dispatcher.fd()), G_IO_IN, &readable, this);
        g_main_loop_run(loop);
        g_source_remove(network);
        if (thrown)
            std::rethrow_exception(thrown);
    }
};

} // namespace

int main(int argc, char **argv) try {
    if (argc != 2)
        return std::cerr << "usage: glib ws://host[:port]/path\n", 2;

    program main;
    ws4d::handlers handlers;
    handlers.on_message = [](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << "the server says: " << message.text() << std::endl;
        ws.terminate(1000, "bye");
    };
    handlers.on_terminate = [&](const ws4d::event &end) {
        std::cout << "closed: " << end.code() << std::endl;
        g_main_loop_quit(main.loop);
    };
    ws4d::socket ws = ws4d::socket::open_async(argv[1], main.dispatcher, std::move(handlers));
    ws.send_text("hello, world");
    main.run();
    return 0;
} catch (const std::exception &error) {
    std::cerr << "glib: " << error.what() << '\n';
    return 1;
}
