"""What the Python clients have in common: arguments, the clock, the kinds that do not differ. See bench.h."""

import os
import resource
import ssl
import sys
import time

UNSUPPORTED = 3


class Arguments:
    def __init__(self):
        self.kind, self.url, size, count, self.ca, data = sys.argv[1:]
        self.size, self.count = int(size), int(count)
        self.payload = "x" * self.size
        self.deflate = "/deflate/" in self.url
        self.tls = None
        if self.url.startswith("wss"):
            self.tls = ssl.create_default_context(cafile=self.ca)
        self.lines = []
        if self.deflate:
            with open(data, encoding="utf-8") as lines:
                self.lines = lines.read().splitlines()


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Clock:
    def __init__(self):
        self.cpu = cpu()
        self.wall = time.monotonic()

    def print(self, messages):
        wall = time.monotonic() - self.wall
        print(f"wall={wall * 1e6 / messages:.6f} cpu={(cpu() - self.cpu) * 1e6 / messages:.6f}")


def unsupported():
    sys.exit(UNSUPPORTED)


def finish():
    sys.stdout.flush()
    os._exit(0)
