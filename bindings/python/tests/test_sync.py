"""The blocking client: the same names, from any thread, and ended by Ctrl-C."""

import collections
import threading

import pytest
import ws4d
from host import PATIENCE
from support import serving_on_threads
from ws4d.app import _Connection as AppConnection
from ws4d.sync.client import ClientConnection, connect, unix_connect


def echo(connection):
    for message in connection:
        connection.send(message)


class InThread(threading.Thread):
    """Runs a function on a thread, and gives what it returns or raises."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self._call = function, arguments
        self.value = self.raised = None
        self.start()

    def run(self):
        function, arguments = self._call
        try:
            self.value = function(*arguments)
        except BaseException as exception:
            self.raised = exception

    def result(self):
        self.join(PATIENCE)
        assert not self.is_alive()
        if self.raised:
            raise self.raised
        return self.value


def waits(connection):
    """Until a thread is inside a wait of the connection's."""
    while not connection._pulling:
        pass


def test_a_connection_sends_receives_and_closes(server):
    with connect(server.ws("/echo")) as ws:
        assert isinstance(ws, ClientConnection) and ws.state is ws4d.State.OPEN
        for message in ("tschüß", b"\x01\xfe", ""):
            ws.send(message)
            assert ws.recv() == message
        ws.send(["one ", "message"])
        assert ws.recv(decode=False) == b"one message"
        ws.send_json({"a": None})
        assert ws.recv_json() == {"a": None}
        ws.send(b"text", text=True)
        assert list(ws.recv_streaming()) == ["text"]
    assert (ws.state, ws.close_code, ws.close_reason) == (ws4d.State.CLOSED, 1000, "")


def test_what_fails_to_connect_is_an_os_error(server, refusing_port):
    with pytest.raises(ConnectionRefusedError) as caught:
        connect(f"ws://127.0.0.1:{refusing_port}/")
    assert caught.value.errors[0].name == "WS_ERR_CONNECTION_REFUSED"
    with pytest.raises(ws4d.InvalidStatus) as caught:
        connect(server.ws("/status?code=403&body=no"))
    assert (caught.value.response.status_code, caught.value.response.body) == (403, b"no")
    with pytest.raises(TimeoutError):
        connect(server.ws("/no-answer"), open_timeout=0.05)
    with pytest.raises(ws4d.InvalidURI):
        connect("http://127.0.0.1/")


def test_tls_with_a_ca_file(server):
    with connect(server.wss("/echo"), ssl=ws4d.TLS(ca_file=server.ca.decode())) as ws:
        ws.send("hello")
        assert ws.recv() == "hello"


def test_a_unix_socket(tmp_path):
    from websockets.sync.server import unix_serve

    with unix_serve(echo, str(tmp_path / "socket")) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        with unix_connect(tmp_path / "socket") as ws:
            ws.send("hello")
            assert ws.recv() == "hello"
        listener.shutdown()
        thread.join()


def test_iteration_ends_with_a_good_end_and_raises_a_bad_one(server):
    with connect(server.ws("/flood?n=3000&size=8&seq=1")) as ws:
        assert list(ws) == [f"{number:08}" for number in range(3000)]
    with connect(server.ws("/script?do=text:last,close:1011:broken")) as ws:
        received = []
        with pytest.raises(ws4d.ConnectionClosedError):
            for message in ws:
                received.append(message)
        assert received == ["last"]


def test_batches_have_all_in_order(server):
    received = []
    with connect(server.ws("/flood?n=10000&size=8&seq=1")) as ws:
        with pytest.raises(ws4d.ConnectionClosedOK):
            while True:
                received += ws.recv_batch(most=1000)
    assert received == [f"{number:08}" for number in range(10000)]


def test_a_time_out_is_a_time_out_error_and_loses_nothing(server):
    with connect(server.ws("/echo")) as ws:
        for timeout in (0, 0.001):
            with pytest.raises(TimeoutError):
                ws.recv(timeout=timeout)
            with pytest.raises(TimeoutError):
                ws.recv_batch(timeout=timeout)
        ws.send("hello")
        assert ws.recv(timeout=PATIENCE) == "hello"


def test_a_time_out_of_nothing_takes_what_is_there(server):
    with connect(server.ws("/flood?n=2&size=8&stay=1")) as ws:
        ws.recv(timeout=PATIENCE)
        while ws.stats()["messages_received"] < 2:
            pass
        assert len(ws.recv(timeout=0)) == 8


def test_one_thread_receives_and_others_send_ping_and_close(server):
    with connect(server.ws("/echo")) as ws:
        receiver = InThread(list, ws)
        waits(ws)
        ws.send("from another thread")
        assert ws.ping().wait(PATIENCE)
        ws.close(4001)
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            receiver.result()
    assert caught.value.rcvd.code == 4001


def test_a_message_in_parts_is_whole_whatever_other_threads_send(server):
    begun, go = threading.Event(), threading.Event()

    def parts():
        yield "a"
        begun.set()
        go.wait(PATIENCE)
        with pytest.raises(ws4d.ConcurrencyError):
            ws.send(["inside"])
        yield "b"

    with connect(server.ws("/echo")) as ws:
        sender = InThread(ws.send, parts())
        assert begun.wait(PATIENCE)
        ws.send("whole")
        behind = InThread(ws.send, iter(["c", "d"]))
        waits(ws)
        go.set()
        sender.result()
        behind.result()
        assert [ws.recv() for _ in range(3)] == ["ab", "whole", "cd"]


def test_parts_that_fail_in_the_middle_end_the_connection(server):
    def parts():
        yield "a"
        raise KeyError("none")

    with connect(server.ws("/echo")) as ws:
        for message in (["a", b"b"], iter([1]), {"a": 1}, 1):
            with pytest.raises(TypeError):
                ws.send(message)
        ws.send([])
        assert ws.recv() == b""
        with pytest.raises(KeyError):
            ws.send(parts())
        with pytest.raises(ws4d.ConnectionClosedError):
            ws.recv()


def test_only_one_thread_receives(server):
    with connect(server.ws("/idle")) as ws:
        receiver = InThread(ws.recv)
        waits(ws)
        for receive in (ws.recv, ws.recv_batch):
            with pytest.raises(ws4d.ConcurrencyError):
                receive()
        ws.close()
        with pytest.raises(ws4d.ConnectionClosedOK):
            receiver.result()


class Raced(collections.deque):
    """A queue from which another thread takes the first message, once the queue has been asked for its length so many times, and
    again before it is cleared; but never "end"."""

    def __init__(self, messages, at):
        super().__init__(messages)
        self.at, self.stolen = at, []

    def __len__(self):
        length = super().__len__()
        if length and self[0] != "end":
            self.at -= 1
            if self.at == 0:
                self.stolen.append(self.popleft())
        return length

    def clear(self):
        if self[0] != "end":
            self.stolen.append(self.popleft())
        super().clear()


@pytest.mark.parametrize("there", [["a"], []], ids=["at-once", "waiting"])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_message_that_another_thread_was_faster_to_take_is_waited_for_anew(server, there, batch, at):
    with connect(server.ws("/echo"), max_queue=None) as ws:
        queue = ws._queue = Raced(there, at)
        for message in ("b", "c", "end"):
            ws.send(message)
        received = []
        while received[-1:] != ["end"]:
            received += ws.recv_batch(timeout=PATIENCE) if batch else [ws.recv(timeout=PATIENCE)]
        assert sorted(received + queue.stolen) == [*there, "b", "c", "end"]


def test_a_message_that_was_waited_for_is_taken_before_another_thread_can(server):
    class Told(threading.Condition):
        def __exit__(self, *arguments):
            super().__exit__(*arguments)
            if ws._queue:
                stolen.append(ws._queue.popleft())

    stolen = []
    with connect(server.ws("/echo")) as ws:
        ws._told = Told(threading.Lock())
        for message in ("a", "b"):
            ws.send(message)
            assert ws.recv(timeout=PATIENCE) == message
        assert stolen == []


def test_an_app_s_message_may_be_taken_by_another_thread(server):
    with connect(server.ws("/echo"), max_queue=None, create_connection=AppConnection) as ws:
        ws._queue = Raced(["a"], 2)
        assert ws.take() == ([], [])


def test_a_time_out_counts_from_the_call(server):
    with connect(server.ws("/echo"), max_queue=None) as ws:
        ws._queue = Raced(["a"], 1)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        ws._queue = Raced(["a"], 1)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0)


def test_a_connection_goes_from_thread_to_thread(server):
    ws = InThread(connect, server.ws("/echo")).result()
    for number in range(10):
        InThread(ws.send, str(number)).result()
        assert InThread(ws.recv).result() == str(number)
    InThread(ws.close).result()
    assert ws.close_code == 1000


def test_a_ping_s_pong_is_waited_for(server):
    with connect(server.ws("/echo")) as ws:
        pong = ws.ping("data")
        with pytest.raises(ws4d.ConcurrencyError):
            ws.ping(b"data")
        assert pong.wait(PATIENCE) and pong.is_set() and ws.latency > 0
        ws.pong("unasked")
        with pytest.raises(ws4d.PayloadTooBig):
            ws.ping(b"x" * 126)
    with connect(server.ws("/script?do=mute")) as ws:
        assert not ws.ping().wait(0.001)


def test_sending_waits_for_room():
    received, go, done = [], threading.Event(), threading.Event()

    def handler(connection):
        go.wait()
        for message in connection:
            received.append(message[:1])
        done.set()

    with serving_on_threads(handler, max_size=None) as url, connect(url, write_limit=65536) as ws:
        messages = [bytes([number]) + b"x" * 1_000_000 for number in range(40)]
        sender = InThread(lambda: [ws.send(message) for message in messages])
        waits(ws)
        assert sender.is_alive()
        go.set()
        sender.result()
        ws.close()
        assert done.wait(PATIENCE)
    assert received == [bytes([number]) for number in range(40)]


def test_a_full_queue_holds_the_server_back(server):
    options = {"receive_buffer_size": 65536}
    with connect(server.ws("/flood?n=5000&size=1000&seq=1"), max_queue=(16, 4), options=options) as ws:
        # Whoever waits for something else has messages pulled meanwhile, but no more than the queue takes.
        assert not ws.ping().wait(0.05)
        assert len(ws._queue) == 16
        assert ws.stats()["messages_received"] < 5000
        assert [int(message[:8]) for message in ws] == list(range(5000))


def test_closing_waits_for_no_reader_of_what_is_held_back(server):
    with connect(server.ws("/flood?n=100000&size=100"), max_queue=4) as ws:
        ws.recv()
    assert ws.state is ws4d.State.CLOSED
    assert len(ws.recv_batch()) <= 4


def test_sending_on_a_closed_connection_raises_its_end(server):
    with connect(server.ws("/close?code=4001&reason=bye")) as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            ws.recv()
        assert caught.value.rcvd == ws4d.Close(4001, "bye")
        for call in (lambda: ws.send("late"), ws.ping, ws.pong, ws.recv_batch):
            with pytest.raises(ws4d.ConnectionClosedError):
                call()


def test_closing_twice_and_with_a_wrong_code(server):
    with connect(server.ws("/echo")) as ws:
        with pytest.raises(ws4d.ProtocolError):
            ws.close(1001)
        ws.close(4001)
        ws.close(4002)
        assert ws.close_code == 4001


def test_a_broken_connection_is_told_behind_its_messages(server):
    with connect(server.ws("/script?do=text:last,rst")) as ws:
        assert ws.recv() == "last"
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            ws.recv()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
