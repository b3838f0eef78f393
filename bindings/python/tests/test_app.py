"""WebSocketApp: functions that are called, in the manner of websocket-client."""

import itertools
import ssl
import threading

import pytest
import ws4d
from support import serving_on_threads
from ws4d.app import OPCODE_BINARY, OPCODE_PING, OPCODE_TEXT, WebSocketApp


class Recorded:
    """An app that notes what it is told; `reactions` say what else it does."""

    def __init__(self, url, reactions=None, **keywords):
        self.calls = []
        self.reactions = reactions or {}
        names = ("on_open", "on_message", "on_error", "on_close", "on_pong", "on_reconnect")
        self.app = WebSocketApp(url, **{name: self.noting(name[3:]) for name in names}, **keywords)

    def noting(self, name):
        def note(app, *arguments):
            assert app is self.app
            self.calls.append((name, *arguments))
            if reaction := self.reactions.get(name):
                reaction(app, *arguments)

        return note


def test_functions_are_called_in_order_on_the_thread_that_runs(server):
    threads = set()

    def on_message(app, message):
        threads.add(threading.get_ident())
        app.close()

    recorded = Recorded(server.ws("/echo"), {"open": lambda app: app.send("tschüß"), "message": on_message})
    assert recorded.app.run_forever() is False
    assert recorded.calls == [("open",), ("message", "tschüß"), ("close", 1000, "")]
    assert threads == {threading.get_ident()}


def test_the_server_s_end_has_its_code_and_reason(server):
    recorded = Recorded(server.ws("/close?code=4001&reason=bye"))
    assert recorded.app.run_forever() is False
    assert recorded.calls == [("open",), ("close", 4001, "bye")]


def test_a_connection_that_cannot_be_made_is_an_error_and_a_close(refusing_port):
    recorded = Recorded(f"ws://127.0.0.1:{refusing_port}/")
    assert recorded.app.run_forever() is True
    (_, error), close = recorded.calls
    assert isinstance(error, ConnectionRefusedError) and close == ("close", None, None)


def test_a_connection_that_breaks_is_an_error_and_a_close(server):
    recorded = Recorded(server.ws("/script?do=text:last,rst"))
    assert recorded.app.run_forever() is True
    assert [call[0] for call in recorded.calls] == ["open", "message", "error", "close"]
    assert isinstance(recorded.calls[2][1], ws4d.ConnectionClosedError)


def test_text_bytes_pings_and_json_are_sent(server):
    def on_open(app):
        app.send("text")
        app.send(b"as text")
        app.send(b"bytes", OPCODE_BINARY)
        app.send_text("text")
        app.send_bytes(b"bytes")
        app.send_json([1])
        app.send("are you there", OPCODE_PING)

    recorded = Recorded(server.ws("/echo"), {"open": on_open, "pong": lambda app, data: app.close()})
    recorded.app.run_forever()
    messages = [call[1] for call in recorded.calls if call[0] == "message"]
    assert messages == ["text", "as text", b"bytes", "text", b"bytes", "[1]"]
    assert ("pong", b"are you there") in recorded.calls


def test_on_data_is_told_the_kind_of_frame(server):
    kinds = []
    app = WebSocketApp(server.ws("/script?do=text:a,binary:00,close:1000:"), on_data=lambda app, *data: kinds.append(data))
    app.run_forever()
    assert kinds == [("a", OPCODE_TEXT, True), (b"\0", OPCODE_BINARY, True)]


def test_an_exception_of_a_function_is_told_and_the_connection_goes_on(server, caplog):
    def fail(app, message):
        raise LookupError(message)

    recorded = Recorded(server.ws("/script?do=text:a,text:b,close:1000:"), {"message": fail})
    assert recorded.app.run_forever() is False
    assert [str(call[1]) for call in recorded.calls if call[0] == "error"] == ["a", "b"]
    WebSocketApp(server.ws("/script?do=text:a,close:1000:"), on_message=fail).run_forever()
    assert "LookupError: a" in caplog.text


def test_an_interrupt_in_a_function_closes_and_goes_on_its_way(server):
    def interrupt(app):
        raise KeyboardInterrupt

    recorded = Recorded(server.ws("/echo"), {"open": interrupt})
    with pytest.raises(KeyboardInterrupt):
        recorded.app.run_forever()
    assert recorded.app.sock is None and not recorded.app.keep_running


def test_another_thread_sends_and_closes(server):
    opened = threading.Event()
    recorded = Recorded(server.ws("/echo"), {"open": lambda app: opened.set(), "message": lambda app, message: done.set()})
    done = threading.Event()

    def other():
        opened.wait()
        recorded.app.send("from elsewhere")
        done.wait()
        recorded.app.close(4001, "enough")

    thread = threading.Thread(target=other)
    thread.start()
    recorded.app.run_forever()
    thread.join()
    assert recorded.calls == [("open",), ("message", "from elsewhere"), ("close", 4001, "enough")]


def test_sending_without_a_connection_is_an_error(server):
    app = WebSocketApp(server.ws("/echo"))
    with pytest.raises(ws4d.ConnectionClosedError):
        app.send("hello")
    app.close()


def test_it_connects_again_until_it_is_closed_and_asks_for_headers_each_time():
    seen = []

    def handler(connection):
        seen.append(connection.request.headers["X-Number"])
        connection.close(1012, "restart")

    def again(app):
        # The server's thread may note the last one later.
        if len(seen) >= 3:
            app.close()

    numbers = map(str, itertools.count(1))
    with serving_on_threads(handler) as url:
        recorded = Recorded(url, {"reconnect": again}, header=lambda: {"X-Number": next(numbers)})
        recorded.app.run_forever(reconnect=0.001)
    assert len(seen) >= 3 and seen == [str(number + 1) for number in range(len(seen))]
    assert [call[0] for call in recorded.calls][:4] == ["open", "close", "reconnect", "close"]


def test_header_lines_cookie_origin_and_subprotocols_are_sent():
    seen = []

    def handler(connection):
        headers = connection.request.headers
        seen.extend([headers["X-One"], headers["Cookie"], headers["Origin"], connection.subprotocol])

    with serving_on_threads(handler, subprotocols=["chat"]) as url:
        app = WebSocketApp(url, header=["X-One: 1"], cookie="a=b", subprotocols=["chat"])
        app.run_forever(origin="https://example.com")
    assert seen == ["1", "a=b", "https://example.com", "chat"]


def test_sslopt_names_files(server):
    opened = []
    for sslopt in ({"ca_certs": server.ca.decode()}, {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}):
        recorded = Recorded(server.wss("/echo"), {"open": lambda app: (opened.append(1), app.close())})
        assert recorded.app.run_forever(sslopt=sslopt) is False
    assert len(opened) == 2
    with pytest.raises(TypeError, match="ciphers"):
        recorded.app.run_forever(sslopt={"ciphers": "ALL"})


def test_a_proxy_is_named_by_host_and_port(server, refusing_port):
    recorded = Recorded(server.ws("/echo"))
    recorded.app.run_forever(http_proxy_host="127.0.0.1", http_proxy_port=refusing_port, http_proxy_auth=("user", "p@ss"))
    assert isinstance(recorded.calls[0][1], ws4d.ProxyError)
    assert "p@ss" not in str(recorded.calls[0][1])
