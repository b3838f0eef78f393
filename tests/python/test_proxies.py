"""Through proxies that other people wrote: tinyproxy, with a password, plain and behind TLS, and microsocks."""

import os
import shutil
import unittest

import ws4d_ctypes as c
from host import Failed, Host, Server, shut_down, ws4d
from programs import Authority, Program, folder_of, free_port, node_peer, python_peer

tearDownModule = shut_down

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 60
MaxClients 20
LogLevel Info
LogFile "{log}"
BasicAuth user s3cret
"""


class Proxies:
    """What holds with each of them. `localhost`, because the option is for this machine too."""

    @classmethod
    def setUpClass(cls):
        cls.folder = folder_of(cls)
        cls.proxy = cls.start()
        cls.addClassCleanup(cls.proxy.stop)
        # Its TLS front makes a proxy that speaks TLS out of one that does not.
        cls.server = Server("--tls-front", str(cls.proxy.port))
        cls.addClassCleanup(cls.server.stop)

    def url(self, scheme, user_info="user:s3cret"):
        return f"{scheme}://{user_info}@127.0.0.1:{self.proxy.port}".encode()

    def echoes(self, url, proxy, ca_file=None):
        host = Host(self)
        ws = host.open(url, proxy=proxy, ca_file=ca_file or self.server.ca)
        large = os.urandom(1 << 20)
        for message in (b"hello", large):
            self.assertEqual(ws4d.ws_send_blob(ws, message, len(message)), c.WS_OK)
            self.assertEqual(host.pull().data, message)
        self.assertEqual(ws4d.ws_terminate(ws, 1000, b"bye"), c.WS_OK)
        event = host.pull()
        self.assertEqual((event.type, event.code, event.clean), (c.WS_EVENT_TYPE_TERMINATE, 1000, 1))

    def refused(self, url, proxy):
        with self.assertRaises(Failed) as caught:
            Host(self).open(url, proxy=proxy, ca_file=self.server.ca)
        failed = caught.exception
        self.assertEqual((failed.codes[0], failed.components[0]), (c.WS_ERR_PROXY, "prox"), failed)
        self.assertNotIn("s3cret", str(failed))
        return failed

    def test_ws_and_wss_go_through(self):
        for scheme in self.schemes:
            for url in (self.server.ws("/echo"), self.server.wss("/echo")):
                with self.subTest(f"{url} through {scheme}"):
                    self.echoes(url, self.url(scheme))
        self.proxy.said(self.connected)

    def test_python_and_node_over_wss_behind_it(self):
        authority = Authority(self.folder)
        certificate = authority.local()
        peers = [python_peer] + [node_peer] * bool(shutil.which("node"))
        for start in peers:
            peer = start(f"tls={certificate}", "deflate")
            self.addCleanup(peer.stop)
            for scheme in self.schemes:
                with self.subTest(f"{start.__name__} through {scheme}"):
                    path = f"/echo?{scheme}"
                    self.echoes(peer.url + path, self.url(scheme), ca_file=str(authority.certificate).encode())
                    self.assertEqual(peer.saw(path), (1000, "bye", 2))

    def test_a_server_that_is_not_there_is_the_proxy_s_refusal(self):
        for scheme in self.schemes:
            self.refused(f"ws://127.0.0.1:{free_port()}/", self.url(scheme))


@unittest.skipUnless(shutil.which("tinyproxy"), "tinyproxy is not installed")
class WithTinyproxy(Proxies, unittest.TestCase):
    schemes = ("http",)
    connected = r"CONNECT (localhost|127\.0\.0\.1):\d+ HTTP/1\.1"

    @classmethod
    def start(cls):
        log = cls.folder / "log"
        log.touch()

        def command(port):
            configuration = cls.folder / "tinyproxy.conf"
            configuration.write_text(TINYPROXY.format(port=port, log=log))
            return ["tinyproxy", "-d", "-c", str(configuration)]

        return Program(command, log)

    def test_through_tls_too(self):
        front = self.server.ready["front_url"].replace("wss://", "https://user:s3cret@").encode()
        for url in (self.server.ws("/echo"), self.server.wss("/echo")):
            with self.subTest(url):
                self.echoes(url, front)

    def test_a_password_that_is_missing_or_wrong_is_407(self):
        failed = self.refused(self.server.ws("/echo"), self.url("http", "user:wrong"))
        self.assertIn("does not take", failed.messages[0])
        self.assertEqual(failed.http_status, 401)  # as tinyproxy has it
        self.assertIn(b"<html", failed.http_body)
        failed = self.refused(self.server.ws("/echo"), f"http://127.0.0.1:{self.proxy.port}".encode())
        self.assertEqual(failed.http_status, 407)
        self.assertIn("wants authorization", failed.messages[0])


@unittest.skipUnless(shutil.which("microsocks"), "microsocks is not installed")
class WithMicrosocks(Proxies, unittest.TestCase):
    schemes = ("socks5", "socks5h")
    connected = r"connected to localhost:\d+"

    @classmethod
    def start(cls):
        log = cls.folder / "log"
        log.touch()
        return Program(lambda port: ["microsocks", "-i", "127.0.0.1", "-p", str(port), "-u", "user", "-P", "s3cret"], log)

    def test_a_password_that_is_missing_or_wrong_is_told(self):
        self.assertIn("does not take", str(self.refused(self.server.ws("/echo"), self.url("socks5h", "user:wrong"))))
        failed = self.refused(self.server.ws("/echo"), f"socks5h://127.0.0.1:{self.proxy.port}".encode())
        self.assertIn("wants authorization", str(failed))


if __name__ == "__main__":
    unittest.main()
