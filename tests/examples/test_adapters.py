"""Each example of an adapter, a driver and a stream passes the check that others are to pass."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradproto.testing import check_adapter, check_driver, check_stream
from gradproto_conformance.adapters._scenarios import SCENARIOS

from .adapters import stream_proxy, stream_recording, stream_unix
from .relays import Relays

WITHOUT_WEBSOCKETS = ["http_client", "urllib3", "requests", "httpx", "httpx_async"]
NO_UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")


def drive_of(name: str) -> Any:
    return importlib.import_module(f"tests.examples.adapters.{name}").drive


@pytest.mark.parametrize("name", WITHOUT_WEBSOCKETS)
def test_an_adapter_without_websockets_keeps_all_other_obligations(name: str) -> None:
    checked = check_adapter(drive_of(f"{name}_adapter"), websockets=False)
    assert checked.left_out
    assert all("WebSocket" in left_out for left_out in checked.left_out)


def test_an_adapter_with_websockets_keeps_all_obligations() -> None:
    assert not check_adapter(drive_of("aiohttp_adapter")).left_out


@pytest.mark.parametrize("name", ["asyncio", "trio", "sockets"])
def test_a_driver_keeps_all_obligations(name: str) -> None:
    assert not check_driver(drive_of(f"bytes_{name}")).left_out


def test_a_driver_over_pipes_keeps_all_obligations_that_do_not_ask_for_an_order() -> None:
    # The end of one pipe may come later than bytes of another that were sent after it.
    names = [scenario.name for scenario in SCENARIOS if not scenario.ordered]
    assert check_driver(drive_of("bytes_pipe"), only=names).passed == tuple(names)


@pytest.fixture
def relays(tmp_path: Path) -> Iterator[Relays]:
    """Ways to the servers of the check."""
    relays = Relays(tmp_path)
    yield relays
    relays.close()


def test_a_stream_may_keep_what_goes_over_it() -> None:
    stream_recording.CONVERSATION.clear()
    check_stream(stream_recording.open_stream, only=["predict"])
    assert stream_recording.CONVERSATION[0][1].startswith(b"GET /config HTTP/1.1\r\n")
    assert any(data.startswith(b"HTTP/1.1 200") for way, data in stream_recording.CONVERSATION if way == "<")
    stream_recording.CONVERSATION.clear()


def test_a_stream_that_is_recorded_keeps_all_obligations() -> None:
    assert check_stream(stream_recording.open_stream).left_out == ("a rest",)
    stream_recording.CONVERSATION.clear()


@NO_UNIX
def test_a_stream_through_a_unix_socket_keeps_all_obligations(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    class Paths(dict[int, str]):
        def __missing__(self, port: int) -> str:
            self[port] = relays.unix(port)
            return self[port]

    monkeypatch.setattr(stream_unix, "PATHS", Paths())
    check_stream(stream_unix.open_stream, client="trio")


def test_a_stream_through_a_proxy_keeps_all_obligations(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_proxy, "PROXY", relays.proxy())
    check_stream(stream_proxy.open_stream, client="asyncio")
