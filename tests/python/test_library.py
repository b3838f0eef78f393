"""Errors and their stacks, the error handler, options, the log, names, and shutting down."""

import contextlib
import ctypes
import os
import pathlib
import socket
import threading
import time
import unittest

import ws4d_ctypes as c
from host import PATIENCE, Event, Failed, Host, WithServer, shut_down, ws4d

tearDownModule = shut_down


def unused_port():
    """A port of 127.0.0.1 that refuses: it is bound, but nobody listens."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


class Errors(WithServer):
    def fail(self, url, **settings):
        host = Host(self)
        with self.assertRaises(Failed) as caught:
            host.open(url, **settings)
        self.assertEqual(host.trace, ["free"])
        return caught.exception

    def test_a_refused_connection_names_the_address_and_the_system_s_error(self):
        holder, port = unused_port()
        self.addCleanup(holder.close)
        failed = self.fail(f"ws://127.0.0.1:{port}/")
        self.assertEqual(failed.codes[0], c.WS_ERR_CONNECTION_REFUSED)
        self.assertIn(f"127.0.0.1:{port}", failed.messages[0])
        self.assertEqual(failed.components[0], "tcp ")
        self.assertEqual(failed.os_code, 111)

    def test_another_answer_than_101_comes_with_status_header_and_body(self):
        failed = self.fail(self.server.ws("/status?code=503&body=later&header=Retry-After:5"))
        self.assertEqual((failed.codes[0], failed.http_status), (c.WS_ERR_HTTP_STATUS, 503))
        self.assertEqual((failed.retry_after, failed.http_body), (b"5", b"later"))
        self.assertIn("503", failed.messages[0])

    def test_what_is_no_url_is_refused_at_once(self):
        for url in ("http://127.0.0.1/", "ws:/127.0.0.1", "ws://", "ws://127.0.0.1/#here", "ws://127.0.0.1/ x"):
            with self.subTest(url):
                self.assertEqual(self.fail(url).codes[0], c.WS_ERR_INVALID_URL)

    def test_a_connection_that_fails_later_is_error_then_terminate(self):
        holder, port = unused_port()
        self.addCleanup(holder.close)
        host = Host(self)
        host.open(f"ws://127.0.0.1:{port}/", wait=False)
        self.assertEqual(ws4d.ws_dispatcher_run(host.dispatcher), c.WS_OK)
        self.assertEqual(host.trace, ["error WS_ERR_CONNECTION_REFUSED", "terminate 1006", "free"])

    def test_a_lost_connection_is_error_then_terminate(self):
        host = Host(self)
        host.open(self.server.ws("/script?do=text:last,rst"))
        ws4d.ws_dispatcher_run(host.dispatcher)
        self.assertEqual(host.trace[-3:], ["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"])

    def test_the_error_handler_is_told_of_connections_that_could_not_be_made(self):
        told = []

        @c.ws_error_fn
        def handler(errors, user_data):
            told.append((ws4d.ws_errors_code(errors, 0), user_data, threading.get_ident()))

        ws4d.ws_set_error_handler(handler, 42)
        self.addCleanup(ws4d.ws_set_error_handler, c.ws_error_fn(0), None)
        self.fail(self.server.ws("/status?code=404"))
        self.assertEqual(told, [(c.WS_ERR_HTTP_STATUS, 42, threading.get_ident())])

    def test_a_certificate_of_an_unknown_ca_is_refused_and_with_that_ca_accepted(self):
        self.assertEqual(self.fail(self.server.wss("/echo")).codes[0], c.WS_ERR_CERTIFICATE)
        pem = pathlib.Path(self.server.ca.decode()).read_bytes()
        for trust in ({"ca_file": self.server.ca}, {"ca_pem": (pem, len(pem))}, {"verify": 0}):
            with self.subTest(trust.keys()):
                host = Host(self)
                ws = host.open(self.server.wss("/echo"), **trust)
                ws4d.ws_send_text(ws, b"sealed", 6)
                host.run_until("message text sealed")

    def test_a_handle_of_another_type_a_stale_and_an_invented_one_are_refused(self):
        host = Host(self)
        ws = host.open(self.server.ws("/close?code=1000"))
        for invented in (0, 1, 4096, host.dispatcher.value, ws.value + 1, (1 << 47) - 1):
            with self.subTest(hex(invented)):
                self.assertEqual(ws4d.ws_send_text(c.ws_socket(invented), b"x", 1), c.WS_ERR_INVALID_HANDLE)
                self.assertEqual(ws4d.ws_get_status(c.ws_socket(invented)), c.WS_STATUS_CLOSED)
        ws4d.ws_dispatcher_run(host.dispatcher)
        self.assertEqual((ws4d.ws_release(ws), ws4d.ws_release(ws)), (c.WS_OK, c.WS_ERR_INVALID_HANDLE))
        self.assertEqual((ws4d.ws_get_id(ws), ws4d.ws_get_url(ws)), (0, None))


class Library(WithServer):
    def test_options_are_judged_at_once(self):
        options = ws4d.ws_options_new()
        self.assertEqual(ws4d.ws_options_set_data_type(options, 3), c.WS_ERR_INVALID_ARGUMENT)
        self.assertEqual(ws4d.ws_options_set_header(options, b"Name", b"a\r\nb: c"), c.WS_ERR_INVALID_HEADER)
        self.assertEqual(ws4d.ws_options_set_header(options, b"Sec-WebSocket-Key", b"x"), c.WS_ERR_INVALID_HEADER)
        self.assertEqual(ws4d.ws_options_set_subprotocol(options, b"no token"), c.WS_ERR_INVALID_ARGUMENT)
        self.assertEqual(ws4d.ws_options_set_ca_file(options, b"/nowhere"), c.WS_ERR_FILE)
        self.assertEqual(ws4d.ws_options_free(options), c.WS_OK)
        self.assertEqual(ws4d.ws_options_free(options), c.WS_ERR_INVALID_HANDLE)

    def test_a_socket_tells_about_itself(self):
        host = Host(self)
        url = self.server.ws("/headers?protocol=chat")
        ws = host.open(url.replace("://", "://me:secret@"), subprotocol=[b"other", b"chat"], data_type=c.WS_DATA_TYPE_OBJECT)
        self.assertEqual(ws4d.ws_get_url(ws).decode(), url)
        self.assertGreater(ws4d.ws_get_id(ws), 0)
        self.assertEqual(ws4d.ws_get_data_type(ws), c.WS_DATA_TYPE_OBJECT)
        self.assertEqual(ws4d.ws_get_subprotocol(ws), b"chat")
        self.assertEqual(ws4d.ws_get_response_status(ws), 101)
        self.assertEqual(ws4d.ws_get_response_header(ws, b"upgrade", 0).lower(), b"websocket")
        self.assertIsNone(ws4d.ws_get_response_header(ws, b"upgrade", 1))
        self.assertIn(ws4d.ws_get_peer_address(ws).decode(), url)
        handler = c.ws_handler()
        self.assertEqual(ws4d.ws_get_handler(ws, ctypes.byref(handler)), c.WS_OK)
        self.assertEqual((handler.user_data, handler.dispatcher.value), (host.key, host.dispatcher.value))
        self.assertIn(b"Authorization: Basic bWU6c2VjcmV0", host.pull().data)

    def test_the_log_says_what_happens_and_no_secret(self):
        lines = []

        @c.ws_log_fn
        def log(level, component, message, user_data):
            lines.append((level, component, message, user_data))

        ws4d.ws_set_log(c.WS_LOG_LEVEL_TRACE, log, 7)
        try:
            host = Host(self)
            ws = host.open(self.server.ws("/echo?token=t0ken").replace("://", "://me:s3cret@"), header=[(b"X-Key", b"k3y")])
            ws4d.ws_send_text(ws, b"hello", 5)
            ws4d.ws_terminate(ws, 1000, None)
            ws4d.ws_dispatcher_run(host.dispatcher)
        finally:
            ws4d.ws_set_log(c.WS_LOG_LEVEL_OFF, c.ws_log_fn(0), None)
        self.assertTrue(lines)
        self.assertEqual({user_data for *_, user_data in lines}, {7})
        self.assertTrue({level for level, *_ in lines} <= set(c.ws_log_level))
        self.assertFalse([message for _, _, message, _ in lines if b"s3cret" in message or b"k3y" in message or b"bWU6" in message])
        count = len(lines)
        Host(self).open(self.server.ws("/echo"))
        self.assertEqual(len(lines), count)

    def test_each_number_has_a_name(self):
        for enumeration, name in [(c.ws_status, ws4d.ws_status_name), (c.ws_event_type, ws4d.ws_event_type_name), (c.ws_data_type, ws4d.ws_data_type_name)]:
            for item in enumeration:
                self.assertEqual(name(item).decode().lower(), item.name.rsplit("_", 1)[1].lower())
            self.assertEqual(name(-1), b"unknown")
        for item in c.ws_result:
            self.assertEqual(ws4d.ws_result_name(item).decode(), item.name)
            self.assertTrue(ws4d.ws_result_message(item))
        self.assertEqual(ws4d.ws_result_name(-119), b"WS_ERR_UNKNOWN")

    def test_after_shutdown_the_last_events_wait_in_the_dispatcher_and_the_library_can_be_used_again(self):
        host = Host(self)
        ws = host.open(self.server.ws("/script?do=stall"))
        self.assertEqual(ws4d.ws_set_io_threads(2), c.WS_ERR_UNSUPPORTED)
        self.assertEqual(ws4d.ws_shutdown(PATIENCE * 1000), c.WS_OK)
        self.threads_become("ws4d-", 0)
        self.assertEqual(ws4d.ws_send_text(ws, b"x", 1), c.WS_ERR_CLOSED)
        self.assertEqual(host.pull(), Event(c.WS_EVENT_TYPE_TERMINATE, b"", 1006, b"", 0))
        self.assertEqual(ws4d.ws_set_io_threads(2), c.WS_OK)
        again = Host(self)
        ws = again.open(self.server.ws("/echo"))
        ws4d.ws_send_text(ws, b"again", 5)
        again.run_until("message text again")
        self.threads_become("ws4d-io", 2)
        self.assertEqual(ws4d.ws_shutdown(PATIENCE * 1000), c.WS_OK)
        self.assertEqual(ws4d.ws_set_io_threads(1), c.WS_OK)

    def threads_become(self, prefix, count):
        # A thread gives itself its name once it runs, and one that was joined stays in /proc for the moment that the kernel
        # still needs.
        limit = time.monotonic() + PATIENCE
        while len(threads(prefix)) != count and time.monotonic() < limit:
            os.sched_yield()
        self.assertEqual(len(threads(prefix)), count)


def threads(prefix):
    """The names of this process's threads that begin so."""
    names = []
    for path in pathlib.Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            names.append(path.read_text().strip())
    return [name for name in names if name.startswith(prefix)]


if __name__ == "__main__":
    unittest.main()
