#include "values.hpp"

#include <array>
#include <cstdio>

namespace stand_in {

host::value object::get(const host::text &name) const {
    for (const auto &[key, v] : properties_)
        if (key == name)
            return v;
    return host::undefined();
}

void object::set(const host::text &name, host::value v) {
    for (auto &[key, old] : properties_) {
        if (key == name) {
            old = std::move(v);
            return;
        }
    }
    properties_.emplace_back(name, std::move(v));
}

std::vector<host::text> object::keys() const {
    std::vector<host::text> all;
    for (const auto &property : properties_)
        all.push_back(property.first);
    return all;
}

namespace {

host::text ascii(const char *text) {
    host::text out;
    for (; *text != '\0'; text++)
        out.push_back(static_cast<char16_t>(*text));
    return out;
}

host::text quoted(const host::text &text) {
    host::text out = u"\"";
    for (const char16_t unit : text) {
        if (unit == u'"' || unit == u'\\') {
            out.push_back(u'\\');
            out.push_back(unit);
        } else if (unit < 0x20) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(unit));
            out += ascii(escape.data());
        } else {
            out.push_back(unit);
        }
    }
    return out + u"\"";
}

host::text number(double n) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.15g", n);
    return ascii(digits.data());
}

struct writer {
    host::text operator()(host::undefined) const { return u"null"; }
    host::text operator()(host::null) const { return u"null"; }
    host::text operator()(bool b) const { return b ? u"true" : u"false"; }
    host::text operator()(double n) const { return number(n); }
    host::text operator()(const host::text &text) const { return quoted(text); }
    host::text operator()(const host::blob &) const { return u"\"[object Blob]\""; }
    host::text operator()(const host::function_ref &) const { return u"\"[object Function]\""; }
    host::text operator()(const host::instance_ref &) const { return u"\"[object]\""; }
    host::text operator()(const host::object_ref &object) const {
        host::text out = u"{";
        for (const host::text &key : object->keys())
            out += (out.size() > 1 ? u"," : u"") + quoted(key) + u":" + stringify(object->get(key));
        return out + u"}";
    }
    host::text operator()(const host::collection_ref &all) const {
        host::text out = u"[";
        for (std::size_t i = 0; i < all->length(); i++)
            out += (i > 0 ? u"," : u"") + stringify(all->at(i));
        return out + u"]";
    }
};

} // namespace

host::text stringify(const host::value &v) { return std::visit(writer(), v); }

} // namespace stand_in
