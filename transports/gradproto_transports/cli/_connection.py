"""The options that say how to reach an app, and the client that they make."""

from __future__ import annotations

import contextlib
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
from gradproto_transports.sync import Client

__all__ = ["FAILED", "UNREACHABLE", "USAGE", "Connection", "Failure", "connection_options"]

FAILED, USAGE, UNREACHABLE = 1, 2, 3

_SHORTEST_SECRET = 4  # characters; shorter ones would be found inside ordinary words


class Failure(Exception):
    """What the program ends with: one line for a person, and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


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

    @contextlib.contextmanager
    def open(self) -> Generator[Client, None, None]:
        """Connect; raises `Failure` for whatever goes wrong, then or while the client is used."""
        try:
            client = Client(
                self.url,
                token=self.token,
                auth=self.auth,
                headers=self.headers,
                timeouts=self._timeouts(),
                ssl_verify=self.verify,
                download_files=False,
            )
        except ArgumentError as error:
            raise self._failure(error, USAGE) from error
        except GradprotoError as error:
            raise self._failure(error, UNREACHABLE) from error
        with client:
            try:
                yield client
            except GradprotoError as error:
                raise self._failure(error, _code_of(error)) from error

    def _timeouts(self) -> Timeouts:
        usual = Timeouts()
        if self.timeout is None:
            return usual
        return Timeouts(
            connect=min(self.timeout, usual.connect or self.timeout),
            request=min(self.timeout, usual.request or self.timeout),
        )

    def _failure(self, error: GradprotoError, code: int) -> Failure:
        text = str(error)
        if isinstance(error, AppError) and error.title and error.title != "Error":
            text = f"{error.title}: {text}"
        # No error carries a secret of ours; but an app may send back whatever it was given.
        secrets = [self.token, *(self.auth or ())[1:], *self.headers.values()]
        for secret in secrets:
            if isinstance(secret, str) and len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return Failure(text, code)


def _code_of(error: GradprotoError) -> int:
    if isinstance(error, (ArgumentError, EndpointNotFoundError)):
        return USAGE
    if isinstance(error, (ConnectError, UnsupportedServerError, AuthenticationError, SpaceError)):
        return UNREACHABLE
    return FAILED


def connection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command; it gets them as one ``connection``."""

    def command(
        url: str,
        auth: str | None,
        token: str | None,
        token_from_env: bool,
        header: tuple[str, ...],
        timeout: float | None,
        insecure: bool,
        **others: Any,
    ) -> None:
        if token is not None and token_from_env:
            raise click.UsageError("give the token once: --token or --token-from-env")
        connection = Connection(
            url=url,
            auth=None if auth is None else _read_auth(auth),
            token=True if token_from_env else token,
            headers=dict(map(_read_header, header)),
            timeout=timeout,
            deadline=None if timeout is None else time.monotonic() + timeout,
            verify=not insecure,
        )
        function(connection=connection, **others)

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__dict__.update(function.__dict__)  # where Click keeps the options that are declared below this one
    decorated: Callable[..., None] = command
    for decorate in reversed(_OPTIONS):
        decorated = decorate(decorated)
    return decorated


def _read_auth(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise click.UsageError("the login must be user:password (--auth, or the environment variable GRADPROTO_AUTH)")
    return user, password


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


_OPTIONS: list[Callable[[Callable[..., None]], Callable[..., None]]] = [
    click.argument("url"),
    click.option(
        "--auth", metavar="USER:PASSWORD", envvar="GRADPROTO_AUTH", help="Log in to the app. Also: GRADPROTO_AUTH."
    ),
    click.option("--token", metavar="TEXT", help="A Hugging Face token, for a private Space."),
    click.option("--token-from-env", is_flag=True, help="Take the token from the environment variable HF_TOKEN."),
    click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="Send this header too. May be repeated."),
    click.option(
        "--timeout", metavar="SECONDS", type=float, callback=_check_timeout, help="Give up after this long in all."
    ),
    click.option("--insecure", is_flag=True, help="Trust any TLS certificate."),
]
