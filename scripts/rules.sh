#!/usr/bin/env bash
# The rules on who may know whom, which the compiler does not keep: see ARCHITECTURE.md. And files that want to be two.
# usage: rules.sh [ROOT]       (another tree than this one, to see that the rules can be broken)
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

status=0
complain() {
    echo "rules: $1" >&2
    [ $# -lt 2 ] || sed 's/^/    /' <<< "$2" >&2
    status=1
}
# Lines of code, without comments, of the Rust files in the given folders; tests are as free as the host.
code() { # folder...
    find "$@" -name '*.rs' -not -name tests.rs -not -path '*/tests/*' -print0 |
        xargs -0 -r awk 'FNR == 1 { tests = 0 }
            /^#\[cfg\(.*test.*\)\]/ { tests = 1 }
            tests == 0 && $0 !~ /^[ \t]*\/\// { print FILENAME ":" FNR ": " $0 }'
}
never() { # what it would be, pattern, folder...
    local found
    found=$(code "${@:3}" | grep -E "$2" || true)
    [ -z "$found" ] || complain "$1" "$found"
}

for folder in src client/src client/src/dispatch protocol/src; do
    [ "$(code "$folder" | wc -l)" -gt 100 ] || complain "$folder was not understood"
done

# What a crate may be built on, said by cargo.
depends() { cargo tree --quiet --package "$1" --edges normal --prefix none --format '{p}' | awk '{ print $1 }' | sort -u; }
worldly='ws4d\|ws4d-client\|tokio.*\|mio\|futures.*\|async-.*\|socket2\|rustls.*\|libc'
found=$(depends ws4d-protocol | grep -x "$worldly" || true)
[ -z "$found" ] || complain "the protocol is built on what knows the world" "$found"
found=$(depends ws4d-client | grep '^ws4d' | grep -vx 'ws4d-client\|ws4d-protocol' || true)
[ -z "$found" ] || complain "the client is built on another crate of ours than the protocol" "$found"

never "the protocol touches the world" \
    '\b(tokio|libc|ws4d_client|async|std::(net|time|thread|io|fs|env|os|process|ffi)|extern "C"|unsafe)\b' protocol/src
c_types='c_char|c_void|c_long|c_uint|CStr|CString|size_t|no_mangle|repr\(C\)'
header_types=$(sed -n 's/^typedef .*\b\(ws_[a-z_]*\)\b.*/\1/p; s/^} \(ws_[a-z_]*\);/\1/p; s/^enum \(ws_[a-z_]*\).*/\1/p' include/ws4d.h | sort -u)
grep -qx ws_socket <<< "$header_types" || complain "the header was not understood"
never "the client knows a C type, or exports to C" "(\b|[^a-z])($c_types|${header_types//$'\n'/|})(\b|[^a-z_])" client/src
# One room knows the operating system.
system='\blibc::|std::os::|\b(RawFd|OwnedFd|AsRawFd|AsFd|AsyncFd)\b|\bmio::|tokio::(net|io::unix)|windows_sys|target_(os|family|vendor)|cfg!?\((any\(|all\(|not\()*(unix|windows|ws4d_portable)\b'
found=$(code client/src | grep -E "$system" | grep -v '^client/src/sys/' || true)
[ -z "$found" ] || complain "the client knows the operating system outside of client/src/sys" "$found"
[ "$(code client/src/sys | grep -cE "$system")" -ge 10 ] || complain "client/src/sys was not understood"
never "client/src/sys knows more than the operating system" '\bcrate::' client/src/sys
# The C ABI knows its own C types, and what a C function of the host's may do to a thread.
found=$(code src | grep -E "$system" | grep -vE 'libc::(size_t|intptr_t|strnlen)\b' || true)
[ -z "$found" ] || complain "the C ABI knows the operating system" "$found"
# The one function that the C library calls is pthread_atfork's, and the one that the libc crate lacks pthread_setcancelstate.
found=$(code client/src | grep 'extern "C"' | grep -vE '^client/src/(fork|sys/(unix|windows)/process|sys/unix/thread)\.rs:' || true)
[ -z "$found" ] || complain 'the client has an extern "C" outside of fork.rs and sys' "$found"
never "the dispatchers know sockets, connecting, the engine, the protocol, tokio or rustls" \
    '\b(ws4d_protocol|tokio|rustls|crate::(socket|transport|connect|engine))\b' client/src/dispatch
never "the mailbox or the handle table knows tokio" '\btokio\b' \
    client/src/dispatch/mailbox client/src/dispatch/mailbox.rs client/src/handle_table.rs client/src/sync.rs client/src/hook.rs
# The options are made of these, so the arrow back would make a circle.
never "a part of the options knows the options" 'crate::options::(\{|Options\b)' \
    client/src/connect/{auth,proxy,tls} client/src/connect/{dns,headers,network,response,stranger,url,zone}.rs
never "authorization knows more than HTTP" 'crate::(options|transport)|connect::(refusal|url|network|proxy|upgrade)' \
    client/src/connect/auth
# Each module of the Python package stands above all that it imports, imports for types alone included.
found=$(python3 - bindings/python/ws4d << 'END'
import ast, graphlib, pathlib, sys

root = pathlib.Path(sys.argv[1])
names = {path: ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__") for path in root.rglob("*.py")}
arrows = {}
for path, name in names.items():
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    of = arrows.setdefault(name, set())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".") * bool(node.module)
            whole = ".".join(base)
            of |= {found if (found := f"{whole}.{one.name}") in names.values() else whole for one in node.names}
if sum(map(len, arrows.values())) < 20:
    print("the imports were not understood")
try:
    graphlib.TopologicalSorter(arrows).prepare()
except graphlib.CycleError as error:
    print(" -> ".join(reversed(error.args[1])))
END
)
[ -z "$found" ] || complain "modules of the Python package import each other" "$found"
# Where a thread-local has a destructor, it is gone while the thread ends, and a host may still call the library then.
found=$(code client/src src | grep 'thread_local!' | grep -vE '^client/src/(thread_slot|context|sync|unfinished|random|panics|lone|socket/implied_cork)\.rs:' || true)
[ -z "$found" ] || complain "a thread-local that is no slot (client/src/thread_slot.rs)" "$found"
never "the C ABI knows the protocol or the runtime" '\b(ws4d_protocol|tokio|rustls)\b' src
# A thread that ends inside a function of the host's must not unwind into Rust: each call goes through call_host.c.
found=$(code src | grep -E 'unsafe \{ ([a-z_]+\.)*(callback|function|wake|fn|r#fn|is_final|socket_fn|on_[a-z_]+)\(' || true)
[ -z "$found" ] || complain "a function of the host's is called beside src/call_host.c" "$found"
calls=$(code src | grep -cE '\bws4d_host_[a-z_]+\(ended, function' || true)
[ "$calls" -ge 8 ] || complain "src/call_host.rs was not understood"
exports=$(grep -rlE '^#\[unsafe\(no_mangle\)\]|^#\[no_mangle\]' --include='*.rs' . 2> /dev/null | grep -v '^\./\(target\|build\)/' | grep -v '^\./src/' || true)
[ -z "$exports" ] || complain 'something beside the C ABI exports to C' "$exports"
grep -rq 'quiet_panics' src || complain "nobody calls library::quiet_panics: a panic inside would print to the host's standard error"

# What make mutants breaks must still be there.
for patch in tests/mutants/*.patch; do
    [ ! -e "$patch" ] || git apply --check "$patch" 2> /dev/null || complain "$patch does not apply any more"
done

# grep -q ends at the first match, and what writes to it may then fail by SIGPIPE: with pipefail, that is the answer.
found=$(grep -rnE '[^|]\| *grep -[a-zA-Z]*q' --include='*.sh' scripts tests plugin-4d examples-ffi | grep -v '^scripts/rules\.sh:' || true)
[ -z "$found" ] || complain "a pipe into grep -q: write | grep ... > /dev/null" "$found"

# What a script once made of an option that it did not know.
options=$(find . -name '-*' -not -path './target/*' -not -path './build/*' -not -path './.git/*')
[ -z "$options" ] || complain "a file has the name of an option" "$options"

long=$(find src client protocol tests benches build.rs -name '*.rs' -not -path '*/target/*' -print0 |
    xargs -0 wc -l | awk '$2 != "total" && $1 > 450 { print $2 ": " $1 " lines" }')
[ -z "$long" ] || complain "files of more than 450 lines" "$long"
exit $status
