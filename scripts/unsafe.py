#!/usr/bin/env python3
"""Writes docs/unsafe.md: every `unsafe` of the library with its argument, from the SAFETY comments and the `# Safety` sections.

An `unsafe` without one is an error. No line numbers are written, so that the page changes only with what it tells.

usage: unsafe.py [--check] [ROOT]      --check: complains if docs/unsafe.md is another page
"""

import pathlib
import re
import sys

KINDS = ("block", "impl", "function", "trait", "declaration")
FOLDERS = ("src", "client/src", "protocol/src")
HEAD = """\
# Every unsafe, and why it is sound

Each `unsafe` of the library, by file and function, with the argument that stands above it in the code (`scripts/unsafe.py`;
`make check-style` compares, and one without an argument is an error there). A *block* or an *impl* says why it keeps the
promises of what it uses; a *function* says what its caller has to promise, a *trait* what its implementer has to: for exported functions
that is the header's `@pre`. A *declaration* names functions of C, which must be declared as C defines them; each call of one is a block.
Tests are not listed.

| | blocks | impls | functions | traits | declarations |
| --- | ---: | ---: | ---: | ---: | ---: |
"""
EXPORTS = """
Exported names carry `#[unsafe(no_mangle)]` ({count} of them). What is unsafe about that is a name that something else in the
process has too: all of ours begin with `ws_`, and `scripts/artifact.sh` looks that the library exports nothing else.
"""


def code_of(line):
    """A line without its strings and its comment."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    return re.sub(r"//.*", "", line)


class File:
    def __init__(self, path):
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.code = [code_of(line) for line in self.lines]
        # Tests are no part of the library.
        for at in range(len(self.code) - 1):
            if re.match(r"#\[cfg\(.*\btest\b", self.code[at]) and re.match(r"mod \w+ \{", self.code[at + 1]):
                del self.code[at:]
                break

    def kind(self, at, column):
        """What the `unsafe` there is; None: nothing that wants an argument."""
        rest = " ".join([self.code[at][column:], *self.code[at + 1 : at + 3]])
        if re.match(r"unsafe\s*\{", rest):
            return "block"
        whole = re.match(r"unsafe\s+(impl|trait)\b", rest)
        if whole:
            return whole[1]
        # `unsafe extern "C" fn(…)` without a name is a type.
        if re.match(r'unsafe\s+(extern\s+""\s+)?fn\s+\w', rest):
            return "function"
        if re.match(r'unsafe\s+extern\s+""\s*\{', rest):
            return "declaration"
        if re.match(r'unsafe\s*\(no_mangle\)', rest):
            return "export"
        if re.match(r'unsafe\s+(extern\s+""\s+)?fn\s*\(', rest):
            return None
        return "block"

    def comment_above(self, at):
        """The comment that ends above a line, attributes skipped, as its lines."""
        found = []
        while at > 0:
            line = self.lines[at - 1].strip()
            if line.startswith("//"):
                found.insert(0, line)
            elif found or not line.startswith("#["):
                break
            at -= 1
        return found

    def argument(self, at, kind):
        if kind in ("function", "trait"):
            text = [re.sub(r"^//[/!]? ?", "", line) for line in self.comment_above(at)]
            return paragraph(text, "# Safety") or safety(self.comment_above(at))
        if kind == "declaration":
            end = next(i for i in range(at, len(self.code)) if self.code[i].startswith("}"))
            names = re.findall(r"\bfn (\w+)", "\n".join(self.code[at:end]))
            return safety(self.comment_above(at)) or ", ".join(f"`{name}`" for name in names)
        # The comment stands above the statement, which may have begun some lines before.
        while True:
            found = safety(self.comment_above(at))
            if found or at == 0 or re.search(r"(^|[;{}])\s*$", self.code[at - 1]) and not self.opens_unsafe(at - 1):
                return found
            at -= 1

    def opens_unsafe(self, at):
        """Whether a line opens a literal or call of one statement, and no block of further ones."""
        return re.search(r"(\b[A-Z]\w* \{|[(,=])\s*$", self.code[at]) is not None

    def function(self, at):
        """The name of the function around a line, or of the impl."""
        indent = len(self.lines[at]) - len(self.lines[at].lstrip())
        for above in range(at, -1, -1):
            line = self.code[above]
            inside = len(line) - len(line.lstrip()) < indent or above == at
            named = re.search(r"\bfn (\w+)", line)
            if named and inside:
                return named[1]
            whole = re.search(r"\bunsafe ((impl|trait)\b[^{]*)", line)
            if whole and above == at:
                return re.sub(r"^(trait \w+).*", r"\1", whole[1].strip())
        return "the file"


def paragraph(lines, title):
    if title not in lines:
        return ""
    rest = lines[lines.index(title) + 1 :]
    end = next((i for i, line in enumerate(rest) if i > 0 and not line.strip()), len(rest))
    return " ".join(line.strip() for line in rest[:end]).strip()


def safety(comment):
    text = [re.sub(r"^//[/!]? ?", "", line) for line in comment]
    begin = next((i for i, line in enumerate(text) if line.startswith("SAFETY:")), None)
    return " ".join(text[begin:]).removeprefix("SAFETY:").strip() if begin is not None else ""


def collect(root):
    found, missing, exports = {}, [], 0
    for path in sorted(file for folder in FOLDERS for file in (root / folder).rglob("*.rs")):
        if path.name == "tests.rs" or "tests" in path.relative_to(root).parts:
            continue
        file, name = File(path), str(path.relative_to(root))
        for at, line in enumerate(file.code):
            for match in re.finditer(r"\bunsafe\b", line):
                kind = file.kind(at, match.start())
                if kind == "export":
                    exports += 1
                elif kind is not None:
                    argument = file.argument(at, kind)
                    if not argument:
                        missing.append(f"{name}:{at + 1}: {file.lines[at].strip()}")
                    where = 'extern "C"' if kind == "declaration" else file.function(at)
                    found.setdefault(name, []).append((where, kind, argument))
    return found, missing, exports


def page(found, exports):
    out = [HEAD]
    for folder in FOLDERS:
        kinds = [kind for name, entries in found.items() if name.startswith(folder + "/") for _, kind, _ in entries]
        out.append(f"| `{folder}/` | " + " | ".join(str(kinds.count(kind)) for kind in KINDS) + " |\n")
    out.append(EXPORTS.format(count=exports))
    for name, entries in found.items():
        out.append(f"\n## {name}\n\n")
        groups = {}
        for function, kind, argument in entries:
            where = groups.setdefault((kind, argument), [])
            if f"`{function}`" not in where:
                where.append(f"`{function}`")
        out += [f"- {kind}, {', '.join(where)}: {argument}\n" for (kind, argument), where in groups.items()]
    return "".join(out)


def main():
    check = "--check" in sys.argv[1:]
    rest = [argument for argument in sys.argv[1:] if argument != "--check"]
    root = pathlib.Path(rest[0]) if rest else pathlib.Path(__file__).resolve().parent.parent
    found, missing, exports = collect(root)
    status = 0
    for line in missing:
        print(f"unsafe: no SAFETY comment: {line}", file=sys.stderr)
        status = 1
    if exports < 100 or len(found) < 10:
        sys.exit("unsafe: the sources were not understood")
    written, target = page(found, exports), root / "docs/unsafe.md"
    if not check:
        target.write_text(written, encoding="utf-8")
    elif not target.exists() or target.read_text(encoding="utf-8") != written:
        print("unsafe: docs/unsafe.md is not what scripts/unsafe.py writes: run it", file=sys.stderr)
        status = 1
    sys.exit(status)


main()
