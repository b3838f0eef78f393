"""The DevTools endpoint of a headless Chromium, which answers calls in JSON."""

import json
import os
import urllib.request

import ws4d_ctypes as c
from host import PATIENCE
from programs import Program
from talk import MEBIBYTE, Talk, expect, text_of
from unpacked import program, scratch

FLAGS = (
    "--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-default-apps --disable-dev-shm-usage"
).split()


class Calls(Talk):
    """A connection that sends its calls whole or in parts, and takes answers whole or in parts."""

    number = 0
    in_parts = False

    def __call__(self, method, session=None, **parameters):
        self.number += 1
        call = {"id": self.number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        (self.send_in_parts if self.in_parts else self.send)(json.dumps(call, ensure_ascii=False).encode(), True)
        while True:  # events come between
            answer = json.loads(self.whole())
            if answer.get("id") == self.number:
                expect(None, answer.get("error"), method)
                return answer["result"]

    def whole(self):
        data, last = b"", False
        while not last:
            found, last = self.next()
            if found.type not in (c.WS_EVENT_TYPE_MESSAGE, c.WS_EVENT_TYPE_PART):
                raise AssertionError(f"not a message: {found}")
            last = last or found.type == c.WS_EVENT_TYPE_MESSAGE
            data += found.data
        return data

    def echoes_text(self):
        """A page's JavaScript gives back what it was given as a literal."""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for length in (0, 100, 65536, MEBIBYTE):
            text = text_of(length).decode()
            expression = json.dumps(text, ensure_ascii=False)
            answer = self("Runtime.evaluate", session, expression=expression, returnByValue=True)
            expect(text, answer["result"]["value"], f"a text of {length} bytes")


def chromium(run):
    folder = scratch(run)
    flags = [*FLAGS, *["--no-sandbox"] * (os.geteuid() == 0), f"--user-data-dir={folder}/data"]
    path = program("chromium").path
    browser = Program(lambda port: [path, *flags, f"--remote-debugging-port={port}", "about:blank"], folder / "log")
    run.callback(browser.stop)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{browser.port}/json/version", timeout=PATIENCE) as answer:
        url = json.load(answer)["webSocketDebuggerUrl"]
    plain = Calls(run, url, compression=0)
    facts = [plain("Browser.getVersion")["product"]]
    plain.echoes_text()
    facts.append("calls and answers with text up to 1 MiB")
    compressed = Calls(run, url, compression=6)
    expect(True, b"permessage-deflate" in (compressed.agreed or b""), "compression is agreed upon")
    compressed.echoes_text()
    facts.append("compressed")
    parts = Calls(run, url, compression=0, part_size=1000)
    parts.in_parts = True
    parts.echoes_text()
    facts.append("sent and received in parts")
    # It answers each close frame with 1000.
    return [*facts, plain.ping(), plain.closes(answer=1000)]
