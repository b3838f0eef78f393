#!/usr/bin/env python3
"""Replaces folders in the debug information of an ELF file by as many slashes, so that nothing moves: for what a linker
compiles itself and has no option for, as zig's parts of the C library.

usage: debug-paths.py FILE FOLDER…
"""

import os
import re
import subprocess
import sys


def debug_sections(path):
    """(offset, size) of each section with debug information."""
    listed = subprocess.run(["readelf", "--sections", "--wide", path], check=True, capture_output=True, text=True).stdout
    for match in re.finditer(r"\] (\.debug_\w+)\s+PROGBITS\s+\w+ (\w+) (\w+)", listed):
        yield int(match[2], 16), int(match[3], 16)


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__.strip())
    path, folders = sys.argv[1], [os.fsencode(folder) for folder in sys.argv[2:]]
    with open(path, "r+b") as file:
        for offset, size in debug_sections(path):
            file.seek(offset)
            data = found = file.read(size)
            for folder in folders:
                data = re.sub(re.escape(folder) + rb"(?=[/\0])", b"/" * len(folder), data)
            if data != found:
                file.seek(offset)
                file.write(data)


if __name__ == "__main__":
    main()
