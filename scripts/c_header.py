"""include/ws4d.h, understood: what scripts/bindings.py writes and tests/python/test_header.py compares.

Every declaration of the header must be one of the few forms that are known here, and every type one of those in the
tables. Anything else is a HeaderError that says what to add: a binding that was guessed would be undefined behaviour in
each test instead of a red one.
"""

import re
from dataclasses import dataclass, field

# C type: (Rust type, ctypes type, bytes). All are aligned to their size on the 64-bit systems that the library is for.
SCALARS = {
    "int32_t": ("i32", "c_int32", 4),
    "uint32_t": ("u32", "c_uint32", 4),
    "uint16_t": ("u16", "c_uint16", 2),
    "int64_t": ("i64", "c_int64", 8),
    "uint64_t": ("u64", "c_uint64", 8),
    "size_t": ("usize", "c_size_t", 8),
    "intptr_t": ("isize", "c_ssize_t", 8),
    "double": ("f64", "c_double", 8),
}
# Opaque structs whose pointers are tokens, and the Rust type of such a pointer.
HANDLES = {
    "ws_socket": "Socket",
    "ws_dispatcher": "Dispatcher",
    "ws_options": "OptionsToken",
    "ws_reconnector": "Reconnector",
}
# Opaque structs whose pointers are addresses.
POINTERS = {"ws_event", "ws_batch", "ws_errors", "ws_json"}
POINTER_SIZE = 8


class HeaderError(Exception):
    """The header has something that this script does not know."""


@dataclass(frozen=True)
class Type:
    """`const uint16_t *` is Type("uint16_t", True, 1)."""

    base: str
    const: bool = False
    stars: int = 0

    def __str__(self):
        return ("const " if self.const else "") + self.base + (" " + "*" * self.stars if self.stars else "")


@dataclass(frozen=True)
class Signature:
    """What a function, or a pointer to one, returns and takes."""

    result: Type
    arguments: tuple


@dataclass
class Struct:
    """A struct that is not opaque: the type of each field in order, and what its _INIT macro says of each."""

    name: str
    fields: dict
    initial: list | None = None


@dataclass
class Header:
    """`declared` has the callback types (name: Signature) and structs (name: Struct) in the order of the header, in which
    each stands behind what it needs."""

    enums: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)
    opaque: list = field(default_factory=list)
    declared: dict = field(default_factory=dict)
    functions: dict = field(default_factory=dict)
    named_in_place: set = field(default_factory=set)

    @property
    def structs(self):
        return {name: it for name, it in self.declared.items() if isinstance(it, Struct)}

    @property
    def callbacks(self):
        return {name: it for name, it in self.declared.items() if isinstance(it, Signature)}

    def size(self, kind):
        if kind.stars or kind.base in self.callbacks:
            return POINTER_SIZE
        return 4 if kind.base in self.enums else SCALARS[kind.base][2]

    def layout(self, struct):
        """(its size, {field: (offset, size)}) by the rule of the C ABI: each field at the next multiple of its size."""
        offset, places = 0, {}
        for name, kind in struct.fields.items():
            size = self.size(kind)
            offset += -offset % size
            places[name] = (offset, size)
            offset += size
        return offset + -offset % max(size for _, size in places.values()), places

    # --- reading

    def check(self, kind, where):
        """That a type is known, and stands where it can."""
        known = kind.base in SCALARS or kind.base in self.enums or kind.base in self.callbacks
        if kind.base in ("void", "char"):
            wrong = kind.stars == 0
        elif kind.base in self.opaque or kind.base in self.structs:
            wrong = kind.stars == 0
        elif known:
            wrong = False
        else:
            raise HeaderError(f"{where}: no such C type is known: {kind}. Its Rust and ctypes types belong in SCALARS, "
                              "HANDLES or POINTERS of scripts/c_header.py")
        if wrong or kind.stars > 2 or (kind.stars == 2 and kind.const and kind.base in HANDLES):
            raise HeaderError(f"{where}: {kind} cannot stand there")
        return kind

    def type(self, text, where):
        match = re.fullmatch(r"(const )?\s*(\w+)\s*(\**)", text.strip())
        if not match:
            raise HeaderError(f"{where}: this is no type that can be read: {text.strip()}")
        return self.check(Type(match[2], bool(match[1]), len(match[3])), where)

    def signature(self, result, arguments, where):
        kinds = []
        if arguments.strip() != "void":
            for argument in arguments.split(","):
                match = re.fullmatch(r"(.*[\s*])\w+", argument.strip(), flags=re.DOTALL)
                if not match:
                    raise HeaderError(f"{where}: this is no argument that can be read: {argument.strip()}")
                kinds.append(self.type(match[1], where))
        nothing = result.strip() == "void"
        return Signature(Type("void") if nothing else self.type(result, where), tuple(kinds))

    def struct(self, name, body):
        fields = {}
        for line in filter(None, (line.strip() for line in body.split(";"))):
            where = f"{name}, `{line}`"
            if function := re.fullmatch(r"(.*?)\(\*(\w+)\)\((.*)\)", line, flags=re.DOTALL):
                fields[function[2]] = Type(self.name_in_place(function, where))
            elif plain := re.fullmatch(r"(.*[\s*])(\w+)", line, flags=re.DOTALL):
                fields[plain[2]] = self.type(plain[1], where)
            else:
                raise HeaderError(f"{where}: this is no field that can be read")
        self.declared[name] = Struct(name, fields)

    def name_in_place(self, function, where):
        """The type of a field such as `void (*on_free)(void *)`, which has no name in C: ws_free_fn."""
        name = f"ws_{function[2].removeprefix('on_')}_fn"
        signature = self.signature(function[1], function[3], where)
        if self.declared.setdefault(name, signature) != signature:
            raise HeaderError(f"{where}: {name} is already another type; give it a typedef of its own")
        self.named_in_place.add(name)
        return name

    def statement(self, text):
        if match := re.fullmatch(r"enum (\w+)\s*:\s*int32_t\s*\{(.*)\}", text, flags=re.DOTALL):
            items = [item.strip() for item in match[2].split(",") if item.strip()]
            numbers = [re.fullmatch(r"(WS_\w+)\s*=\s*(-?\d+)", item) for item in items]
            if None in numbers:
                raise HeaderError(f"{match[1]}: this is no number that can be read: {items[numbers.index(None)]}")
            self.enums[match[1]] = {number[1]: int(number[2]) for number in numbers}
        elif match := re.fullmatch(r"typedef (?:enum (\w+)|int32_t) (\w+)", text):
            if match[2] not in self.enums or match[1] not in (None, match[2]):
                raise HeaderError(f"this typedef is not known: {text}")
        elif match := re.fullmatch(r"typedef struct (\w+) (\w+)", text):
            if match[1] not in HANDLES and match[1] not in POINTERS:
                raise HeaderError(f"{match[1]} is opaque: say in scripts/c_header.py whether a pointer to it is a token "
                                  "(HANDLES) or an address (POINTERS)")
            self.opaque.append(match[1])
        elif match := re.fullmatch(r"typedef struct (\w+) \{(.*)\} \1", text, flags=re.DOTALL):
            self.struct(match[1], match[2])
        elif match := re.fullmatch(r"typedef (.*?)\(\*(\w+)\)\((.*)\)", text, flags=re.DOTALL):
            self.declared[match[2]] = self.signature(match[1], match[3], match[2])
        elif match := re.fullmatch(r"([\w\s*]*[\s*])(ws_\w+)\(([^()]*)\)", text, flags=re.DOTALL):
            # cbindgen follows the modules of a file, and reads one whose name is a file of src/ too for that one.
            if match[2] in self.functions:
                raise HeaderError(f"{match[2]} is declared twice")
            self.functions[match[2]] = self.signature(match[1], match[3], match[2])
        else:
            raise HeaderError(f"this declaration is not known: {text}")

    def macro(self, line):
        """A constant, or how a struct begins."""
        match = re.fullmatch(r"#define (WS\w+) (.*)", line)
        if not match:
            raise HeaderError(f"this macro is not known: {line}")
        name, value = match[1], " ".join(match[2].split())
        if not name.endswith("_INIT"):
            if not re.fullmatch(r"SIZE_MAX|\d+u?|\"[^\"\\]*\"|[\w\s()<|]+", value):
                raise HeaderError(f"{name}: this is no constant that can be read: {value}")
            self.constants[name] = value
            return
        struct = self.structs.get(name.removesuffix("_INIT").lower())
        values = re.fullmatch(r"\{ (.*) \}", value)
        if struct is None or values is None:
            raise HeaderError(f"{name} is no struct's, or cannot be read")
        struct.initial = values[1].split(", ")
        if len(struct.initial) != len(struct.fields):
            raise HeaderError(f"{name} has {len(struct.initial)} values for the {len(struct.fields)} fields of "
                              f"{struct.name}: see cbindgen.toml")


def statements(text):
    """What ends with a semicolon outside of braces."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == ";" and depth == 0:
            yield " ".join(text[begin:at].split())
            begin = at + 1
    if rest := text[begin:].strip():
        raise HeaderError(f"this is no declaration that can be read: {rest}")


def read(text):
    """The Header that is written there."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL).replace("\\\n", " ")
    lines = text.splitlines()
    code = "\n".join(re.sub(r"//.*", "", line) for line in lines if not line.lstrip().startswith("#"))
    code, opened = re.subn(r'extern "C" \{', "", code)
    if opened:
        code = re.sub(r"\}\s*\Z", "", code)
    header = Header()
    for statement in statements(code):
        header.statement(statement)
    for line in lines:
        if line.startswith("#define ") and line.strip() != "#define WS4D_H":
            header.macro(line)
    if not header.functions:
        raise HeaderError("the header declares no function")
    return header
