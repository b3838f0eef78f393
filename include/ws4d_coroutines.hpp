/*
 * ws4d_coroutines.hpp - co_await for ws4d.hpp, in C++20 and newer: one header, with nothing to link but libws4d itself
 *
 *     ws4d::task<T>      a coroutine of the program    starts when it is awaited, or given to run() or spawn()
 *     ws4d::connect()    opens a connection            co_await gives a ws4d::connection, or throws ws4d::error
 *     ws4d::connection   one connection, owned         its destructor ends it, as the destructor of ws4d::socket does
 *     ws4d::run()        runs a task to its end        on the calling thread, with the callbacks of a dispatcher
 *     ws4d::spawn()      starts a task                 that nobody awaits
 *
 * Everything belongs to the dispatcher's thread. Coroutines are resumed inside the dispatcher's calls, by the callbacks of their
 * connection, one at a time. A coroutine that waits may be destroyed by the destructor of its task, and then nothing resumes it. A
 * coroutine may destroy the connection that has just resumed it. Exceptions go to the coroutine that awaits, and never through a
 * callback. A thread must not end (pthread_exit()) inside a coroutine, because C++ has no way to unwind one.
 *
 * EXAMPLE
 *
 *     ws4d::task<> talk(ws4d::dispatcher &loop, std::string url) {
 *         ws4d::connection ws = co_await ws4d::connect(url, loop);
 *         co_await ws.send_text("hello");
 *         while (std::optional<ws4d::kept_event> message = co_await ws.receive())
 *             std::cout << message->text() << '\n';
 *     }
 *
 *     int main() {
 *         ws4d::dispatcher loop;
 *         ws4d::run(loop, talk(loop, "wss://echo.example"));
 *     }
 */

#ifndef WS4D_COROUTINES_HPP
#define WS4D_COROUTINES_HPP

#include <ws4d.hpp>

#if !defined(__cpp_impl_coroutine)
#error "ws4d_coroutines.hpp needs coroutines: C++20 or newer"
#endif

#include <algorithm>
#include <coroutine>
#include <deque>

#if defined(__GNUC__) && !defined(__clang__)
// What gcc writes for a coroutine has such zeros.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif

namespace ws4d {

template <class T = void> class task;

namespace detail {

struct promise_base;

/** Who awaits a task: in the frame of that coroutine. If either is destroyed, the other one no longer knows it. */
struct awaits_task {
    explicit awaits_task(promise_base &whom) noexcept : promise(&whom) {}
    awaits_task(const awaits_task &) = delete;
    awaits_task &operator=(const awaits_task &) = delete;
    ~awaits_task();

    promise_base *promise;
    std::coroutine_handle<> resumes;
};

/** What the promises of all tasks have in common: who awaits the task, and how it ended. */
struct promise_base {
    promise_base() noexcept = default;
    promise_base(const promise_base &) = delete;
    promise_base &operator=(const promise_base &) = delete;
    ~promise_base() {
        if (awaited_by != nullptr)
            awaited_by->promise = nullptr;
    }

    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise> std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            const awaits_task *awaits = ended.promise().awaited_by;
            return awaits != nullptr ? awaits->resumes : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { exception = std::current_exception(); }
    void rethrow() const {
        if (exception)
            std::rethrow_exception(exception);
    }

    awaits_task *awaited_by = nullptr;
    std::exception_ptr exception;
};

inline awaits_task::~awaits_task() {
    if (promise != nullptr && promise->awaited_by == this)
        promise->awaited_by = nullptr;
}

template <class T> struct promise : promise_base {
    task<T> get_return_object() noexcept;
    template <class Value> void return_value(Value &&value) { result.emplace(std::forward<Value>(value)); }
    T take() {
        rethrow();
        return std::move(*result);
    }
    std::optional<T> result;
};

template <> struct promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const { rethrow(); }
};

} // namespace detail

/**
 * A coroutine: `ws4d::task<int> f() { … co_return 1; }`. It does nothing until it is awaited, or given to run() or spawn(), out
 * of which its value or its exception comes. It is owned and can be moved. Destroying it destroys the coroutine, also while that
 * waits.
 */
template <class T> class [[nodiscard]] task {
public:
    using promise_type = detail::promise<T>;

    task(task &&other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    task &operator=(task &&other) noexcept {
        task moved(std::move(other));
        std::swap(coroutine_, moved.coroutine_);
        return *this;
    }
    ~task() {
        if (coroutine_)
            coroutine_.destroy();
    }

    /** Whether it has run to its end. */
    bool done() const noexcept { return coroutine_.done(); }

    auto operator co_await() const noexcept { return awaiter(coroutine_); }

private:
    struct awaiter : detail::awaits_task {
        explicit awaiter(std::coroutine_handle<promise_type> whole) noexcept : awaits_task(whole.promise()), task(whole) {}
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
            this->resumes = awaiting;
            task.promise().awaited_by = this;
            return task;
        }
        T await_resume() { return task.promise().take(); }
        std::coroutine_handle<promise_type> task;
    };

    friend promise_type;
    template <class U> friend U run(dispatcher &on, task<U> whole);

    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <class T> task<T> promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<promise>::from_promise(*this));
}
inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<promise>::from_promise(*this));
}

/** What spawn() starts: it frees itself at its end. */
struct spawned {
    struct promise_type {
        spawned get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };
};
inline spawned start(task<> whole, std::function<void(std::exception_ptr)> on_exception) {
    std::exception_ptr exception;
    try {
        co_await std::move(whole);
    } catch (...) {
        exception = std::current_exception();
    }
    if (exception && !on_exception)
        std::terminate();
    if (exception)
        on_exception(exception);
}

} // namespace detail

/**
 * Starts a task and dispatches until the task has ended. It returns the task's value, or throws its exception. It may be called
 * on the dispatcher's thread only. dispatcher::stop() ends it: the task is destroyed where it waits, and WS_ERR_CANCELLED is
 * thrown.
 */
template <class T> T run(dispatcher &on, task<T> whole) {
    const unsigned stops = on.stops();
    whole.coroutine_.resume();
    while (!whole.done()) {
        const bool went_on = on.wait() > 0 && on.stops() == stops;
        if (!went_on && !whole.done())
            detail::raise(error(WS_ERR_CANCELLED));
    }
    return whole.coroutine_.promise().take();
}

/**
 * Starts a task that nobody awaits. It frees itself when it ends. An exception out of it is given to `on_exception`, on the
 * dispatcher's thread. Without that function it ends the process, as an exception out of a std::thread does.
 */
inline void spawn(task<> whole, std::function<void(std::exception_ptr)> on_exception = {}) {
    detail::start(std::move(whole), std::move(on_exception));
}

namespace detail {

/** What a connection shares with its callbacks. Each list has those that wait, in their order. */
struct conversation {
    /** A coroutine that waits. It leaves the list when it is destroyed. */
    struct waiter {
        explicit waiter(std::shared_ptr<conversation> whole) noexcept : all(std::move(whole)) {}
        waiter(const waiter &) = delete;
        waiter &operator=(const waiter &) = delete;
        ~waiter() {
            if (in != nullptr)
                in->erase(std::find(in->begin(), in->end(), this));
        }
        void wait_in(std::deque<waiter *> &list, std::coroutine_handle<> coroutine) {
            in = &list;
            resumes = coroutine;
            list.push_back(this);
        }

        std::shared_ptr<conversation> all;
        std::deque<waiter *> *in = nullptr;
        std::coroutine_handle<> resumes;
        /** Of one that sends: tries again; whether that is over, well or not. */
        bool (*again)(waiter &) = nullptr;
    };

    /** Resumes the first one; it may do anything, also destroy what holds this. */
    static void resume_first(std::deque<waiter *> &list) {
        waiter &first = *list.front();
        list.pop_front();
        first.in = nullptr;
        first.resumes.resume();
    }
    static void resume_all(std::deque<waiter *> &list) {
        // Those that wait again stand behind.
        for (std::size_t count = list.size(); count > 0 && !list.empty(); count--)
            resume_first(list);
    }
    void drained() {
        while (!senders.empty() && senders.front()->again(*senders.front()))
            resume_first(senders);
    }
    void ended() {
        over = true;
        resume_all(openers);
        resume_all(receivers);
        while (!senders.empty()) {
            senders.front()->again(*senders.front());
            resume_first(senders);
        }
        resume_all(closers);
    }

    socket_ref ws;
    bool open = false, over = false, paused = false;
    /** Messages that nobody has taken; the server is held back above `most` of them. */
    std::deque<kept_event> messages;
    std::size_t most = 64;
    std::optional<ws4d::error> failure;
    int code = 0;
    std::string reason;
    std::deque<waiter *> openers, receivers, senders, closers;
};

/** Waits until a condition holds, in one of the lists. */
template <class Result> struct condition_awaiter : conversation::waiter {
    using ready_function = bool (*)(const conversation &);
    using result_function = Result (*)(conversation &);
    condition_awaiter(std::shared_ptr<conversation> c, std::deque<waiter *> &in_list, ready_function when, result_function what)
        : waiter(std::move(c)), list(in_list), ready(when), result(what) {}
    bool await_ready() const { return ready(*all); }
    void await_suspend(std::coroutine_handle<> coroutine) { wait_in(list, coroutine); }
    Result await_resume() { return result(*all); }

    std::deque<waiter *> &list;
    ready_function ready;
    result_function result;
};

/** Sends once there is room, behind those that wait for it already. */
template <class Send> struct send_awaiter : conversation::waiter {
    send_awaiter(std::shared_ptr<conversation> c, Send how) : waiter(std::move(c)), send(std::move(how)) {
        again = [](waiter &self) { return static_cast<send_awaiter &>(self).attempt(); };
    }
    bool attempt() {
        sent = send(all->ws).code();
        return sent != WS_ERR_WOULD_BLOCK;
    }
    bool await_ready() { return all->senders.empty() && attempt(); }
    void await_suspend(std::coroutine_handle<> coroutine) { wait_in(all->senders, coroutine); }
    void await_resume() const {
        if (sent != WS_OK)
            raise(sent == WS_ERR_CLOSED && all->failure ? *all->failure : ws4d::error(sent));
    }

    Send send;
    ws_result sent = WS_OK;
};

} // namespace detail

/**
 * A connection whose functions are awaited. connect() gives one. It is owned and can be moved. Several coroutines may await each
 * function at the same time, and are served in their order. The bytes of a message must live until co_await has come back.
 */
class connection {
public:
    connection(connection &&) noexcept = default;
    /** What it was before is destroyed first. */
    connection &operator=(connection &&other) noexcept {
        connection moved(std::move(other));
        std::swap(shared_, moved.shared_);
        std::swap(socket_, moved.socket_);
        return *this;
    }
    /** Ends it, as the destructor of ws4d::socket does, and resumes the coroutines that wait for it: receive() gives no message. */
    ~connection() {
        if (shared_ == nullptr)
            return;
        const std::shared_ptr<detail::conversation> shared = shared_;
        socket_ = socket();
        if (!shared->over)
            shared->ended();
    }

    /**
     * Gives the next message, which is owned. It gives none once the connection has ended; code() and reason() then say how. If
     * the connection broke, all messages come first, and then the error is thrown. While 64 messages wait, the server is held back.
     */
    auto receive() {
        return detail::condition_awaiter<std::optional<kept_event>>(
            shared_, shared_->receivers, [](const detail::conversation &c) { return (!c.messages.empty() && c.receivers.empty()) || c.over; },
            [](detail::conversation &c) -> std::optional<kept_event> {
                if (c.messages.empty()) {
                    if (c.failure)
                        detail::raise(*c.failure);
                    return std::nullopt;
                }
                kept_event first = std::move(c.messages.front());
                c.messages.pop_front();
                if (c.paused && c.messages.size() <= c.most / 2) {
                    c.paused = false;
                    static_cast<void>(c.ws.try_resume());
                }
                return first;
            });
    }
    /** Sends a message. If the send buffer is full, it waits for room. The errors are those of socket_ref. */
    auto send_text(std::string_view utf8, std::uint32_t flags = 0) {
        return sending([=](socket_ref ws) { return ws.try_send_text(utf8, flags); });
    }
    auto send_blob(bytes_view bytes, std::uint32_t flags = 0) {
        return sending([=](socket_ref ws) { return ws.try_send_blob(bytes, flags); });
    }
    auto send_object(std::string_view json, std::uint32_t flags = 0) {
        return sending([=](socket_ref ws) { return ws.try_send_object(json, flags); });
    }
    /** Begins the closing handshake and waits until the connection has ended. Messages may still be received meanwhile. */
    auto close(std::int32_t code = 1000, const std::string &reason = {}) {
        if (!shared_->over)
            socket_.terminate(code, reason);
        shared_->most = std::numeric_limits<std::size_t>::max();
        if (std::exchange(shared_->paused, false))
            static_cast<void>(socket_.try_resume());
        return detail::condition_awaiter<void>(
            shared_, shared_->closers, [](const detail::conversation &c) { return c.over; }, [](detail::conversation &) {});
    }

    /** How many messages nobody has received yet. */
    std::size_t waiting() const noexcept { return shared_->messages.size(); }
    bool is_over() const noexcept { return shared_->over; }
    /** The code and the reason with which it ended, as event::code() has them; 0 and "" before. */
    int code() const noexcept { return shared_->code; }
    const std::string &reason() const noexcept { return shared_->reason; }
    /** The socket, for everything else that it can do. */
    socket_ref ref() const noexcept { return socket_; }

private:
    friend task<connection> connect(std::string_view url, dispatcher &on, const options &how);

    connection(std::string_view url, dispatcher &on, const options &how) : shared_(std::make_shared<detail::conversation>()) {
        handlers callbacks;
        const std::shared_ptr<detail::conversation> c = shared_;
        callbacks.on_open = [c] {
            c->open = true;
            detail::conversation::resume_all(c->openers);
        };
        callbacks.on_message = [c](socket_ref ws, const event &message) {
            c->messages.push_back(message.retain());
            if (!c->receivers.empty())
                detail::conversation::resume_first(c->receivers);
            else if (c->messages.size() >= c->most && !c->paused)
                c->paused = ws.try_pause().has_value();
        };
        callbacks.on_drain = [c] { c->drained(); };
        callbacks.on_error = [c](const event &e) { c->failure = e.error(); };
        callbacks.on_terminate = [c](const event &e) {
            c->code = e.code();
            c->reason = e.reason();
            c->ended();
        };
        socket_ = socket::open_async(url, on, std::move(callbacks), how);
        shared_->ws = socket_;
    }
    static task<connection> opened(connection ws) {
        co_await detail::condition_awaiter<void>(
            ws.shared_, ws.shared_->openers, [](const detail::conversation &c) { return c.open || c.over; },
            [](detail::conversation &c) {
                if (!c.open)
                    detail::raise(c.failure ? *c.failure : error(WS_ERR_CANCELLED));
            });
        co_return ws;
    }
    template <class Send> detail::send_awaiter<Send> sending(Send send) { return {shared_, std::move(send)}; }

    std::shared_ptr<detail::conversation> shared_;
    socket socket_;
};

/**
 * Opens a connection. `co_await connect(url, loop)` comes back once the connection is open, or throws why it could not be made. The
 * attempt begins with the call, not with co_await; the call itself throws if no attempt can be made (WS_ERR_INVALID_URL).
 */
inline task<connection> connect(std::string_view url, dispatcher &on, const options &how = options::defaults()) {
    return connection::opened(connection(url, on, how));
}

} // namespace ws4d

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif // WS4D_COROUTINES_HPP
