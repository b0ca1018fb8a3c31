"""The messages of the queue about one job, and what each does to it.

A message has ``msg`` and, but for a few, ``event_id``. Fields of a wrong type count as missing: what a client can do
without, it does without. Source: Gradio's server_messages.py since 4.10, queueing.py before that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ._core import Core
from ._diff import DiffError
from ._errors import AppError, DeadlineExceeded, JobError, RemoteProtocolError
from ._events import (
    JobCancelled,
    JobCompleted,
    JobDataRequested,
    JobLogged,
    JobProgressed,
    JobStarted,
    OutputGenerated,
    QueueEstimated,
    UnknownMessageReceived,
)
from ._jobs import Job
from ._json import JSONValue
from ._refresh import rendered
from ._states import JobInput
from ._status import ProgressUnit

__all__ = [
    "Message",
    "app_error",
    "app_error_of",
    "ask_for_data",
    "complete",
    "handle_job_message",
    "integer",
    "job_starts",
    "start_running",
    "text",
    "whole_output",
]

Message = Mapping[str, JSONValue]

HIDDEN_ERROR = (
    "The upstream Gradio app has raised an exception but has not enabled verbose error reporting. "
    "To enable, set show_error=True in launch()."
)


def handle_job_message(core: Core, job: Job, message: Message) -> None:
    """Let one message do its work on the job it is about."""
    handler = _HANDLERS.get(text(message.get("msg")) or "")
    if handler is None:
        _skip(core, job, message, "unknown kind of message")
    else:
        handler(core, job, message)


def start_running(core: Core, job: Job) -> None:
    """The job runs from here on: another limit holds now."""
    if not job.started:
        job.started = True
        core.timers.cancel(job.limit)
        job.limit = core.timers.start(core.timeouts.run, lambda: _ran_too_long(core, job))


def complete(core: Core, job: Job, output: Message) -> None:
    """End the job with ``output``, which holds ``data``: one full value for each output component."""
    data = output["data"]
    assert isinstance(data, list)
    history = job.history
    # A generator's last message repeats its last output. One that yields nothing ends with a null for each component.
    nothing = job.endpoint.is_generator and not len(history) and all(value is None for value in data)
    if not nothing and not (len(history) and history.exact and _equal(history.current, data)):
        history.add_whole(data)
    job.outputs = job.read(data)
    if "render_config" in output:
        rendered(core, job, output["render_config"])
    core.finish(
        job,
        JobInput.RECV_COMPLETED,
        JobCompleted(
            job=job.number,
            outputs=job.outputs,
            duration=number(output.get("duration")),
            average_duration=number(output.get("average_duration")),
            used_cache=text(output.get("used_cache")),
        ),
    )


def _equal(a: list[JSONValue], b: list[JSONValue]) -> bool:
    try:
        return a == b
    except RecursionError:  # nested more deeply than can be compared here, though not than can be read
        return False


def job_starts(core: Core, job: Job, eta: float | None) -> None:
    """The job's function begins to run, by the word of the server."""
    job.advance(JobInput.RECV_STARTS)
    start_running(core, job)
    core.events.append(JobStarted(job=job.number, eta=eta))


def ask_for_data(core: Core, job: Job) -> None:
    """The server asks for the job's arguments."""
    job.advance(JobInput.RECV_SEND_DATA)
    core.events.append(JobDataRequested(job=job.number))


def whole_output(core: Core, job: Job, data: list[JSONValue], time_limit: float | None) -> None:
    """The job gave an output that comes as full values."""
    job.advance(JobInput.RECV_OUTPUT)
    start_running(core, job)
    job.history.add_whole(data)
    _tell_output(core, job, time_limit)


def _tell_output(core: Core, job: Job, time_limit: float | None) -> None:
    if job.inputs is not None:
        job.inputs.go_on()
    history = job.history
    core.events.append(
        OutputGenerated(
            job=job.number,
            index=len(history) - 1,
            outputs=job.read(history.current),
            time_limit=time_limit,
        )
    )


def app_error_of(core: Core, output: Message, title: str | None) -> AppError:
    """Return the error that the app's function raised, in the app's dialect."""
    dialect = core.dialect
    assert dialect is not None
    if dialect.none_for_hidden and output.get("error") == "None":
        return AppError(HIDDEN_ERROR, title=title)
    return app_error(output, title, repr_quoted=dialect.repr_quoted_errors)


def app_error(output: Message, title: str | None, *, repr_quoted: bool) -> AppError:
    """Return the error that the app's function raised, as far as the server tells."""
    from ._zero_gpu import read_failure  # only what failed needs it

    message = output.get("error")
    if not isinstance(message, str):
        return AppError(HIDDEN_ERROR, title=title)
    if repr_quoted:
        message = _unquote(message)
    return read_failure(
        message,
        title=text(output.get("title")) or title,
        duration=number(output.get("duration")),
        visible=output.get("visible") is not False,
    )


def text(value: JSONValue) -> str | None:
    """Return a string, or ``None`` for anything else."""
    return value if isinstance(value, str) else None


def number(value: JSONValue) -> float | None:
    """Return a number, or ``None`` for anything else."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def integer(value: JSONValue) -> int | None:
    """Return a whole number, or ``None`` for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _skip(core: Core, job: Job, message: Message, reason: str) -> None:
    core.events.append(
        UnknownMessageReceived(
            session_hash=job.session_hash, message=dict(message), reason=f"job {job.number}: {reason}"
        )
    )


def _estimation(core: Core, job: Job, message: Message) -> None:
    job.advance(JobInput.RECV_ESTIMATION)
    core.events.append(
        QueueEstimated(
            job=job.number,
            rank=integer(message.get("rank")),
            queue_size=integer(message.get("queue_size")),
            eta=number(message.get("rank_eta")),
        )
    )


def _process_starts(core: Core, job: Job, message: Message) -> None:
    job_starts(core, job, number(message.get("eta")))


def _progress(core: Core, job: Job, message: Message) -> None:
    job.advance(JobInput.RECV_PROGRESS)
    levels = message.get("progress_data")
    units = tuple(
        ProgressUnit(
            index=number(level.get("index")),
            length=number(level.get("length")),
            unit=text(level.get("unit")),
            progress=number(level.get("progress")),
            desc=text(level.get("desc")),
        )
        for level in (levels if isinstance(levels, list) else [])
        if isinstance(level, dict)
    )
    core.events.append(JobProgressed(job=job.number, units=units))


def _log(core: Core, job: Job, message: Message) -> None:
    job.advance(JobInput.RECV_LOG)
    core.events.append(
        JobLogged(
            job=job.number,
            message=text(message.get("log")) or "",
            level=text(message.get("level")) or "info",
            title=text(message.get("title")),
            duration=number(message.get("duration")),
            visible=message.get("visible") is not False,
        )
    )


def _process_generating(core: Core, job: Job, message: Message) -> None:
    output = message.get("output")
    data = output.get("data") if isinstance(output, dict) else None
    if not isinstance(data, list):
        _skip(core, job, message, "output without data")
        return
    time_limit = number(message.get("time_limit"))
    assert core.dialect is not None
    # The first output of an event is whole; process_streaming always is. The shape tells nothing: a value may look like
    # edits.
    if not len(job.history) or message.get("msg") == "process_streaming" or not core.dialect.diffs:
        whole_output(core, job, data, time_limit)
        return
    job.advance(JobInput.RECV_OUTPUT)
    start_running(core, job)
    try:
        job.history.add_edits(data)
    except DiffError as error:
        # The completion brings the full value, so the job is not lost, only this output is.
        _skip(core, job, message, f"output cannot be built: {error}")
    else:
        _tell_output(core, job, time_limit)


def _process_completed(core: Core, job: Job, message: Message) -> None:
    job.pending = False
    output = message.get("output")
    if not isinstance(output, dict):
        core.fail(job, RemoteProtocolError(f"job {job.number}: its completion has no output: {str(output)[:80]!r}"))
    elif message.get("success") is False or ("error" in output and "data" not in output):
        # Gradio 3.1.5 does not say in another way that it went wrong.
        core.fail_by_app(job, app_error_of(core, output, text(message.get("title"))))
    elif not output:
        # What a cancelled event ends with, whoever cancelled it.
        core.finish(job, JobInput.CANCEL, JobCancelled(job=job.number))
    elif isinstance(output.get("data"), list):
        complete(core, job, output)
    else:
        core.fail(job, RemoteProtocolError(f"job {job.number}: its completion has no data: {str(output)[:80]!r}"))


def _unexpected_error(core: Core, job: Job, message: Message) -> None:
    job.pending = False
    core.fail(
        job,
        JobError(f"job {job.number}: the server failed: {(text(message.get('message')) or 'no reason given')[:200]}"),
    )


def _close_stream(core: Core, job: Job, message: Message) -> None:
    """What is about the stream is so whatever event it names; those that are known name none."""
    assert job.channel is not None
    job.channel.announce_close()


def _heartbeat(core: Core, job: Job, message: Message) -> None:
    pass


def _ran_too_long(core: Core, job: Job) -> None:
    limit = core.timeouts.run
    core.fail(
        job, DeadlineExceeded(f"job {job.number} ran for more than {limit:g} s (the limit 'run' of the timeouts)")
    )


# What Python's repr() makes of a string; longer escapes than there are characters are none.
_QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_ESCAPE = r"\\(?:([\\'\"nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U(0010[0-9a-f]{4}|000[0-9a-f]{5}))"
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def _unquote(message: str) -> str:
    """Undo Python's quoting of an error text, which Gradio before 5.2 sends."""
    if not re.fullmatch(_QUOTED, message):
        return message
    return re.sub(_ESCAPE, _unescape, message[1:-1])


def _unescape(match: re.Match[str]) -> str:
    letter = match[1]
    if letter is not None:
        return _ESCAPED.get(letter, letter)
    return chr(int(match[2] or match[3] or match[4], 16))


_HANDLERS: dict[str, Callable[[Core, Job, Message], None]] = {
    "estimation": _estimation,
    "process_starts": _process_starts,
    "progress": _progress,
    "log": _log,
    "process_generating": _process_generating,
    "process_streaming": _process_generating,
    "process_completed": _process_completed,
    "unexpected_error": _unexpected_error,
    "close_stream": _close_stream,
    "heartbeat": _heartbeat,
}
