"""Sending: what goes out as what, what is refused, and waiting for room."""

import asyncio
import json

import pytest
import ws4d
from support import echo, serving, turns


async def echoed(message, **keywords):
    async with serving(echo) as url, ws4d.connect(url) as ws:
        await ws.send(message, **keywords)
        return await ws.recv()


async def test_str_is_text_and_bytes_like_is_binary():
    assert await echoed("😀") == "😀"
    for message in (b"\x01\xfe", bytearray(b"\x01\xfe"), memoryview(b"\x01\xfe"), memoryview(b"\x01?\xfe?")[::2]):
        assert await echoed(message) == b"\x01\xfe"


async def test_the_other_frame_can_be_asked_for():
    assert await echoed("😀", text=False) == "😀".encode()
    for message in ("😀".encode(), bytearray("😀".encode()), memoryview("😀".encode())):
        assert await echoed(message, text=True) == "😀"


async def test_parts_go_as_one_message():
    async def later():
        yield "⏳"
        yield "⌛️"

    assert await echoed(["⏳", "⌛️"]) == "⏳⌛️"
    assert await echoed(later()) == "⏳⌛️"
    assert await echoed([b"\x01", bytearray(b"\xfe")]) == b"\x01\xfe"
    assert await echoed(iter([])) == b""


async def test_the_frame_of_parts_can_be_asked_for():
    assert await echoed(["😀", "x"], text=False) == "😀x".encode()
    # A character may be cut between two parts.
    assert await echoed([b"\xf0\x9f", b"\x98\x80"], text=True) == "😀"


async def test_each_part_leaves_as_it_comes():
    arrived = asyncio.Event()

    async def handler(connection):
        parts = []
        async for part in connection.recv_streaming():
            parts.append(part)
            arrived.set()
        await connection.send(json.dumps(parts))

    async def later():
        for part in "abc":
            yield part
            # The next one only once the server has it.
            await arrived.wait()
            arrived.clear()

    async with serving(handler) as url, ws4d.connect(url) as ws:
        await ws.send(later())
        assert [part for part in json.loads(await ws.recv()) if part] == ["a", "b", "c"]


async def test_other_messages_wait_until_one_in_parts_has_ended(server):
    go, begun = asyncio.Event(), asyncio.Event()

    async def later():
        yield "a"
        begun.set()
        await go.wait()
        yield "b"

    async with ws4d.connect(server.ws("/echo")) as ws:
        sender = asyncio.ensure_future(ws.send(later()))
        await begun.wait()
        await ws.send("whole")
        behind = asyncio.ensure_future(ws.send(iter(["c", "d"])))
        # A ping does not wait.
        await (await ws.ping())
        assert not behind.done()
        go.set()
        await sender
        await behind
        assert [await ws.recv() for _ in range(3)] == ["ab", "whole", "cd"]


async def test_parts_that_fail_before_the_first_one_leaves_change_nothing(server):
    async def failing():
        raise KeyError("none")
        yield ""

    async with ws4d.connect(server.ws("/echo")) as ws:
        for message, error in ((failing(), KeyError), (iter(["\ud800"]), ValueError), (["a", b"b"], TypeError), (iter([1]), TypeError)):
            with pytest.raises(error):
                await ws.send(message)
        await ws.send(["still ", "open"])
        assert await ws.recv() == "still open"


async def test_parts_that_fail_in_the_middle_end_the_connection():
    ended = asyncio.get_running_loop().create_future()

    async def handler(connection):
        await connection.wait_closed()
        ended.set_result(connection.close_code)

    def failing():
        yield "a"
        raise KeyError("none")

    async with serving(handler) as url, ws4d.connect(url) as ws:
        with pytest.raises(KeyError):
            await ws.send(failing())
        # No close frame: nothing that the server could take for a good end.
        assert await ended == 1006
        with pytest.raises(ws4d.ConnectionClosedError):
            await ws.send("late")


async def test_a_message_in_parts_that_is_cancelled_ends_the_connection_and_whoever_waits_behind_it_learns_so(server):
    begun = asyncio.Event()

    async def endless():
        yield "a"
        begun.set()
        await asyncio.get_running_loop().create_future()

    async with ws4d.connect(server.ws("/echo")) as ws:
        sender = asyncio.ensure_future(ws.send(endless()))
        await begun.wait()
        behind = asyncio.ensure_future(ws.send(iter(["b"])))
        await turns()
        sender.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender
        with pytest.raises(ws4d.ConnectionClosedError):
            await behind


async def test_the_end_of_the_connection_reaches_whoever_waits_behind_a_message_in_parts():
    begun, aborted = asyncio.Event(), asyncio.Event()

    async def handler(connection):
        await aborted.wait()
        connection.transport.abort()

    async def endless():
        yield "a"
        begun.set()
        await asyncio.get_running_loop().create_future()

    async with serving(handler) as url, ws4d.connect(url) as ws:
        sender = asyncio.ensure_future(ws.send(endless()))
        await begun.wait()
        behind = asyncio.ensure_future(ws.send(iter(["b"])))
        await turns()
        aborted.set()
        with pytest.raises(ws4d.ConnectionClosedError):
            await behind
        sender.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sender


async def test_a_message_in_parts_is_not_sent_inside_another_one(server):
    async with ws4d.connect(server.ws("/echo")) as ws:

        async def nested():
            with pytest.raises(ws4d.ConcurrencyError):
                await ws.send(["x"])
            yield "a"

        await ws.send(nested())
        assert await ws.recv() == "a"


async def test_a_message_in_parts_may_be_larger_than_what_may_wait(server):
    part = b"x" * 100_000

    def parts():
        for _ in range(100):
            yield part

    async with ws4d.connect(server.ws("/echo"), write_limit=65536) as ws:
        sender = asyncio.ensure_future(ws.send(parts()))
        assert await ws.recv() == part * 100
        await sender


async def test_a_message_in_parts_above_max_size_ends_the_connection(server):
    async with ws4d.connect(server.ws("/echo"), max_size=10) as ws:
        with pytest.raises(ws4d.PayloadTooBig):
            await ws.send(["x" * 6, "x" * 6])
        with pytest.raises(ws4d.ConnectionClosedError):
            await ws.recv()


@pytest.mark.parametrize("message", [None, 1, {"type": "object"}, ["text", b"bytes"], [1]])
async def test_what_is_no_message_is_a_type_error(server, message):
    async with ws4d.connect(server.ws("/echo")) as ws:
        with pytest.raises(TypeError):
            await ws.send(message)


async def test_json_goes_as_its_shortest_text():
    async with serving(echo) as url, ws4d.connect(url) as ws:
        await ws.send_json({"é": [1, None, 1.5]})
        assert await ws.recv() == '{"é":[1,null,1.5]}'
        with pytest.raises(ValueError):
            await ws.send_json(float("nan"))


async def test_text_that_is_no_text_is_a_value_error(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        with pytest.raises(ValueError):
            await ws.send("\ud800")
        with pytest.raises(ValueError):
            await ws.send(b"\xff", text=True)
        await ws.send("still open")
        assert await ws.recv() == "still open"


async def test_a_message_above_max_size_is_refused_and_the_connection_goes_on(server):
    async with ws4d.connect(server.ws("/echo"), max_size=10) as ws:
        with pytest.raises(ws4d.PayloadTooBig):
            await ws.send("x" * 11)
        await ws.send("x" * 10)
        assert await ws.recv() == "x" * 10


async def test_sending_on_a_closed_connection_raises_its_end(server):
    async with ws4d.connect(server.ws("/close?code=4001&reason=bye")) as ws:
        await ws.wait_closed()
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.send("late")
    assert caught.value.rcvd == ws4d.Close(4001, "bye")


async def test_sending_while_messages_are_held_back_learns_of_the_end_behind_them(server):
    async with ws4d.connect(server.ws("/flood?n=100&size=8"), max_queue=1) as ws:
        with pytest.raises(ws4d.ConnectionClosedOK) as caught:
            while True:
                await ws.send("x")
                await asyncio.sleep(0)
        assert caught.value.reason == "done"
        assert len(await ws.recv_batch()) == 100


async def test_sending_waits_for_room_and_goes_on_in_order():
    go = asyncio.Event()
    received = []

    async def handler(connection):
        await go.wait()
        async for message in connection:
            received.append(message)

    async with serving(handler, max_size=None, max_queue=1) as url:
        async with ws4d.connect(url, write_limit=65536) as ws:
            large = b"x" * 1_000_000

            async def send_all():
                for number in range(40):
                    await ws.send(number.to_bytes(2, "big") + large)

            sender = asyncio.ensure_future(send_all())
            while ws._draining is None:
                await asyncio.sleep(0)
            await turns()
            assert not sender.done()
            # One more, which has to stand behind.
            behind = asyncio.ensure_future(ws.ping())
            go.set()
            await sender
            await behind
    assert [int.from_bytes(message[:2], "big") for message in received] == list(range(40))


async def test_a_sender_that_waits_is_told_of_the_end():
    async def handler(connection):
        connection.transport.pause_reading()
        await aborted.wait()
        connection.transport.abort()

    aborted = asyncio.Event()
    async with serving(handler, max_size=None) as url, ws4d.connect(url, write_limit=65536) as ws:

        async def send_for_ever():
            while True:
                await ws.send(b"x" * 1_000_000)

        sender = asyncio.ensure_future(send_for_ever())
        while ws._draining is None:
            await asyncio.sleep(0)
        aborted.set()
        with pytest.raises(ws4d.ConnectionClosedError):
            await sender


async def test_each_task_s_messages_keep_their_order(server):
    async with ws4d.connect(server.ws("/echo")) as ws:

        async def send(name):
            for number in range(100):
                await ws.send(json.dumps([name, number]))

        await asyncio.gather(*(send(name) for name in "abc"))
        received = [json.loads(await ws.recv()) for _ in range(300)]
    for name in "abc":
        assert [number for who, number in received if who == name] == list(range(100))
