"""Uploads: forms whose files go to the store as they arrive, and what listeners are told meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._file_names import RouteCrash, upload_name
from ._files import FileWriter
from ._http import Exchange
from ._multipart import FormFinished, MultipartError, MultipartParser, PartBegun, PartData
from ._profiles import Profile
from ._schedule import Timer
from ._streams import UploadProgressStream
from ._validation import Invalid, worded

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["UploadTracker", "Uploads", "refuse_form"]

_MAX_FILES = 1000
_REMEMBERED_UPLOADS = 100  # that are over, and of which nobody has asked how they go


class UploadTracker:
    """What is known of one upload that has an id."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, int]] = []
        self.done = False
        self.listener: UploadProgressStream | None = None


class Uploads:
    """The uploads that have an id, and those who wait for one."""

    def __init__(self, app: FakeApp) -> None:
        self._app = app
        self._trackers: dict[str, UploadTracker] = {}
        self._waiting: dict[str, list[tuple[Exchange, Timer]]] = {}

    @property
    def waiting(self) -> int:
        """How many listeners wait for an upload to begin."""
        return sum(len(exchanges) for exchanges in self._waiting.values())

    def track(self, upload_id: str) -> UploadTracker:
        """An upload begins."""
        tracker = self._trackers[upload_id] = UploadTracker()
        for exchange, timer in self._waiting.pop(upload_id, []):
            timer.cancel()
            self._listen(exchange, upload_id, tracker)
        return tracker

    def listen(self, exchange: Exchange, upload_id: str) -> None:
        """Answer ``/upload_progress``, which waits a little for an upload that has yet to begin."""
        tracker = self._trackers.get(upload_id)
        if tracker is not None:
            self._listen(exchange, upload_id, tracker)
            return
        if self._app.profile.unknown_upload == "empty":
            stream = UploadProgressStream(exchange)
            exchange.start_event_stream(stream)
            stream.end()
            return

        def give_up() -> None:
            waiting.remove(entry)
            exchange.respond(404, b"Upload not found", "text/plain; charset=utf-8")

        def leave() -> None:
            timer.cancel()
            waiting.remove(entry)

        waiting = self._waiting.setdefault(upload_id, [])
        timer = self._app.schedule.call_after(self._app.profile.upload_progress_wait, give_up)
        entry = (exchange, timer)
        waiting.append(entry)
        exchange.on_disconnect = leave

    def _listen(self, exchange: Exchange, upload_id: str, tracker: UploadTracker) -> None:
        stream = UploadProgressStream(exchange)

        def leave() -> None:
            tracker.listener = None
            self._trackers.pop(upload_id, None)

        exchange.on_disconnect = leave
        exchange.start_event_stream(stream)
        tracker.listener = stream
        for name, size in tracker.pieces:
            stream.update(name, size)
        tracker.pieces.clear()
        if tracker.done:
            self._trackers.pop(upload_id, None)
            stream.done()

    def update(self, tracker: UploadTracker, name: str, size: int) -> None:
        """A piece arrived."""
        if tracker.listener is not None:
            tracker.listener.update(name, size)
        else:
            tracker.pieces.append((name, size))

    def finish(self, upload_id: str, tracker: UploadTracker) -> None:
        """An upload is over, well or not."""
        tracker.done = True
        if len(self._trackers) > _REMEMBERED_UPLOADS:
            for old in [name for name, other in self._trackers.items() if other.done][:-_REMEMBERED_UPLOADS]:
                del self._trackers[old]
        if tracker.listener is not None:
            self._trackers.pop(upload_id, None)
            tracker.listener.done()

    def receive(self, exchange: Exchange, boundary: str, upload_id: str | None) -> None:
        """Take an upload in."""
        form = _UploadForm(self._app, self, exchange, boundary.encode(), upload_id)
        exchange.on_disconnect = form.abandon
        exchange.receive_body(form)


def refuse_form(exchange: Exchange, profile: Profile, status: int, text: str) -> None:
    """Say what is wrong with an upload."""
    if profile.form_refusals_are_json:
        exchange.respond_detail(status, text)
    else:
        exchange.respond(status, text.encode(), "text/plain; charset=utf-8")


class _UploadForm:
    """The body of one upload."""

    def __init__(
        self, app: FakeApp, uploads: Uploads, exchange: Exchange, boundary: bytes, upload_id: str | None
    ) -> None:
        self._app = app
        self._uploads = uploads
        self._exchange = exchange
        self._parser = MultipartParser(boundary)
        self._upload_id = upload_id
        self._tracker = uploads.track(upload_id) if upload_id else None
        self._paths: list[str] = []
        self._files = 0
        self._part: PartBegun | None = None
        self._writer: FileWriter | None = None
        self._name = ""

    def body_data(self, data: bytes | bytearray) -> None:
        try:
            self._parser.add_data(data)
            while (event := self._parser.next_event()) is not None and not self._exchange.responded:
                if isinstance(event, PartBegun):
                    self._begin(event)
                elif isinstance(event, PartData):
                    self._write(event.data)
                elif not isinstance(event, FormFinished):
                    self._end()
        except MultipartError as error:
            self._refuse(400, str(error))
        except MemoryError as error:
            self._refuse(413, str(error))

    def body_ended(self) -> None:
        self.abandon()  # a part without an end is no file
        if not self._paths and self._app.profile.stray_files_refused:
            missing = {"type": "missing", "loc": ["body", "files"], "msg": "Field required", "input": None}
            self._exchange.respond_detail(422, worded(Invalid([missing]), old=self._app.profile.old_refusals))
        else:
            self._exchange.respond_json(200, self._paths)

    def abandon(self) -> None:
        """Nothing more will come."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        if self._tracker is not None and self._upload_id is not None:
            self._uploads.finish(self._upload_id, self._tracker)
            self._tracker = None

    def _refuse(self, status: int, text: str) -> None:
        self.abandon()
        refuse_form(self._exchange, self._app.profile, status, text)

    def _begin(self, part: PartBegun) -> None:
        self._part = part
        if part.filename is None:
            return
        self._files += 1
        if self._files > _MAX_FILES:
            raise MultipartError(f"Too many files. Maximum number of files is {_MAX_FILES}.")
        try:
            name = upload_name(part.filename, self._app.profile)
        except RouteCrash:
            self.abandon()
            self._exchange.respond_crash()
            return
        if name is None:
            self.abandon()
            self._exchange.respond_detail(400, "Invalid file name: ..")
            return
        self._name = name or f"tmp{self._app.new_token(10)}"
        self._writer = self._app.files.create(self._app.file_seed)

    def _write(self, data: bytes | memoryview) -> None:
        part, writer = self._part, self._writer
        if writer is None or part is None or part.filename is None:
            return
        if self._tracker is not None:
            self._uploads.update(self._tracker, part.filename, len(data))
        limit = self._app.max_file_size
        if limit is not None and writer.size + len(data) > limit:
            self._refuse(413, f"File size exceeded maximum allowed size of {limit} bytes.")
            return
        writer.write(data)

    def _end(self) -> None:
        part, writer = self._part, self._writer
        self._part = self._writer = None
        if writer is None or part is None:
            return
        stored = writer.finish(self._name, self._app.wall_time())
        if part.name == "files":
            self._paths.append(stored.path)
