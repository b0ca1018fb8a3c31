"""The sync client: `Client` and its jobs, for plain threads.

One background thread does the I/O of a client, however many jobs run. A job is a `concurrent.futures.Future` and may
be watched from any thread.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from gradproto import (
    Call,
    Config,
    DeadlineExceeded,
    Endpoints,
    Event,
    GradprotoError,
    JobCancelledError,
    JobLogged,
    JobState,
    JobUpdate,
    LocalProtocolError,
    Retry,
    Status,
    StatusUpdate,
    Timeouts,
    view_api_dict,
    view_api_text,
)

from ._callbacks import JobCallbacks, check_callable
from ._files import handle_file
from ._map import MapProgress
from ._options import ClientOptions, GeneratorResult, Route, check_timeout
from ._records import JobRecord, OutputReader, UpdateReader
from ._sync_driver import OpenStream
from ._sync_inner import Inner, RemoteFile
from ._sync_map import MapResults
from ._tls import tls_factory

if TYPE_CHECKING:
    import ssl

__all__ = [
    "Client",
    "Job",
    "MapProgress",
    "MapResults",
    "RemoteFile",
    "Retry",
    "Status",
    "StatusUpdate",
    "Timeouts",
    "handle_file",
]


class Client:
    """A client of one Gradio app, for threads.

    ``src`` (or ``space``) is the app's address: a URL with or without sub-path, or host:port. ``token`` (or
    ``hf_token``) is a Hugging Face token, ``True`` for the one in the environment variable ``HF_TOKEN``. ``auth`` is a
    user and password for the app's own login. ``oauth_token`` lets the app act on your behalf at the Hub: it is sent
    only with calls of endpoints whose functions take such a token. ``api_name`` or ``fn_index`` name the endpoint for
    calls that name none. ``headers`` and ``cookies`` go to the app with every request.

    ``download_files``: ``True`` puts the files of outputs into a temporary directory that lives as long as the program,
    a path puts them there, ``False`` gives `RemoteFile` objects instead. ``file_origins``: other origins from which
    files of outputs may be fetched, without credentials; one that lies elsewhere is a `RemoteFile`. ``upload_paths``:
    whether a plain string is taken for a local file's path where the endpoint wants a file. ``generator_result``: which
    output of a generator ``predict`` and ``Job.result`` give.

    ``route``: how jobs get to the server: through its ``"queue"``, through its simple ``"call"`` API, which tells of
    nothing but outputs, or ``"direct"``, past the queue in one round trip, where the app allows it; a generator gives
    only its first output then. ``retry``: what is tried again when it fails, a `Retry` or the number of tries that may
    follow the first; by default nothing is.

    ``ssl_context`` replaces the system's certificates, and may bring one of the client's own; ``ssl_verify=False``
    trusts anybody. ``proxy``: the URL of an HTTP proxy, ``http://user:password@host:port`` (or ``https://``, with TLS
    to the proxy, too), ``False`` for none; otherwise the environment says: ``HTTP_PROXY``, ``HTTPS_PROXY``,
    ``ALL_PROXY``, and ``NO_PROXY`` for the hosts that are reached without.

    ``open_stream(host, port, tls)`` returns a connected socket to be used in place of a new one, with TLS already on it
    where ``tls`` is true; the environment's proxies are not looked at then::

        def open_stream(host: str, port: int, tls: bool) -> socket.socket:
            opened = socket.socket(socket.AF_UNIX)
            opened.connect("/run/app.sock")
            return opened

        client = Client("http://app", open_stream=open_stream)

    Raises what keeps it from connecting: `ConnectError`, `UnsupportedServerError`, `AuthenticationError`,
    `DeadlineExceeded`, `ArgumentError`.
    """

    def __init__(
        self,
        src: str | None = None,
        *,
        space: str | None = None,
        token: str | bool | None = None,
        hf_token: str | bool | None = None,
        auth: tuple[str, str] | None = None,
        oauth_token: str | None = None,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        download_files: bool | str | os.PathLike[str] = True,
        upload_paths: bool = True,
        file_origins: Iterable[str] = (),
        generator_result: GeneratorResult = "first",
        timeouts: Timeouts | None = None,
        route: Route = "queue",
        retry: Retry | int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ssl_verify: bool = True,
        proxy: str | Literal[False] | None = None,
        verbose: bool = False,
        open_stream: OpenStream | None = None,
    ) -> None:
        options = ClientOptions.of(
            src,
            space=space,
            token=token,
            hf_token=hf_token,
            auth=auth,
            oauth_token=oauth_token,
            headers=headers,
            cookies=cookies,
            download_files=download_files,
            upload_paths=upload_paths,
            file_origins=file_origins,
            generator_result=generator_result,
            timeouts=timeouts,
            route=route,
            retry=retry,
            verbose=verbose,
            proxy=proxy,
            open_stream=open_stream,
        )
        self._api_name = api_name
        self._fn_index = fn_index
        self._inner = Inner(options, tls_factory(ssl_context, verify=ssl_verify), open_stream)
        self._conversation = self._inner.session.conversation
        self._parent: Client | None = None
        try:
            self._inner.connected.result()
            if api_name is not None or fn_index is not None:
                self.endpoints.resolve(api_name=api_name, fn_index=fn_index)
        except BaseException:
            self.close()
            raise
        if verbose:
            print(f"Loaded as API: {self._inner.session.base_url}/ ✔")

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

    def predict(
        self,
        *args: object,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call an endpoint and return its result; raises what the job failed with. Ctrl-C cancels it on the server."""
        job = self.submit(*args, api_name=api_name, fn_index=fn_index, headers=headers, **kwargs)
        try:
            return job.result()
        except KeyboardInterrupt:
            job.request_cancel()
            raise

    def submit(
        self,
        *args: object,
        api_name: str | None = None,
        fn_index: int | None = None,
        headers: Mapping[str, str] | None = None,
        result_callbacks: Callable[..., object] | Iterable[Callable[..., object]] | None = None,
        status_callbacks: Callable[[StatusUpdate], object] | Iterable[Callable[[StatusUpdate], object]] | None = None,
        log_callbacks: Callable[[JobLogged], object] | Iterable[Callable[[JobLogged], object]] | None = None,
        **kwargs: Any,
    ) -> Job:
        """Begin to call an endpoint. Arguments go by position or by the names of the endpoint's parameters.

        ``result_callbacks`` are called with the values of each output as separate arguments, ``status_callbacks`` with
        each `StatusUpdate`, ``log_callbacks`` with each `gradproto.JobLogged`, in order, on the client's thread. Raises
        `ArgumentError` and `EndpointNotFoundError` before anything is sent.
        """
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
            return self._begin(args, kwargs, JobCallbacks(), api_name=name, fn_index=index, headers=headers)

        return MapResults(self._inner.driver, begin, inputs, concurrency=concurrency, progress=progress_callback)

    def session(self) -> Client:
        """Begin a conversation of its own, whose State this one does not see, over the same connections.

        It is used like a client. Closing it, or leaving its ``with``, ends it alone; it ends with this client, too.
        """
        inner = self._inner
        inner.check_open()
        inner.session.check_conversation(self._conversation)
        client = Client.__new__(Client)
        client._api_name, client._fn_index = self._api_name, self._fn_index
        client._inner = inner
        client._parent = self
        client._conversation = inner.driver.call(inner.session.open_conversation)
        return client

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

    def reset_session(self) -> None:
        """Begin a new conversation, with new State; jobs under way end in the old one."""
        inner, conversation = self._inner, self._conversation
        inner.driver.call(lambda: inner.session.reset_session(conversation))

    def close(self) -> None:
        """End the connection; jobs under way fail. Downloaded files stay."""
        inner, conversation = self._inner, self._conversation
        if self._parent is None:
            inner.close()
            if not inner.driver.home.left:
                inner.driver.join()
        elif inner.driver.alive:
            # Where the client is being closed meanwhile, its sessions end with it.
            with contextlib.suppress(LocalProtocolError):
                inner.driver.call(lambda: inner.session.close_conversation(conversation))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        # No join here: a finaliser must not wait.
        inner: Inner | None = getattr(self, "_inner", None)
        conversation = getattr(self, "_conversation", None)
        if inner is None or conversation is None:
            return
        if self._parent is None:
            inner.close()
        elif not inner.driver.home.left:
            inner.driver.try_post(lambda: inner.session.close_conversation(conversation))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client belongs to this process, and can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<Client of {self._inner.session.base_url}>"

    def _begin(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        callbacks: JobCallbacks,
        *,
        api_name: str | None,
        fn_index: int | None,
        headers: Mapping[str, str] | None,
    ) -> Job:
        if api_name is None and fn_index is None and not self._names_endpoint(args):
            api_name, fn_index = self._api_name, self._fn_index
        call = self._inner.prepare(
            args, kwargs, api_name=api_name, fn_index=fn_index, headers=headers, conversation=self._conversation
        )
        job = Job(self._inner, call, callbacks, session=None if self._parent is None else self)
        self._inner.driver.post(job.begin)
        return job

    def _names_endpoint(self, args: tuple[object, ...]) -> bool:
        return len(args) == 2 and isinstance(args[0], str) and self.endpoints.has_name(args[0])


class Job(concurrent.futures.Future[Any]):
    """One call of an endpoint. Its methods may be used from any thread."""

    def __init__(
        self,
        inner: Inner,
        call: Call,
        callbacks: JobCallbacks,
        *,
        session: Client | None,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._session = session  # which ends when nobody has it any more
        self._call = call
        self._callbacks = callbacks
        self._condition_changed = threading.Condition()
        self._started = StatusUpdate(code=Status.STARTING, time=datetime.datetime.now())
        self._cancel_asked = False
        self._seen = (0, 0, False)
        self._watchers = 0  # how many want to be woken by everything
        self._own_iterator: Iterator[Any] | None = None
        # Set on the client's thread when the session has taken the job; its error when it has not.
        self._record: JobRecord | None = None
        self._refusal: GradprotoError | None = None

    # --- what a caller asks ------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result and return it; that of a generator is its first output, unless the client says "last".

        Raises what the job failed with, `JobCancelledError`, or `DeadlineExceeded` after ``timeout`` seconds.
        """
        self._wait(self._has_result, timeout)
        return self.outcome()

    def final(self, timeout: float | None = None) -> Any:
        """Wait until the job is over and return its last output; raises as `result` does."""
        self._wait(self.done, timeout)
        return self._taken().final()

    def outputs(self) -> list[Any]:
        """Return every output so far, in order. Treat them as read-only: later ones share what did not change."""
        return [] if self._record is None else self._record.outputs()

    def status(self) -> StatusUpdate:
        """Return the latest step."""
        return self._started if self._record is None else self._record.status

    def statuses(self) -> list[StatusUpdate]:
        """Return every step so far, in order."""
        return [self._started] if self._record is None else list(self._record.statuses)

    def updates(self) -> Iterator[JobUpdate]:
        """Yield all that happens to the job, in order, as it comes: `gradproto.JobQueued`, `gradproto.JobLogged`,
        `gradproto.OutputGenerated` and so on, from its beginning.

        The last is `gradproto.JobCompleted`, `gradproto.JobFailed` or `gradproto.JobCancelled`: nothing is raised for a
        job that failed. Of the progress of an upload it tells each hundredth.
        """
        with self._watching():
            self._wait(lambda: self._record is not None or self.done(), None)
            reader = UpdateReader(self._taken())
            while True:
                self._wait(lambda: not reader.waiting, None)
                update = reader.take()
                if update is None:
                    return
                yield update

    def done(self) -> bool:
        """Whether the job is over, files of its outputs included."""
        return super().done()

    def running(self) -> bool:
        """Whether the job has begun to run and is not over."""
        record = self._record
        return record is not None and record.job.state is JobState.RUNNING and not self.done()

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return self._record is not None and self.done() and isinstance(self._record.error, JobCancelledError)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until the job is over and return what it failed with, if it did; raises `JobCancelledError`."""
        self._wait(self.done, timeout)
        if self._refusal is not None:
            return self._refusal
        error = self._taken().error
        if isinstance(error, JobCancelledError):
            raise error
        return error

    def add_done_callback(self, fn: Callable[[Job], object]) -> None:
        """Call ``fn`` with the job when it is over, on the client's thread; at once if it is over already."""
        check_callable(fn, "add_done_callback")
        super().add_done_callback(cast("Callable[[concurrent.futures.Future[Any]], object]", fn))

    def cancel(self) -> bool:
        """Cancel the job and wait until that is settled.

        True if it was taken out of the queue before it started, or its generator was told to stop and did. False if it
        has started and cannot be stopped, or is over. Another job is never disturbed.
        """
        before = 0 if self._record is None else self._record.refusals
        self.request_cancel()
        self._inner.driver.wait(
            self._condition_changed,
            lambda: self.done() or (self._record is not None and self._record.refusals > before),
            None,
        )
        return self.cancelled()

    def request_cancel(self) -> None:
        """Begin to cancel the job, and do not wait for it."""
        self._inner.driver.home.check()
        self._cancel_asked = True
        self._inner.driver.try_post(self._cancel_on_thread)

    def send(self, *args: object, **kwargs: Any) -> None:
        """Send one more input to a streaming endpoint (Gradio 5 and later), and wait until the app has taken it.

        The arguments are those of the endpoint. Inputs go one by one, each when the function has answered to the one
        before. Raises `ArgumentError` for other endpoints, and what kept the input from the app: the job may be over.
        """
        call = self._call
        self._send(self._inner.prepare(args, kwargs, fn_index=call.endpoint.fn_index, conversation=call.conversation))

    def end(self) -> None:
        """Say that no more input follows, so that the job comes to its end; the rest is as with `send`."""
        self._send(None)

    def __iter__(self) -> Iterator[Any]:
        """Yield every output, in order, as it comes; raises at the end if the job failed."""
        self._wait(lambda: self._record is not None or self.done(), None)
        record = self._taken()
        reader = OutputReader(record)
        while True:
            self._wait(lambda: record.ready > reader.index or self.done(), None)
            while reader.index < record.ready:
                yield reader.take()
            if self.done() and reader.index >= record.ready:
                break
        if record.error is not None and not (self._cancel_asked and self.cancelled()):
            raise record.error

    def __next__(self) -> Any:
        """Return the next output of the job's own iteration."""
        if self._own_iterator is None:
            self._own_iterator = iter(self)
        return next(self._own_iterator)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a job belongs to this process, and can be neither pickled nor copied")

    def __repr__(self) -> str:
        return f"<Job {self._call.endpoint.label} {self.status().code.value}>"

    # --- on the client's thread --------------------------------------------------------------------------------------

    def outcome(self) -> Any:
        """Return the result that is there; raises what the job failed with."""
        return self._taken().result(first=self._wants_first)

    @property
    def record(self) -> JobRecord:
        """What the client keeps of the job."""
        return self._taken()

    def begin(self) -> None:
        """Submit the job."""
        inner = self._inner
        try:
            job = inner.session.submit(self._call)
        except GradprotoError as error:
            self._refusal = error
            self.set_exception(error)
            self._notify()
            return
        self._record = JobRecord(job, fetch=inner.to_fetch, bind=inner.remote_file)
        inner.hub.watch(job.number, self)
        if self._watchers:  # they were there before it was
            self._notify()

    def changed(self, event: Event | None) -> None:
        """Tell whoever waits or listens."""
        record = self._taken()
        if self._callbacks.wanted:
            self._inner.driver.call_back(self._call_back)
        if record.ended and not super().done():
            if record.error is not None:
                self.set_exception(record.error)
            else:
                self.set_result(None)
        # Only what somebody may wait for: each wake-up of another thread costs more than the message that caused it.
        seen = (record.ready, record.refusals, record.ended)
        if seen != self._seen or self._watchers:
            self._seen = seen
            self._notify()

    def _cancel_on_thread(self) -> None:
        if self._record is not None:
            self._inner.session.cancel(self._record.job)

    def _call_back(self) -> None:
        self._callbacks.run(self._taken())

    # --- inside ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _watching(self) -> Generator[None, None, None]:
        """Be woken by everything that happens to the job, and not only by what others wait for."""
        with self._condition_changed:
            self._watchers += 1
        try:
            yield
        finally:
            with self._condition_changed:
                self._watchers -= 1

    def _send(self, call: Call | None) -> None:
        ended: list[GradprotoError | None] = []

        def done(error: GradprotoError | None) -> None:
            ended.append(error)
            self._notify()

        with self._watching():
            self._wait(lambda: self._record is not None or self.done(), None)
        job = self._taken().job
        self._inner.driver.post(lambda: self._inner.hub.send(job, call, done))
        self._wait(lambda: bool(ended), None)
        if ended[0] is not None:
            raise ended[0]

    @property
    def _wants_first(self) -> bool:
        return self._inner.options.generator_result == "first" and self._call.endpoint.may_generate

    @property
    def _ready(self) -> int:
        return 0 if self._record is None else self._record.ready

    def _has_result(self) -> bool:
        return self.done() or (self._wants_first and self._ready > 0)

    def _taken(self) -> JobRecord:
        if self._refusal is not None:
            raise self._refusal
        assert self._record is not None
        return self._record

    def _notify(self) -> None:
        with self._condition_changed:
            self._condition_changed.notify_all()

    def _wait(self, ready: Callable[[], bool], timeout: float | None) -> None:
        if not self._inner.driver.wait(self._condition_changed, ready, check_timeout(timeout)):
            raise DeadlineExceeded(f"{self!r} has no result after {timeout:g} s; it goes on")
