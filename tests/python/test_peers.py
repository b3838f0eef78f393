"""The library against servers that other people wrote: websockets (Python) and ws (Node), in processes of their own.

Each without compression, and with it where the library offers it. The programs are peer_websockets.py, which says what
they do, and peer_ws.js.
"""

import json
import os
import shutil
import threading
import unittest
from urllib.parse import quote

import ws4d_ctypes as c
from host import Failed, Host, shut_down, ws4d
from programs import node_peer, python_peer

tearDownModule = shut_down

TEXT = "größer 🙂"


class Peers:
    """What holds with every server."""

    @classmethod
    def setUpClass(cls):
        cls.peer = cls.start()
        cls.addClassCleanup(cls.peer.stop)

    def setUp(self):
        self.host = Host(self)

    def open(self, path, **settings):
        self.ws = self.host.open(self.peer.url + path, **settings)

    def send(self, message):
        send = ws4d.ws_send_text if isinstance(message, str) else ws4d.ws_send_blob
        data = message.encode() if isinstance(message, str) else message
        self.assertEqual(send(self.ws, data, len(data)), c.WS_OK)

    def receive(self):
        event = self.host.pull()
        self.assertEqual(event.type, c.WS_EVENT_TYPE_MESSAGE, event)
        return event.data

    def end(self):
        """(code, reason, clean) of the TERMINATE that comes next."""
        event = self.host.pull()
        self.assertEqual(event.type, c.WS_EVENT_TYPE_TERMINATE, event)
        return event.code, event.reason.decode(), event.clean

    def test_text_blobs_and_objects_come_back(self):
        self.open("/echo", data_type=c.WS_DATA_TYPE_OBJECT)
        self.send(TEXT)
        self.send(b"\xff\x00\xfe")
        self.assertEqual(ws4d.ws_send_object(self.ws, b'{ "a" : 1.50 }', c.WS_NUL_TERMINATED), c.WS_OK)
        self.host.run_until('message object {"a":1.50}')
        expected = ["open", f"message text {TEXT}", "message blob \\xff\0\\xfe", 'message object {"a":1.50}']
        self.assertEqual(self.host.trace, expected)

    def test_messages_of_each_form_of_length_come_back(self):
        self.open("/echo")
        messages = [b"x" * length for length in (0, 1, 125, 126, 127, 65535, 65536, 131072, 131073, 1 << 20)]
        for message in messages:
            self.send(message)
        for message in messages:
            self.assertEqual(self.receive(), message)

    def test_a_thousand_messages_in_flight_keep_their_order(self):
        self.open("/echo")
        messages = [f"{number}: {TEXT}" * (number % 7) for number in range(1000)]
        for message in messages:
            self.send(message)
        for message in messages:
            self.assertEqual(self.receive().decode(), message)

    def test_fragments_from_the_server_arrive_as_one_message(self):
        self.open("/fragments")
        for message in ("a text of more than one fragment", "seven..", os.urandom(1000)):
            self.send(message)
            self.assertEqual(self.receive(), message.encode() if isinstance(message, str) else message)

    def test_a_large_message_goes_out_in_frames_and_arrives_as_one(self):
        self.open("/frames")
        self.send("small")
        self.assertIn(self.receive(), (b"0", b"1"))
        self.send(os.urandom(1 << 20))
        self.assertNotEqual(self.receive(), b"1")

    def test_32_mib_go_both_ways(self):
        self.open("/echo")
        for message in (os.urandom(1 << 20) * 32, "0123456789abcdef" * (2 << 20)):
            self.send(message)
            self.assertTrue(self.receive() == (message.encode() if isinstance(message, str) else message))

    def test_the_server_s_choice_of_subprotocol_is_told(self):
        self.open("/subprotocol", subprotocol=[b"first", b"second"])
        self.assertEqual(ws4d.ws_get_subprotocol(self.ws), b"second")

    def test_a_server_that_chooses_no_subprotocol_is_accepted(self):
        self.open("/subprotocol", subprotocol=[b"first", b"third"])
        self.assertIsNone(ws4d.ws_get_subprotocol(self.ws))

    def test_headers_and_cookies_reach_the_server_as_given_and_in_order(self):
        headers = [(b"X-First", b"1"), (b"X-Second", b"two words"), (b"X-First", b"again")]
        self.open("/head", header=headers, cookie=[b"a=1; b=2", b"c=3"])
        got = json.loads(self.receive())
        self.assertEqual([value for name, value in got if name.startswith("x-")], ["1", "two words", "again"])
        self.assertEqual([value for name, value in got if name == "cookie"], ["a=1; b=2; c=3"])
        self.assertEqual([value for name, value in got if name == "host"], [self.peer.url.removeprefix("ws://")])

    def test_the_server_s_headers_can_be_read(self):
        self.open("/echo")
        cookies = [ws4d.ws_get_response_header(self.ws, b"set-cookie", i) for i in range(3)]
        self.assertEqual(cookies, [b"first=1", b"second=2", None])

    def test_a_refusal_is_told_with_its_status_challenge_and_body(self):
        with self.assertRaises(Failed) as caught:
            self.open("/refuse")
        failed = caught.exception
        self.assertEqual((failed.codes[0], failed.http_status, failed.http_body), (c.WS_ERR_HTTP_STATUS, 401, b"who are you?"))

    def test_pings_are_answered_both_ways(self):
        self.open("/ping")
        self.assertEqual(self.receive(), b"the pong came")
        self.assertEqual(ws4d.ws_ping(self.ws, b"from the client", 15), c.WS_OK)
        event = self.host.pull()
        self.assertEqual((event.type, event.data), (c.WS_EVENT_TYPE_PONG, b"from the client"))

    def test_close_codes_and_reasons_of_the_client_reach_the_server_and_come_back(self):
        for code, reason in [(1000, ""), (3000, "registered"), (4001, TEXT), (4999, "r" * 123)]:
            with self.subTest(code):
                self.host = Host(self)
                self.open(f"/echo?{code}")
                self.assertEqual(ws4d.ws_terminate(self.ws, code, reason.encode()), c.WS_OK)
                self.assertEqual(self.peer.saw(f"/echo?{code}"), (code, reason, 0))
                self.assertEqual(self.end()[::2], (code, 1))

    def test_close_codes_and_reasons_of_the_server_are_told(self):
        for code, reason in [(1000, ""), (1001, "going"), (1008, "policy"), (1011, "broken"), (1012, "back soon"), (1013, "later"), (1014, "gateway"), (3000, "x"), (4999, TEXT)]:
            with self.subTest(code):
                self.host = Host(self)
                path = f"/close?code={code}&reason={quote(reason)}"
                self.open(path)
                self.assertEqual(self.end(), (code, reason, 1))
                self.assertEqual(self.peer.saw(path)[0], code)

    def test_what_was_sent_before_terminate_arrives_before_the_close_frame(self):
        self.open("/sink")
        self.assertEqual(ws4d.ws_cork(self.ws), c.WS_OK)  # so that all of it waits when terminate comes
        for number in range(1000):
            self.send(str(number) * 100)
        self.assertEqual(ws4d.ws_terminate(self.ws, 1000, b"done"), c.WS_OK)
        self.assertEqual(self.end()[::2], (1000, 1))
        self.assertEqual(self.peer.saw("/sink"), (1000, "done", 1000))

    def test_a_message_that_the_server_finds_too_large_ends_with_1009(self):
        self.open("/small")
        self.send("x" * 1000)
        self.assertEqual(len(self.receive()), 1000)
        self.send("x" * 1001)
        self.assertEqual(self.end()[0], 1009)

    def test_a_message_that_the_client_finds_too_large_is_answered_with_1009(self):
        self.open("/head?large", header=[(b"X-Long", b"x" * 1000)], max_message_size=1000)
        self.host.run_until("free")
        self.assertEqual(self.host.trace, ["open", "error WS_ERR_TOO_LARGE", "terminate 1006", "free"])
        self.assertEqual(self.peer.saw("/head?large")[0], 1009)

    def test_an_abort_looks_to_the_server_like_a_lost_connection(self):
        self.open("/echo?abort")
        self.assertEqual(ws4d.ws_abort(self.ws), c.WS_OK)
        self.assertEqual(self.end(), (1006, "", 0))
        self.assertEqual(self.peer.saw("/echo?abort"), (1006, "", 0))

    def test_a_server_that_dies_is_an_error_and_1006(self):
        peer = self.start()
        ws = self.host.open(peer.url + "/echo")
        self.assertEqual(ws4d.ws_send_text(ws, b"last words", 10), c.WS_OK)
        self.host.run_until("message text last words")
        peer.process.kill()
        self.host.run_until("free")
        self.assertEqual(self.host.trace[-3:], ["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"])
        peer.stop()


class Compressed:
    """The same, and compression is agreed upon."""

    def test_compression_is_agreed_upon(self):
        self.open("/echo")
        self.assertIn(b"permessage-deflate", ws4d.ws_get_response_header(self.ws, b"sec-websocket-extensions", 0) or b"")

    def test_without_the_option_it_is_not(self):
        self.open("/echo", compression=0)
        self.assertIsNone(ws4d.ws_get_response_header(self.ws, b"sec-websocket-extensions", 0))
        self.send(TEXT * 1000)
        self.assertEqual(self.receive().decode(), TEXT * 1000)

    def test_messages_of_many_threads_reach_the_one_deflater_in_the_order_of_their_places(self):
        """A context that goes from message to message tells of any other order: the server cannot inflate then."""
        self.open("/echo")
        # Large ones keep the deflater busy, so that others find it so; blobs of noise go plain between them.
        texts = [[f"{thread}/{number} " + TEXT * (5000 if number % 7 == 0 else 20) for number in range(40)] for thread in range(6)]

        def send(messages):
            for number, message in enumerate(messages):
                self.send(message)
                if number % 5 == 0:
                    self.send(os.urandom(2000))

        threads = [threading.Thread(target=send, args=(messages,)) for messages in texts]
        for thread in threads:
            thread.start()
        received = [self.receive() for _ in range(6 * 48)]
        for thread in threads:
            thread.join()
        came = [message.decode() for message in received if len(message) != 2000]
        for number, messages in enumerate(texts):
            self.assertTrue([text for text in came if text.startswith(f"{number}/")] == messages, "each thread's, in order")


class WithPythonWebsockets(Peers, unittest.TestCase):
    arguments = ()

    @classmethod
    def start(cls):
        return python_peer(*cls.arguments)


class WithPythonWebsocketsCompressed(Compressed, WithPythonWebsockets):
    arguments = ("deflate",)


@unittest.skipUnless(shutil.which("node"), "node is not installed")
class WithNodeWs(Peers, unittest.TestCase):
    arguments = ()

    @classmethod
    def start(cls):
        return node_peer(*cls.arguments)


class WithNodeWsCompressed(Compressed, WithNodeWs):
    arguments = ("deflate",)


if __name__ == "__main__":
    unittest.main()
