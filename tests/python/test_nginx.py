"""Behind nginx, as servers on the Internet mostly are: it ends TLS and passes the upgrade on to Python and Node."""

import json
import os
import re
import shutil
import socket
import unittest

import ws4d_ctypes as c
from host import Failed, Host, shut_down, ws4d
from programs import Authority, Program, folder_of, free_port, node_peer, openssl, python_peer

tearDownModule = shut_down

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

CONFIGURATION = """
{user}
daemon off;
pid "{folder}/pid";
error_log "{folder}/log" info;
events {{ }}
http {{
    access_log "{folder}/log";
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxied";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";

    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate "{certificate}";
        ssl_certificate_key "{certificate}";
        ssl_client_certificate "{ca}";
        ssl_verify_client optional;
        # Who comes without TLS.
        error_page 497 =301 https://$http_host$request_uri;

        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header X-Client $ssl_client_s_dn;

        location / {{ proxy_pass http://127.0.0.1:{backend}; }}
        location /members/ {{
            if ($ssl_client_verify != SUCCESS) {{ return 403 "members only"; }}
            proxy_pass http://127.0.0.1:{backend}/;
        }}
        location /moved {{ return 301 /head; }}
        location /brief/ {{
            proxy_read_timeout 1s;
            proxy_pass http://127.0.0.1:{backend}/;
        }}
        location /down {{ proxy_pass http://127.0.0.1:{nobody}; }}
        location /silent {{
            proxy_read_timeout 100ms;
            proxy_pass http://127.0.0.1:{silent};
        }}
    }}
}}
"""


class Behind:
    """What holds whoever is behind it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = folder_of(cls)
        cls.authority = Authority(cls.folder)
        cls.peer = cls.start("deflate")
        cls.addClassCleanup(cls.peer.stop)
        silent = socket.create_server(("127.0.0.1", 0))  # the system takes connections, and nobody answers them
        cls.addClassCleanup(silent.close)
        places = {
            "folder": cls.folder,
            "user": "user root;" if os.geteuid() == 0 else "",  # the folder is for nobody else
            "certificate": cls.authority.local(),
            "ca": cls.authority.certificate,
            "backend": cls.peer.port,
            "nobody": free_port(),
            "silent": silent.getsockname()[1],
        }

        def command(port):
            configuration = cls.folder / "nginx.conf"
            configuration.write_text(CONFIGURATION.format(port=port, **places))
            return [NGINX, "-p", str(cls.folder), "-c", str(configuration), "-e", str(cls.folder / "log")]

        cls.nginx = Program(command, cls.folder / "log")
        cls.addClassCleanup(cls.nginx.stop)
        cls.authorities = str(cls.authority.certificate).encode()

    def setUp(self):
        self.host = Host(self)

    def open(self, path, scheme="wss", **settings):
        return self.host.open(f"{scheme}://localhost:{self.nginx.port}{path}", ca_file=self.authorities, **settings)

    def refused(self, path, **settings):
        with self.assertRaises(Failed) as caught:
            self.open(path, **settings)
        self.assertEqual(caught.exception.codes[0], c.WS_ERR_HTTP_STATUS, caught.exception)
        return caught.exception

    def echo(self, ws, message):
        self.assertEqual(ws4d.ws_send_text(ws, message, len(message)), c.WS_OK)
        self.assertTrue(self.host.pull().data == message)

    def head(self):
        return json.loads(self.host.pull().data)

    def test_messages_small_and_large_both_ways_and_a_clean_end_at_both_ends(self):
        ws = self.open("/echo?whole")
        for message in (b"hello", b"0123456789abcdef" * (1 << 18)):
            self.echo(ws, message)
        self.assertEqual(ws4d.ws_terminate(ws, 4000, b"bye"), c.WS_OK)
        event = self.host.pull()
        self.assertEqual((event.type, event.code, event.reason, event.clean), (c.WS_EVENT_TYPE_TERMINATE, 4000, b"bye", 1))
        self.assertEqual(self.peer.saw("/echo?whole"), (4000, "bye", 2))

    def test_the_server_s_close_comes_through(self):
        self.open("/close?code=4001&reason=enough")
        event = self.host.pull()
        self.assertEqual((event.type, event.code, event.reason, event.clean), (c.WS_EVENT_TYPE_TERMINATE, 4001, b"enough", 1))

    def test_compression_is_agreed_upon_from_end_to_end(self):
        ws = self.open("/echo")
        self.assertIn(b"permessage-deflate", ws4d.ws_get_response_header(ws, b"sec-websocket-extensions", 0))
        stats = c.ws_stats()
        for number in range(3):
            self.echo(ws, b"%d: compressible " % number * 10000)
        self.assertEqual(ws4d.ws_get_stats(ws, stats), c.WS_OK)
        for plain, wire in ((stats.bytes_sent, stats.wire_bytes_sent), (stats.bytes_received, stats.wire_bytes_received)):
            self.assertGreater(plain, 400_000)
            self.assertLess(wire, plain / 20)

    def test_the_server_s_choice_of_subprotocol_is_told(self):
        ws = self.open("/subprotocol", subprotocol=[b"first", b"second"])
        self.assertEqual(ws4d.ws_get_subprotocol(ws), b"second")

    def test_a_ping_of_the_server_is_answered_through_it(self):
        self.open("/ping")
        self.assertEqual(self.host.pull().data, b"the pong came")

    def certificate_of(self, authority):
        return str(authority.sign("a member", "extendedKeyUsage=clientAuth")).encode()

    def test_a_location_that_wants_a_client_certificate(self):
        failed = self.refused("/members/head")
        self.assertEqual((failed.http_status, failed.http_body), (403, b"members only"))
        member = self.certificate_of(self.authority)
        self.open("/members/head", client_certificate_file=(member, member))
        self.assertIn(["x-client", "CN=a member"], self.head())

    def test_a_client_certificate_of_another_authority(self):
        folder = folder_of(self)
        stranger = self.certificate_of(Authority(folder, "another CA"))
        failed = self.refused("/members/head", client_certificate_file=(stranger, stranger))
        self.assertEqual(failed.http_status, 400)
        self.assertIn(b"The SSL certificate error", failed.http_body)

    def test_a_server_that_is_down_or_silent_is_nginx_s_answer_with_its_page(self):
        for path, status, title in (("/down", 502, b"502 Bad Gateway"), ("/silent", 504, b"504 Gateway Time-out")):
            with self.subTest(path):
                failed = self.refused(path)
                self.assertEqual((failed.http_status, failed.components[0]), (status, "http"), failed)
                self.assertIn(title, failed.http_body)
                self.assertIn(str(status), failed.messages[0])

    def test_redirects_to_tls_and_to_another_path_are_followed(self):
        ws = self.open("/moved", scheme="ws", max_redirects=2)
        self.assertIn(["host", f"localhost:{self.nginx.port}"], self.head())
        self.assertEqual(ws4d.ws_get_tls_info(ws, c.ws_tls_info()), c.WS_OK)
        failed = self.refused("/moved", scheme="ws")
        self.assertEqual(failed.http_status, 301)

    def test_a_connection_that_is_idle_is_cut_and_one_that_pings_is_not(self):
        pinging = self.open("/brief/echo", ping_interval_ms=100)
        idle, said = Host(self), []
        first = lambda ws, event: said.append(ws4d.ws_errors_message(ws4d.ws_event_errors(event), 0).decode())
        idle.when("error WS_ERR_CONNECTION_RESET", first)
        ws = idle.open(f"wss://localhost:{self.nginx.port}/brief/echo", ca_file=self.authorities)
        idle.run_until("free")
        self.assertEqual(idle.trace, ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"])
        self.assertEqual(len(said), 1)
        self.assertIn("ended the connection without a close frame", said[0])
        info = c.ws_close_info()
        self.assertEqual(ws4d.ws_get_close_info(ws, info), c.WS_OK)
        self.assertEqual((info.stage, info.result), (c.WS_STAGE_OPEN, c.WS_ERR_CONNECTION_RESET))
        self.assertEqual((info.code_received, info.code_sent, info.was_clean, info.os_code, info.tls_alert), (0, 0, 0, 0, -1))
        self.assertGreaterEqual(info.open_us, 900_000)
        # It was opened before the other, and is as idle but for the pings.
        self.assertEqual(ws4d.ws_get_status(pinging), c.WS_STATUS_CONNECTED)
        self.echo(pinging, b"still here")
        stats = c.ws_stats()
        self.assertEqual(ws4d.ws_get_stats(pinging, stats), c.WS_OK)
        self.assertGreater(stats.ping_us, 0)


@unittest.skipUnless(NGINX, "nginx is not installed")
class PythonBehindNginx(Behind, unittest.TestCase):
    start = staticmethod(python_peer)


@unittest.skipUnless(NGINX and shutil.which("node"), "nginx or node is not installed")
class NodeBehindNginx(Behind, unittest.TestCase):
    start = staticmethod(node_peer)


if __name__ == "__main__":
    unittest.main()
