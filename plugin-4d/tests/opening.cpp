// 4D.WebSocket.new, and what the connectionHandler says of it.
#include "play.hpp"

#include "../text.hpp"

using tests::conversation;
using tests::describe;
using tests::journal;
using tests::nobody;
using tests::open;
using tests::server;

namespace {

/** What ON ERR CALL has found where `new` gives Null and calls nothing. */
std::string refused(const host::value &url, const host::value &handler_or_not) {
    stand_in::application app;
    stand_in::process &worker = app.new_worker();
    std::string error;
    const auto make = [&] {
        host::parameters with{url};
        if (!std::holds_alternative<host::undefined>(handler_or_not))
            with.push_back(handler_or_not);
        CHECK(std::holds_alternative<host::null>(app.plug_in().new_web_socket(with)));
        error = tests::last_error(worker);
        CHECK(worker.errors.empty());
    };
    app.run(worker, make);
    return error;
}

std::string refused_with(const char16_t *option, const host::value &v) {
    const auto handler = std::make_shared<stand_in::object>();
    handler->set(option, v);
    return refused(server("/echo"), host::object_ref(handler));
}

host::value headers(std::initializer_list<std::pair<const char16_t *, host::value>> all) {
    const auto made = std::make_shared<stand_in::object>();
    for (const auto &[name, v] : all)
        made->set(name, v);
    return host::object_ref(made);
}

} // namespace

PROMISE(new_gives_a_socket_that_is_connected_and_on_open_was_called) {
    conversation talk(server("/echo?a=1"));
    CHECK_SAME(talk.events.all(), tests::lines{"open"});
    CHECK_SAME(describe(talk.get(u"status")), "text:Connected");
    CHECK_SAME(describe(talk.get(u"url")), describe(server("/echo?a=1")));
    CHECK_SAME(describe(talk.get(u"dataType")), "text:text");
    CHECK(std::get<host::object_ref>(talk.get(u"handler")) == talk.handler);
    CHECK(std::get<double>(talk.get(u"id")) >= 1);
    CHECK_SAME(describe(talk.get(u"wasClean")), "undefined");
    CHECK_SAME(talk.error(), "none");
}

PROMISE(each_socket_has_an_id_of_its_own) {
    conversation talk(server("/echo"));
    const host::instance_ref second = open(talk.app, talk.worker, server("/echo"), talk.handler);
    CHECK(std::get<double>(talk.get(u"id")) != std::get<double>(second->get(u"id")));
}

PROMISE(a_user_and_a_password_in_the_url_are_not_shown) {
    const host::text url = server("/echo");
    const host::text secret = u"ws://user:password@" + url.substr(5);
    conversation talk(secret);
    CHECK_SAME(describe(talk.get(u"url")), describe(url));
}

PROMISE(without_a_handler_there_is_a_socket_that_sends) {
    stand_in::application app;
    stand_in::process &worker = app.new_worker();
    for (const host::value &none : {host::value(host::undefined()), host::value(host::null())}) {
        const auto make = [&] {
            const auto ws = std::get<host::instance_ref>(app.plug_in().new_web_socket({server("/echo"), none}));
            CHECK(std::holds_alternative<host::null>(ws->get(u"handler")));
            ws->call(u"send", {host::text(u"heard by nobody")});
            ws->call(u"terminate", {});
            CHECK_SAME(tests::last_error(worker), "none");
        };
        app.run(worker, make);
    }
}

PROMISE(a_connection_that_is_not_possible_is_null_and_an_error) {
    CHECK_SAME(refused(nobody(), host::undefined()).substr(0, 3), "-41");
    CHECK_SAME(refused(server("/status?code=503"), host::undefined()).substr(0, 3), "-80");
    CHECK_SAME(refused(server("/bad-accept"), host::undefined()).substr(0, 3), "-81");
    CHECK_SAME(refused(server("/eof"), host::undefined()).substr(0, 3), "-44");
}

PROMISE(of_a_connection_that_is_not_possible_no_callback_is_told) {
    conversation talk(nobody());
    CHECK(talk.ws == nullptr);
    CHECK(talk.events.all().empty());
    CHECK_SAME(talk.error().substr(0, 3), "-41");
}

PROMISE(a_wrong_url_is_null_and_an_error) {
    for (const char16_t *wrong : {u"", u"http://127.0.0.1/", u"ws:/a", u"ws://127.0.0.1/#f", u"ws://127.0.0.1/a b"})
        CHECK_SAME(refused(host::text(wrong), host::undefined()).substr(0, 2), "-4");
    CHECK_SAME(refused(server("/echo") + u'\xD83D', host::undefined()), "-4");
    CHECK_SAME(refused(server("/echo") + u'\0', host::undefined()), "-4");
    CHECK_SAME(refused(1.0, host::undefined()), "-1");
    CHECK_SAME(refused(server("/echo"), host::text(u"no object")), "-1");
}

PROMISE(the_data_type_is_one_of_three) {
    for (const char16_t *type : {u"text", u"blob", u"object"}) {
        conversation talk(server("/echo"), type);
        CHECK_SAME(describe(talk.get(u"dataType")), describe(host::text(type)));
    }
    CHECK_SAME(refused_with(u"dataType", host::text(u"json")), "-1");
    CHECK_SAME(refused_with(u"dataType", 1.0), "-1");
}

PROMISE(headers_and_cookies_reach_the_server) {
    journal events;
    stand_in::application app;
    stand_in::process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    const auto twice = std::make_shared<stand_in::collection>();
    twice->push(host::text(u"one"));
    twice->push(host::text(u"two"));
    handler->set(u"headers",
        headers({{u"x-authorization", host::text(u"token \u00E9")}, {u"X-Several", host::collection_ref(twice)},
            {u"Cookie", host::text(u"yummy_cookie=choco; tasty_cookie=strawberry")}}));
    CHECK(open(app, worker, server("/headers"), handler) != nullptr);
    const std::string head = events.wait_for(2).back();
    for (const char *line : {"x-authorization: token <U+00E9>", "X-Several: one<U+000D><U+000A>X-Several: two",
             "Cookie: yummy_cookie=choco; tasty_cookie=strawberry"})
        CHECK(head.find(line) != std::string::npos);
}

PROMISE(a_header_that_cannot_be_sent_is_null_and_an_error) {
    CHECK_SAME(refused_with(u"headers", headers({{u"Host", host::text(u"a")}})), "-5");
    CHECK_SAME(refused_with(u"headers", headers({{u"a", host::text(u"b\r\nc: d")}})), "-5");
    CHECK_SAME(refused_with(u"headers", headers({{u"a", host::text(1, u'\xDE00')}})), "-5");
    CHECK_SAME(refused_with(u"headers", headers({{u"a", 1.0}})), "-5");
    const auto mixed = std::make_shared<stand_in::collection>();
    mixed->push(host::text(u"right"));
    mixed->push(host::null());
    CHECK_SAME(refused_with(u"headers", headers({{u"a", host::collection_ref(mixed)}})), "-5");
    CHECK_SAME(refused_with(u"headers", host::text(u"a: b")), "-5");
}

PROMISE(a_callback_that_is_no_function_is_not_called) {
    journal events;
    stand_in::application app;
    stand_in::process &worker = app.new_worker();
    const host::object_ref handler = tests::handler(app, events, {worker.number(), 0});
    handler->set(u"onOpen", host::text(u"no function"));
    handler->set(u"onMessage", host::null());
    const host::instance_ref ws = open(app, worker, tests::script("text:a,close:1000:b"), handler);
    CHECK_SAME(events.wait_for(1), tests::lines{"terminate 1000 b clean"});
}

PROMISE(callbacks_may_be_exchanged_while_the_socket_is_open) {
    conversation talk(server("/echo"));
    talk.app.run(talk.worker, [&] {
        talk.handler->set(u"onMessage", tests::formula([&](const host::object_ref &, const host::parameters &) { talk.events.write("the new one"); }));
    });
    talk.send(host::text(u"a"));
    CHECK_SAME(talk.events.wait_for(2).back(), "the new one");
}

PROMISE(wss_is_the_same_class) {
    // Under valgrind TLS may take longer than the connect timeout, and under wine 8 the system trusts nobody: 4D has no property for either.
    if (std::getenv("WS4D_TEST_VALGRIND") != nullptr || std::getenv("WS4D_TEST_WINE") != nullptr)
        return;
    const char *wss = std::getenv("WS4D_TEST_WSS");
    CHECK(wss != nullptr);
    // The run has SSL_CERT_FILE set to the test server's authority.
    conversation talk(plugin::text_of(std::string(wss) + "/echo"));
    CHECK(talk.ws != nullptr);
    talk.send(host::text(u"secret"));
    CHECK_SAME(talk.events.wait_for(2).back(), "message text:secret");
}
