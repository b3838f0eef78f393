#!/usr/bin/env python3
"""Writes the second half of docs/errors.md: what errors say, each text once, from the tests that provoke it.

The tests' host (tests/host/src/error_texts.rs) notes the entries of each error stack in the file that WS4D_ERROR_TEXTS names.
A text is cut by the string literals of the sources: words that stand in one are the library's own, all others are an example
(an address, a server's answer, what the system said) and are shown as code. Texts that differ only in examples are one.

usage: error_texts.py           runs the tests that provoke errors (minutes), writes the page, and complains of texts that no test
                                provokes and that NOT_PROVOKED does not explain
       error_texts.py FILE      the same with what a run has noted before
       error_texts.py --check   complains if a text on the page is not made of the literals of the sources any more, or looks like
                                Rust's Debug. No test is run. Where a text was changed, its line may be changed by hand as well.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/errors.md"
FOLDERS = ("src", "client/src", "protocol/src")
# The suites of tests whose errors are the same in each run: none that plays at random or fails calls of the system.
SUITES = """back_pressure callbacks close_info close_one closing compression connect defaults descriptors digest dispatcher
    dispatcher_close driving error_handler fork frames handshake happy_eyeballs idle inline liveness log memory nesting network
    next_address options parts pause pings proxy proxy_environment pull reconnector redirects release sending shutdown signals
    stats stop system_trust times tls waiting wake_and_fd ways""".split()
# And what the suite of faults says of lookups, which have no other end from one run to the next.
NAMES = ["--test", "faults", "every_fault_at_every_step", "a_name_that_waits"]
ONLY_NAMES = {"WS4D_FAULTS": "Dns x"}
# Texts that no test provokes, and why: a pattern for each kind, for the file and the text.
NOT_PROVOKED = [
    (r"(?i)no memory\b", "only where memory is used up: tests/faults lets allocations fail, in a program in C"),
    (r"no poller to wait in|thread could not be started|could not be watched", "only where a call of the system fails: tests/faults"),
    (
        r"fault in the library itself|socket's task ended|worker of a name lookup failed|panics\.rs:",
        "only where the library has a fault: the unit tests of client/src/socket and src/boundary.rs",
    ),
    (r"I/O threads? (?:of \{\} was|have) ended", "only where the program ends a thread of the library's: tests/c/ends.c"),
    (r"no handle is left|socket ids of this process", "only after more sockets than a test can make"),
    (
        r"no Unix sockets|is not yet valid; |system's trust could not be read: |certificate had invalid extensions",
        "only on Windows, macOS or Android",
    ),
    (r"The dispatcher is closed", "only where another thread closes it at that very moment"),
    (r"has an unknown issuer; \{CURE\}", "only of a certificate that webpki can read and x509-parser cannot"),
    (r"The revocation lists cannot be used", "the setter has refused such lists; what rustls makes of them may fail all the same"),
    (r"did not answer the close frame in time", "the host has ended that connection: only the log says so"),
    (r"a text message is not JSON|Upgrade: websocket", "goes to the server, in a close frame or in the request"),
]
TITLE = "## What they say"
HEAD = f"""\
{TITLE}

The message of each entry of a `ws_errors` stack, by its code, from the tests that provoke it (`scripts/error_texts.py`). What is
shown as code is an example: it comes from the program, the server or the system. An entry is one line of a stack; those behind
entry 0 are its details. The words are for people and may become better; a program goes by the code.
"""
# What differs between two runs of the same test, or between tests that provoke the same.
NORMAL = [
    (r"(?<=[\w\])]):\d{4,5}\b", ":PORT"),
    (r"\b((?:wss?|https?)://[\w.\[\]:-]+:PORT)(/[^\s\"?,;]*)?(\?\.\.\.)?", r"\1/path"),
    (r"/tmp/[\w./-]*|/[\w./-]*/target/[\w./-]*", "/path/to/file"),
    (re.escape(str(ROOT)), "/path/to"),
    (r"\b[0-9a-f]{32,}\b", "HEX"),
    (r"(?<=sha256//)[\w+/=]{40,}", "BASE64"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( UTC|Z)?", "DATE"),
]
# What is an example as a whole, also where some of its words stand in a literal.
FOREIGN = re.compile(
    r"""\b\w+://[\w.\[%](?:[^\s",;)]*[^\s",;):])? | (?:^|(?<=:[ ]))[^:;]*?\(os[ ]error[ ]\d+\) | failed[ ]to[ ]lookup[ ]address[ ]information:[^;]*
    | \[?[0-9a-f]*::[0-9a-f:%]*\]?(:PORT)? | [\w.-]+:PORT | /path/to[\w./-]* | \b(HEX|BASE64|DATE)\b
    | \w{3},[ ]\d\d[ ]\w{3}[ ]\d{4}[ ][\d:]+[ ]GMT""",
    re.X,
)
LONGEST_EXAMPLE = 80
# What Rust's Debug makes of a value: a name of two words or of a usual variant with a bracket behind it, or fields in braces.
DEBUG = re.compile(r"\b(?:Some|Ok|Err|Os|(?:[A-Z][a-z0-9]+){2,})\(|\b[A-Z]\w* \{ \w+:")
# A character, so that its quote begins no literal; a comment; a literal.
LITERAL = re.compile(r"""'(?:\\?"|\\.)'|//[^\n]*|"((?:\\.|[^"\\])*)\"""", re.S)
# A call whose texts are for the log, or for whoever breaks the library; and what stands for a bracket in it, or hides one.
UNTOLD = re.compile(r"\b(?:log!|(?:debug_)?assert(?:_eq|_ne)?!|panic!|unreachable!|compile_error!|\.?expect)\(")
MARK = re.compile(r"""[()]|'(?:\\.|[^'\\])'|"(?:\\.|[^"\\])*\"""", re.S)


def without_tests(text):
    """The code of a file up to its tests, without comments and attributes."""
    text = re.split(r"^#\[cfg\((?:all\()?test\b.*\]\s*mod \w+ \{", text, maxsplit=1, flags=re.M)[0]
    return re.sub(r"^\s*(//|#!?\[).*", "", text, flags=re.M)


def without_untold(text):
    """The code of a file without what its literals tell to nobody, or to the log alone."""
    while call := UNTOLD.search(text):
        depth, end = 1, call.end()
        while depth and (mark := MARK.search(text, end)):
            depth += {"(": 1, ")": -1}.get(mark[0], 0)
            end = mark.end()
        text = text[: call.start()] + "()" + text[end:]
    return text


def literals(told=False):
    """The string literals of the library, with the file of each; `told`: without those that are no words of an error."""
    found = {}
    for path in sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.rs")):
        if re.search(r"tests?\.rs$", path.name) or "tests" in path.relative_to(ROOT).parts:
            continue
        # The words of codes stand in the first half of the page.
        if told and path.name in ("result.rs", "header.rs"):
            continue
        code = without_tests(path.read_text(encoding="utf-8"))
        for match in LITERAL.finditer(without_untold(code) if told else code):
            if match[1]:
                text = re.sub(r"\\\n\s*", "", match[1])
                text = re.sub(r"\\(.)", lambda m: {"n": " ", "r": " ", "t": " "}.get(m[1], m[1]), text)
                found.setdefault(text, str(path.relative_to(ROOT)))
    if len(found) < 500:
        sys.exit("error_texts: the sources were not understood")
    return found


def fragments(texts):
    """What stands in literals between the places for values, where it is more than a short word."""
    found = set()
    for text in texts:
        for part in re.split(r"\{[^{}]*\}", text.replace("{{", "\0").replace("}}", "\1")):
            part = part.replace("\0", "{").replace("\1", "}").strip()
            if len(part.split()) > 1 or re.search(r"[^\W\d]\w{3}|^[A-Za-z]{2,3}:?$", part):
                found.add(part)
    return found


class Texts:
    """Cuts texts into words of the library's and examples."""

    def __init__(self, found):
        self.by_word = {}
        for fragment in fragments(found):
            for word in re.findall(r"\w+", fragment)[:1]:
                self.by_word.setdefault(word, []).append(fragment)

    def owned(self, text):
        """For each character whether it belongs to a literal."""
        spans = []
        for word in re.finditer(r"\w+", text):
            for fragment in self.by_word.get(word[0], ()):
                begin = word.start() - re.search(r"\w", fragment).start()
                end = begin + len(fragment)
                cut = end < len(text) and text[end].isalnum() and fragment[-1].isalnum()
                if begin >= 0 and not cut and text.startswith(fragment, begin):
                    spans.append((begin, end))
        own = [False] * len(text)
        for begin, end in spans:
            own[begin:end] = [True] * (end - begin)
        # What is quoted is an example, but for quotes that stand in a literal.
        foreign = [match.span() for match in FOREIGN.finditer(text)]
        for quoted in re.finditer(r'"[^"]*"', text):
            if not any(begin <= quoted.start() and quoted.end() <= end for begin, end in spans):
                foreign.append((quoted.start() + 1, quoted.end() - 1))
        for begin, end in foreign:
            own[begin:end] = [False] * (end - begin)
        return own, foreign

    def parts(self, text):
        """The text as parts of (whether it is the library's own, the part)."""
        own, foreign = self.owned(text)
        strange = [False] * len(text)
        for word in re.finditer(r"[^\s\"()]+", text):
            begin, end = word.span()
            if any(not own[at] and text[at].isalnum() for at in range(begin, end)):
                # Marks around an example, such as a colon behind it, are not part of it.
                end -= len(word[0]) - len(word[0].rstrip(".,;:"))
                strange[begin:end] = [not own[at] or not text[at].isspace() for at in range(begin, end)]
        for begin, end in foreign:
            strange[begin:end] = [True] * (end - begin)
        # Two examples with nothing but a blank between them are one.
        for at in range(1, len(text) - 1):
            strange[at] |= text[at] == " " and strange[at - 1] and strange[at + 1]
        found = []
        for at, letter in enumerate(text):
            if found and found[-1][0] != strange[at]:
                found[-1][1] += letter
            else:
                found.append([not strange[at], letter])
        return found


def escaped(text):
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def line_of(parts):
    return "".join(escaped(text) if own else f"`{text.replace('`', chr(39))}`" for own, text in parts)


def key_of(parts):
    """What two texts that differ only in examples have in common."""
    return "".join(text if own else "`" for own, text in parts).replace('""', '"`"')


def shortened(parts):
    """Numbers of a test's own are N, and long examples end early."""
    for at, (own, text) in enumerate(parts):
        if not own:
            follows = parts[at + 1][1] if at + 1 < len(parts) else ""
            if text.isdigit() and re.match(r" (ms|bytes|s|seconds)\b", follows):
                text = "N"
            text = text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE].rstrip() + "..."
        yield own, text


def parts_of(line):
    """The parts of a line of the page."""
    found = [(own, code) for own, code in re.findall(r"((?:\\.|[^\\`])+)|`([^`]*)`", line)]
    return [(True, re.sub(r"\\(.)", r"\1", own)) if own else (False, code) for own, code in found]


def normal(text):
    for pattern, instead in NORMAL:
        text = re.sub(pattern, instead, text)
    return re.sub(r"\s+", " ", text).strip()


def codes():
    return re.findall(r"^    (WS_ERR_\w+) = -\d+,", (ROOT / "src/result.rs").read_text(encoding="utf-8"), re.M)


def write(noted):
    found = literals()
    texts, by_code = Texts(found), {}
    for line in sorted({normal(line) for line in noted.splitlines()}):
        code, _, message = line.split(" ", 2)
        parts = list(shortened(texts.parts(message)))
        if any(own and re.search(r"\w", text) for own, text in parts):
            by_code.setdefault(code, {}).setdefault(key_of(parts), line_of(parts))
    out = [HEAD]
    for code in codes():
        lines = by_code.get(code, {})
        # The failure of one address of several is a text behind the address.
        lines = [line for key, line in lines.items() if not (key.startswith("`: ") and key[3:] in lines)]
        if lines:
            out.append(f"\n### `{code}`\n\n")
            out += [f"- {line}\n" for line in sorted(lines, key=lambda line: (line.strip("`").lower(), line))]
    first = PAGE.read_text(encoding="utf-8").split(TITLE)[0].rstrip("\n")
    PAGE.write_text(first + "\n\n" + "".join(out), encoding="utf-8")
    return check_provoked(noted)


def check_provoked(noted):
    """Complains of each text that no test has provoked, and of each explanation that explains nothing."""
    seen, used = normal(noted), set()
    silent = []
    for text, path in literals(told=True).items():
        part = max((normal(part) for part in re.split(r"\{[^{}]*\}", text)), key=len)
        if len(part.split()) <= 3 or part in seen:
            continue
        reason = next((at for at, (pattern, _) in enumerate(NOT_PROVOKED) if re.search(pattern, f"{path}: {text}")), None)
        if reason is None:
            silent.append(f"{path}: {text}")
        used.add(reason)
    for line in silent:
        print(f"error_texts: no test provokes this, and NOT_PROVOKED does not say why: {line}", file=sys.stderr)
    idle = [pattern for at, (pattern, _) in enumerate(NOT_PROVOKED) if at not in used]
    for pattern in idle:
        print(f"error_texts: NOT_PROVOKED explains nothing with {pattern!r}", file=sys.stderr)
    return not silent and not idle


def check():
    texts, known, status, count = Texts(literals()), codes(), 0, 0
    page = PAGE.read_text(encoding="utf-8")
    code, seen = None, set()

    def complain(line, why):
        nonlocal status
        print(f"error_texts: docs/errors.md, under {code}: {why}: {line}", file=sys.stderr)
        status = 1

    for line in page.partition(TITLE)[2].removeprefix(HEAD.removeprefix(TITLE)).splitlines():
        if heading := re.fullmatch(r"### `(\w+)`", line):
            code = heading[1]
            if code not in known:
                complain(line, "there is no such code")
            continue
        if not line:
            continue
        parts = parts_of(line.removeprefix("- "))
        text = "".join(part for _, part in parts)
        key = (code, key_of(parts))
        if not line.startswith("- ") or code is None or line != "- " + line_of(parts):
            complain(line, "this is no line that scripts/error_texts.py writes")
        elif key in seen:
            complain(line, "this text stands here twice")
        elif DEBUG.search(text):
            complain(line, "this looks like Debug output")
        seen.add(key)
        count += 1
        own, at = texts.owned(text)[0], 0
        for mine, part in parts:
            words = [word for word in re.finditer(r"\w+", part) if mine]
            strange = [word[0] for word in words if not all(own[at + word.start() : at + word.end()])]
            if strange:
                complain(line, f"no literal of the sources says {' '.join(strange)!r} there any more")
            at += len(part)
    if HEAD not in page or count < 100:
        complain("", "the page has no second half, or another head")
    sys.exit(status)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--check"]:
        check()
    if not arguments:
        noted = ROOT / "build/error-texts"
        noted.parent.mkdir(exist_ok=True)
        noted.write_text("")
        environment = {**os.environ, "WS4D_ERROR_TEXTS": str(noted)}
        subprocess.run(["cargo", "build", "--package", "ws4d"], cwd=ROOT, check=True)
        tests = [word for suite in SUITES for word in ("--test", suite)]
        command = ["cargo", "test", "--quiet", "--no-fail-fast", *tests]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
        command = ["cargo", "test", "--quiet", *NAMES[:2], "--", *NAMES[2:]]
        subprocess.run(command, cwd=ROOT, env={**environment, **ONLY_NAMES}, check=True, stdout=sys.stderr)
        arguments = [noted]
    sys.exit(0 if write(pathlib.Path(arguments[0]).read_text(encoding="utf-8")) else 1)


main()
