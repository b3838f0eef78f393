"""What Python and the Rust tests repeat of include/ws4d.h, by scripts/bindings.py, is what a C compiler makes of it.

Every name, number, type and layout that the script reads out of the header is compared with the compiler's, and
ws4d_ctypes with both.
"""

import ctypes
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import ws4d_ctypes as c
from host import ROOT, ws4d

sys.path.insert(0, str(ROOT / "scripts"))
import bindings
import c_header

INCLUDE = ROOT / "include"
TEXT = (INCLUDE / "ws4d.h").read_text()
HEADER = c_header.read(TEXT)


def compiled(source, *more):
    """The program whose `main` that is; a CalledProcessError, with the compiler's words, where it is none."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "ask")
        program.with_suffix(".c").write_text(f"#include <stdio.h>\n#include <ws4d.h>\n{source}")
        command = ["cc", "-std=c11", "-Wall", "-Werror", f"-I{INCLUDE}", *more, "-o", program, program.with_suffix(".c")]
        subprocess.run(command, check=True, stderr=subprocess.PIPE)
        if not more:
            return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")


def initial(struct):
    """The macro for a struct's beginning: WS_STATS_INIT for ws_stats. One that the library alone fills has none, and one
    that never grows has no size either."""
    if not hasattr(struct, "size"):
        return "{ 0 }"
    macro = f"{struct.__name__.upper()}_INIT"
    return macro if f"#define {macro} " in TEXT else f"{{ .size = sizeof({struct.__name__}) }}"


def ask_the_compiler(numbers, texts=()):
    """The values of C expressions, as a program prints them that includes the header."""
    lines = [f'printf("%lld%c", (long long)({number}), 10);' for number in numbers]
    lines += [f"puts({text});" for text in texts]
    begin = ""
    for struct in c.STRUCTS:
        of = struct.__name__
        begin += f"__attribute__((unused)) static const {of} initial_{of} = {initial(struct)};\n"
    answers = compiled(begin + "int main(void)\n{\n    " + "\n    ".join(lines) + "\n    return 0;\n}\n")
    return dict(zip(numbers, map(int, answers))), dict(zip(texts, answers[len(numbers):]))


def declaration(name, signature):
    return f"{signature.result} {name}({', '.join(map(str, signature.arguments)) or 'void'});\n"


class TheHeader(unittest.TestCase):
    maxDiff = None

    def test_each_exported_function_is_declared_and_no_other(self):
        lines = (INCLUDE / "ws4d.symbols").read_text().splitlines()
        listed = [line.split()[0] for line in lines if not line.startswith("#")]
        self.assertEqual(sorted(c.FUNCTIONS), listed)
        for name, (result, *arguments) in c.FUNCTIONS.items():
            function = getattr(ws4d, name)
            self.assertEqual((function.restype, *function.argtypes), (result, *arguments))

    def test_the_compiler_reads_each_function_and_callback_as_the_script_does(self):
        """A second declaration of a function, or of a type, must be the first one's or is refused."""
        again = "".join(declaration(name, it) for name, it in HEADER.functions.items())
        for name, it in HEADER.callbacks.items():
            again += "typedef " + declaration(f"(*{name})", it)
        compiled(again, "-fsyntax-only")
        for before, after in [("ws_ping(ws_socket *, const void *, size_t)", "ws_ping(ws_socket *, const void *, uint32_t)"),
                              ("uint32_t ws_version_number", "int32_t ws_version_number")]:
            self.assertIn(before, again)
            with self.assertRaises(subprocess.CalledProcessError):
                compiled(again.replace(before, after), "-fsyntax-only")

    def test_each_enum_has_the_names_and_numbers_of_the_header(self):
        self.assertEqual(set(HEADER.enums), {enumeration.__name__ for enumeration in c.ENUMS})
        numbers, _ = ask_the_compiler([name for group in HEADER.enums.values() for name in group])
        for enumeration in c.ENUMS:
            expected = {name: numbers[name] for name in HEADER.enums[enumeration.__name__]}
            self.assertEqual({item.name: item.value for item in enumeration}, expected)
        self.assertEqual(set(ask_the_compiler([f"sizeof({name})" for name in HEADER.enums])[0].values()), {4})

    def test_each_constant_has_the_value_of_the_header(self):
        macros = re.findall(r"^#define (WS\w+) ", TEXT, flags=re.MULTILINE)
        texts = [name for name in macros if name.endswith("_STRING")]
        numbers = [name for name in macros if name not in texts and not name.endswith("_INIT")]
        of_enums = {item.name for enumeration in c.ENUMS for item in enumeration}
        self.assertEqual(set(texts + numbers), {name for name in vars(c) if name.startswith("WS")} - of_enums)
        numbers, texts = ask_the_compiler(numbers, texts)
        for name, value in {**numbers, **texts}.items():
            ours = getattr(c, name)
            self.assertEqual(ours if isinstance(ours, str) else ctypes.c_int64(ours).value, value, name)

    def test_each_struct_has_the_size_and_offsets_of_the_compiler_in_ctypes_and_in_the_script(self):
        self.assertEqual(list(HEADER.structs), [struct.__name__ for struct in c.STRUCTS])
        for struct in c.STRUCTS:
            of = struct.__name__
            with self.subTest(of):
                size, places = HEADER.layout(HEADER.structs[of])
                where = {name: f"offsetof({of}, {name})" for name in places}
                sizes = {name: f"sizeof(initial_{of}.{name})" for name in places}
                begins = [f"initial_{of}.size"] if hasattr(struct, "size") else []
                numbers, _ = ask_the_compiler([*where.values(), *sizes.values(), f"sizeof({of})", *begins])
                compilers = {name: (numbers[where[name]], numbers[sizes[name]]) for name in places}
                self.assertEqual((size, places), (numbers[f"sizeof({of})"], compilers))
                ours = {name: (getattr(struct, name).offset, getattr(struct, name).size) for name, _ in struct._fields_}
                self.assertEqual((ctypes.sizeof(struct), ours), (size, places))
                self.assertEqual([struct().size for _ in begins], [numbers[size] for size in begins])
                self.each_field_has_the_type_that_the_script_reads(of)

    def each_field_has_the_type_that_the_script_reads(self, of):
        for name, kind in HEADER.structs[of].fields.items():
            if kind.base not in HEADER.named_in_place:
                same = f"_Generic(((const {of} *)0)->{name}, {kind}: 1, default: 0)"
                compiled(f'_Static_assert({same}, "{of}.{name}");\n', "-fsyntax-only")

    def test_each_scalar_has_the_width_and_sign_of_the_compiler_and_each_pointer_its_size(self):
        for name, (_, python, size) in c_header.SCALARS.items():
            with self.subTest(name):
                numbers, _ = ask_the_compiler([f"sizeof({name})", f"({name})-1 < 0"])
                kind = getattr(ctypes, python)
                self.assertEqual(list(numbers.values()), [size, kind(-1).value < 0])
                self.assertEqual(ctypes.sizeof(kind), size)
        pointers, _ = ask_the_compiler(["sizeof(void *)", "sizeof(ws_callback)", "sizeof(ws_socket *)"])
        self.assertEqual(set(pointers.values()), {c_header.POINTER_SIZE})

    def test_the_library_that_runs_is_of_the_header_s_version(self):
        self.assertEqual(ws4d.ws_version_string().decode(), c.WS4D_VERSION_STRING)
        self.assertEqual(ws4d.ws_version_number(), c.WS4D_VERSION_NUMBER)


class TheScript(unittest.TestCase):
    """scripts/bindings.py --check would say so."""

    def differing(self, declarations):
        return {path for path, wanted in bindings.files(declarations).items() if (ROOT / path).read_text() != wanted}

    def changed(self, before, after):
        self.assertIn(before, TEXT)
        return TEXT.replace(before, after, 1)

    def test_the_committed_bindings_are_what_the_header_gives(self):
        self.assertEqual(self.differing(TEXT), set())

    def test_another_width_number_or_name_is_noticed_wherever_it_is_repeated(self):
        rust, python = "tests/host/src/", "tests/python/ws4d_header.py"
        package = "bindings/python/ws4d/_header.py"
        for before, after, where in [
            ("int64_t began_ms;", "int32_t began_ms;", {rust + "types.rs", python, package}),
            ("WS_ERR_TLS = -60", "WS_ERR_TLS = -59", {rust + "codes.rs", python, package}),
            ("uint16_t ws_event_code", "uint32_t ws_event_code", {rust + "functions.rs", python, package}),
            ("ws_result ws_startup(", "ws_result ws_startups(", {rust + "functions.rs", python, package, "include/ws4d.symbols"}),
            ("ws_options_set_verify(ws_options *o, int32_t on)", "ws_options_set_verify(ws_options *o, const char *on)",
             {rust + "functions.rs", python, package, "tests/c/setters.h"}),
        ]:
            with self.subTest(after):
                self.assertEqual(self.differing(self.changed(before, after)), where)

    def test_what_it_does_not_know_is_an_error_and_no_guess(self):
        for before, after, said in [
            ("int64_t began_ms;", "long began_ms;", "no such C type is known: long"),
            ("int64_t began_ms;", "int64_t began_ms[2];", "no field that can be read"),
            ("int64_t began_ms;", "unsigned int began_ms;", "no type that can be read"),
            ("ws_result ws_cork(ws_socket *ws)", "ws_result ws_cork(ws_stats ws)", "cannot stand there"),
            ("ws_result ws_cork(ws_socket *ws)", "ws_result ws_cork(ws_pipe *ws)", "no such C type is known: ws_pipe"),
            ("typedef struct ws_json ws_json;", "typedef struct ws_pipe ws_pipe;", "say in scripts/c_header.py whether"),
            ("typedef struct ws_json ws_json;", "extern int ws_count;", "this declaration is not known"),
            ("{ sizeof(ws_stats), 0, 0,", "{ sizeof(ws_stats), 0,", "WS_STATS_INIT has 17 values for the 18 fields"),
            ("#define WS_SEND_PLAIN 1u", "#define WS_SEND_PLAIN(x) 1u", "this macro is not known"),
        ]:
            with self.subTest(after), self.assertRaisesRegex(c_header.HeaderError, said):
                bindings.files(self.changed(before, after))

    def test_a_function_that_a_released_version_exports_cannot_go(self):
        header = c_header.read(TEXT)
        listed = "# words\nws_gone 0.0.9\nws_cork 0.0.9\n"
        with self.assertRaisesRegex(c_header.HeaderError, "ws_gone is exported since 0.0.9"):
            list(bindings.symbols(header, listed, "0.1.0"))
        kept = list(bindings.symbols(header, listed, "0.0.9"))
        self.assertEqual((kept[0], kept[1]), ("# words", "ws_abort 0.0.9"))
        self.assertIn("ws_cork 0.0.9", kept)


if __name__ == "__main__":
    unittest.main()
