"""The API of the fake Hub: who asks, what is asked, and how the Hub refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from ._http import Exchange
from ._hub_accounts import HubToken
from ._hub_front import Front
from ._json import compact_json, is_object

if TYPE_CHECKING:
    from ._hub import FakeHub
    from ._hub_spaces import HubSpace

__all__ = ["Answer", "ApiFront", "Call", "Refusal", "Route"]

_MAX_BODY = 1 << 20  # nothing that is asked here is near that


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back, as JSON unless it is ``html``."""

    value: Any = None
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    html: bytes | None = None


class Refusal(Exception):
    """The Hub will not do it: a status, a text, and for some a code that clients go by."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers
        self.more = more

    def answer(self) -> Answer:
        """Give what tells of it: the body, and headers with the same text and the code."""
        if self.status < 400:
            return Answer(value={}, status=self.status, headers=self.headers)
        told = "".join(c if " " <= c <= "~" else "?" for c in self.message)
        headers = [("x-error-message", told), *self.headers]
        if self.code is not None:
            headers.insert(0, ("x-error-code", self.code))
        return Answer(value={"error": self.message, **self.more}, status=self.status, headers=headers)


class Call:
    """One request to the API, with its body."""

    def __init__(self, hub: FakeHub, exchange: Exchange, parameters: tuple[str, ...]) -> None:
        self.hub = hub
        self.method: str = exchange.method
        self.path: str = exchange.path
        self.query_string: str = exchange.query_string
        self.query: Sequence[tuple[str, str]] = parse_qsl(exchange.query_string, keep_blank_values=True)
        self.parameters = parameters
        self.body: dict[str, Any] = {}
        self._authorization: str | None = exchange.headers.get("authorization")

    @property
    def token(self) -> HubToken | None:
        """The caller's token, if there is one. Raises :class:`Refusal` for one that is not good."""
        if self._authorization is None:
            return None
        token = self.hub.find_token(self._authorization)
        if token is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return token

    def required_token(self) -> HubToken:
        """Give the caller's token. Raises :class:`Refusal` if there is none."""
        token = self.token
        if token is None:
            raise Refusal(401, "Invalid username or password.")
        return token

    def item(self, name: str) -> str | None:
        """Give an item of the query."""
        return next((value for key, value in self.query if key == name), None)

    def space(self) -> HubSpace:
        """Give the Space that the path names, if the caller may see it. Raises :class:`Refusal`."""
        owner, name = self.parameters[:2]
        token = self.token
        space = self.hub.spaces.get(f"{owner}/{name}")
        if space is None:
            self._follow(owner, name)
            raise self._not_found()
        if space.private and not (token is not None and token.may_read(space.owner, space.id)):
            raise self._not_found()
        if space.disabled:
            raise Refusal(403, "Access to this resource is disabled.")
        if space.gated:
            self._pass_gate(space, token)
        return space

    def writable_space(self) -> HubSpace:
        """Give the Space that the path names, if the caller may change it. Raises :class:`Refusal`."""
        space = self.space()
        self.check_write(space.id)
        return space

    def check_write(self, space_id: str) -> HubToken:
        """Give the token if it may change, or make, this Space. Raises :class:`Refusal`."""
        token = self.required_token()
        namespace = space_id.partition("/")[0]
        if token.user.role_in(namespace) is None:
            raise Refusal(403, f"You have no rights in the namespace {namespace}")
        if not token.may_write(namespace, space_id):
            raise Refusal(403, f"This token has no right to write to {space_id}")
        return token

    def _not_found(self) -> Refusal:
        # The Hub asks strangers to log in wherever they may see nothing, so that they learn of no private repository.
        if self.token is None:
            return Refusal(401, "Invalid username or password.", "RepoNotFound")
        return Refusal(404, "Repository not found", "RepoNotFound")

    def _follow(self, owner: str, name: str) -> None:
        space = self.hub.renamed(f"{owner}/{name}")
        if space is None:
            return
        token = self.token
        if space.private and not (token is not None and token.may_read(space.owner, space.id)):
            return
        pieces = self.path.split("/")
        at = 2 if pieces[1] == "spaces" else 3  # the page, or the API
        target = quote("/".join([*pieces[:at], space.id, *pieces[at + 2 :]]))
        query = f"?{self.query_string}" if self.query_string else ""
        raise Refusal(307, f"Moved to {space.id}", headers=[("location", target + query)])

    def _pass_gate(self, space: HubSpace, token: HubToken | None) -> None:
        if token is None:
            raise Refusal(401, f"Access to {space.id} is restricted. You must be logged in to see it.", "GatedRepo")
        user = token.user
        if user.name not in space.granted and user.role_in(space.owner) is None:
            raise Refusal(403, f"Access to {space.id} is restricted, and you are not on its list.", "GatedRepo")

    # -- the body's fields

    def text(self, name: str) -> str:
        """Give a field that must be a text that is not empty. Raises :class:`Refusal`."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal(400, f'"{name}" must be a string that is not empty')
        return value

    def optional_text(self, name: str) -> str | None:
        """Give a field that may be missing. Raises :class:`Refusal` if it is no text."""
        return None if self.body.get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        """Give a field that must be a whole number. Raises :class:`Refusal`."""
        value = self.body.get(name)
        if type(value) is not int:
            raise Refusal(400, f'"{name}" must be an integer')
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route; ``{}`` in its path is one segment."""

    path: str
    kind: str
    methods: Mapping[str, Callable[[Call], Answer]]


class ApiFront(Front):
    """The Hub's own address."""

    def __init__(self, hub: FakeHub, routes: Sequence[Route]) -> None:
        super().__init__(hub, "hub")
        self._routes = [(re.compile(re.escape(route.path).replace(r"\{\}", "([^/]+)")), route) for route in routes]

    def handle(self, exchange: Exchange) -> None:
        """Answer a request, once its body is there."""
        length = exchange.headers.get("content-length", "0")
        if len(length) > 7 or int(length) > _MAX_BODY:
            exchange.respond_json(413, {"error": "Request entity too large"})
            return
        exchange.on_body = lambda body: self._answer(exchange, body)

    def common_headers(self) -> list[tuple[str, str]]:
        """Give what stands before each response's own headers."""
        return [*super().common_headers(), ("x-request-id", f"Root=1-{self.hub.new_id(8)}-{self.hub.new_id(24)}")]

    def cors_headers(self, request_headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Let any page read the answers, and the headers that matter."""
        headers = super().cors_headers(request_headers)
        exposed = "X-Error-Code,X-Error-Message,X-Request-Id,Link,RateLimit,RateLimit-Policy"
        return [*headers, ("access-control-expose-headers", exposed)] if headers else []

    def _answer(self, exchange: Exchange, body: bytes) -> None:
        fault = self.hub.faults.find(exchange.method, exchange.path)
        if fault is not None and fault.name != "lose":
            fault.meet(exchange)
            return
        limit = self.hub.rate_limit
        headers: Sequence[tuple[str, str]] = ()
        answer = None
        if limit is not None:
            too_many, headers = limit.count(exchange.headers.get("authorization", ""), self.now)
            if too_many:
                answer = Refusal(429, "Too many requests. Slow down, or use a token.").answer()
        if answer is None:
            answer = self._carry_out(exchange, body)
        if fault is not None:
            exchange.drop()
        elif answer.html is not None:
            exchange.respond(answer.status, answer.html, "text/html; charset=utf-8", [*answer.headers, *headers])
        else:
            content = compact_json(answer.value).encode("utf-8", "replace")
            exchange.respond(answer.status, content, "application/json; charset=utf-8", [*answer.headers, *headers])

    def _carry_out(self, exchange: Exchange, body: bytes) -> Answer:
        method = "GET" if exchange.method == "HEAD" else exchange.method
        for pattern, route in self._routes:
            match = pattern.fullmatch(exchange.path)
            if match is None:
                continue
            exchange.record.kind = route.kind
            function = route.methods.get(method)
            if function is None:
                allowed = ", ".join(route.methods)
                return Refusal(405, f"Only {allowed} here", headers=[("allow", allowed)]).answer()
            try:
                call = Call(self.hub, exchange, match.groups())
                call.body = _read(body)
                if call.body:
                    exchange.log_body(call.body)
                return function(call)
            except Refusal as refusal:
                return refusal.answer()
        return Refusal(404, "There is nothing at this address of the Hub").answer()


def _read(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not valid JSON") from None
    if not is_object(value):
        raise Refusal(400, "The body must be a JSON object")
    return value
