"""Commands and events as records: complete when built, never changed, closed unions."""

from __future__ import annotations

import dataclasses
import typing

import pytest

import gradproto
from gradproto import (
    AbortExchange,
    Command,
    DownloadDataReceived,
    Event,
    FilePart,
    Request,
    StartExchange,
    _commands,
    _events,
)
from gradproto._commands import CloseWebSocket


def test_a_body_is_as_long_as_its_parts() -> None:
    assert Request(method="GET", url="http://app.test/").body_size == 0
    body = (b"abc", FilePart(source="x", size=1000), b"", b"de")
    assert Request(method="POST", url="http://app.test/", body=body).body_size == 1005


@pytest.mark.parametrize(
    ("union", "module", "others"),
    [(Command, _commands, {"FilePart", "Request", "Command"}), (Event, _events, {"Event", "HubEvent", "JobUpdate"})],
)
def test_every_record_is_in_its_union_and_public(union: object, module: typing.Any, others: set[str]) -> None:
    members = typing.get_args(union)
    assert {member.__name__ for member in members} == set(module.__all__) - others
    for member in members:
        assert getattr(gradproto, member.__name__) is member
        assert dataclasses.is_dataclass(member)


def test_a_record_cannot_be_changed() -> None:
    command = AbortExchange(exchange=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        command.exchange = 2  # type: ignore[misc]
    assert command == AbortExchange(exchange=1) != AbortExchange(exchange=2)


def test_a_record_takes_names_only() -> None:
    with pytest.raises(TypeError):
        AbortExchange(1)  # type: ignore[misc]


def test_a_websocket_is_closed_as_usual_unless_said_otherwise() -> None:
    assert CloseWebSocket(exchange=1).code == 1000


def test_the_bytes_of_a_download_are_not_shown() -> None:
    assert repr(DownloadDataReceived(download=1, data=b"x" * 100)) == "DownloadDataReceived(download=1)"


def test_a_command_shows_where_its_request_goes() -> None:
    request = Request(method="GET", url="http://bob:pw@app.test/x?token=abc")
    assert repr(StartExchange(exchange=3, request=request)) == (
        "StartExchange(exchange=3, request=Request(GET http://app.test/x?token=***, headers=(), body_size=0))"
    )
