// A process of the stand-in for 4D: a thread with a queue of messages, which runs nothing but what it takes from there.
// Cooperative processes share a lock, so that one of them runs at a time.
#ifndef WS4D_PLUGIN_STAND_IN_PROCESS_HPP
#define WS4D_PLUGIN_STAND_IN_PROCESS_HPP

#include "../host.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace stand_in {

/** What unwinds the code of a process that was aborted. */
struct aborted {};

class process {
public:
    /** How a process ends. */
    enum class ending {
        /** It takes no more messages: KILL WORKER. */
        killed,
        /** It is to end as soon as its code looks (the plug-in) or goes on (4D code). */
        aborted,
        /** The same, but that the plug-in is unwound where it lets others run. */
        unwound,
        /** Its thread goes, and nobody tells the plug-in. */
        lost,
    };
    using task = std::function<void()>;

    /** Without the lock of the cooperative processes it is preemptive. */
    process(std::int32_t number, std::mutex *cooperative_lock);
    ~process();
    process(const process &) = delete;
    process &operator=(const process &) = delete;

    /** That of the calling thread; NULL on a thread which is no process's. */
    static process *current();

    /** Makes the calling thread this process, which has no queue: the main process. */
    void adopt();
    /** Starts its thread, which runs `code` and, at last, `closed` unless it is lost. */
    void start(task code, task closed);
    void join();

    // Any thread.
    std::int32_t number() const { return number_; }
    void post(std::int32_t window, task what);
    void end(ending how);
    bool dying();
    bool was_lost();

    // Its own thread.
    host::context context() const { return {number_, window_}; }
    bool preemptive() const { return cooperative_lock_ == nullptr; }
    /** Runs one message; false when it is to end. Also inside of one, as a modal dialog does. */
    bool listen();
    void idle();
    /** Messages for a window that is not open are dropped. */
    void open_window(std::int32_t window) { windows_.insert(window); }
    void close_window(std::int32_t window) { windows_.erase(window); }
    std::set<std::int32_t> windows() const { return windows_; }
    /** Runs as if a message for that window had been taken. */
    void in_window(std::int32_t window, const task &what);

    /** Whether unwinding ends a message alone, and not the process. */
    bool survives_aborts = false;
    /** What ON ERR CALL has found. */
    std::vector<host::collection_ref> errors;

private:
    struct message {
        std::int32_t window;
        task what;
    };

    std::int32_t number_;
    std::mutex *cooperative_lock_;
    std::thread thread_;
    std::int32_t window_ = 0;
    std::set<std::int32_t> windows_;
    std::mutex mutex_; // over what follows
    std::condition_variable changed_;
    std::deque<message> queue_;
    bool ends_ = false;
    ending how_ = ending::killed;
};

} // namespace stand_in

#endif
