#include "process.hpp"

#include <chrono>
#include <utility>

namespace stand_in {

namespace {

thread_local process *running = nullptr;

constexpr std::chrono::milliseconds tick{16};

/** While one exists, the other cooperative processes may run. */
class others_run {
public:
    explicit others_run(std::mutex *cooperative_lock) : cooperative_lock_(cooperative_lock) {
        if (cooperative_lock_ != nullptr)
            cooperative_lock_->unlock();
    }
    ~others_run() {
        if (cooperative_lock_ != nullptr)
            cooperative_lock_->lock();
    }
    others_run(const others_run &) = delete;
    others_run &operator=(const others_run &) = delete;

private:
    std::mutex *cooperative_lock_;
};

} // namespace

process::process(std::int32_t number, std::mutex *cooperative_lock) : number_(number), cooperative_lock_(cooperative_lock) {}

process::~process() { join(); }

process *process::current() { return running; }

void process::adopt() { running = this; }

void process::start(task code, task closed) {
    thread_ = std::thread([this, code = std::move(code), closed = std::move(closed)] {
        running = this;
        if (cooperative_lock_ != nullptr)
            cooperative_lock_->lock();
        try {
            code();
        } catch (const aborted &) {
        }
        if (!was_lost())
            closed();
        if (cooperative_lock_ != nullptr)
            cooperative_lock_->unlock();
        running = nullptr;
    });
}

void process::join() {
    if (thread_.joinable())
        thread_.join();
}

void process::post(std::int32_t window, task what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ends_)
        return;
    queue_.push_back({window, std::move(what)});
    changed_.notify_all();
}

void process::end(ending how) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
    how_ = how;
    changed_.notify_all();
}

bool process::dying() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ends_ && how_ == ending::aborted;
}

bool process::was_lost() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return how_ == ending::lost;
}

bool process::listen() {
    message next;
    {
        const others_run others(cooperative_lock_);
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return ends_ || !queue_.empty(); });
        if (queue_.empty() || (ends_ && how_ != ending::killed))
            return false;
        next = std::move(queue_.front());
        queue_.pop_front();
    }
    if (next.window == 0 || windows_.count(next.window) != 0)
        in_window(next.window, next.what);
    return true;
}

void process::idle() {
    const others_run others(cooperative_lock_);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, tick, [&] { return ends_; });
    if (ends_ && how_ == ending::unwound)
        throw aborted();
}

void process::in_window(std::int32_t window, const task &what) {
    const std::int32_t before = std::exchange(window_, window);
    try {
        what();
    } catch (const aborted &) {
        window_ = before;
        if (!survives_aborts)
            throw;
    }
    window_ = before;
}

} // namespace stand_in
