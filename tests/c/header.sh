#!/usr/bin/env bash
# The headers compile as each language that may include them, with every warning on, alone and twice.
set -euo pipefail
cd "$(dirname "$0")/../.."

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wstrict-aliasing -Werror)
try() { # compiler, language, standard, header
    printf '#include <%s>\n#include <%s>\n' "$4" "$4" |
        "$1" -fsyntax-only "${warnings[@]}" -Iinclude -std="$3" -x "$2" -
}
for standard in c99 c11 c17; do
    try "${CC:-cc}" c "$standard" ws4d.h
done
for standard in c++17 c++20; do
    try "${CXX:-c++}" c++ "$standard" ws4d.h
    if [ -f include/ws4d.hpp ]; then
        try "${CXX:-c++}" c++ "$standard" ws4d.hpp
    fi
done
