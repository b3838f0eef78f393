"""Pings and pongs, the program's and the library's own."""

import asyncio

import pytest
import ws4d
from support import serving, say_nothing


async def test_a_ping_s_pong_is_awaited_and_gives_the_time(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        assert ws.latency == 0
        assert await (await ws.ping()) >= 0
        assert ws.latency > 0
        for data in ("text", b"bytes", bytearray(b"more")):
            assert await (await ws.ping(data)) >= 0


async def test_a_pong_answers_its_ping_and_those_before_it(server):
    async with ws4d.connect(server.ws("/script?do=expect,pong:b,expect")) as ws:
        first, second, third = await ws.ping("a"), await ws.ping("b"), await ws.ping("c")
        await ws.send("go")
        await asyncio.gather(first, second)
        await third  # the server's own answer
    async with ws4d.connect(server.ws("/script?do=mute,expect,pong:b,pong:nobody's,text:done")) as ws:
        first, second, third = await ws.ping("a"), await ws.ping("b"), await ws.ping("c")
        await ws.send("go")
        await asyncio.gather(first, second)
        assert await ws.recv() == "done"
        assert not third.done()


async def test_two_pings_at_a_time_have_different_data(server):
    async with ws4d.connect(server.ws("/script?do=mute")) as ws:
        await ws.ping("idem")
        with pytest.raises(ws4d.ConcurrencyError):
            await ws.ping("idem")
        await ws.ping("other")


async def test_a_ping_above_125_bytes_is_refused(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        with pytest.raises(ws4d.PayloadTooBig):
            await ws.ping(b"x" * 126)
        assert await (await ws.ping(b"x" * 125)) >= 0


async def test_a_ping_that_is_not_answered_ends_with_the_connection(server):
    async with ws4d.connect(server.ws("/script?do=mute,expect,close:4001:bye")) as ws:
        pong = await ws.ping()
        await ws.send("go")
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await pong
        assert caught.value.rcvd.code == 4001
        with pytest.raises(ws4d.ConnectionClosedError):
            await ws.ping()


async def test_a_ping_that_nobody_waits_for_complains_of_nothing(server):
    async with ws4d.connect(server.ws("/script?do=mute")) as ws:
        await ws.ping()


async def test_a_pong_can_be_sent_unasked(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        await ws.pong()
        await ws.pong("a sign of life")
        await ws.send("still open")
        assert await ws.recv() == "still open"


async def test_the_server_s_pings_are_answered_while_nobody_receives():
    pongs = []

    async def handler(connection):
        pongs.append(await (await connection.ping()))

    async with serving(handler) as url, ws4d.connect(url) as ws:
        await ws.wait_closed()
    assert len(pongs) == 1


async def test_a_silent_server_is_pinged_and_given_up_if_it_stays_silent(server):
    async with ws4d.connect(server.ws("/script?do=mute"), ping_interval=0.01, ping_timeout=0.01) as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.recv()
    assert caught.value.errors[0].name == "WS_ERR_TIMEOUT"
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_silent_server_that_answers_pings_is_kept():
    async with serving(say_nothing) as url, ws4d.connect(url, ping_interval=0.001, ping_timeout=30) as ws:
        while ws.latency == 0:
            await asyncio.sleep(0)
        assert ws.state is ws4d.State.OPEN
