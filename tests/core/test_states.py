"""Every state and every input of the three tables."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import pytest

from gradproto import LocalProtocolError
from gradproto._states import (
    JOB_TABLE,
    SESSION_TABLE,
    STREAM_TABLE,
    JobInput,
    JobState,
    SessionInput,
    SessionState,
    StreamInput,
    StreamState,
    advance,
    is_terminal,
)

Table = Mapping[Any, Mapping[Any, Any]]

TABLES: dict[str, tuple[Table, type[enum.Enum], type[enum.Enum], enum.Enum]] = {
    "session": (SESSION_TABLE, SessionState, SessionInput, SessionState.NEW),
    "stream": (STREAM_TABLE, StreamState, StreamInput, StreamState.IDLE),
    "job": (JOB_TABLE, JobState, JobInput, JobState.NEW),
}
TERMINAL: dict[str, set[enum.Enum]] = {
    "session": {SessionState.CLOSED},
    "stream": {StreamState.LOST},
    "job": {JobState.DONE, JobState.FAILED, JobState.CANCELLED},
}
# A job stands there only where the server asks for its data, which the generations of this version's dialects do not.
UNREACHED: dict[str, set[enum.Enum]] = {"session": set(), "stream": set(), "job": set()}

# Written out by hand, apart from the tables, as a reader of the protocol would put it.
LEGAL: dict[str, dict[str, str]] = {
    "session": {
        "NEW": "SEND_RESOLVE>RESOLVING SEND_CONFIG>FETCHING_CONFIG CLOSE>CLOSED",
        "RESOLVING": "SEND_CONFIG>FETCHING_CONFIG RETRY>RESOLVING FAIL>FAILED CLOSE>CLOSED",
        "FETCHING_CONFIG": (
            "SEND_RESOLVE>RESOLVING RECV_CONFIG>FETCHING_INFO RETRY>FETCHING_CONFIG FAIL>FAILED CLOSE>CLOSED"
        ),
        "FETCHING_INFO": "RECV_INFO>READY RETRY>FETCHING_INFO FAIL>FAILED CLOSE>CLOSED",
        "READY": "CLOSE>CLOSED",
        "FAILED": "CLOSE>CLOSED",
        "CLOSED": "",
    },
    "stream": {
        "IDLE": "JOB_JOINED>IDLE LAST_JOB_ENDED>IDLE SEND_OPEN>OPENING LOSE>LOST",
        "OPENING": "JOB_JOINED>OPENING LAST_JOB_ENDED>OPENING RECV_OPENED>OPEN LOSE>LOST",
        "OPEN": "JOB_JOINED>OPEN LAST_JOB_ENDED>DRAINING RECV_END>IDLE LOSE>LOST",
        "DRAINING": "JOB_JOINED>OPEN LAST_JOB_ENDED>DRAINING RECV_END>IDLE LOSE>LOST",
        "LOST": "",
    },
    "job": {
        "NEW": "SEND_UPLOAD>UPLOADING SEND_JOIN>JOINING SEND_DIRECT>RUNNING RETRY>NEW FAIL>FAILED CANCEL>CANCELLED",
        "UPLOADING": "SEND_JOIN>JOINING SEND_DIRECT>RUNNING RETRY>NEW FAIL>FAILED CANCEL>CANCELLED",
        "JOINING": "RECV_JOINED>QUEUED RETRY>NEW FAIL>FAILED CANCEL>CANCELLED",
        "QUEUED": (
            "RECV_ESTIMATION>QUEUED RECV_SEND_DATA>SENDING_DATA RECV_PROGRESS>QUEUED RECV_LOG>QUEUED "
            "RECV_STARTS>RUNNING RECV_OUTPUT>RUNNING RECV_COMPLETED>DONE RETRY>NEW FAIL>FAILED CANCEL>CANCELLED"
        ),
        "SENDING_DATA": (
            "RECV_ESTIMATION>SENDING_DATA RECV_SEND_DATA>SENDING_DATA DATA_SENT>QUEUED RECV_PROGRESS>SENDING_DATA "
            "RECV_LOG>SENDING_DATA RECV_STARTS>RUNNING RECV_OUTPUT>RUNNING RECV_COMPLETED>DONE RETRY>NEW FAIL>FAILED "
            "CANCEL>CANCELLED"
        ),
        "RUNNING": (
            "RECV_ESTIMATION>RUNNING RECV_SEND_DATA>RUNNING DATA_SENT>RUNNING RECV_PROGRESS>RUNNING RECV_LOG>RUNNING "
            "RECV_STARTS>RUNNING RECV_OUTPUT>RUNNING RECV_COMPLETED>DONE RETRY>NEW FAIL>FAILED CANCEL>CANCELLED"
        ),
        "DONE": "",
        "FAILED": "",
        "CANCELLED": "",
    },
}

PAIRS = [
    (name, state, cause) for name, (_, states, inputs, _) in TABLES.items() for state in states for cause in inputs
]


@pytest.mark.parametrize(("name", "state", "cause"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_each_input_in_each_state_leads_on_or_is_refused(name: str, state: enum.Enum, cause: enum.Enum) -> None:
    table = TABLES[name][0]
    legal = dict(step.split(">") for step in LEGAL[name][state.value].split())
    if cause.value in legal:
        assert advance(table, state, cause, "it").value == legal[cause.value]
    else:
        with pytest.raises(LocalProtocolError) as caught:
            advance(table, state, cause, "job 3")
        assert str(caught.value) == f"can't handle {cause.value} when job 3 is {state.value}"
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", TABLES)
def test_a_state_has_one_row_and_a_terminal_state_an_empty_one(name: str) -> None:
    table, states, _, _ = TABLES[name]
    assert list(table) == list(states)
    assert {state for state in states if is_terminal(table, state)} == TERMINAL[name]


@pytest.mark.parametrize("name", TABLES)
def test_every_state_can_be_reached_and_every_state_can_end(name: str) -> None:
    table, states, _, start = TABLES[name]
    reached = {start}
    while more := {target for state in reached for target in table[state].values()} - reached:
        reached |= more
    assert reached == set(states) - UNREACHED[name]
    ending = set(TERMINAL[name])
    while more := {state for state in states if ending & set(table[state].values())} - ending:
        ending |= more
    assert ending == set(states)


@pytest.mark.parametrize("name", TABLES)
def test_every_input_is_used(name: str) -> None:
    table, _, inputs, _ = TABLES[name]
    assert {cause for row in table.values() for cause in row} == set(inputs)


def test_every_job_that_was_submitted_can_fail() -> None:
    for state, row in JOB_TABLE.items():
        assert state in TERMINAL["job"] or row[JobInput.FAIL] is JobState.FAILED


def test_every_session_can_be_closed_once() -> None:
    for state, row in SESSION_TABLE.items():
        assert (SessionInput.CLOSE in row) is (state is not SessionState.CLOSED)
