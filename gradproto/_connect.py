"""From an address to a session that takes jobs: config, login where there is one, API description, heartbeat."""

from __future__ import annotations

from collections.abc import Callable

from ._answers import answer_error, with_status
from ._api_info import ApiInfo, Endpoints, build_api_info, parse_api_info
from ._config import parse_config
from ._core import Core
from ._dialects import choose_dialect
from ._errors import (
    AuthenticationError,
    EndpointNotFoundError,
    GradprotoError,
    RemoteProtocolError,
    UnsupportedServerError,
)
from ._events import ConfigReceived, ConnectRetried, SessionFailed, SessionReady
from ._exchanges import Exchange, Headers, ShortExchange, header_value
from ._multipart import encode_form
from ._states import SessionInput
from ._timers import Timer
from ._urls import redact_url, same_origin

__all__ = ["Heartbeat", "connect", "log_in", "space_failed", "space_found"]

# Seconds until a broken heartbeat is tried again; doubled each time, and set back when a beat comes.
FIRST_HEARTBEAT_RETRY = 1.0
LAST_HEARTBEAT_RETRY = 60.0


def connect(core: Core) -> None:
    """Begin to connect: ends with `SessionReady` or `SessionFailed`."""
    if core.space is not None:
        core.advance(SessionInput.SEND_RESOLVE)
        core.space.start()
        return
    core.advance(SessionInput.SEND_CONFIG)
    _fetch_config(core)


def space_found(core: Core) -> None:
    """Go on with the Space's app, which runs."""
    core.advance(SessionInput.SEND_CONFIG)
    _fetch_config(core)


def space_failed(core: Core, error: GradprotoError) -> None:
    """There is no Space, or no app of it."""
    assert core.space is not None
    if not _tries_again(core, error, _resolve_again):
        _give_up(core, error)


def _resolve_again(core: Core) -> None:
    assert core.space is not None
    core.space.start()


def _fetch_config(core: Core) -> None:
    core.exchanges.start(
        _ConfigFetch(core, page=False),
        "GET",
        core.base_url + "/config",
        headers=(("accept", "application/json"),),
        safe_to_repeat=True,
    )


def log_in(core: Core) -> None:
    """Trade user and password for a cookie, for every request that waits with a 401.

    That is how a session logs in at first, and again when the server was restarted and its old cookie means nothing.
    """
    assert core.auth is not None
    if not same_origin(core.base_url, core.exchanges.app_url):
        where = redact_url(core.base_url)
        hint = "connect to that address to log in there"
        core.exchanges.login_failed(AuthenticationError(f"the app moved to another origin, {where}", hint=hint))
        return
    user, password = core.auth
    core.exchanges.start(
        _Login(core),
        "POST",
        core.base_url + "/login",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=(encode_form([("username", user), ("password", password)]),),
    )


def _ready(core: Core, info: ApiInfo) -> None:
    assert core.config is not None
    assert core.dialect is not None
    core.described(Endpoints(core.config, info, core.dialect.payload))
    unknown = _unknown_name(core)
    if unknown is not None:
        _give_up(core, unknown)
        return
    if core.space is not None:
        core.space.stop()
    core.advance(SessionInput.RECV_INFO)
    core.events.append(SessionReady(config=core.config))


def _unknown_name(core: Core) -> GradprotoError | None:
    """Return the error for a name among those of idempotent endpoints that the app does not have."""
    idempotent = False if core.retry is None else core.retry.idempotent
    assert core.endpoints is not None
    for name in () if isinstance(idempotent, bool) else sorted(idempotent):
        try:
            core.endpoints.resolve(api_name=name)
        except EndpointNotFoundError as error:
            return EndpointNotFoundError(f"retry: idempotent names what is not there: {error.message}", hint=error.hint)
    return None


def _tries_again(core: Core, error: GradprotoError, again: Callable[[Core], None]) -> bool:
    """Ask ``again`` in a while, if the caller allows it and it may help; return whether it does."""
    delay = core.delay_of(error, core.reconnections)
    if delay is None:
        return False
    core.advance(SessionInput.RETRY)
    core.reconnections += 1
    core.connecting = core.timers.start(delay, lambda: again(core))
    core.events.append(
        ConnectRetried(attempt=core.reconnections, delay=delay, error=error.with_traceback(None)),
    )
    return True


def _give_up(core: Core, error: GradprotoError) -> None:
    if core.space is not None:
        core.space.stop()
    core.advance(SessionInput.FAIL)
    core.events.append(SessionFailed(error=core.last_error(error, core.reconnections).with_traceback(None)))


class _Login(ShortExchange):
    """The request that trades user and password for a cookie."""

    follow_redirects = False
    may_log_in_again = False

    def __init__(self, core: Core) -> None:
        super().__init__("the login", timeout=core.timeouts.request)
        self._core = core

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Early versions answer with a redirect to the app's page, so that only a 4xx or 5xx is a refusal."""
        where = redact_url(self.request.url)
        if status < 400:
            self._core.exchanges.logged_in()
        elif status in (400, 401, 403, 422):
            self.failed(
                AuthenticationError(f"could not log in at {where}: the app refused this user and password ({status})")
            )
        elif status == 429:
            self.failed(answer_error(status, headers, body, what=self.what, url=self.request.url))
        else:
            error = UnsupportedServerError(f"could not log in at {where}: the server answered {status}")
            self.failed(with_status(error, status, headers))

    def failed(self, error: GradprotoError) -> None:
        """There is no cookie."""
        self._core.exchanges.login_failed(error)


class _ConfigFetch(ShortExchange):
    """The request for the app's config, or for its page, which holds the config too."""

    def __init__(self, core: Core, *, page: bool) -> None:
        super().__init__("the page" if page else "the config", timeout=core.timeouts.request)
        self._core = core
        self._page = page

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Take the config, look at the page instead, or say what is there in place of an app."""
        core = self._core
        url = self.request.url
        if status == 404 and not self._page:
            self._fetch_page()
            return
        try:
            if status != 200:
                raise with_status(self._refusal(status, headers, body), status, headers)
            config = parse_config(body, content_type=header_value(headers, "content-type") or "", url=url)
            core.understood(config, choose_dialect(config, redact_url(core.base_url)))
        except GradprotoError as error:
            self.failed(error)
            return
        core.advance(SessionInput.RECV_CONFIG)
        core.events.append(ConfigReceived(config=config))
        assert core.dialect is not None
        if core.dialect.info_route:
            _fetch_info(core)
        else:
            _ready(core, build_api_info(config))

    def redirected(self, url: str) -> None:
        """The app is where the config is: everything else goes there too, but credentials only to the first origin."""
        path = url.partition("?")[0].rstrip("/")
        if path.endswith("/config"):
            self._core.base_url = path[: -len("/config")]

    def failed(self, error: GradprotoError) -> None:
        """There is nobody, or no app."""
        space = self._core.space
        if space is not None and isinstance(error, UnsupportedServerError):
            self._core.advance(SessionInput.SEND_RESOLVE)
            space.not_answering(error)
            return
        if not _tries_again(self._core, error, _fetch_config):
            _give_up(self._core, error)

    def _fetch_page(self) -> None:
        self._core.exchanges.start(
            _ConfigFetch(self._core, page=True),
            "GET",
            self._core.base_url + "/",
            headers=(("accept", "text/html"),),
            safe_to_repeat=True,
        )

    def _refusal(self, status: int, headers: Headers, body: bytes) -> GradprotoError:
        where = redact_url(self.request.url)
        if status == 401:
            hint = "pass auth=(user, password)" if self._core.auth is None else "it took the login, and still refuses"
            return AuthenticationError(f"the app at {where} wants a login (401)", hint=hint)
        if status == 429:
            return answer_error(status, headers, body, what=self.what, url=self.request.url)
        excerpt = body[:400].decode("utf-8", "replace").strip()[:80]
        return UnsupportedServerError(f"no Gradio app at {where}: the server answered {status}: {excerpt!r}")


def _fetch_info(core: Core) -> None:
    assert core.dialect is not None
    core.exchanges.start(
        _InfoFetch(core),
        "GET",
        core.api_url + core.dialect.info_route,
        headers=(("accept", "application/json"),),
        safe_to_repeat=True,
    )


class _InfoFetch(ShortExchange):
    """The request for the description of the app's endpoints."""

    def __init__(self, core: Core) -> None:
        super().__init__("the API description", timeout=core.timeouts.request)
        self._core = core

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Take it, or build it from the config: some apps have components that make the server fail here."""
        config = self._core.config
        assert config is not None
        if status != 200:
            error = answer_error(status, headers, body, what=self.what, url=self.request.url)
            if status == 401:
                _give_up(self._core, error)
                return
            if _tries_again(self._core, error, _fetch_info):
                return
        info = self._parse(body) if status == 200 else None
        _ready(self._core, info if info is not None else build_api_info(config))

    def failed(self, error: GradprotoError) -> None:
        """The app is gone."""
        if not _tries_again(self._core, error, _fetch_info):
            _give_up(self._core, error)

    def _parse(self, body: bytes) -> ApiInfo | None:
        try:
            return parse_api_info(body, url=self.request.url)
        except (UnsupportedServerError, RemoteProtocolError):
            return None


class Heartbeat:
    """The request that never ends, by which the server knows that a conversation's State is still wanted."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._session_hash: str | None = None
        self._exchange: _HeartbeatExchange | None = None
        self._retry: Timer | None = None
        self._delay = FIRST_HEARTBEAT_RETRY

    @staticmethod
    def wanted(core: Core) -> bool:
        """Return whether the app asks for one."""
        config, dialect = core.config, core.dialect
        assert config is not None
        assert dialect is not None
        return config.connect_heartbeat or ("connect_heartbeat" not in config.raw and dialect.unflagged_heartbeat)

    def beat(self, session_hash: str) -> None:
        """Keep this session's State; let go of the one before."""
        if session_hash != self._session_hash:
            self.stop()
            self._session_hash = session_hash
            self._start()

    def stop(self) -> None:
        """Let go of the State."""
        self._core.timers.cancel(self._retry)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._core.exchanges.abort(exchange)

    def came(self) -> None:
        """A beat came."""
        self._delay = FIRST_HEARTBEAT_RETRY

    def broke(self) -> None:
        """Try again in a while."""
        self._core.stale = True
        self._exchange = None
        self._retry = self._core.timers.start(self._delay, self._start)
        self._delay = min(2 * self._delay, LAST_HEARTBEAT_RETRY)

    def _start(self) -> None:
        core = self._core
        assert core.dialect is not None
        self._exchange = _HeartbeatExchange(self, core.timeouts.stream_idle)
        core.exchanges.start(
            self._exchange,
            "GET",
            f"{core.api_url}{core.dialect.heartbeat_route}{self._session_hash}",
            headers=(("accept", "text/event-stream"),),
        )


class _HeartbeatExchange(Exchange):
    """One try of the heartbeat."""

    def __init__(self, heartbeat: Heartbeat, timeout: float | None) -> None:
        super().__init__("the heartbeat", timeout=timeout, limit="stream_idle")
        self._heartbeat = heartbeat
        self._beating = False

    def started(self, status: int, headers: Headers) -> None:
        # The text of a refusal is no beat.
        self._beating = status == 200

    def data(self, data: bytes) -> None:
        if self._beating:
            self._heartbeat.came()

    def ended(self) -> None:
        self._heartbeat.broke()

    def failed(self, error: GradprotoError) -> None:
        self._heartbeat.broke()
