"""The recordings themselves: that all are in the index, of the form that it says, small, and without secrets."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from tests.recordings import FOLDER, Recording, raw, recordings

SPEC = FOLDER.parent

# What would tell of the machine or of somebody. The bytes that are looked at are those of text, also inside frames.
FORBIDDEN = {
    "a path": r"(?<![\w.-])/(?:tmp|root|home|Users|work|mnt|var|opt|usr|etc|proc|private)\b",
    "a path of Windows": r"\b[A-Z]:\\\\?\w",
    "a traceback": r"Traceback \(most recent call last\)|site-packages",
    "a cookie": r"(?i)\bcookie:(?! access-token)|access-token[\w-]*=(?!not-a-secret-012345678\b)",
    "a header with a secret": r"(?i)\b(?:proxy-|x-hf-)?authorization:",
    "a token": r"\bhf_\w{8,}|(?i:bearer )",
    "a mail address": r"[\w.-]+@[\w-]+\.[a-z]{2,}",
    "an address of a network": r"\b(?!127\.0\.0\.1\b)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    "a server": r"https?://(?!127\.0\.0\.1:7860|github\.com/)",
}
SCENES = {
    "a path": "see /home/ada/x",
    "a path of Windows": r"C:\\Users",
    "a traceback": 'File "site-packages/x.py"',
    "a cookie": "Cookie: access-token=abcdefg",
    "a header with a secret": "Authorization: Basic x",
    "a token": "hf_abcdefghij",
    "a mail address": "ada@example.org",
    "an address of a network": "10.0.0.7",
    "a server": "http://example.org/",
}


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the recordings, with the place it is from."""
    for path in sorted(FOLDER.rglob("*.json")):
        yield str(path), path.read_text(encoding="utf-8")
    for recording in recordings():
        lines = [json.loads(line) for line in recording.path.read_text(encoding="utf-8").splitlines()]
        for direction in ("c2s", "s2c"):
            for number in {line["conn"] for line in lines}:
                mine = [line for line in lines if (line["conn"], line["dir"]) == (number, direction)]
                data = b"".join(map(raw, mine))
                yield f"{recording.path} {direction} {number}", readable(data, direction)


def readable(data: bytes, direction: str) -> str:
    """The head of a connection as it is, and the messages of its frames, or its body."""
    head, _, rest = data.partition(b"\r\n\r\n")
    if b"upgrade: websocket" not in head.lower():
        return data.decode("utf-8", errors="replace")
    kind = ConnectionType.SERVER if direction == "c2s" else ConnectionType.CLIENT
    frames = Connection(kind, trailing_data=rest)
    said = [event.data for event in frames.events() if isinstance(event, TextMessage)]
    assert said or rest.startswith(b"\x88"), "a client that was refused only closed"
    return "\n".join([head.decode(), *said])


@pytest.mark.parametrize("what", FORBIDDEN)
def test_recordings_say_nothing_of_the_machine_or_of_anybody(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    assert pattern.search(SCENES[what]), "the scan sees nothing"
    for where, text in texts():
        found = pattern.search(text)
        assert found is None, f"{where}: {text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_recordings_do_not_name_this_host() -> None:
    name = socket.gethostname()
    if len(name) > 3 and name != "localhost":
        assert not [where for where, text in texts() if name in text]


def test_the_index_is_that_of_the_recordings() -> None:
    found = importlib.util.spec_from_file_location("render_recordings", SPEC / "render_recordings.py")
    assert found is not None
    assert found.loader is not None
    module: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert written == module.render(), "run: python spec/render_recordings.py"
    assert all(f"`{one.expected.gradio}/{one.path.name}`" in written for one in recordings())


def test_there_is_nothing_but_recordings_and_what_belongs_to_them() -> None:
    needed = {FOLDER / "README.md"}
    for one in recordings():
        folder = one.path.parent
        needed |= {one.path, one.path.with_suffix(".expect.json"), folder / one.expected.config}
        if one.info is not None:
            needed.add(folder / "info.json")
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == needed


def test_the_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_500_000


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_a_recording_has_the_form_that_is_described(recording: Recording) -> None:
    lines = [json.loads(line) for line in recording.path.read_text(encoding="utf-8").splitlines()]
    assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
    assert lines[0]["t"] == 0
    assert {line["conn"] for line in lines} == set(range(1, len(recording.exchanges) + 1))
    for line in lines:
        assert line["dir"] in ("c2s", "s2c")
        [what] = line.keys() - {"conn", "dir", "t"}
        assert what in ("open", "text", "b64", "eof", "reset")
    assert recording.expected.gradio == recording.path.parent.name
    assert recording.config["version"].strip() == recording.expected.gradio
    for call in recording.expected.calls:
        assert call.keys() <= {"endpoint", "args", "outcome", "outputs", "logs", "progress", "error", "cancel_after"}
        assert (call["outcome"] == "failed") == ("error" in call)
    assert all(0 < number <= len(recording.exchanges) for number in recording.expected.lost)
