"""Messages there and back: each form in which they can be sent, and each in which they arrive."""

import array
import ctypes
import unittest

import ws4d_ctypes as c
from host import Host, WithServer, read, shut_down, ws4d

tearDownModule = shut_down

TEXT = "größer 🙂"


def utf16(text):
    """UTF-16 in the machine's byte order, and how many units it has."""
    units = memoryview(text.encode("utf-16" + ("le" if array.array("H", [1]).tobytes()[0] else "be"), "surrogatepass")).cast("H")
    return (ctypes.c_uint16 * len(units))(*units), len(units)


def string(value):
    return (c.bytes_at(ws4d.ws_json_string, value) or b"").decode()


class Messages(WithServer):
    def setUp(self):
        self.host = Host(self)

    def open(self, **settings):
        self.ws = self.host.open(self.server.ws("/echo"), **settings)

    def send(self, *messages):
        for message in messages:
            kind = ws4d.ws_send_text if isinstance(message, str) else ws4d.ws_send_blob
            data = message.encode() if isinstance(message, str) else message
            self.assertEqual(kind(self.ws, data, len(data)), c.WS_OK)

    def test_text_arrives_as_text_and_bytes_as_a_blob(self):
        self.open()
        self.send(TEXT, "", "a\0b", b"\xff\x00\xfe")
        self.host.run_until("message blob \\xff\0\\xfe")
        self.assertEqual(self.host.trace, ["open", f"message text {TEXT}", "message text ", "message text a\0b", "message blob \\xff\0\\xfe"])

    def test_with_data_type_blob_text_arrives_as_its_bytes(self):
        self.open(data_type=c.WS_DATA_TYPE_BLOB)
        self.send(TEXT)
        self.host.run_until(f"message blob {TEXT}")

    def test_with_data_type_object_json_arrives_as_an_object_and_other_text_as_text(self):
        self.open(data_type=c.WS_DATA_TYPE_OBJECT)
        self.send("[1]", "[1", b"[1]")
        self.host.run_until("message blob [1]")
        self.assertEqual(self.host.trace, ["open", "message object [1]", "message text [1", "message blob [1]"])

    def test_an_object_goes_out_as_given_but_for_the_white_space_between_tokens(self):
        self.open()
        self.assertEqual(ws4d.ws_send_object(self.ws, b' { "b" : 1.50 ,\n"a b" : [ ] } ', c.WS_NUL_TERMINATED), c.WS_OK)
        self.host.run_until('message text {"b":1.50,"a b":[]}')

    def test_utf16_goes_out_as_text_and_text_can_be_read_as_utf16(self):
        self.open()
        seen = []
        line = f"message text {TEXT}"
        self.host.when(line, lambda ws, event: seen.append(self.units(event)))
        self.assertEqual(ws4d.ws_send_text_utf16(self.ws, *utf16(TEXT)), c.WS_OK)
        self.host.run_until(line)
        self.assertEqual(seen, [list(utf16(TEXT)[0]) + [0]])

    def units(self, event):
        length = ctypes.c_size_t()
        pointer = ws4d.ws_event_data_utf16(event, ctypes.byref(length))
        return pointer[: length.value + 1]

    def test_what_is_not_valid_is_refused_and_the_connection_lives_on(self):
        self.open(max_message_size=10)
        self.assertEqual(ws4d.ws_send_text(self.ws, b"\xff", 1), c.WS_ERR_INVALID_UTF8)
        self.assertEqual(ws4d.ws_send_text_utf16(self.ws, *utf16("\ud800")), c.WS_ERR_INVALID_UTF8)
        self.assertEqual(ws4d.ws_send_object(self.ws, b"{]", 2), c.WS_ERR_INVALID_JSON)
        self.assertEqual(ws4d.ws_send_text(self.ws, b"eleven char", 11), c.WS_ERR_TOO_LARGE)
        self.assertEqual(ws4d.ws_send_text(self.ws, None, 1), c.WS_ERR_INVALID_ARGUMENT)
        self.assertEqual(ws4d.ws_send(self.ws, 3, b"x", 1, 0), c.WS_ERR_INVALID_ARGUMENT)
        self.assertEqual(ws4d.ws_send(self.ws, c.WS_DATA_TYPE_TEXT, b"x", 1, 2), c.WS_ERR_UNSUPPORTED)
        self.send("fine")
        self.host.run_until("message text fine")
        self.assertEqual(self.host.trace, ["open", "message text fine"])

    def test_ws_send_sends_each_type(self):
        self.open()
        for data_type, data in [(c.WS_DATA_TYPE_TEXT, b"t"), (c.WS_DATA_TYPE_BLOB, b"b"), (c.WS_DATA_TYPE_OBJECT, b"[ 1 ]")]:
            self.assertEqual(ws4d.ws_send(self.ws, data_type, data, len(data), c.WS_SEND_PLAIN), c.WS_OK)
        self.host.run_until("message text [1]")
        self.assertEqual(self.host.trace, ["open", "message text t", "message blob b", "message text [1]"])

    def test_a_ping_comes_back_as_a_pong_with_its_payload(self):
        self.open()
        self.assertEqual(ws4d.ws_ping(self.ws, b"are you there", 13), c.WS_OK)
        self.host.run_until("pong are you there")
        self.assertEqual(ws4d.ws_ping(self.ws, bytes(126), 126), c.WS_ERR_TOO_LARGE)

    def test_corked_messages_arrive_in_their_order_once_uncorked(self):
        self.open()
        self.assertEqual(ws4d.ws_cork(self.ws), c.WS_OK)
        self.send("one", "two")
        self.assertGreaterEqual(ws4d.ws_get_buffered_amount(self.ws), 6 + 2 * 64)
        self.assertEqual(ws4d.ws_uncork(self.ws), c.WS_OK)
        self.host.run_until("message text two")
        self.assertEqual(self.host.trace, ["open", "message text one", "message text two"])

    def test_a_retained_event_outlives_its_callback_its_socket_and_its_dispatcher(self):
        self.open()
        kept = []
        self.host.when("message text keep me", lambda ws, event: kept.append(ws4d.ws_event_retain(event)))
        self.send("keep me")
        self.host.run_until("message text keep me")
        self.host.close()
        self.assertEqual(read(kept[0])[:2], (c.WS_EVENT_TYPE_MESSAGE, b"keep me"))
        ws4d.ws_event_free(kept[0])

    def test_json_can_be_walked(self):
        self.open(data_type=c.WS_DATA_TYPE_OBJECT)
        json = rb'{"price":1.0850,"big":9007199254740993,"wide":-1e400,"whole":2.0,"list":[null,true],"text":"gr\u00f6\u00dfer \ud83d\ude42\u0000!"}'
        self.host.when(f"message object {json.decode()}", lambda ws, event: self.walk(ws4d.ws_event_json(event)))
        self.assertEqual(ws4d.ws_send_object(self.ws, json, len(json)), c.WS_OK)
        self.host.run_until(f"message object {json.decode()}")

    def walk(self, value):
        price, big, wide, whole, items, text = (
            ws4d.ws_json_member(value, key) for key in (b"price", b"big", b"wide", b"whole", b"list", b"text")
        )
        self.assertEqual((ws4d.ws_json_get_kind(value), ws4d.ws_json_length(value)), (c.WS_JSON_KIND_OBJECT, 6))
        self.assertEqual((ws4d.ws_json_number(price, 0), c.bytes_at(ws4d.ws_json_text, price)), (1.085, b"1.0850"))
        self.assertEqual((ws4d.ws_json_int64(big, 0), ws4d.ws_json_int64(whole, 0), ws4d.ws_json_int64(price, -7)), (9007199254740993, 2, -7))
        self.assertEqual(c.bytes_at(ws4d.ws_json_text, wide), b"-1e400")
        self.assertEqual(string(text), TEXT + "\0!")
        kinds = [ws4d.ws_json_get_kind(ws4d.ws_json_item(items, i)) for i in range(ws4d.ws_json_length(items))]
        self.assertEqual(kinds, [c.WS_JSON_KIND_NULL, c.WS_JSON_KIND_BOOL])
        self.assertEqual(ws4d.ws_json_bool(ws4d.ws_json_item(items, 1), 0), 1)
        self.assertFalse(ws4d.ws_json_item(items, 2) or ws4d.ws_json_member(value, b"none") or ws4d.ws_json_member(items, b"price"))
        first = c.ws_json()
        self.assertEqual(ws4d.ws_json_key(value, 0, ctypes.byref(first)), b"price")
        self.assertEqual(first.value, price.value)
        self.assertIsNone(ws4d.ws_json_key(value, 6, None))


if __name__ == "__main__":
    unittest.main()
