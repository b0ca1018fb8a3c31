"""An nginx of a test's own, in front of an app, on 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

__all__ = ["BARE", "DOCUMENTED", "NGINX", "Nginx"]

# Debian has it where only root looks.
NGINX = shutil.which(
    "nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
)

BARE = "proxy_pass http://127.0.0.1:{port}/;"
# From Gradio's guide "Running a Gradio app on your web server with nginx". The port is not in the Host that it passes
# on, so that the app's own idea of its address is wrong.
DOCUMENTED = """
    proxy_pass http://127.0.0.1:{port}/;
    proxy_buffering off;
    proxy_redirect off;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
"""

_CONFIG = """
{user}
worker_processes 1;
daemon off;
error_log stderr;
pid {home}/nginx.pid;
events {{ }}
http {{
    log_format requests '$connection $status $request_method $request_uri';
    access_log {home}/access.log requests;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{listen};
        location /sub/ {{ {location} }}
    }}
}}
"""


class Nginx:
    """Serves the app at ``target`` below ``/sub``, by the directives of ``location``; ``http`` are some for all."""

    def __init__(self, home: Path, target: str, location: str = DOCUMENTED, *, http: str = "") -> None:
        self._home = home
        self._location = location.format(port=target.rpartition(":")[2])
        self._http = http

    def __enter__(self) -> Nginx:
        assert NGINX is not None
        # nginx takes over a socket that listens already, as it does from an older nginx: who connects before it is
        # ready waits in the socket's queue, and nobody else can take the port.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            config = self._home / "nginx.conf"
            config.write_text(
                _CONFIG.format(
                    user=f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
                    home=self._home,
                    http=self._http,
                    listen=port,
                    location=self._location,
                )
            )
            with (self._home / "error.log").open("wb") as log:
                self._process = subprocess.Popen(
                    [NGINX, "-p", str(self._home), "-c", str(config), "-e", "stderr"],
                    env={**os.environ, "NGINX": f"{listener.fileno()};"},
                    pass_fds=[listener.fileno()],
                    stdout=log,
                    stderr=log,
                )
        self.url = f"http://127.0.0.1:{port}/sub"
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> list[list[str]]:
        """Stop it, and return the requests it served: connection, status, method and path of each."""
        self._process.terminate()
        self._process.wait(60)
        return [line.split() for line in (self._home / "access.log").read_text().splitlines()]
