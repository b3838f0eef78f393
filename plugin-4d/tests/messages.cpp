// Messages in their three forms, both ways.
#include "play.hpp"

using tests::conversation;
using tests::describe;
using tests::script;
using tests::server;

namespace {

host::object_ref object(std::initializer_list<std::pair<const char16_t *, host::value>> properties) {
    const auto made = std::make_shared<stand_in::object>();
    for (const auto &[name, v] : properties)
        made->set(name, v);
    return made;
}

/** What comes back of a message that the server echoes. */
std::string echoed(const char16_t *data_type, const host::value &message) {
    conversation talk(server("/echo"), data_type);
    talk.send(message);
    CHECK_SAME(talk.error(), "none");
    return talk.events.wait_for(2).back();
}

/** What comes of a message that the server sends. */
std::string received(const char16_t *data_type, const std::string &command) {
    conversation talk(script(command), data_type);
    return talk.events.wait_for(2).back();
}

} // namespace

PROMISE(texts_are_utf_16_both_ways) {
    const host::text outside_the_plane = u"a\U0001F600\u00E9\uFFFFz";
    CHECK_SAME(echoed(u"text", outside_the_plane), "message text:a<U+D83D><U+DE00><U+00E9><U+FFFF>z");
    CHECK_SAME(echoed(u"text", host::text()), "message text:");
    CHECK_SAME(echoed(u"text", host::text(u"a\0b", 3)), "message text:a<U+0000>b");
}

PROMISE(a_text_with_a_lone_surrogate_is_an_error_and_the_connection_goes_on) {
    conversation talk(server("/echo"));
    for (const host::text &wrong : {host::text(1, u'\xD83D'), host::text(u"a") + u'\xDE00', host::text(1, u'\xDE00') + u'\xD83D'}) {
        talk.send(wrong);
        CHECK_SAME(talk.error(), "-6");
    }
    // JSON that the host has made of such a text, likewise.
    talk.send(object({{u"a", host::text(1, u'\xD83D')}}));
    CHECK_SAME(talk.error(), "-6");
    talk.send(host::text(u"right"));
    CHECK_SAME(talk.events.wait_for(2), (tests::lines{"open", "message text:right"}));
}

PROMISE(blobs_hold_any_byte) {
    const host::blob zeros{0, 1, 0, 0, 0xFF, 0};
    for (const char16_t *data_type : {u"text", u"blob", u"object"}) {
        CHECK_SAME(echoed(data_type, zeros), "message blob:00010000ff00");
        CHECK_SAME(echoed(data_type, host::blob()), "message blob:");
    }
}

PROMISE(objects_go_out_as_json_and_come_in_as_objects) {
    const auto list = std::make_shared<stand_in::collection>();
    list->push(1.0);
    list->push(host::null());
    list->push(true);
    const host::object_ref sent =
        object({{u"name", host::text(u"\u00E9\"\n")}, {u"n", 1.5}, {u"list", host::collection_ref(list)}, {u"inner", object({})}});
    const std::string json = "{\"name\":\"<U+00E9>\\\"\\u000a\",\"n\":1.5,\"list\":[1,null,true],\"inner\":{}}";
    CHECK_SAME(echoed(u"object", sent), "message " + json);
    CHECK_SAME(echoed(u"text", sent), "message text:" + json);
}

PROMISE(json_that_is_no_object_comes_as_the_value_that_it_is) {
    CHECK_SAME(received(u"object", "text:[1%2C\"a\"]"), "message [1,\"a\"]");
    CHECK_SAME(received(u"object", "text:17"), "message 17");
    CHECK_SAME(received(u"object", "text:\"a\""), "message text:a");
    CHECK_SAME(received(u"object", "text:null"), "message null");
    CHECK_SAME(received(u"object", "text:false"), "message false");
}

PROMISE(a_text_that_is_no_json_comes_as_text_and_the_connection_goes_on) {
    conversation talk(script("text:{\"a\":,text:{\"a\":1}"), u"object");
    CHECK_SAME(talk.events.wait_for(3), (tests::lines{"open", "message text:{\"a\":", "message {\"a\":1}"}));
}

PROMISE(with_the_data_type_blob_texts_come_as_their_bytes) {
    CHECK_SAME(received(u"blob", "text:a%C3%A9"), "message blob:61c3a9");
    CHECK_SAME(received(u"blob", "binary:0001"), "message blob:0001");
}

PROMISE(with_the_data_type_text_binary_messages_come_as_blobs) { CHECK_SAME(received(u"text", "binary:0001"), "message blob:0001"); }

PROMISE(large_messages_come_whole) {
    const host::text large(100000, u'\u00E9');
    conversation talk(server("/echo"));
    talk.send(large);
    CHECK(talk.events.wait_for(2).back() == "message " + describe(large));
}

PROMISE(what_is_neither_text_nor_blob_nor_object_is_not_sent) {
    conversation talk(server("/echo"));
    const host::value collection = host::collection_ref(std::make_shared<stand_in::collection>());
    for (const host::value &wrong : {host::value(1.0), host::value(true), host::value(host::null()), host::value(host::undefined()), collection}) {
        talk.send(wrong);
        CHECK_SAME(talk.error(), "-1");
    }
    talk.app.run(talk.worker, [&] { talk.ws->call(u"send", {}); });
    CHECK_SAME(talk.error(), "-1");
    talk.send(host::text(u"right"));
    CHECK_SAME(talk.events.wait_for(2).back(), "message text:right");
}

PROMISE(what_a_server_that_does_not_read_cannot_take_is_an_error_and_not_lost_in_silence) {
    conversation talk(script("stall"));
    const host::blob much(1 << 20);
    std::string error = "none";
    while (error == "none") {
        talk.send(much);
        error = talk.error();
    }
    CHECK_SAME(error, "-21");
}
