// What the tests of ws4d.hpp share: promises that register themselves, and the way to the test server.
#ifndef WS4D_TESTS_HPP_CHECK_HPP
#define WS4D_TESTS_HPP_CHECK_HPP

#include <ws4d.hpp>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#define CHECK(condition) \
    ((condition) ? void() : (std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::_Exit(1)))

/** A test, named after what it holds the header to. */
#define PROMISE(name)                                               \
    static void name();                                             \
    static const tests::promise name##_registered(#name, &name);    \
    static void name()

namespace tests {

struct promise {
    using function = void (*)();
    promise(const char *name, function keep) { all().push_back({name, keep}); }
    static std::vector<std::pair<const char *, function>> &all() {
        static std::vector<std::pair<const char *, function>> registered;
        return registered;
    }
};

inline std::string environment(const char *name) {
    const char *value = std::getenv(name);
    CHECK(value != nullptr);
    return value;
}

/** A URL of the test server; tests/server/PATHS.txt has the paths. */
inline std::string server(const std::string &path) { return environment("WS4D_TEST_WS") + path; }

/** A URL at which nobody listens. */
inline std::string nobody() { return "ws://127.0.0.1:1/"; }

/** A text that one thread waits for and another one gives. */
class signal {
public:
    void give(const std::string &value) {
        const std::lock_guard<std::mutex> lock(mutex_);
        value_ = value;
        given_.notify_all();
    }
    std::string wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        given_.wait(lock, [&] { return !value_.empty(); });
        return value_;
    }

private:
    std::mutex mutex_;
    std::condition_variable given_;
    std::string value_;
};

/** The exception of the test's own that callbacks throw. */
struct thrown {
    std::string where;
};

/** What `act` throws, or "nothing". */
template <class Act> std::string caught(Act act) {
    try {
        act();
    } catch (const thrown &t) {
        return t.where;
    } catch (const ws4d::error &e) {
        return std::string(ws4d::name(e.code()));
    }
    return "nothing";
}

} // namespace tests

#endif
