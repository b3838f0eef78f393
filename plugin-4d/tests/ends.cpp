// Workers that end, in any way, and the host that quits.
#include "play.hpp"

using stand_in::application;
using stand_in::process;
using tests::journal;
using tests::lines;
using tests::open;
using tests::script;
using tests::server;

namespace {

/** Somebody in the chat room who sees the others come and go. */
struct witness {
    witness(application &app, const std::string &room)
        : worker(app.new_worker()),
          ws(open(app, worker, server("/chat?name=witness&room=" + room), tests::handler(app, seen, {worker.number(), 0}))) {}

    journal seen;
    process &worker;
    host::instance_ref ws;
};

std::string left(const char *name) { return std::string("message text:{\"leave\":\"") + name + "\",\"members\":[\"witness\"]}"; }

} // namespace

PROMISE(a_worker_that_is_killed_ends_its_sockets_and_each_is_told) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::context here{worker.number(), 0};
    const host::instance_ref a = open(app, worker, server("/echo"), tests::handler(app, events, here));
    const host::instance_ref b = open(app, worker, server("/echo"), tests::handler(app, events, here));
    app.end(worker, process::ending::killed);
    CHECK_SAME(events.all(), (lines{"open", "open", "terminate 1006", "terminate 1006"}));
    CHECK_SAME(tests::describe(a->get(u"status")), "text:Closed");
}

PROMISE(the_server_is_told_when_a_worker_is_gone) {
    for (const auto how : {process::ending::killed, process::ending::aborted, process::ending::lost}) {
        journal events;
        application app;
        const std::string room = "gone" + std::to_string(static_cast<int>(how));
        witness witness(app, room);
        process &worker = app.new_worker();
        const host::instance_ref ws =
            open(app, worker, server("/chat?name=worker&room=" + room), tests::handler(app, events, {worker.number(), 0}));
        app.end(worker, how);
        if (how == process::ending::lost)
            app.tell_of_end(worker);
        witness.seen.wait_for(left("worker"));
        app.quit();
        // 4D code runs in a process that ends by itself, and in no other.
        const lines all = events.all();
        CHECK((all.back() == "terminate 1006") == (how == process::ending::killed));
        CHECK(app.foreign_calls() == 0);
    }
}

PROMISE(a_worker_that_is_aborted_inside_a_callback_leaves_all_in_order) {
    journal events;
    application app;
    process &worker = app.new_worker();
    process &other = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &) {
        events.write("aborted");
        worker.end(process::ending::aborted);
        throw stand_in::aborted();
    }));
    const host::instance_ref ws = open(app, worker, script("text:a,text:b,text:c"), handler);
    events.wait_for("aborted");
    worker.join();
    CHECK_SAME(events.all(), (lines{"open", "aborted"}));
    CHECK_SAME(tests::describe(ws->get(u"status")), "text:Closed");
    tests::journal after;
    const host::instance_ref next = open(app, other, script("text:a"), tests::handler(app, after, {other.number(), 0}));
    CHECK_SAME(after.wait_for(2), (lines{"open", "message text:a"}));
    app.quit();
}

PROMISE(the_rest_of_the_events_come_after_a_callback_that_the_host_has_unwound) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &with) {
        const std::string data = tests::describe(std::get<host::object_ref>(with[1])->get(u"data"));
        events.write(data);
        if (data == "text:a")
            throw stand_in::aborted();
    }));
    // A host that unwinds one callback and goes on with the process.
    worker.survives_aborts = true;
    const host::instance_ref ws = open(app, worker, script("text:before,expect,cork,text:a,text:b,uncork"), handler);
    events.wait_for("text:before");
    // Both of them come with one wake.
    app.run(worker, [&] { ws->call(u"send", {host::text(u"go on")}); });
    CHECK_SAME(events.wait_for(4), (lines{"open", "text:before", "text:a", "text:b"}));
}

PROMISE(a_handler_that_reconnects_while_its_worker_ends_gets_null) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    handler->set(u"onTerminate", tests::formula([&](const host::object_ref &self, const host::parameters &) {
        const bool made = !std::holds_alternative<host::null>(app.plug_in().new_web_socket({server("/echo"), self}));
        events.write(made ? "made" : "null " + tests::last_error(worker));
    }));
    const host::instance_ref ws = open(app, worker, server("/echo"), handler);
    app.end(worker, process::ending::killed);
    CHECK_SAME(events.all(), (lines{"open", "null -23"}));
}

PROMISE(what_was_sent_before_a_worker_ends_still_goes_out) {
    journal events;
    application app;
    witness witness(app, "last-words");
    process &worker = app.new_worker();
    const host::instance_ref ws =
        open(app, worker, server("/chat?name=worker&room=last-words"), tests::handler(app, events, {worker.number(), 0}));
    app.run(worker, [&] { ws->call(u"send", {host::text(u"last words")}); });
    app.end(worker, process::ending::killed);
    witness.seen.wait_for(left("worker"));
    witness.seen.wait_for("message text:{\"from\":\"worker\",\"text\":\"last words\"}");
    app.quit();
}

PROMISE(the_next_new_starts_the_plug_in_s_own_process_again) {
    for (const auto how : {process::ending::aborted, process::ending::unwound}) {
        journal events;
        // Only what yields can be unwound.
        application app(how == process::ending::unwound ? stand_in::scheduling::cooperative : stand_in::scheduling::preemptive);
        process &worker = app.new_worker();
        const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
        const host::instance_ref first = open(app, worker, server("/echo"), handler);
        app.end(app.plug_in_process(), how);
        const host::instance_ref second = open(app, worker, server("/echo"), handler);
        for (const host::instance_ref &ws : {first, second})
            app.run(worker, [&] { ws->call(u"send", {host::text(u"a")}); });
        CHECK_SAME(events.wait_for(4), (lines{"open", "open", "message text:a", "message text:a"}));
    }
}

PROMISE(without_a_process_of_its_own_new_is_null_and_the_next_new_tries_again) {
    journal events;
    application app;
    process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    app.starts_processes = false;
    CHECK(open(app, worker, server("/echo"), handler) == nullptr);
    app.run(worker, [&] { CHECK_SAME(tests::last_error(worker).substr(0, 4), "-100"); });
    app.starts_processes = true;
    const host::instance_ref ws = open(app, worker, server("/echo"), handler);
    app.run(worker, [&] { ws->call(u"send", {host::text(u"a")}); });
    CHECK_SAME(events.wait_for(2), (lines{"open", "message text:a"}));
}

PROMISE(the_host_may_quit_with_live_sockets) {
    for (const auto kind : {stand_in::scheduling::preemptive, stand_in::scheduling::cooperative}) {
        for (const bool without_a_word : {false, true}) {
            journal events;
            application app(kind);
            process &idle = app.new_worker();
            process &flooded = app.new_worker();
            const host::instance_ref quiet = open(app, idle, server("/idle"), tests::handler(app, events, {idle.number(), 0}));
            const auto swallow = std::make_shared<stand_in::object>();
            const host::instance_ref loud = open(app, flooded, server("/flood?n=100000000"), swallow);
            without_a_word ? app.quit_without_a_word() : app.quit();
            CHECK_SAME(tests::describe(quiet->get(u"status")), "text:Closed");
            CHECK_SAME(tests::describe(loud->get(u"status")), "text:Closed");
            CHECK_SAME(events.all(), lines{"open"});
            CHECK(app.foreign_calls() == 0);
        }
    }
}

PROMISE(the_plug_in_can_be_started_again) {
    for (int i = 0; i < 3; i++) {
        tests::conversation talk(server("/echo"));
        talk.send(host::text(u"a"));
        CHECK_SAME(talk.events.wait_for(2).back(), "message text:a");
    }
}

PROMISE(the_end_of_the_plug_in_leaves_another_user_of_the_library_alone) {
    CHECK(ws_startup() == WS_OK);
    ws_dispatcher *dispatcher = ws_dispatcher_new();
    ws_handler handler = WS_HANDLER_INIT;
    handler.dispatcher = dispatcher;
    const std::string url = std::getenv("WS4D_TEST_WS") + std::string("/echo");
    ws_socket *ws = ws_new(url.c_str(), &handler, nullptr, nullptr);
    {
        tests::conversation talk(server("/echo"));
        CHECK(talk.ws != nullptr);
    }
    CHECK(ws_get_status(ws) == WS_STATUS_CONNECTED);
    ws_dispatcher_close(dispatcher);
    ws_release(ws);
    CHECK(ws_shutdown(5000) == WS_OK);
}
