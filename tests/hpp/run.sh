#!/usr/bin/env bash
# The C++ header: compiles tests/hpp/*.cpp as C++17, 20 and 23 with every warning, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and runs them; they print nothing. Then what a compiler has to refuse or to take: without exceptions,
# and tests/hpp/unwind, which ends threads and the process on purpose.
# usage: run.sh FOLDER_OF_THE_LIBRARY TEST_SERVER [PART_OF_A_NAME...]
set -euo pipefail
folder=$(realpath "$1")
server=$(realpath "$2")
shift 2
cd "$(dirname "$0")/../.."
out=$PWD/build/hpp-tests
mkdir -p "$out"

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
WS4D_TEST_WS=$(field ws_url)
WS4D_TEST_WSS=$(field wss_url)
WS4D_TEST_CA=$(field ca)
export WS4D_TEST_WS WS4D_TEST_WSS WS4D_TEST_CA

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual
    -Wcast-qual -Wcast-align -Wnull-dereference -Wformat=2 -Wextra-semi -Wundef -Wmissing-declarations
    -Wzero-as-null-pointer-constant -Wdouble-promotion -Wimplicit-fallthrough -Wredundant-move -Wpessimizing-move -Werror)
# Those that only gcc has.
${CXX:-c++} --version | grep -qi clang || warnings+=(-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast)
sanitizers=(-fsanitize=address,undefined -fno-sanitize-recover=all)
compile() { # standard, source, object
    ${CXX:-c++} -std="c++$1" -g1 "${warnings[@]}" "${sanitizers[@]}" -Iinclude -c -o "$3" "$2"
}
link() { # program, object...
    ${CXX:-c++} "${sanitizers[@]}" -o "$@" "$folder/libws4d.so" -pthread "-Wl,-rpath,$folder"
}
play() { # title, program, what it is given...
    echo "  $1"
    local status=0
    timeout --kill-after=10 100 "${@:2}" > "$out/output" 2>&1 || status=$?
    [ $status -eq 0 ] && [ ! -s "$out/output" ] && return
    cat "$out/output" >&2
    echo "hpp: $1 ended with $status" >&2
    exit 1
}

sources=(tests/hpp/*.cpp)
for standard in 17 20 23; do
    running=()
    objects=()
    for source in "${sources[@]}"; do
        objects+=("$out/$(basename "$source" .cpp)-$standard.o")
        compile "$standard" "$source" "${objects[-1]}" &
        running+=($!)
        [ ${#running[@]} -lt "$(nproc)" ] || { wait "${running[0]}" && running=("${running[@]:1}"); }
    done
    for job in "${running[@]}"; do wait "$job"; done
    link "$out/tests-$standard" "${objects[@]}"
    play "tests/hpp, C++$standard" "$out/tests-$standard" "$@"
done
