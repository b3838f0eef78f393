#!/usr/bin/env bash
# A new user's ways from nothing to a first message (tests/new-user), each in a fresh minimal Debian (debootstrap, then chroot), timed.
# Each ends with a program that says hello to the test server. What was measured is printed, and written into docs/install.md if all ways
# were tried. Nothing outside of build/ is touched.
# usage: new-user.sh TEST_SERVER [WAY...]      (as root; needs what make dist, make deb and make wheel leave in build/dist)
set -euo pipefail
server=$(realpath "${1:?usage: new-user.sh TEST_SERVER [WAY...]}")
shift
cd "$(dirname "$0")/.."
fail() {
    echo "new-user: $*" >&2
    exit 1
}
declare -A words=(
    [c-deb]="C, Debian packages" [c-make]="C, \`make install\`" [cpp-archive]="C++, archive and CMake" [python-wheel]="Python, wheel"
)
ways=("$@")
[ $# -gt 0 ] || ways=(c-deb c-make cpp-archive python-wheel)
[ "$(id -u)" = 0 ] || fail "chroot is root's"
command -v debootstrap > /dev/null || fail "please install debootstrap"
version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
archive=build/dist/libws4d-$version-x86_64-linux-gnu.tar.gz
debs=(build/dist/libws4d0_"$version"-*.deb build/dist/libws4d-dev_"$version"-*.deb)
wheels=(build/dist/ws4d-"$version"-*.whl)
built=$(realpath "${CARGO_TARGET_DIR:-target}")/x86_64-unknown-linux-gnu/release
for file in "$archive" "${debs[@]}" "${wheels[@]}" "$built/libws4d.so.$version"; do
    [ -f "$file" ] || fail "$file is not there: run make dist deb wheel"
done

# The release and the mirrors of this system.
# shellcheck disable=SC2016 # apt's own variables
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
read -r _ mirror suite _ < <(grep '/debian/ [a-z]* main$' <<< "$sources")
out=$PWD/build/new-user
base=$out/$suite
if [ ! -e "$base/complete" ]; then
    echo "new-user: a minimal Debian, $suite, from $mirror" >&2
    rm -rf "$base"
    mkdir -p "$out"
    debootstrap --variant=minbase "$suite" "$base" "$mirror" > "$out/debootstrap.log" || { tail -n 5 "$out/debootstrap.log" >&2; exit 1; }
    echo "$sources" > "$base/etc/apt/sources.list"
    cp /etc/resolv.conf "$base/etc/resolv.conf"
    touch "$base/complete"
fi

put() { # way, folder: what the user has, beside a Debian
    case $1 in
        c-deb) cp "${debs[@]}" "$2" ;;
        c-make)
            git archive --prefix=libws4d/ HEAD | tar --extract --directory "$2"
            mkdir -p "$2/libws4d/target/release"
            cp --no-dereference "$built"/libws4d.so* "$built/libws4d.a" "$built/native-static-libs.txt" "$2/libws4d/target/release"
            ;;
        cpp-archive) cp -r "$archive" tests/new-user/cpp "$2" ;;
        python-wheel) cp "${wheels[@]}" tests/new-user/hello.py "$2" ;;
    esac
    cp tests/new-user/inside.sh "tests/new-user/$1.sh" "$2"
}
row() { # way; on standard input what inside.sh says
    awk -v way="${words[$1]}" '
        $1 == "step" { took[$2] = $3 / 1e6; all += $3 / 1e6 }
        $1 == "before" { old[$3] = 1 }
        $1 == "after" && !($3 in old) { if ($3 ~ /^libws4d/) ours += $2; else { count++; theirs += $2 } }
        $1 == "ours" { ours += $2 }
        END {
            printf "| %s | %d packages, %d MB | %.1f MB | %.0f s | %.1f s | %s | %.2f s | %.0f s |\n", way, count, theirs / 1000,
                ours / 1000, took["system"], took["libws4d"], "compile" in took ? sprintf("%.1f s", took["compile"]) : "",
                took["message"], all
        }'
}

# The server ends when this script does: its input is a pipe from here. Each root has this machine's loopback.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["ws_url"])' "$ready")/echo
table='| way | Debian installs | libws4d installs | Debian | libws4d | compiling | the program | together |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |'
for way in "${ways[@]}"; do
    [ -n "${words[$way]:-}" ] || fail "there is no way $way, but ${!words[*]}"
    root=$out/$way
    rm -rf "$root"
    cp --archive "$base" "$root"
    put "$way" "$root/root"
    # What is mounted goes with the namespace.
    # shellcheck disable=SC2016 # the inner shell's
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 http_proxy="${http_proxy:-}" \
        no_proxy=127.0.0.1 unshare --mount bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/bash /root/inside.sh "$@"' \
        "$root" "$way" "$url" > "$out/$way.said" || fail "${words[$way]}: no first message"
    table+=$'\n'$(row "$way" < "$out/$way.said")
    rm -rf "$root"
done
echo "$table"
[ $# = 0 ] || exit 0
page=docs/install.md
[ "$(grep -c '^<!-- new-user: .*-->$' $page)" = 2 ] || fail "$page has no place for the table"
awk -v table="$table" '/^<!-- new-user: end/ { print table } /^<!-- new-user: begin/ { print; inside = 1 } /^<!-- new-user: end/ { inside = 0 }
    !inside' $page > "$out/page.md"
cp "$out/page.md" $page
