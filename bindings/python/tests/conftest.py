"""What the tests share: a test that is a coroutine runs on asyncio's own loop and on uvloop; `server` is the local test server
(tests/server/PATHS.txt says what its paths do)."""

from __future__ import annotations

import asyncio
import inspect
import os
import pathlib
import signal
import sys

import pytest
import uvloop

# A shell that starts the tests in the background has them ignore Ctrl-C, and with them all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
ROOT = pathlib.Path(__file__).resolve().parents[3]
# For the programs, too, that the tests start.
os.environ.setdefault("WS4D_LIBRARY", str(ROOT / "target/release/libws4d.so"))
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "tests/python")]

from host import PATIENCE, Server  # noqa: E402

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_generate_tests(metafunc):
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop_kind")
        metafunc.parametrize("loop_kind", LOOPS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(function).parameters}
    loop = LOOPS[pyfuncitem.callspec.params["loop_kind"]]()
    complaints = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        loop.run_until_complete(asyncio.wait_for(function(**arguments), PATIENCE))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
    assert complaints == []
    return True


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def refusing_port():
    """A port of 127.0.0.1 at which nobody listens."""
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
