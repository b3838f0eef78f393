// Destroying a socket means that no callback of it runs any more, wherever it is destroyed; and nothing is lost or leaked.
#include "check.hpp"

#include <atomic>
#include <memory>
#include <thread>

using tests::caught;
using tests::server;
using tests::signal;

namespace {

/** Handlers that count what they are told, and whose end can be seen. */
struct counting {
    std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
    std::shared_ptr<int> held = std::make_shared<int>(0);
    std::weak_ptr<int> alive = held;

    ws4d::handlers handlers() {
        ws4d::handlers all;
        const auto count = [c = calls, h = std::move(held)] { (*c)++; };
        all.on_message = count;
        all.on_error = count;
        all.on_terminate = count;
        return all;
    }
};

} // namespace

PROMISE(a_destroyed_socket_does_not_call_back_and_its_handlers_are_gone) {
    for (const bool on_io_thread : {false, true}) {
        ws4d::dispatcher loop;
        counting count;
        {
            ws4d::socket ws = on_io_thread ? ws4d::socket(server("/idle"), count.handlers()) : ws4d::socket(server("/script?do=text:a,text:b"), loop, count.handlers());
            CHECK(!count.alive.expired());
        }
        CHECK(count.alive.expired());
        loop.run();
        CHECK(*count.calls == 0);
    }
}

PROMISE(a_socket_that_could_not_be_made_leaves_nothing) {
    ws4d::dispatcher loop;
    counting count;
    CHECK(caught([&] { ws4d::socket ws(tests::nobody(), loop, count.handlers()); }) == "WS_ERR_CONNECTION_REFUSED");
    CHECK(count.alive.expired() && *count.calls == 0);
}

PROMISE(a_socket_may_be_destroyed_inside_its_own_close) {
    ws4d::dispatcher loop;
    counting count;
    auto ws = std::make_unique<ws4d::socket>();
    ws4d::handlers handlers = count.handlers();
    handlers.on_terminate = [&ws, c = count.calls] {
        (*c)++;
        ws.reset();
    };
    *ws = ws4d::socket(server("/idle"), loop, std::move(handlers));
    ws->close();
    CHECK(ws == nullptr && *count.calls == 1 && count.alive.expired());
}

PROMISE(a_socket_that_was_closed_and_destroyed_in_a_callback_calls_back_no_more) {
    ws4d::dispatcher loop;
    counting count;
    std::optional<ws4d::socket> ws;
    ws4d::handlers handlers = count.handlers();
    handlers.on_message = [&ws, c = count.calls] {
        ws->close();
        CHECK(!*ws);
        ws.reset();
    };
    ws.emplace(server("/script?do=text:a"), loop, std::move(handlers));
    loop.run();
    CHECK(*count.calls == 0 && count.alive.expired());
}

PROMISE(a_socket_may_be_destroyed_inside_its_own_callbacks) {
    using field = ws4d::callback ws4d::handlers::*;
    for (const field which : {&ws4d::handlers::on_open, &ws4d::handlers::on_message, &ws4d::handlers::on_terminate}) {
        ws4d::dispatcher loop;
        counting count;
        std::optional<ws4d::socket> ws;
        ws4d::handlers handlers = count.handlers();
        handlers.*which = [&ws, text = std::string("this lives as long as the callback runs"), c = count.calls] {
            ws.reset();
            CHECK(text.back() == 's');
            (*c) += 100;
        };
        ws.emplace(ws4d::socket::open_async(server("/script?do=text:a,text:b,close:1000"), loop, std::move(handlers)));
        loop.run();
        // What came before it was counted one by one.
        CHECK(*count.calls == (which == &ws4d::handlers::on_terminate ? 102 : 100));
        CHECK(!ws && count.alive.expired());
    }
}

PROMISE(a_socket_on_an_io_thread_may_be_destroyed_inside_its_own_callback) {
    signal done;
    ws4d::socket ws;
    std::mutex making;
    {
        const std::lock_guard<std::mutex> lock(making);
        ws4d::handlers handlers;
        handlers.on_message = [&] {
            { const std::lock_guard<std::mutex> until_made(making); }
            ws = ws4d::socket();
            done.give("done");
        };
        ws = ws4d::socket::open_async(server("/script?do=text:a,text:b"), std::move(handlers));
    }
    CHECK(done.wait() == "done");
}

PROMISE(a_socket_may_be_destroyed_inside_the_callback_of_another_one) {
    ws4d::dispatcher loop;
    counting count;
    ws4d::socket victim(server("/script?do=expect,text:a"), loop, count.handlers());
    ws4d::handlers handlers;
    handlers.on_message = [&] {
        victim = ws4d::socket();
        loop.stop().value();
    };
    ws4d::socket ws(server("/script?do=text:a"), loop, std::move(handlers));
    loop.run();
    CHECK(*count.calls == 0 && count.alive.expired());
}

PROMISE(another_thread_may_destroy_a_socket_and_nothing_is_called_after_that) {
    ws4d::dispatcher loop;
    counting count;
    auto ws = std::make_unique<ws4d::socket>(server("/script?do=text:a"), loop, count.handlers());
    std::thread([&] { ws.reset(); }).join();
    // on_free comes by the dispatcher, and with it the end of the handlers.
    loop.run();
    CHECK(*count.calls == 0 && count.alive.expired());
}

PROMISE(a_destructor_on_another_thread_waits_for_the_callback_that_runs) {
    ws4d::dispatcher loop;
    signal inside;
    signal goes;
    std::atomic<bool> finished{false};
    ws4d::handlers handlers;
    handlers.on_message = [&] {
        inside.give("inside");
        goes.wait();
        finished = true;
    };
    auto ws = std::make_unique<ws4d::socket>(server("/script?do=text:a"), loop, std::move(handlers));
    std::thread other([&] {
        inside.wait();
        // The callback goes on while this one is being destroyed, or before.
        std::thread third([&] { goes.give("on"); });
        ws.reset();
        CHECK(finished);
        third.join();
    });
    loop.run();
    other.join();
}

PROMISE(the_last_reference_on_an_io_thread_may_go_from_any_thread) {
    counting count;
    auto ws = std::make_unique<ws4d::socket>(server("/flood?n=1000&stay=1"), count.handlers());
    std::thread([&] { ws.reset(); }).join();
    const int before = *count.calls;
    CHECK(count.alive.expired() && *count.calls == before);
}

PROMISE(a_moved_socket_is_the_same_and_what_it_was_moved_from_is_empty) {
    ws4d::dispatcher loop;
    std::string got;
    ws4d::handlers handlers;
    handlers.on_message = [&](ws4d::socket_ref ws, const ws4d::event &message) {
        got = message.text();
        ws.terminate();
    };
    ws4d::socket first(server("/echo"), loop, std::move(handlers));
    const ws4d::socket_ref same = first;
    ws4d::socket second(std::move(first));
    CHECK(!first && first.status() == WS_STATUS_CLOSED && first.try_send_text("x").code() == WS_ERR_INVALID_HANDLE);
    ws4d::dispatcher moved(std::move(loop));
    CHECK(loop.try_run().code() == WS_ERR_INVALID_HANDLE && loop.stop().code() == WS_ERR_INVALID_HANDLE);
    CHECK(caught([&] { ws4d::socket ws(server("/echo"), loop); }) == "WS_ERR_INVALID_HANDLE");
    CHECK(second == same);
    second.send_text("hello");
    moved.run();
    CHECK(got == "hello");
    counting count;
    second = ws4d::socket(server("/idle"), moved, count.handlers());
    CHECK(same.try_send_text("x").code() == WS_ERR_INVALID_HANDLE && !count.alive.expired());
    second = ws4d::socket();
    CHECK(count.alive.expired());
}

PROMISE(a_detached_socket_goes_on_by_itself) {
    ws4d::dispatcher loop;
    counting count;
    ws4d::socket ws(server("/script?do=expect,text:a,close:1000"), loop, count.handlers());
    const ws4d::socket_ref left = ws.detach();
    CHECK(!ws && left.status() == WS_STATUS_CONNECTED);
    left.send_text("go");
    loop.run();
    CHECK(*count.calls == 2 && count.alive.expired());
}

PROMISE(a_socket_that_is_closed_has_its_on_terminate_and_is_empty) {
    ws4d::dispatcher loop;
    counting count;
    ws4d::socket ws(server("/idle"), loop, count.handlers());
    std::thread([&] { CHECK(ws.try_close().code() == WS_ERR_WRONG_THREAD); }).join();
    CHECK(*count.calls == 0 && ws.status() == WS_STATUS_CONNECTED);
    ws.close();
    CHECK(*count.calls == 1 && count.alive.expired() && !ws && ws.try_close().code() == WS_ERR_INVALID_HANDLE);
}

PROMISE(a_dispatcher_may_be_destroyed_inside_its_own_callback) {
    counting count;
    std::optional<ws4d::dispatcher> loop(std::in_place);
    ws4d::handlers handlers = count.handlers();
    handlers.on_message = [&] { loop.reset(); };
    ws4d::socket ws(server("/script?do=text:a"), *loop, std::move(handlers));
    CHECK(caught([&] { loop->run(); }) == "WS_ERR_CANCELLED");
    CHECK(!loop && *count.calls == 1 && ws.status() == WS_STATUS_CLOSED);
}

PROMISE(a_dispatcher_may_go_before_its_sockets_and_on_another_thread) {
    counting count;
    auto loop = std::make_unique<ws4d::dispatcher>();
    ws4d::socket ws(server("/idle"), *loop, count.handlers());
    std::thread([&] { loop.reset(); }).join();
    CHECK(*count.calls == 1 && ws.status() == WS_STATUS_CLOSED);
}

PROMISE(what_wakes_is_called_until_the_dispatcher_is_gone) {
    signal woken;
    ws4d::dispatcher loop([&, text = std::string("woken")] { woken.give(text); });
    std::string got;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &message) { got = message.text(); };
    ws4d::socket ws(server("/script?do=text:a"), loop, std::move(handlers));
    woken.wait();
    CHECK(loop.dispatch() == 1 && got == "a");
}
