"""The options that say how to reach an app, and the client that they make."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    ConnectError,
    DeadlineExceeded,
    DuplicationError,
    EndpointNotFoundError,
    GradprotoError,
    HubSession,
    SpaceDuplicated,
    SpaceError,
    SpaceFound,
    SpaceStageReported,
    Timeouts,
    UnsupportedServerError,
)
from gradproto._spaces import find_space, parse_hub_url
from gradproto_transports._options import SPACE_WAIT, HubOptions, choose_hub_url
from gradproto_transports._proxy import OFF_HINT, parse_proxy
from gradproto_transports._sync_space import ask_hub
from gradproto_transports._tls import tls_factory
from gradproto_transports.sync import Client

from ._attempt import Attempt, Told
from ._console import conceal, one_line, watched

__all__ = [
    "FAILED",
    "UNREACHABLE",
    "USAGE",
    "Connection",
    "Failure",
    "ask_password",
    "check_directory",
    "connection_options",
    "header_option",
    "hub_options",
    "insecure_option",
    "make_connection",
    "option_names",
    "quiet_option",
    "reach_options",
    "read_auth",
    "read_headers",
    "space_wait_option",
]

FAILED, USAGE, UNREACHABLE = 1, 2, 3

# What the library says about its arguments, in the words of the options.
_WORDS = (
    (OFF_HINT, "NO_PROXY names hosts to leave it out for"),
    ("please provide a `token`.", "give --token, or set HF_TOKEN."),
    ("pass a `token` of", "give the --token of"),
    ("pass `token`", "give --token, or set HF_TOKEN"),
    ("wait longer with space_wait=", "wait longer with --space-wait"),
    ("(the limit 'space_wait')", "(--space-wait)"),
    ("('space_wait')", "(--space-wait)"),
    ("from_id must be", "FROM must be"),
    ("to_id must be", "TO must be"),
    ("to_id is", "TO is"),
    ("hardware is '", "--hardware is '"),
)
_NEARLY = 0.05  # seconds: a timer may end a little before its time
_SHORTEST_SECRET = 4  # characters; shorter ones would be found inside ordinary words


class Failure(Exception):
    """What the program ends with: one line for a person, and an exit code. ``kind`` is for scripts."""

    def __init__(self, message: str, code: int = FAILED, *, kind: str = "Error") -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach an app, or the Hub. ``deadline`` is when to give up, by the monotonic clock.

    ``token_found`` says that nobody gave the token for this, but it was there. ``secrets`` are what else no message may
    show.
    """

    url: str
    auth: tuple[str, str] | None = field(repr=False)
    token: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float | None
    deadline: float | None
    verify: bool
    proxy: str | None = field(default=None, repr=False)
    hub_url: str
    space_wait: float = SPACE_WAIT
    token_found: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @contextlib.contextmanager
    def open(self, told: Told | None = None) -> Generator[Client, None, None]:
        """Connect; raises `Failure` for whatever goes wrong, then or while the client is used.

        ``told`` hears of a Space that does not run yet.
        """
        try:
            client = self._connect(_Stages(told))
        except ArgumentError as error:
            raise self.failure(error, USAGE) from error
        except GradprotoError as error:
            raise self.failure(error, UNREACHABLE) from error
        with client:
            try:
                yield client
            except GradprotoError as error:
                raise self.failure(error) from error

    def ask(
        self, begin: Callable[[HubSession], None], *, late: str, told: Told | None = None
    ) -> SpaceFound | SpaceDuplicated:
        """Ask the Hub for something; raises `Failure`. ``late`` says what did not come if the time is up."""
        stages = _Stages(told)
        try:
            options = HubOptions.of(
                token=self.token,
                hf_token=None,
                hub_url=self.hub_url,
                timeouts=self._timeouts(),
                space_callback=stages,
                proxy=self.proxy,
                open_stream=None,
            )
            tls = tls_factory(None, verify=self.verify)
            return ask_hub(options, begin, tls=tls, open_stream=None, timeout=self.left)
        except ArgumentError as error:
            raise self.failure(error, USAGE) from error
        except DuplicationError as error:
            raise self.failure(error, FAILED) from error
        except DeadlineExceeded as error:
            if self.left is None or self.left > _NEARLY:
                raise self.failure(error, UNREACHABLE) from error
            text = f"{late} within {self.timeout:g} s{stages.last}"
            raise Failure(self.hide(text), UNREACHABLE, kind="DeadlineExceeded") from error
        except GradprotoError as error:
            raise self.failure(error, UNREACHABLE) from error

    def _connect(self, stages: _Stages) -> Client:
        """Connect in a thread: each request has a limit for itself, and all together must not have more."""
        attempt = Attempt(self._make_client)
        try:
            client = attempt.wait(lambda: self.left, stages)
        except BaseException:
            attempt.abandon()
            raise
        if client is None:
            attempt.abandon()
            text = f"connecting took more than {self.timeout:g} s{stages.last}"
            raise Failure(self.hide(text), UNREACHABLE, kind="DeadlineExceeded")
        return client

    def _make_client(self, told: Told) -> Client:
        return Client(
            self.url,
            token=self.token,
            auth=self.auth,
            headers=self.headers,
            timeouts=self._timeouts(),
            ssl_verify=self.verify,
            proxy=self.proxy,
            hub_url=self.hub_url,
            space_wait=self.space_wait,
            space_callback=told,
            download_files=False,
        )

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
        text = str(error)
        if not isinstance(error, AppError):
            text = _in_our_words(text)
        elif error.title and error.title != "Error":
            text = f"{error.title}: {text}"
        if self.token_found and isinstance(error, AuthenticationError) and "does not know the token" in text:
            text += "; the token is that of HF_TOKEN, and --no-token leaves it out"
        return Failure(self.hide(text), _code_of(error) if code is None else code, kind=type(error).__name__)

    def hide(self, text: str) -> str:
        """Return ``text`` without any secret: no error carries one of ours, but a server may say what it was given."""
        # Of a header "Bearer X" the app may send back the X alone.
        headers = [part for value in self.headers.values() for part in (value, value.partition(" ")[2])]
        for secret in (self.token, *(self.auth or ())[1:], *headers, *self.secrets):
            if isinstance(secret, str) and len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    @property
    def left(self) -> float | None:
        """How many seconds are left, ``None`` where there is no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def too_late(self, what: str) -> Failure:
        """Return the failure for what did not end in time."""
        return Failure(f"{what} within {self.timeout:g} s", kind="DeadlineExceeded")


class _Stages:
    """Hears of the stages of a Space that does not run yet; ``last`` is the end of a sentence about it, or nothing."""

    def __init__(self, told: Told | None) -> None:
        self._told = told
        self.last = ""

    def __call__(self, report: SpaceStageReported) -> None:
        self.last = f": the Space {report.space} is {report.stage}"
        if self._told is not None:
            self._told(report)


def _in_our_words(text: str) -> str:
    """Return the advice of an error with the names of options in place of those of the library's arguments."""
    for theirs, ours in _WORDS:
        text = text.replace(theirs, ours)
    return text


def _code_of(error: GradprotoError) -> int:
    if isinstance(error, (ArgumentError, EndpointNotFoundError)):
        return USAGE
    if isinstance(error, (ConnectError, UnsupportedServerError, AuthenticationError, SpaceError)):
        return UNREACHABLE
    return FAILED


def connection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command about the app at URL; it gets them as one ``connection``."""
    return _with_options(function, click.argument("url"), _OPTIONS, is_space=False)


def hub_options(metavar: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options to a command about a Space, which is an argument; it gets both as one ``connection``."""

    def add(function: Callable[..., None]) -> Callable[..., None]:
        options = {name: _OPTIONS[name] for name in _HUB_NAMES}
        return _with_options(function, click.argument("url", metavar=metavar), options, is_space=True)

    return add


def reach_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options, but for limits of time, to a command that may do without a URL.

    It gets a function ``connect``, which gives the connection to a URL.
    """

    def command(**values: Any) -> None:
        given = {name: values.pop(name) for name in _REACH_NAMES}

        def connect(url: str) -> Connection:
            return make_connection(url, ask=ask_password, timeout=None, **given)

        function(connect=connect, **values)

    return _decorated(command, function, [_OPTIONS[name] for name in _REACH_NAMES])


_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _with_options(
    function: Callable[..., None], argument: _Decorator, options: Mapping[str, _Decorator], *, is_space: bool
) -> Callable[..., None]:
    def command(url: str, **values: Any) -> None:
        given = {name: values.pop(name) for name in options}
        function(connection=make_connection(url, ask=ask_password, is_space=is_space, **given), **values)

    return _decorated(command, function, [argument, *options.values()])


def _decorated(
    command: Callable[..., None], function: Callable[..., None], decorators: Sequence[_Decorator]
) -> Callable[..., None]:
    """Return ``command`` in the place of ``function``, with arguments and options of its own before those of that."""
    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__dict__.update(function.__dict__)  # where Click keeps the options that are declared below this one
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def make_connection(
    url: str,
    *,
    ask: Callable[[str], str],
    token: str | None,
    token_from_env: bool,
    no_token: bool,
    hub_url: str | None,
    timeout: float | None,
    proxy: str | None,
    insecure: bool,
    auth: str | None = None,
    header: tuple[str, ...] = (),
    space_wait: float = SPACE_WAIT,
    is_space: bool = False,
) -> Connection:
    """Return what the options describe; ``ask`` is asked for the password of a user where none was given.

    ``is_space`` says that ``url`` can be nothing but a Space.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    headers = read_headers(header)
    login = None if auth is None else read_auth(auth, ask)
    try:
        hub_url = choose_hub_url(hub_url, None if is_space else url)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from None
    if [token is not None, token_from_env, no_token].count(True) > 1:
        raise click.UsageError("give the token once: one of --token, --token-from-env and --no-token")
    found = _find_token(url, hub_url, is_space=is_space) if token is None and not no_token else None
    if token_from_env:
        found, token = None, os.environ.get("HF_TOKEN", "").strip()
        if not token:
            raise click.UsageError("--token-from-env asks for the environment variable HF_TOKEN, which is not set")
    token = found if token is None else token
    if token is not None:
        conceal(token)
    return Connection(
        url=url,
        auth=login,
        token=token,
        headers=headers,
        timeout=timeout,
        deadline=deadline,
        verify=not insecure,
        proxy=proxy,
        hub_url=hub_url,
        space_wait=space_wait,
        token_found=found is not None,
    )


def _find_token(url: str, hub_url: str, *, is_space: bool) -> str | None:
    """Return the token of the environment where it is for a Space; any other server must not get it unasked."""
    if not is_space and find_space(url, hub_url) is None:
        return None
    return os.environ.get("HF_TOKEN", "").strip() or None


def read_auth(text: str, ask: Callable[[str], str], hint: str | None = None) -> tuple[str, str]:
    """Return user and password; ``ask`` is asked for one that is not given. ``hint`` says how a login looks."""
    user, colon, password = text.partition(":")
    if not user:
        raise click.UsageError(hint or _AUTH_HINT)
    return user, password if colon else ask(user)


def ask_password(user: str, hint: str | None = None) -> str:
    """Ask whoever sits at the terminal for a password; where nobody does, ``hint`` says how it can be given."""
    if not watched(sys.stdin):
        raise click.UsageError(hint or _AUTH_HINT)
    import getpass

    try:
        return getpass.getpass(f"Password of {one_line(user)}: ")
    except EOFError:
        raise click.UsageError("no password was given") from None


def read_headers(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the headers that are given as ``Name: value``. Raises `click.UsageError`, which shows no value."""
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


def _check_hub_url(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return parse_hub_url(value)
    except ArgumentError as error:
        text = str(error).replace("hub_url:", "--hub-url:", 1).replace("address of an app", "address of a Hub", 1)
        raise click.UsageError(text) from None


def _check_space_wait(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 <= value < 1e8:
        raise click.UsageError("--space-wait must be a number of seconds, from 0")
    return value


def option_names() -> tuple[str, ...]:
    """Return the names of the options of an app that `make_connection` takes."""
    return tuple(_OPTIONS)


def check_directory(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse the empty text, which a variable of a script gives that is not set."""
    if value == "":
        raise click.UsageError("--output-dir wants the name of a directory")
    return value


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no messages of the app.")

header_option = click.option(
    "--header", metavar="'NAME: VALUE'", multiple=True, help="Send this header too. May be repeated."
)

insecure_option = click.option("--insecure", is_flag=True, help="Trust any TLS certificate.")

_AUTH_HINT = "the login must be user:password (--auth, or the environment variable GRADPROTO_AUTH)"

space_wait_option = click.option(
    "--space-wait",
    metavar="SECONDS",
    type=float,
    default=SPACE_WAIT,
    show_default=True,
    callback=_check_space_wait,
    help="Wait this long for a Space that sleeps, is built, or starts; 0: not at all.",
)

_REACH_NAMES = ("auth", "token", "token_from_env", "no_token", "hub_url", "header", "proxy", "insecure")
_HUB_NAMES = ("token", "token_from_env", "no_token", "hub_url", "timeout", "proxy", "insecure")
_OPTIONS: dict[str, _Decorator] = {
    "auth": click.option(
        "--auth",
        metavar="USER[:PASSWORD]",
        envvar="GRADPROTO_AUTH",
        help="Log in to the app; a password that is not given is asked for. Others can see it in the list of "
        "processes: better ask, or put it into the environment variable GRADPROTO_AUTH.",
    ),
    "token": click.option(
        "--token",
        metavar="TEXT",
        help="A Hugging Face token, for a private Space; for Spaces, and for them only, it is otherwise that of the "
        "environment variable HF_TOKEN. It goes to the Hub and to the app.",
    ),
    "token_from_env": click.option(
        "--token-from-env", is_flag=True, help="Send the token of the environment variable HF_TOKEN to any app."
    ),
    "no_token": click.option("--no-token", is_flag=True, help="Send no token, even if HF_TOKEN is set."),
    "hub_url": click.option(
        "--hub-url",
        metavar="URL",
        callback=_check_hub_url,
        help="Look for Spaces at this Hub; else at that of the environment variable HF_ENDPOINT, or huggingface.co.",
    ),
    "space_wait": space_wait_option,
    "header": header_option,
    "timeout": click.option(
        "--timeout", metavar="SECONDS", type=float, callback=_check_timeout, help="Give up after this long in all."
    ),
    "proxy": click.option(
        "--proxy",
        metavar="URL",
        callback=_check_proxy,
        help="Go through this HTTP proxy; else the environment says: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.",
    ),
    "insecure": insecure_option,
}
