"""Every recorded conversation, led again by each client with a server that answers as the recorded one did."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import pytest

from gradproto import FileData, GradprotoError, JobCancelledError, Status
from tests.core.replay import as_argument, describe_error, same_error
from tests.recordings import RecordedServer, Recording, ServerConnection, recordings

from .backends import Backend
from .servers import RawServer


class Replayed:
    """A `RecordedServer` on sockets."""

    def __init__(self, recording: Recording) -> None:
        self.server = RecordedServer(recording, repeat_status=False)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, ServerConnection] = {}

    def handle(self, accepted: socket.socket) -> None:
        """Serve one connection; what it says may make others go on."""
        # Or small pieces would wait for each other.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = ServerConnection(self.server)
        with self._lock:
            self._open[accepted] = connection
        try:
            while data := accepted.recv(65536):
                with self._lock:
                    connection.receive(data)
                    self._send()
        finally:
            with self._lock:
                del self._open[accepted]
                connection.leave()
                self._send()

    def _send(self) -> None:
        while any([self._send_to(opened, connection) for opened, connection in list(self._open.items())]):
            pass

    def _send_to(self, opened: socket.socket, connection: ServerConnection) -> bool:
        pieces = connection.take()
        # A client that is gone shows when it is read from.
        with contextlib.suppress(OSError):
            for piece in pieces:
                if piece:
                    opened.sendall(piece)
                else:
                    opened.shutdown(socket.SHUT_WR)
        return bool(pieces)


VERSIONS = list(dict.fromkeys(one.expected.gradio for one in recordings()))


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_conversations_with_a_version_come_out_as_they_did(backend: Backend, version: str) -> None:
    for recording in recordings():
        if recording.expected.gradio == version:
            try:
                await check(backend, recording)
            except AssertionError as error:
                raise AssertionError(f"{recording}: {error}") from error


async def check(backend: Backend, recording: Recording) -> None:
    replayed = Replayed(recording)
    expected = recording.expected
    with RawServer(replayed.handle) as server:
        auth = None if expected.auth is None else tuple(expected.auth)
        async with backend.open_client(server.url, download_files=False, route=expected.route, auth=auth) as client:
            for call in expected.calls:
                await check_call(backend, client, call)
    assert replayed.server.unexpected == []
    assert not replayed.server.left, "something that the recorded client asked was not asked"


async def check_call(backend: Backend, client: Any, call: dict[str, Any]) -> None:
    queued = backend.event()
    job = await client.submit(
        *map(as_argument, call["args"]),
        api_name=call["endpoint"],
        status_callbacks=lambda update: queued.set() if update.rank is not None else None,
    )
    if call.get("cancel_after") == "queued":
        await queued.wait()
        assert await job.cancel()
    elif "cancel_after" in call:
        left = call["cancel_after"]
        async for _ in job:
            left -= 1
            if not left:
                break
        assert await job.cancel()
    assert await outcome_of(job) == call["outcome"]
    outputs = [list(output) if len(call["outputs"][0]) > 1 else [output] for output in job.outputs()]
    known = call["outputs"]
    fetched = "content" in str(known)
    told = [[await seen(backend, value, fetched=fetched) for value in output] for output in outputs]
    if call["outcome"] == "completed" and len(known) > 1:
        # A generator's completion says its last output once more.
        assert known[-1] == known[-2]
        known = known[:-1]
    assert told == known
    updates = job.statuses()
    logs = [[level, message] for message, level in (update.log for update in updates if update.code is Status.LOG)]
    assert logs == call.get("logs", [])
    progress = [update.progress_data for update in updates if update.code is Status.PROGRESS and update.progress_data]
    assert [[[unit.index, unit.length, unit.unit, unit.desc] for unit in units] for units in progress] == call.get(
        "progress", []
    )
    if "error" in call:
        error = describe_error(await job.exception())
        assert same_error(error, call["error"]), error


async def outcome_of(job: Any) -> str:
    try:
        error = await job.exception()
    except JobCancelledError:
        return "cancelled"
    assert error is None or isinstance(error, GradprotoError)
    return "completed" if error is None else "failed"


async def seen(backend: Backend, value: Any, *, fetched: bool) -> Any:
    """An output as expectations have it."""
    if not isinstance(value, FileData):
        return value
    if not fetched:
        return {"$file": value.orig_name}
    file: Any = value
    return {"$file": value.orig_name, "content": (await backend.call(file.read)).decode()}
