"""Certificates of OpenSSL's making that are seen on the Internet and in test labs: one nginx shows them, a name for each."""

import re
import unittest

import ws4d_ctypes as c
from host import Failed, Host, shut_down, ws4d
from programs import Authority, Program, folder_of, nginx_command, python_peer
from reverse_proxy import program

tearDownModule = shut_down

NGINX = program("nginx")

COMMON = """
    ssl_protocols TLSv1.2 TLSv1.3;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
"""

SERVER = """
server {{
    listen {listen} ssl;
    server_name {name};
    ssl_certificate "{file}";
    ssl_certificate_key "{file}";
    location / {{ proxy_pass http://127.0.0.1:{backend}; }}
}}
"""


def curve(name):
    return ("ec", "-pkeyopt", f"ec_paramgen_curve:{name}")


P_256 = curve("prime256v1")
NAMED = "subjectAltName=DNS:{name}"
NO_KEY = "finds nothing that both sides take (alert handshake failure, 40)"
# name: (kind of key, extensions, what the refusal says; None: it is accepted)
KINDS = {
    "p-256.test": (P_256, [NAMED], None),
    "p-384.test": (curve("secp384r1"), [NAMED], None),
    "p-521.test": (curve("secp521r1"), [NAMED], None),
    "rsa-3072.test": (("rsa:3072",), [NAMED], None),
    "ed25519.test": (("ed25519",), [NAMED], None),
    "secp256k1.test": (curve("secp256k1"), [NAMED], NO_KEY),
    "ed448.test": (("ed448",), [NAMED], NO_KEY),
    "rsa-pss.test": (("rsa-pss",), [NAMED], NO_KEY),
    "one.wild.test": (P_256, ["subjectAltName=DNS:*.wild.test"], None),
    "two.names.wild.test": (P_256, ["subjectAltName=DNS:*.wild.test"], "it is for *.wild.test, not for two.names.wild.test"),
    "common-name.test": (P_256, [], "it has no subjectAltName"),
    "both.test": (P_256, [NAMED, "extendedKeyUsage=clientAuth,serverAuth"], None),
    "client.test": (P_256, [NAMED, "extendedKeyUsage=clientAuth"], "is not one for servers"),
    "critical.test": (P_256, [NAMED, "1.2.3.4=critical,DER:0500"], "an extension that is critical and not known"),
}
# Of other authorities: one that may vouch for one name, and one that is a server itself, as "openssl req -x509" makes it.
OTHERS = {
    "inside.test": None,
    "outside.test": "is for outside.test: its CA may not vouch for that",
    "lab.test": None,
}


@unittest.skipUnless(NGINX, "nginx is not installed")
class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = folder_of(cls)
        authority = Authority(folder)
        cls.peer = python_peer()
        cls.addClassCleanup(cls.peer.stop)
        files = {
            name: authority.sign(name, *(extension.format(name=name) for extension in extensions), key_of=key)
            for name, (key, extensions, _) in KINDS.items()
        }
        inside = Authority(folder, "inside", "nameConstraints=critical,permitted;DNS:inside.test")
        files["inside.test"] = inside.sign("inside.test", NAMED.format(name="inside.test"))
        files["outside.test"] = inside.sign("outside.test", NAMED.format(name="outside.test"))
        lab = Authority(folder, "lab.test", "subjectAltName=DNS:lab.test")
        files["lab.test"] = folder / "lab.both"
        files["lab.test"].write_bytes(lab.certificate.read_bytes() + (folder / "lab.test.key").read_bytes())
        addresses = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:127.0.0.9"
        files["addresses.test"] = authority.sign("addresses.test", addresses)
        cls.socket = str(folder / "socket").encode()
        cls.trusted = folder / "trusted"
        cls.trusted.write_bytes(b"".join(ca.certificate.read_bytes() for ca in (authority, inside, lab)))

        def command(port):
            backend = cls.peer.port
            # An address is asked for by no name (RFC 6066 section 3): a place of its own, whatever addresses this machine has.
            listen = {name: f"127.0.0.1:{port}" for name in files} | {"addresses.test": f"unix:{folder}/socket"}
            servers = "".join(
                SERVER.format(listen=listen[name], name=name, file=file, backend=backend) for name, file in files.items()
            )
            return nginx_command(NGINX, folder, COMMON + servers)

        cls.proxy = Program(command, folder / "log")
        cls.addClassCleanup(cls.proxy.stop)

    def open(self, name, **settings):
        host, resolve = Host(self), (name.encode(), self.proxy.port, b"127.0.0.1")
        ws = host.open(f"wss://{name}:{self.proxy.port}/echo", resolve=resolve, **settings)
        self.assertEqual(ws4d.ws_send_text(ws, b"hello", 5), c.WS_OK)
        host.run_until("message text hello")
        return ws

    def test_each_is_accepted_or_refused_in_its_own_words(self):
        expected = {name: why for name, (_, _, why) in KINDS.items()} | OTHERS
        for name, why in expected.items():
            # By the system's verifier, and by the library's.
            for system_trust in (1, 0):
                with self.subTest(name, system_trust=system_trust):
                    trust = {"ca_file": str(self.trusted).encode(), "system_trust": system_trust}
                    if why is None:
                        self.open(name, **trust)
                        continue
                    with self.assertRaises(Failed) as caught:
                        self.open(name, **trust)
                    self.assertIn(why, caught.exception.messages[0])
                    code = c.WS_ERR_TLS if why == NO_KEY else c.WS_ERR_CERTIFICATE
                    self.assertEqual((caught.exception.codes[0], caught.exception.components[0]), (code, "tls "))

    def test_one_for_addresses_of_both_families_is_for_these_alone(self):
        """A name that looks like an address is none."""
        through = {"unix_socket": self.socket, "ca_file": str(self.trusted).encode()}
        for system_trust in (1, 0):
            for address in ("127.0.0.1", "[::1]", "[0:0::0:1]"):
                Host(self).open(f"wss://{address}/echo", system_trust=system_trust, **through)
            for address in ("127.0.0.2", "127.0.0.9", "[::2]", "[::ffff:127.0.0.1]"):
                with self.subTest(address), self.assertRaises(Failed) as caught:
                    Host(self).open(f"wss://{address}/echo", system_trust=system_trust, **through)
                self.assertEqual(caught.exception.codes[0], c.WS_ERR_CERTIFICATE)
                why = "as the name of a host" if address == "127.0.0.9" else "it is for 127.0.0.1, ::1, 127.0.0.9, not for"
                self.assertIn(why, caught.exception.messages[0])

    def test_a_self_signed_one_of_a_lab_is_trusted_by_itself_or_by_its_key_alone(self):
        """The way out that the refusal tells of."""
        with self.assertRaises(Failed) as caught:
            self.open("lab.test")
        self.assertIn("is that of a CA, self-signed, not of a server", caught.exception.messages[0])
        self.assertIn("ws_options_set_ca_file", caught.exception.messages[0])
        self.open("lab.test", ca_file=str(self.trusted).encode())
        with self.assertRaises(Failed) as caught:
            self.open("lab.test", verify=0, pinned_key_sha256=b"00" * 32)
        key = re.search("[0-9a-f]{64}", caught.exception.messages[0]).group()
        self.open("lab.test", verify=0, pinned_key_sha256=key.encode())


if __name__ == "__main__":
    unittest.main()
