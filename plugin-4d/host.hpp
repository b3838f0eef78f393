// What a plug-in gets from 4D, as far as the plug-in needs it: the calls of 4D's Plug-in SDK (`PA_…`, github.com/4d/4D-Plugin-SDK)
// behind one interface. An adapter to the SDK implements it in 4D; `stand_in/` implements it for the tests. Each comment names
// the call of the SDK, or the command that PA_ExecuteCommandByID runs.
//
// Every function of `services`, and every object made by it, is for the host's own processes: 4D must never be called from
// a thread that is not one of its processes, and the library's threads are none.
#ifndef WS4D_PLUGIN_HOST_HPP
#define WS4D_PLUGIN_HOST_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace host {

class object;
class collection;
class function;
class instance;

using text = std::u16string;              // PA_Unistring: UTF-16 that nobody has judged
using blob = std::vector<unsigned char>;  // PA_Blob
using object_ref = std::shared_ptr<object>;
using collection_ref = std::shared_ptr<collection>;
using function_ref = std::shared_ptr<function>;
using instance_ref = std::shared_ptr<instance>;

struct undefined {};
struct null {};

/** PA_Variable. */
using value = std::variant<undefined, null, bool, double, text, blob, object_ref, collection_ref, function_ref, instance_ref>;
using parameters = std::vector<value>;

/** Whether a parameter or a property was not given. */
inline bool omitted(const value &v) { return std::holds_alternative<undefined>(v) || std::holds_alternative<null>(v); }

/** PA_ObjectRef. Functions of a class are properties, too. */
class object {
public:
    virtual ~object() = default;
    /** PA_GetObjectProperty; `undefined` where there is none. */
    virtual value get(const text &name) const = 0;
    /** PA_SetObjectProperty. */
    virtual void set(const text &name, value v) = 0;
    /** The command OB Keys. */
    virtual std::vector<text> keys() const = 0;
};

/** PA_CollectionRef. */
class collection {
public:
    virtual ~collection() = default;
    /** PA_GetCollectionLength. */
    virtual std::size_t length() const = 0;
    /** PA_GetCollectionElement. */
    virtual value at(std::size_t i) const = 0;
    /** PA_SetCollectionElement, behind the last one. */
    virtual void push(value v) = 0;
};

/** A 4D.Function: a formula, or a function of a class. */
class function {
public:
    virtual ~function() = default;
};

/**
 * An object whose properties and functions are the plug-in's. The SDK lets a plug-in have commands, not classes: in 4D a class of
 * a component stands before it, which keeps a reference and hands each name on to a command.
 */
class instance {
public:
    virtual ~instance() = default;
    /** A property; `undefined` where there is none of that name. */
    virtual value get(const text &name) = 0;
    /** A function; `undefined` where it returns nothing. An unknown name, or wrong parameters, is an error of the process. */
    virtual value call(const text &name, const parameters &with) = 0;
};

/** Where 4D code runs: a process, or a form that it shows. */
struct context {
    std::int32_t process = 0;
    /** Of a form its window, else 0. */
    std::int32_t window = 0;

    friend bool operator<(const context &a, const context &b) {
        return std::tie(a.process, a.window) < std::tie(b.process, b.window);
    }
    friend bool operator==(const context &a, const context &b) { return a.process == b.process && a.window == b.window; }
    friend bool operator!=(const context &a, const context &b) { return !(a == b); }
};

class services {
public:
    virtual ~services() = default;

    /** The context of the code that has called the plug-in: PA_GetCurrentProcessNumber, the command Current form window. */
    virtual context current() = 0;
    /** Whether the current process has a thread of its own, which may wait; a cooperative one holds up all others. Process info. */
    virtual bool preemptive() = 0;
    /** Whether the current process is to end: PA_IsProcessDying. No 4D code is run in it any more. */
    virtual bool dying() = 0;
    /** Lets other processes run, for at most a tick (a 60th of a second): PA_PutProcessToSleep. */
    virtual void idle() = 0;
    /** PA_NewProcess. False where the host starts none; the code does not run then. */
    virtual bool start_process(const text &name, std::function<void()> code) = 0;
    /**
     * Has the plug-in's `pump` called in a context, once that listens: the command CALL WORKER, or CALL FORM where there is
     * a window. Where the context is gone nothing happens.
     */
    virtual void post(const context &where) = 0;

    /** Runs a function in the current context: PA_ExecuteObjectMethod, with `self` as This. */
    virtual void call(const function_ref &what, const object_ref &self, const parameters &with) = 0;
    /**
     * Adds errors to the stack of the current process, which its ON ERR CALL method finds when the plug-in has returned: the
     * command throw, deferred. Each is an object with `errCode`, `message` and `componentSignature`; the first is the one to read.
     */
    virtual void raise(const collection_ref &errors) = 0;

    /** PA_CreateObject. */
    virtual object_ref new_object() = 0;
    /** PA_CreateCollection. */
    virtual collection_ref new_collection() = 0;
    /** PA_JsonStringify. */
    virtual text json_stringify(const object_ref &what) = 0;
};

} // namespace host

#endif
