# shellcheck shell=bash disable=SC2329 # step calls the functions
# Python, by the wheel: there is no compiler.
step system get python3 python3-venv
wheel() { python3 -m venv venv && venv/bin/pip install --no-index ws4d-*.whl; }
step libws4d wheel
step message says_hello venv/bin/python hello.py
for compiler in cc gcc c++ g++ clang; do
    ! command -v $compiler > /dev/null || { echo "there is $compiler" >&2; exit 1; }
done
