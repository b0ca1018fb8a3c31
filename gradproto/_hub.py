"""Requests to the Hugging Face Hub, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast

from ._answers import with_status
from ._errors import (
    ArgumentError,
    AuthenticationError,
    GradprotoError,
    RateLimitedError,
    RemoteProtocolError,
    SpaceError,
)
from ._exchanges import JSON_HEADERS, Exchanges, Headers, ShortExchange, header_value
from ._headers import check_headers
from ._json import JSONValue, dumps, loads

__all__ = ["Hub", "app_token_header", "is_missing"]

# What the Hub says of a token that it does not know; without a token it says 401 of what is not there, too.
_BAD_TOKEN = "Invalid credentials in Authorization header"
_DISABLED = "Access to this resource is disabled."
# The fields of a RateLimit header (draft-ietf-httpapi-ratelimit-headers-10): "r" is what is left, "t" seconds until
# there is more.
_RATE_LIMIT = r";\s*(r|t)=([0-9]{1,9})"


def app_token_header(token: str) -> tuple[tuple[str, str], ...]:
    """Return the header by which the token lets its owner's requests through to a private Space's app.

    Raises `ArgumentError`, which does not show the token.
    """
    # Not Authorization, which belongs to the app itself; the Hub's proxy takes either.
    return _bearer("x-hf-authorization", token)


def _bearer(name: str, token: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(cast(object, token), str) or not token.strip():
        raise ArgumentError("the token must be a string, and not empty")
    try:
        return check_headers({name: f"Bearer {token}"})
    except ArgumentError:
        raise ArgumentError("the token holds characters that a header cannot carry") from None


class Hub:
    """The Hub's API at ``url``, with or without somebody's token, which goes there and to no other origin."""

    def __init__(self, exchanges: Exchanges, url: str, *, token: str | None, timeout: float | None) -> None:
        self.url = url
        self.has_token: bool = token is not None
        self._exchanges = exchanges
        self._token = token
        self._timeout = timeout
        self._headers = (("accept", "application/json"), *(() if token is None else _bearer("authorization", token)))
        self._under_way: dict[_HubExchange, None] = {}

    def get(
        self,
        what: str,
        path: str,
        answered: Callable[[JSONValue], None],
        failed: Callable[[GradprotoError], None],
        *,
        space: str | None = None,
    ) -> None:
        """Ask for something; ``what`` names the request in errors, and ``space`` the Space that it is about."""
        exchange = _HubExchange(self, what, space, answered, failed, timeout=self._timeout)
        self._under_way[exchange] = None
        self._exchanges.start(exchange, "GET", self.url + path, headers=self._headers, safe_to_repeat=True)

    def post(
        self,
        what: str,
        path: str,
        body: Mapping[str, object],
        answered: Callable[[JSONValue], None],
        failed: Callable[[GradprotoError], None],
        *,
        space: str,
        secret: str = "",
    ) -> None:
        """Ask the Hub to do something; ``secret`` is what no error shows, should the Hub say it back."""
        exchange = _HubExchange(self, what, space, answered, failed, timeout=self._timeout, secret=secret)
        self._under_way[exchange] = None
        headers = (*self._headers, *JSON_HEADERS)
        self._exchanges.start(exchange, "POST", self.url + path, headers=headers, body=(dumps(body),))

    def stop(self) -> None:
        """Let go of what is under way."""
        while self._under_way:
            self._exchanges.abort(self._under_way.popitem()[0])

    def over(self, exchange: _HubExchange) -> None:
        """An exchange has come to its end."""
        self._under_way.pop(exchange, None)

    def without_token(self, body: bytes) -> bytes:
        """Return an answer without the token, should the Hub say it back: errors quote what makes no sense."""
        return body if self._token is None else body.replace(self._token.encode(), b"***")

    def refusal(
        self, status: int, headers: Headers, body: bytes, *, what: str, space: str | None, secret: str = ""
    ) -> GradprotoError:
        """Return the error that an answer other than a success stands for."""
        said = _said(headers, body)
        for hidden in (self._token or "", secret):
            # What was said is stripped, so that of a secret that ends with a line break only the rest is in it.
            said = said.replace(hidden.strip(), "***") if hidden.strip() else said
        error = self._refusal(status, headers, said, what, space)
        error = with_status(error, status, headers)
        if error.retry_after is None and status == 429:
            error.retry_after = _reset(headers)
        return error

    def _refusal(self, status: int, headers: Headers, said: str, what: str, space: str | None) -> GradprotoError:
        quoted = f": {said[:200]!r}" if said else ""
        where = f"{what} at {self.url}"
        code = header_value(headers, "x-error-code") or ""
        if status == 429:
            return RateLimitedError(f"{where}: the Hub answered 429, too many requests{quoted}")
        if status == 401 and (said.startswith(_BAD_TOKEN) or (self.has_token and code != "RepoNotFound")):
            return AuthenticationError(
                f"{where}: the Hub does not know the token (401)", hint=f"make one at {self.url}/settings/tokens"
            )
        if space is not None:
            page = f"{self.url}/spaces/{space}"
            if code == "GatedRepo":
                grant = (
                    "ask for access at" if self.has_token else "pass a `token` of somebody who was let in, or ask at"
                )
                return SpaceError(f"the Space {space} is gated, and lets only some people in", hint=f"{grant} {page}")
            if said == _DISABLED:
                return SpaceError(f"the Space {space} is disabled: nobody can use it", hint=f"see {page}")
            if status in (401, 404) and code in ("RepoNotFound", ""):
                return SpaceError(
                    f"Could not find Space: {space}. If it is a private Space, please provide a `token`.",
                    hint="it does not exist, or this token may not see it"
                    if self.has_token
                    else "it does not exist, or it is private or gated",
                )
        if status in (401, 403):
            return AuthenticationError(
                f"{where}: the Hub refused it ({status}){quoted}", hint="the token has to be one that may do this"
            )
        if status == 402:
            return SpaceError(
                f"{where}: the Hub wants to be paid (402){quoted}", hint=f"see {self.url}/settings/billing"
            )
        return SpaceError(f"{where}: the Hub answered {status}{quoted}")


def is_missing(error: GradprotoError) -> bool:
    """Whether the error says that there is no such Space, as far as this token can see."""
    return isinstance(error, SpaceError) and error.status in (401, 404)


def _said(headers: Headers, body: bytes) -> str:
    """Return the Hub's own words for a refusal, ``""`` if there are none."""
    said = header_value(headers, "x-error-message")
    if said is not None:
        return said.strip()
    try:
        value = loads(body)
    except ValueError:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    return error.strip() if isinstance(error, str) else ""


def _reset(headers: Headers) -> float | None:
    """Return the seconds until the Hub's own limit takes more, if that is what was reached."""
    fields = dict(re.findall(_RATE_LIMIT, header_value(headers, "ratelimit") or ""))
    return float(fields["t"]) if int(fields.get("r", 1)) == 0 and "t" in fields else None


class _HubExchange(ShortExchange):
    """One request to the Hub."""

    # A 401 of the Hub's is not about the app's login.
    may_log_in_again = False

    def __init__(
        self,
        hub: Hub,
        what: str,
        space: str | None,
        answered: Callable[[JSONValue], None],
        failed: Callable[[GradprotoError], None],
        *,
        timeout: float | None,
        secret: str = "",
    ) -> None:
        super().__init__(what, timeout=timeout)
        self._secret = secret
        self._hub = hub
        self._space = space
        self._answered = answered
        self._failed = failed

    def answered(self, status: int, headers: Headers, body: bytes) -> None:
        """Hand over the JSON that came, or what the refusal means."""
        hub = self._hub
        hub.over(self)
        body = hub.without_token(body)
        if not 200 <= status < 300:
            self._failed(hub.refusal(status, headers, body, what=self.what, space=self._space, secret=self._secret))
            return
        try:
            # What only was done is answered with nothing, or with a plain word, whatever that calls itself. A page
            # comes from somebody in between.
            is_json = "json" in (header_value(headers, "content-type") or "json").lower()
            value = loads(body) if body and (is_json or body.lstrip().startswith(b"<")) else None
        except ValueError:
            self._failed(RemoteProtocolError(f"{self.what} at {hub.url}: the Hub's answer is no JSON"))
            return
        self._answered(value)

    def failed(self, error: GradprotoError) -> None:
        """The Hub cannot be reached, or what it sent is no HTTP."""
        self._hub.over(self)
        self._failed(error)
