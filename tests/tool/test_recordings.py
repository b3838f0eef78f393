"""Recordings: what is in them, and that a replay says the same again."""

import base64
import json
import stat

from tool import WS, Case, frame, read_close, read_frame, run


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Record(Case):
    def test_all_that_is_sent_and_received_is_there_with_times(self):
        path = self.folder() / "session"
        url = f"{WS}/script?do=ping:p,text:hi%22%1b,binary:00ff,expect,close:4000:bye"
        self.ends(13, url, "--record", path, "--wait", "forever", input=b"gr\xc3\xbc\xc3\x9f\n")
        lines = lines_of(path)
        self.assertEqual(lines[0]["type"], "open")
        self.assertEqual(lines[0]["url"], url)
        times = [line["t"] for line in lines if line.get("dir") == "in"]
        self.assertEqual(times, sorted(times))
        seen = [(line["dir"], line["type"], line.get("data", line.get("base64", line.get("code")))) for line in lines[1:]]
        self.assertCountEqual(seen, [("in", "ping", "cA=="), ("in", "text", 'hi"\x1b'), ("in", "binary", "AP8="), ("out", "text", "grüß"),
                                     ("in", "close", 4000)])

    def test_only_the_owner_can_read_it(self):
        path = self.folder() / "session"
        self.ends(0, f"{WS}/echo", "--record", path)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_the_url_in_it_has_no_password(self):
        path = self.folder() / "session"
        self.ends(0, f"{WS}/echo", "--user", "anna:secret", "--record", path)
        self.assertNotIn("secret", path.read_text())

    def test_what_went_wrong_is_there(self):
        path = self.folder() / "session"
        self.ends(5, "ws://127.0.0.1:1/", "--record", path)
        self.assertEqual(lines_of(path)[0]["code"], "WS_ERR_CONNECTION_REFUSED")


class Replay(Case):
    def recording(self, *lines):
        return self.file("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "recording")

    def test_what_was_recorded_is_sent_again(self):
        path = self.folder() / "session"
        self.ends(0, f"{WS}/echo", "--record", path, input='a\n"\\\n🙂\n'.encode())
        self.says('a\n"\\\n🙂\n', f"{WS}/echo", "--replay", path, "--speed", "0")

    def test_texts_binary_messages_and_pings_leave_in_order(self):
        seen = []

        def talk(server, connection):
            server.accept(connection)
            while len(seen) < 3:
                seen.append(read_frame(connection))
            read_close(connection)

        path = self.recording({"t": 0, "dir": "out", "type": "text", "data": "\ud83d\ude42\n"}, {"t": 1, "dir": "in", "type": "text", "data": "x"},
                              {"t": 2, "dir": "out", "type": "binary", "base64": "AP8="}, {"t": 3, "dir": "out", "type": "ping", "base64": "cA=="})
        self.ends(0, self.serve(talk).url, "--replay", path)
        self.assertEqual(seen, [(1, "🙂\n".encode()), (2, b"\x00\xff"), (9, b"p")])

    def test_pings_wait_where_the_send_buffer_is_full(self):
        seen = []

        def talk(server, connection):
            server.accept(connection)
            opcode = None
            while opcode != 8:
                opcode, payload = read_frame(connection)
                if opcode == 9:
                    seen.append(payload)
            connection.sendall(frame(8, payload))

        content = bytes(30_000_000)  # more than the send buffer and the kernel take; it is accepted while there is any room
        path = self.recording({"t": 0, "dir": "out", "type": "binary", "base64": base64.b64encode(content).decode()},
                              {"t": 1, "dir": "out", "type": "ping", "base64": "cA=="}, {"t": 2, "dir": "out", "type": "ping", "base64": "cQ=="})
        self.ends(0, self.serve(talk).url, "--replay", path, "--speed", "0", "--no-compression")
        self.assertEqual(seen, [b"p", b"q"])

    def test_the_pauses_are_those_of_the_recording_and_the_end_is_its_end(self):
        def gaps(*words):
            path = self.folder() / "again"
            self.ends(0, f"{WS}/echo", "--replay", recording, "--record", path, *words)
            return [line["t"] for line in lines_of(path) if line.get("dir") == "out"]

        recording = self.recording({"t": 0, "dir": "out", "type": "text", "data": "a"}, {"t": 200000, "dir": "out", "type": "text", "data": "b"},
                                   {"t": 400000, "dir": "in", "type": "close", "code": 1000, "reason": ""})
        first, second, close = gaps()
        # It never sends earlier; how much later a busy machine does is not judged.
        self.assertGreaterEqual(second, 200000 - 1000)
        self.assertGreaterEqual(close, 400000 - 1000)
        first, second, close = gaps("--speed", "4")
        self.assertGreaterEqual(second, 50000 - 1000)

    def test_a_recording_that_is_none_is_refused_before_it_connects(self):
        good = {"t": 0, "dir": "out", "type": "text", "data": "a"}
        for bad in ("no JSON", "{", '{"t":"0"}', '{"t":-1}', "{}", "[]", '{"t":0,"dir":"out","type":"text"}',
                    '{"t":0,"dir":"out","type":"text","data":"a","base64":"YQ=="}', '{"t":0,"dir":"out","type":"binary","base64":"A"}',
                    '{"t":0,"dir":"out","type":"binary","base64":"A==="}', '{"t":0,"dir":"out","type":"binary","base64":"A\\u0000=="}',
                    '{"t":0,"dir":"out","type":"text","data":"\\ud800"}', '{"t":0,"dir":"out","type":"text","data":"\\x"}',
                    '{"t":0,"dir":"out","type":"text","data":"a"} x', '{"t":9999999999999999999}',
                    json.dumps({"t": 0, "dir": "out", "type": "ping", "base64": base64.b64encode(b"x" * 126).decode()})):
            with self.subTest(bad):
                result = self.ends(2, "ws://127.0.0.1:1/", "--replay", self.recording(good, "", bad))
                self.assertIn("line 3", result.said)
        self.ends(2, WS, "--replay", "/no/such/file")
        self.ends(2, WS, "--replay", "/")
        self.assertIn("nothing that was sent", self.ends(2, WS, "--replay", self.recording({"t": 0, "type": "open"})).said)

    def test_a_recording_from_a_pipe(self):
        line = json.dumps({"t": 0, "dir": "out", "type": "text", "data": "a"}).encode() + b"\n"
        self.says("a\n", f"{WS}/echo", "--replay", "/dev/stdin", input=line)
        self.ends(2, f"{WS}/echo", "--replay", "/dev/stdin", input=line + b"{\n")

    def test_json_on_standard_output_is_a_recording(self):
        out = run(f"{WS}/echo", "--format", "json", input=b"one\n").out
        self.says("one\n", f"{WS}/echo", "--replay", self.file(out))


class Pings(Case):
    def test_pings_are_sent_so_often_and_measured(self):
        def talk(server, connection):
            server.accept(connection)
            for _ in range(3):
                opcode, payload = read_frame(connection)
                self.assertEqual(opcode, 9)
                connection.sendall(frame(10, payload))
            connection.sendall(frame(8, b"\x03\xe8"))
            read_frame(connection)

        server = self.serve(talk)
        said = self.ends(0, server.url, "-n", "--ping", "10ms", "-v", "--summary").said
        self.assertEqual(server.failures, [])
        self.assertIn("pong after ", said)
        self.assertRegex(said, r"pings     \d+ sent, 3 answered: p50 .*, p90 .*, p99 .*, p99.9 .*, max ")
