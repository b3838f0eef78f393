"""Autobahn's fuzzing server, on a free port of 127.0.0.1. For Python 2.7, like the test suite.

Prints "listening on PORT" when it does, and ends when its input does. The suite itself is used as it is: its own program can neither
listen on this machine only nor take a free port, and insists on the port in the Host header, which a TLS front changes.
"""

import json
import sys

from autobahntestsuite import fuzzing
from twisted.internet import protocol, reactor, stdio


class UntilInputEnds(protocol.Protocol):
    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()


def listen(factory, contextFactory=None):
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    factory.externalPort = None
    print "listening on %d" % port.getHost().port
    sys.stdout.flush()


fuzzing.listenWS = listen
fuzzing.startServer(json.load(open(sys.argv[1])), webport=None)
stdio.StandardIO(UntilInputEnds())
reactor.run()
