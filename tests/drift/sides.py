"""The two servers that a case looks at: a real Gradio and the fake of it, with and without a login."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gradproto_fake_server import FakeApp, FakeServer
from tests.matrix.servers import Server

from .twin import twin

__all__ = ["Side", "both_sides"]

APP = Path(__file__).parent / "real_app.py"


class Side:
    """One of them; the servers are started when they are first needed."""

    def __init__(self, app: FakeApp, name: str, start: Callable[[str, bool], str]) -> None:
        self.name = name
        self.profile = app.profile
        self.endpoints = {endpoint.name: endpoint.index for endpoint in app.endpoints}
        self._start = start
        self._urls: dict[tuple[str, bool], str] = {}

    def has(self, endpoint: str) -> bool:
        """Whether there is such an endpoint; a Gradio 2 has another server for each."""
        return endpoint in self.endpoints or (
            self.profile.one_function and endpoint in ("add", "slow", "fail", "upper")
        )

    def url(self, endpoint: str = "echo", *, guarded: bool = False) -> str:
        """Return the address of the server with this endpoint."""
        key = (endpoint if self.profile.one_function else "echo", guarded)
        if key not in self._urls:
            self._urls[key] = self._start(*key)
        return self._urls[key]


@contextmanager
def both_sides(version: str, python: Path) -> Iterator[tuple[Side, Side]]:
    """Give the real side and the fake one; ``python`` has that Gradio."""
    with (
        tempfile.TemporaryDirectory(prefix="gradproto-drift-", ignore_cleanup_errors=True) as directory,
        ExitStack() as stack,
    ):

        def start_real(function: str, guarded: bool) -> str:
            arguments = ["--function", function, *(["--guarded"] if guarded else [])]
            server = Server(python, arguments, Path(directory), APP)
            stack.callback(server.close)
            return server.url

        def start_fake(function: str, guarded: bool) -> str:
            return stack.enter_context(FakeServer(twin(version, function, guarded=guarded))).url

        app = twin(version)
        yield Side(app, "real", start_real), Side(app, "fake", start_fake)
