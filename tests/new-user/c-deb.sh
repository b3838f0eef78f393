# shellcheck shell=bash disable=SC2046,SC2329 # what pkg-config prints is to be split into words; step calls the functions
# C, by the Debian packages.
step system get gcc libc6-dev pkg-config
step libws4d install ./libws4d0_*.deb ./libws4d-dev_*.deb
compile() { gcc /usr/share/doc/libws4d-dev/examples/hello.c $(pkg-config --cflags --libs ws4d) -o hello; }
step compile compile
step message says_hello ./hello
