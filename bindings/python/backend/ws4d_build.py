#!/usr/bin/env python3
"""Packs the wheel: the package, and the library as the linker made it, stripped. Compiles nothing.

usage: ws4d_build.py LIBRARY FOLDER       prints the wheel's path

It is also the build backend of pyproject.toml, so that `pip install bindings/python` works in a tree that has been built;
WS4D_LIBRARY says which library, by default that of `make release`.

The wheel fits every Python 3, because the package is plain Python that calls the library by ctypes; and every Linux whose C
library is as new as the library wants it (PEP 600), which is what its tag says. The same commit gives the same wheel: names in
order, the commit's time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
LICENSES = ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.md")
# What a wheel may expect of the system: PEP 600 leaves the list to auditwheel.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}


def run(*command: str | pathlib.Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def version() -> str:
    header = (ROOT / "include/ws4d.h").read_text()
    found = re.search(r'^#define WS4D_VERSION_STRING "(.*)"', header, flags=re.MULTILINE)
    assert found, "include/ws4d.h has no version"
    return found[1]


def tag(library: pathlib.Path) -> str:
    """py3-none-manylinux_2_17_x86_64, with the C library that is needed."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", library)))
    if foreign := needed - SYSTEM:
        sys.exit(f"wheel: {library} wants what not every system has: {', '.join(sorted(foreign))}")
    glibc = max(
        (int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", run("readelf", "--version-info", "--wide", library))),
        default=17,
    )
    machine = platform.machine()
    # Older installers know 2.17 by another name.
    older = f".manylinux2014_{machine}" if glibc <= 17 else ""
    return f"py3-none-manylinux_2_{max(glibc, 17)}_{machine}{older}"


def stripped(library: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, library.name)
        shutil.copyfile(library, copy)
        run(os.environ.get("STRIP", "strip"), "--strip-unneeded", copy)
        return copy.read_bytes()


def metadata() -> str:
    """The core metadata of pyproject.toml's [project], version 2.4."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version()}",
        f"Summary: {project['description']}",
        f"Keywords: {','.join(project['keywords'])}",
        f"License-Expression: {project['license']}",
        *(f"License-File: {name}" for name in LICENSES),
        *(f"Classifier: {classifier}" for classifier in project["classifiers"]),
        f"Requires-Python: {project['requires-python']}",
        "Description-Content-Type: text/markdown; charset=UTF-8",
    ]
    return "\n".join(lines) + "\n\n" + (HERE / "README.md").read_text()


def contents(library: pathlib.Path, wheel_tag: str) -> dict[str, bytes]:
    info = f"ws4d-{version()}.dist-info"
    files = {
        str(path.relative_to(HERE)): path.read_bytes()
        for path in (HERE / "ws4d").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    files["ws4d/libws4d.so.0"] = stripped(library)
    files |= {f"{info}/licenses/{name}": (ROOT / name).read_bytes() for name in LICENSES}
    files[f"{info}/METADATA"] = metadata().encode()
    python, abi, platforms = wheel_tag.split("-")
    tags = "".join(f"Tag: {python}-{abi}-{one}\n" for one in platforms.split("."))
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: ws4d_build\nRoot-Is-Purelib: false\n{tags}".encode()
    record = ""
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(files[name])}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return files


def when() -> tuple[int, int, int, int, int, int]:
    """The commit's time; a zip has none before 1980."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds is None:
        log = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True)
        seconds = log.stdout.strip() or "0"
    moment = time.gmtime(max(int(seconds), 315532800))
    return moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec


def pack(library: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    library = library.resolve()
    wheel_tag = tag(library)
    wheel = folder / f"ws4d-{version()}-{wheel_tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        # The metadata stands at the end, where installers look for it.
        for name, data in sorted(contents(library, wheel_tag).items(), key=lambda file: (".dist-info/" in file[0], file[0])):
            entry = zipfile.ZipInfo(name, when())
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if name.endswith(".so.0") else 0o100644) << 16
            archive.writestr(entry, data)
    return wheel


# --- PEP 517


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    library = pathlib.Path(os.environ.get("WS4D_LIBRARY", ROOT / "target/release/libws4d.so"))
    if not library.exists():
        sys.exit(f"wheel: {library} is not there: run make release, or set WS4D_LIBRARY")
    return pack(library, pathlib.Path(wheel_directory)).name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    sys.exit("wheel: there is no source package for Python alone; the library's sources are those of libws4d")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(pack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
