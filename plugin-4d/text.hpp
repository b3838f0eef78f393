// Texts between the host, which has UTF-16, and those functions of the library that take UTF-8.
#ifndef WS4D_PLUGIN_TEXT_HPP
#define WS4D_PLUGIN_TEXT_HPP

#include "host.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plugin {

/** A text as the library's UTF-16 functions take it. */
const std::uint16_t *units(const host::text &text) noexcept;

/** UTF-8; a lone surrogate becomes U+FFFD. */
std::string utf8(const host::text &text);

/** UTF-8 that says exactly what the text says; nothing where it has a lone surrogate, or a NUL, which C would cut it at. */
std::optional<std::string> exact_utf8(const host::text &text);

host::text text_of(std::string_view utf8);
/** Of a C string of the library; empty for NULL. */
host::text text_of(const char *utf8);
host::text text_of(const std::uint16_t *units, std::size_t count);

} // namespace plugin

#endif
