"""What is shown on a peer that sends each message back: one function for each, which says in words what it has seen."""

import contextlib
import ctypes
import os

import ws4d_ctypes as c
from host import PATIENCE, Host, check, read, ws4d

MEBIBYTE = 1 << 20
LENGTHS = (0, 1, 125, 126, 65535, 65536, MEBIBYTE)
CHARACTERS = "größer 🙂 "


class Run(contextlib.ExitStack):
    """What is cleaned up at the end of a peer's turn, with the name that a test has for it."""

    def addCleanup(self, function, *arguments):
        self.callback(function, *arguments)


def expect(wanted, found, what):
    if wanted != found:
        raise AssertionError(f"{what}: wanted {str(wanted)[:200]}, found {str(found)[:200]}")


def text_of(length):
    """Characters of one to four bytes, which are so many bytes together."""
    text = (CHARACTERS * (length // len(CHARACTERS) + 1)).encode()[:length].decode(errors="ignore")
    return (text + "x" * (length - len(text.encode()))).encode()


class Talk:
    """One connection."""

    def __init__(self, run, url, **settings):
        self.host = Host(run)
        self.ws = self.host.open(url, **settings)
        self.agreed = ws4d.ws_get_response_header(self.ws, b"sec-websocket-extensions", 0)

    def send(self, data, text):
        expect(c.WS_OK, (ws4d.ws_send_text if text else ws4d.ws_send_blob)(self.ws, data, len(data)), "sending")

    def next(self):
        """(event, is it the last of its message)."""
        ws, event = c.ws_socket(), c.ws_event()
        expect(1, check(ws4d.ws_dispatcher_next(self.host.dispatcher, PATIENCE * 1000, ws, event)), "an event")
        found, last = read(event), ws4d.ws_event_part_last(event)
        if found.type == c.WS_EVENT_TYPE_ERROR:
            errors = ws4d.ws_event_errors(event)
            found = found._replace(data=ws4d.ws_errors_message(errors, 0))
        ws4d.ws_event_free(event)
        return found, last

    def message(self):
        found, _ = self.next()
        expect(c.WS_EVENT_TYPE_MESSAGE, found.type, f"a message, {found}")
        return found.data

    def echoes(self, data, text):
        self.send(data, text)
        expect(data, self.message(), f"the echo of {len(data)} bytes")

    def messages(self):
        for length in LENGTHS:
            self.echoes(text_of(length), True)
            self.echoes(os.urandom(length), False)
        return "text and blobs up to 1 MiB"

    def compression(self, expected=True):
        expect(expected, b"permessage-deflate" in (self.agreed or b""), "compression is agreed upon")
        if not expected:
            return "not compressed"
        before, after = c.ws_stats(), c.ws_stats()
        check(ws4d.ws_get_stats(self.ws, before))
        self.echoes(text_of(MEBIBYTE), True)
        check(ws4d.ws_get_stats(self.ws, after))
        sent, received = (getattr(after, name) - getattr(before, name) for name in ("wire_bytes_sent", "wire_bytes_received"))
        if sent > MEBIBYTE // 20 or received > MEBIBYTE // 20:
            raise AssertionError(f"1 MiB that compresses well was {sent} bytes on its way there, and {received} back")
        return "compressed both ways"

    def ping(self):
        check(ws4d.ws_ping(self.ws, b"are you there?", 14))
        found, _ = self.next()
        expect((c.WS_EVENT_TYPE_PONG, b"are you there?"), (found.type, found.data), "the pong")
        return "ping"

    def send_in_parts(self, data, text, part=10_007):
        """The parts of a text are cut inside its characters, too."""
        check(ws4d.ws_send_begin(self.ws, c.WS_DATA_TYPE_TEXT if text else c.WS_DATA_TYPE_BLOB, 0))
        for start in range(0, len(data), part):
            piece = data[start : start + part]
            check(ws4d.ws_send_part(self.ws, piece, len(piece)))
        check(ws4d.ws_send_end(self.ws))

    def messages_in_parts(self):
        for text, data in ((True, text_of(MEBIBYTE // 2)), (False, os.urandom(MEBIBYTE // 2))):
            self.send_in_parts(data, text)
            expect(data, self.message(), "the echo of a message that was sent in parts")
        return "sent in parts"

    def received_in_parts(self, data):
        """For a connection with a part_size."""
        parts, last = [], False
        while not last:
            found, last = self.next()
            expect(c.WS_EVENT_TYPE_PART, found.type, f"a part, {found}")
            parts.append(found.data)
        expect(data, b"".join(parts), "what was received in parts")
        if len(parts) < 2:
            raise AssertionError("there was but one part")

    def closes(self, code=4000, reason=b"bye", answer=None):
        """`answer`: the code of a server that answers with one of its own."""
        check(ws4d.ws_terminate(self.ws, code, reason))
        found, _ = self.next()
        expect((c.WS_EVENT_TYPE_TERMINATE, answer or code, 1), (found.type, found.code, found.clean), f"the end, {found}")
        return f"closed with {code}" + (f", which it answers with {answer}" if answer else "")


def echo(run, url, answer=None, compressed=True, **settings):
    """All of it with a server that sends back whatever it gets; whether it compresses, and `answer` as in `closes`."""
    talk = Talk(run, url, **settings)
    facts = [talk.messages(), talk.compression(compressed), talk.ping(), talk.messages_in_parts()]
    parts = Talk(run, url, part_size=1000, **settings)
    for text, data in ((True, text_of(MEBIBYTE)), (False, os.urandom(MEBIBYTE))):
        parts.send(data, text)
        parts.received_in_parts(data)
    facts.append("received in parts")
    facts.append(talk.closes(answer=answer))
    parts.closes(1000, b"")
    return facts
