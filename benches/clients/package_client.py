"""The package ws4d (bindings/python), in three ways: as a coroutine, a batch at a time, and by functions that it calls.

usage: package_client.py coroutine|batch|app KIND URL SIZE N CA-FILE DATA-FILE, see bench.h

WS4D_LIBRARY says which library. Receiving in a batch and by functions gives each message as a str of its own, as the coroutine
does.
"""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python"))
way = sys.argv.pop(1)

import ws4d  # noqa: E402
from common import Arguments, Clock, finish, unsupported  # noqa: E402

arguments = Arguments()
payload, kind, count = arguments.payload, arguments.kind, arguments.count
keywords = {
    "compression": None, "proxy": None, "ping_interval": None,
    "ssl": ws4d.TLS(ca_file=arguments.ca) if arguments.tls else None,
}  # fmt: skip


def connect():
    return ws4d.connect(arguments.url, **keywords)


async def receive(ws, left):
    if way == "coroutine":
        for _ in range(left):
            await ws.recv()
        return
    while left > 0:
        left -= len(await ws.recv_batch())


async def round_trips(ws, left):
    for _ in range(left):
        await ws.send(payload)
        await receive(ws, 1)


async def main():
    if kind == "echo":
        ws = await connect()
        await round_trips(ws, count // 10 + 1)
        clock = Clock()
        await round_trips(ws, count)
    elif kind == "receive":
        ws = await connect()
        clock = Clock()
        await ws.send("")
        await receive(ws, count)
    elif kind == "send":
        ws = await connect()
        clock = Clock()
        for _ in range(count):
            await ws.send(payload)
        await ws.recv()
    else:
        for n in range(count + count // 10 + 1):
            if n == count // 10 + 1:
                clock = Clock()
            await (await connect()).close()
    clock.print(count)
    finish()


class App:
    """The kinds by WebSocketApp, which waits without an event loop."""

    def __init__(self):
        self.left = count // 10 + 1 if kind == "echo" else count
        self.warm = kind != "echo"
        functions = {"on_open": self.opened, "on_message": self.echoed if kind == "echo" else self.received}
        self.app = ws4d.WebSocketApp(arguments.url, **functions, **keywords)

    def opened(self, app):
        self.clock = Clock()
        app.send(payload if kind == "echo" else "")

    def received(self, app, message):
        self.left -= 1
        if self.left == 0:
            self.clock.print(count)
            finish()

    def echoed(self, app, message):
        self.left -= 1
        if self.left == 0:
            if self.warm:
                self.clock.print(count)
                finish()
            self.warm, self.left, self.clock = True, count, Clock()
        app.send(payload)


if arguments.deflate or kind not in (("echo", "receive") if way == "app" else ("echo", "receive", "send", "connect")):
    unsupported()
if way == "app":
    del keywords["ping_interval"]  # none, unless run_forever is told one
    App().app.run_forever()
else:
    asyncio.run(main())
