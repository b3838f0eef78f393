#compdef ws4d
# zsh completion for ws4d. tests/tool compares the options with those of --help.
_arguments -s -S \
    '*'{-H+,--header=}'[adds a header; may be repeated]:name and value: ' \
    '*--cookie=[adds cookies; may be repeated]:a=1; b=2: ' \
    '--origin=[the Origin header, as browsers send it]:origin: ' \
    '*'{-p+,--subprotocol=}'[offers a subprotocol; may be repeated, the most wanted first]:name: ' \
    '(-u --user)'{-u+,--user=}'[Basic authorization, or Digest where the server wants that; asks for the password]:name and password: ' \
    '--bearer=[an Authorization header with this bearer token, or with the first line of a file]:token|@file: ' \
    '--redirects=[follows up to N redirects (0)]:n: ' \
    '--proxy=[http, https, socks5 or socks5h; an empty one goes without]:url: ' \
    '*--proxy-header=[adds a header for an HTTP proxy; may be repeated]:name and value: ' \
    '--unix=[connects to a Unix socket; the URL still gives host and path]:file:_files' \
    '*--resolve=[an address instead of a look-up; may be repeated]:host, port and address: ' \
    '*--connect-to=[another host and port to connect to; may be repeated]:host and port, twice: ' \
    '--bind=[the address of this machine to connect from]:address: ' \
    '(-t --timeout)'{-t+,--timeout=}'[for the whole way to an open connection (30; 0 is no limit)]:seconds: ' \
    '*--ca=[trusts these authorities, too (PEM); may be repeated]:file:_files' \
    '--no-system-trust[trusts none but those of --ca]' \
    '*--crl=[revocation lists (PEM); may be repeated]:file:_files' \
    '--cert=[the certificate of the client and its chain (PEM)]:file:_files' \
    '--key=[its key (PEM), where that is not in the same file]:file:_files' \
    '--key-password=[of a key that is encrypted]:text|@file: ' \
    '*--pin=[the key of the server must be this one (hex or sha256//base64); may be repeated]:sha256: ' \
    '--server-name=[the name to ask for and to verify, instead of that of the URL]:name: ' \
    '--tls-min=[the lowest version of TLS, 1.2 or 1.3 (1.2)]:version:(1.2 1.3)' \
    '(-k --insecure)'{-k,--insecure}'[does not verify the certificate of the server, for tests alone]' \
    '--key-log=[writes the secrets of the session, for Wireshark]:file:_files' \
    '*'{-s+,--send=}'[sends a text message; may be repeated]:text: ' \
    '*'{-f+,--file=}'[sends a file as one message, - for standard input; may be repeated]:file:_files' \
    '(-b --binary)'{-b,--binary}'[sends files and standard input as binary messages]' \
    '(-j --json)'{-j,--json}'[sends lines and files as JSON, checked, without white space]' \
    '(-0 --null)'{-0,--null}'[messages end with NUL instead of a line break, in and out]' \
    '(-n --no-input)'{-n,--no-input}'[does not read standard input; stays until the server closes]' \
    '(-w --wait)'{-w+,--wait=}'[closes after so long a silence once the input has ended (1)]:seconds:(forever)' \
    '(-c --count)'{-c+,--count=}'[closes after N messages from the server]:n: ' \
    '--max-time=[closes after so long]:seconds: ' \
    '--close-code=[of our close frame, 1000, or 3000 to 4999 (1000)]:code: ' \
    '--close-reason=[of our close frame, at most 123 bytes]:text: ' \
    '--ping=[sends a ping so often, and measures the round trip]:seconds: ' \
    '--ping-timeout=[gives the server up after so long without a sign of life (20)]:seconds: ' \
    '--idle-timeout=[gives the server up after so long a silence]:seconds: ' \
    '--close-timeout=[how long to wait for the close frame of the server (5)]:seconds: ' \
    '--max-size=[the largest message, both ways (64M; 0 is no limit)]:bytes: ' \
    '--compression=[of permessage-deflate, 1 to 9; 0 is --no-compression (1)]:level: ' \
    '--no-compression[does not offer compression]' \
    '(-r --reconnect)'{-r,--reconnect}'[connects again when the connection ends]' \
    '--max-attempts=[of --reconnect, gives up after so many in a row]:n: ' \
    '--max-delay=[of --reconnect, the longest wait between two (30)]:seconds: ' \
    '--format=[auto, raw, pretty or json (auto is pretty on a terminal, else raw)]:how:(auto raw pretty json)' \
    '--color=[auto, always or never (auto is on a terminal)]:when:(auto always never)' \
    '(-q --quiet)'{-q,--quiet}'[nothing but messages and errors]' \
    '*'{-v,--verbose}'[says how it was connected; twice also the log of the library, too]' \
    '--summary[ends with a summary on standard error (as on a terminal)]' \
    '--no-summary[ends without one]' \
    '--record=[writes all that is sent and received, as JSON lines with times]:file:_files' \
    '--replay=[sends what was sent in a recording, with the same pauses]:file:_files' \
    '--speed=[of --replay, 2 is twice as fast; 0 is without pauses (1)]:factor: ' \
    '--bench=-[measures an echo server, or with ping any server]::what:(all echo ping throughput connect)' \
    '--duration=[of each measurement (3)]:seconds: ' \
    '--size=[of each message (32)]:bytes: ' \
    '--connections=[so many at the same time (1)]:n: ' \
    '--window=[of throughput, messages on their way in each connection (64)]:n: ' \
    '(-h --help)'{-h,--help}'[prints this]' \
    '(-V --version)'{-V,--version}'[prints the versions of the program and of the library]' \
    '1:URL:(ws\:// wss\://)'
