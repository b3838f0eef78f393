/*
 * ws4d.hpp - libws4d for C++17 and newer: one header on top of ws4d.h, with nothing to link but libws4d itself
 *
 * OBJECTS
 *
 *     ws4d::socket       one connection             an owner: its destructor ends it, and no callback runs any more
 *     ws4d::dispatcher   where callbacks run        an owner: its destructor ends it and all its sockets
 *     ws4d::reconnector  one that reconnects        an owner, like a socket
 *     ws4d::options      how to connect             an owner; sockets keep a copy of their own
 *     ws4d::handlers     the callbacks, as lambdas  moved into the socket; a class derives from ws4d::handler instead
 *     ws4d::socket_ref   a socket, not owned        a token: copy it freely; a stale one is WS_ERR_INVALID_HANDLE
 *     ws4d::event        what happened              a view, until its callback returns; event::retain() makes it last
 *     ws4d::json         a JSON value in an event   a view that lives as long as its event
 *     ws4d::error        why a call failed          an exception, and a plain value; owns everything that it tells
 *     ws4d::result<T>    a value, or an error       what the functions that begin with try_ return
 *
 * The owners can be moved, but not copied. An owner that was moved from is empty: its calls are WS_ERR_INVALID_HANDLE.
 * ws4d.h says what each function does to the connection, and what each option means; this header says what C++ adds.
 * get() returns the C handle of each object, for everything that has no name here. ws_set_log() and
 * ws_set_error_handler() stay C functions, because they belong to the whole program.
 *
 * ERRORS
 *
 * A function that can fail throws ws4d::error. Its twin that begins with try_ returns a ws4d::result instead, and
 * throws nothing of the library (if there is no memory, both throw std::bad_alloc). The results are those of the C
 * function. Options that are made with std::nothrow remember their first failure instead of throwing it. Functions that
 * only read return a neutral value for an empty or stale handle. Without exceptions (-fno-exceptions), a function that
 * would throw ends the process: use the twins.
 *
 * EXCEPTIONS IN CALLBACKS
 *
 * An exception never passes through C. If the socket has a dispatcher, the exception comes out of the innermost call of
 * that dispatcher: dispatch(), wait(), run(), next(), next_batch() or close(). The events after it wait for the next
 * call. An exception of the on_open of a blocking socket comes out of the constructor, with the socket closed.
 * Sometimes there is no such call: the socket has no dispatcher, so that its callbacks run on an I/O thread; a
 * destructor runs the callback; or the C function ws_dispatcher_dispatch() was called. The exception then goes to
 * `on_exception` or, if there is none, to std::terminate(). If there are several exceptions in one call, the first one
 * comes out. The end of a thread inside a callback (pthread_exit(), abi::__forced_unwind) is not an exception, and is
 * passed on.
 *
 * THREADS
 *
 * The rules are those of C. Any thread may call every function of a socket, a reconnector and options. A dispatcher
 * belongs to one thread; its functions say which of them other threads may call. As usual in C++, an object must not be
 * moved, assigned or destroyed while another thread calls it. A socket_ref is a value of its own, and any thread may
 * use it at any time.
 *
 * EXAMPLE
 *
 *     #include <iostream>
 *     #include <ws4d.hpp>
 *
 *     int main(int argc, char **argv) try {
 *         ws4d::dispatcher loop;
 *         ws4d::handlers handlers;
 *         handlers.on_message = [](ws4d::socket_ref ws, const ws4d::event &message) {
 *             std::cout << message.text() << '\n';
 *             ws.terminate(1000, "bye");
 *         };
 *         ws4d::socket ws(argc > 1 ? argv[1] : "wss://echo.example", loop, std::move(handlers));
 *         ws.send_text("hello");
 *         loop.run();
 *     } catch (const ws4d::error &error) {
 *         for (const ws4d::error_entry &entry : error.entries())
 *             std::cerr << entry.message << '\n';
 *         return 1;
 *     }
 */

#ifndef WS4D_HPP
#define WS4D_HPP

#include <ws4d.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif
#if defined(__cpp_lib_span)
#include <span>
#endif
#if defined(__cpp_exceptions) && defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace ws4d {

/**
 * Stands for a time-out: wait for ever. A negative time counts as over, so that the rest of a deadline can be passed as
 * it is.
 */
inline constexpr std::chrono::milliseconds no_timeout = std::chrono::milliseconds::max();

/**
 * A view of bytes that belong to somebody else: a pointer and a length. Everything that has data() and size() of bytes
 * converts to it (std::string, std::vector, std::array, std::span). In C++20 it converts to std::span<const std::byte>.
 */
class bytes_view {
public:
    using value_type = std::byte;
    using iterator = const std::byte *;
    using const_iterator = iterator;

    constexpr bytes_view() noexcept = default;
    bytes_view(const void *data, std::size_t size) noexcept : data_(static_cast<const std::byte *>(data)), size_(size) {}
    template <class Container, class Value = std::remove_pointer_t<decltype(std::declval<const Container &>().data())>,
              class = std::enable_if_t<sizeof(Value) == 1 && std::is_trivially_copyable_v<Value> &&
                                       std::is_convertible_v<decltype(std::declval<const Container &>().size()), std::size_t>>>
    bytes_view(const Container &bytes) noexcept : bytes_view(bytes.data(), bytes.size()) {}

    constexpr const std::byte *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const std::byte *begin() const noexcept { return data_; }
    constexpr const std::byte *end() const noexcept { return data_ + size_; }
    constexpr const std::byte &operator[](std::size_t i) const { return data_[i]; }
#if defined(__cpp_lib_span)
    constexpr operator std::span<const std::byte>() const noexcept { return {data_, size_}; }
#endif

private:
    const std::byte *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Returns the name of a value as it is written in ws4d.h, or the word for it. It lives for ever. */
inline std::string_view name(ws_result result) noexcept { return ws_result_name(result); }
inline std::string_view name(ws_status status) noexcept { return ws_status_name(status); }
inline std::string_view name(ws_data_type type) noexcept { return ws_data_type_name(type); }
inline std::string_view name(ws_event_type type) noexcept { return ws_event_type_name(type); }
inline std::string_view name(ws_json_kind kind) noexcept { return ws_json_kind_name(kind); }
inline std::string_view name(ws_stage stage) noexcept { return ws_stage_name(stage); }
inline std::string_view name(ws_reconnect_end end) noexcept { return ws_reconnect_end_name(end); }
inline std::string_view name(ws_log_level level) noexcept { return ws_log_level_name(level); }
/** Returns the meaning of a result in a few English words. It lives for ever. */
inline std::string_view message(ws_result result) noexcept { return ws_result_message(result); }

class error;
class options;
class socket;
class reconnector;

namespace detail {

inline std::string_view text(const char *c) noexcept { return c != nullptr ? std::string_view(c) : std::string_view(); }

inline std::optional<std::string_view> maybe(const char *c) noexcept {
    return c != nullptr ? std::optional<std::string_view>(c) : std::nullopt;
}

inline std::u16string_view utf16(const std::uint16_t *units, std::size_t count) noexcept {
    return {reinterpret_cast<const char16_t *>(units), count};
}

inline const std::uint16_t *units(std::u16string_view text) noexcept {
    return reinterpret_cast<const std::uint16_t *>(text.data());
}

/** A time-out as the C functions take it: milliseconds, -1 for ever. */
inline std::int32_t timeout(std::chrono::milliseconds time) noexcept {
    if (time == no_timeout)
        return -1;
    constexpr std::chrono::milliseconds::rep most = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(time.count() < 0 ? 0 : time.count() < most ? time.count() : most);
}

/** A time as an option or a policy takes it; nothing if it is negative or too long. */
template <class Duration> std::optional<std::uint32_t> span_of(Duration time) noexcept {
    if (time.count() < 0 || time.count() > std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(time.count());
}

template <class Error> [[noreturn]] void raise(const Error &error) {
#if defined(__cpp_exceptions)
    throw error;
#else
    static_cast<void>(error);
    std::terminate();
#endif
}

/**
 * Calls `act`, and passes an exception to `caught` inside the catch block. It is not noexcept, because the end of a
 * thread has to pass through it, as C expects.
 */
template <class Act, class Caught> void protect(Act &&act, Caught &&caught) {
#if defined(__cpp_exceptions)
    try {
        act();
    }
#if defined(__GLIBCXX__)
    catch (abi::__forced_unwind &) {
        throw;
    }
#endif
    catch (...) {
        caught();
    }
#else
    static_cast<void>(caught);
    act();
#endif
}

} // namespace detail

// ---------------------------------------------------------------------------------------------------------------- errors

/** One entry of an error stack. */
struct error_entry {
    /** The code. The code of the first entry is the one to act on. */
    ws_result code = WS_OK;
    /**
     * The part of the library that the entry comes from, in four letters: `sock`, `dns `, `tcp `, `tls `, `http`,
     * `prox`, `ws  ` or `json`; `c++ ` for this header.
     */
    std::string component;
    /**
     * What was attempted, on what, what came back, and what to do. It is English, written for people, and contains no
     * secret.
     */
    std::string message;
};

/**
 * A view of an error stack. It lives as long as what it was read from: an event, or the call of an error handler. Entry
 * 0 is the one to act on, the others are its details. To keep the stack, make a ws4d::error of it.
 */
class errors {
public:
    errors() noexcept = default;
    explicit errors(const ws_errors *stack) noexcept : stack_(stack) {}

    /** The number of entries; 0 if there is no error. */
    std::size_t size() const noexcept { return ws_errors_count(stack_); }
    bool empty() const noexcept { return size() == 0; }
    /** The code of an entry; WS_OK if there is no such entry. */
    ws_result code(std::size_t i = 0) const noexcept { return ws_errors_code(stack_, i); }
    /** The message of an entry; empty if there is no such entry. */
    std::string_view message(std::size_t i = 0) const noexcept { return detail::text(ws_errors_message(stack_, i)); }
    /** The component of an entry, four letters; empty if there is no such entry. */
    std::string_view component(std::size_t i = 0) const noexcept { return detail::text(ws_errors_component(stack_, i)); }
    /** The operating system's error number (errno); 0 if there is none. */
    std::int32_t os_code() const noexcept { return ws_errors_os_code(stack_); }
    /** The HTTP status of a server's answer that was not 101; 0 if there is none. */
    std::int32_t http_status() const noexcept { return ws_errors_http_status(stack_); }
    /** The i-th header of that name in this answer. */
    std::optional<std::string_view> http_header(const char *name, std::size_t i = 0) const noexcept {
        return detail::maybe(ws_errors_http_header(stack_, name, i));
    }
    /** The body of this answer, at most its first 64 KiB. */
    bytes_view http_body() const noexcept {
        std::size_t size = 0;
        const void *body = ws_errors_http_body(stack_, &size);
        return {body, size};
    }
    /** A copy of the entries. */
    std::vector<error_entry> entries() const {
        std::vector<error_entry> copy;
        for (std::size_t i = 0; i < size(); i++)
            copy.push_back({code(i), std::string(component(i)), std::string(message(i))});
        return copy;
    }
    const ws_errors *get() const noexcept { return stack_; }

private:
    const ws_errors *stack_ = nullptr;
};

/**
 * Why a call failed. It owns everything that it tells. Copies share it, and any thread may read it. what() is the
 * message of the first entry.
 */
class error : public std::runtime_error {
public:
    /** A result alone, with its short message. `code` must not be WS_OK. */
    explicit error(ws_result code) : error(code, std::string(ws4d::message(code))) {}
    /** A result with a message of the caller. */
    error(ws_result code, const std::string &message)
        : std::runtime_error(message), told_(std::make_shared<told>(told{{{code, "c++ ", message}}, 0, 0, {}, {}})) {}
    /**
     * A copy of an error stack that is not empty. `owner` keeps the stack alive; without it, http_header() and
     * http_body() are empty.
     */
    explicit error(const ws4d::errors &stack, std::shared_ptr<const void> owner = nullptr)
        : std::runtime_error(std::string(stack.message())),
          told_(std::make_shared<told>(told{stack.entries(), stack.os_code(), stack.http_status(), stack, std::move(owner)})) {}

    ws_result code() const noexcept { return told_->entries.front().code; }
    /** The entries: at least one, and the first is the one to act on. */
    const std::vector<error_entry> &entries() const noexcept { return told_->entries; }
    /** The same as those of ws4d::errors. */
    std::int32_t os_code() const noexcept { return told_->os_code; }
    std::int32_t http_status() const noexcept { return told_->http_status; }
    std::optional<std::string_view> http_header(const char *name, std::size_t i = 0) const noexcept {
        return stack().http_header(name, i);
    }
    bytes_view http_body() const noexcept { return stack().http_body(); }

private:
    struct told {
        std::vector<error_entry> entries;
        std::int32_t os_code;
        std::int32_t http_status;
        ws4d::errors stack;
        std::shared_ptr<const void> owner;
    };
    ws4d::errors stack() const noexcept { return told_->owner != nullptr ? told_->stack : ws4d::errors(); }

    std::shared_ptr<const told> told_;
};

/** A value, or the reason why there is none. It owns both. */
template <class T = void> class [[nodiscard]] result {
public:
    result(T value) : told_(std::in_place_index<0>, std::move(value)) {}
    result(ws4d::error error) : told_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return told_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    /** WS_OK if there is a value. */
    ws_result code() const noexcept { return has_value() ? WS_OK : error().code(); }
    /** Why there is no value. Call it only if has_value() is false. */
    const ws4d::error &error() const noexcept { return *std::get_if<1>(&told_); }
    /** The value. It throws error() if there is none. */
    T &value() & { return checked(), *std::get_if<0>(&told_); }
    const T &value() const & { return checked(), *std::get_if<0>(&told_); }
    T value() && { return checked(), std::move(*std::get_if<0>(&told_)); }
    /** The value. Use it only if has_value() is true. */
    T &operator*() noexcept { return *std::get_if<0>(&told_); }
    const T &operator*() const noexcept { return *std::get_if<0>(&told_); }
    T *operator->() noexcept { return std::get_if<0>(&told_); }
    const T *operator->() const noexcept { return std::get_if<0>(&told_); }

private:
    void checked() const {
        if (!has_value())
            detail::raise(error());
    }

    std::variant<T, ws4d::error> told_;
};

/** Success, or the code of an error. It is as large as an int. */
template <> class [[nodiscard]] result<void> {
public:
    result(ws_result code) noexcept : code_(code) {}

    bool has_value() const noexcept { return code_ == WS_OK; }
    explicit operator bool() const noexcept { return has_value(); }
    ws_result code() const noexcept { return code_; }
    /** The code in a few words, which live for ever. */
    std::string_view message() const noexcept { return ws4d::message(code_); }
    ws4d::error error() const { return ws4d::error(code_); }
    /** Throws unless it is a success. */
    void value() const {
        if (!has_value())
            detail::raise(error());
    }

private:
    ws_result code_;
};

// ---------------------------------------------------------------------------------------------------------------- events

class json;
struct json_member;

namespace detail {

template <class From, class Value> class index_iterator;
struct json_items;

} // namespace detail

/**
 * A view of a JSON value. It lives as long as the event that the value is in. What does not exist (a missing member, an
 * index beyond the end, a member of something that is not an object) is an empty view with neutral answers, so
 * `message.json()["a"][0]["b"]` is always safe. Any thread may use it.
 */
class json {
public:
    using iterator = detail::index_iterator<detail::json_items, json>;
    class member_range;

    json() noexcept = default;
    explicit json(const ws_json *value) noexcept : value_(value) {}

    /** Whether there is a value; `null` is one. */
    bool exists() const noexcept { return value_ != nullptr; }
    ws_json_kind kind() const noexcept { return ws_json_get_kind(value_); }
    bool is_null() const noexcept { return exists() && kind() == WS_JSON_KIND_NULL; }
    bool is_bool() const noexcept { return kind() == WS_JSON_KIND_BOOL; }
    bool is_number() const noexcept { return kind() == WS_JSON_KIND_NUMBER; }
    bool is_string() const noexcept { return kind() == WS_JSON_KIND_STRING; }
    bool is_array() const noexcept { return kind() == WS_JSON_KIND_ARRAY; }
    bool is_object() const noexcept { return kind() == WS_JSON_KIND_OBJECT; }
    /** The number of items of an array, of members of an object, or of bytes of a string; otherwise 0. */
    std::size_t size() const noexcept { return ws_json_length(value_); }

    /** A member of an object; if several have the same key, the last one. A key with a NUL in it is not found. */
    json operator[](const char *key) const noexcept { return json(ws_json_member(value_, key)); }
    json operator[](std::string_view key) const {
        return key.find('\0') == key.npos ? (*this)[std::string(key).c_str()] : json();
    }
    /** The i-th item of an array, counted from 0. */
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>> json operator[](Index i) const noexcept {
        return json(ws_json_item(value_, static_cast<std::size_t>(i)));
    }

    /** The value, or `otherwise` if it is of another kind. */
    bool as_bool(bool otherwise = false) const noexcept { return ws_json_bool(value_, otherwise ? 1 : 0) != 0; }
    double as_number(double otherwise = 0) const noexcept { return ws_json_number(value_, otherwise); }
    /** An integer, exactly. It is `otherwise` also for a fraction, and for a number that an int64_t cannot hold. */
    std::int64_t as_int(std::int64_t otherwise = 0) const noexcept { return ws_json_int64(value_, otherwise); }
    /** UTF-8 with its escapes resolved, followed by a NUL. */
    std::string_view as_string(std::string_view otherwise = {}) const noexcept {
        std::size_t size = 0;
        const char *string = ws_json_string(value_, &size);
        return string != nullptr ? std::string_view(string, size) : otherwise;
    }
    std::u16string_view as_u16string(std::u16string_view otherwise = {}) const noexcept {
        std::size_t size = 0;
        const std::uint16_t *string = ws_json_string_utf16(value_, &size);
        return string != nullptr ? detail::utf16(string, size) : otherwise;
    }
    /** Any value as JSON text; empty if there is no value. */
    std::string_view text() const noexcept {
        std::size_t size = 0;
        const char *text = ws_json_text(value_, &size);
        return text != nullptr ? std::string_view(text, size) : std::string_view();
    }

    /** The items of an array: `for (ws4d::json item : value)`. Any other value has none. */
    iterator begin() const noexcept;
    iterator end() const noexcept;
    /** The members of an object, in the order of the text: `for (auto [key, value] : object.members())`. */
    member_range members() const noexcept;

    const ws_json *get() const noexcept { return value_; }

private:
    const ws_json *value_ = nullptr;
};

/** A member of a JSON object. Key and value live as long as the event. */
struct json_member {
    std::string_view key;
    json value;
};

namespace detail {

/** Iterates over something that returns its i-th element. */
template <class From, class Value> class index_iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Value;

    index_iterator() noexcept = default;
    index_iterator(From from, std::size_t i) noexcept : from_(from), i_(i) {}
    Value operator*() const noexcept { return from_.at(i_); }
    index_iterator &operator++() noexcept { return i_++, *this; }
    index_iterator operator++(int) noexcept { return {from_, i_++}; }
    friend bool operator==(const index_iterator &a, const index_iterator &b) noexcept { return a.i_ == b.i_; }
    friend bool operator!=(const index_iterator &a, const index_iterator &b) noexcept { return a.i_ != b.i_; }

private:
    From from_;
    std::size_t i_ = 0;
};

struct json_items {
    const ws_json *array = nullptr;
    json at(std::size_t i) const noexcept { return json(ws_json_item(array, i)); }
};

struct json_members {
    const ws_json *object = nullptr;
    json_member at(std::size_t i) const noexcept {
        const ws_json *value = nullptr;
        const char *key = ws_json_key(object, i, &value);
        return {text(key), json(value)};
    }
};

} // namespace detail

class json::member_range {
public:
    using iterator = detail::index_iterator<detail::json_members, json_member>;

    explicit member_range(const ws_json *object) noexcept : object_{object} {}
    std::size_t size() const noexcept { return json(object_.object).is_object() ? ws_json_length(object_.object) : 0; }
    iterator begin() const noexcept { return {object_, 0}; }
    iterator end() const noexcept { return {object_, size()}; }

private:
    detail::json_members object_;
};

inline json::iterator json::begin() const noexcept { return {detail::json_items{value_}, 0}; }
inline json::iterator json::end() const noexcept { return {detail::json_items{value_}, is_array() ? size() : 0}; }
inline json::member_range json::members() const noexcept { return member_range(value_); }

class kept_event;

/**
 * A view of what happened. It is valid until the callback that was given it returns, and so are the texts, bytes and
 * JSON values that were read from it. retain() makes an event that lives longer. Any thread may read it.
 */
class event {
public:
    event() noexcept = default;
    explicit event(const ws_event *e) noexcept : event_(e) {}

    ws_event_type type() const noexcept { return ws_event_get_type(event_); }
    /** The form in which a message has arrived. */
    ws_data_type data_type() const noexcept { return ws_event_data_type(event_); }
    /** The data as bytes: of a message what has arrived, of a pong the payload of the ping, of an end its reason. */
    bytes_view bytes() const noexcept {
        std::size_t size = 0;
        const void *data = ws_event_data(event_, &size);
        return {data, size};
    }
    /** The same as text: UTF-8, unless it is a blob. A text is followed by a NUL, and may contain one. */
    std::string_view text() const noexcept {
        const bytes_view data = bytes();
        return {reinterpret_cast<const char *>(data.data()), data.size()};
    }
    /** The text as UTF-16; empty for a blob. */
    std::u16string_view u16text() const noexcept {
        std::size_t size = 0;
        const std::uint16_t *units = ws_event_data_utf16(event_, &size);
        return detail::utf16(units, size);
    }
    /**
     * The JSON value of a message, if the option `data_type` is WS_DATA_TYPE_OBJECT; empty for a text that is not JSON.
     */
    ws4d::json json() const noexcept { return ws4d::json(ws_event_json(event_)); }
    /** Why the connection could not be made, or broke; empty unless the event is a WS_EVENT_TYPE_ERROR. */
    ws4d::errors errors() const noexcept { return ws4d::errors(ws_event_errors(event_)); }
    /** The same as a value that can be kept. For another event it is WS_ERR_INVALID_ARGUMENT. */
    ws4d::error error() const;
    /**
     * For an end, the code of the server's close frame: 1005 if it had none, 1006 if no close frame came. Otherwise 0.
     */
    std::uint16_t code() const noexcept { return ws_event_code(event_); }
    /** For an end, its reason. */
    std::string_view reason() const noexcept {
        return type() == WS_EVENT_TYPE_TERMINATE ? text() : std::string_view();
    }
    /**
     * For a part, the byte of its message at which it begins, and whether it is the last one; see options::part_size().
     */
    std::uint64_t part_offset() const noexcept { return ws_event_part_offset(event_); }
    bool part_last() const noexcept { return ws_event_part_last(event_) != 0; }
    /**
     * When the event arrived, by the machine's clock: the time of the read that brought it. The beginning of 1970 if
     * there is no such time.
     */
    std::chrono::system_clock::time_point time() const noexcept {
        return std::chrono::system_clock::time_point(std::chrono::microseconds(ws_event_time_us(event_)));
    }
    /** For an end, whether a close frame was both sent and received. */
    bool was_clean() const noexcept { return ws_event_was_clean(event_) != 0; }
    /** Makes an event that outlives the callback and the socket. It throws std::bad_alloc if there is no memory. */
    kept_event retain() const;
    const ws_event *get() const noexcept { return event_; }

protected:
    const ws_event *event_ = nullptr;
};

/** An event that is owned: one that was retained or pulled. It can be moved, not copied. Any thread may read it. */
class kept_event : public event {
public:
    kept_event() noexcept = default;
    /** Takes over an event of ws_event_retain() or ws_dispatcher_next(). */
    explicit kept_event(ws_event *e) noexcept : event(e), owned_(e) {}
    kept_event(kept_event &&other) noexcept : kept_event(std::exchange(other.owned_, nullptr)) { other.event_ = nullptr; }
    kept_event &operator=(kept_event &&other) noexcept {
        kept_event moved(std::move(other));
        std::swap(owned_, moved.owned_);
        std::swap(event_, moved.event_);
        return *this;
    }
    ~kept_event() { ws_event_free(owned_); }

private:
    ws_event *owned_ = nullptr;
};

inline kept_event event::retain() const {
    ws_event *kept = ws_event_retain(event_);
    if (kept == nullptr && event_ != nullptr)
        detail::raise(std::bad_alloc());
    return kept_event(kept);
}

inline ws4d::error event::error() const {
    if (errors().empty())
        return ws4d::error(WS_ERR_INVALID_ARGUMENT);
    auto kept = std::make_shared<const kept_event>(retain());
    return ws4d::error(kept->errors(), kept);
}

// --------------------------------------------------------------------------------------------------------------- options

/** Prepares a new stream socket before it connects. It returns 0, or an errno. See options::socket_fn(). */
using socket_function = std::function<std::int32_t(std::intptr_t fd, std::string_view address)>;

/**
 * How to connect. Options are owned and can be moved; a socket copies them, so they need not live longer than the call.
 * ws4d.h says what each option means and what its default is: `connect_timeout` is ws_options_set_connect_timeout_ms()
 * there.
 *
 * Setters return the options, so that they can be chained. A setter that fails changes nothing and throws ws4d::error,
 * whose message says which setter it was, which value it was given, and what is wrong with it. Options that are made
 * with std::nothrow remember the first failure instead: first_error() returns it, and no socket can be made with them.
 *
 * Texts are UTF-8, and copied; a text that contains a NUL is WS_ERR_INVALID_ARGUMENT. Times are of std::chrono; a time
 * that is negative, or above 2^32-1 in the units of the option, is WS_ERR_INVALID_ARGUMENT. Any thread may use them.
 */
class options {
public:
    options() : options(ws_options_new(), true) {
        if (handle_ == nullptr)
            detail::raise(ws4d::error(WS_ERR_OUT_OF_MEMORY));
    }
    /** Options whose setters do not throw. */
    explicit options(std::nothrow_t) : options(ws_options_new(), true) {
        throws_ = false;
        if (handle_ == nullptr)
            first_error_.emplace(WS_ERR_OUT_OF_MEMORY);
    }
    options(options &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), owned_(other.owned_), throws_(other.throws_),
          first_error_(std::move(other.first_error_)), socket_fn_(std::move(other.socket_fn_)) {}
    options &operator=(options &&other) noexcept {
        options moved(std::move(other));
        std::swap(handle_, moved.handle_);
        std::swap(owned_, moved.owned_);
        std::swap(throws_, moved.throws_);
        std::swap(first_error_, moved.first_error_);
        std::swap(socket_fn_, moved.socket_fn_);
        return *this;
    }
    ~options() {
        if (owned_ && handle_ != nullptr)
            ws_options_free(handle_);
    }
    /** The defaults, which a socket without options has. */
    static const options &defaults() noexcept {
        static const options none(nullptr, false);
        return none;
    }

    /** The failure of the first setter that failed, for options that were made with std::nothrow. */
    const std::optional<ws4d::error> &first_error() const noexcept { return first_error_; }
    ws_options *get() const noexcept { return handle_; }

    // Messages
    options &data_type(ws_data_type type) { return set(ws_options_set_data_type(handle_, type)); }
    options &strict_json(bool on = true) { return set(ws_options_set_strict_json(handle_, on)); }
    options &max_message_size(std::size_t bytes) { return set(ws_options_set_max_message_size(handle_, bytes)); }
    options &part_size(std::size_t bytes) { return set(ws_options_set_part_size(handle_, bytes)); }
    options &frame_size(std::size_t bytes) { return set(ws_options_set_frame_size(handle_, bytes)); }
    options &validate_utf8(bool on) { return set(ws_options_set_validate_utf8(handle_, on)); }
    options &send_buffer_size(std::size_t bytes) { return set(ws_options_set_send_buffer_size(handle_, bytes)); }
    options &receive_buffer_size(std::size_t bytes) { return set(ws_options_set_receive_buffer_size(handle_, bytes)); }

    // The opening handshake
    options &header(std::string_view name, std::string_view value) { return with(ws_options_set_header, name, value); }
    options &cookie(std::string_view cookies) { return with(ws_options_set_cookie, cookies); }
    options &subprotocol(std::string_view protocol) { return with(ws_options_set_subprotocol, protocol); }
    options &max_redirects(std::uint32_t n) { return set(ws_options_set_max_redirects(handle_, n)); }

    // Times
    options &connect_timeout(std::chrono::milliseconds time) { return with(ws_options_set_connect_timeout_ms, time); }
    options &close_timeout(std::chrono::milliseconds time) { return with(ws_options_set_close_timeout_ms, time); }
    options &idle_timeout(std::chrono::milliseconds time) { return with(ws_options_set_idle_timeout_ms, time); }
    options &ping_interval(std::chrono::milliseconds time) { return with(ws_options_set_ping_interval_ms, time); }
    options &ping_timeout(std::chrono::milliseconds time) { return with(ws_options_set_ping_timeout_ms, time); }
    options &ping_events(bool on = true) { return set(ws_options_set_ping_events(handle_, on)); }
    options &ping_always(bool on = true) { return set(ws_options_set_ping_always(handle_, on)); }
    options &tcp_keepalive(std::chrono::milliseconds time) { return with(ws_options_set_tcp_keepalive_ms, time); }
    options &busy_poll(std::chrono::microseconds time) { return with(ws_options_set_busy_poll_us, time); }

    // Compression
    options &compression(std::int32_t level) { return set(ws_options_set_compression(handle_, level)); }
    options &compression_memory(std::int32_t level) { return set(ws_options_set_compression_memory(handle_, level)); }
    options &compression_min_size(std::size_t bytes) { return set(ws_options_set_compression_min_size(handle_, bytes)); }
    options &compression_window_bits(std::int32_t ours, std::int32_t servers) {
        return set(ws_options_set_compression_window_bits(handle_, ours, servers));
    }
    options &compression_context_takeover(bool ours, bool servers) {
        return set(ws_options_set_compression_context_takeover(handle_, ours, servers));
    }

    // The way to the server
    options &proxy(std::string_view url) { return with(ws_options_set_proxy, url); }
    options &proxy_header(std::string_view name, std::string_view value) {
        return with(ws_options_set_proxy_header, name, value);
    }
    options &proxy_verify(bool on) { return set(ws_options_set_proxy_verify(handle_, on)); }
    options &resolve(std::string_view host, std::uint16_t port, std::string_view address) {
        return with([&](ws_options *o, const char *h, const char *a) { return ws_options_set_resolve(o, h, port, a); }, host,
                    address);
    }
    options &connect_to(std::string_view host, std::uint16_t port, std::string_view to_host, std::uint16_t to_port) {
        return with([&](ws_options *o, const char *h, const char *t) { return ws_options_set_connect_to(o, h, port, t, to_port); },
                    host, to_host);
    }
    options &local_address(std::string_view address) { return with(ws_options_set_local_address, address); }
    options &unix_socket(std::string_view path) { return with(ws_options_set_unix_socket, path); }
    /**
     * Sets a function that prepares each new stream socket before it connects. It may run on any thread, and on several
     * at once. It must not block, and an exception out of it ends the process. It is kept as long as a socket that was
     * made with these options needs it. In a reconnector's on_attempt this is WS_ERR_UNSUPPORTED: give the function to
     * the reconnector.
     */
    options &socket_fn(socket_function function);

    // TLS
    options &ca_file(std::string_view path) { return with(ws_options_set_ca_file, path); }
    options &ca_pem(std::string_view pem) { return set(ws_options_set_ca_pem(handle_, pem.data(), pem.size())); }
    options &crl_file(std::string_view path) { return with(ws_options_set_crl_file, path); }
    options &verify(bool on) { return set(ws_options_set_verify(handle_, on)); }
    options &system_trust(bool on) { return set(ws_options_set_system_trust(handle_, on)); }
    options &client_certificate_file(std::string_view chain, std::string_view key) {
        return with(ws_options_set_client_certificate_file, chain, key);
    }
    options &client_certificate_pem(std::string_view chain, std::string_view key) {
        return set(ws_options_set_client_certificate_pem(handle_, chain.data(), chain.size(), key.data(), key.size()));
    }
    options &client_certificate_password(std::string_view password) {
        return with(ws_options_set_client_certificate_password, password);
    }
    options &server_name(std::string_view name) { return with(ws_options_set_server_name, name); }
    options &pinned_key_sha256(std::string_view pin) { return with(ws_options_set_pinned_key_sha256, pin); }
    /** 12 for TLS 1.2, 13 for TLS 1.3. */
    options &min_tls_version(std::int32_t version) { return set(ws_options_set_min_tls_version(handle_, version)); }
    /** Names that are separated by commas. */
    options &alpn(std::string_view protocols) { return with(ws_options_set_alpn, protocols); }
    options &key_log_file(std::string_view path) { return with(ws_options_set_key_log_file, path); }

private:
    friend class socket;
    friend class reconnector;

    options(ws_options *handle, bool owned) noexcept : handle_(handle), owned_(owned) {}
    /** The reason why no socket can be made with these options, if there is one. */
    std::optional<ws4d::error> unusable() const {
        if (first_error_ || handle_ != nullptr || this == &defaults())
            return first_error_;
        return ws4d::error(WS_ERR_INVALID_HANDLE, "the options were moved from");
    }
    options &set(ws_result result) {
        if (result == WS_OK)
            return *this;
        const ws4d::errors stack(ws_options_errors(handle_));
        ws4d::error failure = stack.code() == result ? ws4d::error(stack) : ws4d::error(result);
        if (throws_)
            detail::raise(failure);
        if (!first_error_)
            first_error_.emplace(std::move(failure));
        return *this;
    }
    template <class Rep, class Period>
    options &with(ws_result (*setter)(ws_options *, std::uint32_t), std::chrono::duration<Rep, Period> time) {
        const std::optional<std::uint32_t> units = detail::span_of(time);
        return set(units ? setter(handle_, *units) : WS_ERR_INVALID_ARGUMENT);
    }
    template <class Setter, class... Texts>
    auto with(Setter setter, Texts... texts)
        -> std::enable_if_t<(std::is_same_v<Texts, std::string_view> && ...), options &> {
        if (((texts.find('\0') != texts.npos) || ...))
            return set(WS_ERR_INVALID_ARGUMENT);
        return set(setter(handle_, std::string(texts).c_str()...));
    }

    ws_options *handle_ = nullptr;
    bool owned_ = true;
    bool throws_ = true;
    std::optional<ws4d::error> first_error_;
    std::shared_ptr<socket_function> socket_fn_;
};

inline options &options::socket_fn(socket_function function) {
    if (!owned_)
        return set(WS_ERR_UNSUPPORTED);
    auto kept = std::make_shared<socket_function>(std::move(function));
    const bool wanted = *kept != nullptr;
    const ws_socket_fn call = [](std::intptr_t fd, const char *address, void *user_data) -> std::int32_t {
        std::int32_t answer = 0;
        detail::protect([&] { answer = (*static_cast<socket_function *>(user_data))(fd, detail::text(address)); },
                        [] { std::terminate(); });
        return answer;
    };
    const ws_result result = ws_options_set_socket_fn(handle_, wanted ? call : nullptr, kept.get());
    if (result == WS_OK)
        socket_fn_ = std::move(kept);
    return set(result);
}

// --------------------------------------------------------------------------------------------------------------- sockets

/**
 * While it lives, the messages of a socket are held back, so that they leave together; see ws_cork(). Corks of one
 * socket do not nest.
 */
class [[nodiscard]] corked {
public:
    corked(corked &&other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
    corked &operator=(corked &&) = delete;
    ~corked() {
        if (socket_ != nullptr)
            ws_uncork(socket_);
    }

private:
    friend class socket_ref;
    explicit corked(ws_socket *socket) noexcept : socket_(socket) {}
    ws_socket *socket_;
};

/**
 * A socket that is not owned: a token that can be copied, compared and kept. It stays valid until its owner (a
 * ws4d::socket, or a reconnector) has given the socket back and the socket is over. After that its calls are
 * WS_ERR_INVALID_HANDLE and touch no memory. Texts that it returns live as long as it is valid.
 *
 * Any thread may use it, also in callbacks; none of its functions blocks.
 */
class socket_ref {
public:
    socket_ref() noexcept = default;
    explicit socket_ref(ws_socket *ws) noexcept : ws_(ws) {}

    /** Whether it refers to a socket at all. This does not say whether the socket is open: see status(). */
    explicit operator bool() const noexcept { return ws_ != nullptr; }
    ws_socket *get() const noexcept { return ws_; }
    friend bool operator==(const socket_ref &a, const socket_ref &b) noexcept { return a.ws_ == b.ws_; }
    friend bool operator!=(const socket_ref &a, const socket_ref &b) noexcept { return a.ws_ != b.ws_; }

    /**
     * Sends a message. It is copied or written before the call returns, and leaves in the order of the calls.
     * WS_ERR_WOULD_BLOCK means that the send buffer is full; on_drain follows once there is room. `flags` is 0 or
     * WS_SEND_PLAIN, which means that this message is not compressed.
     */
    void send_text(std::string_view utf8, std::uint32_t flags = 0) const { try_send_text(utf8, flags).value(); }
    void send_text(std::u16string_view utf16) const { try_send_text(utf16).value(); }
    /** Sends the bytes of anything that has data() and size(). */
    void send_blob(bytes_view bytes, std::uint32_t flags = 0) const { try_send_blob(bytes, flags).value(); }
    /** Sends JSON text. Any other text is WS_ERR_INVALID_JSON. */
    void send_object(std::string_view json, std::uint32_t flags = 0) const { try_send_object(json, flags).value(); }
    void send_object(std::u16string_view json) const { try_send_object(json).value(); }
    result<> try_send_text(std::string_view utf8, std::uint32_t flags = 0) const noexcept {
        return ws_send(ws_, WS_DATA_TYPE_TEXT, utf8.data(), utf8.size(), flags);
    }
    result<> try_send_text(std::u16string_view utf16) const noexcept {
        return ws_send_text_utf16(ws_, detail::units(utf16), utf16.size());
    }
    result<> try_send_blob(bytes_view bytes, std::uint32_t flags = 0) const noexcept {
        return ws_send(ws_, WS_DATA_TYPE_BLOB, bytes.data(), bytes.size(), flags);
    }
    result<> try_send_object(std::string_view json, std::uint32_t flags = 0) const noexcept {
        return ws_send(ws_, WS_DATA_TYPE_OBJECT, json.data(), json.size(), flags);
    }
    result<> try_send_object(std::u16string_view json) const noexcept {
        return ws_send_object_utf16(ws_, detail::units(json), json.size());
    }

    /**
     * Sends a text or a blob in parts: the begin, the parts, the end. Whatever else is sent meanwhile, by any thread,
     * waits until the end, except for pings and pongs.
     */
    void send_begin(ws_data_type type, std::uint32_t flags = 0) const { try_send_begin(type, flags).value(); }
    void send_part(bytes_view bytes) const { try_send_part(bytes).value(); }
    void send_end() const { try_send_end().value(); }
    result<> try_send_begin(ws_data_type type, std::uint32_t flags = 0) const noexcept { return ws_send_begin(ws_, type, flags); }
    result<> try_send_part(bytes_view bytes) const noexcept { return ws_send_part(ws_, bytes.data(), bytes.size()); }
    result<> try_send_end() const noexcept { return ws_send_end(ws_); }

    /**
     * Sends many messages of one type together. No other thread's message goes between them. `messages` is a range whose
     * elements convert to bytes_view. It returns how many were accepted, from the first one on: fewer than there are only if the
     * send buffer is full (on_drain follows) or memory cannot be had. If one of them is wrong, nothing is sent.
     */
    template <class Messages> std::size_t send_many(ws_data_type type, const Messages &messages, std::uint32_t flags = 0) const {
        return try_send_many(type, messages, flags).value();
    }
    template <class Messages>
    result<std::size_t> try_send_many(ws_data_type type, const Messages &messages, std::uint32_t flags = 0) const {
        std::vector<ws_slice> slices;
        for (const auto &message : messages) {
            const bytes_view bytes(message);
            slices.push_back({bytes.data(), bytes.size()});
        }
        const std::int32_t accepted = ws_send_many(ws_, type, slices.data(), slices.size(), flags);
        if (accepted < 0)
            return ws4d::error(static_cast<ws_result>(accepted));
        return static_cast<std::size_t>(accepted);
    }

    /** Sends a ping of at most 125 bytes, which on_pong brings back. */
    void ping(bytes_view payload = {}) const { try_ping(payload).value(); }
    result<> try_ping(bytes_view payload = {}) const noexcept { return ws_ping(ws_, payload.data(), payload.size()); }
    /** Sends a pong of at most 125 bytes that answers no ping. It shows the server that the client is alive. */
    void pong(bytes_view payload = {}) const { try_pong(payload).value(); }
    result<> try_pong(bytes_view payload = {}) const noexcept { return ws_pong(ws_, payload.data(), payload.size()); }

    /**
     * Holds messages back until the returned object is destroyed. If the socket is closed, it does nothing, and there
     * is no error.
     */
    corked cork() const noexcept { return corked(ws_cork(ws_) == WS_OK ? ws_ : nullptr); }
    /** Holds back what arrives, until resume(). The server has to slow down once the receive buffer is full. */
    void pause() const { try_pause().value(); }
    result<> try_pause() const noexcept { return ws_pause(ws_); }
    void resume() const { try_resume().value(); }
    result<> try_resume() const noexcept { return ws_resume(ws_); }

    /**
     * Begins the closing handshake. What was sent before leaves first; on_terminate follows. `code` is 1000, or 3000 to
     * 4999. `reason` has at most 123 bytes of UTF-8, and is copied.
     */
    void terminate(std::int32_t code = 1000, std::string_view reason = {}) const { try_terminate(code, reason).value(); }
    result<> try_terminate(std::int32_t code = 1000, std::string_view reason = {}) const noexcept {
        char text[124] = {};
        if (reason.size() >= sizeof text)
            return WS_ERR_INVALID_CLOSE_REASON;
        if (reason.find('\0') != reason.npos)
            return WS_ERR_INVALID_ARGUMENT;
        reason.copy(text, reason.size());
        return ws_terminate(ws_, code, text);
    }
    /**
     * Drops the connection at once, with everything that waits to be sent or delivered. on_terminate follows with code
     * 1006.
     */
    void abort() const { try_abort().value(); }
    result<> try_abort() const noexcept { return ws_abort(ws_); }

    /** The state of the socket, which may be ahead of the callbacks. Closed for an empty or stale socket_ref. */
    ws_status status() const noexcept { return ws_get_status(ws_); }
    /** A positive number that is never used again in this process; 0 for an empty or stale socket_ref. */
    std::int32_t id() const noexcept { return ws_get_id(ws_); }
    /** The URL as it was passed, but without user name and password. */
    std::string_view url() const noexcept { return detail::text(ws_get_url(ws_)); }
    ws_data_type data_type() const noexcept { return ws_get_data_type(ws_); }
    /** The subprotocol that the server has chosen; empty if there is none. */
    std::string_view subprotocol() const noexcept { return detail::text(ws_get_subprotocol(ws_)); }
    /** 101 once the socket is connected, 0 before. */
    std::int32_t response_status() const noexcept { return ws_get_response_status(ws_); }
    /** The i-th header of that name in the server's answer. */
    std::optional<std::string_view> response_header(const char *name, std::size_t i = 0) const noexcept {
        return detail::maybe(ws_get_response_header(ws_, name, i));
    }
    /** The address that the socket is connected to, with its port; empty before it is connected. */
    std::string_view peer_address() const noexcept { return detail::text(ws_get_peer_address(ws_)); }
    /** How full the send buffer is, in bytes. */
    std::size_t buffered_amount() const noexcept { return ws_get_buffered_amount(ws_); }

    /** What the socket has counted. Fields and units are those of ws_stats. */
    ws_stats stats() const { return try_stats().value(); }
    result<ws_stats> try_stats() const { return read<ws_stats>(ws_get_stats, WS_STATS_INIT); }
    /** Why and when the connection ended; all 0 before that. */
    ws_close_info close_info() const { return try_close_info().value(); }
    result<ws_close_info> try_close_info() const { return read<ws_close_info>(ws_get_close_info, WS_CLOSE_INFO_INIT); }
    /**
     * What TLS has agreed on. WS_ERR_UNSUPPORTED for ws://, WS_ERR_CLOSED before the socket is open. The texts live as
     * long as this socket_ref is valid.
     */
    ws_tls_info tls_info() const { return try_tls_info().value(); }
    result<ws_tls_info> try_tls_info() const { return read<ws_tls_info>(ws_get_tls_info, WS_TLS_INFO_INIT); }

protected:
    template <class Struct> result<Struct> read(ws_result (*reader)(const ws_socket *, Struct *), Struct into) const {
        const ws_result code = reader(ws_, &into);
        if (code != WS_OK)
            return ws4d::error(code);
        return into;
    }

    ws_socket *ws_ = nullptr;
};

/**
 * A callback: any callable that takes (ws4d::socket_ref, const ws4d::event &), or one of these, or nothing. What it
 * holds is moved in, and need not be copyable. It is destroyed when the socket is over and its owner is gone.
 */
class callback {
public:
    callback() noexcept = default;
    callback(std::nullptr_t) noexcept {}
    template <class Function, class = std::enable_if_t<!std::is_same_v<std::decay_t<Function>, callback> &&
                                                       (std::is_invocable_v<Function &, socket_ref, const event &> ||
                                                        std::is_invocable_v<Function &, const event &> ||
                                                        std::is_invocable_v<Function &, socket_ref> || std::is_invocable_v<Function &>)>>
    callback(Function function) : call_(std::make_unique<call<Function>>(std::move(function))) {}

    explicit operator bool() const noexcept { return call_ != nullptr; }
    void operator()(socket_ref ws, const event &e) const { call_->run(ws, e); }

private:
    struct base {
        base() = default;
        base(const base &) = delete;
        base &operator=(const base &) = delete;
        virtual ~base() = default;
        virtual void run(socket_ref ws, const event &e) = 0;
    };
    template <class Function> struct call final : base {
        explicit call(Function &&f) : function(std::move(f)) {}
        void run(socket_ref ws, const event &e) override {
            if constexpr (std::is_invocable_v<Function &, socket_ref, const event &>)
                function(ws, e);
            else if constexpr (std::is_invocable_v<Function &, const event &>)
                function(e);
            else if constexpr (std::is_invocable_v<Function &, socket_ref>)
                function(ws);
            else
                function();
        }
        Function function;
    };

    std::unique_ptr<base> call_;
};

class handler;

/**
 * The callbacks of a socket. Those that are empty are not called. They come in this order, are never nested, and no two
 * of them run at the same time:
 *
 *     on_open?  (on_message | on_part | on_drain | on_ping | on_pong)*  on_error?  on_terminate
 *
 * They run inside the calls of the socket's dispatcher, on its thread. Without a dispatcher they run on an I/O thread
 * of the library, where they must not block. They may destroy the socket, and may call every function whose comment
 * does not say otherwise.
 */
struct handlers {
    /** The connection is open. It comes at most once, before all others. */
    callback on_open = {};
    /** A message has arrived. */
    callback on_message = {};
    /**
     * The connection could not be made, or broke: see event::errors(). It comes at most once; only on_terminate
     * follows.
     */
    callback on_error = {};
    /**
     * The connection has ended: see event::code(), reason() and was_clean(). It comes exactly once, unless the socket
     * is destroyed before.
     */
    callback on_terminate = {};
    /** The send buffer has fallen below half of its limit, after a call that gave WS_ERR_WOULD_BLOCK. */
    callback on_drain = {};
    /** A ping of the server's has arrived. The library answers it in any case; event::bytes() has its payload. */
    callback on_ping = {};
    /** The answer to a ping() has arrived; event::bytes() has its payload. */
    callback on_pong = {};
    /**
     * A part of a long message has arrived, if the option `part_size` is set: see event::part_offset() and part_last().
     */
    callback on_part = {};
    /**
     * An exception has come out of a callback, and there is no call of the dispatcher that could throw it: see the top
     * of this file. It runs on the callback's thread. An exception out of it ends the process.
     */
    std::function<void(std::exception_ptr)> on_exception = {};

    /** The methods of an object as callbacks. `methods` must outlive the socket. */
    static handlers of(handler &methods);
    /** The same; the socket keeps the object until it is over and its owner is gone. */
    static handlers of(std::shared_ptr<handler> methods);
};

/**
 * Callbacks as the methods of a class: derive from it, override the methods that you need, and pass
 * handlers::of(object).
 */
class handler {
public:
    virtual ~handler() = default;
    virtual void on_open(socket_ref, const event &) {}
    virtual void on_message(socket_ref, const event &) {}
    virtual void on_error(socket_ref, const event &) {}
    virtual void on_terminate(socket_ref, const event &) {}
    virtual void on_drain(socket_ref, const event &) {}
    virtual void on_ping(socket_ref, const event &) {}
    virtual void on_pong(socket_ref, const event &) {}
    virtual void on_part(socket_ref, const event &) {}
    /** By default this ends the process. */
    virtual void on_exception(std::exception_ptr exception) { std::rethrow_exception(exception); }

protected:
    handler() = default;
    handler(const handler &) = default;
    handler &operator=(const handler &) = default;
};

inline handlers handlers::of(std::shared_ptr<handler> methods) {
    handlers all;
    all.on_open = [methods](socket_ref ws, const event &e) { methods->on_open(ws, e); };
    all.on_message = [methods](socket_ref ws, const event &e) { methods->on_message(ws, e); };
    all.on_error = [methods](socket_ref ws, const event &e) { methods->on_error(ws, e); };
    all.on_terminate = [methods](socket_ref ws, const event &e) { methods->on_terminate(ws, e); };
    all.on_drain = [methods](socket_ref ws, const event &e) { methods->on_drain(ws, e); };
    all.on_ping = [methods](socket_ref ws, const event &e) { methods->on_ping(ws, e); };
    all.on_pong = [methods](socket_ref ws, const event &e) { methods->on_pong(ws, e); };
    all.on_part = [methods](socket_ref ws, const event &e) { methods->on_part(ws, e); };
    all.on_exception = [methods](std::exception_ptr exception) { methods->on_exception(exception); };
    return all;
}

inline handlers handlers::of(handler &methods) { return of(std::shared_ptr<handler>(std::shared_ptr<handler>(), &methods)); }

namespace detail {

/** What a dispatcher and its sockets share. */
struct dispatcher_state {
    ws_dispatcher *handle = nullptr;
    std::function<void()> wake;
    std::function<void(const errors &)> on_failure;
    /** How often dispatcher::stop() was called. A signal handler may count it up. */
    std::atomic<unsigned> stops{0};
    /**
     * An exception that came together with an event that was pulled, for the next call. Used only on the dispatcher's
     * thread.
     */
    std::exception_ptr late;
};

/** A call in progress on this thread, which throws the exceptions of some callbacks. */
struct level {
    /**
     * `key` is the dispatcher_state, or the owner, whose callbacks these are. `ends_by_stop`: ws_dispatcher_stop() ends
     * the call.
     */
    level(const void *key, bool ends_by_stop) noexcept : whose(key), stoppable(ends_by_stop), outer(innermost()) { innermost() = this; }
    level(const level &) = delete;
    level &operator=(const level &) = delete;
    ~level() { innermost() = outer; }

    static level *&innermost() noexcept {
        static thread_local level *found = nullptr;
        return found;
    }
    void rethrow() {
        if (exception != nullptr)
            std::rethrow_exception(std::exchange(exception, nullptr));
    }

    const void *const whose;
    const bool stoppable;
    level *const outer;
    /** It was ended by an exception that another call has thrown, not by the program. */
    bool cut = false;
    std::exception_ptr exception;
};

/**
 * Gives the exception that is being handled to the innermost call of `dispatcher` or `owner`; false if there is none.
 */
inline bool hand_over(const dispatcher_state *dispatcher, const void *owner) noexcept {
    level *target = level::innermost();
    while (target != nullptr && (target->whose == nullptr || (target->whose != dispatcher && target->whose != owner)))
        target = target->outer;
    if (target == nullptr)
        return false;
    if (target->exception == nullptr)
        target->exception = std::current_exception();
    if (target->stoppable) {
        // This ends all calls of the dispatcher that are in progress; the outer ones continue by themselves.
        for (level *l = target->outer; l != nullptr; l = l->outer)
            l->cut = l->cut || l->whose == dispatcher;
        ws_dispatcher_stop(dispatcher->handle);
    }
    return true;
}

/** How many callbacks of this header are on the stack of this thread. */
inline unsigned &callbacks_here() noexcept {
    static thread_local unsigned count = 0;
    return count;
}

/** What a socket or a reconnector shares with its callbacks: their `user_data`. It keeps itself alive until on_free. */
struct owner {
    owner(ws4d::handlers &&h, std::shared_ptr<dispatcher_state> d) : callbacks(std::move(h)), dispatcher(std::move(d)) {}
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    virtual ~owner() = default;

    /** Runs a callback, unless the owner was destroyed. `opening`: it is the on_open of a constructor that waits. */
    template <class Act> void run(Act &&act, bool opening = false) {
        const busy here(*this);
        if (muted.load())
            return;
        protect(act, [&] {
            if (opening) {
                muted.store(true);
                opened = std::current_exception();
            } else if (!hand_over(dispatcher.get(), this)) {
                if (!callbacks.on_exception)
                    std::terminate();
                protect([&] { callbacks.on_exception(std::current_exception()); }, [] { std::terminate(); });
            }
        });
    }

    /** The body of each function that C calls: `act` with the owner whose `user_data` it is. */
    template <class Owner, class Act> static void enter(void *user_data, Act &&act, bool opening = false) {
        owner &o = *static_cast<owner *>(user_data);
        o.run([&] { act(static_cast<Owner &>(o)); }, opening);
    }

    /** From now on no callback begins. */
    void mute() noexcept { muted.store(true); }

    /**
     * Waits until no callback runs on another thread. Inside a callback it does not wait, so that two of them cannot
     * wait for each other.
     */
    void await() noexcept {
        if (callbacks_here() > 0)
            return;
        std::unique_lock<std::mutex> lock(mutex);
        awaited.store(true);
        ended.wait(lock, [&] { return !running.load(); });
    }

    ws_handler handler() noexcept {
        ws_handler h = WS_HANDLER_INIT;
        h.user_data = this;
        h.dispatcher = dispatcher != nullptr ? dispatcher->handle : nullptr;
        h.on_open = pick<&ws4d::handlers::on_open>(blocking);
        h.on_message = pick<&ws4d::handlers::on_message>();
        h.on_error = pick<&ws4d::handlers::on_error>();
        h.on_terminate = pick<&ws4d::handlers::on_terminate>();
        h.on_drain = pick<&ws4d::handlers::on_drain>();
        h.on_ping = pick<&ws4d::handlers::on_ping>();
        h.on_pong = pick<&ws4d::handlers::on_pong>();
        h.on_part = pick<&ws4d::handlers::on_part>();
        h.on_free = [](void *user_data) {
            // What the callbacks hold is destroyed with it: a destructor cannot throw to anybody.
            const std::shared_ptr<owner> last = std::move(static_cast<owner *>(user_data)->self);
            last->freed.store(true);
        };
        return h;
    }

    ws4d::handlers callbacks;
    const std::shared_ptr<dispatcher_state> dispatcher;
    std::shared_ptr<socket_function> socket_fn;
    std::shared_ptr<owner> self;
    /** Whether its last callback has run. */
    std::atomic<bool> freed{false};
    /** Whether the constructor waits for on_open, and what came out of that. */
    bool blocking = false;
    std::exception_ptr opened;

private:
    struct busy {
        explicit busy(owner &o) noexcept : whose(o) {
            whose.running.store(true);
            callbacks_here()++;
        }
        busy(const busy &) = delete;
        busy &operator=(const busy &) = delete;
        ~busy() {
            callbacks_here()--;
            whose.running.store(false);
            if (whose.awaited.load()) {
                const std::lock_guard<std::mutex> lock(whose.mutex);
                whose.ended.notify_all();
            }
        }
        owner &whose;
    };

    template <callback ws4d::handlers::*Which> ws_callback pick(bool opening = false) const noexcept {
        if (!(callbacks.*Which))
            return nullptr;
        return opening ? &deliver<Which, true> : &deliver<Which, false>;
    }
    template <callback ws4d::handlers::*Which, bool Opening>
    static void deliver(ws_socket *ws, const ws_event *e, void *user_data) {
        enter<owner>(user_data, [&](owner &o) { (o.callbacks.*Which)(socket_ref(ws), event(e)); }, Opening);
    }

    std::atomic<bool> muted{false};
    /**
     * Whether a callback runs, and whether somebody waits for its end. Each side sets its own flag before it reads the
     * other's.
     */
    std::atomic<bool> running{false};
    std::atomic<bool> awaited{false};
    std::mutex mutex;
    std::condition_variable ended;
};

/** An error stack from an out-parameter. */
inline ws4d::error owned_error(ws_errors *stack) {
    std::shared_ptr<const void> kept(stack, [](ws_errors *s) { ws_errors_free(s); });
    return stack != nullptr ? ws4d::error(errors(stack), kept) : ws4d::error(WS_ERR_OUT_OF_MEMORY);
}

} // namespace detail

// ----------------------------------------------------------------------------------------------------------- dispatchers

/** An event that was pulled, and its socket. The event is owned; the socket is a reference, as in a callback. */
struct pulled {
    socket_ref socket;
    kept_event event;
};

/** An event of a batch: a view that lives as long as the batch. */
struct batch_item {
    socket_ref socket;
    ws_event_type type = WS_EVENT_TYPE_NONE;
    /** No JSON is parsed for this: for an object it is WS_DATA_TYPE_TEXT. */
    ws_data_type data_type = WS_DATA_TYPE_TEXT;
    bytes_view bytes;
    /** The event, for everything else. */
    ws4d::event event;

    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(bytes.data()), bytes.size()}; }
};

/**
 * Events that were pulled together, in order: `for (const ws4d::batch_item &item : batch)`. A batch is owned and can be
 * moved. Any thread may read it.
 */
class batch {
public:
    class iterator;

    batch() noexcept = default;
    /** Takes over a batch of ws_dispatcher_next_batch(). */
    explicit batch(ws_batch *b) noexcept : batch_(b) {}
    batch(batch &&other) noexcept : batch_(std::exchange(other.batch_, nullptr)) {}
    batch &operator=(batch &&other) noexcept {
        batch moved(std::move(other));
        std::swap(batch_, moved.batch_);
        return *this;
    }
    ~batch() { ws_batch_free(batch_); }

    std::size_t size() const noexcept {
        std::size_t count = 0;
        ws_batch_items(batch_, &count);
        return count;
    }
    bool empty() const noexcept { return size() == 0; }
    /** `i` must be below size(). */
    batch_item operator[](std::size_t i) const noexcept {
        const ws_batch_item &item = ws_batch_items(batch_, nullptr)[i];
        return {socket_ref(item.ws), item.type, item.data_type, {item.data, item.len}, event(ws_batch_event(batch_, i))};
    }
    iterator begin() const noexcept;
    iterator end() const noexcept;
    const ws_batch *get() const noexcept { return batch_; }

private:
    ws_batch *batch_ = nullptr;
};

namespace detail {

struct batch_items {
    const batch *from = nullptr;
    batch_item at(std::size_t i) const noexcept { return (*from)[i]; }
};

} // namespace detail

class batch::iterator : public detail::index_iterator<detail::batch_items, batch_item> {
    using detail::index_iterator<detail::batch_items, batch_item>::index_iterator;
};

inline batch::iterator batch::begin() const noexcept { return {detail::batch_items{this}, 0}; }
inline batch::iterator batch::end() const noexcept { return {detail::batch_items{this}, size()}; }

/**
 * The place where the callbacks of its sockets run: inside dispatch(), wait() and run(), on the thread that calls them.
 * It is owned and can be moved. Its sockets refer to what it owns, not to the object, so it may be moved while they
 * live.
 *
 * It belongs to the thread that made it, or to the last one that attached it. Only that thread may call it, except for
 * stop(), attach(), fd() and the setters; other threads get WS_ERR_WRONG_THREAD. The exceptions of callbacks come out
 * of its calls, also out of those that begin with try_.
 */
class dispatcher {
public:
    /** WS_ERR_OUT_OF_MEMORY if no memory or no handles are left. */
    dispatcher() : dispatcher(ws_dispatcher_new(), std::make_shared<detail::dispatcher_state>()) {}
    /**
     * Makes a dispatcher with a function that is called when there is something to dispatch, so that it can post to the
     * program's own loop. The function may run on any thread, also inside a call that the program itself has made. It
     * must not block, and may call only functions of the library that read. An exception out of it ends the process. It
     * is destroyed with the dispatcher and its last socket.
     */
    explicit dispatcher(std::function<void()> wake) : dispatcher(with_wake(std::move(wake))) {}
    /**
     * Makes a dispatcher that does the I/O of its sockets itself, inside its calls, without a thread of the library;
     * see ws_dispatcher_new_driving().
     */
    static dispatcher driving() {
        return dispatcher(ws_dispatcher_new_driving(), std::make_shared<detail::dispatcher_state>());
    }
    dispatcher(dispatcher &&) noexcept = default;
    dispatcher &operator=(dispatcher &&other) noexcept {
        dispatcher moved(std::move(other));
        std::swap(state_, moved.state_);
        return *this;
    }
    /**
     * Ends the dispatcher as close() does, on its own thread, also inside one of its callbacks. Exceptions of callbacks
     * go to on_exception. On another thread, the dispatcher is attached first. If one of its calls is in progress at
     * that time, std::terminate() is called, because this is a mistake like destroying a std::thread that was not
     * joined.
     */
    ~dispatcher() {
        if (state_ == nullptr)
            return;
        ws_result closed = ws_dispatcher_close(state_->handle);
        if (closed == WS_ERR_WRONG_THREAD && ws_dispatcher_attach(state_->handle) == WS_OK)
            closed = ws_dispatcher_close(state_->handle);
        if (closed == WS_ERR_WRONG_THREAD)
            std::terminate();
    }

    ws_dispatcher *get() const noexcept { return state_ != nullptr ? state_->handle : nullptr; }

    /**
     * Runs the callbacks of the events that can be delivered now, at most `max_events` of them (0: no limit), and
     * returns their number. It does not wait.
     */
    std::uint32_t dispatch(std::uint32_t max_events = 0) { return try_dispatch(max_events).value(); }
    result<std::uint32_t> try_dispatch(std::uint32_t max_events = 0) {
        return counted(call([&](ws_dispatcher *d) { return ws_dispatcher_dispatch(d, max_events); },
                            [](std::int32_t) { return false; }));
    }
    /**
     * Waits for the first event, then dispatches. It returns how many events were delivered, 0 if there were none in
     * time.
     */
    std::uint32_t wait(std::chrono::milliseconds timeout = no_timeout) { return try_wait(timeout).value(); }
    result<std::uint32_t> try_wait(std::chrono::milliseconds timeout = no_timeout) {
        const deadline end(timeout);
        return counted(call([&](ws_dispatcher *d) { return ws_dispatcher_wait(d, end.left()); },
                            [&](std::int32_t n) { return n == 0 && !end.over(); }));
    }
    /**
     * Runs callbacks until every socket has terminated, or until stop(). Inside a callback, the sockets on the stack do
     * not count.
     */
    void run() { try_run().value(); }
    result<> try_run() {
        return call([](ws_dispatcher *d) { return ws_dispatcher_run(d); }, [](ws_result r) { return r == WS_OK; });
    }
    /**
     * Pulls one event instead of running its callback; nothing if there was none in time. For a reconnector, the
     * callbacks of its policy run.
     */
    std::optional<pulled> next(std::chrono::milliseconds timeout = no_timeout) { return try_next(timeout).value(); }
    result<std::optional<pulled>> try_next(std::chrono::milliseconds timeout = no_timeout) {
        const deadline end(timeout);
        ws_socket *ws = nullptr;
        ws_event *e = nullptr;
        const std::int32_t n = call([&](ws_dispatcher *d) { return ws_dispatcher_next(d, end.left(), &ws, &e); },
                                    [&](std::int32_t count) { return count == 0 && !end.over(); }, true);
        if (n < 0)
            return ws4d::error(static_cast<ws_result>(n));
        std::optional<pulled> got;
        if (n > 0)
            got.emplace(pulled{socket_ref(ws), kept_event(e)});
        return got;
    }
    /**
     * Pulls at most `max` events with one call, which waits for the first of them; an empty batch if there was none in
     * time.
     */
    batch next_batch(std::chrono::milliseconds timeout = no_timeout, std::size_t max = 1024) {
        return try_next_batch(timeout, max).value();
    }
    result<batch> try_next_batch(std::chrono::milliseconds timeout = no_timeout, std::size_t max = 1024) {
        const deadline end(timeout);
        ws_batch *b = nullptr;
        const std::int32_t n = call([&](ws_dispatcher *d) { return ws_dispatcher_next_batch(d, end.left(), max, &b); },
                                    [&](std::int32_t count) { return count == 0 && !end.over(); }, true);
        if (n < 0)
            return ws4d::error(static_cast<ws_result>(n));
        return batch(b);
    }

    /**
     * Ends all calls in progress, or the next one. Any thread may call it, and so may a signal handler, because it is
     * async-signal-safe. Use it instead of ws_dispatcher_stop() if a callback may throw out of a nested call.
     */
    result<> stop() noexcept {
        if (state_ == nullptr)
            return WS_ERR_INVALID_HANDLE;
        state_->stops.fetch_add(1);
        return ws_dispatcher_stop(state_->handle);
    }
    /** How often stop() was called, for a loop around calls that have delivered something before they were stopped. Any thread. */
    unsigned stops() const noexcept { return state_ != nullptr ? state_->stops.load() : 0; }
    /**
     * Ends the dispatcher and all of its sockets. Each gets its on_terminate during the call; exceptions come out of
     * the call once all is done. It waits for a `wake` that is running on another thread. Inside one of its own
     * callbacks it returns at once. A second call is WS_ERR_INVALID_HANDLE.
     */
    void close() { try_close().value(); }
    result<> try_close() {
        const std::shared_ptr<detail::dispatcher_state> state = state_;
        if (state == nullptr)
            return WS_ERR_INVALID_HANDLE;
        detail::level here(state.get(), false);
        const ws_result closed = ws_dispatcher_close(state->handle);
        here.rethrow();
        return closed;
    }
    /** Hands the dispatcher over to the calling thread. WS_ERR_WRONG_THREAD while one of its calls is in progress. */
    void attach() { try_attach().value(); }
    result<> try_attach() noexcept { return ws_dispatcher_attach(get()); }
    /**
     * A descriptor that is readable while there is something to dispatch, for poll and event loops. Do not read or
     * close it.
     */
    std::intptr_t fd() {
        const std::intptr_t descriptor = ws_dispatcher_fd(get());
        if (descriptor < 0)
            detail::raise(ws4d::error(get() != nullptr ? WS_ERR_UNSUPPORTED : WS_ERR_INVALID_HANDLE));
        return descriptor;
    }
    /** Sets how long a wait looks for messages before it sleeps. Any thread. */
    void set_busy_poll(std::chrono::microseconds time) {
        const std::optional<std::uint32_t> us = detail::span_of(time);
        result<>(us ? ws_dispatcher_set_busy_poll_us(get(), *us) : WS_ERR_INVALID_ARGUMENT).value();
    }
    /** Sets whether a signal ends a wait, with WS_ERR_INTERRUPTED. Any thread. */
    void set_interruptible(bool on) { result<>(ws_dispatcher_set_interruptible(get(), on)).value(); }
    /**
     * Sets the function that is called for each connection of the dispatcher's sockets that could not be made; an empty
     * one for none. It replaces the one that was set before. It runs like a callback; exceptions come out of the same
     * calls, and out of constructors. Only the dispatcher's own thread may call this, but not inside the function.
     */
    void set_error_handler(std::function<void(const errors &)> function) {
        const bool wanted = function != nullptr;
        const ws_error_fn tell = [](const ws_errors *stack, void *user_data) {
            auto *state = static_cast<detail::dispatcher_state *>(user_data);
            detail::protect([&] { state->on_failure(errors(stack)); }, [&] {
                if (!detail::hand_over(state, nullptr))
                    std::terminate();
            });
        };
        result<>(ws_dispatcher_set_error_handler(get(), nullptr, nullptr)).value();
        state_->on_failure = std::move(function);
        if (wanted)
            result<>(ws_dispatcher_set_error_handler(get(), tell, state_.get())).value();
    }

private:
    friend class socket;
    friend class reconnector;

    class deadline {
    public:
        explicit deadline(std::chrono::milliseconds timeout) noexcept : timeout_(timeout), began_(clock::now()) {}
        bool over() const noexcept { return left() == 0; }
        std::int32_t left() const noexcept {
            if (timeout_ == no_timeout || first_)
                return first_ = false, detail::timeout(timeout_);
            return detail::timeout(timeout_ - std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began_));
        }

    private:
        using clock = std::chrono::steady_clock;
        const std::chrono::milliseconds timeout_;
        const clock::time_point began_;
        mutable bool first_ = true;
    };

    dispatcher(ws_dispatcher *handle, std::shared_ptr<detail::dispatcher_state> state) : state_(std::move(state)) {
        if (handle == nullptr)
            detail::raise(ws4d::error(WS_ERR_OUT_OF_MEMORY));
        state_->handle = handle;
    }
    static dispatcher with_wake(std::function<void()> function) {
        const bool wanted = function != nullptr;
        auto state = std::make_shared<detail::dispatcher_state>();
        state->wake = std::move(function);
        const ws_wake_fn wake = [](void *user_data) {
            detail::protect([&] { static_cast<detail::dispatcher_state *>(user_data)->wake(); }, [] { std::terminate(); });
        };
        ws_dispatcher *handle = ws_dispatcher_new_with_wake(wanted ? wake : nullptr, state.get());
        return dispatcher(handle, std::move(state));
    }

    static result<std::uint32_t> counted(std::int32_t n) {
        if (n < 0)
            return ws4d::error(static_cast<ws_result>(n));
        return static_cast<std::uint32_t>(n);
    }

    /**
     * One call of a C function that delivers. `again`: whether its result may also come from a stop, so that a call
     * which was ended by another one's exception must go on. `pulls`: a positive result is an event, which must not be
     * lost to an exception.
     */
    template <class Call, class Again>
    auto call(Call function, Again again, bool pulls = false) -> decltype(function(nullptr)) {
        const std::shared_ptr<detail::dispatcher_state> state = state_;
        if (state == nullptr)
            return WS_ERR_INVALID_HANDLE;
        if (state->late != nullptr)
            std::rethrow_exception(std::exchange(state->late, nullptr));
        const unsigned stops = state->stops.load();
        for (;;) {
            detail::level here(state.get(), true);
            const auto got = function(state->handle);
            if (pulls && got > 0 && here.exception != nullptr)
                state->late = std::exchange(here.exception, nullptr);
            here.rethrow();
            if (!here.cut || state->stops.load() != stops || !again(got))
                return got;
        }
    }

    std::shared_ptr<detail::dispatcher_state> state_;
};

// ----------------------------------------------------------------------------------------------------- sockets, reconnectors

namespace detail {

/** The dispatcher that was asked for, if any. */
struct place {
    std::shared_ptr<dispatcher_state> dispatcher;
    bool none = true;

    std::optional<ws4d::error> unusable() const {
        if (none || dispatcher != nullptr)
            return std::nullopt;
        return ws4d::error(WS_ERR_INVALID_HANDLE, "the dispatcher was moved from");
    }
};

/** What ends a socket, and what a reconnector, with the same rules. */
inline ws_result close_now(ws_socket *ws) noexcept { return ws_close(ws); }
inline ws_result close_now(ws_reconnector *r) noexcept { return ws_reconnector_close(r); }
inline void let_go(ws_socket *ws) noexcept { ws_release(ws); }
inline void let_go(ws_reconnector *r) noexcept { ws_reconnector_release(r); }
inline void drop(ws_socket *ws) noexcept { ws_abort(ws); }
inline void drop(ws_reconnector *r) noexcept {
    ws_reconnector_terminate(r, 0, nullptr);
    ws_abort(ws_reconnector_get_socket(r));
}

/** A socket, or a reconnector, that is owned: what it is as a token, and what it shares with its callbacks. */
template <class Ref, class Owner> class owned : public Ref {
public:
    owned() noexcept = default;
    owned(owned &&other) noexcept : Ref(std::exchange(static_cast<Ref &>(other), Ref())), owner_(std::move(other.owner_)) {}
    /** What it was before is destroyed first. */
    owned &operator=(owned &&other) noexcept {
        owned moved(std::move(other));
        std::swap(static_cast<Ref &>(*this), static_cast<Ref &>(moved));
        std::swap(owner_, moved.owner_);
        return *this;
    }
    ~owned() {
        if (owner_ == nullptr)
            return;
        owner_->mute();
        if (close_now(this->get()) == WS_ERR_WRONG_THREAD) {
            drop(this->get());
            let_go(this->get());
            owner_->await();
        }
    }

    /**
     * Ends it at once, with its connection, and leaves this object empty. Its last callbacks run inside the call, and their
     * exception comes out of it; they may destroy this object. Inside one of its own callbacks they follow that callback,
     * unless this object is destroyed first. On another thread than the dispatcher's it is WS_ERR_WRONG_THREAD, with
     * nothing changed.
     */
    void close() { try_close().value(); }
    ws4d::result<> try_close() {
        const std::shared_ptr<Owner> owner = std::move(owner_);
        const Ref token = std::exchange(static_cast<Ref &>(*this), Ref());
        level here(owner.get(), false);
        const ws_result closed = close_now(token.get());
        // If the last callbacks have run, this object may be gone. If they are still to come, its destructor mutes them.
        if (closed != WS_OK)
            static_cast<Ref &>(*this) = token;
        if (closed != WS_OK || !owner->freed.load())
            owner_ = owner;
        here.rethrow();
        return closed;
    }
    /** Gives it up without ending it: it goes on and continues to call back until it is over. This object is then empty. */
    Ref detach() noexcept {
        let_go(this->get());
        owner_ = nullptr;
        return std::exchange(static_cast<Ref &>(*this), Ref());
    }

protected:
    owned(Ref token, std::shared_ptr<Owner> owner) noexcept : Ref(token), owner_(std::move(owner)) {}

    /** Why none can be made of these; nothing where it can. */
    static std::optional<ws4d::error> unusable(std::string_view url, const place &on, const std::optional<ws4d::error> &options) {
        if (options)
            return options;
        if (std::optional<ws4d::error> wrong = on.unusable())
            return wrong;
        if (url.find('\0') != url.npos)
            return ws4d::error(WS_ERR_INVALID_URL, "a URL has no NUL");
        return std::nullopt;
    }

    std::shared_ptr<Owner> owner_;
};

} // namespace detail

/**
 * One WebSocket connection, owned. It is empty, or anything from connecting to closed. It can do everything that a
 * socket_ref can.
 *
 * Once it is destroyed, no callback of it runs any more, not even on_terminate. What was accepted for sending is still
 * sent in the background, followed by a close frame (1000). Inside one of its own callbacks, that callback goes on, and
 * is the last. On another thread than the dispatcher's, the connection is dropped (abort()), and the destructor waits
 * for a callback that is running; inside any callback it does not wait. Do not destroy it while you hold a lock that
 * its callbacks want.
 *
 * To end a conversation politely and to be told about it, call terminate() and wait for on_terminate; then destroy the
 * socket.
 */
class socket : public detail::owned<socket_ref, detail::owner> {
public:
    /** An empty socket. */
    socket() noexcept = default;
    /**
     * Connects, and waits until the connection is open; on_open has then run inside the constructor. A failure is
     * ws4d::error. An exception of on_open comes out of the constructor, with the socket closed. The calling thread
     * must own the dispatcher. Without a dispatcher, it must not be inside a callback on an I/O thread
     * (WS_ERR_WRONG_THREAD).
     */
    explicit socket(std::string_view url, ws4d::handlers handlers = {}, const ws4d::options &options = options::defaults())
        : socket(make(url, {}, std::move(handlers), options, true).value()) {}
    socket(std::string_view url, dispatcher &on, ws4d::handlers handlers = {}, const ws4d::options &options = options::defaults())
        : socket(make(url, {on.state_, false}, std::move(handlers), options, true).value()) {}
    /**
     * Returns at once, while the connection is being made. Any thread may call it, also in callbacks. If the connection
     * fails later, on_error comes, then on_terminate.
     */
    static socket open_async(std::string_view url, ws4d::handlers handlers = {}, const ws4d::options &options = options::defaults()) {
        return make(url, {}, std::move(handlers), options, false).value();
    }
    static socket open_async(std::string_view url, dispatcher &on, ws4d::handlers handlers = {},
                             const ws4d::options &options = options::defaults()) {
        return make(url, {on.state_, false}, std::move(handlers), options, false).value();
    }
    /** The same, with failures as results. Exceptions of on_open come out of these, too. */
    static result<socket> try_open(std::string_view url, ws4d::handlers handlers = {},
                                   const ws4d::options &options = options::defaults()) {
        return make(url, {}, std::move(handlers), options, true);
    }
    static result<socket> try_open(std::string_view url, dispatcher &on, ws4d::handlers handlers = {},
                                   const ws4d::options &options = options::defaults()) {
        return make(url, {on.state_, false}, std::move(handlers), options, true);
    }
    static result<socket> try_open_async(std::string_view url, ws4d::handlers handlers = {},
                                         const ws4d::options &options = options::defaults()) {
        return make(url, {}, std::move(handlers), options, false);
    }
    static result<socket> try_open_async(std::string_view url, dispatcher &on, ws4d::handlers handlers = {},
                                         const ws4d::options &options = options::defaults()) {
        return make(url, {on.state_, false}, std::move(handlers), options, false);
    }

private:
    socket(socket_ref token, std::shared_ptr<detail::owner> owner) noexcept : owned(token, std::move(owner)) {}

    static result<socket> make(std::string_view url, detail::place place, ws4d::handlers handlers, const ws4d::options &options,
                               bool blocking) {
        if (std::optional<ws4d::error> wrong = unusable(url, place, options.unusable()))
            return *std::move(wrong);
        const std::string copied(url);
        auto owner = std::make_shared<detail::owner>(std::move(handlers), std::move(place.dispatcher));
        owner->socket_fn = options.socket_fn_;
        owner->blocking = blocking;
        owner->self = owner;
        const ws_handler handler = owner->handler();
        // The error handler of a dispatcher may throw, too.
        detail::level here(owner->dispatcher.get(), false);
        ws_errors *errors = nullptr;
        ws_socket *ws = (blocking ? ws_new : ws_new_async)(copied.c_str(), &handler, options.get(), &errors);
        if (ws == nullptr) {
            ws4d::error failure = detail::owned_error(errors);
            here.rethrow();
            return failure;
        }
        socket made(socket_ref(ws), std::move(owner));
        if (blocking && made.owner_->opened != nullptr)
            std::rethrow_exception(std::exchange(made.owner_->opened, nullptr));
        here.rethrow();
        return made;
    }
};

/**
 * What a reconnector tells between two connections, and at the end. It is a view that is valid until the callback
 * returns.
 */
struct reconnect_info {
    /**
     * The number of the next attempt since the last stable connection, counted from 1; at the end, the number of the
     * last one.
     */
    std::uint32_t attempt = 0;
    /** How long it waits before that attempt; 0 at the end. */
    std::chrono::milliseconds delay{0};
    /** What went wrong; WS_OK if the server closed the connection, or if the program ended it. */
    ws_result result = WS_OK;
    /** The code of the server's close frame: 0 if none came, 1005 if it had no code. */
    std::int32_t code = 0;
    /** The HTTP status of the answer to the opening handshake; 0 if there was none. */
    std::int32_t http_status = 0;
    /** Why it does not try again; WS_RECONNECT_END_NONE if it does. */
    ws_reconnect_end end = WS_RECONNECT_END_NONE;
    /** Why the connection or the attempt ended; empty if the program ended it. */
    ws4d::errors errors;
};

/**
 * A reconnector that is not owned: a token, like a socket_ref. Any thread may use it, also in callbacks; none of its
 * functions blocks.
 */
class reconnector_ref {
public:
    reconnector_ref() noexcept = default;
    explicit reconnector_ref(ws_reconnector *r) noexcept : r_(r) {}

    explicit operator bool() const noexcept { return r_ != nullptr; }
    ws_reconnector *get() const noexcept { return r_; }
    friend bool operator==(const reconnector_ref &a, const reconnector_ref &b) noexcept { return a.r_ == b.r_; }
    friend bool operator!=(const reconnector_ref &a, const reconnector_ref &b) noexcept { return a.r_ != b.r_; }

    /**
     * Sends on the present connection. While there is none, the message is kept for the next one as far as the policy's
     * `queue_size` allows; otherwise it is WS_ERR_WOULD_BLOCK. WS_ERR_CLOSED comes only once the reconnector was
     * terminated or is over.
     */
    void send_text(std::string_view utf8, std::uint32_t flags = 0) const { try_send_text(utf8, flags).value(); }
    void send_blob(bytes_view bytes, std::uint32_t flags = 0) const { try_send_blob(bytes, flags).value(); }
    void send_object(std::string_view json, std::uint32_t flags = 0) const { try_send_object(json, flags).value(); }
    ws4d::result<> try_send_text(std::string_view utf8, std::uint32_t flags = 0) const noexcept {
        return ws_reconnector_send(r_, WS_DATA_TYPE_TEXT, utf8.data(), utf8.size(), flags);
    }
    ws4d::result<> try_send_blob(bytes_view bytes, std::uint32_t flags = 0) const noexcept {
        return ws_reconnector_send(r_, WS_DATA_TYPE_BLOB, bytes.data(), bytes.size(), flags);
    }
    ws4d::result<> try_send_object(std::string_view json, std::uint32_t flags = 0) const noexcept {
        return ws_reconnector_send(r_, WS_DATA_TYPE_OBJECT, json.data(), json.size(), flags);
    }
    /** Ends the wait for the next attempt. WS_ERR_CLOSED once the reconnector is over. */
    void retry_now() const { try_retry_now().value(); }
    ws4d::result<> try_retry_now() const noexcept { return ws_reconnector_retry_now(r_); }
    /** Ends the reconnector for good, and its connection as socket_ref::terminate() does. `on_end` follows. */
    void terminate(std::int32_t code = 1000, const std::string &reason = {}) const { try_terminate(code, reason).value(); }
    ws4d::result<> try_terminate(std::int32_t code = 1000, const std::string &reason = {}) const noexcept {
        if (reason.find('\0') != reason.npos)
            return WS_ERR_INVALID_ARGUMENT;
        return ws_reconnector_terminate(r_, code, reason.c_str());
    }

    /** The present socket, for everything else that a socket can do; empty between two connections. */
    socket_ref socket() const noexcept { return socket_ref(ws_reconnector_get_socket(r_)); }
    /** Connecting while it waits or connects; closed once it is over. */
    ws_status status() const noexcept { return ws_reconnector_get_status(r_); }
    /** The number of attempts since the last stable connection. */
    std::uint32_t attempts() const noexcept { return ws_reconnector_get_attempts(r_); }
    /** How many of its connections were opened. */
    std::uint32_t connections() const noexcept { return ws_reconnector_get_connections(r_); }
    /** What its sockets have counted together. */
    ws_stats stats() const { return try_stats().value(); }
    ws4d::result<ws_stats> try_stats() const {
        ws_stats stats = WS_STATS_INIT;
        const ws_result code = ws_reconnector_get_stats(r_, &stats);
        if (code != WS_OK)
            return ws4d::error(code);
        return stats;
    }

protected:
    ws_reconnector *r_ = nullptr;
};

/**
 * When a reconnector tries again, and when it gives up, with the defaults of WS_RECONNECT_POLICY_INIT;
 * ws_reconnect_policy says what each field means. It is copied or moved into the reconnector. Times that are negative
 * or too long are WS_ERR_INVALID_ARGUMENT.
 *
 * The functions run where the socket's callbacks run, and never at the same time as one of them. Exceptions out of them
 * go the same way, and the answer is then the same as if the function were not there.
 */
struct reconnect_policy {
    std::chrono::milliseconds base_delay = from(&ws_reconnect_policy::base_delay_ms);
    std::chrono::milliseconds max_delay = from(&ws_reconnect_policy::max_delay_ms);
    std::chrono::milliseconds min_delay = from(&ws_reconnect_policy::min_delay_ms);
    std::chrono::milliseconds stable = from(&ws_reconnect_policy::stable_ms);
    /** 0: no limit. */
    std::chrono::milliseconds max_time = from(&ws_reconnect_policy::max_time_ms);
    std::chrono::milliseconds max_retry_after = from(&ws_reconnect_policy::max_retry_after_ms);
    /** 0: no limit. */
    std::uint32_t max_attempts = 0;
    /** How many bytes of messages are kept while there is no connection. Each message counts its bytes plus 64. */
    std::size_t queue_size = 0;
    /** The server's close codes after which it gives up. */
    std::vector<std::uint16_t> final_codes = {};
    /**
     * Is called before each attempt. It may change the options, which are a copy for this attempt that ends with the
     * call. It returns the URL for this attempt and those after it; an empty text leaves the URL as it is. `attempt` is
     * 0 for the very first attempt, otherwise its number since the last stable connection, counted from 1.
     */
    std::function<std::string(reconnector_ref, options &, std::uint32_t attempt)> on_attempt = {};
    /** Is called when a connection or an attempt has ended and another one will follow. */
    std::function<void(reconnector_ref, const reconnect_info &)> on_reconnect = {};
    /**
     * Is called when no other attempt will follow; `end` says why. It comes exactly once, unless the reconnector is
     * destroyed before.
     */
    std::function<void(reconnector_ref, const reconnect_info &)> on_end = {};
    /** Decides whether the end of a connection or an attempt is final. `end` has the default decision. */
    std::function<bool(reconnector_ref, const reconnect_info &)> is_final = {};

private:
    static std::chrono::milliseconds from(std::uint32_t ws_reconnect_policy::*field) noexcept {
        const ws_reconnect_policy defaults = WS_RECONNECT_POLICY_INIT;
        return std::chrono::milliseconds(defaults.*field);
    }
};

namespace detail {

/** What a reconnector shares with its callbacks. */
struct reconnector_owner : owner {
    reconnector_owner(ws4d::handlers &&h, std::shared_ptr<dispatcher_state> d, reconnect_policy &&p)
        : owner(std::move(h), std::move(d)), policy(std::move(p)) {}
    reconnect_policy policy;
    /** What on_attempt has returned, for the library to copy. */
    std::string url;
};

} // namespace detail

/**
 * A connection that reconnects, owned; see ws_reconnector_new(). It can do everything that a reconnector_ref can. Each
 * connection calls the handlers in a socket's order. Its socket belongs to the library.
 *
 * Once it is destroyed, it and its connection have ended by the rules of a socket: no callback of the handlers or of
 * the policy runs any more. To end it politely, call terminate() and wait for on_end.
 */
class reconnector : public detail::owned<reconnector_ref, detail::reconnector_owner> {
public:
    /** An empty reconnector. */
    reconnector() noexcept = default;
    /**
     * Returns at once; the first attempt is made where the callbacks run. Any thread may call it, also in callbacks.
     */
    explicit reconnector(std::string_view url, ws4d::handlers handlers = {}, reconnect_policy policy = {},
                         const ws4d::options &options = options::defaults())
        : reconnector(make(url, {}, std::move(handlers), std::move(policy), options).value()) {}
    reconnector(std::string_view url, dispatcher &on, ws4d::handlers handlers = {}, reconnect_policy policy = {},
                const ws4d::options &options = options::defaults())
        : reconnector(make(url, {on.state_, false}, std::move(handlers), std::move(policy), options).value()) {}
    static ws4d::result<reconnector> try_open(std::string_view url, ws4d::handlers handlers = {}, reconnect_policy policy = {},
                                              const ws4d::options &options = options::defaults()) {
        return make(url, {}, std::move(handlers), std::move(policy), options);
    }
    static ws4d::result<reconnector> try_open(std::string_view url, dispatcher &on, ws4d::handlers handlers = {}, reconnect_policy policy = {},
                                              const ws4d::options &options = options::defaults()) {
        return make(url, {on.state_, false}, std::move(handlers), std::move(policy), options);
    }

private:
    using owner = detail::reconnector_owner;
    reconnector(reconnector_ref token, std::shared_ptr<owner> keep) noexcept : owned(token, std::move(keep)) {}

    static ws4d::result<reconnector> make(std::string_view url, detail::place place, ws4d::handlers handlers, reconnect_policy policy,
                                          const ws4d::options &options) {
        if (std::optional<ws4d::error> wrong = unusable(url, place, options.unusable()))
            return *std::move(wrong);
        const std::string copied(url);
        auto keep = std::make_shared<owner>(std::move(handlers), std::move(place.dispatcher), std::move(policy));
        const std::optional<ws_reconnect_policy> in_c = translated(keep->policy);
        if (!in_c)
            return ws4d::error(WS_ERR_INVALID_ARGUMENT, "a time of the policy is negative or too long");
        keep->socket_fn = options.socket_fn_;
        keep->self = keep;
        const ws_handler handler = keep->handler();
        detail::level here(keep->dispatcher.get(), false);
        ws_errors *errors = nullptr;
        ws_reconnector *r = ws_reconnector_new(copied.c_str(), &handler, options.get(), &*in_c, &errors);
        if (r == nullptr) {
            ws4d::error failure = detail::owned_error(errors);
            here.rethrow();
            return failure;
        }
        reconnector made(reconnector_ref(r), std::move(keep));
        here.rethrow();
        return made;
    }

    static std::optional<ws_reconnect_policy> translated(const reconnect_policy &policy) {
        ws_reconnect_policy c = WS_RECONNECT_POLICY_INIT;
        const std::pair<std::chrono::milliseconds, std::uint32_t *> times[] = {
            {policy.base_delay, &c.base_delay_ms}, {policy.max_delay, &c.max_delay_ms}, {policy.min_delay, &c.min_delay_ms},
            {policy.stable, &c.stable_ms},         {policy.max_time, &c.max_time_ms},   {policy.max_retry_after, &c.max_retry_after_ms},
        };
        for (const auto &[time, field] : times) {
            const std::optional<std::uint32_t> ms = detail::span_of(time);
            if (!ms)
                return std::nullopt;
            *field = *ms;
        }
        c.max_attempts = policy.max_attempts;
        c.queue_size = policy.queue_size;
        c.final_codes = policy.final_codes.data();
        c.final_code_count = static_cast<std::uint32_t>(policy.final_codes.size());
        c.on_attempt = policy.on_attempt ? &attempt : nullptr;
        c.on_reconnect = policy.on_reconnect ? &tell<&reconnect_policy::on_reconnect> : nullptr;
        c.on_end = policy.on_end ? &tell<&reconnect_policy::on_end> : nullptr;
        c.is_final = policy.is_final ? &decide : nullptr;
        return c;
    }

    static const char *attempt(ws_reconnector *r, ws_options *o, std::uint32_t number, void *user_data) {
        const char *url = nullptr;
        owner::enter<owner>(user_data, [&](owner &keep) {
            ws4d::options copy(o, false);
            keep.url = keep.policy.on_attempt(reconnector_ref(r), copy, number);
            url = keep.url.empty() ? nullptr : keep.url.c_str();
        });
        return url;
    }
    template <std::function<void(reconnector_ref, const reconnect_info &)> reconnect_policy::*Which>
    static void tell(ws_reconnector *r, const ws_reconnect_info *info, void *user_data) {
        owner::enter<owner>(user_data, [&](owner &keep) { (keep.policy.*Which)(reconnector_ref(r), translated(*info)); });
    }
    static std::int32_t decide(ws_reconnector *r, const ws_reconnect_info *info, void *user_data) {
        bool is_final = false;
        owner::enter<owner>(user_data, [&](owner &keep) { is_final = keep.policy.is_final(reconnector_ref(r), translated(*info)); });
        return is_final ? 1 : 0;
    }
    static reconnect_info translated(const ws_reconnect_info &info) {
        const bool has_errors = info.size >= offsetof(ws_reconnect_info, errors) + sizeof info.errors;
        return {info.attempt,   std::chrono::milliseconds(info.delay_ms),      static_cast<ws_result>(info.result),
                info.code,      info.http_status,                              static_cast<ws_reconnect_end>(info.end),
                ws4d::errors(has_errors ? info.errors : nullptr)};
    }
};

// ------------------------------------------------------------------------------------------------------------ the process

/**
 * Receives the lines of the log at `level` and above as long as it lives, beside the program's own function and all
 * other receivers. It is owned and can be moved. The function may run on any thread, on several at once, and inside any
 * call of the library. It may call only functions of the library that return names, and an exception out of it ends the
 * process. Do not make or destroy a receiver inside a log function.
 */
class log_receiver {
public:
    using function = std::function<void(ws_log_level level, std::string_view component, std::string_view message)>;

    log_receiver() noexcept = default;
    log_receiver(ws_log_level level, function receiver) : receive_(std::make_unique<function>(std::move(receiver))) {
        const ws_log_fn line = [](std::int32_t l, const char *component, const char *message, void *user_data) {
            const function &receive = *static_cast<function *>(user_data);
            detail::protect([&] { receive(static_cast<ws_log_level>(l), detail::text(component), detail::text(message)); },
                            [] { std::terminate(); });
        };
        id_ = ws_add_log(level, line, receive_.get());
        if (id_ == 0)
            detail::raise(ws4d::error(WS_ERR_OUT_OF_MEMORY));
    }
    log_receiver(log_receiver &&other) noexcept : receive_(std::move(other.receive_)), id_(std::exchange(other.id_, 0)) {}
    log_receiver &operator=(log_receiver &&other) noexcept {
        log_receiver moved(std::move(other));
        std::swap(receive_, moved.receive_);
        std::swap(id_, moved.id_);
        return *this;
    }
    /** Once it returns, the function does not run any more. */
    ~log_receiver() {
        if (id_ != 0)
            ws_remove_log(id_);
    }

private:
    std::unique_ptr<function> receive_;
    std::uint32_t id_ = 0;
};

/** The version of the library that runs; WS4D_VERSION_STRING is the version of the headers. */
inline std::string_view version() noexcept { return ws_version_string(); }

/**
 * How many I/O threads there are, and how many bytes of stack each of them has. Call these before the first socket, or
 * after shutdown().
 */
inline void set_io_threads(std::uint32_t n) { result<>(ws_set_io_threads(n)).value(); }
inline void set_io_thread_stack(std::size_t bytes) { result<>(ws_set_io_thread_stack(bytes)).value(); }

/** Counts one more user of the library, for plug-ins; shutdown() counts one down. */
inline void startup() { result<>(ws_startup()).value(); }
inline result<> try_startup() noexcept { return ws_startup(); }
/**
 * Ends all sockets and joins all threads of the library. Objects stay valid until they are destroyed. Do not call it
 * inside a callback. WS_ERR_TIMEOUT means that a callback on an I/O thread has not returned in time: call it again.
 */
inline void shutdown(std::chrono::milliseconds timeout = no_timeout) { result<>(ws_shutdown(detail::timeout(timeout))).value(); }
inline result<> try_shutdown(std::chrono::milliseconds timeout = no_timeout) noexcept { return ws_shutdown(detail::timeout(timeout)); }

/** Converts between UTF-8 and UTF-16. What is not valid becomes U+FFFD. */
inline std::u16string to_utf16(std::string_view utf8) {
    std::u16string out(ws_utf16_from_utf8(utf8.data(), utf8.size(), nullptr, 0), u'\0');
    ws_utf16_from_utf8(utf8.data(), utf8.size(), reinterpret_cast<std::uint16_t *>(out.data()), out.size());
    return out;
}
inline std::string to_utf8(std::u16string_view utf16) {
    std::string out(ws_utf8_from_utf16(detail::units(utf16), utf16.size(), nullptr, 0), '\0');
    ws_utf8_from_utf16(detail::units(utf16), utf16.size(), out.data(), out.size());
    return out;
}

} // namespace ws4d

/** Allows sockets to be the keys of a map. */
template <> struct std::hash<ws4d::socket_ref> {
    std::size_t operator()(const ws4d::socket_ref &ws) const noexcept { return std::hash<const void *>()(ws.get()); }
};

#endif // WS4D_HPP
