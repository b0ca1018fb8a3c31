"""What a client for an event loop is made of inside: its session, its driver, its downloads.

Nothing here knows which event loop it is. The modules of the two bring a driver, and with it a way to wait.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import BinaryIO, NoReturn, Protocol, TypeVar

from gradproto import ConnectionLostError, Event, FileData, GradprotoError, LocalProtocolError, Session
from gradproto._record import field, record
from gradproto.wire import Conversation

from ._files import Downloads, DownloadTarget
from ._home import Home
from ._hub import Collected, Fetch, Hub, Sink
from ._options import ClientOptions
from ._proxy import Proxies

__all__ = ["Driver", "DriverFactory", "FileStream", "Inner", "RemoteFile", "Waiters"]

T = TypeVar("T")

# Pieces in which a file that was written to the disk a moment ago is read again.
PIECE = 256 * 1024


class Waiters(Protocol):
    """Those who wait until something about one thing is true."""

    async def wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until ``ready()``, which may become true with a `notify`; return False after ``timeout`` seconds."""
        ...

    def notify(self) -> None:
        """Let them look again."""
        ...


class Driver(Protocol):
    """What does the I/O of one client."""

    home: Home

    @property
    def alive(self) -> bool:
        """Whether it still works."""
        ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Do the I/O, until the block is left."""
        ...

    def call(self, work: Callable[[], T]) -> T:
        """Do ``work``, which may touch the session, and carry out what comes of it."""
        ...

    def soon(self, work: Callable[[], None]) -> None:
        """Do ``work`` in the event loop in a moment, if it lives that long; any thread may ask for it, at any time."""
        ...

    def call_back(self, callback: Callable[[], None]) -> None:
        """Let a callback of the user run when this turn is over."""
        ...

    def waiters(self) -> Waiters:
        """Return nobody yet, for one thing that will change."""
        ...

    async def checkpoint(self) -> None:
        """Give others their turn, where that is the custom."""
        ...

    async def close(self) -> None:
        """Stop, and wait until nothing is left of it."""
        ...


class DriverFactory(Protocol):
    """Makes a client's driver."""

    def __call__(
        self,
        session: Conversation,
        *,
        connect_timeout: float | None,
        proxies: Proxies,
        on_event: Callable[[Event], None],
        on_stop: Callable[[BaseException | None], None],
    ) -> Driver:
        """Return a driver for ``session`` that does not run yet."""
        ...


@record(frozen=True, slots=True, kw_only=True)
class RemoteFile(FileData):
    """A file of an output that was not downloaded. It can be passed to another call as it is."""

    inner: Inner = field(repr=False, compare=False)

    async def read(self) -> bytes:
        """Fetch the file and return its content."""
        sink = Collected()
        await self.inner.fetch(self, sink)
        return sink.value()

    async def save(self, directory: str | os.PathLike[str] | None = None) -> str:
        """Fetch the file into ``directory`` (or where the client's downloads go) and return its path."""
        self.inner.check_open()
        target = self.inner.downloads.target(self, directory)
        try:
            await self.inner.fetch(self, target)
            return target.finish()
        except BaseException:
            target.discard()
            raise

    def stream(self) -> FileStream:
        """Give the file's content while it comes. What is not taken yet waits on the disk, not in memory."""
        return FileStream(self.inner, self)


class FileStream(AsyncIterator[bytes]):
    """The content of a file, in pieces. The download stops when the iteration is left."""

    def __init__(self, inner: Inner, file: FileData) -> None:
        self._inner = inner
        self._file = file
        self._spool: _Spool | None = None
        self._over = False

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        if self._spool is None:
            self._spool = _Spool(self._inner, self._file)
        spool = self._spool
        try:
            data = await spool.read()
            if data:
                return data
            error = spool.error
        except BaseException:
            self._close()
            raise
        self._close()
        if error is not None:
            raise error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop the download, if it is not over."""
        self._close()

    def __del__(self) -> None:
        spool = self._spool
        if spool is not None:
            if self._inner.driver.alive:
                self._inner.driver.soon(spool.close)
            else:
                spool.close()

    def _close(self) -> None:
        self._over = True
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()


class _Spool:
    """A download that is read from the disk while it is written there."""

    def __init__(self, inner: Inner, file: FileData) -> None:
        inner.check_open()
        self._inner = inner
        self._target: DownloadTarget = inner.downloads.target(file)
        self._reader: BinaryIO = self._target.open_again()
        self._waiters = inner.driver.waiters()
        self._waiting = 0  # bytes that were written and not read
        self._done = False
        self.error: GradprotoError | None = None
        try:
            self._fetch = inner.start_fetch(file, self, self._end)
        except BaseException:
            self._remove()
            raise

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._target.write(data)
        self._waiting += len(data)
        self._waiters.notify()

    def discard(self) -> None:
        """The reader removes the file, when it has read what there is."""

    async def read(self) -> bytes:
        """Return the next piece, ``b""`` after the last."""
        await self._waiters.wait(lambda: self._waiting > 0 or self._done)
        data = self._reader.read(min(PIECE, self._waiting))
        self._waiting -= len(data)
        return data

    def close(self) -> None:
        """Stop, and remove the file."""
        self._inner.abandon(self._fetch)
        self._remove()

    def _remove(self) -> None:
        self._reader.close()
        self._target.discard()
        self._target.path.parent.rmdir()

    def _end(self, error: GradprotoError | None) -> None:
        self._done = True
        self.error = error
        self._waiters.notify()


class Inner:
    """What a client, its jobs and its files have in common."""

    def __init__(self, options: ClientOptions, make_driver: DriverFactory) -> None:
        self.options = options
        self.downloads: Downloads = Downloads(options.directory)
        self.session: Session = options.new_session()
        # Which files of outputs are downloaded.
        self.to_fetch: Callable[[FileData], bool] | None = self.session.may_download if options.fetch else None
        self.hub: Hub = Hub(self.session, self.downloads, self._on_connected, options.stage_told)
        self.driver: Driver = make_driver(
            self.session,
            connect_timeout=options.timeouts.connect,
            proxies=options.proxies,
            on_event=self.hub.handle,
            on_stop=self._on_stop,
        )
        self._connecting = self.driver.waiters()
        self._connected = False
        self._refusal: GradprotoError | None = None

    async def connect(self) -> None:
        """Connect; raises what kept it from that."""
        self.driver.call(self.session.connect)
        await self._connecting.wait(lambda: self._connected)
        if self._refusal is not None:
            raise self._refusal

    async def close(self) -> None:
        """Close the session and end its I/O."""
        if self.driver.alive and not self.driver.home.left:
            self.driver.call(self.session.close)
        await self.driver.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client's file belongs to this process, and can be neither pickled nor copied")

    def check_open(self) -> None:
        """Raise `LocalProtocolError` if the client is closed, or in another process than it was opened in."""
        self.driver.home.check()
        if not self.driver.alive:
            raise LocalProtocolError("the client is closed")

    def remote_file(self, file: FileData) -> RemoteFile:
        """Return the file as one that can be fetched through this client."""
        return RemoteFile(
            path=file.path,
            url=file.url,
            orig_name=file.orig_name,
            size=file.size,
            mime_type=file.mime_type,
            is_stream=file.is_stream,
            inner=self,
        )

    async def fetch(self, file: FileData, sink: Sink) -> None:
        """Download a file; raises what kept it from coming."""
        ended: list[GradprotoError | None] = []
        waiters = self.driver.waiters()

        def done(error: GradprotoError | None) -> None:
            ended.append(error)
            waiters.notify()

        fetch = self.start_fetch(file, sink, done)
        try:
            await waiters.wait(lambda: bool(ended))
        finally:
            self.abandon(fetch)
        if ended[0] is not None:
            raise ended[0]

    def start_fetch(self, file: FileData, sink: Sink, done: Callable[[GradprotoError | None], None]) -> Fetch:
        """Begin a download; ``done`` hears of its end."""
        fetch = Fetch(file, sink, done)
        self.driver.call(lambda: self.hub.fetch(fetch))
        return fetch

    def abandon(self, fetch: Fetch) -> None:
        """Stop a download, if it is still under way."""
        if self.driver.alive and not self.driver.home.left:
            self.driver.call(lambda: self.hub.abandon(fetch))

    def _on_connected(self, error: GradprotoError | None) -> None:
        self._connected = True
        self._refusal = error
        self._connecting.notify()

    def _on_stop(self, failure: BaseException | None) -> None:
        """Leave nobody waiting for a driver that is gone."""
        error = ConnectionLostError("the client was closed")
        if failure is not None:
            error = ConnectionLostError(f"the client's driver failed: {type(failure).__name__}")
            error.__cause__ = failure
        self.hub.fail_all(error)
        if not self._connected:
            self._on_connected(error)
        for job in self.hub.unfinished():
            job.record.abort(error)
            job.changed(None)
