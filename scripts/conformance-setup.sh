#!/usr/bin/env bash
# Installs the Autobahn test suite in build/autobahn. It is written for Python 2.7, which hardly a system has anymore:
# WS4D_PYTHON27 names one, or one is on the path or pyenv's; else Debian's last one is unpacked into build/python2.7,
# from its own server and with its own signatures, without touching the system. WS4D_PYTHON27=debian asks for that.
#
# build/autobahn/python is then that interpreter with the test suite. Does nothing, fast, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
list=tests/conformance/requirements.txt
folder=$PWD/build/autobahn
debian=$PWD/build/python2.7

works() { # interpreter
    [ "$("$1" -c 'import ctypes, ssl, sys, zlib; print("%d.%d" % sys.version_info[:2])' 2> /dev/null)" = 2.7 ]
}

# Prints an interpreter of the system, if there is one that works.
of_the_system() {
    local candidate
    for candidate in "$(command -v python2.7)" "$(command -v python2)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
        if [ -n "$candidate" ] && works "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

# Unpacks Debian 11's packages, the last with Python 2.7, into $debian.
unpack_debian() {
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    # Wherever this machine has its Debian from.
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 !~ /-/ { print $3; exit }')
    if [ -z "$mirror" ] || [ ! -r "$keyring" ]; then
        echo "conformance-setup: no Python 2.7 here, and no Debian to take it from: name one in WS4D_PYTHON27" >&2
        exit 1
    fi
    echo "conformance-setup: Python 2.7 of Debian 11, into build/python2.7"
    rm -rf "$debian"
    mkdir -p "$debian"/apt/{lists,cache}/partial "$debian"/apt/packages
    echo "deb [signed-by=$keyring] $mirror bullseye main" > "$debian/apt/sources.list"
    local apt=(timeout 600 apt-get -qq
        -o "Dir::Etc::SourceList=$debian/apt/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$debian/apt/lists" -o "Dir::Cache=$debian/apt/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    # With the headers, for what is compiled, and the libraries of that Debian that the interpreter's modules want.
    (cd "$debian/apt/packages" && "${apt[@]}" download python2.7-minimal libpython2.7-{minimal,stdlib,dev} libssl1.1 libffi7)
    local package
    for package in "$debian"/apt/packages/*.deb; do
        dpkg-deb --extract "$package" "$debian/root"
    done
    rm -rf "$debian/apt"
    cat > "$debian/python2.7" << END
#!/bin/sh
LD_LIBRARY_PATH=$(dirname "$(find "$debian/root" -name 'libssl.so.1.1')") exec $debian/root/usr/bin/python2.7 "\$@"
END
    chmod +x "$debian/python2.7"
}

case ${WS4D_PYTHON27:-} in
    '') python=$(of_the_system) ;;
    debian) python= ;;
    *)
        python=$WS4D_PYTHON27
        works "$python" || { echo "conformance-setup: $python is no whole Python 2.7" >&2; exit 1; }
        ;;
esac
if [ -z "$python" ]; then
    works "$debian/python2.7" || unpack_debian
    python=$debian/python2.7
    works "$python" || { echo "conformance-setup: Debian's Python 2.7 does not run here" >&2; exit 1; }
fi

# Right as long as it holds a copy of the list that it was made from, and is for that interpreter.
wanted=$(cat "$list"; echo "# for $python")
if [ -x "$folder/python" ] && [ "$(cat "$folder/installed.txt" 2> /dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "conformance-setup: the Autobahn test suite, for $("$python" --version 2>&1)"
rm -rf "$folder"
mkdir -p "$folder/tools"

# The last pip for Python 2.7, which Python 3's fetches. Unpacked: out of its own package it cannot build a source that
# has a pyproject.toml, since it runs a file of its own for that.
fetch=python3
$fetch -m pip --version > /dev/null 2>&1 || fetch=build/venv/bin/python
timeout 600 $fetch -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 27 --dest "$folder/tools" pip==20.3.4
python3 -m zipfile -e "$folder"/tools/pip-*.whl "$folder/tools/pip"
# As a user's own packages, with the folder for a home: that is what no interpreter needs a further tool for.
cat > "$folder/python" << END
#!/bin/sh
PYTHONUSERBASE=$folder/site exec $python -W ignore "\$@"
END
chmod +x "$folder/python"
install() { # what
    timeout 1200 "$folder/python" "$folder/tools/pip/pip" --no-python-version-warning install --quiet \
        --disable-pip-version-check --no-deps --no-warn-script-location --user --ignore-installed "$@"
}
install "$(grep '^setuptools==' "$list")" # with which the others' sources are built
install --requirement "$list"
"$folder/python" -c 'import autobahntestsuite.fuzzing'
echo "$wanted" > "$folder/installed.txt"
