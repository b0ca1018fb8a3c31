"""What the clients meet: the fake, or a real Gradio of the matrix, each with and without a login."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gradproto_fake_server import FakeServer
from tests.matrix.environments import make
from tests.matrix.servers import VARIANTS, Server

from .app import LOGIN, fake_app

__all__ = ["Side", "fake_side", "real_side"]

PATIENCE = 6.0
"""Seconds in which a cancelled generator must have stopped."""

QUIET = 1.5
"""Seconds without a step, of those that come every 0.05 s, after which a real generator is taken to have stopped."""


class Side(Protocol):
    """A server and one with a login."""

    url: str
    url_with_login: str

    def stopped(self) -> bool:
        """Whether the generator that was cancelled was left before its end."""
        ...


class _Fake:
    def __init__(self, plain: FakeServer, with_login: FakeServer, journal: list[str]) -> None:
        self.url = plain.url
        self.url_with_login = with_login.url
        self._plain = plain
        self._journal = journal

    def stopped(self) -> bool:
        try:
            self._plain.wait_for(lambda _: "left steps stop" in self._journal, PATIENCE)
        except TimeoutError:
            return False
        return "end steps stop" not in self._journal


@contextmanager
def fake_side(gradio_version: str) -> Iterator[Side]:
    """Serve the fake of a version while the block runs."""
    journal: list[str] = []
    with (
        FakeServer(fake_app(gradio_version, journal)) as plain,
        FakeServer(fake_app(gradio_version, [], auth=LOGIN)) as with_login,
    ):
        yield _Fake(plain, with_login, journal)


class _Real:
    def __init__(self, plain: Server, with_login: Server) -> None:
        self.url = plain.url
        self.url_with_login = with_login.url
        self._plain = plain

    def stopped(self) -> bool:
        until = time.monotonic() + PATIENCE
        steps, since = -1, time.monotonic()
        while time.monotonic() < until:
            journal = self._plain.journal()
            if journal.count("step stop") != steps:
                steps, since = journal.count("step stop"), time.monotonic()
            elif time.monotonic() - since > QUIET:
                return "end steps stop" not in journal
            time.sleep(0.05)
        return False


@contextmanager
def real_side(gradio_version: str) -> Iterator[Side]:
    """Serve the app of the matrix with the Gradio itself while the block runs."""
    python = make(gradio_version, None)
    with tempfile.TemporaryDirectory(prefix="gradproto-clients-", ignore_cleanup_errors=True) as name:
        plain = Server(python, ["--show-error"], Path(name))
        try:
            # Its steps wait for a gate that the fake does not have.
            for word in ("a", "b", "stop"):
                plain.open_gate(word)
            with_login = Server(python, VARIANTS["auth"], Path(name))
            try:
                yield _Real(plain, with_login)
            finally:
                with_login.close()
        finally:
            plain.close()
