"""Runs nginx with a certificate of its own; ``python -m tests.nginx`` installs it on Debian as root."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests import debian
from tests.serving import free_port

CONFIGURATION = """
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; {folders}
  map $cookie_monet_visitor $visitor {{ "" $remote_addr; default $cookie_monet_visitor; }}
  upstream explorer {{ hash $visitor consistent; {servers} }}
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location = /favicon.ico {{ return 204; }}  # the site's own
    location {path} {{
      proxy_pass http://explorer{slash};
      proxy_set_header Host $http_host;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      client_max_body_size 25m;
    }}
  }}
}}
"""


def find() -> str | None:
    """Returns the path of nginx, or None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


class Nginx:
    """An nginx that serves apps at ``https://localhost:PORT/monet/``.

    Args:
        folder: for its files.
        strip: whether it takes the prefix away before it hands a request on.
        path: instead of "/monet/".
    """

    def __init__(self, folder: Path, *, strip: bool = True, path: str = "/monet/"):
        self.folder, self.strip, self.path, self.port = folder, strip, path, free_port()
        self.address = f"https://localhost:{self.port}{path}"

    def start(self, apps: Sequence[int]) -> Nginx:
        """Forwards requests to the apps at these ports, those of one visitor to the same app."""
        path = find()
        assert path
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        text = CONFIGURATION.format(
            user="user root;" if Path.home() == Path("/root") else "", folder=self.folder, port=self.port,
            path=self.path, folders=" ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds),
            servers=" ".join(f"server 127.0.0.1:{app} max_fails=0;" for app in apps), slash="/" if self.strip else "",
        )  # fmt: skip
        file = self.folder / "nginx.conf"
        file.write_text(text, encoding="utf-8")
        self.process = subprocess.Popen([path, "-c", str(file), "-e", str(self.folder / "error.log")])
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.1)
        raise AssertionError("nginx does not answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


if __name__ == "__main__":
    if not find():
        debian.install("nginx")
    if not find():
        print(
            "nginx is missing, the tests behind a proxy will not run (Debian: apt-get install nginx)", file=sys.stderr
        )
        sys.exit(1)
