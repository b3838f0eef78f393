"""Programs that other people wrote, each in a process of its own: servers, proxies, and openssl for their certificates."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time

from host import PATIENCE, ROOT

HERE = pathlib.Path(__file__).parent


class Peer:
    """A server in a process of its own, and what it says that it saw."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"{'wss' if any(word.startswith('tls=') for word in command) else 'ws'}://127.0.0.1:{self.port}"

    def saw(self, path):
        """(code, reason, messages) of the end of the connection that was opened with this path."""
        for line in self.process.stdout:
            seen = json.loads(line)
            if seen["closed"] == path:
                return seen["code"], seen["reason"], seen["messages"]
        raise AssertionError(f"the server has ended and saw no end of {path}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def python_peer(*arguments):
    return Peer(str(ROOT / "build/venv/bin/python"), str(HERE / "peer_websockets.py"), *arguments)


def node_peer(*arguments):
    return Peer("node", str(HERE / "peer_ws.js"), *arguments, NODE_PATH=str(ROOT / "build/node/node_modules"))


class Program:
    """A proxy on a free port, for which `command` finds the words."""

    def __init__(self, command, log):
        self.log = log
        while not self.start(command):
            # Somebody took the port between the look for a free one and the program's own bind.
            assert re.search("(?i)address already in use", log.read_text(errors="replace")), log.read_text(errors="replace")
            log.write_text("")

    def start(self, command):
        self.port, log = free_port(), self.log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command(self.port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
        deadline = time.monotonic() + PATIENCE
        while True:  # until it listens
            try:
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
                return self.process.poll() is None
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                if self.process.poll() is not None:
                    return False

    def said(self, words):
        """Waits until its log matches."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(words, self.log.read_text(errors="replace")):
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


# All that it writes, too, for which its own folders may not exist where it was unpacked and not installed.
NGINX = """
{user}
daemon off;
worker_shutdown_timeout 1s;
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
    {servers}
}}
"""


def nginx_command(nginx, folder, servers):
    """What starts nginx with these servers, with everything of its own in a folder."""
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is for nobody else
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(user=user, folder=folder, servers=servers))
    return [nginx, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "log")]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder_of(owner):
    """A folder that is gone after the tests of that class, or after that test."""
    folder = tempfile.TemporaryDirectory()
    (owner.addClassCleanup if isinstance(owner, type) else owner.addCleanup)(folder.cleanup)
    return pathlib.Path(folder.name)


def openssl(*arguments, input=None):
    return subprocess.run(["openssl", *arguments], input=input, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Authority:
    """A certificate authority, and whom it has signed: `file("server")` is a chain and its key in one."""

    EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")

    def __init__(self, folder, name="ca", *extensions):
        self.folder, self.name = folder, name
        self.certificate = folder / f"{name}.pem"
        added = [word for extension in extensions for word in ("-addext", extension)]
        new = ("req", "-x509", "-newkey", *self.EC, "-nodes", "-subj", f"/CN={name}", *added)
        openssl(*new, "-keyout", folder / f"{name}.key", "-out", self.certificate)

    def sign(self, name, *extensions, key_of=EC):
        """The file of a new key and its certificate with these extensions."""
        key, request, leaf, wanted, both = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "crt", "ext", "pem"))
        openssl("req", "-newkey", *key_of, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        wanted.write_text("\n".join(("basicConstraints=critical,CA:FALSE", *extensions, "")))
        issuer = ("-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", request, "-days", "7", "-sha256", "-extfile", wanted, "-out", leaf, *issuer)
        both.write_bytes(leaf.read_bytes() + key.read_bytes())
        return both

    def local(self):
        """The file of a server of this machine."""
        return self.sign("server", "subjectAltName=DNS:localhost,IP:127.0.0.1", "extendedKeyUsage=serverAuth")

    def client(self):
        """The file of a client."""
        return str(self.sign("a member", "extendedKeyUsage=clientAuth")).encode()
