"""Reverse proxies, which end TLS in front of a server: Apache httpd and nginx, with Python's websockets behind them."""

import os
import subprocess

import ws4d_ctypes as c
from programs import Authority, Program, python_peer
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
{user}
daemon off;
pid "{folder}/pid";
error_log "{folder}/log" info;
events {{ }}
http {{
    access_log off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxied";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
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
}}
"""


def behind(run, configuration, command, **more):
    """What is shown behind it."""
    folder = scratch(run)
    authority = Authority(folder)
    certificate = authority.local()
    peer = python_peer("deflate")
    run.callback(peer.stop)

    def start(port):
        file = folder / "configuration"
        file.write_text(configuration.format(folder=folder, port=port, certificate=certificate, backend=peer.port, **more))
        return command(folder, file)

    front = Program(start, folder / "log")
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
    command = lambda folder, file: [httpd.path, "-D", "FOREGROUND", "-f", str(file)]
    version = subprocess.run([httpd.path, "-v"], check=True, capture_output=True, text=True).stdout.split()[2]
    return [version, *behind(run, APACHE, command, modules=modules, user=user)]


def nginx(run):
    path = program("nginx").path
    user = "user root;" if os.geteuid() == 0 else ""  # its folders are for nobody else
    command = lambda folder, file: [path, "-p", str(folder), "-c", str(file), "-e", str(folder / "log")]
    version = subprocess.run([path, "-v"], check=True, capture_output=True, text=True).stderr.split()[2]
    return [version, *behind(run, NGINX, command, user=user)]
