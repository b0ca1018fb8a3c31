"""What an adapter goes through: each is a script that acts on the session and waits for its events."""

from __future__ import annotations

import contextlib
import io
from functools import partial
from typing import Any

from gradproto import (
    ConnectError,
    ConnectRetried,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    JobCancelled,
    JobCompleted,
    JobFailed,
    OutputGenerated,
    Retry,
    SessionFailed,
    SessionReady,
    Timeouts,
    TransportError,
    UploadProgressed,
)

from ._app import LARGE, PIECE
from ._obligations import Duty
from ._stage import Broken, Scenario, Script, Stage, file_in

__all__ = ["NO_WEBSOCKETS", "SCENARIOS"]

# What an adapter may have read of a file ahead of the server: two sockets' buffers, and some for itself.
_AHEAD = LARGE // 2
# For as long as nothing moves, a server is taken for held up; only an adapter that buffers gets anywhere meanwhile.
_QUIET = 0.3


def predict(stage: Stage, owes: Duty = "whole") -> Script:
    """A call, and another, with a text of all kinds of characters."""
    yield from stage.ready()
    for text in ("one", 'größer ✓ \U0001f600 \x85\u2028 "quoted"\n'):
        job = stage.submit("/echo", text)
        event = yield from stage.until(
            JobCompleted, owes=owes, what=f"the call of {text!r} is to come back", number=job.number
        )
        stage.see(event.outputs == (text,), "whole", f"{text!r} came back as {event.outputs!r:.200}")


def poll(stage: Stage) -> Script:
    """A call whose end is asked for again and again."""
    yield from stage.ready()
    job = stage.submit("/echo", "one")
    event = yield from stage.until(JobCompleted, owes="timers", what="the call is to come back", number=job.number)
    stage.see(event.outputs == ("one",), "whole", f"'one' came back as {event.outputs!r:.200}")


def step_by_step(stage: Stage) -> Script:
    """A generator that goes on only when its output was seen."""
    yield from stage.ready()
    stage.server.hold("/count")
    job = stage.submit("/count", 3)
    yield from stage.started(job)
    for index in range(3):
        stage.server.step("/count")
        event = yield from stage.until(
            OutputGenerated,
            owes="at once",
            what=f"output {index} is to be handed on before there is another",
            number=job.number,
        )
        stage.see(event.outputs == (float(index),), "whole", f"output {index} came as {event.outputs!r:.200}")
    stage.server.release("/count")
    yield from stage.until(JobCompleted, owes="at once", what="the end is to be handed on", number=job.number)


def keeps_state(stage: Stage) -> Script:
    """Two calls of a function that counts its callers."""
    yield from stage.ready()
    for seen in (1, 2):
        job = stage.submit("/visit", "x")
        event = yield from stage.until(JobCompleted, owes="obey", what="the call is to come back", number=job.number)
        stage.see(event.outputs == (f"x {seen}",), "obey", f"call {seen} of the session gave {event.outputs!r:.200}")


def files(stage: Stage) -> Script:
    """A file up and a file down, of a few pieces each."""
    yield from stage.ready()
    job = stage.upload("/length", io.BytesIO(PIECE * 5 + b"end"), len(PIECE) * 5 + 3)
    sent = yield from stage.until(
        UploadProgressed, owes="files", what="the progress of an upload is to be reported", number=job.number
    )
    while sent.sent < sent.total:
        sent = yield from stage.until(
            UploadProgressed, owes="files", what="an upload is to be reported up to its end", number=job.number
        )
    event = yield from stage.until(JobCompleted, owes="files", what="the upload is to be used", number=job.number)
    stage.see(event.outputs == (str(len(PIECE) * 5 + 3),), "files", f"{event.outputs[0]} bytes of a file came")
    job = stage.submit("/pieces", 5)
    event = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    yield from _download(stage, event, PIECE * 5)


def _download(stage: Stage, made: JobCompleted, content: bytes) -> Script:
    number = stage.session.download(file_in(made.outputs))
    stage.waiting = ("whole", "a file is to be fetched")
    found = b""
    while True:
        event = yield
        if isinstance(event, DownloadDataReceived):
            found += event.data
        elif isinstance(event, DownloadFailed):
            raise Broken("whole", f"a file of {len(content)} bytes was there, but {event!r:.300} came")
        elif isinstance(event, DownloadCompleted) and event.download == number:
            break
    stage.see(found == content, "whole", f"{len(found)} bytes were reported of a file of {len(content)}, or others")


def framings(stage: Stage) -> Script:
    """Answers in chunks, without a length, by an older server."""
    stage.inject("chunked", "GET */config")
    stage.inject("until close", "GET */info*")
    yield from stage.ready()
    job = stage.submit("/pieces", 2)
    event = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    for fault in ("http/1.0", "chunked", "until close"):
        stage.inject(fault, "GET */file=*")
        yield from _download(stage, event, PIECE * 2)


def redirected(stage: Stage) -> Script:
    """An address that leads elsewhere: it is the session that follows, or does not."""
    stage.inject("redirect", "GET */config", location="/config")
    yield from stage.ready()
    stage.see(307 in stage.session.statuses, "obey", "a redirect was followed, and not reported")


def cut(stage: Stage) -> Script:
    """Connections that end in the middle of each kind of answer."""
    yield from stage.ready()
    for fault in ("cut", "reset", "cut after head"):
        stage.inject(fault, "POST */queue/join*")
        stage.submit("/echo", fault)
        stage.waiting = ("cuts", f"a call whose answer met {fault!r} is to fail")
        while not isinstance(event := (yield), JobFailed):
            if isinstance(event, JobCompleted):
                raise Broken("reuse", f"a call whose answer met {fault!r} was made a second time")


def truncated(stage: Stage) -> Script:
    """A file that ends before its length."""
    yield from stage.ready()
    job = stage.submit("/pieces", 2)
    made = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    stage.inject("truncate", "GET */file=*", keep=70000)
    stage.waiting = ("cuts", "a file that ends too early is to fail")
    stage.session.download(file_in(made.outputs))
    while True:
        event = yield
        if isinstance(event, DownloadCompleted):
            raise Broken("cuts", "a file that ended after 70000 of 131072 bytes was said to be complete")
        if isinstance(event, DownloadFailed):
            return


def stream_ends(stage: Stage) -> Script:
    """An event stream that ends without the end of the call: properly, in the middle of an event, and by a reset."""
    yield from stage.ready()
    stage.server.hold("/echo")
    for fault in ("clean end", "cut stream", "reset stream"):
        stage.inject(fault, "GET */queue/data*", after_events=1)
        job = stage.submit("/echo", "x")
        yield from stage.until(
            JobFailed, owes="cuts", what=f"a call whose stream met {fault!r} is to fail", number=job.number
        )


def refused(stage: Stage) -> Script:
    """Nobody listens."""
    stage.server.run(lambda app: app.refuse(3600.0))
    failed = yield from stage.until(SessionFailed, owes="errors", what="a refused connection is to be reported")
    # What leads to the server may answer before it knows whether that does: then it is a connection that breaks.
    kind = TransportError if stage.door == "STREAM" else ConnectError
    stage.see(isinstance(failed.error, kind), "errors", f"a refused connection came as {failed.error!r:.200}")


def silent_stream(stage: Stage) -> Script:
    """A stream that falls silent: the session's own time limit ends it."""
    yield from stage.ready()
    stage.server.hold("/echo")
    job = stage.submit("/echo", "x")
    yield from stage.until(
        JobFailed, owes="timers", what="a stream that falls silent is to fail in time", number=job.number
    )


def pause(stage: Stage) -> Script:
    """A moment in which nothing is under way but a timer."""
    stage.inject("bad gateway", "GET */config")
    yield from stage.until(ConnectRetried, owes="obey", what="a 502 is to be reported")
    yield from stage.until(SessionReady, owes="timers", what="a timer is to be kept while no exchange is under way")


def rested(stage: Stage) -> Script:
    """Calls after a while in which the server has closed what it kept alive; only the streams are still open."""
    yield from stage.ready()
    stage.server.hold("/count")
    job = stage.submit("/count", 3)
    yield from stage.started(job)
    yield from _several(stage, "obey", "calls are to come back")

    def rest() -> None:
        # On another thread, so that the adapter looks after its connections meanwhile.
        stage.server.advance(60.0)
        stage.server.wait_for(lambda app: app.connections == len(app.open_streams), timeout=stage.patience)
        stage.server.step("/count")

    with stage.meanwhile(rest):
        yield from stage.until(OutputGenerated, owes="at once", what="its output is to be handed on", number=job.number)
    yield from _several(stage, "reuse", "calls after a rest are to come back")


def _several(stage: Stage, owes: Duty, what: str) -> Script:
    """Several calls at once."""
    waiting = {stage.submit("/visit", "x").number for _ in range(4)}
    while waiting:
        event = yield from stage.until(JobCompleted, owes=owes, what=what)
        waiting.discard(event.job)


def restarted(stage: Stage) -> Script:
    """The server goes away in the middle of a call."""
    yield from stage.ready()
    stage.server.hold("/echo")
    job = stage.submit("/echo", "x")
    yield from stage.started(job)
    stage.server.run(lambda app: app.restart())
    yield from stage.until(JobFailed, owes="cuts", what="a call whose server went away is to fail", number=job.number)


def no_websockets(stage: Stage) -> Script:
    """An adapter that has no WebSockets is asked for one."""
    yield from stage.ready()
    job = stage.submit("/echo", "x")
    yield from stage.until(JobFailed, owes="websockets", what="a WebSocket is to be refused at once", number=job.number)


def side_by_side(stage: Stage) -> Script:
    """Several calls, of which the first waits for the last."""
    yield from stage.ready()
    stage.server.hold("/echo")
    held = stage.submit("/echo", "held")
    yield from stage.started(held)
    first = stage.server.run(lambda app: app.job("/echo"))
    yield from _several(stage, "side by side", "calls are to come back beside one that waits")
    stage.server.run(lambda _: first.release())
    yield from stage.until(JobCompleted, owes="side by side", what="the call is to come back", number=held.number)


def aborted(stage: Stage) -> Script:
    """A download that is given up after its first bytes, and a call after it."""
    yield from stage.ready()
    job = stage.submit("/pieces", LARGE // len(PIECE))
    made = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    number = stage.session.download(file_in(made.outputs))
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    stage.session.abort_download(number)
    job = stage.submit("/echo", "x")
    yield from stage.until(
        JobCompleted, owes="abort", what="a call beside an aborted exchange is to come back", number=job.number
    )
    stage.server_sees(
        lambda app: all(record.end != "open" for record in app.requests if record.kind == "file"),
        "abort",
        "the connection of an aborted exchange was still open",
    )
    ends = {record.end for record in stage.server.requests if record.kind == "file"}
    stage.see("complete" not in ends, "abort", "an aborted answer was read up to its end")


def not_taken(stage: Stage) -> Script:
    """A large file comes, and nobody takes its first bytes."""
    yield from stage.ready()
    job = stage.submit("/pieces", LARGE // len(PIECE))
    made = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    number = stage.session.download(file_in(made.outputs))
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    sent = _when_quiet(stage, "file")
    stage.see(sent < LARGE, "pressure", f"{sent} bytes were read while the first event was not yet taken")
    stage.session.abort_download(number)


def not_read(stage: Stage) -> Script:
    """A large file goes up to a server that stops to read."""
    yield from stage.ready()
    stage.inject("stall body", "POST */upload*", after_bytes=100_000)
    source = _Counting()
    job = stage.upload("/length", source, LARGE)
    failed = yield from stage.until(JobFailed, owes="timers", what="a stalled upload is to fail", number=job.number)
    stage.server.run(lambda app: app.restart())  # it would never notice an end, since it reads nothing
    stage.see(isinstance(failed.error, DeadlineExceeded), "files", f"a stalled upload came as {failed.error!r:.200}")
    stage.see(source.most <= LARGE // 8, "files", f"{source.most} bytes of a file were read at once")
    stage.see(source.given <= _AHEAD, "files", f"{source.given} bytes of a file were read, and 100000 were taken")


class _Counting(io.RawIOBase):
    """A large file that takes no room, and says what was read of it."""

    def __init__(self) -> None:
        self.given = 0
        self.most = 0
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + (0, self._place, LARGE)[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        left = LARGE - self._place
        count = left if size is None or size < 0 else min(size, left)
        self.most = max(self.most, count)
        self.given += count
        self._place += count
        return bytes(count)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def _when_quiet(stage: Stage, kind: str) -> int:
    """Return how much of an answer went out when no more did for a while."""

    def sent(app: Any) -> int:
        return max((record.sent for record in app.requests if record.kind == kind), default=0)

    seen = -1

    def more(app: Any) -> bool:
        return sent(app) > seen

    while (now := stage.server.run(sent)) > seen and now < LARGE:
        seen = now
        with contextlib.suppress(TimeoutError):
            stage.server.wait_for(more, timeout=_QUIET)
    return now


def cancelled(stage: Stage) -> Script:
    """A generator that is told to stop."""
    yield from stage.ready()
    stage.server.hold("/count")
    job = stage.submit("/count", 3)
    yield from stage.started(job)
    stage.server.step("/count")
    yield from stage.until(OutputGenerated, owes="at once", what="its output is to be handed on", number=job.number)
    stage.session.cancel(job)
    yield from stage.until(JobCancelled, owes="abort", what="the call is to be cancelled", number=job.number)


def closed(stage: Stage) -> Script:
    """A session that is closed in the middle of a call and of a download."""
    yield from stage.ready()
    job = stage.submit("/pieces", LARGE // len(PIECE))
    made = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    stage.server.hold("/echo")
    held = stage.submit("/echo", "x")
    yield from stage.started(held)
    number = stage.session.download(file_in(made.outputs))
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    stage.session.close()
    yield from stage.until(JobFailed, owes="events", what="a call is to fail with its session", number=held.number)


def left(stage: Stage) -> Script:
    """Nobody waits for the end of a call and of a download."""
    yield from stage.ready()
    job = stage.submit("/pieces", LARGE // len(PIECE))
    made = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    stage.server.hold("/echo")
    held = stage.submit("/echo", "x")
    yield from stage.started(held)
    number = stage.session.download(file_in(made.outputs))
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)


NO_WEBSOCKETS = Scenario(name="a WebSocket that cannot be", version="3.50.2", script=no_websockets)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(name="predict", version="6.31.0", script=predict),
    Scenario(name="predict with sse_v1", version="4.12.0", script=predict),
    Scenario(name="predict with a stream for each event", version="4.0.2", script=predict),
    Scenario(
        name="predict over WebSockets",
        version="3.50.2",
        script=partial(predict, owes="websockets"),
        websockets=True,
    ),
    Scenario(name="predict by polling", version="3.0.24", script=poll),
    Scenario(name="step by step", version="6.31.0", script=step_by_step),
    Scenario(name="step by step with sse_v1", version="4.12.0", script=step_by_step),
    Scenario(name="step by step with a stream for each event", version="4.0.2", script=step_by_step),
    Scenario(name="step by step over WebSockets", version="3.50.2", script=step_by_step, websockets=True),
    Scenario(name="State", version="6.31.0", script=keeps_state),
    Scenario(name="files", version="6.31.0", script=files),
    Scenario(name="framings", version="6.31.0", script=framings),
    Scenario(name="a redirect", version="6.31.0", script=redirected),
    Scenario(name="cut answers", version="6.31.0", script=cut),
    Scenario(name="a cut file", version="6.31.0", script=truncated),
    Scenario(name="cut streams", version="6.31.0", script=stream_ends),
    Scenario(name="a restart", version="6.31.0", script=restarted),
    Scenario(name="a restart with a WebSocket", version="3.50.2", script=restarted, websockets=True),
    Scenario(name="a refused connection", version="6.31.0", script=refused),
    Scenario(
        name="a silent stream",
        version="6.31.0",
        script=silent_stream,
        options={"timeouts": Timeouts(stream_idle=0.3)},
    ),
    Scenario(
        name="a pause",
        version="6.31.0",
        script=pause,
        options={"retry": Retry(times=1, first_delay=0.2)},
    ),
    Scenario(name="a rest", version="6.31.0", script=rested, ordered=True),
    Scenario(name="side by side", version="6.31.0", script=side_by_side),
    Scenario(name="an aborted download", version="6.31.0", script=aborted),
    Scenario(name="a download that waits", version="6.31.0", script=not_taken),
    Scenario(
        name="an upload that waits",
        version="6.31.0",
        script=not_read,
        options={"timeouts": Timeouts(upload_idle=0.3)},
    ),
    Scenario(name="a cancelled call", version="6.31.0", script=cancelled),
    Scenario(name="a closed session", version="6.31.0", script=closed),
    Scenario(name="nobody waits", version="6.31.0", script=left),
)
"""All of them. The first is that without which none of the others can go well."""
