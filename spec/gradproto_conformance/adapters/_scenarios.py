"""What an adapter goes through: each is a script that acts on the session and waits for its events."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Generator
from functools import partial
from typing import Any

from gradproto import (
    ConnectError,
    ConnectRetried,
    DeadlineExceeded,
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    Event,
    FileData,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobStarted,
    OutputGenerated,
    Retry,
    SessionFailed,
    SessionReady,
    Timeouts,
    TransportError,
    UploadProgressed,
)

from ._app import LARGE, PIECE, content, look_of
from ._obligations import Duty
from ._stage import Broken, Scenario, Script, Stage, file_in

__all__ = ["NO_WEBSOCKETS", "SCENARIOS"]

# What an adapter may have read of a file ahead of the server: two sockets' buffers, and some for itself.
_AHEAD = LARGE // 2
# For as long as nothing moves, a server is taken for held up; only an adapter that buffers gets anywhere meanwhile.
_QUIET = 0.3
# Two bytes each: aiohttp takes messages of 4 MiB.
_LONG = 3 << 20
# Of nobody: it is looked for where it must not be.
_TOKEN = "hf_madeUpForThisCheckAlone"
# More than the connections that any library has by default, and less than a session's 256.
_MANY = 120


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


def long_text(stage: Stage) -> Script:
    """A call with a text that is longer than what libraries take for a line or a message, if they are not told."""
    yield from stage.ready()
    text = "ü" * _LONG
    job = stage.submit("/echo", text)
    event = yield from stage.until(JobCompleted, owes="whole", what="a long text is to come back", number=job.number)
    stage.see(event.outputs == (text,), "whole", f"a text of {_LONG} characters came back as another")


def refused_websocket(stage: Stage) -> Script:
    """A handshake that the server refuses."""
    yield from stage.ready()
    stage.inject("forbidden", "GET */queue/join*")
    job = stage.submit("/echo", "x")
    failed = yield from stage.until(
        JobFailed, owes="websockets", what="a refused handshake is to be reported", number=job.number
    )
    told = f"a refused handshake was no answer: {failed.error!r:.200}"
    stage.see(403 in stage.session.statuses, "websockets", told)


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
    pieces = [*content(5), b"end"]
    size = sum(map(len, pieces))
    # It is not from its first byte nor to its last one that the file is to be sent.
    job = stage.upload("/look", io.BytesIO(b"".join([PIECE, *pieces, PIECE])), size, start=len(PIECE))
    sent = yield from stage.until(
        UploadProgressed, owes="files", what="the progress of an upload is to be reported", number=job.number
    )
    while sent.sent < sent.total:
        sent = yield from stage.until(
            UploadProgressed, owes="files", what="an upload is to be reported up to its end", number=job.number
        )
    event = yield from stage.until(JobCompleted, owes="files", what="the upload is to be used", number=job.number)
    stage.see(
        event.outputs == (look_of(pieces),), "files", f"of a file of {look_of(pieces)} came {event.outputs[0]!r:.80}"
    )
    for count in (5, 0):
        yield from _download(stage, (yield from _made(stage, count)), b"".join(content(count)))


def ends_early(stage: Stage) -> Script:
    """A file to be sent that ends before its size."""
    yield from stage.ready()
    job = stage.upload("/look", io.BytesIO(PIECE * 3), len(PIECE) * 5)
    yield from stage.until(JobFailed, owes="files", what="a file that ends early is to fail", number=job.number)


def named_by_path(stage: Stage) -> Script:
    """A file to be sent that has to be opened first."""
    yield from stage.ready()
    with tempfile.TemporaryDirectory(prefix="gradproto-") as directory:
        path = os.path.join(directory, "größe.bin")
        with open(path, "wb") as file:
            file.writelines(content(2))
        job = stage.upload("/look", path, 2 * len(PIECE), start=None)
        event = yield from stage.until(JobCompleted, owes="files", what="the upload is to be used", number=job.number)
    found = look_of(content(2))
    stage.see(event.outputs == (found,), "files", f"of a file of {found} came {event.outputs[0]!r:.80}")


def refused_upload(stage: Stage) -> Script:
    """A large file goes up to a server that answers, and closes, before it has much of it."""
    yield from stage.ready()
    stage.inject("answer", "POST */upload*", status=413, body=b'{"detail": "much too large"}')
    job = stage.upload("/look", _Counting(), LARGE)
    failed = yield from stage.until(JobFailed, owes="files", what="a refused upload is to fail", number=job.number)
    stage.see(
        413 in stage.session.statuses, "files", f"an upload was answered before its end, but {failed.error!r:.200} came"
    )


def _made(stage: Stage, count: int) -> Generator[None, Event, FileData]:
    """Let a file of so many pieces be made."""
    job = stage.submit("/pieces", count)
    event = yield from stage.until(JobCompleted, owes="whole", what="a file is to be made", number=job.number)
    return file_in(event.outputs)


def _download(stage: Stage, file: FileData, whole: bytes) -> Script:
    number = stage.session.download(file)
    stage.waiting = ("whole", "a file is to be fetched")
    found = b""
    while True:
        event = yield
        if isinstance(event, DownloadDataReceived):
            found += event.data
        elif isinstance(event, DownloadFailed):
            raise Broken("whole", f"a file of {len(whole)} bytes was there, but {event!r:.300} came")
        elif isinstance(event, DownloadCompleted) and event.download == number:
            break
    stage.see(found == whole, "whole", f"{len(found)} bytes were reported of a file of {len(whole)}, or others")


def framings(stage: Stage) -> Script:
    """Answers in chunks, without a length, by an older server."""
    stage.inject("chunked", "GET */config")
    stage.inject("until close", "GET */info*")
    yield from stage.ready(owes="cuts")
    file = yield from _made(stage, 2)
    for fault, values in (("http/1.0", {}), ("chunked", {"size": 999}), ("until close", {})):
        stage.inject(fault, "GET */file=*", **values)
        yield from _download(stage, file, b"".join(content(2)))


def redirected(stage: Stage) -> Script:
    """An address that leads elsewhere: it is the session that follows, or does not."""
    to = "/config?next=%2Fa%20b&name=gr%C3%B6%C3%9Fe+1"
    cookies = [("set-cookie", "one=1; Path=/"), ("set-cookie", "two=2; Path=/")]
    stage.inject("answer", "GET */config", status=307, headers=[("location", to), *cookies])
    yield from stage.ready()
    stage.see(307 in stage.session.statuses, "obey", "a redirect was followed, and not reported")
    job = stage.submit("/echo", "x")
    yield from stage.until(JobCompleted, owes="obey", what="the call is to come back", number=job.number)
    # What an adapter adds to it is seen by whoever compares what was asked for with what came.
    given = {value for request in stage.session.requests for name, value in request.headers if name == "cookie"}
    stage.see("one=1; two=2" in given, "whole", "of two headers with one name both are to be reported, each by itself")


def compressed(stage: Stage) -> Script:
    """An answer that is compressed, though nobody asked for that: it is the session that says so."""
    stage.inject("gzip", "GET */config")
    yield from stage.until(SessionFailed, owes="obey", what="a compressed answer is to be reported as it is")


def at_once(stage: Stage) -> Script:
    """Events that come together, and ends of lines that are no line feeds."""
    yield from stage.ready()
    for fault in ("coalesced", "crlf"):
        stage.inject(fault, "GET */queue/data*")
        job = stage.submit("/count", 3)
        for index in range(3):
            event = yield from stage.until(
                OutputGenerated, owes="whole", what=f"output {index} is to be handed on", number=job.number
            )
            stage.see(event.outputs == (float(index),), "whole", f"output {index} came as {event.outputs!r:.200}")
        yield from stage.until(JobCompleted, owes="whole", what="the end is to be handed on", number=job.number)


def cut_at_first(stage: Stage) -> Script:
    """The first connection of all ends without an answer: it did not rest, so that nothing is to be sent again."""
    stage.inject("cut", "GET */config")
    yield from stage.until(SessionFailed, owes="cuts", what="the end of a connection before its answer is to fail")


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
    """A file that ends too early: before its length, and before its last chunk."""
    yield from stage.ready()
    file = yield from _made(stage, 2)
    for framing in ("length", "last chunk"):
        if framing == "last chunk":
            stage.inject("chunked", "GET */file=*", size=5000)
        stage.inject("truncate", "GET */file=*", keep=70000)
        number = stage.session.download(file)
        yield from stage.until(
            DownloadFailed, owes="cuts", what=f"a file that ends before its {framing} is to fail", number=number
        )


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
    # A stream may lead to something that is there, and hears of the refusal only then.
    kind = TransportError if stage.door == "STREAM" else ConnectError
    stage.see(isinstance(failed.error, kind), "errors", f"a refused connection came as {failed.error!r:.200}")
    stage.see(_TOKEN not in repr(failed.error), "errors", "an error has a token in its text")


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
    stage.see(502 in stage.session.statuses, "whole", "an answer with the status 502 was not reported as an answer")
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
    """Several calls, beside one that waits for them, one whose request is not answered, and an upload that stands."""
    yield from stage.ready()
    stage.server.hold("/echo")
    held = stage.submit("/echo", "held")
    yield from stage.started(held)
    first = stage.server.run(lambda app: app.job("/echo"))
    yield from _several(stage, "side by side", "calls are to come back beside one that waits")
    with _deaf(stage):
        job = stage.upload("/look", _Counting(), LARGE)
        yield from stage.until(
            UploadProgressed, owes="files", what="what goes out is to be reported piece by piece", number=job.number
        )
        stage.inject("hang", "POST */queue/join*", endpoint="/echo")
        stage.submit("/echo", "hangs")
        yield from _several(stage, "side by side", "calls are to come back beside others that wait")
        stage.server.run(lambda _: first.release())
        yield from stage.until(JobCompleted, owes="side by side", what="the call is to come back", number=held.number)


def many(stage: Stage) -> Script:
    """As many calls as no pool of connections is for, each with a stream of its own, that all wait for the last."""
    yield from stage.ready()
    stage.server.hold("/echo")
    waiting = {stage.submit("/echo", "x").number for _ in range(_MANY)}
    for _ in range(_MANY):
        yield from stage.until(JobStarted, owes="side by side", what=f"{_MANY} calls are to run at once")
    stage.server.release("/echo")
    while waiting:
        event = yield from stage.until(JobCompleted, owes="side by side", what="the calls are to come back")
        waiting.discard(event.job)


def aborted_before_the_answer(stage: Stage) -> Script:
    """A download that is given up while the server still thinks about it."""
    yield from stage.ready()
    file = yield from _made(stage, 2)
    stage.server.hold("/count")
    job = stage.submit("/count", 3)
    yield from stage.started(job)
    stage.inject("hang", "GET */file=*")
    number = stage.session.download(file)

    def arrive() -> None:
        # On another thread, so that the adapter sends its request meanwhile.
        stage.server.wait_for(lambda app: any(request.kind == "file" for request in app.requests), stage.patience)
        stage.server.step("/count")

    with stage.meanwhile(arrive):
        yield from stage.until(OutputGenerated, owes="at once", what="its output is to be handed on", number=job.number)
    stage.session.abort_download(number)
    yield from _is_closed(stage)


def aborted(stage: Stage) -> Script:
    """A download that is given up after its first bytes, and a call after it."""
    yield from stage.ready()
    file = yield from _made(stage, LARGE // len(PIECE))
    number = stage.session.download(file)
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    stage.session.abort_download(number)
    yield from _is_closed(stage)
    ends = {record.end for record in stage.server.requests if record.kind == "file"}
    stage.see("complete" not in ends, "abort", "an aborted answer was read up to its end")


def _is_closed(stage: Stage) -> Script:
    """Let the adapter work on, and look whether the connection of an aborted download goes."""
    job = stage.submit("/echo", "x")
    yield from stage.until(
        JobCompleted, owes="abort", what="a call beside an aborted exchange is to come back", number=job.number
    )
    stage.server_sees(
        lambda app: all(record.end != "open" for record in app.requests if record.kind == "file"),
        "abort",
        "the connection of an aborted exchange was still open",
    )


def not_taken(stage: Stage) -> Script:
    """A large file comes, and nobody takes its first bytes."""
    yield from stage.ready()
    file = yield from _made(stage, LARGE // len(PIECE))
    number = stage.session.download(file)
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    sent = _when_quiet(stage, "file")
    stage.see(sent < LARGE, "pressure", f"{sent} bytes were read while the first event was not yet taken")
    stage.session.abort_download(number)


def not_read(stage: Stage) -> Script:
    """A large file goes up to a server that stops to read."""
    yield from stage.ready()
    source = _Counting()
    with _deaf(stage):
        job = stage.upload("/look", source, LARGE)
        failed = yield from stage.until(JobFailed, owes="timers", what="a stalled upload is to fail", number=job.number)
    stage.see(isinstance(failed.error, DeadlineExceeded), "files", f"a stalled upload came as {failed.error!r:.200}")
    stage.see(source.most <= LARGE // 8, "files", f"{source.most} bytes of a file were read at once")
    stage.see(source.given <= _AHEAD, "files", f"{source.given} bytes of a file were read, and 100000 were taken")
    told = stage.session.most_sent
    stage.see(told <= source.given + len(PIECE), "files", f"{told} bytes were said to be out, of {source.given} read")


@contextlib.contextmanager
def _deaf(stage: Stage) -> Generator[None, None, None]:
    """Let the server stop to read an upload. It would never notice the end of the connection, and so is restarted."""
    stage.inject("stall body", "POST */upload*", after_bytes=100_000)
    try:
        yield
    except Broken:
        stage.server.run(lambda app: app.restart())
        raise
    stage.server.run(lambda app: app.restart())


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
    file = yield from _made(stage, LARGE // len(PIECE))
    stage.server.hold("/echo")
    held = stage.submit("/echo", "x")
    yield from stage.started(held)
    number = stage.session.download(file)
    yield from stage.until(DownloadDataReceived, owes="at once", what="its first bytes are to come", number=number)
    stage.session.close()
    yield from stage.until(JobFailed, owes="events", what="a call is to fail with its session", number=held.number)


def left(stage: Stage) -> Script:
    """Nobody waits for the end of a call and of a download."""
    yield from stage.ready()
    file = yield from _made(stage, LARGE // len(PIECE))
    stage.server.hold("/echo")
    held = stage.submit("/echo", "x")
    yield from stage.started(held)
    number = stage.session.download(file)
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
    Scenario(name="a long text", version="6.31.0", script=long_text),
    Scenario(name="a long text over WebSockets", version="3.50.2", script=long_text, websockets=True),
    Scenario(name="a refused WebSocket", version="3.50.2", script=refused_websocket, websockets=True),
    Scenario(name="predict by polling", version="3.0.24", script=poll),
    Scenario(name="step by step", version="6.31.0", script=step_by_step),
    Scenario(name="step by step with sse_v1", version="4.12.0", script=step_by_step),
    Scenario(name="step by step with a stream for each event", version="4.0.2", script=step_by_step),
    Scenario(name="step by step over WebSockets", version="3.50.2", script=step_by_step, websockets=True),
    Scenario(name="State", version="6.31.0", script=keeps_state),
    Scenario(name="files", version="6.31.0", script=files),
    Scenario(name="a file by its path", version="6.31.0", script=named_by_path),
    Scenario(name="a short file", version="6.31.0", script=ends_early),
    Scenario(name="a refused upload", version="6.31.0", script=refused_upload),
    Scenario(name="framings", version="6.31.0", script=framings),
    Scenario(name="a redirect", version="6.31.0", script=redirected),
    Scenario(name="a compressed answer", version="6.31.0", script=compressed),
    Scenario(name="events at once", version="6.31.0", script=at_once),
    Scenario(name="a cut connection", version="6.31.0", script=cut_at_first),
    Scenario(name="cut answers", version="6.31.0", script=cut),
    Scenario(name="a cut file", version="6.31.0", script=truncated),
    Scenario(name="cut streams", version="6.31.0", script=stream_ends),
    Scenario(name="a restart", version="6.31.0", script=restarted),
    Scenario(name="a restart with a WebSocket", version="3.50.2", script=restarted, websockets=True),
    Scenario(name="a refused connection", version="6.31.0", script=refused, options={"token": _TOKEN}),
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
    Scenario(name="many at once", version="4.0.2", script=many),
    Scenario(name="an aborted request", version="6.31.0", script=aborted_before_the_answer),
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
