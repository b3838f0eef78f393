#!/usr/bin/env bash
# The core of the 4D plug-in: compiles it with every warning, against the stand-in for 4D, and plays tests/*.cpp against the
# test server, under AddressSanitizer and UndefinedBehaviorSanitizer; or under valgrind, or ThreadSanitizer. They print nothing.
# usage: run.sh [--valgrind | --thread] FOLDER_OF_THE_LIBRARY TEST_SERVER [PART_OF_A_NAME...]
set -euo pipefail
way=--address
case "$1" in --*) way=$1 && shift ;; esac
folder=$(realpath "$1")
server=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."
out=$PWD/build/plugin-4d
mkdir -p "$out"

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
WS4D_TEST_WS=$(field ws_url)
WS4D_TEST_WSS=$(field wss_url)
SSL_CERT_FILE=$(field ca)
export WS4D_TEST_WS WS4D_TEST_WSS SSL_CERT_FILE

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wcast-align -Wnull-dereference -Wformat=2 -Wextra-semi -Wundef -Wmissing-declarations
    -Wzero-as-null-pointer-constant -Wdouble-promotion -Wimplicit-fallthrough -Wredundant-move -Wpessimizing-move -Werror)
# Those that only gcc has.
${CXX:-c++} --version | grep -i clang > /dev/null || warnings+=(-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast)
# One translation unit: most of a compiler's time here goes into the headers.
printf '#include "%s"\n' "$PWD"/plugin-4d/*.cpp "$PWD"/plugin-4d/stand_in/*.cpp "$PWD"/plugin-4d/tests/*.cpp > "$out/all.cpp"

prefix=()
case "$way" in
    --address) options=(-fsanitize=address,undefined -fno-sanitize-recover=all) ;;
    --thread)
        options=(-fsanitize=thread)
        # The library is not instrumented: its locks, which protect the flag that is handed to another thread, are not seen.
        echo "race:plugin::wake_flag::set" > "$out/suppressions"
        export TSAN_OPTIONS=ignore_noninstrumented_modules=1:suppressions=$out/suppressions
        ;;
    --valgrind)
        options=()
        export WS4D_TEST_VALGRIND=1
        prefix=(valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite)
        ;;
    *) echo "plugin-4d: there is no $way" >&2 && exit 2 ;;
esac
program=$out/tests$way
${CXX:-c++} -std=c++17 -g1 "${warnings[@]}" "${options[@]}" -Iinclude -o "$program" "$out/all.cpp" "$folder/libws4d.so" -pthread \
    "-Wl,-rpath,$folder"

echo "  plugin-4d, ${way#--}"
status=0
timeout --kill-after=10 300 "${prefix[@]}" "$program" "$@" > "$out/said" 2>&1 || status=$?
if [ $status -ne 0 ] || [ -s "$out/said" ]; then
    cat "$out/said" >&2
    echo "plugin-4d: ended with $status" >&2
    exit 1
fi
