"""TLS with OpenSSL on the other side: Python's websockets, with a certificate of the openssl program."""

import hashlib
import ssl
import unittest

import ws4d_ctypes as c
from host import Failed, Host, shut_down, ws4d
from programs import folder_of, openssl, python_peer

tearDownModule = shut_down


class WithOpenssl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = folder_of(cls)
        key, cls.certificate, both = (folder / name for name in ("key.pem", "certificate.pem", "both.pem"))
        subject = ["-subj", "/C=DE/O=Größe Ltd/CN=127.0.0.1", "-utf8", "-addext", "subjectAltName=IP:127.0.0.1"]
        leaf = ["-addext", "basicConstraints=critical,CA:FALSE"]
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-keyout", key, "-out", cls.certificate, *subject, *leaf)
        both.write_bytes(key.read_bytes() + cls.certificate.read_bytes())
        cls.peer = python_peer(f"tls={both}")
        cls.addClassCleanup(cls.peer.stop)
        cls.url = cls.peer.url + "/echo"

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


class Weak(unittest.TestCase):
    """Certificates of a trusted CA that OpenSSL still makes and no client should accept."""

    def refusal(self, key, digest):
        folder = folder_of(self)
        names = ("ca.key", "ca.pem", "leaf.key", "leaf.csr", "leaf.pem", "names", "both.pem")
        ca_key, ca, leaf_key, request, leaf, names, both = (folder / name for name in names)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca, "-subj", "/CN=a CA")
        openssl("req", "-newkey", key, "-nodes", "-keyout", leaf_key, "-out", request, "-subj", "/CN=weak")
        names.write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n")
        issuer = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
        openssl("x509", "-req", "-in", request, "-days", "7", digest, "-extfile", names, "-out", leaf, *issuer)
        both.write_bytes(leaf_key.read_bytes() + leaf.read_bytes())
        peer = python_peer(f"tls={both}")
        self.addCleanup(peer.stop)
        with self.assertRaises(Failed) as failed:
            Host(self).open(peer.url + "/echo", ca_file=str(ca).encode())
        return failed.exception.codes[0], failed.exception.messages[0]

    def test_a_signature_with_sha_1(self):
        code, message = self.refusal("rsa:2048", "-sha1")
        self.assertEqual(code, c.WS_ERR_CERTIFICATE)
        self.assertIn("is signed in a way that is too weak or not known", message)

    def test_an_rsa_key_of_1024_bits(self):
        code, message = self.refusal("rsa:1024", "-sha256")
        self.assertEqual(code, c.WS_ERR_CERTIFICATE, message)
        self.assertIn("weak", message)


if __name__ == "__main__":
    unittest.main()
