"""Behind haproxy, with Python's websockets and Node's ws: what reverse_proxy.py has, and haproxy's own pages."""

import shutil
import unittest

from host import shut_down, ws4d
from programs import free_port, node_peer, python_peer
from reverse_proxy import Behind, program

tearDownModule = shut_down

HAPROXY = program("haproxy")

CONFIGURATION = """
global
    log stderr format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 30s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend tls
    bind 127.0.0.1:{port} ssl crt "{certificate}" ca-file "{ca}" verify optional
    http-request deny deny_status 403 content-type text/plain string "members only" if {{ path_beg /members/ }} !{{ ssl_c_used }}
    http-request set-header X-Client %[ssl_c_s_dn(cn)] if {{ ssl_c_used }}
    http-request redirect code 301 location /head if {{ path /moved }}
    use_backend down if {{ path /down }}
    use_backend brief if {{ path_beg /brief/ }}
    default_backend server
backend server
    http-request replace-path /members(/.*) \\1
    server it 127.0.0.1:{backend}
backend brief
    timeout tunnel 1s
    http-request replace-path /brief(/.*) \\1
    server it 127.0.0.1:{backend}
backend down
    retries 0
    server nobody 127.0.0.1:{nobody}
"""


class BehindHaproxy(Behind):
    @classmethod
    def command(cls, port):
        configuration = cls.folder / "haproxy.cfg"
        places = {"certificate": cls.certificate, "ca": cls.authority.certificate, "backend": cls.peer.port}
        configuration.write_text(CONFIGURATION.format(port=port, nobody=free_port(), **places))
        return [HAPROXY, "-db", "-f", str(configuration)]

    def test_a_path_that_wants_a_client_certificate(self):
        failed = self.refused("/members/head")
        self.assertEqual((failed.http_status, failed.http_body), (403, b"members only"))
        member = self.authority.client()
        self.open("/members/head", client_certificate_file=(member, member))
        self.assertIn(["x-client", "a member"], self.head())

    def test_a_server_that_is_down_is_haproxy_s_answer_with_its_page(self):
        failed = self.refused("/down")
        self.assertEqual(failed.http_status, 503)
        self.assertIn(b"No server is available to handle this request", failed.http_body)

    def test_a_redirect_to_another_path_is_followed(self):
        ws = self.open("/moved", max_redirects=1)
        self.assertIn(["host", f"localhost:{self.proxy.port}"], self.head())
        self.assertEqual(ws4d.ws_get_response_status(ws), 101)


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class PythonBehindHaproxy(BehindHaproxy, unittest.TestCase):
    start = staticmethod(python_peer)


@unittest.skipUnless(HAPROXY and shutil.which("node"), "haproxy or node is not installed")
class NodeBehindHaproxy(BehindHaproxy, unittest.TestCase):
    start = staticmethod(node_peer)


if __name__ == "__main__":
    unittest.main()
