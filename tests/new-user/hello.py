import asyncio
import sys

import ws4d


async def main(url):
    async with ws4d.connect(url) as ws:
        await ws.send("hello, world")
        print("the server says:", await ws.recv())


asyncio.run(main(sys.argv[1]))
