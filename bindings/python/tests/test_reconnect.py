"""`async for ws in connect(...)`: a connection that comes back."""

import http

import pytest
import ws4d
from support import echo, serving
from ws4d.asyncio import _reconnect
from ws4d.asyncio.client import process_exception
from ws4d._response import Headers, Response


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(_reconnect, "FIRST_WINDOW", 0.0)
    monkeypatch.setattr(_reconnect, "LEAST", 0.0)


def refusing(*answers):
    """A `process_request` that gives these answers, and then lets connections in."""
    left = list(answers)

    def process_request(connection, request):
        if left:
            return connection.respond(left.pop(0), "not now")

    return process_request


async def test_each_turn_of_the_loop_is_a_new_connection():
    async with serving(echo) as url:
        seen = []
        async for ws in ws4d.connect(url):
            await ws.send("hello")
            seen.append((await ws.recv(), ws.id))
            await ws.close()
            if len(seen) == 3:
                break
    assert len(set(seen)) == 3


async def test_a_connection_is_closed_when_its_turn_ends():
    connections = []
    async with serving(echo) as url:
        async for ws in ws4d.connect(url):
            assert all(before.state is ws4d.State.CLOSED for before in connections)
            connections.append(ws)
            if len(connections) == 2:
                break


async def test_a_server_that_closes_is_connected_to_again():
    async def handler(connection):
        await connection.send("hello")

    greetings = 0
    async with serving(handler) as url:
        async for ws in ws4d.connect(url):
            try:
                while True:
                    await ws.recv()
                    greetings += 1
            except ws4d.ConnectionClosed:
                if greetings == 3:
                    break
                continue


async def test_answers_of_a_server_that_is_busy_are_tried_again():
    answers = (http.HTTPStatus.SERVICE_UNAVAILABLE, http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.TOO_MANY_REQUESTS)
    async with serving(echo, process_request=refusing(*answers)) as url:
        async for ws in ws4d.connect(url):
            assert ws.state is ws4d.State.OPEN
            break


async def test_an_answer_that_another_attempt_would_not_mend_is_raised():
    async with serving(echo, process_request=refusing(http.HTTPStatus.NOT_FOUND)) as url:
        with pytest.raises(ws4d.InvalidStatus, match="404"):
            async for ws in ws4d.connect(url):
                pytest.fail("it is not connected")


async def test_a_certificate_that_is_not_trusted_is_raised(server):
    with pytest.raises(ws4d.CertificateError):
        async for ws in ws4d.connect(server.wss("/echo")):
            pytest.fail("it is not connected")


async def test_the_program_may_decide_itself():
    class Mine(Exception):
        pass

    for answer, raised in [(None, None), (Mine(), Mine), ("itself", ws4d.InvalidStatus)]:
        seen = []

        def decide(exception, answer=answer, seen=seen):
            seen.append(type(exception))
            return exception if answer == "itself" else answer

        async with serving(echo, process_request=refusing(http.HTTPStatus.UNAUTHORIZED)) as url:
            if raised is None:
                async for ws in ws4d.connect(url, process_exception=decide):
                    break
            else:
                with pytest.raises(raised):
                    async for ws in ws4d.connect(url, process_exception=decide):
                        pytest.fail("it is not connected")
        assert seen == [ws4d.InvalidStatus]


async def test_an_exception_of_the_body_is_the_program_s():
    async with serving(echo) as url:
        with pytest.raises(LookupError):
            async for ws in ws4d.connect(url):
                raise LookupError


async def test_each_failure_is_logged_with_the_wait(caplog):
    caplog.set_level("INFO", logger="ws4d.client")
    async with serving(echo, process_request=refusing(http.HTTPStatus.SERVICE_UNAVAILABLE)) as url:
        async for ws in ws4d.connect(url):
            break
    assert "connect failed; reconnecting in 0.0 seconds: ws4d.exceptions.InvalidStatus" in caplog.text


async def test_retry_after_is_honoured(server):
    with pytest.raises(ws4d.InvalidStatus) as caught:
        await ws4d.connect(server.ws("/status?code=503&header=Retry-After:7"))
    assert process_exception(caught.value) is None
    assert _reconnect.Waits().after_failure(caught.value) == 7
    with pytest.raises(ws4d.InvalidStatus) as caught:
        await ws4d.connect(server.ws("/status?code=503&header=Retry-After:Wed%2C%2021%20Oct%202015%2007:28:00%20GMT"))
    assert _reconnect.retry_after(caught.value) == 0


@pytest.mark.parametrize("value", ["²", "Mon, 99999999999999 Jan 2024 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -99999999999"])
def test_a_retry_after_that_makes_no_sense_asks_for_nothing(value):
    assert _reconnect.retry_after(refusal(value)) == 0


def test_a_long_retry_after_is_five_minutes():
    for value in ("9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert _reconnect.retry_after(refusal(value)) == 300


def refusal(value):
    headers = Headers(lambda name, i: value.encode() if (name, i) == (b"Retry-After", 0) else None)
    return ws4d.InvalidStatus("busy", response=Response(503, headers))


def test_waits_are_drawn_from_a_window_that_doubles_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(_reconnect, "FIRST_WINDOW", 0.5)
    monkeypatch.setattr(_reconnect.random, "uniform", lambda least, most: most)
    waits = _reconnect.Waits()
    assert [waits.after_failure(OSError()) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_only_a_stable_connection_makes_the_waits_short_again(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(_reconnect.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(_reconnect.random, "uniform", lambda least, most: most)
    monkeypatch.setattr(_reconnect, "FIRST_WINDOW", 0.5)
    waits = _reconnect.Waits()
    waits.opened()
    now[0] += 1
    assert [waits.after_end(), waits.after_end()] == [0.5, 1]
    waits.opened()
    now[0] += 10
    assert [waits.after_end(), waits.after_failure(OSError())] == [0, 0.5]
