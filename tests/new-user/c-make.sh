# shellcheck shell=bash disable=SC2046,SC2329 # what pkg-config prints is to be split into words; step calls the functions
# C, by `make install` in a source tree in which the library is built; Rust itself does not come from Debian.
step system get gcc libc6-dev pkg-config make python3
step libws4d make -C libws4d install
compile() { gcc libws4d/c-examples/hello.c $(pkg-config --cflags --libs ws4d) -o hello; }
step compile compile
step message says_hello ./hello
