"""Plays the C examples against a local server and shows what they say.

Programs are moved on by what they print, never by waiting for time to pass. Exits with 1 if one of them did not
say or end as it should. With --valgrind, each runs under it, and its complaints count. With --runner, each runs by a
program that knows its processor.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import threading

# As the README tells its readers; what ws4d.supp names is all that may be said.
LEAKS = "definite,indirect,possible"
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--suppressions=ws4d.supp"]
VALGRIND += [f"--show-leak-kinds={LEAKS}", f"--errors-for-leak-kinds={LEAKS}"]
PATIENCE = 120
LOOPS = ("loop_epoll", "loop_queue")
COLOURS = {"anna": 36, "bob": 35}


class Failure(Exception):
    pass


class Program:
    """A running example: its lines are shown as they come, and can be waited for."""

    def __init__(self, stage, name, arguments):
        self.name = name
        self.stage = stage
        self.lines = []
        self.ended = False
        self.changed = threading.Condition()
        stage.show(name, "$", " ".join(map(os.path.basename, arguments[:1])) + "".join(" " + a for a in arguments[1:]))
        self.process = subprocess.Popen(
            stage.prefix + arguments,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.stage.show(self.name, "|", line.rstrip("\n"))
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            found = self.changed.wait_for(lambda: any(text in line for line in self.lines) or self.ended, PATIENCE)
            if not found or not any(text in line for line in self.lines):
                raise Failure(f"{self.name} did not say {text!r}")

    def type(self, line):
        self.stage.show(self.name, ">", line)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end_input(self):
        self.process.stdin.close()

    def finish(self, status=0):
        """Waits for its end and compares the exit status."""
        if not self.process.stdin.closed:
            self.end_input()
        try:
            ended = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not end") from None
        self.reader.join(PATIENCE)
        if ended != status:
            raise Failure(f"{self.name} ended with {ended}, not with {status}")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Stage:
    """The local server, the programs that run against it, and the transcript."""

    def __init__(self, options):
        self.examples = options.examples
        self.prefix = VALGRIND if options.valgrind else shlex.split(options.runner)
        self.tint = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.programs = []
        # The server also ends when its input does: it cannot outlive this program.
        self.server = subprocess.Popen(
            [options.server, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready = self.server.stdout.readline()
        if not ready:
            raise Failure("it does not start")
        self.ready = json.loads(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.stop()
        self.server.stdin.close()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    def ws(self, path):
        return self.ready["ws_url"] + path

    def wss(self, path):
        return self.ready["wss_url"] + path

    @property
    def ca(self):
        return self.ready["ca"]

    def act(self, title):
        with self.lock:
            print(f"\n\033[1m{title}\033[0m\n" if self.tint else f"\n{title}\n", flush=True)

    def show(self, name, mark, line):
        line = line.replace(self.ca, "ca.pem")
        with self.lock:
            if self.tint and name in COLOURS:
                print(f"  \033[{COLOURS[name]}m{name:>6} {mark}\033[0m {line}", flush=True)
            else:
                print(f"  {name:>6} {mark} {line}", flush=True)

    def start(self, example, *arguments, name=None):
        program = Program(self, name or example.split("_")[0], [os.path.join(self.examples, example), *arguments])
        self.programs.append(program)
        return program


def hello(stage):
    stage.act("One message there and back")
    program = stage.start("hello", stage.ws("/echo"))
    program.wait_for("the server says: hello, world")
    program.finish()


def ticker(stage):
    stage.act("Quotes as JSON objects over TLS, the server's certificate signed by a CA made just now")
    program = stage.start("ticker", "--ca", stage.ca, "--symbols", "EURUSD,USDJPY,DAX", "--rate", "10", "--count", "12", stage.wss("/ticker"))
    program.wait_for("closed: 1000")
    program.wait_for("12 quotes")
    program.finish()
    quotes = [line for line in program.lines if line.split()[0] in ("EURUSD", "USDJPY", "DAX")]
    if len(quotes) != 12:
        raise Failure(f"ticker printed {len(quotes)} quotes, not 12")


def stranger(stage):
    stage.act("The same without that CA: nobody vouches for the server, and the error says so")
    program = stage.start("ticker", stage.wss("/ticker"))
    program.wait_for("WS_ERR_CERTIFICATE")
    program.finish(1)


def chat(stage):
    stage.act("Two people in a room, each with keyboard and network in one poll loop")
    anna = stage.start("chat", "--ca", stage.ca, stage.wss("/chat"), "anna", name="anna")
    anna.wait_for("* anna joins; 1 in the room")
    bob = stage.start("chat", stage.ws("/chat"), "bob", name="bob")
    anna.wait_for("* bob joins; 2 in the room")
    bob.wait_for("* bob joins; 2 in the room")
    anna.type("Hi Bob! How is the weather in Zürich?")
    bob.wait_for("anna: Hi Bob! How is the weather in Zürich?")
    bob.type("☀️ and 21 °C. I have to run, the lake is calling.")
    bob.type("Bye!")
    anna.wait_for("bob: ☀️ and 21 °C.")
    anna.wait_for("bob: Bye!")
    bob.wait_for("bob: Bye!")
    bob.end_input()
    bob.wait_for("* disconnected: 1000")
    bob.finish()
    anna.wait_for("* bob leaves")
    anna.type("(alone again)")
    anna.wait_for("anna: (alone again)")
    anna.end_input()
    anna.wait_for("* disconnected: 1000")
    anna.finish()


def host(stage):
    stage.act("A runtime with a form and a worker: each callback in the context that opened its socket")
    program = stage.start("host_runtime", stage.ws("/echo"))
    program.wait_for("every callback ran in its own context")
    program.finish()


def loops(stage):
    stage.act("The same in a loop of the host's own: epoll, a thread with a message queue")
    for example in LOOPS:
        program = stage.start(example, stage.ws("/echo"), name=example)
        program.wait_for("the server says: hello, world")
        program.wait_for("closed: 1000")
        program.finish()


def usage(stage):
    stage.act("Asked wrongly, each says how to ask")
    for example in ("hello", "ticker", "chat", "host_runtime", *LOOPS):
        program = stage.start(example)
        program.wait_for(f"usage: {example}")
        program.finish(2)


def play(stage, acts):
    """Plays them all, and says what went wrong."""
    failures = []
    for act in acts:
        try:
            act(stage)
        except (Failure, OSError) as failure:
            failures.append(f"{act.__name__}: {failure}")
            stage.show("!", "!", failures[-1])
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the program ws4d-test-server")
    parser.add_argument("--examples", required=True, help="the folder with the compiled examples")
    parser.add_argument("--valgrind", action="store_true", help="run the examples under valgrind")
    parser.add_argument("--runner", default="", help="the command that runs the examples, such as qemu-aarch64")
    options = parser.parse_args()
    acts = [hello, ticker, stranger, chat, host, loops] + ([usage] if options.valgrind else [])
    failures = []
    try:
        with Stage(options) as stage:
            failures = play(stage, acts)
    except (Failure, OSError) as failure:
        failures.append(f"the test server: {failure}")
    print()
    if failures:
        print("Something went wrong:", *failures, sep="\n  ")
        return 1
    print("All of it went well.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
