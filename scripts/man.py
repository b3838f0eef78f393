#!/usr/bin/env python3
"""Writes the manual pages from include/ws4d.h: libws4d(3) from the comment at its top, a page for each group of functions,
one for the types, and a link to its group for each function. Nothing is written twice: the words are the header's, a group
is a file of src/ (in the order of build.rs), so that a new function has its page at once.

usage: man.py FOLDER       writes FOLDER/*.3
"""

import pathlib
import re
import sys
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A file of src/: the page that has its functions, and what stands behind its name. Several may share a page.
GROUPS = {
    "open": ("opening", "make a WebSocket connection"),
    "send": ("sending", "send messages and pings"),
    "send_many": ("sending", ""),
    "send_parts": ("sending", ""),
    "socket": ("closing", "pause, close and release a connection"),
    "inspect": ("inspecting", "ask what is known about a connection"),
    "tls_info": ("inspecting", ""),
    "stats": ("inspecting", ""),
    "close_info": ("inspecting", ""),
    "dispatcher": ("dispatchers", "where callbacks run"),
    "batch": ("batches", "pull many events at once"),
    "event": ("events", "what happened to a connection"),
    "json": ("json", "read JSON values"),
    "errors": ("errors", "find out why a connection could not be made, or broke"),
    "options": ("options", "how to connect"),
    "options/network": ("options-network", "options for the way to the server"),
    "options/tls": ("options-tls", "options of TLS"),
    "reconnector": ("reconnectors", "a connection that reconnects"),
    "options/compression": ("options", ""),
    "options/frames": ("options", ""),
    "reconnector/state": ("reconnectors", ""),
    "names": ("names", "words for the numbers of the library"),
    "library": ("library", "version, threads, shutdown"),
    "log": ("log", "the log"),
    "utf16": ("text", "UTF-16 and UTF-8"),
}


class ManError(Exception):
    """The header or src/ has something that this script does not know."""


@dataclass
class Declaration:
    """What stands between a comment and the next one: the names it declares, and its text."""

    comment: list
    code: str


# --- the header


def comment_lines(text):
    """A comment without its stars."""
    inner = text.removeprefix("/**").removesuffix("*/")
    lines = [re.sub(r"^ *\* ?", "", line).rstrip() for line in inner.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return [lines[0].strip(), *lines[1:]] if lines else []


def declarations(header):
    """The comments that begin a line, each with what it is about; what is inside of a struct or enum is its code."""
    parts = re.split(r"^(?=/\*\*)", header, flags=re.MULTILINE)[1:]
    for part in parts:
        end = part.index("*/") + 2
        code = re.sub(r"^#(if|ifndef|ifdef|else|endif).*\n?|^extern \"C\" \{\n|^\} // extern.*\n", "", part[end:], flags=re.MULTILINE)
        yield Declaration(comment_lines(part[:end]), re.sub(r"\n{2,}", "\n", code).strip())


def functions_of(source):
    text = (ROOT / "src" / f"{source}.rs").read_text(encoding="utf-8")
    return re.findall(r'^pub (?:unsafe )?extern "C" fn (ws_\w+)', text, flags=re.MULTILINE)


def sources():
    text = (ROOT / "build.rs").read_text(encoding="utf-8")
    return re.findall(r'"([\w/]+)"', re.search(r"SOURCES: .*?= &\[(.*?)\];", text, flags=re.DOTALL)[1])


# --- roff


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti").replace("'", "\\(aq")
    return re.sub(r"^(?=\.)", r"\\&", text)


def inline(text, known):
    """A line of prose: `code` and the names of functions stand out."""
    parts = []
    for part in re.split(r"(`[^`]*`|\bws_\w+\(\))", text):
        if part.startswith("`") and len(part) > 1:
            parts.append(rf"\fB{escape(part[1:-1])}\fP")
        elif part.endswith("()") and part[:-2] in known:
            parts.append(rf"\fB{escape(part[:-2])}\fP(3)")
        else:
            parts.append(escape(part))
    return re.sub(r"^(?=\.)", r"\\&", "".join(parts))


def verbatim(lines):
    indent = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    return [".PP", ".in +4n", ".nf", *(escape(line[indent:]) for line in lines), ".fi", ".in"]


def prose(lines, known, heading=".SH"):
    """Paragraphs, blocks that are indented or stand in @code, and lines of capitals, which are headings."""
    out, block, begin = [], [], True
    inside = False

    def flush():
        while block and not block[-1]:
            block.pop()
        if block:
            out.extend(verbatim(block))
            block.clear()

    for line in lines:
        if line in ("@code", "@endcode"):
            flush()
            inside, begin = line == "@code", True
        elif inside or (line.startswith("    ") and (begin or block)) or (block and not line):
            block.append(line)
        elif not line:
            begin = True
        elif line.startswith("- "):
            flush()
            out += [".IP \\(bu 2", inline(line[2:], known)]
            begin = False
        else:
            if block:
                begin = True
            flush()
            if re.fullmatch(r"[A-Z][A-Z ]+", line):
                out.append(f"{heading} {line}")
                begin = False
                continue
            if begin:
                out.append(".PP")
            begin = False
            out.append(inline(line.strip(), known))
    flush()
    return out


def tagged(lines):
    """The words before the first tag, and [(tag, lines)]. The last words of a function, on threads, count as a tag."""
    words, tags = [], []
    for line in lines:
        if match := re.match(r"@(param|return|pre)\s+(.*)", line):
            tags.append((match[1], [match[2]]))
        elif match := re.match(r"Thread: (.*)", line):
            tags.append(("thread", [match[1]]))
        elif tags and line:
            tags[-1][1].append(line.strip())
        elif not tags:
            words.append(line)
    return words, tags


def synopsis(code):
    return [".nf", *(rf"\fB{escape(line)}\fP" for line in code.splitlines()), ".fi"]


def function_entry(declaration, known, since):
    words, tags = tagged(declaration.comment)
    out = [".SS " + escape(re.search(r"\b(ws_\w+)\(", declaration.code)[1] + "()"), *synopsis(declaration.code), *prose(words, known)]
    for kind, lines in tags:
        if kind == "param":
            name, _, rest = lines[0].partition(" ")
            out += [".TP", rf"\fI{escape(name)}\fP", *(inline(line, known) for line in [rest.strip(), *lines[1:]] if line)]
        else:
            title = {"thread": "Thread:", "return": "Returns", "pre": "Requires"}[kind]
            out += [".TP", f".B {title}", *(inline(line, known) for line in lines)]
    return [*out, ".TP", ".B Since", escape(since)]


class Manual:
    """The pages, by name."""

    def __init__(self, header):
        self.version = re.search(r'WS4D_VERSION_STRING "(.*)"', header)[1]
        self.functions, self.types, self.overview = {}, [], None
        for it in declarations(header):
            if it.comment[:1] == ["@file ws4d.h"]:
                self.overview = it.comment[2:]
            elif match := re.match(r"^(?:const )?\w+ \*?\*?(ws_\w+)\([^;]*\);", it.code, flags=re.DOTALL):
                it.code = match[0]
                self.functions[match[1]] = it
            elif it.code:
                self.types.append(it)
        symbols = (ROOT / "include/ws4d.symbols").read_text(encoding="utf-8").splitlines()
        self.since = dict(line.split() for line in symbols if line and not line.startswith("#"))
        self.pages = {}
        for source in sources():
            for function in functions_of(source):
                if source not in GROUPS:
                    raise ManError(f"src/{source}.rs has functions: say in scripts/man.py on which page they are to be")
                self.pages.setdefault(GROUPS[source][0], []).append(function)
        paged = [name for names in self.pages.values() for name in names]
        if sorted(paged) != sorted(self.functions):
            raise ManError(f"functions of src/ and of the header differ: {sorted(set(paged) ^ set(self.functions))}")

    def page(self, name, also, summary, body, see):
        names = ", ".join(escape(it) for it in also)
        return "\n".join([
            f'.TH {name} 3 "" "libws4d {self.version}" "libws4d"', ".nh", ".ad l", ".SH NAME", rf"{names} \- {summary}",
            ".SH SYNOPSIS", ".nf", ".B #include <ws4d.h>", ".PP", r"\fBcc\fP ... \fB$(pkg\-config \-\-cflags \-\-libs ws4d)\fP", ".fi",
            *body, ".SH SEE ALSO", ",\n".join(rf"\fB{escape(it)}\fP(3)" for it in see if it != name), ""])

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        groups = {f"libws4d-{page}": names for page, names in self.pages.items()}
        everything = ["libws4d", *groups, "libws4d-types"]
        summaries = {f"libws4d-{page}": summary for page, summary in GROUPS.values() if summary}

        def put(name, text):
            (folder / f"{name}.3").write_text(text, encoding="utf-8")

        contents = [".SH FUNCTIONS"]
        for name, names in groups.items():
            contents += [".TP", rf"\fB{escape(name)}\fP(3): {summaries[name]}", ",\n".join(escape(it) for it in names)]
        contents += [".TP", r"\fBlibws4d\-types\fP(3): types and numbers", "what the functions take and give"]
        introduction = prose(self.overview, self.functions)
        put("libws4d", self.page("libws4d", ["libws4d"], "a WebSocket client (RFC 6455)", [".SH DESCRIPTION", *introduction, *contents], everything))
        for name, names in groups.items():
            entries = [line for it in names for line in function_entry(self.functions[it], self.functions, self.since[it])]
            body = [".SH DESCRIPTION", "The functions of this group; \\fBlibws4d\\fP(3) says what holds for all.", *entries]
            put(name, self.page(name, [name, *names], summaries[name], body, everything))
            for function in names:
                put(function, f".so man3/{name}.3\n")
        types = [".SH DESCRIPTION", "What the functions take and give, as the header has it."]
        for it in self.types:
            types += [*prose(tagged(it.comment)[0], self.functions), ".PP", *verbatim(it.code.splitlines())[1:]]
        put("libws4d-types", self.page("libws4d-types", ["libws4d-types"], "types and numbers of libws4d", types, everything))


def main():
    # An option would become a folder of that name.
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    header = (ROOT / "include/ws4d.h").read_text(encoding="utf-8")
    try:
        Manual(header).write(pathlib.Path(sys.argv[1]))
    except ManError as error:
        raise SystemExit(f"man: {error}") from error


if __name__ == "__main__":
    main()
