"""The sync client: `Client` and its jobs, for plain threads.

One background thread does the I/O of a client, however many jobs run. A job is a `concurrent.futures.Future` and may
be watched from any thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from gradproto import (
    Config,
    Endpoints,
    JobLogged,
    LocalProtocolError,
    Retry,
    SpaceDuplicated,
    SpaceInfo,
    SpaceStageReported,
    Status,
    StatusUpdate,
    Timeouts,
    view_api_dict,
    view_api_text,
)

from ._callbacks import JobCallbacks
from ._files import handle_file
from ._map import MapProgress
from ._options import SPACE_WAIT, ClientOptions, GeneratorResult, Route, SpaceCallback
from ._sync_driver import OpenStream
from ._sync_inner import Inner, RemoteFile
from ._sync_job import Job
from ._sync_map import MapResults
from ._sync_space import ask_hub, space_info, wake_space
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
    "SpaceInfo",
    "SpaceStageReported",
    "Status",
    "StatusUpdate",
    "Timeouts",
    "duplicate",
    "handle_file",
    "space_info",
    "wake_space",
]

C = TypeVar("C", bound="Client")


class Client:
    """A client of one Gradio app, for threads.

    ``src`` (or ``space``) is the app's address: a URL with or without sub-path, host:port, or a Hugging Face Space: its
    id ``owner/name``, its page, or its app's address under ``hf.space``. ``token`` (or ``hf_token``) is a Hugging Face
    token, ``True`` for the one in the environment variable ``HF_TOKEN``; it goes to the Hub and to that app. ``auth``
    is a user and password for the app's own login. ``oauth_token`` lets the app act on your behalf at the Hub: it is
    sent only with calls of endpoints whose functions take such a token. ``api_name`` or ``fn_index`` name the endpoint
    for calls that name none. ``headers`` and ``cookies`` go to the app with every request.

    A Space that is being built, starts or sleeps is woken and waited for, at most ``space_wait`` seconds;
    ``space_callback`` is called with a `SpaceStageReported` for each look at it meanwhile. ``hub_url`` is the Hub,
    otherwise that of the environment variable ``HF_ENDPOINT``, or huggingface.co.

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
    `SpaceError`, `DeadlineExceeded`, `ArgumentError`.
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
        hub_url: str | None = None,
        space_wait: float = SPACE_WAIT,
        space_callback: SpaceCallback | None = None,
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
            hub_url=hub_url,
            space_wait=space_wait,
            space_callback=space_callback,
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

    @classmethod
    def duplicate(
        cls: type[C],
        from_id: str,
        to_id: str | None = None,
        *,
        private: bool = True,
        hardware: str | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        sleep_timeout: float | None = 5,
        ssl_context: ssl.SSLContext | None = None,
        ssl_verify: bool = True,
        open_stream: OpenStream | None = None,
        **options: Any,
    ) -> C:
        """Make a copy of a Space for your own use, or find the one that is there, and return a client of it.

        ``to_id`` is the copy's name, ``owner/name`` or just ``name`` under the token's owner; by default the original's
        name. The owner may be an organisation. A copy that is there is attached to; where that would be the original
        itself, nothing of it is changed. ``private``: whether only its owner sees a copy that is created. ``hardware``,
        such as ``"t4-small"``, is by default the original's. ``secrets`` and ``variables`` are environment variables
        for a copy that is created. ``sleep_timeout``: minutes without a request after which a copy on hardware that
        costs money goes to sleep; ``None`` leaves that as it is.

        ``token`` (or ``hf_token``) is needed, as are the other ``options`` of the client where they are.

        Raises `ArgumentError` before anything is sent; `DuplicationError`, a `SpaceError`, that says what was done and
        what was not; and what the client raises.
        """
        endpoint = {name: options.pop(name) for name in ("api_name", "fn_index") if name in options}
        checked = ClientOptions.of(from_id, open_stream=open_stream, **options)
        checked.new_session()
        made = ask_hub(
            checked.hub,
            lambda session: session.duplicate(
                from_id,
                to_id,
                private=private,
                hardware=hardware,
                secrets=secrets,
                variables=variables,
                sleep_timeout=sleep_timeout,
            ),
            tls=tls_factory(ssl_context, verify=ssl_verify),
            open_stream=open_stream,
        )
        assert isinstance(made, SpaceDuplicated)
        checked.hub.duplicate_told(made)
        return cls(
            made.space,
            ssl_context=ssl_context,
            ssl_verify=ssl_verify,
            open_stream=open_stream,
            **endpoint,
            **options,
        )

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


def duplicate(
    from_id: str,
    to_id: str | None = None,
    *,
    private: bool = True,
    hardware: str | None = None,
    secrets: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    sleep_timeout: float | None = 5,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    open_stream: OpenStream | None = None,
    **options: Any,
) -> Client:
    """Make a copy of a Space for your own use, or find the one that is there, as `Client.duplicate` does."""
    return Client.duplicate(
        from_id,
        to_id,
        private=private,
        hardware=hardware,
        secrets=secrets,
        variables=variables,
        sleep_timeout=sleep_timeout,
        ssl_context=ssl_context,
        ssl_verify=ssl_verify,
        open_stream=open_stream,
        **options,
    )
