# shellcheck shell=bash disable=SC2329 # step calls the functions
# C++, by the archive, unpacked into /opt, and CMake.
step system get g++ cmake make
step libws4d tar --extract --file libws4d-*.tar.gz --directory /opt
compile() { cmake -S cpp -B build -DCMAKE_PREFIX_PATH="$(echo /opt/libws4d-*)" && cmake --build build; }
step compile compile
step message says_hello build/hello
