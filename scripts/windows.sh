#!/usr/bin/env bash
# Builds ws4d.dll for 64-bit Windows on a Debian machine, checks what it exports and needs, and plays the tests with it
# under wine. Everything that is made goes to build/windows.
# usage: windows.sh [build|c-tests|examples|plugin|rust-tests|conformance]...       (without one: all but conformance, which takes long)
# WS4D_WINDOWS_PROFILE=debug builds the DLL faster; WS4D_WINDOWS_TESTS="frames pull" plays only these of cargo's tests; CASES="1.* 5.15"
# only these of Autobahn's cases.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
out=$root/build/windows
target=x86_64-pc-windows-gnu
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(build c-tests examples plugin rust-tests)
symbols() { awk '!/^#/ { print $1 }' include/ws4d.symbols; }
is_wanted() { [[ " ${steps[*]} " == *" $1 "* ]]; }
say() { printf '\n== windows: %s\n' "$*"; }

# Debian's compiler, because its source of the standard library comes with it; rustup's needs a download for each target.
platform=windows
source scripts/targets.sh
install_missing rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64-posix g++-mingw-w64-x86-64-posix wine64 wine llvm-19
mkdir -p "$out/bin" "$out/tests"

# A sysroot of our own: Debian's, and the two objects that begin and end each program of this target.
sysroot=$out/sysroot/lib/rustlib
if [ ! -e "$out/sysroot/done" ]; then
    rm -rf "$out/sysroot"
    mkdir -p "$sysroot/$target/lib"
    ln -s /usr/lib/rustlib/src "$sysroot/src"
    ln -s /usr/lib/rustlib/x86_64-unknown-linux-gnu "$sysroot/x86_64-unknown-linux-gnu"
    [ ! -e /usr/lib/rustlib/etc ] || ln -s /usr/lib/rustlib/etc "$sysroot/etc"
    cat > "$out/rustc" << END
#!/bin/sh
exec /usr/bin/rustc --sysroot "$out/sysroot" "\$@"
END
    chmod +x "$out/rustc"
    for name in rsbegin rsend; do
        RUSTC_BOOTSTRAP=1 "$out/rustc" --target $target --emit obj --crate-type lib -C panic=abort \
            -o "$sysroot/$target/lib/$name.o" "/usr/lib/rustlib/src/rust/library/rtstartup/$name.rs"
    done
    touch "$out/sysroot/done"
fi

# The server of the C tests runs beside wine, on this machine.
cargo build --quiet --package ws4d-test-server
server=${CARGO_TARGET_DIR:-target}/debug/ws4d-test-server

gcc=x86_64-w64-mingw32-gcc-posix
export RUSTC=$out/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$out/target
export CC_x86_64_pc_windows_gnu=$gcc CXX_x86_64_pc_windows_gnu=x86_64-w64-mingw32-g++-posix AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=$root/scripts/windows/gcc
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$root/scripts/windows/run
export WINEDEBUG=${WINEDEBUG:--all} WINEPREFIX=$out/wine WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="
unset RUSTUP_TOOLCHAIN
cargo() {
    local command=$1
    shift
    /usr/bin/cargo "$command" -Zbuild-std=std,panic_unwind --target $target "$@"
}
profile=${WS4D_WINDOWS_PROFILE:-release}
library=$out/target/$target/$profile

# Wine before 9 lacks a DLL that the standard library's hash maps ask for their keys.
if [ ! -e "$out/bin/bcryptprimitives.dll" ]; then
    $gcc -shared -O2 -o "$out/bin/bcryptprimitives.dll" scripts/windows/bcryptprimitives.c -ladvapi32 -static-libgcc
fi

if is_wanted build; then
    say "builds ws4d.dll ($profile)"
    version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
    x86_64-w64-mingw32-windres -D "VERSION_NUMBERS=${version//./,},0" -D "VERSION_TEXT=\\\"$version\\\"" \
        packaging/windows/ws4d.rc "$out/version.o"
    library_of() { # program and its first arguments...
        "$@" --package ws4d --lib -Zbuild-std=std,panic_unwind --target $target -- -C "link-arg=$out/version.o" 2>&1 | tail -40
    }
    case $profile in
        release) WS4D_CARGO=/usr/bin/cargo library_of scripts/release.sh rustc ;;
        *) library_of /usr/bin/cargo rustc ;;
    esac
    # What a debugger wants stands beside the DLL, and is found by the name that the DLL has of it.
    x86_64-w64-mingw32-objcopy --only-keep-debug "$library/ws4d.dll" "$out/bin/ws4d.dll.debug"
    x86_64-w64-mingw32-objcopy --strip-all "$library/ws4d.dll" "$out/ws4d.dll"
    (cd "$out/bin" && x86_64-w64-mingw32-objcopy --add-gnu-debuglink=ws4d.dll.debug ../ws4d.dll)
    mv "$out/ws4d.dll" "$out/bin/"
    say "checks what it says of itself, exports and needs"
    llvm-readobj-19 --coff-resources "$out/bin/ws4d.dll" | grep 'Type: VERSION' > /dev/null || { echo "windows: the DLL has no version" >&2; exit 1; }
    # A module definition for Microsoft's linker, and an import library for both kinds of linkers.
    { echo 'LIBRARY ws4d.dll'; echo 'EXPORTS'; symbols | sed 's/^/    /'; } > "$out/bin/ws4d.def"
    llvm-dlltool-19 -m i386:x86-64 -d "$out/bin/ws4d.def" -D ws4d.dll -l "$out/bin/ws4d.lib"
    cp "$out/bin/ws4d.lib" "$out/bin/libws4d.dll.a"
    llvm-readobj-19 --coff-exports "$out/bin/ws4d.dll" | sed -n 's/^ *Name: *\(.*\)/\1/p' | sort > "$out/exports"
    symbols | sort | diff - "$out/exports" || { echo "windows: the DLL exports something else than ws4d.symbols" >&2; exit 1; }
    llvm-readobj-19 --coff-imports "$out/bin/ws4d.dll" | sed -n 's/^ *Name: *\(.*\)/\1/p' | sort -fu > "$out/needs"
    while read -r name; do
        grep -qixF "$name" scripts/windows/system-dlls || { echo "windows: the DLL needs $name, which is not in scripts/windows/system-dlls" >&2; exit 1; }
    done < "$out/needs"
    echo "exports $(wc -l < "$out/exports") functions, needs only $(paste -sd' ' "$out/needs")"
    address=$(x86_64-w64-mingw32-nm "$library/ws4d.dll" | awk '$3 == "ws_send_text" { print "0x" $1 }')
    llvm-symbolizer-19 --obj="$out/bin/ws4d.dll.debug" "$address" | grep 'src/send\.rs:' > /dev/null ||
        { echo "windows: ws4d.dll.debug does not say where ws_send_text is" >&2; exit 1; }
    if [ "$profile" = release ] && strings "$out/bin/ws4d.dll" "$out/bin/ws4d.dll.debug" | grep -F -e "$root/" -e "$HOME/" > "$out/places"; then
        echo "windows: the DLL says where it was made:" >&2
        head -5 "$out/places" >&2
        exit 1
    fi
    if llvm-readobj-19 --sections --symbols "$out/bin/ws4d.dll" | grep -E 'Name: (\.debug_|ws_send_text)' > /dev/null; then
        echo "windows: the DLL is not stripped" >&2
        exit 1
    fi
    stat --format '%s bytes %n' "$out/bin/ws4d.dll" "$out/bin/ws4d.dll.debug"
fi
# Starts the server, and tells the programs under wine where it is; it ends with its input, a pipe from here.
serve() {
    coproc SERVER { exec "$server" --until-stdin-closes; }
    read -r ready <&"${SERVER[0]}"
    field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
    WS4D_TEST_WS=$(field ws_url) WS4D_TEST_WSS=$(field wss_url) WS4D_TEST_CA=Z:$(field ca)
    export WS4D_TEST_WS WS4D_TEST_WSS WS4D_TEST_CA
}
compile() { # program, source
    local flags=(-O1 -g -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude)
    $gcc "${flags[@]}" -o "$1" "$2" "$out/bin/libws4d.dll.a" -static -lpthread -luser32 -lws2_32 && cp "$1" "$out/bin/"
}
failures=()
play() { # title, program, arguments...
    local title=$1 status=0
    shift
    echo "  $title"
    timeout --kill-after=10 300 scripts/windows/run "$@" > "$out/output" 2>&1 || status=$?
    [ $status -eq 0 ] && return
    cat "$out/output" >&2
    echo "windows: $title ended with $status" >&2
    failures+=("$title")
}

if is_wanted c-tests; then
    say "the C tests, under wine"
    serve
    for source in tests/c/*.c tests/c/windows/*.c; do
        name=$(basename "$source" .c)
        # What is Unix's own: forks, signals, descriptors, a preloaded malloc, /proc, and servers of BSD sockets.
        case $name in
        closed_descriptors | dlclose | dns | ends | guest | hooks | json | lifecycle | no_memory | signal_handler)
            echo "  $source: not here, it is about what only Unix has"
            continue
            ;;
        esac
        compile "$out/tests/$name.exe" "$source"
        play "$source" "$out/bin/$name.exe"
    done
fi
if is_wanted examples; then
    say "the C examples, under wine"
    serve
    for name in hello host_runtime loop_queue win32_loop; do
        compile "$out/tests/$name.exe" "$(find c-examples -name "$name.c")"
    done
    play "hello" "$out/bin/hello.exe" "$WS4D_TEST_WS/echo"
    play "loop_queue" "$out/bin/loop_queue.exe" "$WS4D_TEST_WS/echo"
    play "win32_loop, which waits for an event" "$out/bin/win32_loop.exe" 1 "$WS4D_TEST_WS/echo"
    play "win32_loop, to which it posts" "$out/bin/win32_loop.exe" 2 "$WS4D_TEST_WS/echo"
fi
if is_wanted plugin; then
    say "the core of the 4D plug-in, under wine"
    serve
    printf '#include "%s"\n' "$root"/plugin-4d/*.cpp "$root"/plugin-4d/stand_in/*.cpp "$root"/plugin-4d/tests/*.cpp > "$out/plugin.cpp"
    x86_64-w64-mingw32-g++-posix -std=c++17 -g1 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$out/tests/plugin.exe" "$out/plugin.cpp" \
        "$out/bin/libws4d.dll.a" -static -lpthread
    promises=$(cat plugin-4d/tests/*.cpp | grep -c '^PROMISE(')
    WS4D_TEST_WINE=1 play "$((promises - 1)) of $promises promises: all but wss_is_the_same_class" "$out/tests/plugin.exe"
fi
if is_wanted rust-tests; then
    say "cargo's tests, under wine"
    export WS4D_LIBRARY=Z:${out//\//\\}\\bin\\ws4d.dll
    # Those without what only Unix, or no wine, has: signals, /proc, an error number for a reset, a system that trusts an authority.
    tests="frames handshake grammar_model options close_one dispatcher pull sending back_pressure callbacks compression connect defaults
        digest dispatcher_close error_handler happy_eyeballs inline log nesting next_address parts pause pings redirects release stats
        stop times waiting"
    for test in ${WS4D_WINDOWS_TESTS:-$tests}; do
        echo "  tests/$test"
        cargo test --package ws4d --test "$test" > "$out/$test.log" 2>&1 && grep "test result" "$out/$test.log" || failures+=("$test")
    done
fi
if is_wanted conformance; then
    say "the Autobahn test suite, through the DLL under wine"
    scripts/conformance-setup.sh
    $gcc -O2 -g -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$out/tests/autobahn.exe" tests/conformance/autobahn.c \
        "$out/bin/libws4d.dll.a" -static -lpthread
    # What run.py starts as the client.
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$root/scripts/windows/run" "$out/tests/autobahn.exe" > "$out/autobahn"
    chmod +x "$out/autobahn"
    python3 tests/conformance/run.py --python build/autobahn/python --client "$out/autobahn" --server "$server" \
        --folder "$out/conformance" --header include/ws4d.h --document "$out/conformance.md" --cases "${CASES:-*}" --timeout 3600 ||
        failures+=(conformance)
fi
say "took $((SECONDS - begun)) s"
if [ ${#failures[@]} -gt 0 ]; then
    echo "windows: failed: ${failures[*]}" >&2
    exit 1
fi
