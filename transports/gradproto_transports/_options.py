"""The options of a client, as people give them, made into what a session and a driver take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Literal, cast

from gradproto import ArgumentError, Retry, Session, Timeouts
from gradproto._record import field, record
from gradproto._urls import parse_src

from ._proxy import Proxies

__all__ = ["ClientOptions", "GeneratorResult", "Route", "check_timeout"]

GeneratorResult = Literal["first", "last"]
Route = Literal["queue", "call", "direct"]


@record(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What the three clients share; each option is described at the clients."""

    src: str
    token: str | None = field(repr=False)
    auth: tuple[str, str] | None = field(repr=False)
    oauth_token: str | None = field(repr=False)
    headers: Mapping[str, str] | None = field(repr=False)
    cookies: Mapping[str, str] | None = field(repr=False)
    download_files: bool | str | os.PathLike[str]
    upload_paths: bool
    file_origins: Iterable[str]
    generator_result: GeneratorResult
    timeouts: Timeouts
    route: Route
    retry: Retry | int | None
    verbose: bool
    proxies: Proxies = field(repr=False)

    @classmethod
    def of(
        cls,
        src: str | None,
        *,
        space: str | None,
        token: str | bool | None,
        hf_token: str | bool | None,
        auth: tuple[str, str] | None,
        oauth_token: str | None,
        headers: Mapping[str, str] | None,
        cookies: Mapping[str, str] | None,
        download_files: bool | str | os.PathLike[str],
        upload_paths: bool,
        file_origins: Iterable[str],
        generator_result: GeneratorResult,
        timeouts: Timeouts | None,
        route: Route,
        retry: Retry | int | None,
        verbose: bool,
        proxy: str | Literal[False] | None,
        open_stream: object,
    ) -> ClientOptions:
        """Check the options that have two names or several forms; raises `ArgumentError`."""
        if src is not None and space is not None:
            raise ArgumentError("give the app's address once: as the first argument, or as space=")
        if token is not None and hf_token is not None:
            raise ArgumentError("give the token once: as token= or as hf_token=")
        address = src if src is not None else space
        if not isinstance(address, str):
            raise ArgumentError(f"the app's address must be a string, not {type(address).__name__}")
        if generator_result not in ("first", "last"):
            raise ArgumentError(f"generator_result is {generator_result!r}: it must be 'first' or 'last'")
        _check_directory(download_files)
        return cls(
            src=address,
            token=_token(token if token is not None else hf_token),
            auth=auth,
            oauth_token=oauth_token,
            headers=headers,
            cookies=cookies,
            download_files=download_files,
            upload_paths=upload_paths,
            file_origins=file_origins,
            generator_result=generator_result,
            timeouts=Timeouts() if timeouts is None else timeouts,
            route=route,
            retry=retry,
            verbose=verbose,
            proxies=_proxies(address, proxy, open_stream),
        )

    @property
    def fetch(self) -> bool:
        """Whether files of outputs are downloaded."""
        return self.download_files is not False

    @property
    def directory(self) -> str | os.PathLike[str] | None:
        """Where downloads go; ``None``: a temporary directory."""
        return None if isinstance(self.download_files, bool) else self.download_files

    def new_session(self) -> Session:
        """Return the session that these options describe."""
        return Session(
            self.src,
            entropy=os.urandom,
            token=self.token,
            auth=self.auth,
            oauth_token=self.oauth_token,
            headers=self.headers,
            cookies=self.cookies,
            timeouts=self.timeouts,
            upload_paths=self.upload_paths,
            file_origins=self.file_origins,
            route=self.route,
            retry=self.retry,
        )


def _proxies(address: str, proxy: str | Literal[False] | None, open_stream: object) -> Proxies:
    """Return which proxies to use; raises `ArgumentError` for what can be no proxy, or none for this address."""
    if open_stream is not None:
        if proxy is not None and proxy is not False:
            raise ArgumentError("give either proxy= or open_stream=: what opens the streams says where they go")
        return Proxies(False)
    proxies = Proxies(proxy)
    try:
        url = parse_src(address)
    except ArgumentError:
        return proxies  # the session says what is wrong with the address, or knows better
    proxies.check(url)
    return proxies


# More than a thread can wait at once, and more than anybody waits.
_FOR_EVER = 1e9


def check_timeout(timeout: float | None) -> float | None:
    """Return the seconds that a caller wants to wait at most, ``None`` for ever; raises `ArgumentError`."""
    if timeout is None:
        return None
    given = cast(object, timeout)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or given != given:
        raise ArgumentError(f"timeout is {given!r:.80}: it must be a number of seconds, or None")
    return None if given > _FOR_EVER else given


def _check_directory(download_files: object) -> None:
    if isinstance(download_files, bool):
        return
    is_path = isinstance(download_files, (str, os.PathLike))
    path: object = os.fspath(cast("str | os.PathLike[str]", download_files)) if is_path else None
    if not isinstance(path, str) or not path:
        raise ArgumentError(f"download_files is {download_files!r:.80}: it must be True, False or a directory")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ArgumentError(f"download_files is {path!r:.80}, which no directory can be called") from None
    if "\0" in path:
        raise ArgumentError(f"download_files is {path!r:.80}, which no directory can be called")


def _token(token: str | bool | None) -> str | None:
    """Return the token to use; it is taken from the environment only when that was asked for."""
    if token is None or token is False:
        return None
    if token is True:
        token = os.environ.get("HF_TOKEN", "")
        if not token:
            raise ArgumentError("token=True asks for the environment variable HF_TOKEN, which is not set")
    if not isinstance(cast(object, token), str):
        raise ArgumentError(f"the token is of type {type(cast(object, token)).__name__}, not a string")
    if not token:
        raise ArgumentError("the token is empty")
    return token
