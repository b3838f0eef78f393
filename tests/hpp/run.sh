#!/usr/bin/env bash
# The C++ header: compiles tests/hpp/*.cpp as C++17, 20 and 23 with every warning, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and runs them: they print nothing. Beside them a program without exceptions, and one that ends
# threads and processes on purpose.
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
${CXX:-c++} --version | grep -i clang > /dev/null || warnings+=(-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast)
sanitizers=(-fsanitize=address,undefined -fno-sanitize-recover=all)
# One translation unit: most of a compiler's time here goes into the headers.
printf '#include "%s"\n' "$PWD"/tests/hpp/*.cpp > "$out/all.cpp"

compile() { # standard, program, source, option...
    ${CXX:-c++} -std="c++$1" -g1 "${warnings[@]}" "${@:4}" -Iinclude -o "$out/$2" "$3" "$folder/libws4d.so" -pthread "-Wl,-rpath,$folder"
}
play() { # title, program, what it is given...
    echo "  $1"
    local status=0
    timeout --kill-after=10 100 "${@:2}" > "$2.said" 2>&1 || status=$?
    [ $status -eq 0 ] && [ ! -s "$2.said" ] && return
    cat "$2.said" >&2
    echo "hpp: $1 ended with $status" >&2
    return 1
}

jobs=()
for standard in 17 20 23; do
    compile $standard "tests-$standard" "$out/all.cpp" "${sanitizers[@]}" &
    jobs+=($!)
done
# Results instead of exceptions are enough for a program that has none.
compile 17 no-exceptions tests/hpp/no_exceptions/main.cpp -fno-exceptions
play "tests/hpp/no_exceptions" "$out/no-exceptions"
# It ends threads and processes on purpose, in which a sanitizer would see leaks.
compile 17 unwind tests/hpp/unwind/main.cpp
play "tests/hpp/unwind" "$out/unwind"
for standard in 17 20 23; do
    wait "${jobs[0]}"
    jobs=("${jobs[@]:1}")
    play "tests/hpp, C++$standard" "$out/tests-$standard" "$@"
done
