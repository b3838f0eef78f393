// poll: a socket in a loop of poll(). An exception of a callback comes out of dispatch(), past the loop, to main.
#include <cerrno>
#include <iostream>
#include <poll.h>
#include <ws4d.hpp>

int main(int argc, char **argv) try {
    if (argc != 2)
        return std::cerr << "usage: poll ws://host[:port]/path\n", 2;

    bool over = false;
    ws4d::dispatcher loop;
    ws4d::handlers handlers;
    handlers.on_message = [](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << "the server says: " << message.text() << std::endl;
        ws.terminate(1000, "bye");
    };
    handlers.on_terminate = [&](const ws4d::event &end) {
        std::cout << "closed: " << end.code() << std::endl;
        over = true;
    };
    ws4d::socket ws(argv[1], loop, std::move(handlers));
    ws.send_text("hello, world");

    pollfd network = {static_cast<int>(loop.fd()), POLLIN, 0};
    while (!over) {
        if (poll(&network, 1, -1) < 0 && errno != EINTR)
            return 1;
        loop.dispatch();
    }
    return 0;
} catch (const ws4d::error &error) {
    for (const ws4d::error_entry &entry : error.entries())
        std::cerr << "poll: " << entry.message << '\n';
    return 1;
}
