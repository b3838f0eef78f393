// The ends of threads and of the process in a callback: a forced unwind passes through the header's frames, and an exception
// that has nowhere to go is std::terminate().
#include "../check.hpp"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/** Runs `act` in a process of its own; its exit status. */
template <class Act> int in_a_child(Act act) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        std::set_terminate([] { std::_Exit(42); });
        act();
        std::_Exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct noticing {
    explicit noticing(tests::signal &s) : unwound(s) {}
    noticing(const noticing &) = delete;
    noticing &operator=(const noticing &) = delete;
    ~noticing() { unwound.give("unwound"); }
    tests::signal &unwound;
};

void a_thread_may_end_inside_a_callback() {
    tests::signal unwound;
    ws4d::handlers handlers;
    handlers.on_message = [&] {
        const noticing here(unwound);
        pthread_exit(nullptr);
    };
    handlers.on_exception = [](std::exception_ptr) { CHECK(false); };
    ws4d::socket ws(tests::server("/script?do=text:a"), std::move(handlers));
    CHECK(unwound.wait() == "unwound");
    // The process goes on, also with new sockets.
    ws4d::shutdown();
    ws4d::socket again(tests::server("/echo"));
}

void an_exception_on_an_io_thread_without_on_exception_ends_the_process() {
    tests::signal never;
    ws4d::handlers handlers;
    handlers.on_message = [] { throw tests::thrown{"message"}; };
    ws4d::socket ws(tests::server("/script?do=text:a"), std::move(handlers));
    never.wait();
}

void an_exception_of_wake_ends_the_process() {
    ws4d::dispatcher loop([] { throw tests::thrown{"wake"}; });
    ws4d::socket ws(tests::server("/script?do=text:a"), loop);
    loop.wait();
    tests::signal().wait();
}

void a_dispatch_in_c_has_no_way_out_for_an_exception() {
    ws4d::dispatcher loop;
    ws4d::handlers handlers;
    handlers.on_message = [] { throw tests::thrown{"message"}; };
    ws4d::socket ws(tests::server("/script?do=text:a"), loop, std::move(handlers));
    ws_dispatcher_run(loop.get());
}

} // namespace

int main() {
    CHECK(in_a_child(a_thread_may_end_inside_a_callback) == 0);
    CHECK(in_a_child(an_exception_on_an_io_thread_without_on_exception_ends_the_process) == 42);
    CHECK(in_a_child(an_exception_of_wake_ends_the_process) == 42);
    CHECK(in_a_child(a_dispatch_in_c_has_no_way_out_for_an_exception) == 42);
}
