#include "application.hpp"

#include <cstdlib>
#include <utility>

namespace stand_in {

application::application(scheduling of_the_plug_in) : kind_(of_the_plug_in) {
    main_.adopt();
    if (!plug_in_.start())
        std::abort();
}

application::~application() { quit(); }

process &application::here() {
    process *running = process::current();
    if (running == nullptr)
        foreign_calls_++;
    return running != nullptr ? *running : main_;
}

process &application::add(std::mutex *cooperative_lock) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto number = static_cast<std::int32_t>(processes_.size() + 2);
    processes_.push_back(std::make_unique<process>(number, cooperative_lock));
    return *processes_.back();
}

process &application::new_process(std::mutex *cooperative_lock) {
    process &made = add(cooperative_lock);
    const auto listen = [&made] {
        while (made.listen()) {
        }
    };
    made.start(listen, [this, &made] { closed(made); });
    return made;
}

process &application::new_worker() { return new_process(nullptr); }

process &application::new_cooperative_worker() { return new_process(&cooperative_lock_); }

bool application::start_process(const host::text &, std::function<void()> code) {
    here();
    if (!starts_processes)
        return false;
    process &made = add(kind_ == scheduling::cooperative ? &cooperative_lock_ : nullptr);
    plug_in_process_ = &made;
    made.start(std::move(code), [this, &made] { closed(made); });
    return true;
}

void application::closed(process &which) {
    for (const std::int32_t window : which.windows())
        which.in_window(window, [&] { plug_in_.context_closed(which.context()); });
    plug_in_.context_closed(which.context());
}

std::future<void> application::start(process &where, process::task what, std::int32_t window) {
    const auto packaged = std::make_shared<std::packaged_task<void()>>(std::move(what));
    where.post(window, [packaged] { (*packaged)(); });
    return packaged->get_future();
}

void application::run(process &where, const process::task &what, std::int32_t window) { start(where, what, window).get(); }

std::int32_t application::open_form(process &where) {
    const std::int32_t window = ++windows_;
    run(where, [&] { where.open_window(window); });
    return window;
}

void application::close_form(process &where, std::int32_t window) {
    const auto close = [&] {
        plug_in_.context_closed(where.context());
        where.close_window(window);
    };
    run(where, close, window);
}

void application::end(process &which, process::ending how) {
    which.end(how);
    which.join();
}

void application::tell_of_end(const process &which) { plug_in_.context_closed({which.number(), 0}); }

void application::quit() { quit(process::ending::aborted); }

void application::quit_without_a_word() { quit(process::ending::lost); }

void application::quit(process::ending how) {
    if (quit_)
        return;
    // By number: what they start meanwhile ends, too.
    for (std::size_t i = 0;; i++) {
        process *next = nullptr;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            next = i < processes_.size() ? processes_[i].get() : nullptr;
        }
        if (next == nullptr)
            break;
        // The plug-in's own process looks whether it is to end; a lost one stays lost.
        if (!next->was_lost())
            end(*next, next == plug_in_process_ ? process::ending::aborted : how);
    }
    plug_in_.stop();
    quit_ = true;
}

void application::post(const host::context &where) {
    here();
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto &each : processes_)
        if (each->number() == where.process)
            each->post(where.window, [this] { plug_in_.pump(); });
}

void application::call(const host::function_ref &what, const host::object_ref &self, const host::parameters &with) {
    here();
    static_cast<const formula &>(*what).run(self, with);
}

host::object_ref application::new_object() {
    here();
    return std::make_shared<object>();
}

host::collection_ref application::new_collection() {
    here();
    return std::make_shared<collection>();
}

host::text application::json_stringify(const host::object_ref &what) {
    here();
    return stringify(what);
}

} // namespace stand_in
