// An exception in a callback never passes through C: it comes out of the call in which the callback ran.
#include "check.hpp"

using tests::caught;
using tests::server;
using tests::signal;
using tests::thrown;

namespace {

/** Throws, and says from where. */
ws4d::callback throws(const char *where) {
    return [where] { throw thrown{where}; };
}

std::string what(std::exception_ptr e) {
    return caught([&] { std::rethrow_exception(e); });
}

} // namespace

PROMISE(that_of_on_open_comes_out_of_the_constructor_and_the_socket_is_closed) {
    ws4d::dispatcher loop;
    bool more = false;
    for (const bool on_io_thread : {false, true}) {
        ws4d::handlers handlers;
        handlers.on_open = throws("open");
        handlers.on_message = [&] { more = true; };
        handlers.on_terminate = [&] { more = true; };
        const std::string url = server("/script?do=text:hello");
        CHECK(caught([&] {
                  if (on_io_thread)
                      ws4d::socket ws(url, std::move(handlers));
                  else
                      ws4d::socket ws(url, loop, std::move(handlers));
              }) == "open");
    }
    // There is no socket left that could be waited for.
    loop.run();
    CHECK(!more);
}

PROMISE(that_of_on_open_comes_out_of_try_open) {
    ws4d::handlers handlers;
    handlers.on_open = throws("open");
    CHECK(caught([&] { CHECK(ws4d::socket::try_open(server("/echo"), std::move(handlers))); }) == "open");
}

PROMISE(that_of_each_callback_comes_out_of_run_wait_and_dispatch) {
    using field = ws4d::callback ws4d::handlers::*;
    const std::vector<std::pair<const char *, field>> callbacks = {
        {"open", &ws4d::handlers::on_open},   {"message", &ws4d::handlers::on_message},     {"drain", &ws4d::handlers::on_drain},
        {"pong", &ws4d::handlers::on_pong},   {"terminate", &ws4d::handlers::on_terminate}, {"error", &ws4d::handlers::on_error},
    };
    for (const char *call : {"run", "wait", "dispatch"}) {
        for (const auto &[name, which] : callbacks) {
            // It connects inside its calls alone, so that what is sent before has to wait.
            ws4d::dispatcher loop = ws4d::dispatcher::driving();
            ws4d::handlers handlers;
            handlers.*which = throws(name);
            const std::string url = name == std::string("error") ? tests::nobody() : server("/script?do=echo:1");
            ws4d::socket ws = ws4d::socket::open_async(url, loop, std::move(handlers), ws4d::options().send_buffer_size(100));
            if (name != std::string("error")) {
                ws.ping();
                ws.try_send_text("one").value();
                CHECK(ws.try_send_text("two").code() == WS_ERR_WOULD_BLOCK);
            }
            if (name == std::string("terminate"))
                ws.terminate();
            const std::string came = caught([&] {
                for (;;) {
                    if (call == std::string("run"))
                        loop.run();
                    else if (call == std::string("wait"))
                        loop.wait();
                    else
                        loop.dispatch();
                }
            });
            CHECK(came == name);
        }
    }
}

PROMISE(events_behind_it_wait_for_the_next_call) {
    ws4d::dispatcher loop;
    std::string trace;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &message) {
        trace += message.text();
        if (message.text() == "b")
            throw thrown{"b"};
    };
    handlers.on_terminate = [&] { trace += "."; };
    ws4d::socket ws(server("/script?do=cork,text:a,text:b,text:c,close:1000,uncork"), loop, std::move(handlers));
    CHECK(caught([&] { loop.run(); }) == "b" && trace == "ab");
    loop.run();
    CHECK(trace == "abc.");
}

PROMISE(that_of_a_nested_call_comes_out_of_that_one_alone) {
    ws4d::dispatcher loop;
    std::string trace;
    ws4d::handlers inner;
    inner.on_message = throws("inner");
    ws4d::socket second(server("/script?do=expect,text:x"), loop, std::move(inner));
    ws4d::handlers outer;
    outer.on_message = [&](ws4d::socket_ref ws, const ws4d::event &message) {
        if (message.text() != "a") {
            trace += message.text();
            return;
        }
        second.send_text("go");
        trace += caught([&] { loop.run(); });
        ws.send_text("on");
    };
    outer.on_terminate = [&] {
        trace += ".";
        loop.stop().value();
    };
    ws4d::socket first(server("/script?do=text:a,expect,text:b,close:1000"), loop, std::move(outer));
    // The outer run was ended by the inner exception as well, and goes on: b arrives inside it.
    loop.run();
    CHECK(trace == "innerb.");
}

PROMISE(a_stop_of_the_hosts_is_not_lost_beside_a_nested_exception) {
    ws4d::dispatcher loop;
    std::string trace;
    ws4d::handlers inner;
    inner.on_message = throws("inner");
    ws4d::socket second(server("/script?do=expect,text:x"), loop, std::move(inner));
    ws4d::handlers outer;
    outer.on_message = [&] {
        second.send_text("go");
        trace += caught([&] { loop.run(); });
        loop.stop().value();
    };
    ws4d::socket first(server("/script?do=text:a"), loop, std::move(outer));
    loop.run();
    CHECK(trace == "inner" && first.status() == WS_STATUS_CONNECTED);
}

PROMISE(that_of_a_nested_call_that_nobody_catches_comes_out_of_the_outer_one) {
    ws4d::dispatcher loop;
    ws4d::handlers inner;
    inner.on_message = throws("inner");
    ws4d::socket second(server("/script?do=text:x"), loop, std::move(inner));
    ws4d::handlers outer;
    outer.on_message = [&] { loop.run(); };
    ws4d::socket first(server("/script?do=text:a"), loop, std::move(outer));
    CHECK(caught([&] { loop.run(); }) == "inner");
}

PROMISE(that_of_on_terminate_comes_out_of_close) {
    ws4d::dispatcher loop;
    for (const bool on_io_thread : {false, true}) {
        ws4d::handlers handlers;
        handlers.on_terminate = throws("terminate");
        ws4d::socket ws = on_io_thread ? ws4d::socket(server("/idle"), std::move(handlers)) : ws4d::socket(server("/idle"), loop, std::move(handlers));
        CHECK(caught([&] { ws.close(); }) == "terminate" && !ws);
    }
    ws4d::handlers handlers;
    handlers.on_terminate = throws("terminate");
    ws4d::socket ws(server("/idle"), loop, std::move(handlers));
    CHECK(caught([&] { loop.close(); }) == "terminate" && ws.status() == WS_STATUS_CLOSED);
    CHECK(caught([&] { loop.run(); }) == "WS_ERR_INVALID_HANDLE");
}

PROMISE(without_a_dispatcher_it_goes_to_on_exception) {
    signal message;
    signal terminate;
    ws4d::handlers handlers;
    handlers.on_message = throws("message");
    handlers.on_terminate = throws("terminate");
    handlers.on_exception = [&](std::exception_ptr e) { (what(e) == "message" ? message : terminate).give(what(e)); };
    ws4d::socket ws(server("/script?do=expect,text:a,close:1000"), std::move(handlers));
    ws.send_text("go");
    CHECK(message.wait() == "message" && terminate.wait() == "terminate");
}

PROMISE(in_a_destructor_of_a_dispatcher_it_goes_to_on_exception) {
    std::string came;
    ws4d::socket ws;
    {
        ws4d::dispatcher loop;
        ws4d::handlers handlers;
        handlers.on_terminate = throws("terminate");
        handlers.on_exception = [&](std::exception_ptr e) { came = what(e); };
        ws = ws4d::socket(server("/idle"), loop, std::move(handlers));
    }
    CHECK(came == "terminate");
}

PROMISE(that_of_an_error_handler_comes_out_of_run_and_of_constructors) {
    ws4d::dispatcher loop;
    loop.set_error_handler([](const ws4d::errors &errors) { throw thrown{std::string(ws4d::name(errors.code()))}; });
    CHECK(caught([&] { ws4d::socket ws(tests::nobody(), loop); }) == "WS_ERR_CONNECTION_REFUSED");
    ws4d::socket ws = ws4d::socket::open_async(tests::nobody(), loop);
    CHECK(caught([&] { loop.run(); }) == "WS_ERR_CONNECTION_REFUSED");
    loop.set_error_handler(nullptr);
    CHECK(caught([&] { ws4d::socket again(tests::nobody(), loop); }) == "WS_ERR_CONNECTION_REFUSED");
}
