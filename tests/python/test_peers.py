"""The library from Python, through ctypes, against servers that other people wrote: websockets (Python) and ws (Node)."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPEN, MESSAGE, ERROR, TERMINATE = 1, 2, 3, 4
PATIENCE_MS = 30_000

handle, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p


class Handler(ctypes.Structure):
    _fields_ = [("size", size), ("user_data", handle), ("dispatcher", handle)] + [
        (name, handle) for name in ("on_open", "on_message", "on_error", "on_terminate", "on_drain", "on_pong", "on_free")
    ]


def load():
    library = ctypes.CDLL(os.environ.get("WS4D_LIBRARY", str(ROOT / "target/release/libws4d.so")))
    for name, result, *arguments in [
        ("ws_new", handle, text, ctypes.POINTER(Handler), handle, ctypes.POINTER(handle)),
        ("ws_release", ctypes.c_int32, handle),
        ("ws_send_text", ctypes.c_int32, handle, text, size),
        ("ws_send_blob", ctypes.c_int32, handle, text, size),
        ("ws_terminate", ctypes.c_int32, handle, ctypes.c_int32, text),
        ("ws_dispatcher_new", handle),
        ("ws_dispatcher_next", ctypes.c_int32, handle, ctypes.c_int32, ctypes.POINTER(handle), ctypes.POINTER(handle)),
        ("ws_dispatcher_close", ctypes.c_int32, handle),
        ("ws_event_get_type", ctypes.c_int32, handle),
        ("ws_event_data", handle, handle, ctypes.POINTER(size)),
        ("ws_event_code", ctypes.c_uint16, handle),
        ("ws_event_was_clean", ctypes.c_int32, handle),
        ("ws_event_free", None, handle),
        ("ws_errors_message", text, handle, size),
        ("ws_errors_free", None, handle),
        ("ws_shutdown", ctypes.c_int32, ctypes.c_int32),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


ws4d = load()


class Client:
    """A socket whose events are pulled."""

    def __init__(self, url):
        self.dispatcher = ws4d.ws_dispatcher_new()
        handler = Handler(size=ctypes.sizeof(Handler), dispatcher=self.dispatcher)
        errors = handle()
        self.ws = ws4d.ws_new(url.encode(), ctypes.byref(handler), None, ctypes.byref(errors))
        if self.ws is None:
            message = ws4d.ws_errors_message(errors, 0).decode()
            ws4d.ws_errors_free(errors)
            raise ConnectionError(message)

    def next(self):
        """(type, data, code, clean) of the next event."""
        ws, event, length = handle(), handle(), size()
        got = ws4d.ws_dispatcher_next(self.dispatcher, PATIENCE_MS, ctypes.byref(ws), ctypes.byref(event))
        assert got == 1, f"ws_dispatcher_next: {got}"
        data = ws4d.ws_event_data(event, ctypes.byref(length))
        result = (
            ws4d.ws_event_get_type(event),
            ctypes.string_at(data, length.value) if data else b"",
            ws4d.ws_event_code(event),
            bool(ws4d.ws_event_was_clean(event)),
        )
        ws4d.ws_event_free(event)
        return result

    def close(self):
        ws4d.ws_release(self.ws)
        ws4d.ws_dispatcher_close(self.dispatcher)


class PythonServer:
    def __init__(self):
        from websockets.sync.server import serve

        def echo(connection):
            for message in connection:
                connection.send(message)

        self.server = serve(echo, "127.0.0.1", 0, compression="deflate", max_size=None)
        self.url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()


class NodeServer:
    SOURCE = """
        const { WebSocketServer } = require('ws');
        const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true });
        server.on('connection', (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })));
        server.on('listening', () => console.log(server.address().port));
        process.stdin.on('end', () => process.exit(0)).resume();
    """

    def __init__(self):
        environment = {**os.environ, "NODE_PATH": str(ROOT / "build/node/node_modules")}
        self.process = subprocess.Popen(
            ["node", "-e", self.SOURCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.url = f"ws://127.0.0.1:{int(self.process.stdout.readline())}/"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Peers:
    """What holds with every server."""

    def setUp(self):
        self.server = self.start()
        self.addCleanup(self.server.stop)
        self.client = Client(self.server.url)
        self.addCleanup(self.client.close)

    def test_echo_of_text_and_blobs_small_and_large(self):
        messages = [b"x", "größer 🙂".encode(), b"a" * 126, b"abc" * 30_000, b"", os.urandom(1 << 20)]
        for message in messages:
            send = ws4d.ws_send_blob if message == messages[-1] else ws4d.ws_send_text
            self.assertEqual(send(self.client.ws, message, len(message)), 0)
        for message in messages:
            self.assertEqual(self.client.next()[:2], (MESSAGE, message))

    def test_many_messages_survive_whatever_compression_was_agreed_on(self):
        for number in range(500):
            message = f"the same words again and again, {number} times ".encode() * 20
            self.assertEqual(ws4d.ws_send_text(self.client.ws, message, len(message)), 0)
            self.assertEqual(self.client.next()[:2], (MESSAGE, message))

    def test_terminate_closes_cleanly(self):
        self.assertEqual(ws4d.ws_terminate(self.client.ws, 4001, b"bye"), 0)
        kind, _, code, clean = self.client.next()
        self.assertEqual((kind, code, clean), (TERMINATE, 4001, True))


class WithPythonWebsockets(Peers, unittest.TestCase):
    start = PythonServer


@unittest.skipUnless(shutil.which("node"), "node is not installed")
class WithNodeWs(Peers, unittest.TestCase):
    start = NodeServer


class Failures(unittest.TestCase):
    def test_a_refused_connection_says_so(self):
        with self.assertRaisesRegex(ConnectionError, "127.0.0.1:1"):
            Client("ws://127.0.0.1:1/")


def tearDownModule():
    assert ws4d.ws_shutdown(5000) == 0


if __name__ == "__main__":
    unittest.main()
