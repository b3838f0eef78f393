#include "text.hpp"

#include <ws4d.h>

namespace plugin {

namespace {

bool leads(char16_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool trails(char16_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

bool exact(const host::text &text) {
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == 0 || trails(text[i]))
            return false;
        if (leads(text[i]) && (++i == text.size() || !trails(text[i])))
            return false;
    }
    return true;
}

} // namespace

const std::uint16_t *units(const host::text &text) noexcept {
    return reinterpret_cast<const std::uint16_t *>(text.data());
}

std::string utf8(const host::text &text) {
    std::string out(ws_utf8_from_utf16(units(text), text.size(), nullptr, 0), '\0');
    ws_utf8_from_utf16(units(text), text.size(), out.data(), out.size());
    return out;
}

std::optional<std::string> exact_utf8(const host::text &text) {
    if (!exact(text))
        return std::nullopt;
    return utf8(text);
}

host::text text_of(std::string_view utf8) {
    host::text out(ws_utf16_from_utf8(utf8.data(), utf8.size(), nullptr, 0), u'\0');
    ws_utf16_from_utf8(utf8.data(), utf8.size(), reinterpret_cast<std::uint16_t *>(out.data()), out.size());
    return out;
}

host::text text_of(const char *utf8) { return utf8 == nullptr ? host::text() : text_of(std::string_view(utf8)); }

host::text text_of(const std::uint16_t *units, std::size_t count) { return host::text(units, units + count); }

} // namespace plugin
