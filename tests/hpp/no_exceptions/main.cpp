// Compiled with -fno-exceptions: the functions that return results are enough.
#include "../check.hpp"

#if defined(__cpp_exceptions)
#error "this one is compiled without exceptions"
#endif

int main() {
    ws4d::dispatcher loop;
    ws4d::options options(std::nothrow);
    CHECK(options.compression(10).first_error()->code() == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws4d::socket::try_open(tests::nobody(), loop).code() == WS_ERR_CONNECTION_REFUSED);
    std::string got;
    ws4d::handlers handlers;
    handlers.on_message = [&](ws4d::socket_ref ws, const ws4d::event &message) {
        got = message.text();
        CHECK(ws.try_terminate());
    };
    const ws4d::result<ws4d::socket> ws = ws4d::socket::try_open(tests::server("/echo"), loop, std::move(handlers));
    CHECK(ws && ws->try_send_text("hello") && loop.try_run() && got == "hello");
    CHECK(ws->try_send_text("late").code() == WS_ERR_CLOSED);
    CHECK(ws4d::try_shutdown());
}
