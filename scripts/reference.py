#!/usr/bin/env python3
"""Writes the API reference of the guide, as Markdown, from include/ws4d.h: a page for each group of functions (those of man.py),
one for the types, one for the results. The words are the header's; the version that brought a function is that of
include/ws4d.symbols; the examples are those of docs/guide/examples, which a test compiles.

usage: reference.py FOLDER       writes FOLDER/*.md
"""

import pathlib
import re
import sys

import man

ROOT = man.ROOT
RESULT = re.compile(r"\bWS_ERR_[A-Z0-9_]+\b|\bWS_OK\b")
CODE = r"`[^`]*`"


def examples():
    """What docs/guide/examples/*.c shows: the body of a function that is named as a function of the library, with `show_` before it."""
    found = {}
    for file in sorted((ROOT / "docs/guide/examples").glob("*.c")):
        text = file.read_text(encoding="utf-8")
        for name, body in re.findall(r"^static void show_(ws_\w+)\([^{]*\{\n(.*?)^\}", text, flags=re.MULTILINE | re.DOTALL):
            found[name] = re.sub(r"^    ", "", body, flags=re.MULTILINE).rstrip()
    return found


class Links:
    """The page and the anchor of each name of the header."""

    def __init__(self, manual):
        self.places = {name: page for page, names in manual.pages.items() for name in names}
        self.places |= {it: "types" for declaration in manual.types for it in type_names(declaration.code)}
        self.places |= {it: "results" for it, _ in results(manual)}

    def to(self, name, text=None, folder=""):
        page = self.places.get(name)
        shown = f"`{text or name}`"
        return f"[{shown}]({folder}{page}.md#{name.lower()})" if page else shown

    def inline(self, line, folder="", skip=()):
        """A line of prose with links behind the names that it has; what Markdown would take for its own is escaped."""
        parts = []
        for part in re.split(rf"({CODE}|\bws_\w+(?:\*|\(\))?|\bWS_[A-Z0-9_]+\b)", line):
            name = part.strip("`").removesuffix("()")
            if name in self.places and name not in skip:
                parts.append(self.to(name, part.strip("`"), folder))
            elif part.startswith("`") or re.match(r"(ws|WS)_\w*\*?$", part):
                parts.append(part if part.startswith("`") else f"`{part}`")
            else:
                # *emphasis* is the header's own; a lone star is a pointer's or a pattern's.
                parts.append(re.sub(r"(\*(?!\w[^*]*\w\*)(?<!\w\*)|[<\[\]_|])", r"\\\1", part))
        return "".join(parts)


def type_names(code):
    """What a declaration that is no function introduces."""
    names = re.findall(r"^(?:typedef )?(?:struct|enum) (ws_\w+)", code, flags=re.MULTILINE)
    names += re.findall(r"^typedef [^;{]*\(\*(ws_\w+)\)", code, flags=re.MULTILINE)
    names += re.findall(r"^#define (WS_?\w+)", code, flags=re.MULTILINE)
    return list(dict.fromkeys(names))


def results(manual):
    """Each ws_result with its comment, as lines."""
    code = next(it.code for it in manual.types if it.code.startswith("enum ws_result"))
    for comment, name, number in re.findall(r"/\*\*(.*?)\*/\s+(WS_\w+) = (-?\d+)", code, flags=re.DOTALL):
        lines = [re.sub(r"^ *\* ?", "", line).rstrip() for line in comment.splitlines()]
        yield name, (number, [line.strip() for line in lines])


def prose(lines, links, skip=(), level=3):
    """Paragraphs, lists, code that is indented or stands in @code, and headings in capitals."""
    out, block, inside = [], [], False

    def flush():
        while block and not block[-1]:
            block.pop()
        if block and re.match(r" +(object|function)  ", block[0]):
            out.extend(["", *table(block, links), ""])
            block.clear()
        if block:
            indent = min(len(line) - len(line.lstrip()) for line in block if line)
            text = [line[indent:] for line in block]
            language = "c" if inside or any(line.rstrip().endswith((";", "{")) for line in text) else "text"
            out.extend(["", f"```{language}", *text, "```", ""])
            block.clear()

    for line in lines:
        if line == "@code":
            flush()
            inside = True
        elif line == "@endcode":
            flush()
            inside = False
        elif inside or line.startswith("    ") or (block and not line):
            block.append(line)
        else:
            flush()
            if re.fullmatch(r"[A-Z][A-Z ,']+", line):
                out.extend(["", f"{'#' * level} {line.capitalize()}", ""])
            else:
                out.append(links.inline(line, skip=skip))
    flush()
    return out


def table(block, links):
    """A block whose first line has the heads of columns, at least two spaces apart, as a table of Markdown."""
    starts = [match.start() for match in re.finditer(r"(?<=  )\S|(?<=^)\S", block[0])]
    ends = [*starts[1:], None]
    rows = [[line[start:end].strip() for start, end in zip(starts, ends)] for line in block if line]
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|" + " --- |" * len(starts)
    for row in rows[1:]:
        yield "| " + " | ".join(links.inline(cell) for cell in row) + " |"


def plain_code(code):
    """A declaration without what only compilers of C++ and C23 read."""
    code = re.sub(r"^#if defined\(__cplusplus\).*?^#endif.*?\n", "", code, flags=re.MULTILINE | re.DOTALL)
    code = re.sub(r"^#ifndef __cplusplus.*", "", code, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ : int32_t\n", "", code, flags=re.MULTILINE).strip()


class Reference:
    """The pages, as text, by name."""

    def __init__(self):
        self.header = (ROOT / "include/ws4d.h").read_text(encoding="utf-8")
        self.manual = man.Manual(self.header)
        self.links = Links(self.manual)
        self.shown = examples()
        self.results_alone = {name for name, page in self.links.places.items() if page == "results"}
        if set(self.shown) != set(self.manual.functions):
            differ = sorted(set(self.shown) ^ set(self.manual.functions))
            raise man.ManError(f"docs/guide/examples/*.c has a show_… for each function of the header, and for no other; see {', '.join(differ)}")
        self.mentions = {
            name: {it for it in re.findall(r"\bws_\w+", "\n".join(d.comment)) if it in self.manual.functions and it != name}
            for name, d in self.manual.functions.items()
        }

    def see_also(self, name):
        back = [it for it, named in self.mentions.items() if name in named]
        # In the order of the header; who is mentioned by all says nothing of one.
        back = back if len(back) <= 6 else []
        both = self.mentions[name] | set(back)
        return [it for it in self.manual.functions if it in both]

    def errors(self, name):
        """The results that a function's comment names, and those of the function whose results it says are its own."""
        lines = [line for kind, lines in man.tagged(self.manual.functions[name].comment)[1] if kind == "return" for line in lines]
        returned = " ".join(lines)
        found = [it for it in RESULT.findall(returned) if it != "WS_OK"]
        for other in re.findall(r"\b(?:[Aa]s|that of) (ws_\w+)\(\)", returned):
            found += self.errors(other) if other in self.manual.functions and other != name else []
        return list(dict.fromkeys(found))

    def function(self, name):
        it = self.manual.functions[name]
        words, tags = man.tagged(it.comment)
        out = [f"## {name}", "", "```c", it.code, "```", "", *prose(words, self.links, skip=(name,))]
        parameters = [lines for kind, lines in tags if kind == "param"]
        if parameters:
            out += ["", "| parameter | meaning |", "| --- | --- |"]
        for lines in parameters:
            parameter, _, rest = lines[0].partition(" ")
            out.append(f"| `{parameter}` | {self.links.inline(' '.join([rest.strip(), *lines[1:]]))} |")
        for kind, title in (("thread", "Thread"), ("pre", "Requires"), ("return", "Returns")):
            for lines in (lines for tag, lines in tags if tag == kind):
                out += ["", f"**{title}:** {self.links.inline(' '.join(lines), skip=self.results_alone)}"]
        errors = self.errors(name)
        if errors:
            out += ["", "**Errors:** " + ", ".join(self.links.to(it) for it in errors) + "."]
        if name in self.shown:
            out += ["", "**Example:**", "", "```c", self.shown[name], "```"]
        also = self.see_also(name)
        if also:
            out += ["", "**See also:** " + ", ".join(self.links.to(it, f"{it}()") for it in also) + "."]
        return [*out, "", f"**Since:** {self.manual.since[name]}", ""]

    def group(self, page, names):
        summary = next(text for group, text in man.GROUPS.values() if group == page and text)
        contents = [f"- {self.links.to(name, name + '()')}: {self.brief(name)}" for name in names]
        sections = [line for name in names for line in self.function(name)]
        return "\n".join([f"# {title(page)}", "", f"{summary[0].upper() + summary[1:]}.", "", *contents, "", *sections])

    def brief(self, name):
        """The first sentence of a function's comment."""
        lines = man.tagged(self.manual.functions[name].comment)[0]
        words = " ".join(lines[:lines.index("")] if "" in lines else lines)
        first = re.match(r"(.*?[^.]\.)(?= [A-Z]|$)", words)
        return self.links.inline(first[1] if first else words, skip=(name,))

    def types(self):
        out = ["# Types and constants", ""]
        for it in self.manual.types:
            names = type_names(it.code)
            code = plain_code(it.code)
            if not names or not code:
                continue
            for name in names[:-1] if len(names) > 1 else []:
                out += [f'<a id="{name.lower()}"></a>']
            if len(names) == 1 or code.startswith(("struct", "typedef", "enum")):
                out += ["", f"## {names[0]}", ""]
            else:
                out += ["", f"## {names[-1]}", ""]
            out += [*prose(man.tagged(it.comment)[0], self.links, skip=names), "", "```c", code, "```", ""]
        return "\n".join(out)

    def results(self):
        out = ["# Results", "", "What a call returns: 0, or a negative number. The numbers never change. [Errors](../errors.md) has the words of the",
               "error stacks, which say more.", ""]
        for name, (number, lines) in results(self.manual):
            out += [f"## {name}", "", f"Number {number}.", "", *prose(lines, self.links, skip=(name,)), ""]
        return "\n".join(out)

    def index(self):
        out = ["# API reference", "", "Rendered from `include/ws4d.h`. Each function says what it does, which thread may call it, who owns what, and",
               "which errors it returns.", ""]
        for page, names in self.manual.pages.items():
            out += [f"- [{title(page)}]({page}.md): " + ", ".join(self.links.to(it) for it in names)]
        out += ["- [Types and constants](types.md)", "- [Results](results.md)", ""]
        return "\n".join([*out, *prose(self.manual.overview, self.links, level=2), ""])

    def pages(self):
        """Name, title and text of each page."""
        yield "index", "API reference", self.index()
        for page, names in self.manual.pages.items():
            yield page, title(page), self.group(page, names)
        yield "types", "Types and constants", self.types()
        yield "results", "Results", self.results()


def title(page):
    words = {"options-network": "network options", "options-tls": "TLS options", "json": "JSON", "text": "UTF-8 and UTF-16"}.get(page, page)
    return words[0].upper() + words[1:]


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, _, text in Reference().pages():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
