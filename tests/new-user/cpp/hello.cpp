#include <iostream>
#include <ws4d.hpp>

int main(int argc, char **argv) try {
    ws4d::dispatcher loop;
    ws4d::handlers handlers;
    handlers.on_message = [](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << "the server says: " << message.text() << std::endl;
        ws.terminate();
    };
    ws4d::socket ws(argc > 1 ? argv[1] : "ws://127.0.0.1:8080/echo", loop, std::move(handlers));
    ws.send_text("hello, world");
    loop.run();
} catch (const ws4d::error &error) {
    for (const ws4d::error_entry &entry : error.entries())
        std::cerr << "hello: " << entry.message << '\n';
    return 1;
}
