// How the library's threads tell the plug-in that events wait. They touch nothing of the host's: they set a flag and notify a process
// of the host's that waits for it.
#ifndef WS4D_PLUGIN_WAKEUP_HPP
#define WS4D_PLUGIN_WAKEUP_HPP

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace plugin {

/** What the plug-in's own process waits for. There is one. */
class wakeup {
public:
    void notify() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        notified_ = true;
        changed_.notify_one();
    }

    /** Whether it was notified since the last call, or is within the given time. */
    bool wait(std::chrono::milliseconds time) {
        std::unique_lock<std::mutex> lock(mutex_);
        if (!changed_.wait_for(lock, time, [&] { return notified_; }))
            return false;
        notified_ = false;
        return true;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool notified_ = false;
};

/** Whether events of a socket wait. Each socket has one; its dispatcher's `wake` sets it, on any thread. */
class wake_flag {
public:
    explicit wake_flag(std::shared_ptr<wakeup> wakeup) : wakeup_(std::move(wakeup)) {}

    void set() noexcept {
        set_.store(true);
        wakeup_->notify();
    }
    bool take() noexcept { return set_.exchange(false); }

    /** A ws_wake_fn. */
    static void wake(void *flag) noexcept { static_cast<wake_flag *>(flag)->set(); }

private:
    std::shared_ptr<wakeup> wakeup_;
    std::atomic<bool> set_{false};
};

} // namespace plugin

#endif
