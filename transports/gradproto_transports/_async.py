"""The client and its jobs, as trio and asyncio share them: everything but the waiting and the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, NoReturn, TypeVar

from gradproto import (
    Call,
    Config,
    Conversation,
    DeadlineExceeded,
    Endpoints,
    Event,
    GradprotoError,
    HubSession,
    JobCancelledError,
    JobLogged,
    JobState,
    JobUpdate,
    SpaceDuplicated,
    StatusUpdate,
    view_api_dict,
    view_api_text,
)
from gradproto._record import replace

from ._async_inner import DriverFactory, Inner
from ._async_map import MapResults
from ._async_space import ask_hub
from ._callbacks import JobCallbacks, check_callable, guarded
from ._files import with_sizes
from ._map import MapProgress
from ._options import ClientOptions, check_timeout
from ._records import JobRecord, OutputReader, UpdateReader

__all__ = ["Client", "Job", "MapProgress", "MapResults", "run_client", "run_duplicate"]


C = TypeVar("C", bound="Client")


@asynccontextmanager
async def run_client(
    options: ClientOptions,
    make_driver: DriverFactory,
    make_client: type[C],
    *,
    api_name: str | None,
    fn_index: int | None,
) -> AsyncGenerator[C, None]:
    """Connect a client, and close it when the block is left."""
    inner = Inner(options, make_driver)
    async with inner.driver.running():
        try:
            await inner.connect()
            client = make_client(inner, inner.session.conversation, api_name=api_name, fn_index=fn_index)
            if api_name is not None or fn_index is not None:
                client.endpoints.resolve(api_name=api_name, fn_index=fn_index)
            if options.verbose:
                print(f"Loaded as API: {inner.session.base_url}/ ✔")
            yield client
        finally:
            await inner.close()


@asynccontextmanager
async def run_duplicate(
    options: ClientOptions,
    make_driver: DriverFactory,
    make_client: type[C],
    begin: Callable[[HubSession], None],
    *,
    api_name: str | None,
    fn_index: int | None,
) -> AsyncGenerator[C, None]:
    """Let a copy of a Space be made, connect a client to it, and close that when the block is left."""
    made = await ask_hub(options.hub, begin, make_driver)
    assert isinstance(made, SpaceDuplicated)
    options.hub.duplicate_told(made)
    own = replace(options, src=made.space)
    async with run_client(own, make_driver, make_client, api_name=api_name, fn_index=fn_index) as client:
        yield client


class Client:
    """A client of one Gradio app; `open_client` makes one. Use it in the event loop that it was opened in."""

    def __init__(self, inner: Inner, conversation: Conversation, *, api_name: str | None, fn_index: int | None) -> None:
        self._inner = inner
        self._conversation = conversation
        self._api_name = api_name
        self._fn_index = fn_index

    @property
    def src(self) -> str:
        """The address of the app, with a slash at its end."""
        return f"{self._inner.session.base_url}/"

    @property
    def config(self) -> Config:
        """The app's config."""
        return self._conversation.config

    @property
    def endpoints(self) -> Endpoints:
        """The app's endpoints, by their index."""
        return self._conversation.endpoints

    @property
    def session_hash(self) -> str:
        """The name by which the server keeps this client's State."""
        return self._conversation.session_hash

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
        log_callbacks: Callable[[JobLogged], object] | Iterable[Callable[[JobLogged], object]] | None = None,
        **kwargs: object,
    ) -> Job:
        """Begin to call an endpoint. Arguments go by position or by the names of the endpoint's parameters.

        ``result_callbacks`` are called with the values of each output as separate arguments, ``status_callbacks`` with
        each `StatusUpdate`, ``log_callbacks`` with each `gradproto.JobLogged`, in order, in the event loop. They are
        plain functions. Raises `ArgumentError` and `EndpointNotFoundError` before anything is sent.
        """
        await self._inner.driver.checkpoint()
        callbacks = JobCallbacks(result_callbacks, status_callbacks, log_callbacks)
        return self._begin(args, kwargs, callbacks, api_name=api_name, fn_index=fn_index, headers=headers)

    def map(
        self,
        inputs: Iterable[object],
        *,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        concurrency: int = 16,
        progress_callback: Callable[[MapProgress], object] | None = None,
    ) -> MapResults:
        """Call an endpoint once for each of ``inputs``, so many at a time, and give the results as they are taken.

        An input is one argument, a tuple of several, or a dictionary of arguments by their names. Inputs are taken as
        they are needed, so that there may be any number. The results are those of `predict`, in the order of the
        inputs, or with `MapResults.as_completed` as they come; a call that failed has its error in its place.
        ``progress_callback`` hears of each that is over. Raises `EndpointNotFoundError` and `ArgumentError`.
        """
        self._inner.check_open()
        if api_name is None and fn_index is None:
            api_name, fn_index = self._api_name, self._fn_index
        endpoint = self.endpoints.resolve(api_name=api_name, fn_index=fn_index)
        name, index = endpoint.api_name, None if endpoint.api_name is not None else endpoint.fn_index

        def begin(args: tuple[object, ...], kwargs: Mapping[str, object]) -> Job:
            return self._begin(args, kwargs, api_name=name, fn_index=index, headers=headers)

        return MapResults(self._inner.driver, begin, inputs, concurrency=concurrency, progress=progress_callback)

    def session(self: C) -> C:
        """Begin a conversation of its own, whose State this one does not see, over the same connections.

        It is used like a client. Closing it, or leaving its ``async with``, ends it alone; it ends with this client,
        too.
        """
        inner = self._inner
        inner.check_open()
        inner.session.check_conversation(self._conversation)
        conversation = inner.driver.call(inner.session.open_conversation)
        return type(self)(inner, conversation, api_name=self._api_name, fn_index=self._fn_index)

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
        inner, conversation = self._inner, self._conversation
        inner.driver.call(lambda: inner.session.reset_session(conversation))

    async def close(self) -> None:
        """End the connection; jobs under way fail. Downloaded files stay."""
        inner, conversation = self._inner, self._conversation
        if conversation is inner.session.conversation:
            await inner.close()
            return
        # First of all, also where whoever closes it is being cancelled.
        if inner.driver.alive:
            inner.driver.call(lambda: inner.session.close_conversation(conversation))
        await inner.driver.checkpoint()

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __del__(self) -> None:
        # The client itself ends with its block.
        inner, conversation = self._inner, self._conversation
        if conversation is not inner.session.conversation:
            inner.driver.soon(lambda: inner.session.close_conversation(conversation))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client belongs to this process, and can be neither pickled nor copied")

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
        call = inner.session.prepare(
            args, kwargs, api_name=api_name, fn_index=fn_index, headers=headers, conversation=self._conversation
        )
        session = None if self._conversation is inner.session.conversation else self
        return inner.driver.call(lambda: Job(inner, with_sizes(call), callbacks, session=session))

    def _names_endpoint(self, args: tuple[object, ...]) -> bool:
        return len(args) == 2 and isinstance(args[0], str) and self.endpoints.has_name(args[0])


class Job:
    """One call of an endpoint. ``await job`` is ``await job.result()``.

    Cancelling a task that waits for the job cancels the job on the server, if it can be cancelled; a ``timeout`` does
    not.
    """

    def __init__(self, inner: Inner, call: Call, callbacks: JobCallbacks | None, *, session: Client | None) -> None:
        self._inner = inner
        self._session = session  # which ends when nobody has it any more
        self._callbacks = callbacks
        self._waiters = inner.driver.waiters()
        self._cancel_asked = False
        self._done_callbacks: list[Callable[[Job], object]] = []
        self._own_iterator: _Outputs | None = None
        job = inner.session.submit(call)
        self._wants_first = inner.options.generator_result == "first" and job.endpoint.may_generate
        self.record: JobRecord = JobRecord(job, fetch=inner.to_fetch, bind=inner.remote_file)
        inner.hub.watch(job.number, self)

    # --- what a caller asks -------------------------------------------------------------------------------------------

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the result; that of a generator is its first output, unless the client says "last".

        Raises what the job failed with, `JobCancelledError`, or `DeadlineExceeded` after ``timeout`` seconds.
        """
        await self._wait(self._has_result, timeout)
        return self.outcome()

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
        return list(self.record.statuses)

    def updates(self) -> AsyncIterator[JobUpdate]:
        """Give all that happens to the job, in order, as it comes: `gradproto.JobQueued`, `gradproto.JobLogged`,
        `gradproto.OutputGenerated` and so on, from its beginning.

        The last is `gradproto.JobCompleted`, `gradproto.JobFailed` or `gradproto.JobCancelled`: nothing is raised for a
        job that failed. Of the progress of an upload it tells each hundredth.
        """
        return _Updates(self)

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

    def add_done_callback(self, fn: Callable[[Job], object]) -> None:
        """Call ``fn`` with the job when it is over, in the event loop; at once if it is over already."""
        check_callable(fn, "add_done_callback")
        if self.done():
            guarded(fn, self)
        else:
            self._done_callbacks.append(fn)

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

    async def send(self, *args: object, **kwargs: object) -> None:
        """Send one more input to a streaming endpoint (Gradio 5 and later), and wait until the app has taken it.

        The arguments are those of the endpoint. Inputs go one by one, each when the function has answered to the one
        before. Raises `ArgumentError` for other endpoints, and what kept the input from the app: the job may be over.
        """
        job = self.record.job
        self._inner.check_open()
        call = self._inner.session.prepare(args, kwargs, fn_index=job.endpoint.fn_index, conversation=job.conversation)
        await self._send(with_sizes(call))

    async def end(self) -> None:
        """Say that no more input follows, so that the job comes to its end; the rest is as with `send`."""
        self._inner.check_open()
        await self._send(None)

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

    def __reduce__(self) -> NoReturn:
        raise TypeError("a job belongs to this process, and can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<Job {self.record.job.endpoint.label} {self.status().code.value}>"

    # --- inside -------------------------------------------------------------------------------------------------------

    def outcome(self) -> Any:
        """Return the result that is there; raises what the job failed with."""
        return self.record.result(first=self._wants_first)

    def changed(self, event: Event | None) -> None:
        """Tell whoever waits or listens."""
        callbacks = self._callbacks
        if callbacks is not None and callbacks.wanted:
            self._inner.driver.call_back(lambda: callbacks.run(self.record))
        if self.record.ended and self._done_callbacks:
            self._inner.driver.call_back(self._call_done)
        self._waiters.notify()

    def _call_done(self) -> None:
        callbacks, self._done_callbacks = self._done_callbacks, []
        for callback in callbacks:
            guarded(callback, self)

    async def take(self, reader: OutputReader) -> object:
        """Wait for the next output and return it."""
        record = self.record
        await self._wait(lambda: record.ready > reader.index or record.ended)
        if reader.index < record.ready:
            return reader.take()
        if record.error is not None and not (self._cancel_asked and self.cancelled()):
            raise record.error
        raise StopAsyncIteration

    async def take_update(self, reader: UpdateReader) -> JobUpdate:
        """Wait for the next update and return it."""
        await self._wait(lambda: not reader.waiting)
        update = reader.take()
        if update is None:
            raise StopAsyncIteration
        return update

    async def _send(self, call: Call | None) -> None:
        ended: list[GradprotoError | None] = []

        def done(error: GradprotoError | None) -> None:
            ended.append(error)
            self._waiters.notify()

        inner = self._inner
        inner.driver.call(lambda: inner.hub.send(self.record.job, call, done))
        await self._waiters.wait(lambda: bool(ended))
        if ended[0] is not None:
            raise ended[0]

    def _has_result(self) -> bool:
        return self.record.ended or (self._wants_first and self.record.ready > 0)

    async def _wait(self, ready: Callable[[], bool], timeout: float | None = None) -> None:
        self._inner.driver.home.check()
        limit = check_timeout(timeout)
        try:
            in_time = await self._waiters.wait(ready, limit)
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


class _Updates(AsyncIterator[JobUpdate]):
    """One iteration over what happens to a job; it may be left in the middle, too."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._reader = UpdateReader(job.record)

    async def __anext__(self) -> JobUpdate:
        return await self._job.take_update(self._reader)
