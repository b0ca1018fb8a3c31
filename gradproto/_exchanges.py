"""The HTTP exchanges of a session: who is waiting for which answer, and with which credentials requests go out.

Everything that holds for every request is here: redirects, cookies, the origin rule for credentials, time limits, one
new login when a session's cookie is no longer good. What an answer means is said by the subclasses of `Exchange`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from ._commands import (
    AbortExchange,
    CloseWebSocket,
    Command,
    FilePart,
    OpenWebSocket,
    Request,
    SendText,
    StartExchange,
)
from ._cookies import CookieJar
from ._errors import DeadlineExceeded, GradprotoError, LocalProtocolError, RemoteProtocolError
from ._headers import merge_headers
from ._timers import Timer, Timers
from ._urls import redact_url, resolve, same_origin, websocket_url

__all__ = [
    "JSON_HEADERS",
    "STREAM_HEADERS",
    "Exchange",
    "Exchanges",
    "Headers",
    "ShortExchange",
    "WebSocketExchange",
    "header_value",
]

Headers = Sequence[tuple[str, str]]

JSON_HEADERS = (("content-type", "application/json"),)
STREAM_HEADERS = (("accept", "text/event-stream"),)

# Hosting platforms need two or three (http to https, host to canonical host, added slash); a loop never ends.
MAX_REDIRECTS = 10
# The largest configs of real apps are a few MiB; this only keeps a hostile server from filling the memory.
MAX_SHORT_ANSWER = 64 * 1024 * 1024
# Seconds without a byte of the rest of an answer that nobody needs: then a new connection is cheaper.
DISCARD_LIMIT = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def header_value(headers: Headers, name: str) -> str | None:
    """Return the first value of the header called ``name`` (given in lower case), or ``None``."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


class Exchange:
    """One request and what to do with its answer. ``what`` names it in errors: "the join of job 3"."""

    # Whether a redirect is followed, or handed over as the answer.
    follow_redirects = True
    # What to do about a redirect that is not followed for where it leads.
    leaving_hint: str | None = None
    # Whether a 401 may be answered by logging in again and asking once more.
    may_log_in_again = True

    def __init__(self, what: str, *, timeout: float | None, limit: str) -> None:
        self.what = what
        self.timeout = timeout
        self.limit = limit
        self.exchange = -1
        self.has_head = False
        self.timer: Timer | None = None
        self.redirects = 0
        self.request: Request = Request(method="GET", url="")

    def started(self, status: int, headers: Headers) -> None:
        """The answer's head came."""
        raise NotImplementedError

    def data(self, data: bytes) -> None:
        """The next bytes of the answer's body came."""
        raise NotImplementedError

    def ended(self) -> None:
        """The answer is complete."""
        raise NotImplementedError

    def failed(self, error: GradprotoError) -> None:
        """There will be no answer, or no more of it."""
        raise NotImplementedError

    def body_sent(self, sent: int) -> None:
        """So many bytes of the request's body were handed to the network."""

    def may_go_to(self, url: str) -> bool:
        """Return whether the request may be sent there, at another origin, when it is redirected."""
        # The body of others may hold what was meant for the first origin only.
        return self.request.method == "GET"

    def redirected(self, url: str) -> None:
        """The request is sent again, to this address."""

    def expired(self) -> GradprotoError:
        """Return the error for a time limit that ran out."""
        return DeadlineExceeded(
            f"{self.what}: no answer from {redact_url(self.request.url)} within {self.timeout:g} s "
            f"(the limit {self.limit!r} of the timeouts)"
        )


class ShortExchange(Exchange):
    """An exchange whose answer is small and read as a whole."""

    def __init__(self, what: str, *, timeout: float | None, limit: str = "request") -> None:
        super().__init__(what, timeout=timeout, limit=limit)
        self.status: int = 0
        self.headers: Headers = ()
        self.body: bytearray = bytearray()

    def started(self, status: int, headers: Headers) -> None:
        """Keep the head."""
        self.status = status
        self.headers = headers

    def data(self, data: bytes) -> None:
        """Keep the bytes, up to a limit."""
        self.body += data
        if len(self.body) > MAX_SHORT_ANSWER:
            raise RemoteProtocolError(f"{self.what}: the answer is longer than {MAX_SHORT_ANSWER} bytes")

    def ended(self) -> None:
        """Hand the whole answer over."""
        self.answered(self.status, self.headers, bytes(self.body))

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """The whole answer is there."""
        raise NotImplementedError


class WebSocketExchange(ShortExchange):
    """A WebSocket. Where the server answers the handshake with something else, that is ``answered``."""

    # A handshake is asked once more after a new login, and goes nowhere else.
    follow_redirects = False

    def __init__(self, what: str, *, timeout: float | None, limit: str = "request") -> None:
        super().__init__(what, timeout=timeout, limit=limit)
        self.is_open = False

    def opened(self) -> None:
        """The handshake is done."""
        raise NotImplementedError

    def text(self, text: str) -> None:
        """A whole message came."""
        raise NotImplementedError

    def closed(self, code: int, reason: str) -> None:
        """The WebSocket is closed; the code is 1006 if it was not done by the rules."""
        raise NotImplementedError


class _Discarded(Exchange):
    """The rest of an answer that nobody needs, read to the end so that its connection can be used again."""

    def __init__(self, *, has_head: bool) -> None:
        super().__init__("a discarded answer", timeout=DISCARD_LIMIT, limit="")
        self.has_head = has_head

    def started(self, status: int, headers: Headers) -> None:
        pass

    def data(self, data: bytes) -> None:
        pass

    def ended(self) -> None:
        pass

    def failed(self, error: GradprotoError) -> None:
        pass


class Exchanges:
    """All exchanges of one session that are under way, and the credentials that their requests carry.

    ``credentials`` are headers for the app's own origin only: the caller's own and the token. ``app_url`` says which
    that is; ``""`` while it is not known. What a request carries of its own goes to its own origin only.
    """

    def __init__(
        self,
        app_url: str,
        *,
        timers: Timers,
        commands: deque[Command],
        headers: tuple[tuple[str, str], ...],
        credentials: tuple[tuple[str, str], ...],
    ) -> None:
        self.app_url = app_url
        self.cookies: CookieJar = CookieJar()
        # Set by the session if it has a user and a password.
        self.log_in_again: Callable[[], None] | None = None
        self._headers = headers
        self._app_headers = merge_headers(headers, credentials)
        self._timers = timers
        self._commands = commands
        self._under_way: dict[int, Exchange] = {}
        self._next = 0
        self._waiting_for_login: list[Exchange] = []

    def start(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        body: tuple[bytes | FilePart, ...] = (),
        safe_to_repeat: bool = False,
    ) -> None:
        """Send a request; its answer goes to ``exchange``.

        ``headers`` are those of this request alone, with names in lower case.
        """
        exchange.request = Request(
            method=method,
            url=url,
            headers=headers,
            body=body,
            safe_to_repeat=safe_to_repeat,
        )
        self._send(exchange)

    def open_websocket(self, exchange: WebSocketExchange, url: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Open a WebSocket to an ``http`` or ``https`` URL; what becomes of it goes to ``exchange``."""
        exchange.request = Request(method="GET", url=url, headers=headers)
        self._send(exchange)

    def send_text(self, exchange: WebSocketExchange, text: str) -> None:
        """Send one message."""
        self._commands.append(SendText(exchange=exchange.exchange, text=text))

    def let_go(self, exchange: Exchange) -> None:
        """Let the exchange come to its end by itself, without hearing of it any more.

        Its connection can be used again then; a WebSocket is closed by the rules.
        """
        if exchange.exchange not in self._under_way:
            self.abort(exchange)
        elif isinstance(exchange, WebSocketExchange):
            self._commands.append(CloseWebSocket(exchange=exchange.exchange))
            self._discard(exchange)
        else:
            self._discard(exchange)

    def abort(self, exchange: Exchange) -> None:
        """Stop the exchange; it hears nothing more."""
        self._timers.cancel(exchange.timer)
        if self._under_way.pop(exchange.exchange, None) is not None:
            self._commands.append(AbortExchange(exchange=exchange.exchange))
        elif exchange in self._waiting_for_login:
            self._waiting_for_login.remove(exchange)

    def abort_all(self) -> None:
        """Stop everything that is under way."""
        for exchange in (*self._under_way.values(), *self._waiting_for_login):
            self.abort(exchange)

    # --- facts -------------------------------------------------------------------------------------------------------

    def response_started(self, number: int, status: int, headers: Headers) -> None:
        """Look at an answer's head before its exchange does."""
        exchange = self._find(number)
        if exchange is None:
            return
        if exchange.has_head:
            raise LocalProtocolError(f"can't handle a second response of exchange {number}")
        exchange.has_head = True
        url = exchange.request.url
        set_cookies = [value for name, value in headers if name.lower() == "set-cookie"]
        if set_cookies:
            self.cookies.store(url, set_cookies)
        if status in _REDIRECTS and exchange.follow_redirects and self._redirect(exchange, status, headers):
            return
        refused = status == 401 or (status == 403 and isinstance(exchange, WebSocketExchange))
        if refused and exchange.may_log_in_again and self.log_in_again is not None:
            self._discard(exchange)
            exchange.may_log_in_again = False
            self._waiting_for_login.append(exchange)
            if len(self._waiting_for_login) == 1:
                self.log_in_again()
            return
        self._guard(exchange, lambda: _check_encoding(exchange, status, headers))
        if number in self._under_way:
            self._guard(exchange, lambda: exchange.started(status, headers))

    def response_data(self, number: int, data: bytes) -> None:
        """Hand over the next bytes of an answer."""
        exchange = self._under_way.get(number)
        if exchange is None or not exchange.has_head:
            self._find_begun(number)
            return
        timer = exchange.timer
        if timer is not None and not timer.fresh:
            self._timers.restart(timer)
        try:
            exchange.data(data)
        except RemoteProtocolError as error:
            self.abort(exchange)
            exchange.failed(error)

    def response_ended(self, number: int) -> None:
        """Say that an answer is complete."""
        exchange = self._find_begun(number)
        if exchange is not None:
            del self._under_way[number]
            self._timers.cancel(exchange.timer)
            exchange.ended()

    def exchange_failed(self, number: int, error: GradprotoError) -> None:
        """Say that there will be no more of an answer."""
        exchange = self._find(number)
        if exchange is not None:
            del self._under_way[number]
            self._timers.cancel(exchange.timer)
            exchange.failed(error)

    def body_sent(self, number: int, sent: int) -> None:
        """Say how much of a request's body is out."""
        exchange = self._find(number)
        if exchange is not None:
            self._timers.restart(exchange.timer)
            exchange.body_sent(sent)

    def websocket_opened(self, number: int) -> None:
        """Say that a WebSocket's handshake is done."""
        exchange = self._find_websocket(number)
        if exchange is not None:
            if exchange.is_open:
                raise LocalProtocolError(f"can't open the WebSocket {number} a second time")
            exchange.is_open = True
            self._timers.cancel(exchange.timer)
            exchange.opened()

    def websocket_text(self, number: int, text: str) -> None:
        """Hand over a message of a WebSocket."""
        exchange = self._find_websocket(number)
        if exchange is not None:
            if not exchange.is_open:
                raise LocalProtocolError(f"can't handle a message of the WebSocket {number}: it is not open")
            self._guard(exchange, lambda: exchange.text(text))

    def websocket_closed(self, number: int, code: int, reason: str) -> None:
        """Say that a WebSocket is closed."""
        exchange = self._find_websocket(number)
        found = self._under_way.pop(number, None)
        if found is not None:
            self._timers.cancel(found.timer)
        if exchange is not None:
            exchange.closed(code, reason)

    def logged_in(self) -> None:
        """Ask again what waited for the new login."""
        waiting, self._waiting_for_login = self._waiting_for_login, []
        for exchange in waiting:
            self._send(exchange)

    def login_failed(self, error: GradprotoError) -> None:
        """Give up what waited for the new login."""
        waiting, self._waiting_for_login = self._waiting_for_login, []
        for exchange in waiting:
            exchange.failed(error)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _find(self, number: int) -> Exchange | None:
        exchange = self._under_way.get(number)
        if exchange is None and not 0 <= number < self._next:
            raise LocalProtocolError(f"can't handle a fact about exchange {number}: it was never started")
        return exchange

    def _find_websocket(self, number: int) -> WebSocketExchange | None:
        exchange = self._find(number)
        if exchange is None or isinstance(exchange, _Discarded):
            return None
        if isinstance(exchange, WebSocketExchange):
            return exchange
        raise LocalProtocolError(f"can't handle a WebSocket fact about exchange {number}: it is no WebSocket")

    def _find_begun(self, number: int) -> Exchange | None:
        exchange = self._find(number)
        if exchange is not None and not exchange.has_head:
            raise LocalProtocolError(f"can't handle the body of exchange {number}: its response has not begun")
        return exchange

    def _guard(self, exchange: Exchange, step: Callable[[], None]) -> None:
        """What the peer's bytes break ends the exchange, not the session."""
        try:
            step()
        except RemoteProtocolError as error:
            self.abort(exchange)
            exchange.failed(error)

    def _send(self, exchange: Exchange) -> None:
        request = exchange.request
        headers = self._app_headers if same_origin(request.url, self.app_url) else self._headers
        if request.headers:
            headers = merge_headers(headers, request.headers)
        cookie = self.cookies.header_for(request.url)
        if cookie is not None:
            given = next((value for name, value in headers if name == "cookie"), None)
            headers = merge_headers(headers, (("cookie", cookie if given is None else f"{given}; {cookie}"),))
        number = self._next
        self._next += 1
        exchange.has_head = False
        self._watch(exchange, number)
        if isinstance(exchange, WebSocketExchange):
            self._commands.append(OpenWebSocket(exchange=number, url=websocket_url(request.url), headers=headers))
            return
        self._commands.append(
            StartExchange(
                exchange=number,
                request=Request(
                    method=request.method,
                    url=request.url,
                    headers=headers,
                    body=request.body,
                    safe_to_repeat=request.safe_to_repeat,
                ),
            )
        )

    def _expire(self, exchange: Exchange) -> None:
        error = exchange.expired()
        self.abort(exchange)
        exchange.failed(error)

    def _watch(self, exchange: Exchange, number: int) -> None:
        exchange.exchange = number
        exchange.timer = self._timers.start(exchange.timeout, lambda: self._expire(exchange))
        self._under_way[number] = exchange

    def _discard(self, exchange: Exchange) -> None:
        """The exchange will be asked anew, under another number; what still comes of this answer is nobody's."""
        self._timers.cancel(exchange.timer)
        self._watch(_Discarded(has_head=exchange.has_head), exchange.exchange)
        exchange.exchange = -1

    def _redirect(self, exchange: Exchange, status: int, headers: Headers) -> bool:
        """Follow the redirect if the same request can be sent there; return whether it was dealt with."""
        request = exchange.request
        location = header_value(headers, "location")
        if location is None or (request.method != "GET" and status not in (307, 308)):
            return False
        self._discard(exchange)
        exchange.redirects += 1
        if exchange.redirects > MAX_REDIRECTS:
            exchange.failed(RemoteProtocolError(f"{exchange.what}: more than {MAX_REDIRECTS} redirects"))
            return True
        try:
            url = resolve(request.url, location)
        except RemoteProtocolError as error:
            exchange.failed(RemoteProtocolError(f"{exchange.what}: {error.message}", hint=error.hint))
            return True
        if not same_origin(url, request.url) and not exchange.may_go_to(url):
            what = f"{exchange.what}: redirected to another origin, {redact_url(url)}: not followed"
            exchange.failed(RemoteProtocolError(what, hint=exchange.leaving_hint))
            return True
        exchange.request = Request(
            method=request.method,
            url=url,
            headers=request.headers if same_origin(url, request.url) else (),
            body=request.body,
            safe_to_repeat=request.safe_to_repeat,
        )
        exchange.redirected(url)
        self._send(exchange)
        return True


def _check_encoding(exchange: Exchange, status: int, headers: Headers) -> None:
    """Refuse what some proxies compress unasked: taken as it is, it would be a broken document, or a broken file.

    An error keeps its status, which tells more than that its text cannot be read.
    """
    encoding = (header_value(headers, "content-encoding") or "identity").strip().lower()
    if encoding != "identity" and 200 <= status < 300:
        raise RemoteProtocolError(
            f"{exchange.what}: the answer is compressed ({encoding[:80]!r}), and the request asked for no compression"
        )
