"""Proxies on the way: squid, which wants Digest, and dante and microsocks, which speak SOCKS5."""

import os
import subprocess

import ws4d_ctypes as c
from host import Failed
from programs import Authority, Program, python_peer
from talk import Talk, echo, expect
from unpacked import program, scratch

SQUID = """
http_port 127.0.0.1:{port}
auth_param digest program {helper} {folder}/passwords
auth_param digest realm a realm
auth_param digest children 1
acl known proxy_auth REQUIRED
http_access allow CONNECT known
http_access deny all
pid_filename none
access_log stdio:{folder}/access
cache_log {folder}/log
coredump_dir {folder}
mime_table {mime}
icon_directory {icons}
error_directory {errors}
pinger_enable off
unlinkd_program {unlinkd}
netdb_filename none
cache_mem 1 MB
visible_hostname localhost
shutdown_lifetime 0 seconds
"""

DANTE = """
logoutput: {folder}/log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
{user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }}
"""


def through(run, folder, proxies):
    """What is shown through each of them, with ws and wss."""
    authority = Authority(folder)
    certificate = authority.local()
    facts = []
    for scheme, arguments in (("ws", []), ("wss", [f"tls={certificate}"])):
        peer = python_peer("deflate", *arguments)
        run.callback(peer.stop)
        for proxy in proxies:
            settings = {"proxy": proxy.encode(), "ca_file": str(authority.certificate).encode(), "compression": 6}
            shown = echo(run, f"{scheme}://localhost:{peer.port}/echo", **settings)
        facts += [f"{scheme}:", *shown]
    return facts


def refused(run, proxy, status):
    try:
        Talk(run, "ws://localhost:1/", proxy=proxy.encode())
    except Failed as failed:
        expect((c.WS_ERR_PROXY, status), (failed.codes[0], failed.http_status), f"the refusal, {failed}")
        if "s3cret" in str(failed) or "wr0ng" in str(failed):
            raise AssertionError(f"the password is in {failed}")
        return
    raise AssertionError("it was not refused")


def squid(run):
    folder = scratch(run)
    (folder / "passwords").write_text("user:s3cret\n")
    found = program("squid")
    places = {
        "helper": found.resources("lib/squid/digest_file_auth"),
        "unlinkd": found.resources("lib/squid/unlinkd"),
        "mime": found.resources("share/squid/mime.conf"),
        "icons": found.resources("share/squid/icons"),
        "errors": found.resources("share/squid-langpack/en"),
    }

    def start(port):
        file = folder / "squid.conf"
        file.write_text(SQUID.format(folder=folder, port=port, **places))
        return [found.path, "-N", "-n", f"ws4d{port}", "-f", str(file)]  # the name of its shared memory, too

    proxy = Program(start, folder / "log")
    run.callback(proxy.stop)
    address = f"127.0.0.1:{proxy.port}"
    facts = through(run, folder, [f"http://user:s3cret@{address}"])
    lines = (folder / "access").read_text().splitlines()
    expect(True, any("TCP_TUNNEL/200" in line and " user " in line for line in lines), f"the tunnel in its log, {lines[:4]}")
    refused(run, f"http://user:wr0ng@{address}", 407)
    refused(run, f"http://{address}", 407)
    version = subprocess.run([found.path, "-v"], check=True, capture_output=True, text=True).stdout.split()[3]
    return [version, *facts, "by Digest, as its log says", "407 for a wrong password, and without one"]


def dante(run):
    folder = scratch(run)
    path = program("danted").path

    def start(port):
        file = folder / "danted.conf"
        user = "user.privileged: root\nuser.unprivileged: nobody" if os.geteuid() == 0 else ""
        file.write_text(DANTE.format(folder=folder, port=port, user=user))
        return [path, "-f", str(file), "-p", str(folder / "pid")]

    proxy = Program(start, folder / "log")
    run.callback(proxy.stop)
    facts = through(run, folder, [f"{scheme}://127.0.0.1:{proxy.port}" for scheme in ("socks5", "socks5h")])
    return ["socks5 and socks5h", *facts]


def microsocks(run):
    folder = scratch(run)
    path = program("microsocks").path
    proxy = Program(lambda port: [path, "-i", "127.0.0.1", "-p", str(port), "-u", "user", "-P", "s3cret"], folder / "log")
    run.callback(proxy.stop)
    facts = through(run, folder, [f"{scheme}://user:s3cret@127.0.0.1:{proxy.port}" for scheme in ("socks5", "socks5h")])
    refused(run, f"socks5h://user:wr0ng@127.0.0.1:{proxy.port}", 0)
    return ["socks5 and socks5h with a password", *facts, "a wrong one is refused"]
