"""A host in Python: what the tests here share. It knows the library only through ws4d_ctypes."""

import collections
import ctypes
import itertools
import json
import os
import pathlib
import subprocess
import threading
import unittest

import ws4d_ctypes as c

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds; a last resort, where what is waited for never comes

ws4d = c.load(os.environ.get("WS4D_LIBRARY", str(ROOT / "target/release/libws4d.so")))

Event = collections.namedtuple("Event", "type data code reason clean")
WORDS = {c.WS_DATA_TYPE_TEXT: "text", c.WS_DATA_TYPE_BLOB: "blob", c.WS_DATA_TYPE_OBJECT: "object"}


class Failed(Exception):
    """A connection that could not be made: its error stack, read out and freed."""

    def __init__(self, errors):
        count = ws4d.ws_errors_count(errors)
        self.codes = [ws4d.ws_errors_code(errors, i) for i in range(count)]
        self.messages = [ws4d.ws_errors_message(errors, i).decode() for i in range(count)]
        self.components = [ws4d.ws_errors_component(errors, i).decode() for i in range(count)]
        self.os_code = ws4d.ws_errors_os_code(errors)
        self.http_status = ws4d.ws_errors_http_status(errors)
        self.http_body = c.bytes_at(ws4d.ws_errors_http_body, errors)
        self.retry_after = ws4d.ws_errors_http_header(errors, b"retry-after", 0)
        ws4d.ws_errors_free(errors)
        super().__init__("; ".join(self.messages))


def check(result):
    assert result >= 0, ws4d.ws_result_name(result).decode()
    return result


def options_with(settings):
    """Options from keywords: data_type=…, subprotocol=[b"a", b"b"], header=[(b"Name", b"value")]."""
    options = ws4d.ws_options_new()
    for name, values in settings.items():
        for value in values if isinstance(values, list) else [values]:
            arguments = value if isinstance(value, tuple) else (value,)
            check(getattr(ws4d, "ws_options_set_" + name)(options, *arguments))
    return options


def read(event):
    data = c.bytes_at(ws4d.ws_event_data, event)
    return Event(ws4d.ws_event_get_type(event), data, ws4d.ws_event_code(event), ws4d.ws_event_reason(event), ws4d.ws_event_was_clean(event))


def words(event):
    """An event in one line: `message text hello`, `terminate 1000 bye`."""
    kind = ws4d.ws_event_type_name(ws4d.ws_event_get_type(event)).decode()
    data = (c.bytes_at(ws4d.ws_event_data, event) or b"").decode(errors="backslashreplace")
    if kind == "message":
        return f"message {WORDS[ws4d.ws_event_data_type(event)]} {data}"
    if kind == "terminate":
        return f"terminate {ws4d.ws_event_code(event)} {data}".rstrip()
    if kind == "error":
        return "error " + ws4d.ws_result_name(ws4d.ws_errors_code(ws4d.ws_event_errors(event), 0)).decode()
    return f"{kind} {data}".rstrip()


class Host:
    """Sockets and their callbacks, on a dispatcher of the thread that makes it, or on the library's I/O threads."""

    hosts = {}
    keys = itertools.count(1)

    def __init__(self, test, wake=None, dispatcher=True, driving=False):
        self.key = next(Host.keys)
        Host.hosts[self.key] = self
        self.changed = threading.Condition()
        self.trace, self.threads, self.raised = [], [], []
        self.reactions = {}
        self.sockets = []
        self.wake = c.ws_wake_fn(wake or 0)
        if driving:
            self.dispatcher = ws4d.ws_dispatcher_new_driving()
        else:
            self.dispatcher = ws4d.ws_dispatcher_new_with_wake(self.wake, None) if dispatcher else c.ws_dispatcher()
        test.addCleanup(self.close)

    def close(self):
        for ws in self.sockets:
            ws4d.ws_abort(ws)
            ws4d.ws_release(ws)
        ws4d.ws_dispatcher_close(self.dispatcher)
        if self.raised:
            raise self.raised[0]

    def open(self, url, wait=True, **settings):
        """A socket; `wait` chooses between ws_new and ws_new_async."""
        options, errors = options_with(settings), c.ws_errors()
        # With on_ping, pings would be events.
        names = [name for name, kind in c.ws_handler._fields_ if kind is c.ws_callback and name != "on_ping"]
        functions = dict.fromkeys(names, on_event)
        handler = c.ws_handler(user_data=self.key, dispatcher=self.dispatcher, on_free=on_free, **functions)
        new = ws4d.ws_new if wait else ws4d.ws_new_async
        ws = new(url.encode(), ctypes.byref(handler), options, ctypes.byref(errors))
        ws4d.ws_options_free(options)
        if not ws:
            raise Failed(errors)
        assert not errors
        self.sockets.append(ws)
        return ws

    def when(self, line, reaction):
        """Has reaction(ws, event) run inside the callback that says this."""
        self.reactions[line] = reaction

    def say(self, line, *arguments):
        try:
            if line in self.reactions:
                self.reactions[line](*arguments)
        except BaseException as exception:  # ctypes would print and forget it
            self.raised.append(exception)
        with self.changed:
            self.trace.append(line)
            self.threads.append(threading.get_ident())
            self.changed.notify_all()

    def run_until(self, line):
        """Runs callbacks until one has said this."""
        if not self.dispatcher:
            with self.changed:
                assert self.changed.wait_for(lambda: line in self.trace, PATIENCE), self.trace
        while line not in self.trace and not self.raised:
            assert check(ws4d.ws_dispatcher_wait(self.dispatcher, PATIENCE * 1000)) > 0, f"no {line!r} in {self.trace}"

    def pull(self):
        """The next event, instead of its callback."""
        ws, event = c.ws_socket(), c.ws_event()
        got = check(ws4d.ws_dispatcher_next(self.dispatcher, PATIENCE * 1000, ctypes.byref(ws), ctypes.byref(event)))
        assert got == 1, "no event"
        result = read(event)
        ws4d.ws_event_free(event)
        return result


@c.ws_callback
def on_event(ws, event, key):
    Host.hosts[key].say(words(event), ws, event)


@c.ws_free_fn
def on_free(key):
    Host.hosts[key].say("free")


class Server:
    """The local test server; tests/server/PATHS.txt says what its paths do."""

    def __init__(self, *arguments):
        program = os.environ.get("WS4D_TEST_SERVER", str(ROOT / "target/debug/ws4d-test-server"))
        self.process = subprocess.Popen([program, "--until-stdin-closes", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())
        self.ca = self.ready["ca"].encode()

    def ws(self, path):
        return self.ready["ws_url"] + path

    def wss(self, path):
        return self.ready["wss_url"] + path

    def stop(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class WithServer(unittest.TestCase):
    """Tests that share one test server."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)


def shut_down():
    """For tearDownModule: no thread of the library outlives the tests of a module."""
    assert ws4d.ws_shutdown(PATIENCE * 1000) == c.WS_OK
