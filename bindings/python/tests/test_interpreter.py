"""What the interpreter sees: no foreign threads, Ctrl-C, forks, and an end with status 0 whatever is open."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from host import PATIENCE

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
BEGIN = """
import asyncio, os, signal, sys, threading
import ws4d
from ws4d.sync.client import connect
url = sys.argv[1]
"""


@contextlib.contextmanager
def started(program, url):
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", BEGIN + program, url], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()  # where it has not ended by itself


def run(program, url):
    """What a program says that ends with 0 and complains of nothing."""
    with started(program, url) as process:
        said, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complained) == (0, "")
    return said


ENDS = {
    "an open connection": "ws = connect(url)",
    "an open connection with messages that wait": "ws = connect(url); ws.send('x'); ws.recv()",
    "a loop that was left": "async def main():\n    global ws\n    ws = await ws4d.connect(url)\nasyncio.run(main())",
    "a loop that is never closed": (
        "loop = asyncio.new_event_loop()\nasync def main():\n    return await ws4d.connect(url)\n"
        "ws = loop.run_until_complete(main())\nimport warnings; warnings.simplefilter('ignore')"
    ),
    "a thread that receives": (
        "ws = connect(url)\nstarted = threading.Event()\n"
        "def receive():\n    started.set()\n    for message in ws: pass\n"
        "threading.Thread(target=receive, daemon=True).start()\nstarted.wait()"
    ),
    "an app that runs": (
        "opened = threading.Event()\napp = ws4d.WebSocketApp(url, on_open=lambda app: opened.set())\n"
        "threading.Thread(target=app.run_forever, daemon=True).start()\nopened.wait()"
    ),
    "sys.exit in a coroutine": (
        "async def main():\n    ws = await ws4d.connect(url)\n    sys.exit(0)\nasyncio.run(main())"
    ),
    "os._exit": "ws = connect(url); os._exit(0)",
}


@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize("path", ["/echo", "/flood?n=100000000&size=32"])
def test_an_interpreter_ends_with_0_and_says_nothing(server, what, path):
    assert run(ENDS[what], server.ws(path)) == ""


def test_ctrl_c_ends_each_wait_of_the_blocking_client(server):
    program = """
ws = connect(url)
for wait in (ws.recv, ws.recv_batch, ws.wait_closed, lambda: ws.ping(b"").wait()):
    try:
        print("waits", flush=True)
        wait()
        print("it has returned", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    with started(program, server.ws("/script?do=mute")) as process:
        for _ in range(4):
            assert process.stdout.readline() == "waits\n"
            process.send_signal(signal.SIGINT)
            said = process.stdout.readline()
            assert said == "interrupted\n", process.communicate(timeout=PATIENCE)
        assert (process.wait(PATIENCE), process.stderr.read()) == (0, "")


def test_signals_and_what_their_handlers_raise_lose_no_message_of_a_wait(server):
    program = """
class Interrupted(Exception):
    pass

def interrupt(*_):
    # Only where it waits or pulls: what `recv` has handed over already is the program's to keep.
    frames, frame = set(), sys._getframe(1)
    while frame:
        frames.add(frame.f_code.co_name)
        frame = frame.f_back
    if "_until" in frames:
        interrupts.append(1)
        raise Interrupted

signal.signal(signal.SIGALRM, interrupt)
interrupts, received = [], []
ws = connect(url, max_queue=8)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
while len(received) < 30000:
    try:
        received += ws.recv_batch()
    except Interrupted:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
ws.close()
print([int(message) for message in received] == list(range(30000)), len(interrupts) > 0)
"""
    assert run(program, server.ws("/flood?n=30000&size=8&seq=1&stay=1")) == "True True\n"


def test_no_thread_of_the_library_enters_python(server):
    said = run(
        """
seen = set()
sys.setprofile(lambda *_: seen.add(threading.get_native_id()))
threading.setprofile(lambda *_: seen.add(threading.get_native_id()))
async def main():
    async with ws4d.connect(url) as ws:
        async for message in ws:
            pass
asyncio.run(main())
sys.setprofile(None)
threads = {int(name) for name in os.listdir("/proc/self/task")}
print(seen == {os.getpid()}, len(threads) > 1, threading.active_count())
""",
        server.ws("/flood?n=1000&size=8"),
    )
    assert said == "True True 1\n"


def test_a_forked_child_leaves_the_parent_s_connection_alone(server):
    program = """
ws = connect(url)
child = os.fork()
if child == 0:
    try:
        ws.send("from the child")
    except ws4d.ConnectionFailed as error:
        print("WS_ERR_FORKED" in str(error))
    del ws
    with connect(url) as own:
        own.send("own")
        print(own.recv(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ws.send("from the parent")
print(ws.recv())
"""
    assert run(program, server.ws("/echo")) == "True\nown\nfrom the parent\n"
