#!/usr/bin/env bash
# The headers compile as each language that may include them, with every warning on, alone and twice; each macro can be
# used, not only defined; and the example in the comment is a program.
set -euo pipefail
cd "$(dirname "$0")/../.."

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wstrict-aliasing -Wcast-qual -Werror)
of_c=(-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)
of_cpp=(-Wold-style-cast -Wuseless-cast)
try() { # language, standard: compiles standard input
    case $1 in
        c) "${CC:-cc}" -fsyntax-only "${warnings[@]}" "${of_c[@]}" -Iinclude -std="$2" -x c - ;;
        c++) "${CXX:-c++}" -fsyntax-only "${warnings[@]}" "${of_cpp[@]}" -Iinclude -std="$2" -x c++ - ;;
    esac || {
        echo "header: not as $2, see above" >&2
        exit 1
    }
}
standards=(c:c99 c:c11 c:c17 c++:c++11 c++:c++17 c++:c++20)

for pair in "${standards[@]}"; do
    printf '#include <ws4d.h>\n#include <ws4d.h>\n' | try "${pair%%:*}" "${pair#*:}"
done
if [ -f include/ws4d.hpp ]; then
    for standard in c++17 c++20; do
        printf '#include <ws4d.hpp>\n#include <ws4d.hpp>\n' | try c++ $standard
    done
fi

# One use of each macro, as a host would write it.
uses='#include <ws4d.h>
#if WS4D_VERSION_MAJOR > 0 || WS4D_VERSION_MINOR < 1 || WS4D_VERSION_PATCH < 0 || WS4D_VERSION_NUMBER < 0x000100
#error the version
#endif
int uses(ws_socket *ws);
int uses(ws_socket *ws)
{
    static const ws_handler constant = WS_HANDLER_INIT;
    static const char version[] = "libws4d " WS4D_VERSION_STRING;
    ws_handler handler = WS_HANDLER_INIT;
    ws_stats stats = WS_STATS_INIT;
    ws_close_info info = WS_CLOSE_INFO_INIT;
    ws_tls_info tls = WS_TLS_INFO_INIT;
    ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
    handler.user_data = &handler;
    return constant.size == handler.size && ws_get_stats(ws, &stats) == WS_OK &&
           policy.size > policy.base_delay_ms / 500 && ws_get_tls_info(ws, &tls) == WS_OK && ws_get_close_info(ws, &info) == WS_OK && sizeof version > 1 && ws_send_text(ws, "", WS_NUL_TERMINATED) == WS_OK &&
           ws_send(ws, WS_DATA_TYPE_TEXT, "", 0, WS_SEND_PLAIN) == WS_OK;
}'
for macro in $(sed -n 's/^#define \([A-Za-z0-9_]*\).*/\1/p' include/ws4d.h | grep -v '_H$'); do
    if ! grep -qw "$macro" <<< "$uses"; then
        echo "header: no test uses the macro $macro: add it in $0" >&2
        exit 1
    fi
done
for pair in "${standards[@]}"; do
    try "${pair%%:*}" "${pair#*:}" <<< "$uses"
done

# The example between @code and @endcode.
example=$(sed -n '/@code/,/@endcode/p' include/ws4d.h | sed '1d;$d;s/^ \* \?//')
if ! grep -q 'int main' <<< "$example"; then
    echo "header: the example is gone" >&2
    exit 1
fi
for pair in c:c99 c:c11 c:c17; do
    sed 's/^static void on_message/static void on_message(ws_socket *ws, const ws_event *event, void *user_data);\n&/' <<< "$example" |
        try "${pair%%:*}" "${pair#*:}"
done
