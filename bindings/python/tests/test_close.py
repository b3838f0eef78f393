"""Closing, from either side, and what is known of it afterwards."""

import asyncio
import gc
import weakref

import pytest
import ws4d
from support import echo, serving, say_nothing, turns


async def end_of(**close):
    """(code, reason) as the server saw them."""
    seen = []

    async def handler(connection):
        await connection.wait_closed()
        seen.append((connection.close_code, connection.close_reason))

    async with serving(handler) as url, ws4d.connect(url) as ws:
        await ws.close(**close)
        end = ws.close_code, ws.close_reason
    return seen[0], end


async def test_closing_says_1000_or_what_is_given():
    assert await end_of() == ((1000, ""), (1000, ""))
    assert await end_of(code=4001, reason="tschüß") == ((4001, "tschüß"), (4001, "tschüß"))


async def test_a_code_or_reason_that_a_client_cannot_send_is_a_protocol_error(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        for arguments in [(1001,), (1006,), (5000,), (1000, "x" * 124), (1000, "a\0b")]:
            with pytest.raises(ws4d.ProtocolError):
                await ws.close(*arguments)
        assert ws.state is ws4d.State.OPEN


async def test_closing_again_and_at_the_same_time_waits_and_changes_nothing(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        await asyncio.gather(ws.close(4001), ws.close(4002), ws.wait_closed())
        await ws.close(4003)
        assert ws.close_code == 4001


async def test_who_closed_first_is_told():
    async with serving(say_nothing) as url, ws4d.connect(url) as ws:
        await ws.close(4001, "ours")
        with pytest.raises(ws4d.ConnectionClosed) as caught:
            await ws.recv()
    assert (caught.value.sent, caught.value.rcvd_then_sent) == (ws4d.Close(4001, "ours"), False)
    assert str(caught.value).startswith("sent 4001 (private use) ours; then received 4001 (private use)")


@pytest.mark.parametrize("code, kind", [
    (1000, ws4d.ConnectionClosedOK), (1001, ws4d.ConnectionClosedOK), (1011, ws4d.ConnectionClosedError),
    (4001, ws4d.ConnectionClosedError), (None, ws4d.ConnectionClosedOK),
])
async def test_the_code_says_whether_an_end_is_good(server, code, kind):
    path = "/close" if code is None else f"/close?code={code}&reason=bye"
    async with ws4d.connect(server.ws(path)) as ws:
        with pytest.raises(kind) as caught:
            await ws.recv()
        assert caught.value.rcvd.code == ws.close_code == code or 1005
        assert caught.value.rcvd_then_sent is True


async def test_there_is_no_code_before_the_end(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        assert (ws.close_code, ws.close_reason) == (None, None)


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_asked(server):
    async with ws4d.connect(server.ws("/script?do=stall"), close_timeout=0.01) as ws:
        await ws.close()
        assert ws.close_code == 1006
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.recv()
    assert (caught.value.rcvd, caught.value.sent) == (None, ws4d.Close(1000, ""))


async def test_what_was_sent_goes_out_before_the_close():
    received = []

    async def handler(connection):
        async for message in connection:
            received.append(len(message))

    async with serving(handler, max_size=None) as url, ws4d.connect(url) as ws:
        for _ in range(5):
            await ws.send(b"x" * 500_000)
    assert received == [500_000] * 5


async def test_closing_while_messages_are_held_back_does_not_wait_for_a_reader(server):
    async with ws4d.connect(server.ws("/flood?n=100000&size=100"), max_queue=4) as ws:
        while not ws._paused:
            await asyncio.sleep(0)
    assert ws.state is ws4d.State.CLOSED
    assert len(await ws.recv_batch()) == 4
    with pytest.raises(ws4d.ConnectionClosed):
        await ws.recv()


async def test_whoever_receives_is_woken_by_the_close(server):
    async with ws4d.connect(server.ws("/idle")) as ws:
        receiver = asyncio.ensure_future(ws.recv())
        await turns()
    with pytest.raises(ws4d.ConnectionClosedOK):
        await receiver


async def test_a_cancelled_close_is_a_close_all_the_same(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        closer = asyncio.ensure_future(ws.close(4001))
        await turns()
        closer.cancel()
        await ws.wait_closed()
        assert ws.close_code == 4001


async def test_an_exception_in_the_block_closes_and_goes_on_its_way():
    seen = []

    async def handler(connection):
        await connection.wait_closed()
        seen.append(connection.close_code)

    async with serving(handler) as url:
        with pytest.raises(LookupError):
            async with ws4d.connect(url) as ws:
                raise LookupError
        assert ws.state is ws4d.State.CLOSED
    assert seen == [1000]


async def test_a_closed_connection_is_freed_when_nobody_refers_to_it(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        pass
    gone, handle = weakref.ref(ws), ws._ws
    del ws
    gc.collect()
    assert gone() is None
    assert ws4d._library.library.ws_get_id(handle) == 0


def test_a_loop_that_ends_first_leaves_a_connection_that_can_go(server):
    import asyncio

    async def leave():
        return await ws4d.connect(server.ws("/echo"))

    ws = asyncio.run(leave())
    handle = ws._ws
    del ws
    gc.collect()
    # Closed and released, although on no loop; its goodbye goes out by itself.
    assert ws4d._library.library.ws_get_id(handle) == 0


async def test_the_state_follows_the_connection():
    async with serving(echo) as url, ws4d.connect(url) as ws:
        assert ws.state is ws4d.State.OPEN
        closing = asyncio.ensure_future(ws.close())
        await asyncio.sleep(0)
        assert ws.state in (ws4d.State.CLOSING, ws4d.State.CLOSED)
        await closing
        assert ws.state is ws4d.State.CLOSED
