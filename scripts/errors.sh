#!/usr/bin/env bash
# Writes the first half of docs/errors.md from the comments of `ws_result` in src/result.rs, which the header shows as well.
# The second half, what errors say, is written by scripts/error_texts.py, which runs tests for it; here it stays.
# usage: errors.sh [--check]       --check: complains if the committed page is another one, or says what the sources do not
set -euo pipefail
cd "$(dirname "$0")/.."

page() {
    cat << 'END'
# Errors

Each `ws_result`, from the comments in `src/result.rs` (`scripts/errors.sh`). The numbers never change; the blocks of twenty
are kinds of cure, so that a program can class a code that is newer than itself. A `ws_errors` stack says what was attempted, on
what, and what came back; entry 0 is the one to act on.

| code | number | what it says | usual causes | cure |
| --- | ---: | --- | --- | --- |
END
    awk '
        /^pub enum ws_result/ { inside = 1; next }
        inside && /^}/ { exit }
        !inside { next }
        /^ *\/\/\// { line = $0; sub(/^ *\/\/\/ ?/, "", line); text = text (text == "" || line == "" ? "" : " ") line; next }
        /= -?[0-9]+,/ {
            name = $1; number = $3; sub(/,/, "", number)
            causes = cure = "-"; says = text
            if (match(text, / Usual causes: /)) {
                says = substr(text, 1, RSTART - 1)
                rest = substr(text, RSTART + RLENGTH)
                if (!match(rest, / Cure: /)) { print "errors: " name " has no cure" > "/dev/stderr"; exit 1 }
                causes = substr(rest, 1, RSTART - 1); cure = substr(rest, RSTART + RLENGTH)
            } else if (number != 0) { print "errors: " name " has no causes" > "/dev/stderr"; exit 1 }
            print "| `" name "` | " number " | " says " | " causes " | " cure " |"
            text = ""
        }' src/result.rs
    echo
    sed -n '/^## What they say$/,$p' docs/errors.md
}

written=$(page)
case ${1:-} in
--check)
    diff - docs/errors.md <<< "$written" > /dev/null || { echo "errors: docs/errors.md is not what scripts/errors.sh writes" >&2; exit 1; }
    scripts/error_texts.py --check ;;
*) printf '%s\n' "$written" > docs/errors.md ;;
esac
