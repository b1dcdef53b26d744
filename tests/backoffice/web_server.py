"""The web server as production starts it, on the database of a test."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from django.conf import settings
from django.test import Client

from MiniTwit.models import User
from tests.legacy_import.conftest import database_url

PATIENCE_SECONDS = 60
TOKEN = "a" * 32  # of forms: the cookie and the field have to be the same
BOUNDARY = "the-end-of-a-part"


class WebServer:
    """`gunicorn backoffice.wsgi`, listening on a port of its own until the `with` block ends."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        self._log = var_dir / "web_server.log"
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, self._log.open("wb") as log:
            self.port: int = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "backoffice.wsgi", f"--bind=fd://{listener.fileno()}"],
                cwd=settings.BASE_DIR,
                env=os.environ | self._environment(var_dir) | environment,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @staticmethod
    def _environment(var_dir: Path) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "DATABASE_URL": database_url(),
            "DEBUG": "1",
            "SECRET_KEY": settings.SECRET_KEY,  # both sign sessions
            "VAR_DIR": str(var_dir),
            "WEB_GRACEFUL_SECONDS": "5",
            "WEB_WORKERS": "1",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait(self) -> int:
        """Wait for an end that it comes to by itself, and return its exit code."""
        return self._process.wait(PATIENCE_SECONDS)

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response, body

    def post(self, path: str, user: User, pieces: list[bytes], *, pause: float, content_type: str) -> socket.socket:
        """Send a form slowly; return the socket, from which the answer can be read."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        lines = (
            f"POST {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Cookie: {session_cookie(user)}; csrftoken={TOKEN}",
            f"Content-Type: {content_type}",
            f"Content-Length: {sum(map(len, pieces))}",
            "Connection: close",
            "",
            "",
        )
        connection.sendall("\r\n".join(lines).encode())
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        return connection


def session_cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def multipart(fields: Iterable[tuple[str, str]], file_field: str, content: bytes) -> bytes:
    """A form with a file."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields]
    parts.append(
        f'Content-Disposition: form-data; name="{file_field}"; filename="old.db"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
    )
    start = f"--{BOUNDARY}\r\n".encode()
    return b"".join(start + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
