"""The asyncio client: `open_client`.

    async with open_client("http://127.0.0.1:7860") as client:
        print(await client.predict("Hello", api_name="/predict"))

It is used like the sync one, with ``await`` where that waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Literal

from gradproto import Retry, Status, StatusUpdate, Timeouts

from ._async import Client, Job, MapProgress, MapResults, run_client
from ._async_inner import RemoteFile
from ._asyncio_driver import Driver, OpenStream
from ._files import handle_file
from ._options import ClientOptions, GeneratorResult, Route
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
    "open_client",
]


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
    verbose: bool = False,
    open_stream: OpenStream | None = None,
) -> AbstractAsyncContextManager[Client]:
    """Return a client of one Gradio app, which connects when the ``async with`` is entered and is closed when it is
    left.

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

    ``await open_stream(host, port, tls)`` may return a `StreamReader` and its `StreamWriter` to be used in place of a
    new connection, with TLS already on it where ``tls`` is true; the environment's proxies are not looked at then::

        async def open_stream(host: str, port: int, tls: bool) -> tuple[StreamReader, StreamWriter]:
            return await asyncio.open_unix_connection("/run/app.sock")

        async with open_client("http://app", open_stream=open_stream) as client: ...

    Entering it raises what keeps it from connecting: `ConnectError`, `UnsupportedServerError`, `AuthenticationError`,
    `DeadlineExceeded`, `ArgumentError`.
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
        open_stream=open_stream,
    )
    driver = partial(Driver, tls=tls_factory(ssl_context, verify=ssl_verify), open_stream=open_stream)
    return run_client(options, driver, api_name=api_name, fn_index=fn_index)
