"""The options that say how to reach an app, and the client that they make."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    ConnectError,
    EndpointNotFoundError,
    GradprotoError,
    SpaceError,
    Timeouts,
    UnsupportedServerError,
)
from gradproto_transports._proxy import OFF_HINT, parse_proxy
from gradproto_transports.sync import Client

from ._console import one_line, watched

__all__ = [
    "FAILED",
    "UNREACHABLE",
    "USAGE",
    "Connection",
    "Failure",
    "check_directory",
    "connection_options",
    "make_connection",
    "quiet_option",
]

FAILED, USAGE, UNREACHABLE = 1, 2, 3

_SHORTEST_SECRET = 4  # characters; shorter ones would be found inside ordinary words


class Failure(Exception):
    """What the program ends with: one line for a person, and an exit code. ``kind`` is for scripts."""

    def __init__(self, message: str, code: int = FAILED, *, kind: str = "Error") -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


class _Attempt:
    """A client that is made in another thread, and closed there if nobody waits for it any more."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._client: Client | None = None
        self._error: BaseException | None = None
        self._abandoned = False

    def run(self) -> None:
        """Make the client."""
        try:
            client = self._connect()
        except BaseException as error:  # of whatever kind: it is raised again where somebody sees it
            self._error = error
        else:
            with self._lock:
                self._client = client
                abandoned = self._abandoned
            if abandoned:
                client.close()
        self._over.set()

    def wait(self, seconds: float) -> Client | None:
        """Return the client, ``None`` if it is not there in time; raises what kept it from being made."""
        if not self._over.wait(seconds):
            return None
        if self._error is not None:
            raise self._error
        return self._client

    def abandon(self) -> None:
        """Close the client, now or when it comes."""
        with self._lock:
            self._abandoned = True
            client = self._client
        if client is not None:
            client.close()


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach an app. ``deadline`` is when to give up, by the monotonic clock."""

    url: str
    auth: tuple[str, str] | None = field(repr=False)
    token: str | bool | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float | None
    deadline: float | None
    verify: bool
    proxy: str | None = field(default=None, repr=False)

    @contextlib.contextmanager
    def open(self) -> Generator[Client, None, None]:
        """Connect; raises `Failure` for whatever goes wrong, then or while the client is used."""
        try:
            client = self._connect() if self.deadline is None else self._connect_in_time()
        except ArgumentError as error:
            raise self.failure(error, USAGE) from error
        except GradprotoError as error:
            raise self.failure(error, UNREACHABLE) from error
        with client:
            try:
                yield client
            except GradprotoError as error:
                raise self.failure(error) from error

    def _connect(self) -> Client:
        return Client(
            self.url,
            token=self.token,
            auth=self.auth,
            headers=self.headers,
            timeouts=self._timeouts(),
            ssl_verify=self.verify,
            proxy=self.proxy,
            download_files=False,
        )

    def _connect_in_time(self) -> Client:
        """Connect in a thread: each request has the limit for itself, and all together must not have more."""
        attempt = _Attempt(self._connect)
        threading.Thread(target=attempt.run, name="gradproto-connect", daemon=True).start()
        try:
            client = attempt.wait(self.left or 0.0)
        except BaseException:
            attempt.abandon()
            raise
        if client is None:
            attempt.abandon()
            raise Failure(f"connecting took more than {self.timeout:g} s", UNREACHABLE, kind="DeadlineExceeded")
        return client

    def _timeouts(self) -> Timeouts:
        usual = Timeouts()
        if self.timeout is None:
            return usual
        return Timeouts(
            connect=min(self.timeout, usual.connect or self.timeout),
            request=min(self.timeout, usual.request or self.timeout),
        )

    def failure(self, error: GradprotoError, code: int | None = None) -> Failure:
        """Return the error as what the program ends with, without any secret."""
        text = str(error).replace(OFF_HINT, "NO_PROXY names hosts to leave it out for")
        if isinstance(error, AppError) and error.title and error.title != "Error":
            text = f"{error.title}: {text}"
        # No error carries a secret of ours; but an app may send back whatever it was given.
        token = os.environ.get("HF_TOKEN") if self.token is True else self.token
        # Of a header "Bearer X" the app may send back the X alone.
        headers = [part for value in self.headers.values() for part in (value, value.partition(" ")[2])]
        for secret in (token, *(self.auth or ())[1:], *headers):
            if isinstance(secret, str) and len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return Failure(text, _code_of(error) if code is None else code, kind=type(error).__name__)

    @property
    def left(self) -> float | None:
        """How many seconds are left, ``None`` where there is no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def too_late(self, what: str) -> Failure:
        """Return the failure for what did not end in time."""
        return Failure(f"{what} within {self.timeout:g} s", kind="DeadlineExceeded")


def _code_of(error: GradprotoError) -> int:
    if isinstance(error, (ArgumentError, EndpointNotFoundError)):
        return USAGE
    if isinstance(error, (ConnectError, UnsupportedServerError, AuthenticationError, SpaceError)):
        return UNREACHABLE
    return FAILED


def connection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; it gets them as one ``connection``."""

    def command(url: str, **options: Any) -> None:
        given = {name: options.pop(name) for name in _NAMES}
        function(connection=make_connection(url, ask=_ask_password, **given), **options)

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__dict__.update(function.__dict__)  # where Click keeps the options that are declared below this one
    decorated: Callable[..., None] = command
    for decorate in reversed(_OPTIONS):
        decorated = decorate(decorated)
    return decorated


def make_connection(
    url: str,
    *,
    ask: Callable[[str], str],
    auth: str | None,
    token: str | None,
    token_from_env: bool,
    header: tuple[str, ...],
    timeout: float | None,
    insecure: bool,
    proxy: str | None = None,
) -> Connection:
    """Return what the options describe; ``ask`` is asked for the password of a user where none was given."""
    if token is not None and token_from_env:
        raise click.UsageError("give the token once: --token or --token-from-env")
    headers = _read_headers(header)
    login = None if auth is None else _read_auth(auth, ask)
    return Connection(
        url=url,
        auth=login,
        token=True if token_from_env else token,
        headers=headers,
        timeout=timeout,
        deadline=None if timeout is None else time.monotonic() + timeout,
        verify=not insecure,
        proxy=proxy,
    )


def _read_auth(text: str, ask: Callable[[str], str]) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not user:
        raise click.UsageError(_AUTH_HINT)
    return user, password if colon else ask(user)


def _ask_password(user: str) -> str:
    if not watched(sys.stdin):
        raise click.UsageError(_AUTH_HINT)
    import getpass

    try:
        return getpass.getpass(f"Password of {one_line(user)}: ")
    except EOFError:
        raise click.UsageError("no password was given") from None


def _read_headers(texts: tuple[str, ...]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in texts:
        name, value = _read_header(text)
        if name.lower() in map(str.lower, headers):
            raise click.UsageError(f"the header {name!r} is given twice")
        headers[name] = value
    return headers


def _read_header(text: str) -> tuple[str, str]:
    # The text is not repeated in the message: it may be a password with its name forgotten.
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError("a header must be 'Name: value'")
    return name.strip(), value.strip()


def _check_timeout(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value < 1e8:
        raise click.UsageError("--timeout must be a number of seconds above 0")
    return value


def _check_proxy(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no proxy by the name of the option; the client knows another name for it."""
    if value is None:
        return None
    if not value.strip():
        raise click.UsageError("--proxy wants the URL of a proxy")
    try:
        parse_proxy("--proxy", value)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None
    return value


def option_names() -> tuple[str, ...]:
    """Return the names of the options that `make_connection` takes."""
    return _NAMES


def check_directory(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse the empty text, which a variable of a script gives that is not set."""
    if value == "":
        raise click.UsageError("--output-dir wants the name of a directory")
    return value


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no messages of the app.")

_AUTH_HINT = "the login must be user:password (--auth, or the environment variable GRADPROTO_AUTH)"

_NAMES = ("auth", "token", "token_from_env", "header", "timeout", "insecure", "proxy")
_OPTIONS: list[Callable[[Callable[..., None]], Callable[..., None]]] = [
    click.argument("url"),
    click.option(
        "--auth",
        metavar="USER[:PASSWORD]",
        envvar="GRADPROTO_AUTH",
        help="Log in to the app; a password that is not given is asked for. Others can see it in the list of "
        "processes: better ask, or put it into the environment variable GRADPROTO_AUTH.",
    ),
    click.option("--token", metavar="TEXT", help="A Hugging Face token, for a private Space."),
    click.option("--token-from-env", is_flag=True, help="Take the token from the environment variable HF_TOKEN."),
    click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="Send this header too. May be repeated."),
    click.option(
        "--timeout", metavar="SECONDS", type=float, callback=_check_timeout, help="Give up after this long in all."
    ),
    click.option(
        "--proxy",
        metavar="URL",
        callback=_check_proxy,
        help="Go through this HTTP proxy; else the environment says: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.",
    ),
    click.option("--insecure", is_flag=True, help="Trust any TLS certificate."),
]
