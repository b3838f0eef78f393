"""The tool on a terminal, with signals, and with pipes that break."""

import json
import os
import re
import signal
import termios
import threading

from tool import PATIENCE, WS, Case, Terminal, frame, read_close, read_frame, start


class OnATerminal(Case):
    def test_lines_are_sent_and_answers_are_laid_out_in_colours(self):
        it = Terminal(self, f"{WS}/echo")
        it.shows("connected to 127.0.0.1")
        it.type('{"a":1}\n')
        it.shows("\x1b[2m<\x1b[0m {")
        it.shows('\x1b[34;1m"a"\x1b[0m: \x1b[36m1\x1b[0m')
        it.type("plain\n\n")
        it.shows("< plain".replace("<", "\x1b[2m<\x1b[0m"))
        it.type("\x04")
        it.shows("summary")
        it.shows("sent      2 messages")  # the empty line is none
        self.assertEqual(it.code(), 0)

    def test_a_line_that_cannot_be_sent_may_be_typed_again(self):
        it = Terminal(self, f"{WS}/echo", "--json")
        it.shows("connected")
        it.type("{]\n")
        it.shows("line 1 of the input was not sent")
        it.type("[1]\n\x04")
        it.shows("1 message")
        self.assertEqual(it.code(), 0)

    def test_no_color_dumb_terminals_and_never(self):
        for words, environment in (((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}), (("--color", "never"), {})):
            it = Terminal(self, f"{WS}/echo", "-s", '{"a":1}', "-c1", *words, **environment)
            self.assertEqual(it.code(), 0)
            self.assertNotIn(b"\x1b", it.screen)
            self.assertIn(b'"a": 1', it.screen)

    def test_what_a_server_sends_cannot_control_the_terminal(self):
        for form in ("pretty", "raw"):
            url = f"{WS}/script?do=text:%1b[2J%07%0da%0ab,binary:1b5b324a,text:%22%c2%9b%22,close:4000:%1b[2J"
            it = Terminal(self, url, "-n", "--format", form, "--color", "never")
            self.assertEqual(it.code(), 13)
            self.assertNotIn(b"\x1b", it.screen)
            self.assertNotIn("\x9b".encode(), it.screen)
            self.assertIn(b"\\u001b[2J\\u0007\\u000da", it.screen)

    def test_lines_of_a_message_do_not_begin_at_the_edge(self):
        it = Terminal(self, f"{WS}/script?do=text:a%0a%0a*%20closed,close:1000:", "-n", "--color", "never", "--no-summary")
        it.code()
        self.assertIn(b"< a\r\n  \r\n  * closed\r\n", it.screen)

    def test_ctrl_c_closes_politely(self):
        codes = []

        def talk(server, connection):
            server.accept(connection)
            connection.sendall(frame(1, b"ready"))
            codes.append(read_close(connection)[0])

        it = Terminal(self, self.serve(talk).url)
        it.shows("ready")
        it.type("\x03")
        it.shows("press Ctrl-C again")
        self.assertEqual(it.code(), 130)
        self.assertEqual(codes, [1000])

    def test_ctrl_c_twice_ends_at_once(self):
        it = Terminal(self, f"{WS}/script?do=text:ready,stall", "--close-timeout", "1h")
        it.shows("ready")
        it.type("\x03")
        it.shows("closing")
        it.type("\x03")
        self.assertEqual(it.code(), 130)

    def test_ctrl_c_while_it_connects(self):
        it = Terminal(self, f"{WS}/no-answer", "-vv", "--timeout", "1h")
        it.shows("connected to 127.0.0.1")
        it.type("\x03")
        self.assertEqual(it.code(), 130)

    def test_a_terminal_that_goes_away_ends_it(self):
        it = Terminal(self, f"{WS}/idle")
        it.shows("connected")
        it.hang_up()
        self.assertEqual(it.code(), 129)

    def test_with_send_a_terminal_may_still_be_typed_on(self):
        it = Terminal(self, f"{WS}/echo", "--send", "first", "--no-summary")
        it.shows("first")
        it.type("second\n")
        it.shows("second")
        it.shows("second")
        it.type("\x04")
        self.assertEqual(it.code(), 0)


class Password(Case):
    def echo(self, it):
        return bool(termios.tcgetattr(it.fd)[3] & termios.ECHO)

    def test_it_is_asked_for_and_not_shown(self):
        it = Terminal(self, f"{WS}/headers", "--user", "anna", "-n", "-c1")
        it.shows("password of anna: ")
        self.assertFalse(self.echo(it))
        it.type("s:e@cret\n")
        it.shows("Authorization: Basic YW5uYTpzOmVAY3JldA==")
        self.assertTrue(self.echo(it))
        self.assertEqual(it.code(), 0)
        self.assertNotIn(b"cret\r\n", it.screen.split(b"GET")[0])

    def test_ctrl_c_leaves_the_terminal_as_it_was(self):
        it = Terminal(self, WS, "--user", "anna")
        it.shows("password of anna: ")
        it.type("\x03")
        self.assertEqual(it.code(), 130)
        self.assertTrue(self.echo(it))


class Signals(Case):
    def test_a_signal_that_is_ignored_stays_so(self):
        process = start(f"{WS}/script?do=text:ready", before="trap '' HUP")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)

    def test_a_signal_while_we_close_ends_it(self):
        process = start(f"{WS}/script?do=stall", "--close-timeout", "1h", "-vv")
        process.stdin.close()
        process.stdin = None
        while b"closing with code 1000" not in (said := process.stderr.readline()):
            self.assertTrue(said)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 143)

    def test_a_file_that_does_not_come_does_not_keep_us(self):
        process = start(f"{WS}/idle", "--file", "-", "-v")
        while b"HTTP 101" not in (said := process.stderr.readline()):
            self.assertTrue(said)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        process.communicate()

    def test_a_reader_that_does_not_read_does_not_keep_us(self):
        process = start(f"{WS}/flood?n=1000000&size=1000&stay=1", "-n")
        self.assertTrue(os.read(process.stdout.fileno(), 1))  # it has begun, and soon the pipe is full
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        self.assertEqual(process.returncode, 130)
        process.communicate()


class Waiting(Case):
    """Neither an input that does not end nor a reader that does not read keeps the tool from what else is to be done."""

    def held(self, *arguments):
        """The tool with an input that does not end, and an output that nobody reads."""
        process = start(*arguments)

        def stop():
            process.kill()
            process.communicate()

        self.addCleanup(stop)
        return process

    def ends_in_time(self, *arguments):
        # On a machine that takes longer to connect it is a time-out.
        codes = (self.held(*arguments, "--max-time", seconds).wait(PATIENCE) for seconds in ("0.5", "10"))
        self.assertIn(0, codes)

    def test_max_time_ends_it_while_a_file_does_not_come(self):
        self.ends_in_time(f"{WS}/echo", "--file", "-")

    def test_max_time_ends_it_while_a_reader_does_not_read(self):
        self.ends_in_time(f"{WS}/flood?n=1000000&size=1000&stay=1", "-n", "--close-timeout", "100ms")

    def test_a_close_by_the_server_is_noticed_while_a_file_does_not_come(self):
        self.assertEqual(self.held(f"{WS}/script?do=close:1000:", "--file", "-").wait(PATIENCE), 0)

    def test_a_file_is_read_on_after_the_connection_broke(self):
        seen, broke, back = [], threading.Event(), threading.Event()

        def first(server, connection):
            server.accept(connection)
            self.assertEqual(read_frame(connection)[0], 9)  # it pings while it reads
            broke.set()

        def second(server, connection):
            server.accept(connection)
            back.set()
            while (got := read_frame(connection))[0] != 1:
                pass
            seen.append(got[1])
            read_close(connection)

        process = self.held(self.serve(first, second).url, "-r", "--max-delay", "10ms", "--ping", "10ms", "--wait", "0", "--file", "-")
        process.stdin.write(b"one ")
        process.stdin.flush()
        self.assertTrue(broke.wait(PATIENCE))
        process.stdin.write(b"two ")
        process.stdin.flush()
        self.assertTrue(back.wait(PATIENCE))
        process.stdin.write(b"three")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(seen, [b"one two three"])


class Pipes(Case):
    def test_a_reader_that_goes_away_ends_it_quietly(self):
        process = start(f"{WS}/flood?n=10000000&size=1000&stay=1", "-n")
        os.read(process.stdout.fileno(), 100)
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.wait(PATIENCE), 141)
        process.stdin.close()
        process.stderr.close()

    def test_a_reader_that_goes_away_is_noticed_while_nothing_comes(self):
        codes = []

        def talk(server, connection):
            server.accept(connection)
            connection.sendall(frame(1, b"only one"))
            codes.append(read_close(connection)[0])

        process = start(self.serve(talk).url, "-n")
        self.assertEqual(process.stdout.readline(), b"only one\n")
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), 141)
        self.assertEqual(codes, [1000])
        process.stdin.close()
        process.stderr.close()

    def test_messages_are_there_as_soon_as_they_have_come(self):
        process = start(f"{WS}/echo")
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), word)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, process.returncode), (b"", 0))


class Bench(Case):
    def test_each_kind_measures_and_prints_numbers(self):
        for kind in ("echo", "ping", "throughput", "connect"):
            out = self.ends(0, f"{WS}/echo", f"--bench={kind}", "--duration", "50ms", "--connections", "3").text
            self.assertTrue(out.startswith(f"{kind}: 3 connections"), out)
            self.assertRegex(out, r"\n  \d+ .* a second")
            if kind != "throughput":
                self.assertRegex(out, r"p50 .*, p90 .*, p99 .*, p99.9 .*, max ")

    def test_all_of_them_as_json(self):
        out = self.ends(0, f"{WS}/echo", "--bench", "--duration", "50ms", "--size", "1K", "--window", "4", "--format", "json").text
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["bench"] for line in lines], ["echo", "throughput", "connect"])
        for line in lines:
            self.assertGreater(line["count"], 0)
        latency = lines[0]["latency"]
        order = [latency[name] for name in ("min_us", "p50_us", "p90_us", "p99_us", "p99.9_us", "max_us")]
        self.assertEqual(order, sorted(order))
        self.assertEqual(latency["count"], lines[0]["count"])

    def test_binary_messages_too(self):
        self.ends(0, f"{WS}/echo", "--bench=echo", "-b", "--duration", "20ms", "--size", "5")

    def test_a_server_that_does_not_echo_is_found_out(self):
        self.assertIn("needs an echo server", self.ends(10, f"{WS}/flood?n=5&stay=1", "--bench=echo", "--duration", "1h").said)
        self.ends(11, f"{WS}/idle", "--bench=echo", "--duration", "1ms", "--timeout", "500ms")
        self.ends(13, f"{WS}/script?do=expect,close:1000:", "--bench=echo", "--duration", "1h")
        self.ends(5, "ws://127.0.0.1:1/", "--bench=connect", "--duration", "1h")

    def test_a_terminal_gets_a_bar_and_ctrl_c_ends_it(self):
        it = Terminal(self, f"{WS}/echo", "--bench=echo", "--duration", "1h")
        it.shows("echo       [")
        it.shows(" a second")
        it.type("\x03")
        self.assertEqual(it.code(), 130)

    def test_numbers_and_bar_do_not_mix(self):
        it = Terminal(self, f"{WS}/echo", "--bench=echo", "--duration", "200ms")
        self.assertEqual(it.code(), 0)
        last = it.screen.decode().split("\r")
        self.assertTrue(any(re.match(r"echo: 1 connection", line) for line in last), last)
