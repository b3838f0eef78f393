"""TLS with OpenSSL on the other side: Python's websockets, with a certificate of the openssl program."""

import hashlib
import pathlib
import ssl
import subprocess
import tempfile
import unittest

import ws4d_ctypes as c
from host import ROOT, Failed, Host, shut_down, ws4d
from test_peers import HERE, Peer

tearDownModule = shut_down


def openssl(*arguments, input=None):
    return subprocess.run(["openssl", *arguments], input=input, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class WithOpenssl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        key, cls.certificate, both = (pathlib.Path(folder.name, name) for name in ("key.pem", "certificate.pem", "both.pem"))
        subject = ["-subj", "/C=DE/O=Größe Ltd/CN=127.0.0.1", "-utf8", "-addext", "subjectAltName=IP:127.0.0.1"]
        leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-keyout", key, "-out", cls.certificate, *subject, *leaf)
        both.write_bytes(key.read_bytes() + cls.certificate.read_bytes())
        cls.peer = Peer(str(ROOT / "build/venv/bin/python"), str(HERE / "peer_websockets.py"), f"tls={both}")
        cls.addClassCleanup(cls.peer.stop)
        cls.url = cls.peer.url.replace("ws://", "wss://") + "/echo"

    def info(self, **settings):
        host = Host(self)
        ws = host.open(self.url, **settings)
        self.assertEqual(ws4d.ws_send_text(ws, b"hello", 5), c.WS_OK)
        host.run_until("message text hello")
        info = c.ws_tls_info()
        self.assertEqual(ws4d.ws_get_tls_info(ws, info), c.WS_OK)
        return info

    def test_what_openssl_says_of_the_certificate_the_library_says_too(self):
        info = self.info(ca_file=str(self.certificate).encode())
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        self.assertEqual(info.sha256.decode(), hashlib.sha256(der).hexdigest())
        key = openssl("pkey", "-pubin", "-outform", "der", input=openssl("x509", "-in", self.certificate, "-noout", "-pubkey"))
        self.assertEqual(info.key_sha256.decode(), hashlib.sha256(key).hexdigest())
        dates = openssl("x509", "-in", self.certificate, "-noout", "-dates").decode().split("\n")
        moments = [ssl.cert_time_to_seconds(line.partition("=")[2]) for line in dates if line]
        self.assertEqual([info.not_before, info.not_after], moments)
        self.assertEqual(info.subject.decode(), "C=DE, O=Größe Ltd, CN=127.0.0.1")
        self.assertEqual(info.issuer, info.subject)
        self.assertEqual((info.version, info.alpn, info.verified), (b"TLSv1.3", b"http/1.1", 1))
        self.assertEqual(info.cipher_suite, b"TLS_AES_256_GCM_SHA384")

    def test_a_pin_as_curl_writes_it_is_kept(self):
        key = self.info(verify=0).key_sha256.decode()
        pin = b"sha256//" + openssl("base64", input=bytes.fromhex(key)).strip()
        self.assertEqual(self.info(verify=0, pinned_key_sha256=pin).verified, 0)
        with self.assertRaises(Failed) as refused:
            self.info(verify=0, pinned_key_sha256=b"ab" * 32)
        self.assertEqual(refused.exception.codes[0], c.WS_ERR_CERTIFICATE)

    def test_openssl_s_sessions_are_resumed(self):
        trusting = {"ca_file": str(self.certificate).encode(), "server_name": b"127.0.0.1"}
        self.assertEqual([self.info(**trusting).resumed for _ in range(3)], [0, 1, 1])


if __name__ == "__main__":
    unittest.main()
