// What the tests share: promises that register themselves, handlers that note events, and the way to the test server.
#ifndef WS4D_PLUGIN_TESTS_PLAY_HPP
#define WS4D_PLUGIN_TESTS_PLAY_HPP

#include "../stand_in/application.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#define CHECK(condition) \
    ((condition) ? void() : (std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::_Exit(1)))

/** Two texts, or two lists of them, that are to be the same. */
#define CHECK_SAME(actual, expected) tests::check_same(__FILE__, __LINE__, actual, expected)

/** A test, named after what it holds the plug-in to. */
#define PROMISE(name)                                            \
    static void name();                                          \
    static const tests::promise name##_registered(#name, &name); \
    static void name()

namespace tests {

struct promise {
    using function = void (*)();
    promise(const char *name, function keep) { all().push_back({name, keep}); }
    static std::vector<std::pair<const char *, function>> &all();
};

using lines = std::vector<std::string>;

void check_same(const char *file, int line, const std::string &actual, const std::string &expected);
void check_same(const char *file, int line, const lines &actual, const lines &expected);

/** A URL of the test server; tests/server/PATHS.txt has the paths. */
host::text server(const std::string &path);
/** One that plays a script. */
host::text script(const std::string &commands);
/** One at which nobody listens. */
host::text nobody();

/** A value in ASCII: `text:a<U+0000>`, `blob:00ff`, else as JSON. */
std::string describe(const host::value &v);

/** Lines that any thread writes, and that another one waits for. */
class journal {
public:
    void write(const std::string &line);
    /** Waits until there are so many lines, and gives all. */
    lines wait_for(std::size_t count);
    /** Waits until this line is there. */
    void wait_for(const std::string &line);
    lines all();

private:
    std::mutex mutex_;
    std::condition_variable written_;
    lines lines_;
};

using stand_in::application;
using stand_in::process;

host::value formula(stand_in::formula::code code);

/** An object with the four callbacks, which note the events, and check the context in which they run and their This. */
host::object_ref handler(application &app, journal &events, const host::context &home);

/** `4D.WebSocket.new(url; handler)` in a worker or a form; NULL for Null. */
host::instance_ref open(application &app, process &where, const host::text &url, const host::object_ref &handler, std::int32_t window = 0);

/** A worker and a socket of it, as most tests need them. */
struct conversation {
    explicit conversation(const host::text &url, const char16_t *data_type = u"text");
    ~conversation() { app.quit(); }
    conversation(const conversation &) = delete;
    conversation &operator=(const conversation &) = delete;
    void send(const host::value &message);
    void terminate(const host::parameters &with);
    host::value get(const char16_t *property);
    /** The codes of the last error that the worker's ON ERR CALL has found, "none" if there was none; forgets it. */
    std::string error();

    application app;
    process &worker;
    journal events;
    host::object_ref handler;
    host::instance_ref ws;
};

/** The codes of a stack of errors that is as 4D's are, or what is wrong with it. */
std::string codes(const host::collection_ref &stack);
/** Of the last error of a process, likewise; forgets it. */
std::string last_error(process &of);

} // namespace tests

#endif
