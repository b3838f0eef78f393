// How a connection ends: terminate, the server's close, what breaks; and the status meanwhile.
#include "play.hpp"

using tests::conversation;
using tests::describe;
using tests::lines;
using tests::open;
using tests::script;
using tests::server;

namespace {

/** What is told of a connection to this URL after onOpen. */
lines told(const host::text &url) {
    conversation talk(url);
    for (std::size_t count = 1;; count++) {
        lines all = talk.events.wait_for(count);
        if (all.back().compare(0, 9, "terminate") == 0)
            return lines(all.begin() + 1, all.end());
    }
}

/** What a server that answers is told, and tells again, of terminate with these parameters. */
std::string terminated(const host::parameters &with) {
    conversation talk(server("/echo"));
    talk.terminate(with);
    CHECK_SAME(talk.error(), "none");
    return talk.events.wait_for(2).back();
}

/** The error of terminate with these parameters, which changes nothing. */
std::string not_terminated(const host::parameters &with) {
    conversation talk(server("/echo"));
    talk.terminate(with);
    CHECK_SAME(describe(talk.get(u"status")), "text:Connected");
    return talk.error();
}

} // namespace

PROMISE(terminate_closes_with_1000_where_nothing_else_is_said) {
    CHECK_SAME(terminated({}), "terminate 1000 clean");
    CHECK_SAME(terminated({host::undefined(), host::undefined()}), "terminate 1000 clean");
    // What a plug-in gets for an integer that was not passed.
    CHECK_SAME(terminated({0.0, host::text()}), "terminate 1000 clean");
}

PROMISE(terminate_sends_code_and_reason) {
    CHECK_SAME(terminated({1000.0, host::text(u"bye")}), "terminate 1000 bye clean");
    CHECK_SAME(terminated({3000.0}), "terminate 3000 clean");
    CHECK_SAME(terminated({4999.0, host::text(u"\U0001F600")}), "terminate 4999 <U+D83D><U+DE00> clean");
    // A reason is for humans: half a character must not keep the connection open.
    CHECK_SAME(terminated({4000.0, host::text(1, u'\xD83D')}), "terminate 4000 <U+FFFD> clean");
}

PROMISE(a_code_that_a_client_may_not_send_is_an_error_and_changes_nothing) {
    for (const double code : {1.0, 999.0, 1001.0, 1005.0, 1006.0, 2999.0, 5000.0, -1.0, 1000.5, 66536.0, 4294968296.0})
        CHECK_SAME(not_terminated({code, host::text(u"bye")}), "-8");
    CHECK_SAME(not_terminated({host::text(u"1000")}), "-1");
    CHECK_SAME(not_terminated({1000.0, 1.0}), "-1");
    CHECK_SAME(not_terminated({1000.0, host::text(), host::text()}), "-1");
}

PROMISE(a_reason_that_does_not_fit_is_an_error_and_changes_nothing) {
    CHECK_SAME(not_terminated({1000.0, host::text(124, u'a')}), "-9");
    CHECK_SAME(not_terminated({1000.0, host::text(62, u'\u00E9')}), "-9");
    CHECK_SAME(not_terminated({1000.0, host::text(u"a\0b", 3)}), "-9");
    CHECK_SAME(terminated({1000.0, host::text(123, u'a')}), "terminate 1000 " + std::string(123, 'a') + " clean");
}

PROMISE(the_server_s_close_is_told_as_it_came) {
    CHECK_SAME(told(server("/close?code=4001&reason=bye")), lines{"terminate 4001 bye clean"});
    CHECK_SAME(told(server("/close")), lines{"terminate 1005 clean"});
}

PROMISE(messages_come_before_the_end) {
    CHECK_SAME(told(script("text:a,text:b,close:1000:c")), (lines{"message text:a", "message text:b", "terminate 1000 c clean"}));
    CHECK_SAME(told(script("text:a,rst")), (lines{"message text:a", "error -44", "terminate 1006"}));
}

PROMISE(what_breaks_a_connection_is_on_error_before_on_terminate) {
    CHECK_SAME(told(script("drop")), (lines{"error -44", "terminate 1006"}));
    CHECK_SAME(told(script("raw:83")), (lines{"error -82", "terminate 1006"}));
    CHECK_SAME(told(script("frame:81:ff")), (lines{"error -82", "terminate 1006"}));
}

PROMISE(the_status_has_4d_s_words) {
    conversation talk(script("wait_close"));
    CHECK_SAME(describe(talk.get(u"status")), "text:Connected");
    talk.app.run(talk.worker, [&] {
        talk.ws->call(u"terminate", {});
        CHECK_SAME(describe(talk.ws->get(u"status")), "text:Closing");
        // Again is nothing.
        talk.ws->call(u"terminate", {4000.0, host::text(u"again")});
        CHECK_SAME(tests::last_error(talk.worker), "none");
    });
    conversation over(script("expect,close:1000"));
    over.app.run(over.worker, [&] {
        over.handler->set(u"onTerminate", tests::formula([&](const host::object_ref &, const host::parameters &with) {
            over.events.write("inside " + describe(std::get<host::instance_ref>(with[0])->get(u"status")));
        }));
    });
    over.send(host::text(u"go on"));
    CHECK_SAME(over.events.wait_for(2).back(), "inside text:Closed");
    CHECK_SAME(describe(over.get(u"status")), "text:Closed");
}

PROMISE(after_the_end_properties_stay_and_functions_are_errors_or_nothing) {
    conversation talk(server("/close?code=1000"));
    talk.events.wait_for(2);
    CHECK_SAME(describe(talk.get(u"url")), describe(server("/close?code=1000")));
    CHECK(std::get<double>(talk.get(u"id")) >= 1);
    CHECK_SAME(describe(talk.get(u"dataType")), "text:text");
    talk.send(host::text(u"too late"));
    CHECK_SAME(talk.error(), "-20");
    talk.terminate({});
    CHECK_SAME(talk.error(), "none");
    CHECK_SAME(talk.events.all(), (lines{"open", "terminate 1000 clean"}));
}

PROMISE(terminate_inside_a_callback_lets_on_terminate_follow) {
    conversation talk(server("/echo"));
    talk.app.run(talk.worker, [&] {
        talk.handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &with) {
            std::get<host::instance_ref>(with[0])->call(u"terminate", {4000.0, host::text(u"enough")});
            talk.events.write("terminated");
        }));
    });
    talk.send(host::text(u"a"));
    CHECK_SAME(talk.events.wait_for(3), (lines{"open", "terminated", "terminate 4000 enough clean"}));
}

PROMISE(terminate_inside_on_open_gives_a_socket_all_the_same) {
    tests::journal events;
    stand_in::application app;
    stand_in::process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    handler->set(u"onOpen", tests::formula([](const host::object_ref &, const host::parameters &with) {
        std::get<host::instance_ref>(with[0])->call(u"terminate", {});
    }));
    CHECK(open(app, worker, server("/echo"), handler) != nullptr);
    CHECK_SAME(events.wait_for(1), lines{"terminate 1000 clean"});
}
