#!/usr/bin/env bash
# The library for Linux on 64-bit Arm: built by Debian's cross compiler, then tried under qemu's emulation of that processor: the C and
# C++ tests and the C examples, against a test server that runs here natively.
# usage: arm64.sh TEST_SERVER
set -euo pipefail
server=$(realpath "${1:?usage: arm64.sh TEST_SERVER}")
cd "$(dirname "$0")/.."
platform=arm64
source scripts/targets.sh
target=aarch64-unknown-linux-gnu
install_missing rustc-web cargo-web rust-web-src gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user

export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
build_std $target
library=$(built $target)
scripts/soname.sh "$library"
NM=aarch64-linux-gnu-nm scripts/symbols.sh "$library/libws4d.so"
machine=$(readelf --file-header "$library/libws4d.so" | sed -n 's/ *Machine: *//p')
[ "$machine" = AArch64 ] || { echo "arm64: the library is for $machine" >&2; exit 1; }

emulator="qemu-aarch64 -L /usr/aarch64-linux-gnu"
folder=$targets/arm64
mkdir -p "$folder/examples"
for source in c-examples/*.c; do
    aarch64-linux-gnu-gcc -O2 -g -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$folder/examples/$(basename "$source" .c)" \
        "$source" "$library/libws4d.so" -pthread "-Wl,-rpath,$PWD/$library"
done
cat << END
arm64: what is not run under qemu: the forks in traffic of lifecycle (qemu's child ends with a failed assertion of its own where other
arm64: threads ran), and the masks that the kernel has of the threads in guest (they are qemu's; what the program sees is looked at)
END
mapfile -t names < <(tests_but)
CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ WS4D_TEST_RUNNER=$emulator WS4D_TEST_FOLDER=$folder \
    scripts/c-tests.sh "$library" "$server" "${names[@]}"
python3 scripts/play.py --server "$server" --examples "$folder/examples" --runner "$emulator"
finish "all of it went well, on $($emulator --version | head -n 1)"
