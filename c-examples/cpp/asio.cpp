// asio: a socket in a Boost.Asio io_context, by the dispatcher's descriptor. An exception of a callback comes out of
// io_context::run(), as one of a handler of Asio's does.
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <iostream>
#include <ws4d.hpp>

namespace asio = boost::asio;

int main(int argc, char **argv) try {
    if (argc != 2)
        return std::cerr << "usage: asio ws://host[:port]/path\n", 2;

    asio::io_context io;
    ws4d::dispatcher loop;
    asio::posix::stream_descriptor network(io, static_cast<int>(loop.fd()));
    // The descriptor is the dispatcher's, which closes it: Asio gives it back before that.
    struct give_back {
        asio::posix::stream_descriptor &descriptor;
        ~give_back() { descriptor.release(); }
    } const at_the_end{network};

    bool over = false;
    ws4d::handlers handlers;
    handlers.on_message = [](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << "the server says: " << message.text() << std::endl;
        ws.terminate(1000, "bye");
    };
    handlers.on_terminate = [&](const ws4d::event &end) {
        std::cout << "closed: " << end.code() << std::endl;
        over = true;
    };
    ws4d::socket ws = ws4d::socket::open_async(argv[1], loop, std::move(handlers));
    ws.send_text("hello, world");

    std::function<void()> watch = [&] {
        network.async_wait(asio::posix::stream_descriptor::wait_read, [&](const boost::system::error_code &failed) {
            if (failed)
                return;
            loop.dispatch();
            if (!over)
                watch();
        });
    };
    watch();
    io.run();
    return 0;
} catch (const std::exception &error) {
    std::cerr << "asio: " << error.what() << '\n';
    return 1;
}
