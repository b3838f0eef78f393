#!/usr/bin/env python3
"""What `scripts/abi.sh` needs to know of a header: the C file that reaches all of it, and the rules that abidiff has not.

usage: abi.py probe HEADER              prints a C file that refers to every function and every type of the header
       abi.py rules OLD_HEADER NEW_HEADER     complains where the new one breaks a rule; see docs/abi.md
"""

import re
import subprocess
import sys

# Those that grow: each begins with a `size`. The others never change.
GROWS = re.compile(r"\s*size_t size;")
# They say which version it is, and change with each.
VERSION = re.compile(r"WS4D_VERSION_|WS4D_H$")


class Header:
    def __init__(self, path):
        self.path = path
        with open(path) as file:
            text = file.read()
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        code = re.sub(r"\\\n", " ", code)
        self.macros = dict(re.findall(r"^#define (\w+)[ \t]*(.*?)[ \t]*$", code, re.MULTILINE))
        plain = re.sub(r"^#.*$", "", code, flags=re.MULTILINE)
        self.structs = dict(reversed(s) for s in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", plain, re.DOTALL))
        self.enums = re.findall(r"^enum (\w+)\b", plain, re.MULTILINE)
        outside = re.sub(r"\{.*?\}", "", plain.replace('extern "C" {', ""), flags=re.DOTALL)
        self.pointers = re.findall(r"typedef [^;(]*\(\*(\w+)\)", outside)
        self.functions = [
            name
            for statement in outside.split(";")
            if "typedef" not in statement
            for name in re.findall(r"\b(ws_\w+)\s*\(", statement)
        ]
        for what, least in (self.functions, 100), (self.structs, 6), (self.enums, 7), (self.pointers, 5), (self.macros, 10):
            if len(what) < least:
                sys.exit(f"abi: {path} was not understood: {sorted(what)}")

    def grows(self, struct):
        return GROWS.match(self.structs[struct]) is not None

    def fields(self, struct):
        """The fields of a struct, and the type of each, as it is written."""
        found = {}
        for declaration in self.structs[struct].split(";"):
            # A pointer to a function has its name within.
            name = re.search(r"(?<=\(\*)\w+(?=\))", declaration) or re.search(r"\w+(?=\s*$)", declaration)
            if name:
                found[name[0]] = (declaration[: name.start()] + declaration[name.end() :]).strip()
        return found


def probe(path):
    """abidiff looks at what an object exports, and at all types that can be reached from there: pointers, one for each function."""
    header = Header(path)
    lines = ["#include <ws4d.h>"]
    lines += [f"__typeof__({name}) *const {name}_function = {name};" for name in header.functions]
    lines += [f"{kind} {name} *{name}_type;" for kind, names in (("struct", header.structs), ("enum", header.enums))
              for name in names]
    lines += [f"{name} {name}_type;" for name in header.pointers]
    return "\n".join(lines) + "\n"


def layout(path, structs):
    """Offset, size and type (0: another than is said) of each field, and under "=" the size of each struct, by the compiler."""
    # It writes them into its listing: nothing has to run.
    constants = [(name, field, f"__builtin_offsetof({name}, {field})", f"sizeof((({name} *)0)->{field})",
                  f"__builtin_types_compatible_p(__typeof__((({name} *)0)->{field}), {kind})")
                 for name, fields in structs.items() for field, kind in fields.items()]
    constants += [(name, "=", "0", f"sizeof({name})", "1") for name in structs]
    body = "\n".join(f'    __asm__ volatile("@ {name} {field} %c0 %c1 %c2" :: "i"({offset}), "i"({size}), "i"({same}));'
                     for name, field, offset, size, same in constants)
    listing = subprocess.run(["gcc", "-S", "-x", "c", "-o", "-", "-"], text=True, stdout=subprocess.PIPE, check=True,
                             input=f'#include "{path}"\nvoid layout(void)\n{{\n{body}\n}}\n').stdout
    found = {name: {} for name in structs}
    for name, field, *numbers in re.findall(r"@ (\w+) (\S+) (\d+) (\d+) (\d+)", listing):
        found[name][field] = tuple(map(int, numbers))
    return found


def broken_macros(old, new):
    for name, value in old.macros.items():
        now = new.macros.get(name)
        if now is None:
            yield f"the macro {name} is gone"
        elif name.endswith("_INIT"):
            # What a field begins with is a promise, and a new one stands behind the old ones.
            if not re.sub(r"\s+", "", now).startswith(re.sub(r"[\s}]+", "", value)):
                yield f"{name} does not begin as it did: {now}"
        elif now != value and not VERSION.match(name):
            yield f"{name} was {value}, and is {now}"


def broken_structs(old, new):
    common = [name for name in old.structs if name in new.structs]
    before = layout(old.path, {name: old.fields(name) for name in common})
    # The old fields are looked for with the type that they had.
    after = layout(new.path, {name: {field: old.fields(name).get(field, kind) for field, kind in new.fields(name).items()}
                              for name in common})
    for name in common:
        was, now = before[name], after[name]
        if old.grows(name) and not new.grows(name):
            yield f"{name} does not begin with its size any more"
        for field, place in was.items():
            if field not in now:
                yield f"{name}.{field} is gone"
            elif field != "=" and now[field] != place:
                yield f"{name}.{field} has another place, width or type (offset, bytes, type: {place}, now {now[field]})"
        for field in now.keys() - was.keys():
            if not old.grows(name):
                yield f"{name} has no size, so it cannot have a new field: {field}"
            elif now[field][0] < was["="][1]:
                yield f"{name}.{field} is not behind the end: old programs tell the library something else in its place"


def rules(old_path, new_path):
    old, new = Header(old_path), Header(new_path)
    wrong = [f"{name} is gone" for names in ("functions", "structs", "enums", "pointers")
             for name in getattr(old, names) if name not in getattr(new, names)]
    wrong += [*broken_macros(old, new), *broken_structs(old, new)]
    for line in wrong:
        print(f"abi: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["probe", path]:
            print(probe(path), end="")
        case ["rules", old_path, new_path]:
            sys.exit(rules(old_path, new_path))
        case _:
            sys.exit(__doc__)
