"""One scenario with one adapter: an app, a session, and a script that takes the session's events."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from gradproto import (
    DownloadCompleted,
    DownloadDataReceived,
    DownloadFailed,
    Event,
    FileData,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobStarted,
    Session,
    SessionFailed,
    SessionReady,
    handle_file,
)
from gradproto._jobs import Job
from gradproto._record import field, record
from gradproto.wire import WireClient
from gradproto_fake_server import FakeServer

from ._app import make_app
from ._obligations import Door, Duty
from ._watch import Log, WatchedSession, WatchedWire

__all__ = ["Broken", "Scenario", "Script", "Stage", "file_in", "play"]

E = TypeVar("E", bound=Event)
Script = Generator[None, Event, None]
OnEvent = Callable[[Event], bool]
Play = Callable[[Session, WireClient, OnEvent], None]
"""Lets an adapter work, whichever of the two its door is."""

# Whatever else is waited for, these are the end of it: of everything, of a job, and of a download.
_ENDS = (SessionReady, SessionFailed)
_JOB_ENDS = (JobCompleted, JobFailed, JobCancelled)
_DOWNLOAD_ENDS = (DownloadCompleted, DownloadFailed)
PATIENCE = 5.0
"""Seconds in which whatever is only to be tidied up, or on its way, has to be there."""


class Broken(Exception):
    """An obligation is broken, and that is the end of the script."""

    def __init__(self, duty: Duty, how: str) -> None:
        super().__init__(how)
        self.duty: Duty = duty
        self.how = how


@record(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens, in which version of Gradio, to a session with which options.

    ``ordered``: it wants an end that came first to be seen before bytes that came later on another connection, which is
    so between sockets of one machine, and not where something carries the bytes between them.
    """

    name: str
    version: str
    script: Callable[[Stage], Script]
    websockets: bool = False
    ordered: bool = False
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Stage:
    """What a script acts with: the server, the session, and a way to wait for events."""

    def __init__(self, door: Door, server: FakeServer, session: WatchedSession, patience: float) -> None:
        self.door: Door = door
        self.server = server
        self.session = session
        self.patience = patience
        self.waiting: tuple[Duty, str] = ("obey", "the session is to connect")

    def until(self, kind: type[E], *, owes: Duty, what: str, number: int | None = None) -> Generator[None, Event, E]:
        """Wait for an event, of the job or download of that number; it is ``owes`` that is broken if none comes."""
        self.waiting = (owes, what)
        while True:
            event = yield
            about = getattr(event, "job", getattr(event, "download", None))
            if isinstance(event, kind) and number in (None, about):
                self.waiting = ("events", "the next event is to be handed on")
                return event
            if _is_end(event, kind, number):
                raise Broken(owes, f"{what}, but {event!r:.300} came")

    def ready(self, owes: Duty = "obey") -> Generator[None, Event, None]:
        """Wait until the session is connected."""
        yield from self.until(SessionReady, owes=owes, what="the session is to connect")

    def submit(self, api_name: str, *args: object) -> Job:
        """Begin a job."""
        return self.session.submit(self.session.prepare(args, api_name=api_name))

    def started(self, job: Job) -> Generator[None, Event, None]:
        """Wait until a job runs, or is held."""
        yield from self.until(JobStarted, owes="at once", what="a call is to be started", number=job.number)

    def upload(self, api_name: str, source: Any, size: int, *, start: int | None = 0) -> Job:
        """Begin a job with a file: so many bytes, from ``start`` of it if it is open."""
        call = self.session.prepare([handle_file(source, name="up.bin")], api_name=api_name)
        return self.session.submit(call.with_sizes([size], [start]))

    def inject(self, fault: str, pattern: str, **values: Any) -> None:
        """Let something go wrong, once, with the next request of that kind."""
        self.server.run(lambda app: app.inject(fault, pattern, **values))

    def see(self, condition: bool, owes: Duty, how: str) -> None:
        """Note that an obligation is broken, if the condition does not hold."""
        if not condition:
            raise Broken(owes, how)

    @contextlib.contextmanager
    def meanwhile(self, work: Callable[[], None]) -> Generator[None, None, None]:
        """Let something happen on another thread while the script waits."""

        def carefully() -> None:
            # What does not come is missed by the script, too, which has the words for it.
            with contextlib.suppress(TimeoutError):
                work()

        thread = threading.Thread(target=carefully, name="meanwhile", daemon=True)
        thread.start()
        yield
        thread.join()

    def server_sees(self, condition: Callable[[Any], object], owes: Duty, how: str) -> None:
        """Wait for something to be true of the app; ``how`` is what is wrong if it never is."""
        try:
            self.server.wait_for(condition, timeout=self.patience)
        except TimeoutError:
            raise Broken(owes, how) from None


def _is_end(event: Event, kind: type[Any], number: int | None) -> bool:
    """Say whether an event of that kind, of the job or download of that number, can't come any more."""
    if isinstance(event, _ENDS):
        return True
    # A job and a download may have the same number.
    is_download = issubclass(kind, (DownloadDataReceived, *_DOWNLOAD_ENDS))
    if isinstance(event, _DOWNLOAD_ENDS):
        return number is None or (is_download and event.download == number)
    return isinstance(event, _JOB_ENDS) and (number is None or (not is_download and event.job == number))


def file_in(outputs: tuple[object, ...]) -> FileData:
    """Return the file that is a job's first output."""
    file = outputs[0]
    assert isinstance(file, FileData)
    return file


def play(scenario: Scenario, door: Door, adapter: Play, limit: float) -> Mapping[Duty, str]:
    """Let an adapter go through a scenario; returns what it broke, and how that was seen."""
    log = Log(door)
    with FakeServer(make_app(scenario.version)) as server:
        session = WatchedSession(server.url, log=log, entropy=os.urandom, **scenario.options)
        wire = WatchedWire(session, log=log, entropy=os.urandom) if door != "SESSION" else None
        stage = Stage(door, server, session, min(PATIENCE, limit / 2))
        _Run(scenario, stage, log).go(lambda on_event: adapter(session, wire or _no_wire(session), on_event), limit)
    return log.broken


def _no_wire(session: Session) -> WireClient:
    return WireClient(session, entropy=os.urandom)


class _Run:
    """The adapter's thread, and what is asked of it at the end."""

    def __init__(self, scenario: Scenario, stage: Stage, log: Log) -> None:
        self._stage = stage
        self._log = log
        self._script = scenario.script(stage)
        self._done = False
        self._mistake: BaseException | None = None  # of a scenario, not of the adapter

    def go(self, work: Callable[[OnEvent], None], limit: float) -> None:
        """Let it work, look whether it ended as it should, and whether it left something behind."""
        before = set(threading.enumerate())
        next(self._script)
        self._stage.session.connect()
        thread = threading.Thread(target=self._work, args=(work,), name="adapter", daemon=True)
        try:
            thread.start()
            thread.join(limit)
        except BaseException:
            self._log.abandoned = True  # so that it ends, too, whoever interrupted this
            raise
        if thread.is_alive():
            # An error that the adapter has kept to itself may be why it hangs.
            if self._log.refused is None:
                duty, what = self._missing()
                self._log.breaks(duty, f"{what}; nothing of the sort happened within {limit:g} s")
            self._log.abandoned = True
            self._stage.server.close()
            thread.join(self._stage.patience)
        else:
            self._look_for_rests(before)
        if self._mistake is not None:
            raise self._mistake

    def _missing(self) -> tuple[Duty, str]:
        if self._done:
            return "release", "it is to return"
        kept = self._log.kept
        return self._stage.waiting if kept is None else ("events", f"{kept!r:.200} is to be handed on")

    def _work(self, work: Callable[[OnEvent], None]) -> None:
        try:
            work(self._on_event)
        except BaseException as error:
            # What the session refused is told of already, whatever became of its error.
            if not self._log.abandoned and self._log.refused is None:
                self._log.breaks("errors", f"it raised {type(error).__name__}: {error!s:.300}")
            return
        if not self._done:
            duty, what = self._stage.waiting
            self._log.breaks(duty, f"{what}, but it returned before that")

    def _on_event(self, event: Event) -> bool:
        if self._log.abandoned:
            return True
        self._log.used("on_event")
        if self._done:
            self._log.breaks("events", f"{event!r:.200} was handed on after on_event had returned True")
            return True
        if not self._log.got(event):
            self._done = True
            return True
        try:
            self._script.send(event)
        except StopIteration:
            self._done = True
        except Broken as broken:
            self._log.breaks(broken.duty, broken.how)
            self._done = True
        except Exception as error:
            self._mistake = error
            self._done = True
        return self._done

    def _look_for_rests(self, before: set[threading.Thread]) -> None:
        rests = [thread for thread in threading.enumerate() if thread not in before]
        for thread in rests:
            thread.join(self._stage.patience)
            if thread.is_alive():
                self._log.breaks("release", f"the thread {thread.name!r} was still there after it had returned")
        if not self._done:
            return  # what was under way, and what the server was told to do with it, is not over
        try:
            self._stage.server.wait_for(lambda app: not app.connections, timeout=self._stage.patience)
        except TimeoutError:
            left = self._stage.server.run(lambda app: app.connections)
            self._log.breaks("release", f"it left {left} connections open")
        if self._log.door != "SESSION":
            return
        for duty, how in self._stage.session.asked.differences(self._stage.server.requests):
            self._log.breaks(duty, how)
