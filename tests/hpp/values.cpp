// What is passed and what is told: options, messages, JSON, errors, results, numbers.
#include "check.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <thread>
#include <unordered_map>

using tests::caught;
using tests::server;
using namespace std::chrono_literals;

static_assert(std::is_nothrow_move_constructible_v<ws4d::socket> && !std::is_copy_constructible_v<ws4d::socket>);
static_assert(std::is_nothrow_move_assignable_v<ws4d::dispatcher> && !std::is_copy_constructible_v<ws4d::dispatcher>);
static_assert(std::is_nothrow_move_constructible_v<ws4d::reconnector> && !std::is_copy_constructible_v<ws4d::reconnector>);
static_assert(std::is_nothrow_move_constructible_v<ws4d::options> && !std::is_copy_constructible_v<ws4d::options>);
static_assert(std::is_nothrow_copy_constructible_v<ws4d::error>);
static_assert(std::is_trivially_copyable_v<ws4d::socket_ref> && sizeof(ws4d::socket_ref) == sizeof(void *));
static_assert(sizeof(ws4d::result<>) == sizeof(int));
#if defined(__cpp_lib_span)
static_assert(std::is_convertible_v<ws4d::bytes_view, std::span<const std::byte>>);
static_assert(std::is_convertible_v<std::span<const std::byte>, ws4d::bytes_view>);
#endif

namespace {

/** The first message that a path of the server's sends, kept. */
ws4d::kept_event first_message(const std::string &path, const ws4d::options &options = ws4d::options::defaults()) {
    ws4d::dispatcher loop;
    ws4d::socket ws(server(path), loop, {}, options);
    for (;;) {
        std::optional<ws4d::pulled> pulled = loop.next();
        CHECK(pulled && pulled->event.type() != WS_EVENT_TYPE_TERMINATE);
        if (pulled->event.type() == WS_EVENT_TYPE_MESSAGE)
            return std::move(pulled->event);
    }
}

} // namespace

PROMISE(json_is_read_by_keys_indices_and_loops) {
    const ws4d::kept_event message = first_message(
        "/script?do=text:%7B%22a%22:[1%2C2.5%2C%22x%5Cu00e9%22%2Ctrue%2Cnull%2C[]]%2C%22b%22:%7B%22c%22:9007199254740993%7D%2C%22d%22:%22%5Cud83d%5Cude00%22%7D",
        ws4d::options().data_type(WS_DATA_TYPE_OBJECT));
    const ws4d::json root = message.json();
    CHECK(message.data_type() == WS_DATA_TYPE_OBJECT && root.is_object() && root.size() == 3);
    std::string kinds;
    for (const ws4d::json item : root["a"])
        kinds += std::string(ws4d::name(item.kind())) + " ";
    CHECK(kinds == "number number string bool null array ");
    CHECK(std::distance(root["a"].begin(), root["a"].end()) == 6 && root["a"][5].begin() == root["a"][5].end());
    std::string keys;
    for (const auto &[key, value] : root.members())
        keys += std::string(key) + (value.exists() ? " " : "? ");
    CHECK(keys == "a b d ");
    CHECK(root["a"][0].as_int() == 1 && root["a"][1].as_number() == 2.5 && root["a"][1].as_int(-1) == -1);
    CHECK(root["a"][2].as_string() == "x\xc3\xa9" && root["a"][3].as_bool() && root["a"][4].is_null());
    CHECK(root[std::string("b")]["c"].as_int() == 9007199254740993 && root["b"].text() == "{\"c\":9007199254740993}");
    CHECK(root["d"].as_u16string() == u"\U0001F600" && root["d"].as_string() == "\xf0\x9f\x98\x80");
    // What is not there is empty, however deep.
    const ws4d::json nothing = root["x"][3]["y"];
    CHECK(!nothing.exists() && !nothing.is_null() && nothing.as_string("other") == "other" && nothing.begin() == nothing.end());
    CHECK(nothing.members().begin() == nothing.members().end() && !root[std::string_view("a\0", 2)].exists());
    CHECK(root.begin() == root.end() && root["a"].members().size() == 0);
}

PROMISE(messages_arrive_as_they_were_sent) {
    ws4d::dispatcher loop;
    std::vector<std::string> trace;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &message) {
        trace.push_back(std::string(ws4d::name(message.data_type())) + " " + std::string(message.text()));
    };
    handlers.on_pong = [&](ws4d::socket_ref ws, const ws4d::event &pong) {
        trace.push_back("pong " + std::string(pong.text()));
        ws.terminate(4001, "enough");
    };
    handlers.on_terminate = [&](const ws4d::event &end) {
        trace.push_back(std::to_string(end.code()) + " " + std::string(end.reason()) + (end.was_clean() ? " clean" : ""));
    };
    ws4d::socket ws(server("/echo"), loop, std::move(handlers));
    {
        const ws4d::corked together = ws.cork();
        ws.send_text("text");
        ws.send_text(std::string_view());
        ws.send_text(u"\u00e9");
        ws.send_text("secret", WS_SEND_PLAIN);
        ws.send_blob(std::array<unsigned char, 3>{{'b', 'i', 'n'}});
        ws.send_blob(std::vector<std::byte>(1, std::byte{'v'}));
        ws.send_object(" { \"a\" : 1 } ");
        ws.send_object(u"[2]");
    }
    ws.pong();
    ws.ping(std::string_view("payload"));
    loop.run();
    CHECK((trace == std::vector<std::string>{"text text", "text ", "text \xc3\xa9", "text secret", "blob bin", "blob v", "text {\"a\":1}",
                                             "text [2]", "pong payload", "4001 enough clean"}));
    CHECK(ws.stats().messages_sent == 8 && ws.stats().messages_received == 8);
    const ws_close_info info = ws.close_info();
    CHECK(info.code_sent == 4001 && info.was_clean == 1 && info.stage == WS_STAGE_CLOSED && info.http_status == 101);
}

PROMISE(many_messages_are_sent_in_one_call) {
    ws4d::dispatcher loop;
    std::string got;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &message) { got += std::string(message.text()) + ";"; };
    ws4d::socket ws(server("/echo"), loop, std::move(handlers));
    CHECK(ws.send_many(WS_DATA_TYPE_TEXT, std::vector<std::string>{"a", "", "bc"}) == 3);
    CHECK(ws.send_many(WS_DATA_TYPE_BLOB, std::vector<std::string_view>()) == 0);
    CHECK(ws.try_send_many(WS_DATA_TYPE_TEXT, std::array<std::string, 2>{{"d", "\xff"}}).code() == WS_ERR_INVALID_UTF8);
    while (got.size() < 6)
        loop.wait();
    CHECK(got == "a;;bc;" && ws.stats().messages_sent == 3);
}

PROMISE(the_server_s_pings_are_told) {
    for (const bool as_class : {false, true}) {
        ws4d::dispatcher loop;
        std::string got;
        const auto on_ping = [&](ws4d::socket_ref ws, const ws4d::event &ping) {
            CHECK(ping.type() == WS_EVENT_TYPE_PING);
            got = ping.text();
            ws.terminate();
        };
        struct methods : ws4d::handler {
            void on_ping(ws4d::socket_ref ws, const ws4d::event &ping) override { act(ws, ping); }
            std::function<void(ws4d::socket_ref, const ws4d::event &)> act;
        } object;
        object.act = on_ping;
        ws4d::handlers handlers;
        handlers.on_ping = on_ping;
        ws4d::socket ws(server("/script?do=ping:still-there"), loop, as_class ? ws4d::handlers::of(object) : std::move(handlers));
        loop.run();
        CHECK(got == "still-there");
    }
    ws4d::dispatcher loop;
    ws4d::socket ws(server("/script?do=ping:pulled"), loop, {}, ws4d::options().ping_events());
    for (;;) {
        const std::optional<ws4d::pulled> next = loop.next();
        CHECK(next);
        if (next->event.type() == WS_EVENT_TYPE_OPEN)
            continue;
        CHECK(next->event.type() == WS_EVENT_TYPE_PING && next->event.text() == "pulled");
        break;
    }
}

PROMISE(a_long_message_is_sent_and_arrives_in_parts) {
    ws4d::dispatcher loop;
    std::string got;
    std::vector<std::uint64_t> offsets;
    ws4d::handlers handlers;
    handlers.on_part = [&](ws4d::socket_ref ws, const ws4d::event &part) {
        CHECK(part.part_offset() == got.size() && part.time() > std::chrono::system_clock::time_point());
        got += part.text();
        offsets.push_back(part.part_offset());
        if (part.part_last())
            ws.terminate();
    };
    ws4d::socket ws(server("/echo"), loop, std::move(handlers), ws4d::options().part_size(1024));
    ws.send_begin(WS_DATA_TYPE_TEXT);
    ws.send_part(std::string(3000, 'a'));
    ws.send_part(std::string(3000, 'b'));
    ws.send_end();
    loop.run();
    CHECK(got == std::string(3000, 'a') + std::string(3000, 'b') && offsets.size() > 1);
}

PROMISE(an_event_that_is_retained_outlives_all) {
    ws4d::kept_event kept;
    {
        ws4d::dispatcher loop;
        ws4d::handlers handlers;
        handlers.on_message = [&](const ws4d::event &message) { kept = message.retain(); };
        ws4d::socket ws(server("/script?do=text:%C3%A9,close:1000"), loop, std::move(handlers));
        loop.run();
    }
    CHECK(kept.type() == WS_EVENT_TYPE_MESSAGE && kept.u16text() == u"\u00e9" && kept.bytes().size() == 2);
    const ws4d::kept_event moved = std::move(kept);
    CHECK(kept.type() == WS_EVENT_TYPE_NONE && moved.text() == "\xc3\xa9");
}

PROMISE(a_failure_tells_all_that_is_known_of_it) {
    const std::string url = server("/status?code=503&body=later&header=Retry-After:5");
    const ws4d::result<ws4d::socket> opened = ws4d::socket::try_open(url);
    CHECK(!opened && opened.code() == WS_ERR_HTTP_STATUS);
    const ws4d::error copy = opened.error();
    CHECK(copy.http_status() == 503 && copy.http_header("retry-after") == "5" && !copy.http_header("x"));
    const ws4d::bytes_view body = copy.http_body();
    CHECK(body.size() == 5 && std::memcmp(body.data(), "later", 5) == 0);
    CHECK(copy.entries().front().message == copy.what() && copy.entries().front().component == "http");
    CHECK(std::strstr(copy.what(), "503") != nullptr);
    try {
        ws4d::socket ws(tests::nobody());
        CHECK(false);
    } catch (const std::runtime_error &e) {
        const auto &failure = dynamic_cast<const ws4d::error &>(e);
        CHECK(failure.code() == WS_ERR_CONNECTION_REFUSED && failure.os_code() != 0);
    }
}

PROMISE(an_error_of_an_event_may_be_kept) {
    ws4d::dispatcher loop;
    std::optional<ws4d::error> kept;
    ws4d::handlers handlers;
    handlers.on_error = [&](const ws4d::event &e) {
        CHECK(!e.errors().empty() && e.errors().code() == WS_ERR_HTTP_STATUS && e.errors().http_status() == 401);
        kept = e.error();
    };
    ws4d::socket ws = ws4d::socket::open_async(server("/status?code=401&header=X:y"), loop, std::move(handlers));
    loop.run();
    ws = ws4d::socket();
    CHECK(kept && kept->code() == WS_ERR_HTTP_STATUS && kept->http_header("X") == "y");
}

PROMISE(options_are_chained_and_reach_the_server) {
    const ws4d::kept_event head = first_message("/headers", ws4d::options().header("X-One", "1").cookie("a=1").subprotocol("chat").connect_timeout(5s).compression(0));
    CHECK(head.text().find("X-One: 1") != std::string_view::npos && head.text().find("Cookie: a=1") != std::string_view::npos);
    CHECK(head.text().find("Sec-WebSocket-Extensions") == std::string_view::npos);
}

PROMISE(a_wrong_option_throws_and_says_why_and_changes_nothing) {
    ws4d::options options;
    CHECK(caught([&] { options.header("X\n", "1"); }) == "WS_ERR_INVALID_HEADER");
    CHECK(caught([&] { options.ca_file("/there/is/no/such/file"); }) == "WS_ERR_FILE");
    try {
        options.ca_file("/there/is/no/such/file");
    } catch (const ws4d::error &e) {
        CHECK(std::strstr(e.what(), "/there/is/no/such/file") != nullptr && e.os_code() == ENOENT);
    }
    CHECK(caught([&] { options.connect_timeout(-1ms); }) == "WS_ERR_INVALID_ARGUMENT");
    CHECK(caught([&] { options.connect_timeout(1200h * 1000); }) == "WS_ERR_INVALID_ARGUMENT");
    CHECK(caught([&] { options.cookie(std::string_view("a=1\0; b=2", 9)); }) == "WS_ERR_INVALID_ARGUMENT");
    const ws4d::options moved = std::move(options);
    CHECK(caught([&] { options.compression(1); }) == "WS_ERR_INVALID_HANDLE");
    CHECK(caught([&] { ws4d::socket ws(server("/echo"), {}, options); }) == "WS_ERR_INVALID_HANDLE");
    ws4d::socket ws(server("/echo"), {}, moved);
}

PROMISE(options_that_do_not_throw_remember_the_first_failure) {
    ws4d::options options(std::nothrow);
    options.compression(1).min_tls_version(11).header("", "").frame_size(100);
    CHECK(options.first_error() && options.first_error()->code() == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws4d::socket::try_open(server("/echo"), {}, options).code() == WS_ERR_INVALID_ARGUMENT);
    CHECK(ws4d::socket::try_open(server("/echo"), {}, ws4d::options(std::nothrow).compression(1)));
}

PROMISE(a_function_prepares_the_socket_before_it_connects) {
    std::string seen;
    ws4d::socket ws;
    {
        ws4d::options options;
        options.socket_fn([&, text = std::string("fd to ")](std::intptr_t fd, std::string_view address) {
            CHECK(fd >= 0);
            seen = text + std::string(address);
            return 0;
        });
        ws = ws4d::socket(server("/echo"), {}, options);
    }
    CHECK(seen == "fd to " + std::string(ws.peer_address()));
}

PROMISE(a_socket_tells_how_it_is_connected) {
    ws4d::options options;
    options.ca_file(tests::environment("WS4D_TEST_CA")).subprotocol("chat");
    ws4d::socket ws(tests::environment("WS4D_TEST_WSS") + "/echo?protocol=chat&header=X:y", {}, options);
    CHECK(ws.subprotocol() == "chat" && ws.response_header("x") == "y" && !ws.response_header("z"));
    CHECK(ws.id() > 0 && ws.response_status() == 101 && ws.status() == WS_STATUS_CONNECTED);
    CHECK(ws.tls_info().verified == 1 && ws.tls_info().version == std::string("TLSv1.3"));
    ws4d::socket bare(server("/echo"));
    CHECK(bare.try_tls_info().code() == WS_ERR_UNSUPPORTED && caught([&] { bare.tls_info(); }) == "WS_ERR_UNSUPPORTED");
    const std::unordered_map<ws4d::socket_ref, int> map = {{ws, 1}, {bare, 2}};
    CHECK(map.at(bare) == 2);
}

PROMISE(events_are_pulled_one_by_one_and_in_batches) {
    ws4d::dispatcher loop;
    ws4d::socket ws(server("/script?do=cork,text:a,binary:62,text:c,close:1000:bye,uncork"), loop);
    std::string got;
    while (got.find('.') == std::string::npos) {
        const ws4d::batch batch = loop.next_batch();
        CHECK(!batch.empty());
        for (const ws4d::batch_item &item : batch) {
            CHECK(item.socket == ws);
            if (item.type == WS_EVENT_TYPE_MESSAGE)
                got += item.text();
            if (item.type == WS_EVENT_TYPE_TERMINATE)
                got += "." + std::string(item.event.reason());
        }
    }
    CHECK(got == "abc.bye" && loop.next_batch(0ms).empty() && !loop.next(0ms) && loop.wait(0ms) == 0);
    CHECK(loop.try_next_batch(0ms, 0).code() == WS_ERR_INVALID_ARGUMENT);
}

PROMISE(a_paused_socket_delivers_nothing_until_it_is_resumed) {
    ws4d::dispatcher loop;
    std::string got;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &e) { got += e.text(); };
    ws4d::socket ws(server("/script?do=expect,text:a,close:1000"), loop, std::move(handlers));
    ws.pause();
    ws.send_text("go");
    while (ws.stats().messages_received == 0)
        std::this_thread::yield();
    CHECK(loop.dispatch() == 0 && got.empty());
    ws.resume();
    loop.run();
    CHECK(got == "a");
}

PROMISE(a_class_has_its_methods_called) {
    struct client : ws4d::handler {
        std::string trace;
        ws4d::dispatcher loop;
        ws4d::socket ws;
        client() : ws(server("/echo"), loop, ws4d::handlers::of(*this)) {}
        void on_open(ws4d::socket_ref s, const ws4d::event &) override { s.send_text("hi"); }
        void on_message(ws4d::socket_ref s, const ws4d::event &message) override {
            trace += message.text();
            s.terminate();
        }
        void on_terminate(ws4d::socket_ref, const ws4d::event &) override { trace += "."; }
    };
    client c;
    c.loop.run();
    CHECK(c.trace == "hi.");
    auto shared = std::make_shared<client>();
    const std::weak_ptr<client> alive = shared;
    ws4d::dispatcher loop;
    ws4d::socket ws(server("/idle"), loop, ws4d::handlers::of(shared));
    shared->ws.close();
    shared.reset();
    CHECK(!alive.expired());
    ws = ws4d::socket();
    CHECK(alive.expired());
}

PROMISE(a_receiver_of_the_log_receives_as_long_as_it_lives) {
    std::mutex mutex;
    std::vector<std::string> lines;
    const auto count = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        return lines.size();
    };
    {
        ws4d::log_receiver made(WS_LOG_LEVEL_INFO, [&](ws_log_level level, std::string_view component, std::string_view line) {
            const std::lock_guard<std::mutex> lock(mutex);
            lines.push_back(std::string(ws4d::name(level)) + " " + std::string(component) + " " + std::string(line));
        });
        const ws4d::log_receiver moved = std::move(made);
        ws4d::socket ws(server("/echo"));
        CHECK(count() > 0);
    }
    const std::size_t before = count();
    ws4d::socket ws(server("/echo"));
    CHECK(count() == before);
}

PROMISE(times_are_those_of_the_clock_and_a_deadline_may_be_over) {
    ws4d::dispatcher loop;
    CHECK(loop.wait(-5s) == 0 && !loop.next(-1ms) && ws4d::detail::timeout(ws4d::no_timeout) == -1);
    CHECK(ws4d::detail::timeout(1h * 24 * 365) == std::numeric_limits<std::int32_t>::max());
    loop.set_busy_poll(10us);
    loop.set_interruptible(true);
    CHECK(loop.fd() >= 0 && caught([] { ws4d::dispatcher::driving().fd(); }) == "WS_ERR_UNSUPPORTED");
    std::thread([&] {
        CHECK(loop.try_wait(0ms).code() == WS_ERR_WRONG_THREAD);
        loop.attach();
        CHECK(loop.try_wait(0ms));
    }).join();
    CHECK(caught([&] { loop.run(); }) == "WS_ERR_WRONG_THREAD");
}

PROMISE(texts_are_converted_between_the_encodings) {
    CHECK(ws4d::to_utf16("a\xc3\xa9\xf0\x9f\x98\x80") == u"a\u00e9\U0001F600" && ws4d::to_utf8(u"a\u00e9\U0001F600") == "a\xc3\xa9\xf0\x9f\x98\x80");
    CHECK(ws4d::to_utf16("").empty() && ws4d::to_utf8(u"").empty() && ws4d::to_utf8(ws4d::to_utf16("\xff")) == "\xef\xbf\xbd");
    CHECK(ws4d::name(WS_ERR_CLOSED) == "WS_ERR_CLOSED" && ws4d::version() == WS4D_VERSION_STRING);
}
