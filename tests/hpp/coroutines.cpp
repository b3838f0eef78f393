// co_await: what a coroutine receives, in which order, and how it ends. Nothing in C++17.
#include "check.hpp"

#if defined(__cpp_impl_coroutine)

#include <ws4d_coroutines.hpp>

#if defined(__GNUC__) && !defined(__clang__)
// What gcc writes for a coroutine has such zeros.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif

using namespace std::chrono_literals;
using tests::caught;
using tests::server;

namespace {

ws4d::task<int> gives(int value) { co_return value; }

ws4d::task<int> throws_(std::string where) {
    co_await gives(1);
    throw tests::thrown{where};
}

ws4d::task<int> sum(int one, int other) { co_return co_await gives(one) + co_await gives(other); }

/** All that comes until the end. */
ws4d::task<std::string> everything(ws4d::connection &ws) {
    std::string all;
    while (std::optional<ws4d::kept_event> message = co_await ws.receive())
        all += std::string(message->text()) + ";";
    co_return all;
}

} // namespace

PROMISE(a_task_gives_its_value_or_its_exception) {
    ws4d::dispatcher loop;
    CHECK(ws4d::run(loop, sum(2, 3)) == 5);
    CHECK(caught([&] { ws4d::run(loop, throws_("inside")); }) == "inside");
    { const ws4d::task<int> never_started = sum(1, 1); }
    ws4d::task<int> assigned = gives(1);
    assigned = gives(2);
    CHECK(ws4d::run(loop, std::move(assigned)) == 2);
}

PROMISE(a_conversation_is_one_coroutine) {
    ws4d::dispatcher loop;
    ws4d::run(loop, [](ws4d::dispatcher &on) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/echo"), on);
        co_await ws.send_text("text");
        co_await ws.send_blob(std::string_view("blob"));
        co_await ws.send_object("[1]");
        for (const char *expected : {"text", "blob", "[1]"}) {
            const std::optional<ws4d::kept_event> message = co_await ws.receive();
            CHECK(message && message->text() == expected);
        }
        CHECK(!ws.is_over() && ws.code() == 0 && ws.ref().status() == WS_STATUS_CONNECTED);
        co_await ws.close(4001, "enough");
        CHECK(ws.is_over() && ws.code() == 4001 && ws.reason() == "enough");
        CHECK(!co_await ws.receive());
        CHECK(caught([&] { ws.ref().send_text("late"); }) == "WS_ERR_CLOSED");
    }(loop));
}

PROMISE(what_cannot_be_opened_is_thrown_where_it_is_awaited) {
    ws4d::dispatcher loop;
    const auto opens = [](ws4d::dispatcher &on, std::string url) -> ws4d::task<> { co_await ws4d::connect(url, on); };
    CHECK(caught([&] { ws4d::run(loop, opens(loop, tests::nobody())); }) == "WS_ERR_CONNECTION_REFUSED");
    CHECK(caught([&] { ws4d::run(loop, opens(loop, "nonsense")); }) == "WS_ERR_INVALID_URL");
}

PROMISE(the_server_s_end_is_no_message_and_a_broken_connection_is_thrown_behind_the_messages) {
    ws4d::dispatcher loop;
    ws4d::run(loop, [](ws4d::dispatcher &on) -> ws4d::task<> {
        ws4d::connection good = co_await ws4d::connect(server("/script?do=text:a,text:b,close:4000:bye"), on);
        CHECK(co_await everything(good) == "a;b;" && good.code() == 4000 && good.reason() == "bye");
        ws4d::connection broken = co_await ws4d::connect(server("/script?do=text:a,frame:f1:00"), on);
        CHECK((co_await broken.receive())->text() == "a");
        std::string came;
        try {
            co_await broken.receive();
        } catch (const ws4d::error &e) {
            came = ws4d::name(e.code());
        }
        CHECK(came == "WS_ERR_PROTOCOL");
    }(loop));
}

PROMISE(a_coroutine_that_does_not_receive_holds_the_server_back_and_loses_nothing) {
    ws4d::dispatcher loop;
    ws4d::run(loop, [](ws4d::dispatcher &on) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/flood?n=1000&size=16&seq=1"), on);
        // Another conversation goes on meanwhile.
        ws4d::connection other = co_await ws4d::connect(server("/echo"), on);
        for (int more = 0; more < 20; more += ws.waiting() >= 64) {
            co_await other.send_text("turn");
            co_await other.receive();
        }
        CHECK(ws.waiting() == 64);
        int expected = 0;
        while (std::optional<ws4d::kept_event> message = co_await ws.receive())
            CHECK(std::stoi(std::string(message->text().substr(0, 8))) == expected++);
        CHECK(expected == 1000 && ws.code() == 1000);
    }(loop));
}

PROMISE(sending_waits_for_room_in_the_order_of_the_calls) {
    ws4d::dispatcher loop = ws4d::dispatcher::driving();
    std::string order;
    ws4d::run(loop, [](ws4d::dispatcher &on, std::string &told) -> ws4d::task<> {
        ws4d::options small;
        small.send_buffer_size(100);
        ws4d::connection ws = co_await ws4d::connect(server("/echo"), on, small);
        for (const char name : {'a', 'b', 'c'})
            ws4d::spawn([](ws4d::connection &to, std::string &log, char mine) -> ws4d::task<> {
                for (int i = 0; i < 10; i++)
                    co_await to.send_text(std::string(80, mine));
                log += mine;
            }(ws, told, name));
        std::string got;
        while (got.size() < 30)
            got += (co_await ws.receive())->text().front();
        CHECK(std::count(got.begin(), got.end(), 'a') == 10 && std::count(got.begin(), got.end(), 'c') == 10);
        CHECK(told.size() == 3);
        co_await ws.close();
    }(loop, order));
    CHECK(order == "abc");
}

PROMISE(several_that_receive_are_served_in_their_order) {
    ws4d::dispatcher loop;
    std::string got;
    ws4d::run(loop, [](ws4d::dispatcher &on, std::string &told) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/echo"), on);
        for (const char name : {'x', 'y'})
            ws4d::spawn([](ws4d::connection &from, std::string &log, char mine) -> ws4d::task<> {
                const std::optional<ws4d::kept_event> message = co_await from.receive();
                log += mine + std::string(message ? message->text() : "-") + ";";
            }(ws, told, name));
        co_await ws.send_text("1");
        co_await ws.send_text("2");
        co_await ws.send_text("3");
        CHECK((co_await ws.receive())->text() == "3");
        // These end with the connection.
        ws4d::spawn([](ws4d::connection &from, std::string &log) -> ws4d::task<> {
            CHECK(!co_await from.receive());
            log += "none;";
        }(ws, told));
    }(loop, got));
    CHECK(got == "x1;y2;none;");
}

PROMISE(a_coroutine_may_be_destroyed_where_it_waits_and_may_destroy_its_connection) {
    ws4d::dispatcher loop;
    bool resumed = false;
    const auto waits = [](ws4d::dispatcher &on, bool &went_on) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/idle"), on);
        co_await ws.receive();
        went_on = true;
    };
    ws4d::run(loop, [](ws4d::dispatcher &on, ws4d::task<> other) -> ws4d::task<> {
        // It waits for its connection, and is gone before that is there.
        ws4d::task<> held = std::move(other);
        struct started {
            bool await_ready() const noexcept { return false; }
            bool await_suspend(std::coroutine_handle<> here) {
                auto awaits = inner.operator co_await();
                awaits.await_suspend(here).resume();
                return false;
            }
            void await_resume() const noexcept {}
            ws4d::task<> &inner;
        };
        co_await started{held};
        {
            const ws4d::task<> destroyed = std::move(held);
        }
        // A message resumes this inside the callback of the connection, which then goes.
        std::optional<ws4d::connection> ws = co_await ws4d::connect(server("/echo"), on);
        co_await ws->send_text("x");
        CHECK((co_await ws->receive())->text() == "x");
        ws.reset();
        ws4d::connection next = co_await ws4d::connect(server("/echo"), on);
        co_await next.send_text("y");
        CHECK((co_await next.receive())->text() == "y");
        next = co_await ws4d::connect(server("/echo"), on);
        co_await next.send_text("z");
        CHECK((co_await next.receive())->text() == "z");
    }(loop, waits(loop, resumed)));
    while (loop.wait(0ms) > 0) {
    }
    CHECK(!resumed);
}

PROMISE(a_task_that_ends_resumes_nobody_who_is_gone) {
    ws4d::dispatcher loop;
    int ended = 0;
    // The one that waits for a message outlives the one that awaits it.
    const auto reads = [](ws4d::dispatcher &on, int &counts) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/echo"), on);
        co_await ws.send_text("x");
        co_await ws.receive();
        counts++;
    };
    const auto awaits = [](ws4d::task<> &child) -> ws4d::task<> {
        co_await child;
        CHECK(!"it was destroyed");
    };
    ws4d::task<> child = reads(loop, ended);
    {
        ws4d::task<> parent = awaits(child);
        parent.operator co_await().await_suspend(std::noop_coroutine()).resume();
    }
    while (!child.done())
        loop.wait();
    CHECK(ended == 1);
    // And the other way round: it is destroyed first.
    child = reads(loop, ended);
    ws4d::task<> alone = awaits(child);
    alone.operator co_await().await_suspend(std::noop_coroutine()).resume();
    child = reads(loop, ended);
}

PROMISE(connect_throws_all_of_the_server_s_answer) {
    ws4d::dispatcher loop;
    ws4d::run(loop, [](ws4d::dispatcher &on) -> ws4d::task<> {
        try {
            co_await ws4d::connect(server("/status?code=503&header=Retry-After:7"), on);
            CHECK(!"it was refused");
        } catch (const ws4d::error &e) {
            CHECK(e.http_status() == 503 && e.http_header("Retry-After") == "7");
        }
    }(loop));
}

PROMISE(stop_ends_run_and_what_waits) {
    ws4d::dispatcher loop;
    bool destroyed = false;
    const std::string came = caught([&] {
        ws4d::run(loop, [](ws4d::dispatcher &on, bool &gone) -> ws4d::task<> {
            struct sets {
                ~sets() { flag = true; }
                bool &flag;
            } at_the_end{gone};
            ws4d::connection ws = co_await ws4d::connect(server("/idle"), on);
            CHECK(on.stop());
            co_await ws.receive();
        }(loop, destroyed));
    });
    CHECK(came == "WS_ERR_CANCELLED" && destroyed);
}

PROMISE(the_exception_of_a_task_that_nobody_awaits_goes_to_its_function) {
    ws4d::dispatcher loop;
    std::string came;
    const auto whole = [](std::string where) -> ws4d::task<> { co_await throws_(where); };
    ws4d::spawn(whole("at once"), [&](std::exception_ptr e) { came = caught([&] { std::rethrow_exception(e); }); });
    CHECK(came == "at once");
    ws4d::run(loop, [](ws4d::dispatcher &on, std::string &told) -> ws4d::task<> {
        ws4d::connection ws = co_await ws4d::connect(server("/echo"), on);
        ws4d::spawn([](ws4d::connection &from) -> ws4d::task<> {
            co_await from.receive();
            throw tests::thrown{"later"};
        }(ws), [&](std::exception_ptr e) { told = caught([&] { std::rethrow_exception(e); }); });
        co_await ws.send_text("x");
        co_await ws.send_text("y");
        co_await ws.receive();
        CHECK(told == "later");
    }(loop, came));
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif
