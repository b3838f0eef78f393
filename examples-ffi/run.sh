#!/usr/bin/env bash
# Runs the ticker in each language against the test server: it must print as many quotes as it was asked for, and the end; and where
# nobody listens it must tell the library's own words and fail. Says before it installs anything what that is; a terminal is asked,
# unless WS4D_SETUP_YES is set. What is built is in build/ffi.
# usage: run.sh FOLDER_OF_THE_LIBRARY TEST_SERVER [LANGUAGE...]
set -euo pipefail
folder=$(realpath "${1:?usage: run.sh FOLDER_OF_THE_LIBRARY TEST_SERVER [LANGUAGE...]}")
server=$(realpath "${2:?}")
shift 2
cd "$(dirname "$0")/.."
out=$PWD/build/ffi
mkdir -p "$out"
languages=("$@")
[ $# -gt 0 ] || languages=(luajit ruby csharp pascal go node java)

declare -A packages=([luajit]=luajit [ruby]=ruby [csharp]="mono-mcs mono-runtime" [pascal]=fp-compiler [go]=golang-go [node]="nodejs npm"
    [java]=openjdk-17-jdk-headless)
declare -A commands=([luajit]=luajit [ruby]=ruby [csharp]="mcs mono" [pascal]=fpc [go]=go [node]="node npm" [java]="javac java")
missing=()
for language in "${languages[@]}"; do
    [ -n "${packages[$language]:-}" ] || { echo "examples-ffi: there is no $language, but ${!packages[*]}" >&2; exit 1; }
    for command in ${commands[$language]}; do
        command -v "$command" > /dev/null || { read -r -a these <<< "${packages[$language]}"; missing+=("${these[@]}"); break; }
    done
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "examples-ffi: this system lacks what the examples need: ${missing[*]}"
    echo "examples-ffi: that is installed with apt-get (as root, or by sudo)."
    if [ -t 0 ] && [ -z "${WS4D_SETUP_YES:-}" ]; then
        read -r -p "examples-ffi: install them? [y/N] " answer
        [[ $answer == [yY]* ]] || { echo "examples-ffi: nothing was installed"; exit 1; }
    fi
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" > /dev/null
fi

# The program is the array `program`; what it is built with says nothing unless it fails.
build_luajit() { program=(luajit examples-ffi/ticker.lua); }
build_ruby() { program=(ruby -w examples-ffi/ticker.rb); }
build_csharp() {
    mcs -warnaserror -out:"$out/ticker.exe" examples-ffi/Ticker.cs || return
    program=(mono "$out/ticker.exe")
}
build_pascal() {
    fpc -v0we -O2 -FU"$out" -FE"$out" -oticker-pascal -Fl"$folder" -k"-rpath=$folder" examples-ffi/ticker.pas || return
    program=("$out/ticker-pascal")
}
build_go() {
    GO111MODULE=off GOFLAGS=-buildvcs=false GOCACHE=$out/go CGO_CFLAGS="-I$PWD/include" CGO_LDFLAGS="-L$folder -Wl,-rpath,$folder" \
        go build -o "$out/ticker-go" examples-ffi/ticker.go || return
    program=("$out/ticker-go")
}
build_node() {
    if ! cmp -s examples-ffi/package.json "$out/node/package.json"; then
        echo "examples-ffi: the npm package koffi goes into $out/node" >&3
        mkdir -p "$out/node"
        cp examples-ffi/package.json "$out/node/new.json"
        (cd "$out/node" && mv new.json package.json && timeout 300 npm install --silent --no-audit --no-fund --no-package-lock) ||
            { rm "$out/node/package.json"; return 1; }
    fi
    program=(env NODE_PATH="$out/node/node_modules" node examples-ffi/ticker.js)
}
build_java() {
    javac -nowarn --add-modules jdk.incubator.foreign -d "$out/java" examples-ffi/Ticker.java || return
    program=(java --add-modules jdk.incubator.foreign --enable-native-access=ALL-UNNAMED -cp "$out/java" Ticker)
}

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["ws_url"])' "$ready")/ticker
export WS4D_LIBRARY=$folder/libws4d.so LD_LIBRARY_PATH=$folder

fail() {
    echo "examples-ffi: $*" >&2
    exit 1
}
for language in "${languages[@]}"; do
    "build_$language" 3>&1 > "$out/$language.log" 2>&1 || { cat "$out/$language.log" >&2; fail "$language: it cannot be built"; }
    status=0
    said=$(timeout 60 "${program[@]}" "$url" 20 2> "$out/$language.errors") || status=$?
    quotes=$(grep -cE '^(EURUSD|DAX) +[0-9]+\.[0-9]{5} +[-+]?[0-9]\.[0-9]{5}$' <<< "$said" || true)
    rest=$(grep -vE '^(EURUSD|DAX) ' <<< "$said" || true)
    [ "$status $quotes $rest" = "0 20 closed: 1000 enough" ] || fail "$language ended with $status, after: $said $(cat "$out/$language.errors")"
    status=0
    said=$(timeout 60 "${program[@]}" ws://127.0.0.1:1/ 20 2>&1) || status=$?
    [[ "$status $said" == "1 "*"ticker: "*127.0.0.1:1* ]] || fail "$language, where nobody listens, ended with $status, after: $said"
    echo "  $language"
done
