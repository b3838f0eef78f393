#!/usr/bin/env bash
# Breaks the library on purpose: each patch in tests/mutants says which mutation it is and which tests must notice. In a
# copy of the tree, with a target folder of its own, those tests must be green on the library as it is, and each of them
# red, by its own judgement and not because something did not build, on the library that the patch makes of it.
# usage: mutants.sh [NAME...]       (all, or some of tests/mutants/NAME.patch)
set -euo pipefail
cd "$(dirname "$0")/.."

base=$PWD/build/mutants
tree=$base/tree
export CARGO_TARGET_DIR=$base/target
# Random sequences, always the same: enough for each mutation.
export WS4D_MODEL_SEED=${WS4D_MODEL_SEED:-1} WS4D_MODEL_SEQUENCES=${WS4D_MODEL_SEQUENCES:-500}
# The copy is no repository, and git is not to find the one around it.
export GIT_CEILING_DIRECTORIES=$base
complain() {
    echo "mutants: $1" >&2
    exit 1
}

patches=()
for name in "$@"; do patches+=("$PWD/tests/mutants/$name.patch"); done
[ $# -gt 0 ] || patches=("$PWD"/tests/mutants/*.patch)
for patch in "${patches[@]}"; do
    [ -f "$patch" ] || complain "there is no $patch"
    grep -q '^Mutation: .' "$patch" && grep -q '^Test: [a-z_]* [a-z_:0-9]*$' "$patch" ||
        complain "$patch does not say its mutation and its tests"
done

mkdir -p "$base"
rm -rf "$tree"
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
    xargs -0 cp --parents --preserve=timestamps --target-directory="$tree"
cd "$tree"
# What an earlier run has left in the target folder was built from mutated files that were younger than these.
sed -n 's,^+++ b/,,p' "$OLDPWD"/tests/mutants/*.patch | sort -u | xargs touch

build() { # title
    cargo build --quiet --package ws4d > "$base/build.log" 2>&1 || {
        cat "$base/build.log" >&2
        complain "$1 does not build"
    }
}
# Runs one test and says in `verdict` how it went: green or red; anything else is no verdict.
play() { # target, test
    local status=0 log=$base/test.log
    timeout --kill-after=10 600 cargo test --quiet --package ws4d --test "$1" -- --exact "$2" > "$log" 2>&1 || status=$?
    if [ $status = 0 ] && grep -q '^test result: ok\. 1 passed' "$log"; then
        verdict=green
    elif grep -q "^test result: FAILED\. 0 passed; 1 failed" "$log"; then
        verdict=red
    else
        tail -30 "$log" >&2
        complain "$1 $2 came to no verdict (status $status)"
    fi
}
# What the test said when it fell.
message() {
    awk '/panicked at/ { said = 1; next } said && /^(note:|stack backtrace|$|play it again)/ { exit } said && ++lines <= 6 { print "      " $0 }' \
        "$base/test.log"
}

build "the library as it is"
sed -n 's/^Test: //p' "${patches[@]}" | sort -u > "$base/tests"
echo "the library as it is"
while read -r target test; do
    play "$target" "$test" < /dev/null
    if [ $verdict != green ]; then
        message >&2
        complain "$target $test is red on the library as it is"
    fi
    echo "  green: $target $test"
done < "$base/tests"

survived=()
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    echo "$name: $(sed -n 's/^Mutation: //p' "$patch")"
    git apply --check "$patch" || complain "$name does not apply to this tree: mend tests/mutants/$name.patch"
    git apply "$patch"
    build "$name"
    sed -n 's/^Test: //p' "$patch" > "$base/tests"
    while read -r target test; do
        play "$target" "$test" < /dev/null
        echo "  $verdict: $target $test"
        if [ $verdict = red ]; then message; else survived+=("$name ($target $test)"); fi
    done < "$base/tests"
    git apply --reverse "$patch"
done
if [ ${#survived[@]} -gt 0 ]; then
    complain "nobody noticed: $(printf '%s; ' "${survived[@]}")"
fi
echo "mutants: ${#patches[@]} mutations, each of them noticed by every test that it names"
