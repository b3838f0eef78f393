#!/usr/bin/env bash
# Builds the command-line tool ws4d from tool/*.c, with the library of a folder.
# usage: tool.sh FOLDER_OF_THE_LIBRARY PROGRAM [RPATH]
# RPATH: where the program looks for the library first, as $ORIGIN/../lib; without it in that folder; empty: nowhere else than
# the loader does. By the environment: CC, CFLAGS (-O2 -g), LDFLAGS, which come behind ours.
set -euo pipefail
folder=$(realpath "${1:?usage: tool.sh FOLDER_OF_THE_LIBRARY PROGRAM [RPATH]}")
program=$(realpath -m "${2:?}")
rpath=${3-$folder}
cd "$(dirname "$0")/.."
mkdir -p "$(dirname "$program")"
read -r -a compiler <<< "${CC:-cc}"
read -r -a cflags <<< "${CFLAGS:--O2 -g}"
read -r -a ldflags <<< "${LDFLAGS:-}"
"${compiler[@]}" -std=c11 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" -Iinclude -o "$program" tool/*.c "$folder/libws4d.so" -lm \
    ${rpath:+"-Wl,-rpath,$rpath"} "${ldflags[@]}"
