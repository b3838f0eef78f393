"""The command-line tool against five real servers, and what it said: nginx with TLS before Python's websockets, websockets, Node's
ws, mosquitto (MQTT over WebSocket), and the DevTools of a headless Chromium. Prints a transcript for docs/tool.md.

usage: tool_talk.py PROGRAM [NAME...]
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request

import devtools
import fronts
from host import PATIENCE
from programs import Authority, Program, node_peer, python_peer
from talk import Run
from unpacked import program, scratch


class Shown:
    """Runs the tool and prints what a reader would have typed and seen; names stand for ports and folders of this run."""

    def __init__(self, tool, names):
        self.tool, self.names = tool, names

    def __call__(self, *words, input=None, code=0, contains=()):
        done = subprocess.run([self.tool, *words], input=input, capture_output=True, timeout=PATIENCE, stdin=None if input else subprocess.DEVNULL)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == code, (words, done)
        for part in contains:
            assert part in said, (part, said)
        typed = " ".join(word if re.fullmatch(r"[\w:/.=,@-]+", word) else f"'{word}'" for word in words)
        before = f"printf '{input.decode('unicode_escape').encode('unicode_escape').decode()}' | " if input else ""
        print(self.plain(f"$ {before}ws4d {typed}\n{said.rstrip()}"))
        if code:
            print(f"(exit code {code})")
        return done

    def plain(self, text):
        for name, meant in self.names.items():
            text = text.replace(name, meant)
        return text


def nginx(run, tool):
    """nginx with TLS before Python's websockets"""
    folder = scratch(run)
    authority = Authority(folder)
    certificate = authority.local()
    peer = python_peer("deflate")
    run.callback(peer.stop)

    start = lambda port: fronts.start_nginx(folder, port=port, backend=peer.port, certificate=certificate)
    front = Program(start, folder / "log")
    run.callback(front.stop)
    show = Shown(tool, {f":{front.port}": "", str(authority.certificate): "ca.pem"})
    url = f"wss://localhost:{front.port}/echo"
    show(url, code=7, contains=["unknown issuer"])
    show("--ca", str(authority.certificate), "-v", "--send", "hello", url, contains=["TLSv1.", "Server: nginx", "hello", "permessage-deflate"])
    peer.stop()
    show("--ca", str(authority.certificate), url, code=8, contains=["502"])


def websockets(run, tool):
    """Python's websockets"""
    peer = python_peer("deflate")
    run.callback(peer.stop)
    show = Shown(tool, {f"127.0.0.1:{peer.port}": "localhost:8765"})
    show(f"{peer.url}/echo", input=b"one\ntwo\n", contains=["one\ntwo"])
    show("-n", "-v", "--no-compression", "-c", "1", f"{peer.url}/ping", contains=["ping from the server", "the pong came"])
    show("-n", f"{peer.url}/close?code=4001&reason=bye", code=13, contains=["4001: bye"])
    show(f"{peer.url}/refuse", code=8, contains=["401"])


def node(run, tool):
    """Node's ws"""
    peer = node_peer("deflate")
    run.callback(peer.stop)
    recording = scratch(run) / "session.jsonl"
    show = Shown(tool, {f"127.0.0.1:{peer.port}": "localhost:8080", str(recording): "session.jsonl"})
    show("--format", "pretty", "-s", '{"price":1.0812,"bid":[1,2]}', f"{peer.url}/echo", contains=['"price": 1.0812'])
    show("--record", str(recording), f"{peer.url}/echo", input=b"one\ntwo\n", contains=["one\ntwo"])
    show("--replay", str(recording), "--summary", f"{peer.url}/echo", contains=["sent      2 messages"])
    show("--bench=ping", "--duration", "1", f"{peer.url}/echo", contains=["round trips"])


def mosquitto(run, tool):
    """mosquitto, which speaks MQTT in binary messages"""
    folder = scratch(run)

    def start(port):
        configuration = folder / "mosquitto.conf"
        # Its version 2.0.11 does not start with a listener for WebSockets alone.
        configuration.write_text(f"listener {port} 127.0.0.1\nprotocol websockets\nlistener 0 {folder}/socket\nallow_anonymous true\n"
                                 f"log_dest file {folder}/log\n" + ("user root\n" if os.geteuid() == 0 else ""))
        return [program("mosquitto").path, "-c", str(configuration)]

    broker = Program(start, folder / "log")
    run.callback(broker.stop)
    # CONNECT (MQTT 3.1.1, a clean session, no name) and PINGREQ; the broker answers CONNACK and PINGRESP.
    packets = folder / "connect.bin"
    packets.write_bytes(bytes.fromhex("100c00044d5154540402000000 00".replace(" ", "") + "c000"))
    show = Shown(tool, {f"127.0.0.1:{broker.port}": "localhost:9001", str(packets): "connect.bin"})
    show("-p", "mqtt", "-v", "--binary", "--file", str(packets), "--format", "pretty", "-c", "2", f"ws://127.0.0.1:{broker.port}/",
         contains=["Sec-WebSocket-Protocol: mqtt", "20 02 00 00", "d0 00"])


def chromium(run, tool):
    """the DevTools of Chromium"""
    folder = scratch(run)
    flags = [*devtools.FLAGS, *["--no-sandbox"] * (os.geteuid() == 0), f"--user-data-dir={folder}/data"]
    path = program("chromium").path
    browser = Program(lambda port: [path, *flags, f"--remote-debugging-port={port}", "about:blank"], folder / "log")
    run.callback(browser.stop)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{browser.port}/json/version", timeout=PATIENCE) as answer:
        url = json.load(answer)["webSocketDebuggerUrl"]
    show = Shown(tool, {f"127.0.0.1:{browser.port}": "localhost:9222", url.rsplit("/", 1)[1]: "ID"})
    show("--format", "pretty", "-c", "1", "-s", '{"id":1,"method":"Browser.getVersion"}', url, contains=['"product"', "Chrome"])


SERVERS = {it.__name__: it for it in (nginx, websockets, node, mosquitto, chromium)}


def main(tool, *names):
    for name in names or SERVERS:
        print(f"### {SERVERS[name].__doc__}\n\n```")
        with Run() as run, contextlib.suppress(KeyboardInterrupt):
            SERVERS[name](run, tool)
        print("```\n", flush=True)


if len(sys.argv) < 2:
    raise SystemExit(__doc__)
main(*sys.argv[1:])
