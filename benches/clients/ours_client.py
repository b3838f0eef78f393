"""libws4d from Python, with nothing but ctypes: a batch of events a call, and bytes of its own for each message.

usage: ours_client.py LIBRARY KIND URL SIZE N CA-FILE DATA-FILE, see bench.h
"""

import ctypes
import sys
from array import array
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_void_p

library = ctypes.CDLL(sys.argv.pop(1))

from common import Arguments, Clock, finish, unsupported  # noqa: E402

OK, WOULD_BLOCK = 0, -21
MESSAGE, TERMINATE, DRAIN = 2, 4, 5
MAX = 4096

LONG = 128  # bytes of a message, on average

# An item of a batch is five words; the last holds two numbers, the type in its lower half.
WORDS, DATA, LENGTH, OFFSET, TYPES = 5, 1, 2, 3, 4
TEXT = MESSAGE  # with 0 for WS_DATA_TYPE_TEXT in the upper half
ALL_TEXTS = memoryview(array("Q", [TEXT]) * MAX)
NOT_IN_BLOCK = c_size_t(-1).value


class ws_handler(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("user_data", c_void_p), ("dispatcher", c_void_p)] + [
        (name, c_void_p)
        for name in ("on_open", "on_message", "on_error", "on_terminate", "on_drain", "on_pong", "on_free")
    ]


def declare(name, result, *arguments):
    if not hasattr(library, name):
        unsupported()
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


view_of = ctypes.pythonapi.PyMemoryView_FromMemory
view_of.restype, view_of.argtypes = ctypes.py_object, (c_void_p, c_size_t, ctypes.c_int)
READ = 0x100  # PyBUF_READ

batch_items = declare("ws_batch_items", c_void_p, c_void_p, POINTER(c_size_t))
batch_data = declare("ws_batch_data", c_void_p, c_void_p, POINTER(c_size_t))
batch_free = declare("ws_batch_free", None, c_void_p)
next_batch = declare("ws_dispatcher_next_batch", c_int32, c_void_p, c_int32, c_size_t, POINTER(c_void_p))
dispatcher_new = declare("ws_dispatcher_new", c_void_p)
errors_message = declare("ws_errors_message", c_char_p, c_void_p, c_size_t)
new = declare("ws_new", c_void_p, c_char_p, POINTER(ws_handler), c_void_p, POINTER(c_void_p))
options_new = declare("ws_options_new", c_void_p)
release = declare("ws_release", c_int32, c_void_p)
send_text = declare("ws_send_text", c_int32, c_void_p, c_char_p, c_size_t)
set_ca_file = declare("ws_options_set_ca_file", c_int32, c_void_p, c_char_p)
set_compression = declare("ws_options_set_compression", c_int32, c_void_p, c_int32)
terminate = declare("ws_terminate", c_int32, c_void_p, c_int32, c_char_p)

arguments = Arguments()
payload = arguments.payload.encode()
dispatcher = dispatcher_new()
options = options_new()
handler = ws_handler(size=ctypes.sizeof(ws_handler), dispatcher=dispatcher)

# Made once: a ctypes object costs more than a message.
batch, count, length = c_void_p(), c_size_t(), c_size_t()
to_batch, to_count, to_length = byref(batch), byref(count), byref(length)


def check(result):
    if result != OK:
        sys.exit(f"failed: {result}")


def connect():
    errors = c_void_p()
    ws = new(arguments.url.encode(), byref(handler), options, byref(errors))
    if not ws:
        sys.exit(errors_message(errors, 0).decode())
    return ws


def pull():
    """Waits for events: the texts among them, each as bytes of its own, and the types of the others."""
    pulled = next_batch(dispatcher, -1, MAX, to_batch)
    if pulled < 0:
        sys.exit(f"failed: {pulled}")
    if pulled == 0:
        return (), ()
    of_batch = batch.value
    items = batch_items(of_batch, to_count)
    # Copied, as the block is: what a view of freed memory would show is not to be thought about.
    words = memoryview(ctypes.string_at(items, count.value * WORDS * 8)).cast("Q")
    data = batch_data(of_batch, to_length)
    if length.value > pulled * LONG:
        texts, others = one_by_one(view_of(data, length, READ), words)
        batch_free(of_batch)
        return texts, others
    block = ctypes.string_at(data, length.value) if length.value else b""
    # A NUL stands behind each message in the block: as many parts as messages, and an empty one, say that no message
    # holds one, and that all of them are there.
    texts, others = block.split(b"\0"), ()
    if texts.pop() or len(texts) != pulled or words[TYPES::WORDS] != ALL_TEXTS[:pulled]:
        texts, others = one_by_one(memoryview(block), words)
    batch_free(of_batch)
    return texts, others


def one_by_one(block, words):
    """Where not all are texts, or where they are so long that each is found faster by where it lies."""
    offsets, sizes = words[OFFSET::WORDS].tolist(), words[LENGTH::WORDS].tolist()
    if words[TYPES::WORDS] == ALL_TEXTS[: len(sizes)] and NOT_IN_BLOCK not in offsets:
        return [bytes(block[start : start + size]) for start, size in zip(offsets, sizes)], ()
    texts, others = [], []
    addresses, types = words[DATA::WORDS].tolist(), words[TYPES::WORDS].tolist()
    for start, size, address, kind in zip(offsets, sizes, addresses, types):
        if kind != TEXT:
            others.append(kind & 0xFFFFFFFF)
        elif start == NOT_IN_BLOCK:
            texts.append(ctypes.string_at(address, size))
        else:
            texts.append(bytes(block[start : start + size]))
    return texts, others


def receive(left):
    while left > 0:
        texts, others = pull()
        left -= len(texts)
        del texts  # before the next ones are made: so they find memory that the cache still holds
        # The server hangs up once it has sent all; that may come with the last of them.
        if left > 0 and TERMINATE in others:
            sys.exit("failed: the connection ended")


def until(awaited):
    while awaited not in pull()[1]:
        pass


def round_trips(ws, left):
    size = arguments.size
    for _ in range(left):
        check(send_text(ws, payload, size))
        receive(1)


def main():
    kind, messages = arguments.kind, arguments.count
    if arguments.deflate or kind not in ("echo", "receive", "send", "connect"):
        unsupported()
    check(set_ca_file(options, arguments.ca.encode()))
    check(set_compression(options, 0))
    if kind == "echo":
        ws = connect()
        round_trips(ws, messages // 10 + 1)
        clock = Clock()
        round_trips(ws, messages)
    elif kind == "receive":
        ws = connect()
        clock = Clock()
        check(send_text(ws, b"", 0))
        receive(messages)
    elif kind == "send":
        ws = connect()
        size = arguments.size
        clock = Clock()
        for _ in range(messages):
            while (result := send_text(ws, payload, size)) == WOULD_BLOCK:
                until(DRAIN)
            check(result)
        receive(1)
    else:
        for n in range(messages + messages // 10 + 1):
            if n == messages // 10 + 1:
                clock = Clock()
            ws = connect()
            check(terminate(ws, 1000, None))
            until(TERMINATE)
            check(release(ws))
    clock.print(messages)
    finish()


main()
