"""What the tests of the command-line tool share: the tool as a process, on pipes or on a terminal; the test server; and small
servers that the test server is not."""

import atexit
import base64
import hashlib
import json
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

# A shell that starts the tests in the background has them ignore Ctrl-C, as nohup has them ignore the end of the terminal, and
# with them all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("WS4D_TOOL", str(ROOT / "build/tool/ws4d"))
PATIENCE = 30  # seconds; a last resort, where what is waited for never comes
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name.upper() not in PROXIES}
ENVIRONMENT.update(TERM="xterm", NO_COLOR="")


def start_server():
    """The test server, once for all tests; it ends with this process."""
    program = os.environ.get("WS4D_TEST_SERVER", str(ROOT / "target/debug/ws4d-test-server"))
    process = subprocess.Popen([program, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ready = json.loads(process.stdout.readline())

    def stop():
        process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()

    atexit.register(stop)
    return ready


_ready = start_server()
WS, WSS, CA = _ready["ws_url"], _ready["wss_url"], _ready["ca"]
PORT = _ready["ws"]


class Result:
    """What a run left behind."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def said(self):
        return self.err.decode()

    def __repr__(self):
        return f"exit code {self.code}\nout: {self.out!r}\nerr: {self.said}"


def start(*arguments, before=None, **settings):
    """Starts the tool; `before` is a shell command, such as a limit, that holds for it."""
    words = [PROGRAM, *map(str, arguments)]
    if before:
        words = ["bash", "-c", before + '; exec "$@"', "-", *words]
    settings = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **settings}
    return subprocess.Popen(words, **settings)


STAYS = {"-w", "--wait", "-n", "--no-input", "-c", "-c1", "-nc1", "--count"}


def run(*arguments, input=b"", env=None, **settings):
    """Runs the tool with this input to its end. Where nothing says how long it waits for answers, it does not: a close frame is
    answered by the test server when all else has been."""
    if not STAYS.intersection(arguments):
        arguments = ("--wait", "0", *arguments)
    process = start(*arguments, env={**ENVIRONMENT, **(env or {})}, **settings)
    try:
        out, err = process.communicate(input, PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it did not end: {arguments}\n{process.communicate()}") from None
    return Result(process.returncode, out, err)


class Case(unittest.TestCase):
    """A test with words for what the tool did."""

    maxDiff = None

    def ends(self, code, *arguments, **settings):
        result = run(*arguments, **settings)
        self.assertEqual(result.code, code, result)
        return result

    def says(self, out, *arguments, **settings):
        """It prints exactly this, and all is well."""
        result = self.ends(0, *arguments, **settings)
        self.assertEqual(result.out, out if isinstance(out, bytes) else out.encode(), result)
        return result

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def file(self, content, name="file"):
        path = self.folder() / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def serve(self, *talks, **settings):
        """The URL of a server that plays these with its connections, one after the other."""
        server = Scripted(talks, **settings)
        self.addCleanup(server.stop)
        return server


class Scripted:
    """A server that does what a test says, with bytes."""

    def __init__(self, talks, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen()
        self.heads, self.failures = [], []
        if family == socket.AF_INET:
            self.port = self.listener.getsockname()[1]
            self.url = f"ws://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.play, args=(talks,), daemon=True)
        self.thread.start()

    def play(self, talks):
        for talk in talks:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    talk(self, connection)
                except (OSError, AssertionError) as failure:
                    self.failures.append(failure)

    def stop(self):
        self.listener.close()

    def read_head(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(1)
            if not more:
                raise ConnectionError("it ended in its head")
            head += more
        self.heads.append(head.decode())
        return self.heads[-1]

    def accept(self, connection, *lines):
        """The opening handshake."""
        head = self.read_head(connection)
        key = next(line.split(":")[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        answer = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *lines)
        connection.sendall("\r\n".join((*answer, "", "")).encode())


def frame(opcode, payload, final=True):
    length = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    if length < 126:
        return head + bytes([length]) + payload
    return head + (bytes([126]) + length.to_bytes(2, "big") if length < 65536 else bytes([127]) + length.to_bytes(8, "big")) + payload


def exactly(connection, count):
    data = bytearray()  # so that megabytes are not copied for each read
    while len(data) < count:
        more = connection.recv(min(count - len(data), 1 << 20))
        if not more:
            raise ConnectionError("it ended")
        data += more
    return bytes(data)


def read_frame(connection):
    """(opcode, payload) of the client's next frame."""
    return read_part(connection)[:2]


def read_message(connection):
    """(opcode, payload) of the client's next message, whatever frames it has."""
    opcode, payload, final = read_part(connection)
    parts = [payload]
    while not final:
        _, payload, final = read_part(connection)
        parts.append(payload)
    return opcode, b"".join(parts)


def read_part(connection):
    """(opcode, payload, final) of the client's next frame."""
    first, second = exactly(connection, 2)
    length = second & 127
    if length > 125:
        length = int.from_bytes(exactly(connection, 2 if length == 126 else 8), "big")
    mask = exactly(connection, 4)
    payload = exactly(connection, length)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return first & 15, (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big"), bool(first & 128)


def read_close(connection):
    """Reads on to the client's close frame, and answers it."""
    while True:
        opcode, payload = read_frame(connection)
        if opcode == 8:
            connection.sendall(frame(8, payload))
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


class Terminal:
    """The tool on a terminal of its own: input, output and errors."""

    def __init__(self, test, *arguments, **environment):
        self.screen = b""
        self.fd, theirs = pty.openpty()
        words = ["setsid", "--ctty", PROGRAM, *map(str, arguments)]
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**ENVIRONMENT, **environment})
        os.close(theirs)
        test.addCleanup(self.stop)

    def stop(self):
        self.process.kill()
        self.process.wait()
        if self.fd is not None:
            os.close(self.fd)

    def hang_up(self):
        os.close(self.fd)
        self.fd = None

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def read(self):
        """Reads some; false at the end."""
        if not select.select([self.fd], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing more came after {self.screen!r}")
        try:
            more = os.read(self.fd, 65536)
        except OSError:  # the tool has closed it
            return False
        self.screen += more
        return bool(more)

    def shows(self, words):
        """Waits until the screen has these words behind those that were waited for before."""
        words = words.encode()
        at = getattr(self, "at", 0)
        while (found := self.screen.find(words, at)) < 0:
            if not self.read():
                raise AssertionError(f"it ended without {words!r}: {self.screen!r}")
        self.at = found + len(words)

    def code(self):
        """Waits for the end."""
        while self.fd is not None and self.read():
            pass
        return self.process.wait(PATIENCE)
