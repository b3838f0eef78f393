"""Behind a reverse proxy, as servers on the Internet mostly are: it ends TLS and passes the upgrade on to the server.

What holds with each of them; test_nginx.py and test_haproxy.py bring the programs and what is their own.
"""

import json
import os
import shutil

import ws4d_ctypes as c
from host import Failed, Host, ws4d
from programs import Authority, Program, folder_of

BEYOND_PATH = os.environ["PATH"] + ":/usr/sbin"  # where Debian has such programs, and not everybody looks


def program(name):
    return shutil.which(name, path=BEYOND_PATH)


class Behind:
    """A class has `start`, which makes the server behind it, and `command`, which configures the proxy for a port.

    Paths go on to the server; below /brief/ what is idle for a second is cut.
    """

    @classmethod
    def setUpClass(cls):
        cls.folder = folder_of(cls)
        cls.authority = Authority(cls.folder)
        cls.certificate = cls.authority.local()
        cls.peer = cls.start("deflate")
        cls.addClassCleanup(cls.peer.stop)
        cls.proxy = Program(cls.command, cls.folder / "log")
        cls.addClassCleanup(cls.proxy.stop)
        cls.authorities = str(cls.authority.certificate).encode()

    def setUp(self):
        self.host = Host(self)

    def open(self, path, scheme="wss", **settings):
        return self.host.open(f"{scheme}://localhost:{self.proxy.port}{path}", ca_file=self.authorities, **settings)

    def refused(self, path, **settings):
        with self.assertRaises(Failed) as caught:
            self.open(path, **settings)
        self.assertEqual(caught.exception.codes[0], c.WS_ERR_HTTP_STATUS, caught.exception)
        return caught.exception

    def echo(self, ws, message):
        self.assertEqual(ws4d.ws_send_text(ws, message, len(message)), c.WS_OK)
        self.assertTrue(self.host.pull().data == message)

    def head(self):
        return json.loads(self.host.pull().data)

    def test_messages_small_and_large_both_ways_and_a_clean_end_at_both_ends(self):
        ws = self.open("/echo?whole")
        for message in (b"hello", b"0123456789abcdef" * (1 << 18)):
            self.echo(ws, message)
        self.assertEqual(ws4d.ws_terminate(ws, 4000, b"bye"), c.WS_OK)
        event = self.host.pull()
        self.assertEqual((event.type, event.code, event.reason, event.clean), (c.WS_EVENT_TYPE_TERMINATE, 4000, b"bye", 1))
        self.assertEqual(self.peer.saw("/echo?whole"), (4000, "bye", 2))

    def test_the_server_s_close_comes_through(self):
        self.open("/close?code=4001&reason=enough")
        event = self.host.pull()
        self.assertEqual((event.type, event.code, event.reason, event.clean), (c.WS_EVENT_TYPE_TERMINATE, 4001, b"enough", 1))

    def test_compression_is_agreed_upon_from_end_to_end(self):
        ws = self.open("/echo")
        self.assertIn(b"permessage-deflate", ws4d.ws_get_response_header(ws, b"sec-websocket-extensions", 0))
        stats = c.ws_stats()
        for number in range(3):
            self.echo(ws, b"%d: compressible " % number * 10000)
        self.assertEqual(ws4d.ws_get_stats(ws, stats), c.WS_OK)
        for plain, wire in ((stats.bytes_sent, stats.wire_bytes_sent), (stats.bytes_received, stats.wire_bytes_received)):
            self.assertGreater(plain, 400_000)
            self.assertLess(wire, plain / 20)

    def test_the_server_s_choice_of_subprotocol_is_told(self):
        ws = self.open("/subprotocol", subprotocol=[b"first", b"second"])
        self.assertEqual(ws4d.ws_get_subprotocol(ws), b"second")

    def test_a_ping_of_the_server_is_answered_through_it(self):
        self.open("/ping")
        self.assertEqual(self.host.pull().data, b"the pong came")

    def test_a_connection_that_is_idle_is_cut_and_one_that_pings_is_not(self):
        pinging = self.open("/brief/echo", ping_interval_ms=100)
        idle, said = Host(self), []
        first = lambda ws, event: said.append(ws4d.ws_errors_message(ws4d.ws_event_errors(event), 0).decode())
        idle.when("error WS_ERR_CONNECTION_RESET", first)
        ws = idle.open(f"wss://localhost:{self.proxy.port}/brief/echo", ca_file=self.authorities)
        idle.run_until("free")
        self.assertEqual(idle.trace, ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"])
        self.assertEqual(len(said), 1)
        self.assertIn("ended the connection without a close frame", said[0])
        info = c.ws_close_info()
        self.assertEqual(ws4d.ws_get_close_info(ws, info), c.WS_OK)
        self.assertEqual((info.stage, info.result), (c.WS_STAGE_OPEN, c.WS_ERR_CONNECTION_RESET))
        self.assertEqual((info.code_received, info.code_sent, info.was_clean, info.os_code, info.tls_alert), (0, 0, 0, 0, -1))
        self.assertGreaterEqual(info.open_us, 900_000)
        # It was opened before the other, and is as idle but for the pings.
        self.assertEqual(ws4d.ws_get_status(pinging), c.WS_STATUS_CONNECTED)
        self.echo(pinging, b"still here")
        stats = c.ws_stats()
        self.assertEqual(ws4d.ws_get_stats(pinging, stats), c.WS_OK)
        self.assertGreater(stats.ping_us, 0)
