"""Receiving: what arrives and as what, back-pressure, and that nothing is lost where a receiver gives up."""

import asyncio

import pytest
import ws4d
from support import serving, turns


def sends(*messages):
    """A handler that sends these, and closes."""

    async def handler(connection):
        for message in messages:
            await connection.send(message)

    return handler


async def test_text_is_str_and_binary_is_bytes():
    async with serving(sends("café", b"\x01\xfe", "", b"")) as url, ws4d.connect(url) as ws:
        assert [await ws.recv() for _ in range(4)] == ["café", b"\x01\xfe", "", b""]


async def test_decode_asks_for_the_other_type():
    async with serving(sends("😀", "😀".encode(), "😀", "😀".encode())) as url, ws4d.connect(url) as ws:
        assert [await ws.recv(decode=False) for _ in range(2)] == ["😀".encode()] * 2
        assert [await ws.recv(decode=True) for _ in range(2)] == ["😀"] * 2


async def test_fragments_arrive_as_one_message():
    async with serving(sends(["⏳", "⌛️"], [b"\x01", b"\xfe"])) as url, ws4d.connect(url) as ws:
        assert await ws.recv() == "⏳⌛️"
        assert [part async for part in ws.recv_streaming()] == [b"\x01\xfe"]


async def test_json_is_received_as_values():
    async with serving(sends('{"a": [1, null]}')) as url, ws4d.connect(url) as ws:
        assert await ws.recv_json() == {"a": [1, None]}


async def test_iteration_ends_with_a_good_end():
    async with serving(sends("a", b"b")) as url, ws4d.connect(url) as ws:
        assert [message async for message in ws] == ["a", b"b"]


async def test_iteration_raises_at_a_bad_end_behind_the_messages():
    async def handler(connection):
        await connection.send("last")
        await connection.close(1011, "broken")

    received = []
    async with serving(handler) as url, ws4d.connect(url) as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            async for message in ws:
                received.append(message)
    assert received == ["last"]
    assert caught.value.rcvd == ws4d.Close(1011, "broken")


async def test_recv_raises_closed_behind_all_messages_and_each_time_again(server):
    async with ws4d.connect(server.ws("/flood?n=3&size=8")) as ws:
        await ws.wait_closed()
        assert [len(await ws.recv()) for _ in range(3)] == [8, 8, 8]
        for _ in range(2):
            with pytest.raises(ws4d.ConnectionClosedOK) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (1000, "done")
            assert str(caught.value) == "received 1000 (OK) done; then sent 1000 (OK)"


async def test_text_that_is_not_utf_8_ends_the_connection(server):
    async with ws4d.connect(server.ws("/script?do=frame:81:ff,wait_close")) as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.recv()
    assert caught.value.sent.code == 1007
    assert caught.value.errors[0].name == "WS_ERR_PROTOCOL"
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_message_above_max_size_ends_the_connection(server):
    async with ws4d.connect(server.ws("/script?do=text_size:1001,wait_close"), max_size=1000) as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.recv()
    assert (caught.value.sent.code, caught.value.errors[0].name) == (1009, "WS_ERR_TOO_LARGE")
    async with ws4d.connect(server.ws("/script?do=text_size:1000"), max_size=1000) as ws:
        assert len(await ws.recv()) == 1000


async def test_a_connection_that_breaks_is_told_behind_its_messages(server):
    async with ws4d.connect(server.ws("/script?do=text:last,rst")) as ws:
        assert await ws.recv() == "last"
        with pytest.raises(ws4d.ConnectionClosedError, match="no close frame received or sent") as caught:
            await ws.recv()
    error = caught.value
    assert (error.rcvd, error.sent, error.code) == (None, None, 1006)
    assert error.errors[0].name == "WS_ERR_CONNECTION_RESET"
    assert isinstance(error.__cause__, ConnectionResetError)


async def test_only_one_task_receives(server):
    async with ws4d.connect(server.ws("/idle")) as ws:
        first = asyncio.ensure_future(ws.recv())
        await turns()
        for second in (ws.recv(), ws.recv_batch(), anext(aiter(ws))):
            with pytest.raises(ws4d.ConcurrencyError):
                await second
        first.cancel()


async def test_a_cancelled_receiver_loses_nothing():
    go = asyncio.Event()

    async def handler(connection):
        await go.wait()
        for number in range(50):
            await connection.send(str(number))
        await connection.wait_closed()

    async with serving(handler) as url, ws4d.connect(url) as ws:
        for _ in range(3):
            receiver = asyncio.ensure_future(ws.recv())
            await turns()
            receiver.cancel()
            await turns()
            assert receiver.cancelled()
        go.set()
        received = []
        while len(received) < 50:
            # Given up at every moment: before a message, and in the very turn in which it has come.
            receiver = asyncio.ensure_future(ws.recv())
            await turns(len(received) % 4)
            receiver.cancel()
            try:
                received.append(await receiver)
            except asyncio.CancelledError:
                received.append(await ws.recv())
        assert received == [str(number) for number in range(50)]


async def test_an_iteration_that_is_left_loses_nothing(server):
    async with ws4d.connect(server.ws("/flood?n=5&size=8&seq=1&stay=1")) as ws:
        async for message in ws:
            assert message == "00000000"
            break
        assert [await ws.recv() for _ in range(4)] == [f"{number:08}" for number in range(1, 5)]


# --- batches


async def test_a_batch_has_all_that_is_there_in_order(server):
    received = []
    async with ws4d.connect(server.ws("/flood?n=10000&size=8&seq=1")) as ws:
        with pytest.raises(ws4d.ConnectionClosedOK):
            while True:
                batch = await ws.recv_batch()
                assert batch
                received += batch
    assert received == [f"{number:08}" for number in range(10000)]


async def test_a_batch_has_at_most_so_many_messages(server):
    async with ws4d.connect(server.ws("/flood?n=10&size=8&seq=1")) as ws:
        await ws.wait_closed()
        assert await ws.recv_batch(3) == ["00000000", "00000001", "00000002"]
        assert len(await ws.recv_batch(decode=False)) == 7
        with pytest.raises(ws4d.ConnectionClosedOK):
            await ws.recv_batch()


MESSAGES = [
    ["short"] * 100,
    ["one\0two", "three"] * 50,
    ["", "a", ""] * 50,
    ["tschüß 😀"] * 100,
    ["text", b"binary", "text"] * 50,
    [b"a\0b", b""] * 50,
    ["x" * 500, "y" * 400] * 50,
    ["x" * 500, "tschüß" * 100] * 50,
    ["y" * 20000, "small", b"z" * 20000] * 10,
]


@pytest.mark.parametrize("number", range(len(MESSAGES)))
@pytest.mark.parametrize("decode", [None, False])
async def test_messages_of_all_kinds_are_told_apart_in_a_batch(number, decode):
    messages = MESSAGES[number]
    async with serving(sends(*messages)) as url, ws4d.connect(url) as ws:
        await ws.wait_closed()
        received = await ws.recv_batch(decode=decode)
    as_bytes = [message.encode() if isinstance(message, str) else message for message in messages]
    assert received == (messages if decode is None else as_bytes)


# --- back-pressure


async def test_a_full_queue_holds_the_server_back_and_goes_on_when_it_is_taken(server):
    options = {"receive_buffer_size": 65536}
    received = []
    async with ws4d.connect(server.ws("/flood?n=5000&size=1000&seq=1"), max_queue=(16, 4), options=options) as ws:
        while not ws._paused:
            await asyncio.sleep(0)
        await turns(100)
        assert len(ws._queue) == 16
        # The server cannot be done: the rest fits neither the queue nor the library's buffer.
        assert ws.stats()["messages_received"] < 5000
        async for message in ws:
            assert len(ws._queue) < 16 or ws._unbounded
            received.append(int(message[:8]))
    assert received == list(range(5000))


async def test_the_library_s_pings_are_answered_while_messages_are_held_back(server):
    options = {"ping_interval_ms": 1, "ping_always": 1}
    async with ws4d.connect(server.ws("/flood?n=100&size=8&stay=1"), max_queue=1, options=options) as ws:
        while not ws._paused or ws.latency == 0:
            await asyncio.sleep(0)
        assert ws.state is ws4d.State.OPEN


async def test_a_queue_without_a_limit_takes_everything(server):
    async with ws4d.connect(server.ws("/flood?n=5000&size=8"), max_queue=None) as ws:
        await ws.wait_closed()
        assert len(await ws.recv_batch()) == 5000
