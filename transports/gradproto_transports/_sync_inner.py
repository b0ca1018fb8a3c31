"""What a sync client is made of inside: its session, its I/O thread, its downloads."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from gradproto import (
    Call,
    ConnectionLostError,
    Conversation,
    DeadlineExceeded,
    FileData,
    GradprotoError,
    LocalProtocolError,
    Session,
)
from gradproto._record import field, record

from ._files import Downloads, with_sizes
from ._hub import Collected, Fetch, Hub, Sink
from ._options import ClientOptions
from ._sync_driver import Driver, OpenStream

if TYPE_CHECKING:
    import ssl

__all__ = ["Inner", "RemoteFile"]


@record(frozen=True, slots=True, kw_only=True)
class RemoteFile(FileData):
    """A file of an output that was not downloaded. It can be passed to another call as it is."""

    inner: Inner = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Fetch the file and return its content."""
        sink = Collected()
        self.inner.fetch_whole(self, sink)
        return sink.value()

    def save(self, directory: str | os.PathLike[str] | None = None) -> str:
        """Fetch the file into ``directory`` (or where the client's downloads go) and return its path."""
        self.inner.check_open()
        target = self.inner.downloads.target(self, directory)
        try:
            self.inner.fetch_whole(self, target)
            return target.finish()
        except BaseException:
            target.discard()
            raise

    def stream(self) -> Iterator[bytes]:
        """Yield the file's content while it comes. What is not taken yet waits on the disk, not in memory."""
        self.inner.check_open()
        target = self.inner.downloads.target(self)
        spool = _Spool(self.inner.driver, target)
        try:
            done = self.inner.fetch(self, spool)
            done.add_done_callback(lambda _: spool.wake())
            try:
                yield from spool.read(done)
                done.result()
            finally:
                self.inner.abandon(done)
        finally:
            target.discard()
            target.path.parent.rmdir()


class _Spool:
    """A download that is read while it is written."""

    def __init__(self, driver: Driver, target: Any) -> None:
        self._driver = driver
        self._target = target
        self._written = 0
        self._more = threading.Condition()

    def write(self, data: bytes) -> None:
        self._target.write(data)
        with self._more:
            self._written += len(data)
            self._more.notify_all()

    def discard(self) -> None:
        """The reader removes the file, when it has read what there is."""

    def wake(self) -> None:
        with self._more:
            self._more.notify_all()

    def read(self, done: concurrent.futures.Future[None]) -> Iterator[bytes]:
        with self._target.open_again() as file:
            while True:
                # The client's own thread, in a callback, goes on with the download meanwhile.
                self._driver.wait(self._more, lambda: self._written > file.tell() or done.done(), None)
                data = file.read(256 * 1024)
                if not data:
                    return
                yield data


class Inner:
    """The part of a client that its thread knows. It does not hold the client, so that a forgotten client can go."""

    def __init__(
        self, options: ClientOptions, tls: Callable[[], ssl.SSLContext], open_stream: OpenStream | None
    ) -> None:
        self.options = options
        self.downloads: Downloads = Downloads(options.directory)
        self.session: Session = options.new_session()
        # Which files of outputs are downloaded.
        self.to_fetch: Callable[[FileData], bool] | None = self.session.may_download if options.fetch else None
        self.connected: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.hub: Hub = Hub(self.session, self.downloads, self._on_connected, options.stage_told)
        self._fetches: dict[concurrent.futures.Future[None], Fetch] = {}
        self.driver: Driver = Driver(
            self.session,
            connect_timeout=options.timeouts.connect,
            proxies=options.proxies,
            tls=tls,
            open_stream=open_stream,
            on_event=self.hub.handle,
            on_stop=self._on_stop,
        )
        self.driver.post(self.session.connect)

    def prepare(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        *,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        conversation: Conversation | None = None,
    ) -> Call:
        """Check a call; reads the session only, which is safe from any thread."""
        self.check_open()
        call = self.session.prepare(
            args, kwargs, api_name=api_name, fn_index=fn_index, headers=headers, conversation=conversation
        )
        call = with_sizes(call)
        self.session.check(call)
        return call

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

    def fetch(
        self, file: FileData, sink: Sink, started: Callable[[int | None], None] | None = None
    ) -> concurrent.futures.Future[None]:
        """Begin a download; the future tells how it ended, and ``started`` is called with the size when it is known."""
        ended: concurrent.futures.Future[None] = concurrent.futures.Future()

        def done(error: GradprotoError | None) -> None:
            self._fetches.pop(ended, None)
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

        fetch = self._fetches[ended] = Fetch(file, sink, done, started)
        self.driver.post(lambda: self.hub.fetch(fetch))
        return ended

    def fetch_whole(
        self,
        file: FileData,
        sink: Sink,
        started: Callable[[int | None], None] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Download a file and wait for its end; a wait that is interrupted, or ``timeout`` seconds, stops it."""
        ended = self.fetch(file, sink, started)
        try:
            if self.driver.on_thread:
                # In a callback: the thread goes on with its work until the file is there.
                self.driver.wait(threading.Condition(), ended.done, timeout)
            else:
                concurrent.futures.wait([ended], timeout)
            if not ended.done():
                raise DeadlineExceeded(f"the file {file.orig_name!r:.80} did not come within {timeout:g} s")
            ended.result()
        except BaseException:
            self.abandon(ended)
            raise

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client's file belongs to this process, and can be neither pickled nor copied")

    def check_open(self) -> None:
        """Raise `LocalProtocolError` when the client is closed, or in another process than it was made in."""
        self.driver.home.check()
        if not self.driver.alive:
            raise LocalProtocolError("the client is closed")

    def abandon(self, ended: concurrent.futures.Future[None]) -> None:
        """Stop a download that is still under way."""
        fetch = self._fetches.pop(ended, None)
        if fetch is not None:
            self.driver.try_post(lambda: self.hub.abandon(fetch))

    def close(self) -> None:
        """Let the thread close the session and end."""
        if self.driver.home.left:
            self.driver.leave()
        elif self.driver.try_post(self.session.close):
            self.driver.stop()

    def _on_connected(self, error: GradprotoError | None) -> None:
        if error is None:
            self.connected.set_result(None)
        else:
            self.connected.set_exception(error)

    def _on_stop(self, failure: BaseException | None) -> None:
        """Leave nobody waiting for a thread that is gone."""
        error = ConnectionLostError("the client was closed")
        if failure is not None:
            error = ConnectionLostError(f"the client's thread failed: {type(failure).__name__}")
            error.__cause__ = failure
        self.hub.fail_all(error)
        if not self.connected.done():
            self.connected.set_exception(error)
        for job in self.hub.unfinished():
            job.record.abort(error)
            job.changed(None)
