#!/usr/bin/env python3
"""Compiles the code of README.md, docs/index.md, docs/runtimes.md and docs/guide, and runs the programs that say what they print.

Each block of C, C++ and Python is compiled: one with `main` as a program, any other as a part of one, with the declarations of
PRELUDE before it. A comment above a block says more:

    <!-- run: {ws}/echo => text -->     the program is run with that argument, ends with 0, and has printed the text
    <!-- fragment -->                   the block is a part of a program (for C, the default where it has no main)
    <!-- not compiled: why -->          the block is left alone

{ws} and {wss} are the URLs of the test server, {ca} is its certificate. A Python program is given the URL in the place of
wss://feed.example, and the certificate in that of company-ca.pem. The functions of docs/guide/examples, which the API reference shows, are compiled as they are.

usage: snippets.py FOLDER_OF_THE_LIBRARY TEST_SERVER
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?:^<!-- (.*?) -->\n+)?^```(c|cpp|python)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
PATIENCE = 120
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# A part of a program uses what it is given as it likes.
PART = [*STRICT, "-Wno-unused-parameter", "-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-but-set-variable"]
# What begins a declaration at the level of the file; anything else is statements.
FILE_SCOPE = re.compile(r"(#include|#define|static |extern |typedef |struct \w+ \{|enum \w+ \{|void \w+\(|int \w+\(|class |namespace |using |template )")
PRELUDE = {
    "c": """#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ws4d.h>
""",
    "cpp": """#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <ws4d.hpp>
""",
}
STATEMENTS = {
    "c": "extern ws_socket *ws;\nextern ws_dispatcher *dispatcher;\nextern ws_options *options;\nextern ws_reconnector *r;\n"
    "extern ws_handler handler;\nextern ws_errors *errors;\nextern const ws_event *event;\nextern const char *url;\n"
    "void part(void);\nvoid part(void)\n{{\n{}\n}}\n",
    "cpp": "extern ws4d::dispatcher loop;\nextern ws4d::handlers handlers;\nextern ws4d::socket_ref ws;\nvoid part();\nvoid part() {{\n{}\n}}\n",
}


class Wrong(Exception):
    pass


@dataclass
class Snippet:
    """A block of code, where it stands, and what the comment above it says."""

    place: str
    language: str
    code: str
    mark: str

    @property
    def is_program(self):
        return self.language == "python" or (re.search(r"\bmain\(", self.code) and self.mark != "fragment")

    def source(self):
        if self.is_program:
            return self.code
        first = next(line for line in self.code.splitlines() if line and not line.startswith(("//", "/*")))
        body = self.code if FILE_SCOPE.match(first) else STATEMENTS[self.language].format(self.code)
        return PRELUDE[self.language] + body


def snippets():
    files = [ROOT / "README.md", ROOT / "docs/index.md", ROOT / "docs/runtimes.md", *sorted((ROOT / "docs/guide").rglob("*.md"))]
    for file in files:
        text = file.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            snippet = Snippet(f"{file.relative_to(ROOT)}:{line}", match[2], match[3], match[1] or "")
            if not snippet.mark.startswith("not compiled: "):
                yield snippet


def run(command, where, **keywords):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, **keywords
    )
    if done.returncode != 0:
        raise Wrong(f"{where}: {os.path.basename(command[0])} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def compiler(language):
    if language == "cpp":
        return [os.environ.get("CXX", "c++"), "-std=c++17"]
    return [os.environ.get("CC", "cc"), "-std=c11"]


def build(snippet, folder, library):
    """Compiles a snippet; the command that runs it, if it is a program."""
    name = re.sub(r"\W", "_", snippet.place)
    if snippet.language == "python":
        compile(snippet.code, snippet.place, "exec")
        # The tests' Python has other people's packages.
        python = ROOT / "build/venv/bin/python"
        return [str(python) if python.exists() else sys.executable, "-W", "error", "-c", snippet.code]
    source = folder / f"{name}.{snippet.language}"
    source.write_text(snippet.source(), encoding="utf-8")
    command = [*compiler(snippet.language), *(STRICT if snippet.is_program else PART), f"-I{ROOT}/include"]
    if not snippet.is_program:
        run([*command, "-fsyntax-only", str(source)], snippet.place)
        return None
    program = folder / name
    run([*command, "-o", str(program), str(source), str(library), "-pthread", f"-Wl,-rpath,{library.parent}"], snippet.place)
    return [str(program)]


def check(snippet, folder, library, server):
    command = build(snippet, folder, library)
    marked = re.fullmatch(r"run: (\S*) => (.*)", snippet.mark)
    if snippet.mark.startswith("run:") and not marked:
        raise Wrong(f"{snippet.place}: what is {snippet.mark!r}?")
    if not marked:
        return
    argument = marked[1].format(ws=server["ws_url"], wss=server["wss_url"], ca=server["ca"])
    environment = {**os.environ, "WS4D_LIBRARY": str(library), "PYTHONPATH": str(ROOT / "bindings/python"), "PYTHONDONTWRITEBYTECODE": "1"}
    if snippet.language == "python":
        command[-1] = command[-1].replace("wss://feed.example", argument).replace("company-ca.pem", server["ca"])
    else:
        command += [argument] if argument else []
    printed = run(command, snippet.place, env=environment)
    if marked[2] not in printed:
        raise Wrong(f"{snippet.place}: it printed {printed!r}, and not {marked[2]!r}")


def check_example(file):
    run([*compiler("c"), *STRICT, "-Wno-unused-function", f"-I{ROOT}/include", "-fsyntax-only", str(file)], file.relative_to(ROOT))


def check_hello():
    """The program of README.md is the example, which demo and tests play; and it has as many lines as its heading says."""
    program = next(it.code for it in snippets() if it.place.startswith("README.md") and it.language == "c" and it.is_program)
    example = (ROOT / "c-examples/hello.c").read_text(encoding="utf-8").split("\n", 1)[1]
    if program != example:
        raise Wrong("README.md: its program is not that of c-examples/hello.c")
    if len(program.splitlines()) != 30:
        raise Wrong(f"README.md: thirty lines are {len(program.splitlines())}")


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    library, program = (pathlib.Path(it).resolve() for it in (pathlib.Path(sys.argv[1]) / "libws4d.so", sys.argv[2]))
    found = list(snippets())
    examples = sorted((ROOT / "docs/guide/examples").glob("*.c"))
    wrong = []
    # The server ends when its input does: it cannot outlive this program.
    with subprocess.Popen([program, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = json.loads(process.stdout.readline())
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [pool.submit(check, it, pathlib.Path(folder), library, server) for it in found]
            jobs += [pool.submit(check_example, it) for it in examples] + [pool.submit(check_hello)]
            for job in jobs:
                try:
                    job.result()
                except (Wrong, SyntaxError, subprocess.TimeoutExpired) as error:
                    wrong.append(str(error))
        process.stdin.close()
    for error in wrong:
        print(f"snippets: {error}", file=sys.stderr)
    programs = sum(it.mark.startswith("run: ") for it in found)
    print(f"snippets: {len(found)} blocks of code compiled, {programs} of them run; {len(examples)} files of examples")
    if wrong or len(found) < 20:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
