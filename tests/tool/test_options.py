"""The command line: what it refuses and in which words, and that the page and the completions have each option."""

import re
import subprocess

from tool import ROOT, WS, Case, run


def options():
    """{name: (letter, takes a value)} from --help."""
    found = {}
    for letter, name, rest in re.findall(r"^  (?:-(\S), |    )--([a-z-]+)(.*)$", run("--help").text, re.MULTILINE):
        found[name] = (letter, bool(re.match(r"\[=| \S", rest)))
    return found


class Refused(Case):
    def refused(self, words, *arguments):
        result = self.ends(1, *arguments)
        self.assertIn(words, result.said)
        self.assertEqual(result.out, b"")
        self.assertTrue(result.said.startswith("ws4d: "), result.said)

    def test_what_is_no_option_is_named_with_what_may_be_meant(self):
        self.refused("did you mean --count?", "--cuont", "3", WS)
        self.refused("there is no option --something-else", "--something-else", WS)
        self.refused("there is no option -x", "-x", WS)
        self.refused("there is no option -x", "-qx", WS)

    def test_values_that_are_missing_or_too_many(self):
        self.refused("--send needs a value: TEXT", WS, "--send")
        self.refused("-s, --send needs a value: TEXT", WS, "-s")
        self.refused("--quiet takes no value", "--quiet=yes", WS)

    def test_values_of_another_kind(self):
        for option, value in (("--count", "0"), ("--count", "many"), ("--count", "-1"), ("--count", "4294967296"), ("--count", "1.5"),
                              ("--timeout", "soon"), ("--timeout", "-1"), ("--timeout", "1d"), ("--timeout", "1e3"), ("--timeout", "inf"),
                              ("--timeout", "5000000"), ("--max-time", "0"), ("--max-size", "big"), ("--max-size", "0.3"),
                              ("--max-size", "1Q"), ("--speed", "fast"), ("--speed", "nan"), ("--format", "xml"), ("--color", ""),
                              ("--tls-min", "1.1"), ("--compression", "10"), ("--redirects", "101"), ("--bench=", ""), ("--wait", "ever")):
            with self.subTest(option=option, value=value):
                arguments = (option, value) if not option.endswith("=") else (option,)
                self.refused(f'not "{value}"', *arguments, WS)

    def test_values_that_the_library_refuses_are_told_in_the_option_s_name(self):
        for words, *arguments in (
            ('--header expects \'NAME: VALUE\', and "no colon" has no colon', "-H", "no colon"),
            ('--header "Host"', "--header", "Host: x"),
            ("--proxy-header", "--proxy-header", "Host: x"),
            ("--cookie", "--cookie", "a=\x01"),
            ("--subprotocol", "-p", "not a token"),
            ("--origin", "--origin", "a\nb"),
            ("--bearer", "--bearer", "a\nb"),
            ("--proxy", "--proxy", "ftp://x"),
            ("--resolve expects HOST:PORT:ADDRESS", "--resolve", "host:80"),
            ("--resolve", "--resolve", "host:80:name"),
            ("--connect-to expects HOST:PORT:HOST:PORT", "--connect-to", "a:80:b"),
            ("--bind", "--bind", "name"),
            ("--pin", "--pin", "abc"),
            ("--unix", "--unix", ""),
            ("--server-name", "--server-name", "a b"),
        ):
            with self.subTest(words):
                self.refused(words, *arguments, WS)
                self.assertNotIn("ws_options", run(*arguments, WS).said)

    def test_what_cannot_be_together(self):
        for arguments in (("-b", "-j"), ("-0", "-b"), ("-q", "-v"), ("--summary", "--no-summary"), ("--key", "x"), ("--key-password", "x"),
                          ("-u", "a:b", "--bearer", "c"), ("--no-system-trust",), ("--close-code", "1001"), ("--close-reason", "x" * 124),
                          ("--replay", "x", "-s", "y"), ("--speed", "2"), ("--max-attempts", "1"), ("--size", "5"),
                          ("--bench", "-c", "1"), ("--bench=ping", "--size", "126"), ("-f", "-", "-f", "-")):
            with self.subTest(arguments=arguments):
                self.refused("", *arguments, WS)

    def test_urls(self):
        self.refused("no URL was given")
        self.refused("a second one", WS, WS)
        self.refused("begins with ws://", "localhost:80")
        self.refused("begins with ws://", "ftp://localhost")
        self.refused("", "ws://")
        self.refused("", "ws://host/#fragment")
        self.refused("both name a user", "-u", "a:b", "ws://c:d@localhost/")

    def test_control_characters_of_the_command_line_are_shown(self):
        self.refused("\\u001b[2J", "--\x1b[2J", WS)


class Understood(Case):
    def test_values_stand_behind_in_each_way(self):
        for words in (("--count", "1"), ("--count=1",), ("-c", "1"), ("-c1",), ("-qc1",), ("-qc", "1")):
            self.says("x\n", f"{WS}/script?do=text:x", "-n", *words)

    def test_behind_two_dashes_all_is_a_url(self):
        self.says("x\n", "-n", "-c1", "--", f"{WS}/script?do=text:x")

    def test_http_is_ws(self):
        self.says("x\n", f"{WS}/script?do=text:x".replace("ws:", "HTTP:"), "-nc1")

    def test_help_and_version(self):
        self.assertIn("usage: ws4d", self.ends(0, "--help").text)
        self.assertEqual(self.ends(0, "-h").out, self.ends(0, "--help").out)
        version = re.search(r'WS4D_VERSION_STRING "(.*)"', (ROOT / "include/ws4d.h").read_text())[1]
        self.assertEqual(self.ends(0, "--version").text, f"ws4d {version} (libws4d {version})\n")
        self.assertEqual(self.ends(0, "-V", "whatever").code, 0)
        with open("/dev/full", "w") as full:
            self.ends(2, "--help", stdout=full)

    def test_no_line_of_help_is_longer_than_a_wide_terminal(self):
        self.assertEqual([line for line in run("--help").text.splitlines() if len(line) > 120], [])


class Pages(Case):
    def test_the_manual_page_has_the_same_options(self):
        page = (ROOT / "tool/ws4d.1.in").read_text().split(".SH OPTIONS")[1].split(".SH RECORDINGS")[0].replace("\\-", "-")
        found = {}
        for letter, name, rest in re.findall(r"^(?:\\fB-(\S)\\fP, )?\\fB--([a-z-]+)\\fP(.*)$", page, re.MULTILINE):
            found[name] = (letter, "\\fI" in rest)
        self.assertEqual(found, options())
        self.assertGreater(len(found), 50)

    def test_the_completion_of_bash_has_the_same_options(self):
        script = (ROOT / "tool/completion.bash").read_text()
        offered = set(re.findall(r"(?<![\w-])--?[a-zA-Z0][a-z-]*", script.split("if [[ $cur == -*")[1].split("'")[1]))
        known = options()
        words = {f"--{name}" for name in known} | {f"-{letter}" for letter, _ in known.values() if letter}
        self.assertEqual(offered, words)
        before = script.split("if [[ $cur == -*")[0]
        valued = set(re.findall(r"(?<![\w-])--[a-z-]+(?= \||\))", before.replace("\\\n", "")))
        self.assertEqual(valued, {f"--{name}" for name, (_, takes) in known.items() if takes})

    def test_the_completion_of_zsh_has_the_same_options(self):
        script = (ROOT / "tool/completion.zsh").read_text()
        found = {}
        for line in script.splitlines():
            if match := re.search(r"--([a-z-]+)(=-?)?(?:\}')?\[", line):
                letter = re.search(r"\{-(\w)\+?,", line)
                found[match[1]] = (letter[1] if letter else "", match[2] is not None)
        self.assertEqual(found, options())

    def completed(self, *words):
        """What bash offers for the last of these words."""
        quoted = " ".join(f"'{word}'" for word in words)
        script = f"source {ROOT}/tool/completion.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _ws4d; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.completed("ws4d", "--rec"), ["--reconnect", "--record"])
        self.assertEqual(self.completed("ws4d", "--format", "p"), ["pretty"])
        self.assertEqual(self.completed("ws4d", "--format", "=", "j"), ["json"])
        self.assertEqual(self.completed("ws4d", "--bench", "=", ""), ["all", "echo", "ping", "throughput", "connect"])
        self.assertEqual(self.completed("ws4d", "--count", ""), [])
        self.assertEqual(self.completed("ws4d", "w"), ["ws://", "wss://"])

    def test_each_option_is_tried_by_a_test(self):
        tests = "".join(path.read_text() for path in (ROOT / "tests/tool").glob("test_*.py"))
        missing = [name for name in options() if f'"--{name}' not in tests]
        self.assertEqual(missing, [])
