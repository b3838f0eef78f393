#!/usr/bin/env python3
"""Packs a folder into a .zip, links as links. The same files and the same time give the same archive: names in order, nobody's
user, modes that are 755 or 644.

usage: zip.py FOLDER ARCHIVE SECONDS       SECONDS: when its files are from, since 1970
"""

import os
import pathlib
import stat
import sys
import time
import zipfile


def entry(path, name, moment):
    """How a file, a folder or a link stands in the archive, and its bytes."""
    info = zipfile.ZipInfo(name + "/" * path.is_dir(), moment)
    # Made on Unix, whatever packs it: modes are to be read.
    info.create_system = 3
    if path.is_symlink():
        mode, data = stat.S_IFLNK | 0o777, os.readlink(path).encode()
    elif path.is_dir():
        mode, data = stat.S_IFDIR | 0o755, b""
    else:
        mode, data = stat.S_IFREG | (0o755 if os.access(path, os.X_OK) else 0o644), path.read_bytes()
        info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    return info, data


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__.strip())
    folder, archive, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # A zip has no time before 1980.
    moment = time.gmtime(max(seconds, 315532800))[:6]
    paths = sorted([folder, *folder.rglob("*")], key=lambda path: path.relative_to(folder).parts)
    with zipfile.ZipFile(archive, "w", compresslevel=9) as packed:
        for path in paths:
            packed.writestr(*entry(path, str(path.relative_to(folder.parent)), moment))


if __name__ == "__main__":
    main()
