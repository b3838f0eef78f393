"""Connecting: the keywords, what the server sees of them, and what a connection that cannot be made raises."""

import asyncio
import pathlib
import pickle
import socket
import ssl

import pytest
import ws4d
from support import echo, serving
from websockets.datastructures import Headers
from ws4d.asyncio.client import ClientConnection


async def head_of(url, **keywords):
    """The request's headers, as the server saw them."""
    seen = []

    async def handler(connection):
        seen.extend([connection.request.path, connection.request.headers])

    async with serving(handler) as base, ws4d.connect(base + url, **keywords) as ws:
        await ws.wait_closed()
    return seen


async def test_a_context_manager_opens_and_closes(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        assert ws.state is ws4d.State.OPEN
        await ws.send("hello")
        assert await ws.recv() == "hello"
    assert (ws.state, ws.close_code, ws.close_reason) == (ws4d.State.CLOSED, 1000, "")


async def test_an_awaited_connection_is_the_caller_s_to_close(server):
    ws = await ws4d.connect(server.ws("/echo"))
    assert isinstance(ws, ClientConnection)
    async with ws:
        assert ws.state is ws4d.State.OPEN
    assert ws.state is ws4d.State.CLOSED


async def test_a_class_of_one_s_own_can_be_connected(server):
    class Mine(ClientConnection):
        pass

    async with ws4d.connect(server.ws("/echo"), create_connection=Mine) as ws:
        assert type(ws) is Mine


async def test_path_and_query_reach_the_server():
    path, _ = await head_of("/a%20path?and=a%20query")
    assert path == "/a%20path?and=a%20query"


async def test_additional_headers_are_sent_in_each_form():
    repeated = Headers([("X-One", "1"), ("X-One", "2")])
    for given in [{"X-One": "1"}, [("X-One", "1"), ("X-One", "2")], repeated]:
        _, headers = await head_of("/", additional_headers=given)
        assert headers.get_all("X-One") == (["1"] if isinstance(given, dict) else ["1", "2"])


async def test_the_user_agent_is_the_library_s_another_one_or_none():
    assert (await head_of("/"))[1]["User-Agent"] == f"libws4d/{ws4d.__version__}"
    assert (await head_of("/", user_agent_header="Smith"))[1]["User-Agent"] == "Smith"
    assert "User-Agent" not in (await head_of("/", user_agent_header=None))[1]


async def test_the_origin_is_sent():
    assert (await head_of("/", origin="https://example.com"))[1]["Origin"] == "https://example.com"


async def test_user_and_password_of_the_uri_are_basic_authorization():
    seen = []

    async def handler(connection):
        seen.append(connection.request.headers["Authorization"])

    async with serving(handler) as base, ws4d.connect(base.replace("ws://", "ws://user:secret@")) as ws:
        await ws.wait_closed()
    assert seen == ["Basic dXNlcjpzZWNyZXQ="]


async def test_a_subprotocol_is_chosen_by_the_server():
    async with serving(echo, subprotocols=["chat", "superchat"]) as url:
        async with ws4d.connect(url, subprotocols=["superchat", "other"]) as ws:
            assert ws.subprotocol == "superchat"
    async with serving(echo) as url, ws4d.connect(url, subprotocols=["superchat"]) as ws:
        assert ws.subprotocol is None


async def test_compression_is_offered_or_not():
    extensions = "Sec-WebSocket-Extensions"
    assert "permessage-deflate" in (await head_of("/"))[1][extensions]
    assert "permessage-deflate" in (await head_of("/", compression=9))[1][extensions]
    assert extensions not in (await head_of("/", compression=None))[1]
    with pytest.raises(ValueError, match="unsupported compression: zip"):
        await ws4d.connect("ws://127.0.0.1:1/", compression="zip")


async def test_compressed_messages_are_messages():
    async with serving(echo, compression="deflate") as url, ws4d.connect(url) as ws:
        assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
        for message in ("hello" * 1000, b"hello" * 1000):
            await ws.send(message)
            assert await ws.recv() == message


async def test_the_response_has_status_and_headers_by_name(server):
    async with ws4d.connect(server.ws("/echo?header=X-Two:1&header=X-Two:2")) as ws:
        assert ws.response.status_code == 101
        assert ws.response.headers["upgrade"].lower() == "websocket"
        assert ws.response.headers.get_all("x-two") == ["1", "2"]
        assert "X-Three" not in ws.response.headers
        assert ws.response.headers.get("X-Three", "none") == "none"
        with pytest.raises(KeyError):
            ws.response.headers["X-Three"]


async def test_the_remote_address_is_a_pair(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        host, port = ws.remote_address
    assert (host, f":{port}/") == ("127.0.0.1", server.ws("/").removeprefix("ws://127.0.0.1"))


async def test_host_and_port_lead_elsewhere_and_the_uri_stays(server):
    port = int(server.ws("").rpartition(":")[2])
    async with ws4d.connect("ws://overridden.example:99/headers", host="127.0.0.1", port=port) as ws:
        assert "Host: overridden.example:99" in await ws.recv()


async def test_a_local_address_is_bound(server):
    async with ws4d.connect(server.ws("/echo"), local_addr=("127.0.0.1", 0)) as ws:
        assert ws.state is ws4d.State.OPEN
    with pytest.raises(ValueError, match="the port is the system's to choose"):
        await ws4d.connect(server.ws("/echo"), local_addr=("127.0.0.1", 1))


async def test_a_unix_socket_is_connected_to(tmp_path):
    from websockets.asyncio.server import unix_serve

    async with unix_serve(echo, str(tmp_path / "socket")):
        async with ws4d.unix_connect(tmp_path / "socket") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            assert ws.remote_address == str(tmp_path / "socket")


async def test_redirects_are_followed_up_to_a_number(server):
    target = server.ws("/echo")
    async with ws4d.connect(server.ws(f"/redirect?to={target}&code=307")) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
    with pytest.raises(ws4d.InvalidStatus) as caught:
        await ws4d.connect(server.ws(f"/redirect?to={target}&code=307"), max_redirects=0)
    assert caught.value.response.status_code == 307
    with pytest.raises(ws4d.InvalidStatus):
        await ws4d.connect(server.ws("/redirect-loop"))


async def test_any_option_of_the_library_can_be_set(server):
    options = {"header": [("X-A", "1"), ("X-B", "2")], "connect_to": ("feed.example", 80, *server_address(server))}
    async with ws4d.connect("ws://feed.example/headers", options=options) as ws:
        head = await ws.recv()
        assert "X-A: 1" in head and "X-B: 2" in head
    with pytest.raises(TypeError, match="no option 'nothing'"):
        await ws4d.connect("ws://127.0.0.1:1/", options={"nothing": 1})


def server_address(server):
    host, _, port = server.ws("").removeprefix("ws://").rpartition(":")
    return host, int(port)


# --- what cannot be made


@pytest.mark.parametrize("uri", ["http://127.0.0.1/", "ws:/127.0.0.1", "ws://", "ws://127.0.0.1/#here", "ws://127.0.0.1/ x"])
async def test_what_is_no_uri_is_refused_at_once(uri):
    with pytest.raises(ws4d.InvalidURI) as caught:
        await ws4d.connect(uri)
    assert isinstance(caught.value, (OSError, ValueError))
    assert caught.value.errors[0].name == "WS_ERR_INVALID_URL"


async def test_a_refused_connection_is_an_os_error_with_its_stack(refusing_port):
    with pytest.raises(ConnectionRefusedError) as caught:
        await ws4d.connect(f"ws://127.0.0.1:{refusing_port}/")
    error = caught.value
    assert isinstance(error, ws4d.ConnectionFailed) and isinstance(error, OSError)
    assert error.errno == 111
    assert str(error) == error.errors[0].message and f"127.0.0.1:{refusing_port}" in str(error)
    assert [entry.component for entry in error.errors] == ["tcp", "tcp"]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.errors, again.errno) == (type(error), str(error), error.errors, error.errno)


async def test_a_name_that_is_not_found_is_a_gaierror():
    with pytest.raises(socket.gaierror) as caught:
        await ws4d.connect("ws://nobody.invalid/")
    assert caught.value.errors[0].name == "WS_ERR_DNS"


async def test_a_server_that_does_not_answer_is_a_time_out(server):
    with pytest.raises(TimeoutError) as caught:
        await ws4d.connect(server.ws("/no-answer"), open_timeout=0.05)
    assert isinstance(caught.value, OSError)
    assert caught.value.errors[0].name == "WS_ERR_TIMEOUT"


async def test_another_status_than_101_has_its_headers_and_body(server):
    with pytest.raises(ws4d.InvalidStatus, match="503") as caught:
        await ws4d.connect(server.ws("/status?code=503&body=later&header=Retry-After:5"))
    response = caught.value.response
    assert (response.status_code, response.body) == (503, b"later")
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize("path", ["/eof", "/reset", "/close-in-head", "/reset-in-head"])
async def test_a_connection_that_ends_during_the_handshake_is_an_os_error(server, path):
    with pytest.raises(OSError):
        await ws4d.connect(server.ws(path))


@pytest.mark.parametrize("path", ["/bad-accept", "/no-upgrade", "/garbage", "/unasked-extension", "/http10"])
async def test_an_answer_that_is_no_handshake_is_refused(server, path):
    with pytest.raises(ws4d.InvalidHandshake):
        await ws4d.connect(server.ws(path))


async def test_connecting_can_be_cancelled(server):
    task = asyncio.ensure_future(ws4d.connect(server.ws("/no-answer"))._open())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_wrong_keyword_is_an_error_that_says_which():
    for keywords, kind, said in [
        ({"additional_headers": {"Host": "x"}}, ValueError, "header"),
        ({"additional_headers": {"X": "a\r\nb"}}, ValueError, "header"),
        ({"subprotocols": ["a b"]}, ValueError, "subprotocol"),
        ({"subprotocols": "chat"}, TypeError, "must be a list"),
        ({"open_timeout": -1}, ValueError, "open_timeout must not be negative"),
        ({"max_queue": 0}, ValueError, "max_queue"),
        ({"ssl": True}, ValueError, "incompatible with a ws:// URI"),
        ({"proxy": "ftp://x"}, ws4d.InvalidProxy, "proxy"),
        ({"nothing": 1}, TypeError, "nothing"),
    ]:
        with pytest.raises(kind, match=said):
            await ws4d.connect("ws://127.0.0.1:1/", **keywords)


async def test_a_nul_in_the_uri_is_not_its_end(server):
    with pytest.raises(ws4d.InvalidURI, match="NUL") as caught:
        await ws4d.connect(server.ws("/echo\0/elsewhere"))
    assert caught.value.errors[0].name == "WS_ERR_INVALID_URL"
    assert ws4d.asyncio.client.process_exception(caught.value) is caught.value


async def test_a_nul_in_a_keyword_is_not_the_end_of_its_text(server, tmp_path):
    for keywords in [
        {"additional_headers": {"Authorization": "Bearer ab\0cd"}},
        {"additional_headers": {"X-A\0B": "c"}},
        {"origin": "http://a\0b"},
        {"user_agent_header": "a\0b"},
        {"subprotocols": ["a", "b\0c"]},
        {"server_hostname": "good.example\0.evil"},
        {"host": "127.0.0.1\0.evil"},
        {"local_addr": "127.0.0.1\0"},
        {"path": tmp_path / "a\0b"},
        {"proxy": "http://127.0.0.1\0:1"},
        {"options": {"cookie": "a=b\0c"}},
        {"options": {"header": [("X-A", b"b\0c")]}},
        {"options": {"resolve": ("feed.example", 80, "127.0.0.1\0.1")}},
        {"options": {"client_certificate_password": "a\0b"}},
    ]:
        with pytest.raises(ValueError, match="contains a NUL"):
            await ws4d.connect(server.ws("/echo"), **keywords)
    ca = server.ca.decode()
    for tls in [ws4d.TLS(ca_file=ca + "\0"), ws4d.TLS(ca_file=ca, alpn="a\0b"), ws4d.TLS(pinned_keys=["00" * 32 + "\0"])]:
        with pytest.raises(ValueError, match="contains a NUL"):
            await ws4d.connect(server.wss("/echo"), ssl=tls)
    # What has a length may contain one.
    pem = pathlib.Path(ca).read_bytes() + b"\n\0\n"
    async with ws4d.connect(server.wss("/echo"), ssl=ws4d.TLS(ca_pem=pem)) as ws:
        assert ws.state is ws4d.State.OPEN


async def test_no_header_of_an_answer_has_a_name_with_a_nul(server):
    async with ws4d.connect(server.ws("/echo")) as ws:
        assert "Upgrade" in ws.response.headers and "Upgrade\0d" not in ws.response.headers


async def test_messages_in_parts_are_refused_for_they_would_be_lost(server):
    with pytest.raises(ValueError, match="part_size .* arrives as a whole"):
        await ws4d.connect(server.ws("/echo"), options={"part_size": 100})


# --- TLS


async def test_tls_with_a_ca_file_is_verified(server):
    for given in (server.ca.decode(), pathlib.Path(server.ca.decode()), [server.ca.decode()]):
        async with ws4d.connect(server.wss("/echo"), ssl=ws4d.TLS(ca_file=given)) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            assert ws.tls()["version"] == "TLSv1.3" and ws.tls()["verified"] == 1
    async with ws4d.connect(server.ws("/echo")) as ws:
        assert ws.tls() is None


async def test_a_certificate_of_nobody_known_is_refused(server):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        await ws4d.connect(server.wss("/echo"))
    assert isinstance(caught.value, ws4d.CertificateError) and isinstance(caught.value, OSError)
    assert caught.value.errors[0].name == "WS_ERR_CERTIFICATE"
    assert str(caught.value) == caught.value.errors[0].message


async def test_another_server_name_is_asked_for_and_verified(server):
    tls = ws4d.TLS(ca_pem=pathlib.Path(server.ca.decode()).read_bytes())
    with pytest.raises(ws4d.CertificateError):
        await ws4d.connect(server.wss("/echo"), ssl=tls, server_hostname="overridden.example")
    async with ws4d.connect(server.wss("/echo"), ssl=tls, server_hostname="localhost") as ws:
        assert ws.state is ws4d.State.OPEN


async def test_verification_is_switched_off_only_by_name(server):
    async with ws4d.connect(server.wss("/echo"), ssl=ws4d.TLS(verify=False)) as ws:
        assert ws.tls()["verified"] == 0


async def test_an_ssl_context_is_refused_with_the_reason(server):
    with pytest.raises(TypeError, match="ws4d.TLS"):
        await ws4d.connect(server.wss("/echo"), ssl=ssl.create_default_context())


async def test_a_file_that_is_not_there_is_an_os_error(server, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.pem"):
        await ws4d.connect(server.wss("/echo"), ssl=ws4d.TLS(ca_file=tmp_path / "missing.pem"))


async def test_plain_http_where_tls_was_wanted_is_a_tls_error():
    async def answer(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        with pytest.raises(ssl.SSLError):
            await ws4d.connect("wss://127.0.0.1:%d/" % listener.sockets[0].getsockname()[1], ssl=ws4d.TLS(verify=False))


# --- proxies


async def test_a_proxy_is_used_and_its_refusal_has_its_answer(server):
    seen = []

    async def proxy(reader, writer):
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if "Proxy-Authorization" not in seen[-1]:
            writer.write(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            there, here = await asyncio.open_connection(*server_address(server))
            await asyncio.gather(pump(reader, here), pump(there, writer))
        writer.close()

    async def pump(source, sink):
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = "127.0.0.1:%d" % listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ws4d.ProxyError) as caught:
            await ws4d.connect(server.ws("/echo"), proxy=f"http://{address}")
        assert caught.value.response.status_code == 407
        async with ws4d.connect(server.ws("/echo"), proxy=f"http://user:secret@{address}") as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    assert seen[1].startswith("CONNECT 127.0.0.1:")


async def test_the_environment_s_proxy_is_asked_unless_there_is_to_be_none(server, monkeypatch, refusing_port):
    # This machine is never reached through the environment's proxy: a name that is not looked up here.
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refusing_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ws4d.ConnectionFailed) as caught:
        await ws4d.connect("ws://feed.example/")
    assert any(entry.component == "prox" for entry in caught.value.errors) or "proxy" in str(caught.value)
    resolve = {"resolve": ("feed.example", server_address(server)[1], "127.0.0.1")}
    url = server.ws("/echo").replace("127.0.0.1", "feed.example")
    async with ws4d.connect(url, proxy=None, options=resolve) as ws:
        assert ws.state is ws4d.State.OPEN
