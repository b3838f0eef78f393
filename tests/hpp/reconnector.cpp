// A connection that comes back, by its policy; owned as a socket is.
#include "check.hpp"

#include <thread>

using tests::caught;
using tests::server;
using tests::thrown;
using namespace std::chrono_literals;

namespace {

ws4d::reconnect_policy at_once() {
    ws4d::reconnect_policy policy;
    policy.base_delay = policy.min_delay = policy.max_delay = 1ms;
    return policy;
}

} // namespace

PROMISE(the_policy_begins_as_in_c) {
    const ws4d::reconnect_policy policy;
    const ws_reconnect_policy c = WS_RECONNECT_POLICY_INIT;
    CHECK(policy.base_delay.count() == c.base_delay_ms && policy.max_delay.count() == c.max_delay_ms);
    CHECK(policy.min_delay.count() == c.min_delay_ms && policy.stable.count() == c.stable_ms);
    CHECK(policy.max_time.count() == c.max_time_ms && policy.max_retry_after.count() == c.max_retry_after_ms);
    CHECK(policy.max_attempts == c.max_attempts && policy.queue_size == c.queue_size && policy.final_codes.size() == c.final_code_count);
}

PROMISE(a_reconnector_comes_back_and_says_why_it_ends) {
    ws4d::dispatcher loop;
    std::string trace;
    ws4d::handlers handlers;
    handlers.on_message = [&](const ws4d::event &message) { trace += message.text(); };
    ws4d::reconnect_policy policy = at_once();
    policy.final_codes = {4002};
    policy.on_attempt = [&](ws4d::reconnector_ref, ws4d::options &options, std::uint32_t attempt) {
        trace += std::to_string(attempt);
        options.header("X-Attempt", std::to_string(attempt));
        CHECK(caught([&] { options.socket_fn(nullptr); }) == "WS_ERR_UNSUPPORTED");
        return attempt == 0 ? std::string() : server("/script?do=text:b,close:4002:end");
    };
    policy.on_reconnect = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &info) {
        trace += "(" + std::to_string(info.code) + " " + std::string(ws4d::name(info.errors.code())) + ")";
        CHECK(info.attempt == 1 && info.delay == 1ms && info.end == WS_RECONNECT_END_NONE);
    };
    policy.on_end = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &info) { trace += "[" + std::string(ws4d::name(info.end)) + "]"; };
    ws4d::reconnector r(server("/script?do=text:a,close:4001:again"), loop, std::move(handlers), std::move(policy));
    loop.run();
    CHECK(trace == "0a(4001 WS_ERR_CLOSED)1b[close code]" || trace == "0a(4001 WS_ERR_CLOSED)1b[close_code]");
    CHECK(r.connections() == 2 && r.status() == WS_STATUS_CLOSED && r.stats().messages_received == 2);
}

PROMISE(exceptions_of_the_policy_come_out_of_run) {
    for (const std::string where : {"attempt", "reconnect", "end", "final"}) {
        ws4d::dispatcher loop;
        ws4d::reconnect_policy policy = at_once();
        policy.max_attempts = 1;
        const auto perhaps = [&where](const char *here) {
            if (where == here)
                throw thrown{here};
        };
        policy.on_attempt = [&](ws4d::reconnector_ref, ws4d::options &, std::uint32_t) {
            perhaps("attempt");
            return std::string();
        };
        policy.on_reconnect = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &) { perhaps("reconnect"); };
        policy.on_end = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &) { perhaps("end"); };
        policy.is_final = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &) {
            perhaps("final");
            return false;
        };
        ws4d::reconnector r(server("/close?code=4001"), loop, {}, std::move(policy));
        CHECK(caught([&] { loop.run(); }) == where);
    }
}

PROMISE(exceptions_of_the_policy_come_out_of_next_and_no_event_is_lost) {
    ws4d::dispatcher loop;
    ws4d::reconnect_policy policy = at_once();
    policy.on_reconnect = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &) { throw thrown{"reconnect"}; };
    int events = 0;
    ws4d::reconnector r(server("/close?code=4001"), loop, {}, std::move(policy));
    CHECK(caught([&] {
              while (loop.next())
                  events++;
          }) == "reconnect");
    CHECK(events == 2);
    // Open and terminate again: the reconnector went on.
    CHECK(loop.next() && loop.next());
}

PROMISE(a_destroyed_reconnector_does_not_call_back) {
    for (const std::string how : {"here", "inside", "on another thread", "inline"}) {
        ws4d::dispatcher loop;
        auto held = std::make_shared<int>(0);
        const std::weak_ptr<int> alive = held;
        std::optional<ws4d::reconnector> r;
        int ends = 0;
        ws4d::handlers handlers;
        handlers.on_open = [&, held] {
            if (how == "inside")
                r.reset();
            loop.stop().value();
        };
        held.reset();
        ws4d::reconnect_policy policy;
        policy.on_end = [&](ws4d::reconnector_ref, const ws4d::reconnect_info &) { ends++; };
        if (how == "inline") {
            r.emplace(server("/idle"), ws4d::handlers(), std::move(policy));
        } else {
            r.emplace(server("/idle"), loop, std::move(handlers), std::move(policy));
            loop.run();
        }
        if (how == "on another thread")
            std::thread([&] { r.reset(); }).join();
        else
            r.reset();
        loop.run();
        CHECK(ends == 0 && (how == "inline" || alive.expired()));
    }
}

PROMISE(a_closed_reconnector_says_so_and_is_empty) {
    ws4d::dispatcher loop;
    ws4d::reconnect_policy policy;
    policy.on_end = [](ws4d::reconnector_ref, const ws4d::reconnect_info &info) { throw thrown{std::string(ws4d::name(info.end))}; };
    ws4d::reconnector r(server("/idle"), loop, {}, policy);
    CHECK(caught([&] { r.close(); }) == "host" && !r && r.try_close().code() == WS_ERR_INVALID_HANDLE);
    policy.base_delay = 0ms;
    CHECK(ws4d::reconnector::try_open(server("/idle"), loop, {}, policy).code() == WS_ERR_INVALID_ARGUMENT);
    policy.base_delay = -1ms;
    CHECK(caught([&] { ws4d::reconnector wrong(server("/idle"), loop, {}, policy); }) == "WS_ERR_INVALID_ARGUMENT");
}

PROMISE(a_reconnector_keeps_messages_for_the_next_connection) {
    ws4d::dispatcher loop;
    std::string got;
    ws4d::handlers handlers;
    std::optional<ws4d::reconnector> r;
    handlers.on_message = [&](const ws4d::event &message) {
        got += message.text();
        if (got.size() == 3)
            r->terminate(1000, "bye");
    };
    ws4d::reconnect_policy policy;
    policy.queue_size = 1000;
    r.emplace(server("/echo"), loop, std::move(handlers), policy);
    r->send_text("a");
    r->send_blob(std::string("b"));
    r->send_object("3");
    CHECK(r->status() == WS_STATUS_CONNECTING && !r->socket());
    loop.run();
    CHECK(got == "ab3" && r->try_send_text("x").code() == WS_ERR_CLOSED && r->try_retry_now().code() == WS_ERR_CLOSED);
    policy.queue_size = 0;
    ws4d::reconnector none(server("/echo"), loop, {}, policy);
    CHECK(none.try_send_text("x").code() == WS_ERR_WOULD_BLOCK);
}
