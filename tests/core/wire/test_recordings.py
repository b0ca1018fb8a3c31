"""What real Gradio servers sent, cut in every way, against what the standard library makes of it."""

from __future__ import annotations

import http.client
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from gradproto._errors import ReadError
from tests.chunkings import chunkings
from tests.core.wire.scripted import Answer, Network, parse_request

RECORDINGS = Path(__file__).parents[2] / "data" / "recordings"


def exchanges(path: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield the name of a recorded connection, what the client sent on it, and what came back."""
    sent: dict[tuple[int, str], bytes] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        key = (record["conn"], record["dir"])
        sent[key] = sent.get(key, b"") + record.get("text", "").encode()
    for number in sorted({number for number, _ in sent}):
        yield f"{path.stem}-{number}", sent[number, "c2s"], sent[number, "s2c"]


RECORDED = {name: pair for path in sorted(RECORDINGS.glob("6.31.0-*.jsonl")) for name, *pair in exchanges(path)}
CUT_SHORT = "6.31.0-heartbeat-1"


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def replay(request: bytes, chunks: list[bytes]) -> Answer:
    """Send what the recorded client sent, let these chunks come back and the connection end."""
    head, body = parse_request(request)
    host = dict(head.headers)[b"host"].decode()
    network = Network()
    network.start(
        method=head.method.decode(),
        url=f"http://{host}{head.target.decode()}",
        headers=tuple(
            (name.decode(), value.decode())
            for name, value in head.headers.raw_items()
            if name.lower() not in (b"host", b"content-length")
        ),
        body=(body,),
    )
    network.settle()
    again, same_body = parse_request(network.written[0])
    assert (again.target, same_body) == (head.target, body)
    assert sorted(again.headers) == sorted(head.headers)
    network.feed(0, [*chunks, b""])
    assert network.closed(0)
    return network.session.answers[0]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_response_is_the_same_however_it_is_cut(name: str) -> None:
    request, response = RECORDED[name]
    oracle = http.client.HTTPResponse(cast(socket.socket, _Socket(response)))
    oracle.begin()
    try:
        body = oracle.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    for chunks in chunkings(response):
        answer = replay(request, chunks)
        assert (answer.status, answer.body) == (oracle.status, body)
        assert answer.pairs == [(key.lower(), value) for key, value in oracle.getheaders()]
        assert answer.ended is (name != CUT_SHORT)
        assert isinstance(answer.error, ReadError) is (name == CUT_SHORT)
    oracle.close()


def test_the_recordings_are_there() -> None:
    assert len(RECORDED) == 9
    assert CUT_SHORT in RECORDED
