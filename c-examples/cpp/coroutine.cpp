// coroutine: a conversation in one coroutine, with co_await; C++20.      usage: coroutine ws://127.0.0.1:8080/echo
#include <iostream>
#include <string>
#include <ws4d_coroutines.hpp>

static ws4d::task<> talk(ws4d::dispatcher &loop, std::string url) {
    ws4d::connection ws = co_await ws4d::connect(url, loop);
    co_await ws.send_text("hello, world");
    if (std::optional<ws4d::kept_event> message = co_await ws.receive())
        std::cout << "the server says: " << message->text() << '\n';
    co_await ws.close(1000, "bye");
    std::cout << "closed: " << ws.code() << ' ' << ws.reason() << '\n';
}

int main(int argc, char **argv) try {
    if (argc != 2) {
        std::cerr << "usage: coroutine ws://host[:port]/path\n";
        return 2;
    }
    ws4d::dispatcher loop;
    ws4d::run(loop, talk(loop, argv[1]));
} catch (const ws4d::error &error) {
    for (const ws4d::error_entry &entry : error.entries())
        std::cerr << "coroutine: " << entry.message << '\n';
    return 1;
}
