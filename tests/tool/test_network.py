"""The options for the request, the way to the server, and TLS: each seen from the other side."""

import base64
import socket
import ssl
import subprocess
import threading

from tool import CA, PATIENCE, PORT, WS, WSS, Case, frame, read_close, run


class Request(Case):
    def head(self, *arguments, url=f"{WS}/headers"):
        """The lines of the request as the server had them."""
        return self.ends(0, url, "--count", "1", "-n", *arguments).text.split("\r\n")

    def test_headers_cookies_origin_and_subprotocols(self):
        head = self.head("-H", "X-One: 1", "--header", "X-Two:2: 3", "--cookie", "a=1", "--cookie", "b=2", "--origin", "https://site.example",
                         "-p", "chat", "--subprotocol", "superchat")
        for line in ("X-One: 1", "X-Two: 2: 3", "Cookie: a=1; b=2", "Origin: https://site.example", "Sec-WebSocket-Protocol: chat, superchat"):
            self.assertIn(line, head)

    def test_the_subprotocol_that_was_chosen_is_told(self):
        self.assertIn("Sec-WebSocket-Protocol: chat", run(f"{WS}/echo?protocol=chat", "-p", "chat", "-v").said)

    def test_a_user_is_basic_authorization_whatever_characters_it_has(self):
        expected = base64.b64encode("anna@x:p:ä/%".encode()).decode()
        self.assertIn(f"Authorization: Basic {expected}", self.head("--user", "anna@x:p:ä/%"))

    def test_a_server_that_wants_digest_gets_it(self):
        def refuse(server, connection):
            server.read_head(connection)
            connection.sendall(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
                               b"Content-Length: 0\r\nConnection: close\r\n\r\n")

        def welcome(server, connection):
            server.accept(connection)
            read_close(connection)

        server = self.serve(refuse, welcome)
        self.ends(0, server.url, "-u", "anna:secret")
        self.assertIn('Digest username="anna"', server.heads[1])

    def test_a_user_without_a_password_needs_a_terminal(self):
        result = self.ends(1, WS, "-u", "anna", start_new_session=True)
        self.assertIn("no terminal to ask for one", result.said)

    def test_a_token_from_the_command_line_or_a_file(self):
        self.assertIn("Authorization: Bearer abc", self.head("--bearer", "abc"))
        path = self.file("from-a-file\nnot this\n")
        self.assertIn("Authorization: Bearer from-a-file", self.head("--bearer", f"@{path}"))
        self.ends(2, WS, "--bearer", "@/no/such/file")

    def test_compression_is_offered_unless_it_is_not_wanted(self):
        self.assertIn("permessage-deflate", "".join(self.head("--compression", "9")))
        for words in (("--no-compression",), ("--compression", "0")):
            self.assertNotIn("permessage-deflate", "".join(self.head(*words)))

    def test_redirects_are_followed_as_often_as_is_allowed(self):
        url = f"{WS}/redirect?to={WS}/echo"
        self.says("x\n", url, "--redirects", "1", input=b"x\n")
        self.assertIn("--redirects", self.ends(8, url).said)


class Way(Case):
    def proxy(self):
        """A proxy for one connection."""
        def talk(server, connection):
            host, port = server.read_head(connection).split()[1].rsplit(":", 1)
            with socket.create_connection((host, int(port)), PATIENCE) as beyond:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pipe, args=(beyond, connection))
                back.start()
                pipe(connection, beyond)
                back.join()

        return self.serve(talk)

    def test_a_proxy_and_its_headers(self):
        proxy = self.proxy()
        url = f"http://127.0.0.1:{proxy.port}"
        self.says("x\n", f"{WS}/echo", "--proxy", url, "--proxy-header", "X-Team: blue", input=b"x\n")
        self.assertTrue(proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{PORT} "), proxy.heads)
        self.assertIn("X-Team: blue", proxy.heads[0])

    def test_the_environment_s_proxy_and_none(self):
        proxy = self.proxy()
        environment = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"}
        route = ("--resolve", f"feed.example:{PORT}:127.0.0.1")
        self.says("x\n", f"ws://feed.example:{PORT}/echo", *route, "--proxy", "", input=b"x\n", env=environment)
        self.assertEqual(proxy.heads, [])
        self.ends(6, "ws://feed.example:1/", env={"HTTP_PROXY": "http://127.0.0.1:1"})

    def test_another_address_host_or_port(self):
        for words in (("--resolve", f"feed.example:{PORT}:127.0.0.1"), ("--connect-to", f"feed.example:{PORT}:127.0.0.1:"),
                      ("--connect-to", f"::[127.0.0.1]:{PORT}")):
            self.assertIn(f"Host: feed.example:{PORT}", self.ends(0, f"ws://feed.example:{PORT}/headers", "-n", "-c1", *words).text)

    def test_a_unix_socket(self):
        path = str(self.folder() / "socket")
        server = self.serve(lambda it, connection: (it.accept(connection), connection.sendall(frame(1, b"hi")), read_close(connection)),
                            family=socket.AF_UNIX, address=path)
        self.says("hi\n", "ws://localhost/path", "--unix", path, "-n", "-c1")
        self.assertTrue(server.heads[0].startswith("GET /path "))

    def test_an_address_to_come_from(self):
        seen = []

        def talk(server, connection):
            seen.append(connection.getpeername()[0])
            server.accept(connection)
            read_close(connection)

        self.ends(0, self.serve(talk).url, "--bind", "127.0.0.77")
        self.assertEqual(seen, ["127.0.0.77"])


def pipe(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Tls(Case):
    def key(self):
        """The SHA-256 of the server's key, as --verbose has it."""
        return run(f"{WSS}/echo", "--ca", CA, "-v").said.split("SHA-256 is ")[1].split()[0]

    def test_an_authority_is_trusted_when_it_is_named(self):
        self.says("x\n", f"{WSS}/echo", "--ca", CA, input=b"x\n")
        self.says("x\n", f"{WSS}/echo", "--ca", CA, "--no-system-trust", input=b"x\n")

    def test_insecure_trusts_anybody(self):
        self.says("x\n", f"{WSS}/echo", "--insecure", input=b"x\n")
        self.assertIn("not verified", run(f"{WSS}/echo", "-k", "-v").said)

    def test_a_pinned_key_is_the_server_s_or_not(self):
        self.ends(0, f"{WSS}/echo", "--ca", CA, "--pin", self.key())
        self.assertIn("--pin", self.ends(7, f"{WSS}/echo", "--ca", CA, "--pin", "00" * 32).said)

    def test_the_name_is_verified(self):
        port = WSS.rsplit(":", 1)[1]
        way = ("--ca", CA, "--resolve", f"other.example:{port}:127.0.0.1")
        self.ends(7, f"wss://other.example:{port}/echo", *way)
        self.ends(0, f"wss://other.example:{port}/echo", *way, "--server-name", "localhost")

    def test_revocation_lists_want_one_for_each_issuer(self):
        folder = self.folder()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x",
                "-keyout", folder / "key", "-out", folder / "ca")
        (folder / "index").write_text("")
        (folder / "number").write_text("01\n")
        (folder / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\ndefault_md=sha256\ndefault_crl_days=7\n"
                                     f"crlnumber={folder}/number\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n")
        openssl("ca", "-gencrl", "-config", folder / "conf", "-keyfile", folder / "key", "-cert", folder / "ca", "-out", folder / "crl")
        self.assertIn("--crl", self.ends(7, f"{WSS}/echo", "--ca", CA, "--crl", folder / "crl").said)
        self.ends(2, f"{WSS}/echo", "--crl", folder / "ca")

    def test_a_client_s_certificate_with_a_key_that_is_encrypted(self):
        folder = self.folder()
        for name, more in (("server", ("-nodes", "-addext", "subjectAltName=DNS:localhost")), ("client", ("-passout", "pass:secret"))):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}", *more,
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(folder / "client.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        subjects = []

        def talk(server, connection):
            with context.wrap_socket(connection, server_side=True) as secure:
                subjects.append(secure.getpeercert()["subject"][0][0][1])
                server.accept(secure)
                read_close(secure)

        url = self.serve(talk).url.replace("ws://127.0.0.1", "wss://localhost")
        words = (url, "--ca", folder / "server.pem", "--cert", folder / "client.pem", "--key", folder / "client.key")
        self.assertIn("--key-password", self.ends(2, *words).said)
        self.ends(2, *words, "--key-password", "wrong")
        self.ends(0, *words, "--key-password", f"@{self.file('secret')}", "--tls-min", "1.3")
        self.assertEqual(subjects, ["client"])

    def test_the_key_log_is_written(self):
        path = self.folder() / "keys"
        self.ends(0, f"{WSS}/echo", "--ca", CA, "--key-log", path)
        self.assertIn("CLIENT_TRAFFIC_SECRET_0", path.read_text())
