"""The trio client: `open_client`.

    async with open_client("http://127.0.0.1:7860") as client:
        print(await client.predict("Hello", api_name="/predict"))

It is used like the sync one, with ``await`` where that waits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING

from gradproto import Status, StatusUpdate, Timeouts

from ._async import Client, Job, run_client
from ._async_inner import RemoteFile
from ._files import handle_file
from ._options import ClientOptions, GeneratorResult, Route
from ._tls import tls_factory
from ._trio_driver import Driver, OpenStream

if TYPE_CHECKING:
    import ssl

__all__ = ["Client", "Job", "RemoteFile", "Status", "StatusUpdate", "Timeouts", "handle_file", "open_client"]


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
    generator_result: GeneratorResult = "first",
    timeouts: Timeouts | None = None,
    route: Route = "queue",
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
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
    a path puts them there, ``False`` gives `RemoteFile` objects instead. ``upload_paths``: whether a plain string is
    taken for a local file's path where the endpoint wants a file. ``generator_result``: which output of a generator
    ``predict`` and ``Job.result`` give. ``route``: how jobs get to the server: through its ``"queue"``, through its
    simple ``"call"`` API, which tells of nothing but outputs, or ``"direct"``, past the queue in one round trip, where
    the app allows it; a generator gives only its first output then. ``ssl_context`` replaces the system's certificates,
    ``ssl_verify=False`` trusts anybody. ``await open_stream(host, port, tls)`` may return a `trio.abc.Stream` to be
    used in place of a new connection, with TLS already on it where ``tls`` is true.

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
        generator_result=generator_result,
        timeouts=timeouts,
        route=route,
        verbose=verbose,
    )
    driver = partial(Driver, tls=tls_factory(ssl_context, verify=ssl_verify), open_stream=open_stream)
    return run_client(options, driver, api_name=api_name, fn_index=fn_index)
