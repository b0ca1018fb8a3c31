"""What the trio and the asyncio client share: everything but the waiting and the network.

Nothing here knows which of the two runs it. Their modules bring a driver, and with it a way to wait.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, BinaryIO, Literal, Protocol, TypeVar

from gradproto import (
    Call,
    Config,
    ConnectionLostError,
    DeadlineExceeded,
    Endpoints,
    Event,
    FileData,
    GradprotoError,
    JobCancelledError,
    JobState,
    LocalProtocolError,
    Session,
    StatusUpdate,
    view_api_dict,
    view_api_text,
)
from gradproto._record import field, record

from ._callbacks import JobCallbacks
from ._files import Downloads, DownloadTarget, with_sizes
from ._hub import Collected, Fetch, Hub, Sink
from ._options import ClientOptions
from ._records import JobRecord, OutputReader

__all__ = ["Client", "Driver", "DriverFactory", "FileStream", "Job", "RemoteFile", "Waiters", "run_client"]

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
        session: Session,
        *,
        connect_timeout: float | None,
        on_event: Callable[[Event], None],
        on_stop: Callable[[BaseException | None], None],
    ) -> Driver:
        """Return a driver for ``session`` that does not run yet."""
        ...


@asynccontextmanager
async def run_client(
    options: ClientOptions, make_driver: DriverFactory, *, api_name: str | None, fn_index: int | None
) -> AsyncGenerator[Client, None]:
    """Connect a client, and close it when the block is left."""
    inner = _Inner(options, make_driver)
    async with inner.driver.running():
        try:
            await inner.connect()
            client = Client(inner, api_name=api_name, fn_index=fn_index)
            if options.verbose:
                print(f"Loaded as API: {inner.session.base_url}/ ✔")
            yield client
        finally:
            await inner.close()


class Client:
    """A client of one Gradio app; `open_client` makes one. Use it in the event loop that it was opened in."""

    def __init__(self, inner: _Inner, *, api_name: str | None, fn_index: int | None) -> None:
        self._inner = inner
        self._api_name = api_name
        self._fn_index = fn_index
        if api_name is not None or fn_index is not None:
            self.endpoints.resolve(api_name=api_name, fn_index=fn_index)

    @property
    def config(self) -> Config:
        """The app's config."""
        return self._inner.session.config

    @property
    def endpoints(self) -> Endpoints:
        """The app's endpoints, by their index."""
        return self._inner.session.endpoints

    @property
    def session_hash(self) -> str:
        """The name by which the server keeps this client's State."""
        return self._inner.session.session_hash

    async def predict(
        self,
        *args: object,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: object,
    ) -> Any:
        """Call an endpoint and return its result; raises what the job failed with.

        Cancelling whoever waits for it cancels the job on the server.
        """
        job = self._begin(args, kwargs, api_name=api_name, fn_index=fn_index, headers=headers)
        return await job.result()

    async def submit(
        self,
        *args: object,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        result_callbacks: Callable[..., object] | Iterable[Callable[..., object]] | None = None,
        status_callbacks: Callable[[StatusUpdate], object] | Iterable[Callable[[StatusUpdate], object]] | None = None,
        **kwargs: object,
    ) -> Job:
        """Begin to call an endpoint. Arguments go by position or by the names of the endpoint's parameters.

        ``result_callbacks`` are called with the values of each output as separate arguments, ``status_callbacks`` with
        each `StatusUpdate`, in order, in the event loop. They are plain functions. Raises `ArgumentError` and
        `EndpointNotFoundError` before anything is sent.
        """
        await self._inner.driver.checkpoint()
        callbacks = JobCallbacks(result_callbacks, status_callbacks)
        return self._begin(args, kwargs, callbacks, api_name=api_name, fn_index=fn_index, headers=headers)

    def view_api(
        self,
        all_endpoints: bool | None = None,
        print_info: bool = True,
        return_format: Literal["str", "dict"] | None = None,
    ) -> Any:
        """Describe the app's endpoints: printed, and returned as text (``"str"``) or as a dictionary (``"dict"``)."""
        if return_format == "dict":
            return view_api_dict(self.endpoints.info)
        text = view_api_text(self.endpoints.info, all_endpoints=all_endpoints)
        if return_format == "str":
            return text
        if print_info:
            print(text)
        return None

    async def reset_session(self) -> None:
        """Begin a new conversation, with new State; jobs under way end in the old one."""
        await self._inner.driver.checkpoint()
        self._inner.driver.call(self._inner.session.reset_session)

    async def close(self) -> None:
        """End the connection; jobs under way fail. Downloaded files stay."""
        await self._inner.close()

    def __repr__(self) -> str:
        return f"<Client of {self._inner.session.base_url}>"

    def _begin(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        callbacks: JobCallbacks | None = None,
        *,
        api_name: str | None,
        fn_index: int | None,
        headers: Mapping[str, str] | None,
    ) -> Job:
        inner = self._inner
        inner.check_open()
        if api_name is None and fn_index is None and not self._names_endpoint(args):
            api_name, fn_index = self._api_name, self._fn_index
        call = inner.session.prepare(args, kwargs, api_name=api_name, fn_index=fn_index, headers=headers)
        return inner.driver.call(lambda: Job(inner, with_sizes(call), callbacks))

    def _names_endpoint(self, args: tuple[object, ...]) -> bool:
        return len(args) == 2 and isinstance(args[0], str) and self.endpoints.has_name(args[0])


class Job:
    """One call of an endpoint. ``await job`` is ``await job.result()``.

    Cancelling a task that waits for the job cancels the job on the server, if it can be cancelled; a ``timeout`` does
    not.
    """

    def __init__(self, inner: _Inner, call: Call, callbacks: JobCallbacks | None) -> None:
        self._inner = inner
        self._callbacks = callbacks
        self._waiters = inner.driver.waiters()
        self._cancel_asked = False
        self._own_iterator: _Outputs | None = None
        job = inner.session.submit(call)
        self._wants_first = inner.options.generator_result == "first" and job.endpoint.is_generator
        self.record: JobRecord = JobRecord(job, fetch=inner.options.fetch, bind=inner.remote_file)
        inner.hub.watch(job.number, self)

    # --- what a caller asks -------------------------------------------------------------------------------------------

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the result; that of a generator is its first output, unless the client says "last".

        Raises what the job failed with, `JobCancelledError`, or `DeadlineExceeded` after ``timeout`` seconds.
        """
        await self._wait(self._has_result, timeout)
        record = self.record
        if self._wants_first and record.ready and not isinstance(record.error, JobCancelledError):
            return record.first()
        return record.final()

    async def final(self, timeout: float | None = None) -> Any:
        """Wait until the job is over and return its last output; raises as `result` does."""
        await self._wait(self.done, timeout)
        return self.record.final()

    def outputs(self) -> list[Any]:
        """Return every output so far, in order. Treat them as read-only: later ones share what did not change."""
        return self.record.outputs()

    def status(self) -> StatusUpdate:
        """Return the latest step."""
        return self.record.status

    def statuses(self) -> list[StatusUpdate]:
        """Return every step so far, in order."""
        return list(self.record.updates)

    def done(self) -> bool:
        """Whether the job is over, files of its outputs included."""
        return self.record.ended

    def running(self) -> bool:
        """Whether the job has begun to run and is not over."""
        return self.record.job.state is JobState.RUNNING and not self.done()

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return self.done() and isinstance(self.record.error, JobCancelledError)

    async def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until the job is over and return what it failed with, if it did; raises `JobCancelledError`."""
        await self._wait(self.done, timeout)
        error = self.record.error
        if isinstance(error, JobCancelledError):
            raise error
        return error

    async def cancel(self) -> bool:
        """Cancel the job and wait until that is settled.

        True if it was taken out of the queue before it started, or its generator was told to stop and did. False if it
        has started and cannot be stopped, or is over. Another job is never disturbed.
        """
        before = self.record.refusals
        self.request_cancel()
        await self._waiters.wait(lambda: self.done() or self.record.refusals > before)
        return self.cancelled()

    def request_cancel(self) -> None:
        """Begin to cancel the job, and do not wait for it."""
        self._cancel_asked = True
        if not self.done() and self._inner.driver.alive:
            self._inner.driver.call(lambda: self._inner.session.cancel(self.record.job))

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.result().__await__()

    def __aiter__(self) -> AsyncIterator[Any]:
        """Give every output, in order, as it comes; raises at the end if the job failed."""
        return _Outputs(self)

    async def __anext__(self) -> Any:
        """Return the next output of the job's own iteration."""
        if self._own_iterator is None:
            self._own_iterator = _Outputs(self)
        return await self._own_iterator.__anext__()

    def __repr__(self) -> str:
        return f"<Job {self.record.job.endpoint.label} {self.status().code.value}>"

    # --- inside -------------------------------------------------------------------------------------------------------

    def changed(self, event: Event | None) -> None:
        """Tell whoever waits or listens."""
        callbacks = self._callbacks
        if callbacks is not None and callbacks.wanted:
            self._inner.driver.call_back(lambda: callbacks.run(self.record))
        self._waiters.notify()

    async def take(self, reader: OutputReader) -> object:
        """Wait for the next output and return it."""
        record = self.record
        await self._wait(lambda: record.ready > reader.index or record.ended)
        if reader.index < record.ready:
            return reader.take()
        if record.error is not None and not (self._cancel_asked and self.cancelled()):
            raise record.error
        raise StopAsyncIteration

    def _has_result(self) -> bool:
        return self.record.ended or (self._wants_first and self.record.ready > 0)

    async def _wait(self, ready: Callable[[], bool], timeout: float | None = None) -> None:
        try:
            in_time = await self._waiters.wait(ready, timeout)
        except GeneratorExit:
            raise  # the event loop was given up, and the network with it
        except BaseException:
            # Only a cancellation or an interrupt comes out of there: nobody wants the result any more.
            self.request_cancel()
            raise
        if not in_time:
            raise DeadlineExceeded(f"{self!r} has no result after {timeout:g} s; it goes on")


class _Outputs(AsyncIterator[Any]):
    """One iteration over a job's outputs. Not a generator: it may be left in the middle, with nothing to clean up."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._reader = OutputReader(job.record)
        self._over = False

    async def __anext__(self) -> Any:
        if self._over:
            raise StopAsyncIteration
        try:
            return await self._job.take(self._reader)
        except (GradprotoError, StopAsyncIteration):
            self._over = True
            raise


@record(frozen=True, slots=True, kw_only=True)
class RemoteFile(FileData):
    """A file of an output that was not downloaded. It can be passed to another call as it is."""

    inner: _Inner = field(repr=False, compare=False)

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

    def __init__(self, inner: _Inner, file: FileData) -> None:
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
        self._close()

    def _close(self) -> None:
        self._over = True
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()


class _Spool:
    """A download that is read from the disk while it is written there."""

    def __init__(self, inner: _Inner, file: FileData) -> None:
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


class _Inner:
    """What a client, its jobs and its files have in common."""

    def __init__(self, options: ClientOptions, make_driver: DriverFactory) -> None:
        self.options = options
        self.downloads: Downloads = Downloads(options.directory)
        self.session: Session = options.new_session()
        self.hub: Hub = Hub(self.session, self.downloads, self._on_connected)
        self.driver: Driver = make_driver(
            self.session,
            connect_timeout=options.timeouts.connect,
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
        if self.driver.alive:
            self.driver.call(self.session.close)
        await self.driver.close()

    def check_open(self) -> None:
        """Raise `LocalProtocolError` if the client is closed."""
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
        if self.driver.alive:
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
