"""Each exit code, and that the three tables of them say the same."""

import re
import signal
import socket

from tool import PATIENCE, ROOT, WS, WSS, Case, run, start


class Codes(Case):
    def test_0_all_is_well(self):
        self.ends(0, f"{WS}/echo")
        for code in (1000, 1001):
            self.ends(0, f"{WS}/close?code={code}", "-n")
        self.ends(0, f"{WS}/close", "-n")

    def test_1_usage(self):
        self.ends(1)
        self.ends(1, "--no-such-option", WS)

    def test_2_files(self):
        self.ends(2, WSS, "--ca", "/no/such/file")
        with open("/dev/full", "w") as full:
            self.ends(2, f"{WS}/echo", stdout=full, input=b"x\n")
        self.ends(2, WS, "--record", "/no/such/folder/file")
        self.ends(2, f"{WS}/echo", "--record", "/dev/full", input=b"x\n")

    def test_4_names(self):
        self.assertIn("nowhere.invalid", self.ends(4, "ws://nowhere.invalid/").said)

    def test_5_refused_and_unreachable(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.ends(5, f"ws://127.0.0.1:{closed.getsockname()[1]}/")
        self.ends(5, WS, "--bind", "192.0.2.1")

    def test_6_proxies(self):
        def talk(server, connection):
            server.read_head(connection)
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        self.ends(6, WS, "--proxy", self.serve(talk).url.replace("ws", "http"))

    def test_7_tls(self):
        self.assertIn("--ca", self.ends(7, f"{WSS}/echo").said)

        def no_tls(server, connection):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        self.ends(7, self.serve(no_tls).url.replace("ws:", "wss:"))

    def test_8_status(self):
        self.assertIn("404", self.ends(8, f"{WS}/status?code=404").said)
        self.ends(8, f"{WS}/redirect?to={WS}/echo")

    def test_9_handshake(self):
        self.ends(9, f"{WS}/bad-accept")
        self.ends(9, f"{WS}/garbage")

    def test_10_protocol(self):
        self.ends(10, f"{WS}/script?do=raw:ffff", "-n")

    def test_11_timed_out(self):
        self.ends(11, f"{WS}/no-answer", "--timeout", "50ms")
        self.ends(11, f"{WS}/idle", "-n", "--idle-timeout", "50ms")
        self.ends(11, f"{WS}/script?do=mute", "-n", "--ping", "10ms", "--ping-timeout", "50ms")

    def test_12_lost(self):
        for end in ("drop", "rst", "fin"):
            self.ends(12, f"{WS}/script?do={end}", "-n")

    def test_13_closed_otherwise(self):
        said = self.ends(13, f"{WS}/close?code=4001&reason=go%20away", "-n").said
        self.assertIn("4001: go away", said)
        self.ends(13, f"{WS}/close?code=1011", "-n")

    def test_14_count(self):
        self.ends(14, f"{WS}/close?code=1000", "-n", "--count", "1")

    def test_signals_are_128_and_their_number(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            process = start(f"{WS}/script?do=text:ready", "-n")
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 128 + number)

    def test_15_no_memory_or_descriptors(self):
        self.ends(15, f"{WS}/echo", before="ulimit -n 6")


class Tables(Case):
    def test_help_the_page_and_the_document_have_the_same_codes(self):
        listed = re.findall(r"^  ([0-9, ]+?)  +(\S.*)$", run("--help").text.split("Exit codes:")[1], re.MULTILINE)
        self.assertEqual(len(listed), 18)
        page = (ROOT / "tool/ws4d.1.in").read_text().split(".SH EXIT STATUS")[1].split(".SH")[0]
        self.assertEqual([codes for codes, _ in listed], re.findall(r"^\\fB([0-9, ]+)\\fP$", page, re.MULTILINE))
        document = (ROOT / "docs/tool.md").read_text().split("## Exit codes")[1].split("\n## ")[0]
        rows = re.findall(r"^\| ([0-9, ]+) \| (.+?) \|", document, re.MULTILINE)
        self.assertEqual([codes for codes, _ in listed], [codes for codes, _ in rows])
        self.assertEqual([words for _, words in listed], [words for _, words in rows])
