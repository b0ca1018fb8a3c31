"""The states of sessions, event streams and jobs, and every transition between them.

A session is one client's relation with one app. It connects once (the address of a Space's app, config, API
description) and is then ready until it is closed. It owns one event stream for each session hash it uses, and its jobs.
A job is one call of an endpoint: it may upload files first, joins the queue, waits, runs, and ends in exactly one of
three ways. A job for an endpoint that the app runs outside its queue goes from its request straight to running.

Inputs that begin with SEND_ are what this side does, RECV_ what the server did; the others (RETRY, FAIL, CANCEL, CLOSE)
are verdicts that other rules reach. Each state has one row. A terminal state has an empty row, and that is what makes
it terminal.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from ._errors import LocalProtocolError

__all__ = [
    "JOB_TABLE",
    "SESSION_TABLE",
    "STREAM_TABLE",
    "JobInput",
    "JobState",
    "SessionInput",
    "SessionState",
    "StreamInput",
    "StreamState",
    "advance",
    "is_terminal",
]


class _Symbol(enum.Enum):
    """A member of a table: compared by identity, so hashed by it too, which is quicker than by name."""

    if not TYPE_CHECKING:  # pragma: no branch
        __hash__ = object.__hash__


class SessionState(_Symbol):
    """Where a session stands."""

    NEW = "NEW"
    RESOLVING = "RESOLVING"
    FETCHING_CONFIG = "FETCHING_CONFIG"
    FETCHING_INFO = "FETCHING_INFO"
    READY = "READY"
    FAILED = "FAILED"
    CLOSED = "CLOSED"


class SessionInput(_Symbol):
    """What moves a session."""

    SEND_RESOLVE = "SEND_RESOLVE"
    SEND_CONFIG = "SEND_CONFIG"
    RECV_CONFIG = "RECV_CONFIG"
    RECV_INFO = "RECV_INFO"
    RETRY = "RETRY"
    FAIL = "FAIL"
    CLOSE = "CLOSE"


class StreamState(_Symbol):
    """Where the event stream of one session hash stands."""

    IDLE = "IDLE"
    OPENING = "OPENING"
    OPEN = "OPEN"
    DRAINING = "DRAINING"
    LOST = "LOST"


class StreamInput(_Symbol):
    """What moves an event stream."""

    SEND_OPEN = "SEND_OPEN"
    RECV_OPENED = "RECV_OPENED"
    JOB_JOINED = "JOB_JOINED"
    LAST_JOB_ENDED = "LAST_JOB_ENDED"
    RECV_END = "RECV_END"
    LOSE = "LOSE"


class JobState(_Symbol):
    """Where a job stands."""

    NEW = "NEW"
    UPLOADING = "UPLOADING"
    JOINING = "JOINING"
    QUEUED = "QUEUED"
    SENDING_DATA = "SENDING_DATA"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class JobInput(_Symbol):
    """What moves a job."""

    SEND_UPLOAD = "SEND_UPLOAD"
    SEND_JOIN = "SEND_JOIN"
    SEND_DIRECT = "SEND_DIRECT"
    RECV_JOINED = "RECV_JOINED"
    RECV_ESTIMATION = "RECV_ESTIMATION"
    RECV_SEND_DATA = "RECV_SEND_DATA"
    DATA_SENT = "DATA_SENT"
    RECV_STARTS = "RECV_STARTS"
    RECV_PROGRESS = "RECV_PROGRESS"
    RECV_LOG = "RECV_LOG"
    RECV_OUTPUT = "RECV_OUTPUT"
    RECV_COMPLETED = "RECV_COMPLETED"
    RETRY = "RETRY"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


SESSION_TABLE: Mapping[SessionState, Mapping[SessionInput, SessionState]] = {
    SessionState.NEW: {
        SessionInput.SEND_RESOLVE: SessionState.RESOLVING,
        SessionInput.SEND_CONFIG: SessionState.FETCHING_CONFIG,
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    # The Hub is asked where a Space's app is, and until it runs.
    SessionState.RESOLVING: {
        SessionInput.SEND_CONFIG: SessionState.FETCHING_CONFIG,
        SessionInput.RETRY: SessionState.RESOLVING,
        SessionInput.FAIL: SessionState.FAILED,
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.FETCHING_CONFIG: {
        # What answered is no app: perhaps the Space is not there yet.
        SessionInput.SEND_RESOLVE: SessionState.RESOLVING,
        SessionInput.RECV_CONFIG: SessionState.FETCHING_INFO,
        # Where the caller allows it, what failed is asked again in a while.
        SessionInput.RETRY: SessionState.FETCHING_CONFIG,
        SessionInput.FAIL: SessionState.FAILED,
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.FETCHING_INFO: {
        SessionInput.RECV_INFO: SessionState.READY,
        SessionInput.RETRY: SessionState.FETCHING_INFO,
        SessionInput.FAIL: SessionState.FAILED,
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.READY: {
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.FAILED: {
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.CLOSED: {},
}

STREAM_TABLE: Mapping[StreamState, Mapping[StreamInput, StreamState]] = {
    # A stream is opened only for a job that has joined: before that the server does not know the session and cuts it.
    StreamState.IDLE: {
        StreamInput.JOB_JOINED: StreamState.IDLE,
        StreamInput.LAST_JOB_ENDED: StreamState.IDLE,
        StreamInput.SEND_OPEN: StreamState.OPENING,
        StreamInput.LOSE: StreamState.LOST,
    },
    StreamState.OPENING: {
        StreamInput.RECV_OPENED: StreamState.OPEN,
        StreamInput.JOB_JOINED: StreamState.OPENING,
        # Cancelled before the stream's answer came.
        StreamInput.LAST_JOB_ENDED: StreamState.OPENING,
        StreamInput.LOSE: StreamState.LOST,
    },
    StreamState.OPEN: {
        StreamInput.JOB_JOINED: StreamState.OPEN,
        StreamInput.LAST_JOB_ENDED: StreamState.DRAINING,
        # The server ended the stream although a job that it accepted since then is pending: open again.
        StreamInput.RECV_END: StreamState.IDLE,
        StreamInput.LOSE: StreamState.LOST,
    },
    # Nothing is pending, the server's close_stream and the end of the response are still to come.
    StreamState.DRAINING: {
        StreamInput.JOB_JOINED: StreamState.OPEN,
        # A job that was to use the stream again could not join.
        StreamInput.LAST_JOB_ENDED: StreamState.DRAINING,
        StreamInput.RECV_END: StreamState.IDLE,
        StreamInput.LOSE: StreamState.LOST,
    },
    # The server drops what it holds for a session whose stream broke: what goes on begins anew.
    StreamState.LOST: {},
}

JOB_TABLE: Mapping[JobState, Mapping[JobInput, JobState]] = {
    JobState.NEW: {
        JobInput.SEND_UPLOAD: JobState.UPLOADING,
        JobInput.SEND_JOIN: JobState.JOINING,
        JobInput.SEND_DIRECT: JobState.RUNNING,
        # Where the caller allows it, a job that failed before its first output begins anew, after a while as new.
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    JobState.UPLOADING: {
        JobInput.SEND_JOIN: JobState.JOINING,
        JobInput.SEND_DIRECT: JobState.RUNNING,
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    # Where a request joins the queue, no CANCEL: the server may have the job already, and only its answer tells the id
    # by which it can be cancelled. A WebSocket or stream of the job's own is simply left.
    JobState.JOINING: {
        JobInput.RECV_JOINED: JobState.QUEUED,
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    JobState.QUEUED: {
        JobInput.RECV_ESTIMATION: JobState.QUEUED,
        JobInput.RECV_SEND_DATA: JobState.SENDING_DATA,
        JobInput.RECV_PROGRESS: JobState.QUEUED,
        JobInput.RECV_LOG: JobState.QUEUED,
        JobInput.RECV_STARTS: JobState.RUNNING,
        JobInput.RECV_OUTPUT: JobState.RUNNING,
        # A result from the app's cache comes without any message before it (Gradio 6.12 and later).
        JobInput.RECV_COMPLETED: JobState.DONE,
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    # Only the generations in which the server asks for the data of a queued job (3.1.5 to 4.8).
    JobState.SENDING_DATA: {
        JobInput.RECV_ESTIMATION: JobState.SENDING_DATA,
        JobInput.RECV_SEND_DATA: JobState.SENDING_DATA,
        JobInput.DATA_SENT: JobState.QUEUED,
        JobInput.RECV_PROGRESS: JobState.SENDING_DATA,
        JobInput.RECV_LOG: JobState.SENDING_DATA,
        # The answer to the request with the data may come after the first messages about it.
        JobInput.RECV_STARTS: JobState.RUNNING,
        JobInput.RECV_OUTPUT: JobState.RUNNING,
        JobInput.RECV_COMPLETED: JobState.DONE,
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    JobState.RUNNING: {
        # The server broadcasts estimations whenever its queue moves, also to a job that has just started.
        JobInput.RECV_ESTIMATION: JobState.RUNNING,
        JobInput.RECV_SEND_DATA: JobState.RUNNING,
        JobInput.DATA_SENT: JobState.RUNNING,
        JobInput.RECV_STARTS: JobState.RUNNING,
        JobInput.RECV_PROGRESS: JobState.RUNNING,
        JobInput.RECV_LOG: JobState.RUNNING,
        JobInput.RECV_OUTPUT: JobState.RUNNING,
        JobInput.RECV_COMPLETED: JobState.DONE,
        JobInput.RETRY: JobState.NEW,
        JobInput.FAIL: JobState.FAILED,
        JobInput.CANCEL: JobState.CANCELLED,
    },
    JobState.DONE: {},
    JobState.FAILED: {},
    JobState.CANCELLED: {},
}

S = TypeVar("S", bound=enum.Enum)
I = TypeVar("I", bound=enum.Enum)  # noqa: E741 - the usual letter for an input alphabet


def advance(table: Mapping[S, Mapping[I, S]], state: S, cause: I, what: str) -> S:
    """Return the state after ``cause``; raise `LocalProtocolError` naming ``what`` if the table has no such step."""
    try:
        return table[state][cause]
    except KeyError:
        raise LocalProtocolError(f"can't handle {cause.value} when {what} is {state.value}") from None


def is_terminal(table: Mapping[S, Mapping[I, S]], state: S) -> bool:
    """Return whether nothing can happen any more in ``state``."""
    return not table[state]
