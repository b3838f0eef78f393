"""Behind nginx, with Python's websockets and Node's ws: what reverse_proxy.py has, and nginx's own ways and pages."""

import shutil
import signal
import socket
import unittest

import ws4d_ctypes as c
from host import Failed, shut_down, ws4d
from programs import Authority, folder_of, free_port, nginx_command, node_peer, python_peer
from reverse_proxy import Behind, program

tearDownModule = shut_down

NGINX = program("nginx")

SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl http2;
        listen unix:{folder}/socket;
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
        location /private/ {{
            auth_basic "friends";
            auth_basic_user_file "{folder}/friends";
            proxy_pass http://127.0.0.1:{backend}/;
        }}
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
"""


class BehindNginx(Behind):
    @classmethod
    def command(cls, port):
        silent = socket.create_server(("127.0.0.1", 0))  # the system takes connections, and nobody answers them
        cls.addClassCleanup(silent.close)
        server = SERVER.format(
            port=port,
            folder=cls.folder,
            certificate=cls.certificate,
            ca=cls.authority.certificate,
            backend=cls.peer.port,
            nobody=free_port(),
            silent=silent.getsockname()[1],
        )
        cls.folder.joinpath("friends").write_text("user:{PLAIN}s3cret\n")
        return nginx_command(NGINX, cls.folder, server)

    def test_a_location_that_wants_a_client_certificate(self):
        failed = self.refused("/members/head")
        self.assertEqual((failed.http_status, failed.http_body), (403, b"members only"))
        member = self.authority.client()
        self.open("/members/head", client_certificate_file=(member, member))
        self.assertIn(["x-client", "CN=a member"], self.head())

    def test_a_client_certificate_of_another_authority(self):
        folder = folder_of(self)
        stranger = Authority(folder, "another CA").client()
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
        self.assertIn(["host", f"localhost:{self.proxy.port}"], self.head())
        self.assertEqual(ws4d.ws_get_tls_info(ws, c.ws_tls_info()), c.WS_OK)
        failed = self.refused("/moved", scheme="ws")
        self.assertEqual(failed.http_status, 301)

    def test_a_location_that_wants_a_password(self):
        failed = self.refused("/private/head")
        self.assertEqual(failed.http_status, 401)
        self.assertIn(b"401 Authorization Required", failed.http_body)
        with self.assertRaises(Failed) as caught:
            self.host.open(f"wss://user:wr0ng@localhost:{self.proxy.port}/private/head", ca_file=self.authorities)
        self.assertEqual(caught.exception.http_status, 401)
        self.assertNotIn("wr0ng", str(caught.exception))
        self.host.open(f"wss://user:s3cret@localhost:{self.proxy.port}/private/head", ca_file=self.authorities)
        self.assertIn(["authorization", "Basic dXNlcjpzM2NyZXQ="], self.head())

    def test_a_request_that_is_too_large_for_it(self):
        failed = self.refused("/echo", header=[(b"X-Large", b"x" * 40_000)])
        self.assertEqual(failed.http_status, 400)
        self.assertIn(b"Request Header Or Cookie Too Large", failed.http_body)

    def test_http_2_is_not_spoken_though_it_could(self):
        ws, info = self.open("/echo"), c.ws_tls_info()
        self.assertEqual(ws4d.ws_get_tls_info(ws, info), c.WS_OK)
        self.assertEqual(info.alpn, b"http/1.1")
        with self.assertRaises(Failed) as caught:
            self.open("/echo", alpn=b"h2,http/1.1")
        self.assertEqual(caught.exception.codes[0], c.WS_ERR_TLS)
        self.assertIn("chose to speak h2", caught.exception.messages[0])

    def test_a_new_configuration_ends_what_is_open_and_takes_what_is_new(self):
        self.open("/echo")
        self.proxy.process.send_signal(signal.SIGHUP)
        self.host.run_until("free")
        self.assertEqual(self.host.trace, ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"])
        self.echo(self.open("/echo"), b"hello")

    def test_its_unix_socket(self):
        ws = self.host.open("ws://localhost/head", unix_socket=str(self.folder / "socket").encode())
        self.assertIn(["host", "localhost"], self.head())
        self.assertEqual(ws4d.ws_get_tls_info(ws, c.ws_tls_info()), c.WS_ERR_UNSUPPORTED)


@unittest.skipUnless(NGINX, "nginx is not installed")
class PythonBehindNginx(BehindNginx, unittest.TestCase):
    start = staticmethod(python_peer)


@unittest.skipUnless(NGINX and shutil.which("node"), "nginx or node is not installed")
class NodeBehindNginx(BehindNginx, unittest.TestCase):
    start = staticmethod(node_peer)


if __name__ == "__main__":
    unittest.main()
