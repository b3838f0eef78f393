#include "play.hpp"

#include "../text.hpp"

#include <algorithm>
#include <array>

namespace tests {

namespace {

std::string environment(const char *name) {
    const char *value = std::getenv(name);
    CHECK(value != nullptr);
    return value;
}

std::string joined(const lines &all) {
    std::string out;
    for (const std::string &line : all)
        out += line + "\n";
    return out;
}

std::string ascii(const host::text &text) {
    std::string out;
    std::array<char, 12> escape{};
    for (const char16_t unit : text) {
        std::snprintf(escape.data(), escape.size(), "<U+%04X>", static_cast<unsigned>(unit));
        out += unit >= 0x20 && unit < 0x7F ? std::string(1, static_cast<char>(unit)) : escape.data();
    }
    return out;
}

std::string hex(const host::blob &blob) {
    std::string out;
    std::array<char, 4> digits{};
    for (const unsigned char byte : blob) {
        std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned>(byte));
        out += digits.data();
    }
    return out;
}

template <class T> T property(const host::object_ref &of, const char16_t *name) {
    const host::value v = of->get(name);
    CHECK(std::holds_alternative<T>(v));
    return std::get<T>(v);
}

std::string what_happened(const host::object_ref &event) {
    const std::string type = plugin::utf8(property<host::text>(event, u"type"));
    if (type == "message")
        return type + " " + describe(event->get(u"data"));
    if (type == "error")
        return type + " " + codes(property<host::collection_ref>(event, u"errors"));
    if (type != "terminate")
        return type;
    const std::string reason = ascii(property<host::text>(event, u"reason"));
    return type + " " + describe(event->get(u"code")) + (reason.empty() ? "" : " " + reason) + (property<bool>(event, u"wasClean") ? " clean" : "");
}

} // namespace

std::vector<std::pair<const char *, promise::function>> &promise::all() {
    static std::vector<std::pair<const char *, function>> registered;
    return registered;
}

void check_same(const char *file, int line, const std::string &actual, const std::string &expected) {
    if (actual == expected)
        return;
    std::fprintf(stderr, "%s:%d:\n--- expected\n%s\n--- actual\n%s\n", file, line, expected.c_str(), actual.c_str());
    std::_Exit(1);
}

void check_same(const char *file, int line, const lines &actual, const lines &expected) { check_same(file, line, joined(actual), joined(expected)); }

host::text server(const std::string &path) { return plugin::text_of(environment("WS4D_TEST_WS") + path); }

host::text script(const std::string &commands) { return server("/script?do=" + commands); }

host::text nobody() { return u"ws://127.0.0.1:1/"; }

std::string describe(const host::value &v) {
    if (const auto *text = std::get_if<host::text>(&v))
        return "text:" + ascii(*text);
    if (const auto *blob = std::get_if<host::blob>(&v))
        return "blob:" + hex(*blob);
    if (std::holds_alternative<host::undefined>(v))
        return "undefined";
    return ascii(stand_in::stringify(v));
}

void journal::write(const std::string &line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(line);
    written_.notify_all();
}

lines journal::wait_for(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    written_.wait(lock, [&] { return lines_.size() >= count; });
    return lines_;
}

void journal::wait_for(const std::string &line) {
    std::unique_lock<std::mutex> lock(mutex_);
    written_.wait(lock, [&] { return std::find(lines_.begin(), lines_.end(), line) != lines_.end(); });
}

lines journal::all() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
}

host::value formula(stand_in::formula::code code) { return host::function_ref(std::make_shared<stand_in::formula>(std::move(code))); }

host::object_ref handler(application &app, journal &events, const host::context &home) {
    const auto made = std::make_shared<stand_in::object>();
    const std::weak_ptr<host::object> expected_this = made;
    for (const char16_t *name : {u"onOpen", u"onMessage", u"onError", u"onTerminate"}) {
        const auto write = [&app, &events, home, expected_this, name](const host::object_ref &self, const host::parameters &with) {
            CHECK(app.current() == home && self == expected_this.lock() && with.size() == 2);
            const auto ws = std::get<host::instance_ref>(with[0]);
            CHECK(std::get<host::object_ref>(ws->get(u"handler")) == self);
            const auto event = std::get<host::object_ref>(with[1]);
            // onOpen is told of "open".
            const std::string type = plugin::utf8(property<host::text>(event, u"type"));
            CHECK(plugin::utf8(name).substr(3) == type.substr(1) && name[2] + 32 == type[0]);
            events.write(what_happened(event));
        };
        made->set(name, formula(write));
    }
    return made;
}

host::instance_ref open(application &app, process &where, const host::text &url, const host::object_ref &handler, std::int32_t window) {
    host::instance_ref ws;
    const auto make = [&] {
        const host::value made = app.plug_in().new_web_socket({url, handler});
        if (!std::holds_alternative<host::null>(made))
            ws = std::get<host::instance_ref>(made);
    };
    app.run(where, make, window);
    return ws;
}

conversation::conversation(const host::text &url, const char16_t *data_type)
    : worker(app.new_worker()), handler(tests::handler(app, events, {worker.number(), 0})) {
    handler->set(u"dataType", data_type);
    ws = open(app, worker, url, handler);
}

void conversation::send(const host::value &message) {
    app.run(worker, [&] { ws->call(u"send", {message}); });
}

void conversation::terminate(const host::parameters &with) {
    app.run(worker, [&] { ws->call(u"terminate", with); });
}

host::value conversation::get(const char16_t *property) {
    host::value got;
    app.run(worker, [&] { got = ws->get(property); });
    return got;
}

std::string conversation::error() {
    std::string found;
    app.run(worker, [&] { found = last_error(worker); });
    return found;
}

std::string codes(const host::collection_ref &stack) {
    std::string out;
    for (std::size_t i = 0; i < stack->length(); i++) {
        const auto error = std::get<host::object_ref>(stack->at(i));
        CHECK(!property<host::text>(error, u"message").empty());
        CHECK(property<host::text>(error, u"componentSignature").size() == 4);
        out += (i > 0 ? "," : "") + describe(error->get(u"errCode"));
    }
    return out.empty() ? "an empty stack" : out;
}

std::string last_error(process &of) {
    if (of.errors.empty())
        return "none";
    const std::string found = codes(of.errors.back());
    of.errors.pop_back();
    return found;
}

} // namespace tests
