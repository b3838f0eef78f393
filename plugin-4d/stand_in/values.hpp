// Objects, collections and formulas as the stand-in for 4D has them.
#ifndef WS4D_PLUGIN_STAND_IN_VALUES_HPP
#define WS4D_PLUGIN_STAND_IN_VALUES_HPP

#include "../host.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace stand_in {

/** Keeps the order in which its properties were set. */
class object final : public host::object {
public:
    host::value get(const host::text &name) const override;
    void set(const host::text &name, host::value v) override;
    std::vector<host::text> keys() const override;

private:
    std::vector<std::pair<host::text, host::value>> properties_;
};

class collection final : public host::collection {
public:
    std::size_t length() const override { return elements_.size(); }
    host::value at(std::size_t i) const override { return elements_.at(i); }
    void push(host::value v) override { elements_.push_back(std::move(v)); }

private:
    std::vector<host::value> elements_;
};

/** 4D code, as a lambda: This, and the parameters. */
class formula final : public host::function {
public:
    using code = std::function<void(const host::object_ref &self, const host::parameters &with)>;
    explicit formula(code c) : code_(std::move(c)) {}
    void run(const host::object_ref &self, const host::parameters &with) const { code_(self, with); }

private:
    code code_;
};

/** The command JSON Stringify: with no white space. Texts go as they are, lone surrogates too. */
host::text stringify(const host::value &v);

} // namespace stand_in

#endif
