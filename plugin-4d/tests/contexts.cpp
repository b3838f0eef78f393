// Callbacks come in the form or worker that made the socket, and on no thread but the host's.
#include "play.hpp"

#include "../text.hpp"

#include <thread>

using stand_in::application;
using stand_in::process;
using tests::journal;
using tests::lines;
using tests::open;
using tests::script;
using tests::server;

namespace {

void send(application &app, process &from, const host::instance_ref &ws, const char16_t *text) {
    app.run(from, [&] { ws->call(u"send", {host::text(text)}); });
}

} // namespace

PROMISE(two_workers_have_sockets_of_their_own) {
    journal first_events, second_events;
    application app;
    process &first = app.new_worker();
    process &second = app.new_worker();
    // tests::handler looks at each callback's context.
    const host::instance_ref a = open(app, first, server("/echo"), tests::handler(app, first_events, {first.number(), 0}));
    const host::instance_ref b = open(app, second, server("/echo"), tests::handler(app, second_events, {second.number(), 0}));
    for (int i = 0; i < 10; i++) {
        send(app, first, a, u"first");
        send(app, second, b, u"second");
    }
    first_events.wait_for(11);
    second_events.wait_for(11);
    app.run(first, [&] { a->call(u"terminate", {}); });
    CHECK_SAME(first_events.wait_for(12).back(), "terminate 1000 clean");
    send(app, second, b, u"still here");
    CHECK_SAME(second_events.wait_for(12).back(), "message text:still here");
    CHECK(app.foreign_calls() == 0);
}

PROMISE(a_call_on_a_foreign_thread_would_be_noticed) {
    application app;
    std::thread([&] { app.current(); }).join();
    CHECK(app.foreign_calls() == 1);
}

PROMISE(any_process_may_send_and_terminate) {
    journal events;
    application app;
    process &maker = app.new_worker();
    process &other = app.new_worker();
    const host::instance_ref ws = open(app, maker, server("/echo"), tests::handler(app, events, {maker.number(), 0}));
    send(app, other, ws, u"from elsewhere");
    CHECK_SAME(events.wait_for(2).back(), "message text:from elsewhere");
    app.run(other, [&] { ws->call(u"terminate", {4000.0}); });
    CHECK_SAME(events.wait_for(3).back(), "terminate 4000 clean");
    // An error belongs to the process whose call it was.
    send(app, other, ws, u"too late");
    CHECK_SAME(tests::last_error(other), "-20");
    CHECK_SAME(tests::last_error(maker), "none");
}

PROMISE(a_form_and_its_process_are_contexts_of_their_own) {
    journal form_events, process_events;
    application app;
    process &shows = app.new_cooperative_worker();
    const std::int32_t window = app.open_form(shows);
    const host::instance_ref in_form =
        open(app, shows, server("/echo"), tests::handler(app, form_events, {shows.number(), window}), window);
    const host::instance_ref outside = open(app, shows, server("/echo"), tests::handler(app, process_events, {shows.number(), 0}));
    send(app, shows, in_form, u"a");
    CHECK_SAME(form_events.wait_for(2).back(), "message text:a");
    app.close_form(shows, window);
    CHECK_SAME(form_events.all(), (lines{"open", "message text:a", "terminate 1006"}));
    send(app, shows, outside, u"b");
    CHECK_SAME(process_events.wait_for(2).back(), "message text:b");
}

PROMISE(a_cooperative_process_that_connects_does_not_stop_the_others) {
    journal events;
    application app(stand_in::scheduling::cooperative);
    process &waits = app.new_cooperative_worker();
    process &goes_on = app.new_cooperative_worker();
    bool is_null = false;
    std::future<void> connecting = app.start(waits, [&] {
        is_null = std::holds_alternative<host::null>(app.plug_in().new_web_socket({server("/no-answer")}));
    });
    const host::instance_ref ws = open(app, goes_on, server("/echo"), tests::handler(app, events, {goes_on.number(), 0}));
    send(app, goes_on, ws, u"meanwhile");
    CHECK_SAME(events.wait_for(2).back(), "message text:meanwhile");
    // It waits still, and gives up when its process is aborted.
    app.end(waits, process::ending::aborted);
    connecting.get();
    CHECK(is_null);
    CHECK_SAME(tests::last_error(waits), "-23");
    CHECK(app.foreign_calls() == 0);
}

PROMISE(new_waits_for_its_own_connection_and_calls_back_for_no_other) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::context here{worker.number(), 0};
    const host::instance_ref chatty = open(app, worker, script("expect,text:a"), tests::handler(app, events, here));
    const auto make = [&] {
        chatty->call(u"send", {host::text(u"go")});
        // The answer to "go" has come, as a rule, before all of this answer is there.
        CHECK(!std::holds_alternative<host::null>(app.plug_in().new_web_socket({server("/drip?ms=1")})));
        events.write("new has returned");
    };
    app.run(worker, make);
    CHECK_SAME(events.wait_for(3), (lines{"open", "new has returned", "message text:a"}));
}

PROMISE(a_socket_may_be_made_inside_a_callback) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::context here{worker.number(), 0};
    const host::object_ref handler = tests::handler(app, events, here);
    host::value inner = host::null();
    const host::object_ref outer_handler = tests::handler(app, events, here);
    outer_handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &) {
        inner = app.plug_in().new_web_socket({script("text:inner"), handler});
        events.write("made");
    }));
    const host::instance_ref outer = open(app, worker, script("text:outer"), outer_handler);
    CHECK_SAME(events.wait_for(4), (lines{"open", "open", "made", "message text:inner"}));
}

PROMISE(a_callback_that_listens_lets_other_sockets_go_on_but_not_its_own) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::context here{worker.number(), 0};
    const host::object_ref handler = tests::handler(app, events, here);
    const host::instance_ref other = open(app, worker, server("/echo"), tests::handler(app, events, here));
    bool inside = false;
    bool done = false;
    handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &with) {
        CHECK(!inside);
        inside = true;
        const auto event = std::get<host::object_ref>(with[1]);
        events.write("begin " + tests::describe(event->get(u"data")));
        if (!done) {
            other->call(u"send", {host::text(u"other")});
            // A modal dialog: it takes messages until the other socket's has come. This socket's second one is there long before.
            while (events.all().back() != "message text:other")
                worker.listen();
            done = true;
        }
        events.write("end");
        inside = false;
    }));
    const host::instance_ref ws = open(app, worker, script("text:a,text:b"), handler);
    const lines expected{"open", "open", "begin text:a", "message text:other", "end", "begin text:b", "end"};
    CHECK_SAME(events.wait_for(expected.size()), expected);
}

PROMISE(a_flood_lets_the_worker_s_other_messages_through) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    int messages = 0;
    handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &) { messages++; }));
    int seen = 0;
    std::future<void> other_message;
    const auto make = [&] {
        CHECK(!std::holds_alternative<host::null>(app.plug_in().new_web_socket({server("/flood?n=1000"), handler})));
        // Behind the first turns of the flood, and before the others.
        other_message = app.start(worker, [&] { seen = messages; });
    };
    app.run(worker, make);
    other_message.get();
    CHECK(seen < 1000);
    events.wait_for("terminate 1000 done clean");
    app.run(worker, [&] { seen = messages; });
    CHECK(seen == 1000);
}

PROMISE(the_host_keeps_a_socket_that_nobody_refers_to_until_on_terminate) {
    journal events;
    application app;
    process &worker = app.new_worker();
    std::weak_ptr<host::instance> observed;
    const auto make = [&] {
        observed = std::get<host::instance_ref>(
            app.plug_in().new_web_socket({script("text:a,expect,close:1000"), tests::handler(app, events, {worker.number(), 0})}));
    };
    app.run(worker, make);
    events.wait_for("message text:a");
    CHECK(!observed.expired());
    app.run(worker, [&] { observed.lock()->call(u"send", {host::text(u"go on")}); });
    events.wait_for("terminate 1000 clean");
    // The turn that called onTerminate has ended when the worker takes its next message.
    app.run(worker, [] {});
    CHECK(observed.expired());
}
