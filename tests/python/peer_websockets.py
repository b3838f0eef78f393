"""A server made with the Python package websockets. peer_ws.js is the same with Node's ws; test_peers.py talks to both.

Prints its port, then one line of JSON for each connection that ends: {"closed": path, "code", "reason", "messages"},
with code 1006 where no close frame came. Ends with its input. With the argument "deflate" it agrees to compression, with
"tls=FILE" it speaks TLS with the certificate and key of that file.

    /echo                  sends each message back        /sink      counts the messages and sends nothing
    /small                 as /echo, for messages of at most 1000 bytes; for others it closes with 1009
    /head                  sends the request's headers    /refuse    401 with a challenge and a body
    /fragments             sends each message back in fragments of 7 characters or bytes
    /frames                answers each message with the number of its frames (0: this server cannot tell)
    /ping                  sends a ping; when its pong comes, says so
    /close?code=&reason=   closes at once                 /subprotocol   picks "second" if it is offered
"""

import asyncio
import json
import ssl
import sys
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


def fragments(message):
    async def parts():
        for start in range(0, len(message), 7):
            yield message[start : start + 7]

    return parts()


async def talk(connection, url):
    if url.path == "/head":
        await connection.send(json.dumps([[name.lower(), value] for name, value in connection.request.headers.raw_items()]))
    elif url.path == "/ping":
        pong = await connection.ping("from the server")
        await pong
        await connection.send("the pong came")
    elif url.path == "/close":
        query = parse_qs(url.query)
        await connection.close(int(query["code"][0]), query.get("reason", [""])[0])


async def answer(connection, url, message):
    if url.path != "/sink":
        await connection.send(fragments(message) if url.path == "/fragments" else message)


async def frames(connection):
    return str(len([frame async for frame in connection.recv_streaming()]))


async def handle(connection):
    url = urlsplit(connection.request.path)
    messages = 0
    try:
        await talk(connection, url)
        while True:
            message = await (frames(connection) if url.path == "/frames" else connection.recv())
            messages += 1
            await answer(connection, url, message)
    except ConnectionClosed:
        await connection.wait_closed()
    received = connection.protocol.close_rcvd
    code, reason = (received.code, received.reason) if received else (1006, "")
    print(json.dumps({"closed": connection.request.path, "code": code, "reason": reason, "messages": messages}), flush=True)


def process_request(connection, request):
    connection.protocol.max_size = 1000 if request.path == "/small" else None
    if request.path == "/refuse":
        response = connection.respond(HTTPStatus.UNAUTHORIZED, "who are you?")
        response.headers["WWW-Authenticate"] = "Basic"
        return response


def process_response(connection, request, response):
    response.headers["Set-Cookie"] = "first=1"
    response.headers["Set-Cookie"] = "second=2"


def select_subprotocol(connection, offered):
    return "second" if "second" in offered else None


async def main():
    hooks = {"process_request": process_request, "process_response": process_response, "select_subprotocol": select_subprotocol}
    compression = "deflate" if "deflate" in sys.argv else None
    tls = None
    for argument in sys.argv:
        if argument.startswith("tls="):
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.set_ciphers("DEFAULT@SECLEVEL=0")  # weak certificates too: it is the client who has to refuse them
            tls.load_cert_chain(argument.removeprefix("tls="))
            tls.set_alpn_protocols(["http/1.1"])
    async with serve(handle, "127.0.0.1", 0, ssl=tls, compression=compression, max_size=None, ping_interval=None, **hooks) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
