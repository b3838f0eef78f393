#!/usr/bin/env bash
# Packs libws4d0 and libws4d-dev, and ws4d-tools where stage.sh puts the program ws4d down, for Debian and what comes of it, into
# build/dist: the build of scripts/dist.sh, so that one package fits all releases. lintian must have nothing to say about them.
# Installs nothing.
# usage: deb.sh       (DEBFULLNAME, DEBEMAIL: who is the maintainer; else who commits)
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for pair in dh:debhelper dpkg-buildpackage:dpkg-dev lintian:lintian; do
    command -v "${pair%:*}" > /dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "deb: please install ${missing[*]}" >&2
    exit 1
fi

version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
work=$(mktemp -d "$PWD/build/deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/libws4d-$version
mkdir -p "$tree" build/dist
cp -r packaging/debian "$tree/debian"
export WS4D_STAGED=$work/staged
NO_STRIP=1 PREFIX=/usr LIBDIR=/usr/lib/$(dpkg-architecture --query DEB_HOST_MULTIARCH) DOCDIR=/usr/share/doc/libws4d-dev \
    scripts/dist.sh --stage "$WS4D_STAGED"
if [ -e "$WS4D_STAGED/usr/bin/ws4d" ]; then
    cat "$tree/debian/control.tools" >> "$tree/debian/control"
else
    rm "$tree/debian/ws4d-tools.install"
fi
rm "$tree/debian/control.tools"
maintainer="${DEBFULLNAME:-$(git config user.name)} <${DEBEMAIL:-$(git config user.email)}>"
sed -i "s|@MAINTAINER@|$maintainer|" "$tree/debian/control"

time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
cat > "$tree/debian/changelog" << END
libws4d ($version-1) unstable; urgency=medium

  * See changelog.gz for what is new.

 -- $maintainer  $(date --utc --rfc-email --date="@$time")
END
# Which version brought which function: include/ws4d.symbols knows.
{
    cat packaging/debian/libws4d0.symbols.in
    awk 'NF && $1 !~ /^#/ { print " " $1 "@Base " $2 }' include/ws4d.symbols
} > "$tree/debian/libws4d0.symbols"
rm "$tree/debian/libws4d0.symbols.in"
{
    cat << END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: the libws4d authors
License: Expat or Apache-2.0
Comment: The library holds crates of others: THIRD-PARTY.md, beside this file, has their licences.

License: Expat
$(sed -e 's/^$/./' -e 's/^/ /' LICENSE-MIT)

License: Apache-2.0
 On Debian systems, the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
END
} > "$tree/debian/copyright"

(cd "$tree" && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps) > build/dist/deb.log 2>&1 ||
    { tail -n 30 build/dist/deb.log >&2; exit 1; }
# Nothing is uploaded to Debian, where a first version closes the wish for it.
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs --allow-root "$work"/*.changes
cp "$work"/*.deb build/dist
ls -l build/dist/*.deb
