"""What is sent, and what is printed, on pipes."""

import json
import os
import re
import subprocess
from urllib.parse import quote

from tool import CA, PATIENCE, WS, WSS, Case, exactly, frame, read_close, read_frame, read_message, run, start


class Sending(Case):
    def test_each_line_of_standard_input_is_a_message(self):
        self.says("a\n\nb c\ngrößer 🙂\n", f"{WS}/echo", input="a\n\nb c\ngrößer 🙂\n".encode())

    def test_the_last_line_needs_no_line_break(self):
        self.says("a\nb\n", f"{WS}/echo", input=b"a\nb")

    def test_many_lines_keep_their_order(self):
        lines = "".join(f"{number}\n" for number in range(20000))
        self.says(lines, f"{WS}/echo", input=lines.encode())

    def test_more_than_the_send_buffer_holds_is_sent_all_the_same(self):
        line = b"x" * 999_999 + b"\n"
        self.says(line * 20, f"{WS}/echo", "--no-compression", input=line * 20)

    def test_send_and_file_keep_their_order(self):
        path = self.file("from a file")
        self.says("one\nfrom a file\ntwo\n", f"{WS}/echo", "--send", "one", "-f", path, "-s", "two")

    def test_with_send_a_script_s_input_is_not_read(self):
        process = start(f"{WS}/echo", "--send", "hello")  # its input stays open
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(process.stdout.read(), b"hello\n")

    def test_a_file_is_one_message_whatever_lines_it_has(self):
        lines = [json.loads(line) for line in run(f"{WS}/echo", "--format", "json", "--file", self.file("a\nb\n")).out.splitlines()]
        self.assertEqual([line["data"] for line in lines if line.get("dir") == "in" and line["type"] == "text"], ["a\nb\n"])

    def test_a_large_file_leaves_in_parts_and_comes_back_whole(self):
        content = os.urandom(5_000_000)
        self.says(content, f"{WS}/echo", "--binary", "--file", self.file(content))

    def test_standard_input_as_one_file(self):
        content = os.urandom(300_000)
        self.says(content, f"{WS}/echo", "-b", "-f", "-", input=content)

    def test_binary_input_comes_back_as_it_was(self):
        content = os.urandom(500_000)
        self.says(content, f"{WS}/echo", "--binary", input=content)

    def test_json_is_sent_without_white_space(self):
        self.says('{"a":[1,2]}\n', f"{WS}/echo", "--json", input=b'{ "a": [1, 2] }\n')

    def test_with_null_a_message_has_several_lines(self):
        self.says("a\nb\0c\0", f"{WS}/echo", "--null", input=b"a\nb\0c")

    def test_a_message_that_is_no_utf_8_ends_with_3(self):
        result = self.ends(3, f"{WS}/echo", input=b"good\n\xff\nlater\n")
        self.assertIn("line 2 of the input", result.said)
        self.assertEqual(result.out, b"good\n")

    def test_a_message_that_is_no_json_ends_with_3(self):
        self.assertIn("JSON", self.ends(3, f"{WS}/echo", "-j", input=b"{]\n").said)

    def test_a_line_above_max_size_ends_with_3(self):
        self.assertIn("--max-size", self.ends(3, f"{WS}/echo", "--max-size", "1K", input=b"x" * 5000 + b"\n").said)

    def test_a_file_above_max_size_ends_with_3_before_it_connects(self):
        result = self.ends(3, "ws://127.0.0.1:1/", "--max-size", "1K", "--file", self.file(b"x" * 5000))
        self.assertIn("5000 bytes", result.said)

    def test_a_large_file_that_is_no_utf_8_ends_with_3(self):
        self.assertIn("UTF-8", self.ends(3, f"{WS}/echo", "--file", self.file(b"x" * 2_000_000 + b"\xff")).said)

    def test_files_that_cannot_be_read_end_with_2(self):
        self.assertIn("/no/such/file", self.ends(2, WS, "--file", "/no/such/file").said)
        self.assertIn("directory", self.ends(2, WS, "--file", "/").said)


class Printing(Case):
    def test_binary_messages_are_their_bytes_alone(self):
        self.says(b"\x00\xff\n\x01", f"{WS}/script?do=binary:00ff,binary:0a01,close:1000:", "--no-input")

    def test_pretty_json_in_a_pipe_has_no_colours(self):
        expected = '{\n  "a": [\n    1.50,\n    {}\n  ],\n  "b": "x\\u009b",\n  "c": null\n}\n'
        self.says(expected, f"{WS}/echo", "--format", "pretty", input='{"a":[1.50,{ }],"b":"x\u009b","c":null}\n'.encode())

    def test_colours_come_when_they_are_asked_for(self):
        result = run(f"{WS}/echo", "--format=pretty", "--color=always", input=b'{"a":1}\n')
        self.assertEqual(re.sub(r"\x1b\[[0-9;]*m", "", result.text), '{\n  "a": 1\n}\n')
        self.assertIn("\x1b[", result.text)
        self.assertNotIn("\x1b", run(f"{WS}/echo", "--format=pretty", "--color=never", input=b'{"a":1}\n').text)

    def test_pretty_shows_control_characters_and_never_sends_them(self):
        hostile = "\x1b[2J\x07\x9b31m\u202eabc"
        result = run(f"{WS}/echo", "--format", "pretty", input=hostile.encode() + b"\n")
        self.assertEqual(result.text, "\\u001b[2J\\u0007\\u009b31m\\u202eabc\n")

    def test_what_is_json_but_nested_too_deep_is_text(self):
        deep = "[" * 1000 + "]" * 1000
        self.says(deep + "\n", f"{WS}/echo", "--format", "pretty", input=deep.encode() + b"\n")

    def test_pretty_binary_is_numbers_and_letters(self):
        result = run(f"{WS}/script?do=binary:48690a1b,close:1000:", "-n", "--format", "pretty")
        self.assertEqual(result.text, "4 bytes of binary data\n00000000  48 69 0a 1b                                       |Hi..|\n")
        self.assertIn("44 bytes more", run(f"{WS}/script?do=binary_size:300,close:1000:", "-n", "--format", "pretty").text)

    def test_format_json_prints_all_that_happens(self):
        lines = [json.loads(line) for line in run(f"{WS}/echo", "--format", "json", "--count", "1", input=b'say "hi"\n').out.splitlines()]
        self.assertEqual([(line.get("dir"), line["type"]) for line in lines],
                         [(None, "open"), ("out", "text"), ("in", "text"), ("out", "close"), ("in", "close")])
        self.assertEqual(lines[2]["data"], 'say "hi"')
        self.assertEqual(lines[0]["url"], f"{WS}/echo")

    def test_in_a_pipe_nothing_but_messages_is_said(self):
        self.assertEqual(run(f"{WS}/echo", input=b"x\n").err, b"")

    def test_quiet_says_nothing_and_verbose_how_it_was_connected(self):
        self.assertEqual(run(f"{WS}/echo", "-q", "--summary", input=b"x\n").err, b"")
        said = run(f"{WSS}/echo?header=Server:test", "--verbose", "--ca", CA, input=b"x\n").said
        for words in ("connected to 127.0.0.1", "TLSv1.3", "certificate of CN=localhost", "upgrade", "HTTP 101", "Server: test"):
            self.assertIn(words, said)
        self.assertIn("[debug]", run(f"{WS}/echo", "-vv").said)

    def test_the_summary_counts(self):
        said = run(f"{WS}/echo", "--summary", "--ping", "1h", input=b"one\ntwo\n").said
        for words in ("sent      2 messages, 6 bytes", "received  2 messages, 6 bytes", "pings     1 sent, 1 answered: p50 ",
                      "by us with 1000, because everything was sent; the server answered 1000", "exit code 0"):
            self.assertIn(words, said)
        self.assertIn("by the server with 4001: bye", run(f"{WS}/close?code=4001&reason=bye", "-n", "--summary").said)
        self.assertNotIn("summary", run(f"{WS}/echo", "--verbose", "--no-summary").said.split("\n")[-2])


class Ending(Case):
    def test_count_prints_exactly_so_many(self):
        self.says("00000000\n00000001\n00000002\n", f"{WS}/flood?n=100000&size=8&seq=1&stay=1", "--count", "3")

    def test_fewer_messages_than_count_end_with_14(self):
        self.assertIn("2 of the 3 messages", self.ends(14, f"{WS}/flood?n=2", "--count", "3").said)

    def test_wait_keeps_it_open_after_the_input(self):
        def talk(server, connection):
            server.accept(connection)
            seen = []
            while seen[-5:] != [9] * 5 or 1 not in seen:  # the message, then pings, and no close frame
                opcode, payload = read_frame(connection)
                self.assertIn(opcode, (1, 9))
                seen.append(opcode)
                if opcode == 9:
                    connection.sendall(frame(10, payload))
            connection.sendall(frame(1, b"late") + frame(8, b"\x03\xe8"))
            read_frame(connection)

        server = self.serve(talk)
        self.says("late\n", server.url, "--wait", "forever", "--ping", "20ms", input=b"hello\n")
        self.assertEqual(server.failures, [])
        self.ends(0, f"{WS}/idle", "--wait", "10ms", input=b"x\n")

    def test_with_no_wait_answers_still_come_before_the_close(self):
        self.says("x\n", f"{WS}/echo", "--wait", "0", input=b"x\n")

    def test_by_default_answers_are_waited_for(self):
        def talk(server, connection):
            server.accept(connection)
            message = read_frame(connection)
            # A server that forgets what it was about to say when it is told to close.
            for _ in range(200):
                connection.sendall(frame(9, b"still there?"))
                self.assertEqual(read_frame(connection)[0], 10)
            connection.sendall(frame(1, message[1]))
            read_close(connection)

        server = self.serve(talk)
        process = start(server.url)
        out, _ = process.communicate(b"x\n", PATIENCE)
        self.assertEqual(out, b"x\n")
        self.assertEqual(server.failures, [])

    def test_no_input_stays_until_the_server_closes(self):
        self.says("hi\n", f"{WS}/script?do=text:hi,close:1000:", "--no-input", stdin=subprocess.DEVNULL)

    def test_max_time_ends_it(self):
        # On a machine that takes longer to connect it is a time-out.
        codes = (run(f"{WS}/idle", "-n", "--max-time", seconds).code for seconds in ("0.1", "1", "10"))
        self.assertIn(0, codes)
        self.ends(11, f"{WS}/no-answer", "-n", "--max-time", "0.1")

    def test_the_close_frame_says_what_it_is_told(self):
        seen = []

        def talk(server, connection):
            server.accept(connection)
            seen.append(read_close(connection))

        self.ends(0, self.serve(talk).url, "--close-code", "3001", "--close-reason", "grüß dich")
        self.assertEqual(seen, [(3001, "grüß dich")])

    def test_standard_input_that_is_closed_has_ended(self):
        self.says("hi\n", f"{WS}/echo", "-s", "hi", before="exec <&-")

    def test_a_file_is_an_input_as_a_pipe_is(self):
        with open(self.file("a\nb\n")) as file:
            self.assertEqual(run(f"{WS}/echo", stdin=file, input=None).out, b"a\nb\n")


class Recovering(Case):
    def test_reconnect_comes_back_after_the_connection_broke(self):
        result = self.ends(0, f"{WS}/script?do=text:hi,drop", "-n", "--reconnect", "--max-delay", "10ms", "--count", "3", "-v")
        self.assertEqual(result.out, b"hi\n" * 3)
        self.assertIn("attempt 1 in", result.said)

    def test_reconnect_gives_up_with_the_class_of_the_last_error(self):
        result = self.ends(5, "ws://127.0.0.1:1/", "--reconnect", "--max-attempts", "2", "--max-delay", "10ms")
        self.assertIn("gives up", result.said)

    def test_what_is_to_be_sent_is_sent_once(self):
        seen = []

        def first(server, connection):
            server.accept(connection)
            seen.append(read_frame(connection)[1])

        def second(server, connection):
            server.accept(connection)
            connection.sendall(frame(1, b"back"))
            seen.append(read_close(connection)[0])

        self.ends(0, self.serve(first, second).url, "-r", "--max-delay", "10ms", "--send", "hello", "--count", "1")
        self.assertEqual(seen, [b"hello", 1000])

    def test_a_large_file_begins_anew_on_the_next_connection(self):
        content = os.urandom(30_000_000)  # more than the library and the kernel take before the server reads
        seen = []

        def first(server, connection):
            server.accept(connection)
            exactly(connection, 200_000)

        def second(server, connection):
            server.accept(connection)
            seen.append(read_message(connection))
            read_close(connection)

        words = ("--binary", "--no-compression", "--file", self.file(content), "--wait", "0")
        self.ends(0, self.serve(first, second).url, "-r", "--max-delay", "10ms", *words)
        self.assertTrue(seen == [(2, content)])  # without the difference of so many bytes

    def test_who_has_sent_all_does_not_wait_for_a_server_that_does_not_come_back(self):
        def talk(server, connection):
            server.accept(connection)
            read_frame(connection)
            server.stop()

        result = run(self.serve(talk).url, "-r", "--max-delay", "10ms", "--wait", "50ms", "--send", "x")
        self.assertIn(result.code, (5, 12), result)  # the last attempt was refused, or the connection broke
        self.assertIn("may not have received everything", result.said)


class Hostile(Case):
    def test_a_close_reason_cannot_control_the_terminal(self):
        said = self.ends(13, f"{WS}/script?do=close:4000:{quote(chr(27) + '[2Jbye')}", "-n", "-v").said
        self.assertIn("\\u001b[2Jbye", said)
        self.assertNotIn("\x1b", said)

    def test_a_page_of_a_refusal_cannot_either(self):
        said = self.ends(8, f"{WS}/status?code=403&body={quote('no' + chr(27) + '[2J' + chr(10) + 'second line')}", "-v").said
        self.assertNotIn("\x1b", said)
        self.assertIn("second line", said)

    def test_bytes_that_are_no_frames_end_with_10(self):
        for path in ("/script?do=raw:ffff", "/script?do=frame:81:ff", "/script?do=frame:88:03"):
            self.ends(10, f"{WS}{path}", "-n")

    def test_a_message_above_max_size_ends_with_10(self):
        self.assertIn("--max-size", self.ends(10, f"{WS}/script?do=text_size:5000", "-n", "--max-size", "4K").said)

    def test_a_flood_while_we_close_does_not_keep_us(self):
        self.ends(0, f"{WS}/flood?n=1000000&size=1000", "--count", "10", "--close-timeout", "100ms")

    def test_a_server_that_never_answers_the_close_frame_does_not_keep_us(self):
        result = self.ends(11, f"{WS}/script?do=wait_close", "--close-timeout", "50ms", input=b"x\n")
        self.assertIn("may not have received everything", result.said)
        self.ends(0, f"{WS}/script?do=text:x,stall", "--close-timeout", "50ms", "--count", "1")
