"""The options of a client, as people give them, made into what a session and a driver take."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast

from gradproto import ArgumentError, HubSession, Retry, Session, SpaceDuplicated, SpaceStageReported, Timeouts
from gradproto._record import field, record
from gradproto._space_wait import SPACE_WAIT
from gradproto._spaces import HUB_URL, find_space, parse_hub_url
from gradproto._urls import parse_src

from ._callbacks import check_callable, guarded
from ._proxy import Proxies

__all__ = [
    "SPACE_WAIT",
    "ClientOptions",
    "GeneratorResult",
    "HubOptions",
    "Route",
    "SpaceCallback",
    "check_timeout",
    "choose_hub_url",
]

logger = logging.getLogger("gradproto")

SpaceCallback = Callable[[SpaceStageReported], object]

GeneratorResult = Literal["first", "last"]
Route = Literal["queue", "call", "direct"]


@record(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """What a client needs for speaking with the Hub."""

    hub_url: str
    token: str | None = field(repr=False)
    timeouts: Timeouts
    verbose: bool
    space_callback: SpaceCallback | None
    proxies: Proxies = field(repr=False)

    @classmethod
    def of(
        cls,
        address: str | None = None,
        *,
        token: str | bool | None,
        hf_token: str | bool | None,
        hub_url: str | None,
        timeouts: Timeouts | None,
        proxy: str | Literal[False] | None,
        open_stream: object,
        verbose: bool = False,
        space_callback: SpaceCallback | None = None,
    ) -> HubOptions:
        """Check the options that have two names or several forms; raises `ArgumentError`.

        ``address`` is that of an app, if one is to be spoken to, which need not be a Space's.
        """
        if token is not None and hf_token is not None:
            raise ArgumentError("give the token once: as token= or as hf_token=")
        if space_callback is not None:
            check_callable(space_callback, "space_callback")
        hub_url = choose_hub_url(hub_url, address)
        return cls(
            hub_url=hub_url,
            token=_token(token if token is not None else hf_token),
            timeouts=Timeouts() if timeouts is None else timeouts,
            verbose=verbose,
            space_callback=space_callback,
            proxies=_proxies(
                hub_url if address is None or find_space(address, hub_url) else address, proxy, open_stream
            ),
        )

    def new_session(self) -> HubSession:
        """Return the session that these options describe."""
        return HubSession(self.hub_url, entropy=os.urandom, token=self.token, timeouts=self.timeouts)

    def stage_told(self, event: SpaceStageReported) -> None:
        """Say that a Space is waited for, to whom that was promised."""
        logger.info("the Space %s is %s; looking again in %.3g s", event.space, event.stage, event.delay)
        if self.verbose:
            # What is wrong with the terminal does not end the wait either.
            guarded(print, f"Space {event.space} is {event.stage}. Please wait...")
        if self.space_callback is not None:
            guarded(self.space_callback, event)

    def duplicate_told(self, event: SpaceDuplicated) -> None:
        """Say what became of a duplicate."""
        if self.verbose:
            print(f"{'Created new' if event.created else 'Using your existing'} Space: https://hf.space/{event.space}")
        else:
            logger.info("%s the Space %s", "created" if event.created else "using the existing", event.space)
        for note in event.notes:
            logger.warning("%s", note)
        for text in event.warnings:
            # The caller of whoever made the client is some frames up, which differ; the text says which Space it is.
            warnings.warn(text, UserWarning, stacklevel=2)


@record(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What the three clients share; each option is described at the clients."""

    src: str
    hub: HubOptions
    space_wait: float
    auth: tuple[str, str] | None = field(repr=False)
    oauth_token: str | None = field(repr=False)
    headers: Mapping[str, str] | None = field(repr=False)
    cookies: Mapping[str, str] | None = field(repr=False)
    download_files: bool | str | os.PathLike[str]
    upload_paths: bool
    file_origins: Iterable[str]
    generator_result: GeneratorResult
    route: Route
    retry: Retry | int | None

    @classmethod
    def of(
        cls,
        src: str | None = None,
        *,
        space: str | None = None,
        token: str | bool | None = None,
        hf_token: str | bool | None = None,
        auth: tuple[str, str] | None = None,
        oauth_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        download_files: bool | str | os.PathLike[str] = True,
        upload_paths: bool = True,
        file_origins: Iterable[str] = (),
        generator_result: GeneratorResult = "first",
        timeouts: Timeouts | None = None,
        route: Route = "queue",
        retry: Retry | int | None = None,
        verbose: bool = False,
        proxy: str | Literal[False] | None = None,
        hub_url: str | None = None,
        space_wait: float = SPACE_WAIT,
        space_callback: SpaceCallback | None = None,
        open_stream: object = None,
    ) -> ClientOptions:
        """Check the options that have two names or several forms; raises `ArgumentError`."""
        if src is not None and space is not None:
            raise ArgumentError("give the app's address once: as the first argument, or as space=")
        address = src if src is not None else space
        if not isinstance(address, str):
            raise ArgumentError(f"the app's address must be a string, not {type(address).__name__}")
        hub = HubOptions.of(
            address,
            token=token,
            hf_token=hf_token,
            hub_url=hub_url,
            timeouts=timeouts,
            verbose=verbose,
            space_callback=space_callback,
            proxy=proxy,
            open_stream=open_stream,
        )
        if generator_result not in ("first", "last"):
            raise ArgumentError(f"generator_result is {generator_result!r}: it must be 'first' or 'last'")
        _check_directory(download_files)
        return cls(
            src=address,
            hub=hub,
            space_wait=space_wait,
            auth=auth,
            oauth_token=oauth_token,
            headers=headers,
            cookies=cookies,
            download_files=download_files,
            upload_paths=upload_paths,
            file_origins=file_origins,
            generator_result=generator_result,
            route=route,
            retry=retry,
        )

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait for what."""
        return self.hub.timeouts

    @property
    def proxies(self) -> Proxies:
        """Which connections go through which proxy."""
        return self.hub.proxies

    @property
    def verbose(self) -> bool:
        """Whether the client says what it does."""
        return self.hub.verbose

    @property
    def stage_told(self) -> Callable[[SpaceStageReported], None]:
        """Who hears that a Space is waited for."""
        return self.hub.stage_told

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
            token=self.hub.token,
            hub_url=self.hub.hub_url,
            space_wait=self.space_wait,
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


def choose_hub_url(hub_url: str | None, address: str | None) -> str:
    """Return where the Hub is; ``HF_ENDPOINT`` is what its own client library looks at."""
    if hub_url is not None:
        return parse_hub_url(hub_url)
    named = os.environ.get("HF_ENDPOINT")
    if not named:
        return HUB_URL
    try:
        return parse_hub_url(named)
    except ArgumentError as error:
        if address is not None and find_space(address) is None:
            return HUB_URL  # it is meant for other programs, and nobody asks the Hub here
        raise ArgumentError(f"the environment variable HF_ENDPOINT: {error.message}") from None


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
