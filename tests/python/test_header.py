"""ws4d_ctypes declares what include/ws4d.h declares: the same functions, numbers and layout, and nothing else.

Names come from the header's text, their values from a C program that includes it.
"""

import ctypes
import pathlib
import re
import subprocess
import tempfile
import unittest

import ws4d_ctypes as c
from host import ROOT, ws4d

INCLUDE = ROOT / "include"

PARAMETERS = {
    "const char *": ctypes.c_char_p,
    "const void *": ctypes.c_void_p,
    "void *": ctypes.c_void_p,
    "const uint16_t *": ctypes.POINTER(ctypes.c_uint16),
    "size_t *": ctypes.POINTER(ctypes.c_size_t),
    "size_t": ctypes.c_size_t,
    "intptr_t": ctypes.c_ssize_t,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint16_t": ctypes.c_uint16,
    "uint32_t": ctypes.c_uint32,
    "double": ctypes.c_double,
    "void": None,
    **{f"const {struct.__name__} *": ctypes.POINTER(struct) for struct in c.STRUCTS},
    **{f"{struct.__name__} *": ctypes.POINTER(struct) for struct in c.STRUCTS},
    **c.CALLBACKS,
    **{enumeration.__name__: ctypes.c_int32 for enumeration in c.ENUMS},
}
for opaque in (c.ws_socket, c.ws_dispatcher, c.ws_reconnector, c.ws_options, c.ws_event, c.ws_batch, c.ws_errors, c.ws_json):
    PARAMETERS[f"{opaque.__name__} *"] = PARAMETERS[f"const {opaque.__name__} *"] = opaque
    PARAMETERS[f"{opaque.__name__} **"] = PARAMETERS[f"const {opaque.__name__} **"] = ctypes.POINTER(opaque)


def declarations():
    """The header without comments and preprocessor lines."""
    text = re.sub(r"/\*.*?\*/", " ", (INCLUDE / "ws4d.h").read_text(), flags=re.DOTALL)
    return re.sub(r"^\s*#.*$|//.*$", "", text, flags=re.MULTILINE)


def type_of(declaration):
    """The type in `const char *name` or `int32_t name`."""
    return re.fullmatch(r"(.*?[ *])\w+", declaration.strip()).group(1).strip()


def split(arguments):
    return [] if arguments.strip() == "void" else [type_of(argument) for argument in arguments.split(",")]


def prototypes():
    found = re.findall(r"^(\w[\w *]*?[ *])(ws_\w+)\(([^()]*)\);", declarations(), flags=re.MULTILINE)
    return {name: (result.strip(), split(arguments)) for result, name, arguments in found}


def in_ctypes(result, arguments):
    """How ws4d_ctypes writes a signature."""
    if result == "const char *" and "size_t *" in arguments:
        result = c.sized_text
    else:
        result = PARAMETERS[result]
    return (result, *(PARAMETERS[argument] for argument in arguments))


def enumerators():
    return {
        name: re.findall(r"\b(WS_\w+)\s*=", body)
        for name, body in re.findall(r"\benum (ws_\w+)[^{};]*\{(.*?)\};", declarations(), flags=re.DOTALL)
    }


def macros():
    names = re.findall(r"^#define (WS\w+) ", (INCLUDE / "ws4d.h").read_text(), flags=re.MULTILINE)
    return [name for name in names if not name.endswith("_INIT")]


def structs():
    """The fields of each struct that is not opaque."""
    found = re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", declarations(), flags=re.DOTALL)
    names = {name: re.findall(r"(\w+);|\(\*(\w+)\)\([^;]*;", body) for name, body in found}
    return {name: [plain or function for plain, function in pairs] for name, pairs in names.items()}


def initial(struct):
    """The macro for a struct's beginning: WS_STATS_INIT for ws_stats. One that the library alone fills has none, and one
    that never grows has no size either."""
    macro = f"{struct.__name__.upper()}_INIT"
    if not hasattr(struct, "size"):
        return "{ 0 }"
    return macro if f"#define {macro} " in (INCLUDE / "ws4d.h").read_text() else f"{{ sizeof({struct.__name__}) }}"


def ask_the_compiler(numbers, texts):
    """The values of C expressions, as a program prints them that includes the header."""
    lines = [f'printf("%lld%c", (long long)({number}), 10);' for number in numbers]
    lines += [f"puts({text});" for text in texts]
    source = "#include <stdio.h>\n#include <ws4d.h>\n"
    for struct in c.STRUCTS:
        source += f"static const {struct.__name__} initial_{struct.__name__} = {initial(struct)};\n"
    source += "int main(void)\n{\n    " + "\n    ".join(lines) + "\n    return 0;\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "ask")
        program.with_suffix(".c").write_text(source)
        compile = ["cc", "-std=c11", f"-I{INCLUDE}", "-o", program, program.with_suffix(".c")]
        subprocess.run(compile, check=True)
        answers = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    return dict(zip(numbers, map(int, answers))), dict(zip(texts, answers[len(numbers):]))


class TheHeader(unittest.TestCase):
    maxDiff = None

    def test_each_exported_function_is_declared_and_no_other(self):
        listed = [line.split()[0] for line in (INCLUDE / "ws4d.symbols").read_text().splitlines() if line.split("#")[0].strip()]
        self.assertEqual(sorted(c.FUNCTIONS), sorted(listed))
        self.assertEqual(sorted(prototypes()), sorted(listed))

    def test_each_function_takes_and_returns_what_the_header_says(self):
        for name, (result, arguments) in prototypes().items():
            with self.subTest(name):
                self.assertEqual(c.FUNCTIONS[name], in_ctypes(result, arguments))
                function = getattr(ws4d, name)
                self.assertEqual((function.restype, *function.argtypes), c.FUNCTIONS[name])

    def test_each_callback_type_takes_what_the_header_says(self):
        found = re.findall(r"typedef (\w[\w *]*?)\s*\(\*(ws_\w+)\)\(([^()]*)\);", declarations())
        self.assertEqual({name for _, name, _ in found}, set(c.CALLBACKS))
        for result, name, arguments in found:
            with self.subTest(name):
                expected = in_ctypes(result, split(arguments))
                self.assertEqual((c.CALLBACKS[name]._restype_, *c.CALLBACKS[name]._argtypes_), expected)
        self.assertIn("void (*on_free)(void *user_data);", declarations())
        self.assertEqual((c.ws_free_fn._restype_, *c.ws_free_fn._argtypes_), (None, ctypes.c_void_p))

    def test_each_enum_has_the_names_and_numbers_of_the_header(self):
        names = enumerators()
        self.assertEqual(set(names), {enumeration.__name__ for enumeration in c.ENUMS})
        numbers, _ = ask_the_compiler([name for group in names.values() for name in group], [])
        for enumeration in c.ENUMS:
            expected = {name: numbers[name] for name in names[enumeration.__name__]}
            self.assertEqual({item.name: item.value for item in enumeration}, expected)

    def test_each_constant_has_the_value_of_the_header(self):
        texts = [name for name in macros() if name.endswith("_STRING")]
        numbers = [name for name in macros() if name not in texts]
        self.assertEqual(set(texts + numbers), {name for name in vars(c) if name.startswith("WS")} - self.enumerators())
        numbers, texts = ask_the_compiler(numbers, texts)
        for name, value in {**numbers, **texts}.items():
            ours = getattr(c, name)
            self.assertEqual(ours if isinstance(ours, str) else ctypes.c_int64(ours).value, value, name)

    def enumerators(self):
        return {item.name for enumeration in c.ENUMS for item in enumeration}

    def test_each_struct_has_the_layout_of_the_header(self):
        self.assertEqual(sorted(structs()), sorted(struct.__name__ for struct in c.STRUCTS))
        for struct in c.STRUCTS:
            of = struct.__name__
            with self.subTest(of):
                ours = [name for name, _ in struct._fields_]
                self.assertEqual(ours, structs()[of])
                where = {name: f"offsetof({of}, {name})" for name in ours}
                sizes = {name: f"sizeof(initial_{of}.{name})" for name in ours}
                begins = [f"initial_{of}.size"] if hasattr(struct, "size") else []
                numbers, _ = ask_the_compiler([*where.values(), *sizes.values(), f"sizeof({of})", *begins], [])
                for name in ours:
                    field = getattr(struct, name)
                    self.assertEqual((field.offset, field.size), (numbers[where[name]], numbers[sizes[name]]), name)
                self.assertEqual(ctypes.sizeof(struct), numbers[f"sizeof({of})"])
                self.assertEqual([struct().size for _ in begins], [numbers[size] for size in begins])
        self.assertEqual(ask_the_compiler(["sizeof(ws_result)"], [])[0]["sizeof(ws_result)"], 4)

    def test_the_library_that_runs_is_of_the_header_s_version(self):
        self.assertEqual(ws4d.ws_version_string().decode(), c.WS4D_VERSION_STRING)
        self.assertEqual(ws4d.ws_version_number(), c.WS4D_VERSION_NUMBER)


if __name__ == "__main__":
    unittest.main()
