"""Where callbacks run, and the ways in which a host can be hooked up: dispatch, pull, wake, descriptor, I/O thread."""

import asyncio
import ctypes
import pathlib
import selectors
import threading
import unittest

import ws4d_ctypes as c
from host import PATIENCE, Event, Failed, Host, WithServer, check, shut_down, words, ws4d

tearDownModule = shut_down


class Dispatching(WithServer):
    def test_callbacks_run_in_their_order_on_the_dispatcher_s_thread(self):
        host = Host(self)
        ws = host.open(self.server.ws("/echo"))
        self.assertEqual(host.trace, ["open"])
        self.assertEqual(ws4d.ws_get_status(ws), c.WS_STATUS_CONNECTED)
        ws4d.ws_send_text(ws, b"hello", 5)
        host.run_until("message text hello")
        self.assertEqual(ws4d.ws_terminate(ws, 4001, "tschüß".encode()), c.WS_OK)
        self.assertEqual(ws4d.ws_dispatcher_run(host.dispatcher), c.WS_OK)
        self.assertEqual(host.trace, ["open", "message text hello", "terminate 4001 tschüß", "free"])
        self.assertEqual(set(host.threads), {threading.get_ident()})
        self.assertEqual(ws4d.ws_get_status(ws), c.WS_STATUS_CLOSED)

    def test_a_socket_made_at_once_opens_later(self):
        host = Host(self)
        ws = host.open(self.server.ws("/close?code=4002&reason=later"), wait=False)
        self.assertEqual(host.trace, [])
        self.assertEqual(ws4d.ws_dispatcher_run(host.dispatcher), c.WS_OK)
        self.assertEqual(host.trace, ["open", "terminate 4002 later", "free"])
        self.assertEqual(ws4d.ws_get_response_status(ws), 101)

    def test_a_callback_may_send_and_terminate(self):
        host = Host(self)
        host.when("open", lambda ws, event: check(ws4d.ws_send_text(ws, b"from open", 9)))
        host.when("message text from open", lambda ws, event: check(ws4d.ws_terminate(ws, 0, None)))
        host.open(self.server.ws("/echo"))
        ws4d.ws_dispatcher_run(host.dispatcher)
        self.assertEqual(host.trace, ["open", "message text from open", "terminate 1000", "free"])

    def test_another_thread_may_not_dispatch_until_it_attaches(self):
        host = Host(self)
        seen = []

        def elsewhere():
            seen.append(ws4d.ws_dispatcher_dispatch(host.dispatcher, 0))
            seen.append(ws4d.ws_dispatcher_attach(host.dispatcher))
            host.open(self.server.ws("/echo"))
            seen.append(threading.get_ident())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        self.assertEqual(seen, [c.WS_ERR_WRONG_THREAD, c.WS_OK, host.threads[0]])
        self.assertEqual(ws4d.ws_dispatcher_close(host.dispatcher), c.WS_ERR_WRONG_THREAD)
        self.assertEqual(ws4d.ws_dispatcher_attach(host.dispatcher), c.WS_OK)

    def test_stop_from_another_thread_ends_run(self):
        host = Host(self)
        host.open(self.server.ws("/idle"))
        thread = threading.Thread(target=ws4d.ws_dispatcher_stop, args=(host.dispatcher,))
        thread.start()
        self.assertEqual(ws4d.ws_dispatcher_run(host.dispatcher), c.WS_OK)
        thread.join()

    def test_closing_the_dispatcher_terminates_its_sockets_during_the_call(self):
        host = Host(self)
        ws = host.open(self.server.ws("/idle"))
        dispatcher = host.dispatcher
        self.assertEqual(ws4d.ws_dispatcher_close(dispatcher), c.WS_OK)
        self.assertEqual(host.trace, ["open", "terminate 1006", "free"])
        self.assertEqual(ws4d.ws_dispatcher_dispatch(dispatcher, 0), c.WS_ERR_INVALID_HANDLE)
        self.assertEqual(ws4d.ws_send_text(ws, b"x", 1), c.WS_ERR_CLOSED)

    def test_paused_messages_wait_for_resume_and_pongs_do_not(self):
        host = Host(self)
        ws = host.open(self.server.ws("/echo"))
        self.assertEqual(ws4d.ws_pause(ws), c.WS_OK)
        ws4d.ws_ping(ws, b"at once", 7)
        ws4d.ws_send_text(ws, b"held", 4)
        host.run_until("pong at once")
        self.assertEqual(host.trace, ["open", "pong at once"])
        self.assertEqual(ws4d.ws_resume(ws), c.WS_OK)
        host.run_until("message text held")


class Pulling(WithServer):
    def test_events_are_pulled_and_only_free_is_called(self):
        host = Host(self)
        ws = host.open(self.server.ws("/echo"))
        self.assertEqual(ws4d.ws_get_user_data(ws), host.key)
        ws4d.ws_send_text(ws, b"hello", 5)
        self.assertEqual(host.pull(), Event(c.WS_EVENT_TYPE_MESSAGE, b"hello", 0, None, 0))
        ws4d.ws_terminate(ws, 1000, b"bye")
        self.assertEqual(host.pull(), Event(c.WS_EVENT_TYPE_TERMINATE, b"bye", 1000, b"bye", 1))
        self.assertEqual(host.trace, ["open"])
        self.assertEqual(ws4d.ws_dispatcher_dispatch(host.dispatcher, 0), 0)
        self.assertEqual(host.trace, ["open", "free"])

    def test_nothing_to_pull_is_0(self):
        host = Host(self)
        ws, event = c.ws_socket(1), c.ws_event(1)
        self.assertEqual(ws4d.ws_dispatcher_next(host.dispatcher, 0, ctypes.byref(ws), ctypes.byref(event)), 0)
        self.assertFalse(ws or event)

    def test_a_socket_made_at_once_has_its_open_pulled(self):
        host = Host(self)
        host.open(self.server.ws("/idle"), wait=False)
        self.assertEqual(host.pull().type, c.WS_EVENT_TYPE_OPEN)


    def test_a_batch_is_split_at_its_nuls(self):
        host = Host(self)
        ws = host.open(self.server.ws("/echo"))
        sent = [f"message {number}".encode() for number in range(500)]
        for text in sent:
            check(ws4d.ws_send_text(ws, text, len(text)))
        received = []
        while len(received) < len(sent):
            batch, count, length = c.ws_batch(), ctypes.c_size_t(), ctypes.c_size_t()
            pulled = check(ws4d.ws_dispatcher_next_batch(host.dispatcher, PATIENCE * 1000, 4096, ctypes.byref(batch)))
            items = ws4d.ws_batch_items(batch, ctypes.byref(count))
            block = ctypes.string_at(ws4d.ws_batch_data(batch, ctypes.byref(length)), length.value)
            self.assertEqual((pulled, items[0].ws.value), (count.value, ws.value))
            self.assertTrue(all(items[at].type == c.WS_EVENT_TYPE_MESSAGE for at in range(pulled)))
            *texts, rest = block.split(b"\0")
            self.assertEqual((len(texts), rest), (pulled, b""))
            self.assertEqual(texts, [block[items[at].offset :][: items[at].len] for at in range(pulled)])
            self.assertEqual(words(ws4d.ws_batch_event(batch, 0)), f"message text {texts[0].decode()}")
            received += texts
            ws4d.ws_batch_free(batch)
        self.assertEqual(received, sent)


class Driving(WithServer):
    def test_a_driving_dispatcher_needs_no_thread(self):
        # Sockets of other tests may have brought threads up.
        check(ws4d.ws_shutdown(PATIENCE * 1000))
        host = Host(self, driving=True)
        ws = host.open(self.server.ws("/echo"))
        check(ws4d.ws_send_text(ws, b"hello", 5))
        host.run_until("message text hello")
        names = [name.read_text() for name in pathlib.Path("/proc/self/task").glob("*/comm")]
        self.assertFalse([name for name in names if name.startswith("ws4d-")])
        check(ws4d.ws_terminate(ws, 1000, None))
        check(ws4d.ws_dispatcher_run(host.dispatcher))
        self.assertEqual(host.trace, ["open", "message text hello", "terminate 1000", "free"])
        self.assertEqual(ws4d.ws_dispatcher_fd(host.dispatcher), -1)


class Hooks(WithServer):
    def test_wake_tells_that_there_is_something_to_dispatch(self):
        woken = threading.Semaphore(0)
        host = Host(self, wake=lambda user_data: woken.release())
        ws = host.open(self.server.ws("/flood?n=3&seq=1&size=8&stay=1"))
        while "message text 00000002" not in host.trace:
            self.assertTrue(woken.acquire(timeout=PATIENCE))
            check(ws4d.ws_dispatcher_dispatch(host.dispatcher, 1))
        self.assertEqual(host.trace, ["open", *(f"message text {number:08}" for number in range(3))])
        self.assertEqual(ws4d.ws_get_status(ws), c.WS_STATUS_CONNECTED)

    def test_the_descriptor_is_readable_exactly_while_there_are_events(self):
        host = Host(self)
        ws = host.open(self.server.ws("/echo"))
        descriptor = ws4d.ws_dispatcher_fd(host.dispatcher)
        self.assertEqual(descriptor, ws4d.ws_dispatcher_fd(host.dispatcher))
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            self.assertEqual(selector.select(0), [])
            ws4d.ws_send_text(ws, b"hello", 5)
            self.assertTrue(selector.select(PATIENCE))
            self.assertTrue(selector.select(0), "it is level-triggered")
            self.assertEqual(ws4d.ws_dispatcher_dispatch(host.dispatcher, 0), 1)
            self.assertEqual(selector.select(0), [])
        self.assertEqual(host.trace, ["open", "message text hello"])

    def test_asyncio_runs_callbacks_through_add_reader(self):
        async def conversation():
            loop = asyncio.get_running_loop()
            host = Host(self)
            over = asyncio.Event()
            host.when("message text hello", lambda ws, event: check(ws4d.ws_terminate(ws, 1000, b"bye")))
            host.when("free", over.set)
            loop.add_reader(ws4d.ws_dispatcher_fd(host.dispatcher), ws4d.ws_dispatcher_dispatch, host.dispatcher, 0)
            host.when("open", lambda ws, event: check(ws4d.ws_send_text(ws, b"hello", 5)))
            host.open(self.server.ws("/echo"), wait=False)
            await asyncio.wait_for(over.wait(), PATIENCE)
            loop.remove_reader(ws4d.ws_dispatcher_fd(host.dispatcher))
            return host.trace

        self.assertEqual(asyncio.run(conversation()), ["open", "message text hello", "terminate 1000 bye", "free"])

    def test_without_a_dispatcher_callbacks_run_on_a_thread_of_the_library(self):
        host = Host(self, dispatcher=False)
        refused = []

        def open_another(ws, event):
            try:
                host.open(self.server.ws("/echo"))
            except Failed as failed:
                refused.extend(failed.codes[:1])

        host.when("message text hello", open_another)
        ws = host.open(self.server.ws("/echo"))
        ws4d.ws_send_text(ws, b"hello", 5)
        host.run_until("message text hello")
        self.assertEqual(refused, [c.WS_ERR_WRONG_THREAD])
        ws4d.ws_terminate(ws, 1000, None)
        host.run_until("terminate 1000")
        self.assertNotIn(threading.get_ident(), host.threads)


if __name__ == "__main__":
    unittest.main()
