"""The trio client: `open_client`.

    async with open_client("http://127.0.0.1:7860") as client:
        print(await client.predict("Hello", api_name="/predict"))

It is used like the sync one, with ``await`` where that waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gradproto import Retry, SpaceFound, SpaceInfo, SpaceStageReported, Status, StatusUpdate, Timeouts

from ._async import Client as AnyClient
from ._async import Job, MapProgress, MapResults, run_client, run_duplicate
from ._async_inner import DriverFactory, RemoteFile
from ._async_space import ask_hub
from ._files import handle_file
from ._options import SPACE_WAIT, ClientOptions, GeneratorResult, HubOptions, Route, SpaceCallback
from ._tls import tls_factory
from ._trio_driver import Driver, OpenStream

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
    "open_client",
    "space_info",
    "wake_space",
]

C = TypeVar("C", bound="Client")


class Client(AnyClient):
    """A client of one Gradio app; `open_client` makes one. Use it in the event loop that it was opened in."""

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
    ) -> AbstractAsyncContextManager[C]:
        """Make a copy of a Space for your own use, or find the one that is there, and open a client of it.

        ``to_id`` is the copy's name, ``owner/name`` or just ``name`` under the token's owner; by default the original's
        name. The owner may be an organisation. A copy that is there is attached to; where that would be the original
        itself, nothing of it is changed. ``private``: whether only its owner sees a copy that is created. ``hardware``,
        such as ``"t4-small"``, is by default the original's. ``secrets`` and ``variables`` are environment variables
        for a copy that is created. ``sleep_timeout``: minutes without a request after which a copy on hardware that
        costs money goes to sleep; ``None`` leaves that as it is.

        ``token`` (or ``hf_token``) is needed, as are the other ``options`` of `open_client` where they are.

        Raises `ArgumentError` before anything is sent. Entering it raises `DuplicationError`, a `SpaceError` that says
        what was done and what was not, and what entering `open_client` raises.
        """
        api_name, fn_index = options.pop("api_name", None), options.pop("fn_index", None)
        checked = ClientOptions.of(from_id, open_stream=open_stream, **options)
        checked.new_session()
        return run_duplicate(
            checked,
            _driver(ssl_context, ssl_verify, open_stream),
            cls,
            lambda session: session.duplicate(
                from_id,
                to_id,
                private=private,
                hardware=hardware,
                secrets=secrets,
                variables=variables,
                sleep_timeout=sleep_timeout,
            ),
            api_name=api_name,
            fn_index=fn_index,
        )


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
) -> AbstractAsyncContextManager[Client]:
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


def open_client(
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
) -> AbstractAsyncContextManager[Client]:
    """Return a client of one Gradio app, which connects when the ``async with`` is entered and is closed when it is
    left.

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

    ``await open_stream(host, port, tls)`` may return a `trio.abc.Stream` to be used in place of a new connection, with
    TLS already on it where ``tls`` is true; the environment's proxies are not looked at then::

        async def open_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
            return await trio.open_unix_socket("/run/app.sock")

        async with open_client("http://app", open_stream=open_stream) as client: ...

    Entering it raises what keeps it from connecting: `ConnectError`, `UnsupportedServerError`, `AuthenticationError`,
    `SpaceError`, `DeadlineExceeded`, `ArgumentError`.
    """
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
    driver = _driver(ssl_context, ssl_verify, open_stream)
    return run_client(options, driver, Client, api_name=api_name, fn_index=fn_index)


async def space_info(
    space: str,
    *,
    token: str | bool | None = None,
    hf_token: str | bool | None = None,
    hub_url: str | None = None,
    timeouts: Timeouts | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    proxy: str | Literal[False] | None = None,
    open_stream: OpenStream | None = None,
) -> SpaceInfo:
    """Return how a Hugging Face Space is, without waking it; the options are those of `open_client`.

    Raises `SpaceError` where there is none, as far as the token can see, and `AuthenticationError`, `RateLimitedError`,
    `ConnectError` and so on for what keeps the Hub from telling.
    """
    options = HubOptions.of(
        token=token,
        hf_token=hf_token,
        hub_url=hub_url,
        timeouts=timeouts,
        proxy=proxy,
        open_stream=open_stream,
    )
    driver = _driver(ssl_context, ssl_verify, open_stream)
    found = await ask_hub(options, lambda session: session.find(space), driver)
    assert isinstance(found, SpaceFound)
    return found.space


async def wake_space(
    space: str,
    *,
    token: str | bool | None = None,
    hf_token: str | bool | None = None,
    hub_url: str | None = None,
    space_wait: float = SPACE_WAIT,
    space_callback: SpaceCallback | None = None,
    timeouts: Timeouts | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    proxy: str | Literal[False] | None = None,
    verbose: bool = False,
    open_stream: OpenStream | None = None,
) -> SpaceInfo:
    """Wake a Hugging Face Space if it sleeps, and return when its app runs; the options are those of `open_client`.

    Raises `SpaceError`, with the stage, where it will not run by itself, or not within ``space_wait`` seconds, and what
    `space_info` raises.
    """
    options = HubOptions.of(
        token=token,
        hf_token=hf_token,
        hub_url=hub_url,
        timeouts=timeouts,
        verbose=verbose,
        space_callback=space_callback,
        proxy=proxy,
        open_stream=open_stream,
    )
    driver = _driver(ssl_context, ssl_verify, open_stream)
    found = await ask_hub(options, lambda session: session.wake(space, space_wait=space_wait), driver)
    assert isinstance(found, SpaceFound)
    return found.space


def _driver(context: ssl.SSLContext | None, verify: bool, open_stream: OpenStream | None) -> DriverFactory:
    return partial(Driver, tls=tls_factory(context, verify=verify), open_stream=open_stream)
