"""Reverse proxies, which end TLS in front of a server: Apache httpd and nginx, with Python's websockets behind them."""

import os
import subprocess

import ws4d_ctypes as c
from programs import Authority, Program, nginx_command, python_peer
from talk import Talk, echo, expect
from unpacked import program, scratch

APACHE = """
ServerRoot "{folder}"
ServerName localhost
{user}
PidFile "{folder}/pid"
ErrorLog "{folder}/log"
Mutex file:{folder}
{modules}
Listen 127.0.0.1:{port}
SSLEngine on
SSLCertificateFile "{certificate}"
ProxyPass "/" "http://127.0.0.1:{backend}/" upgrade=websocket
"""

NGINX = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate "{certificate}";
        ssl_certificate_key "{certificate}";
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        location / {{ proxy_pass http://127.0.0.1:{backend}; }}
    }}
"""


def behind(run, command):
    """What is shown behind the one that `command` starts, in a folder, before a backend."""
    folder = scratch(run)
    authority = Authority(folder)
    certificate = authority.local()
    peer = python_peer("deflate")
    run.callback(peer.stop)

    front = Program(lambda port: command(folder, port=port, certificate=certificate, backend=peer.port), folder / "log")
    run.callback(front.stop)
    url = f"wss://localhost:{front.port}"
    settings = {"ca_file": str(authority.certificate).encode()}
    facts = ["wss:", *echo(run, url + "/echo?seen", compression=6, **settings)]
    expect((4000, "bye"), peer.saw("/echo?seen")[:2], "the close frame at the server")
    closing = Talk(run, url + "/close?code=4001&reason=enough", **settings)
    found, _ = closing.next()
    expect((c.WS_EVENT_TYPE_TERMINATE, 4001, b"enough", 1), (found.type, found.code, found.reason, found.clean), "the server's close")
    return [*facts, "the server's 4001 comes through"]


def apache(run):
    httpd = program("apache2")
    folder = httpd.resources("lib/apache2/modules")
    names = ("mpm_event", "authz_core", "ssl", "socache_shmcb", "proxy", "proxy_http", "proxy_wstunnel")
    modules = "\n".join(f'LoadModule {name}_module "{folder}/mod_{name}.so"' for name in names)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""

    def command(folder, **places):
        file = folder / "configuration"
        file.write_text(APACHE.format(folder=folder, modules=modules, user=user, **places))
        return [httpd.path, "-D", "FOREGROUND", "-f", str(file)]

    version = subprocess.run([httpd.path, "-v"], check=True, capture_output=True, text=True).stdout.split()[2]
    return [version, *behind(run, command)]


def start_nginx(folder, **places):
    """What starts nginx with TLS before a backend."""
    return nginx_command(program("nginx").path, folder, NGINX.format(**places))


def nginx(run):
    version = subprocess.run([program("nginx").path, "-v"], check=True, capture_output=True, text=True).stderr.split()[2]
    return [version, *behind(run, start_nginx)]
