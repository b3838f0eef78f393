// A stand-in for 4D: processes, forms, formulas, ON ERR CALL, and the plug-in in it. The thread that makes it is its main process.
#ifndef WS4D_PLUGIN_STAND_IN_APPLICATION_HPP
#define WS4D_PLUGIN_STAND_IN_APPLICATION_HPP

#include "../core.hpp"
#include "../host.hpp"
#include "process.hpp"
#include "values.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <mutex>

namespace stand_in {

/** How PA_NewProcess makes the plug-in's own process. */
enum class scheduling { preemptive, cooperative };

class application final : public host::services {
public:
    explicit application(scheduling of_the_plug_in = scheduling::preemptive);
    ~application() override;
    application(const application &) = delete;
    application &operator=(const application &) = delete;

    process &new_worker();
    process &new_cooperative_worker();
    /** Runs code in a process, or in a form of it; it has run when this returns. */
    void run(process &where, const process::task &what, std::int32_t window = 0);
    /** The same, but that it may still run. */
    std::future<void> start(process &where, process::task what, std::int32_t window = 0);
    std::int32_t open_form(process &where);
    void close_form(process &where, std::int32_t window);
    /** Ends a process and waits until it has ended. */
    void end(process &which, process::ending how);
    /** Tells the plug-in, from the main process, of a process that is gone. */
    void tell_of_end(const process &which);
    /** Ends all processes, then the plug-in. */
    void quit();
    /** The same, but that nobody tells the plug-in of its processes. */
    void quit_without_a_word();

    plugin::core &plug_in() { return plug_in_; }
    /** The one that the plug-in has started last. */
    process &plug_in_process() { return *plug_in_process_; }
    /** Whether the plug-in can start processes. */
    bool starts_processes = true;
    /** How many calls came from threads that are no process's. */
    int foreign_calls() const { return foreign_calls_; }

    // What the plug-in gets.
    host::context current() override { return here().context(); }
    bool preemptive() override { return here().preemptive(); }
    bool dying() override { return here().dying(); }
    void idle() override { here().idle(); }
    bool start_process(const host::text &name, std::function<void()> code) override;
    void post(const host::context &where) override;
    void call(const host::function_ref &what, const host::object_ref &self, const host::parameters &with) override;
    void raise(const host::collection_ref &errors) override { here().errors.push_back(errors); }
    host::object_ref new_object() override;
    host::collection_ref new_collection() override;
    host::text json_stringify(const host::object_ref &what) override;

private:
    process &here();
    process &add(std::mutex *cooperative_lock);
    process &new_process(std::mutex *cooperative_lock);
    void closed(process &which);
    void quit(process::ending how);

    scheduling kind_;
    std::mutex cooperative_lock_;
    std::atomic<int> foreign_calls_{0};
    std::atomic<std::int32_t> windows_{0};
    std::mutex mutex_; // over the list of processes
    std::vector<std::unique_ptr<process>> processes_;
    std::atomic<process *> plug_in_process_{nullptr};
    process main_{1, nullptr};
    plugin::core plug_in_{*this};
    bool quit_ = false;
};

} // namespace stand_in

#endif
