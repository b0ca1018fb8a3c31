"""The control API, for tests in other languages: what :class:`Controls` has, over HTTP, at ``/__gradproto__/``.

=========  ====================  ====================================================================================
GET        ``health``            the version that is played, the time, and how much there is
POST       ``reset/all``         as :meth:`FakeApp.reset`: all but the time begins anew
POST       ``reset/journal``     forget the requests, and nothing else
GET        ``requests``          the requests, oldest first; of a ``?kind=``, and after a ``?since=`` number
GET        ``faults``            the faults that were made, and the table of all that there are
POST       ``faults``            make one: ``{"name": ..., "pattern"?, "endpoint"?, "session"?, "times"?, "after"?,
                                 "values"?}`` as for :meth:`FakeApp.inject`; gives its ``id``
DELETE     ``faults``            put everything right
DELETE     ``faults/{id}``       put one thing right
POST       ``advance``           ``{"seconds": ...}``: move the server's clock forward
=========  ====================  ====================================================================================

What is refused has the status 400, 404 or 405 and ``{"error": ...}``. Secrets do not leave the server this way: of
headers, queries and bodies they are replaced by ``***``. These requests are in no log, and meet no faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from ._faults import FAULTS, Fault
from ._json import is_list_or_tuple, is_object
from ._secrets import HIDDEN, SECRET_HEADERS, without_secrets, without_secrets_in_query

if TYPE_CHECKING:
    from ._app import FakeApp
    from ._http import Exchange
    from ._log import RequestRecord

__all__ = ["CONTROL_PREFIX", "ControlApi"]

CONTROL_PREFIX = "/__gradproto__/"

_LONGEST_SKIP = 1e9  # seconds; some thirty years


class _Refused(Exception):
    """What is asked for cannot be done."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ControlApi:
    """The routes of the control API."""

    def __init__(self, app: FakeApp) -> None:
        self._app = app
        self._ids: dict[int, Fault] = {}
        self._count = 0
        self._routes: dict[tuple[str, str], Callable[[Exchange, dict[str, Any]], Any]] = {
            ("GET", "health"): self._health,
            ("POST", "reset/all"): self._reset_all,
            ("POST", "reset/journal"): self._reset_journal,
            ("GET", "requests"): self._requests,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._make_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "advance"): self._advance,
        }

    def handle(self, exchange: Exchange) -> None:
        """Answer a request, once its body is there."""
        exchange.record.kind = "control"
        exchange.on_body = lambda body: self._answer(exchange, body)

    def _answer(self, exchange: Exchange, body: bytes) -> None:
        try:
            value = self._carry_out(exchange, body)
        except _Refused as refused:
            exchange.respond_json(refused.status, {"error": str(refused)})
        else:
            exchange.respond_json(200, value)

    def _carry_out(self, exchange: Exchange, body: bytes) -> Any:
        path = exchange.path.removeprefix(CONTROL_PREFIX)
        route = self._routes.get((exchange.method, path))
        if route is not None:
            return route(exchange, _read(body))
        what, _, number = path.partition("/")
        if what == "faults" and _is_number(number) and exchange.method == "DELETE":
            return self._cancel_fault(int(number))
        allowed = [method for method, known in self._routes if known == path]
        if allowed:
            raise _Refused(405, f"{path!r:.80} takes {' and '.join(allowed)}, not {exchange.method:.20}")
        there_are = ", ".join(sorted({known for _, known in self._routes}))
        raise _Refused(404, f"there is no {path!r:.80} here; there are {there_are}")

    # -- the routes

    def _health(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        app = self._app
        return {
            "status": "ok",
            "gradio": app.profile.version,
            "now": app.now,
            "requests": len(app.requests),
            "open_streams": len(app.open_streams),
            "complaints": app.complaints,
        }

    def _reset_all(self, exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        self._ids.clear()
        self._app.reset(keep=exchange.connection)
        return {"reset": "all"}

    def _reset_journal(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        self._app.reset_journal()
        return {"reset": "journal"}

    def _requests(self, exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        kind, since = exchange.query.get("kind"), exchange.query.get("since", "0")
        if not _is_number(since):
            raise _Refused(400, f"'since' is the number of a request, not {since!r:.80}")
        found = [
            _described(record)
            for record in self._app.requests
            if record.number > int(since) and kind in (None, record.kind)
        ]
        return {"requests": found, "complaints": self._app.complaints}

    def _faults(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        table = {
            name: {"family": kind.family, "kinds": kind.kinds, "text": kind.text, "values": _plain(kind.values)}
            for name, kind in FAULTS.items()
        }
        made = [_described_fault(number, fault) for number, fault in self._ids.items()]
        return {"faults": made, "table": table}

    def _make_fault(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        wanted = {"name": None, "pattern": "* *", "endpoint": None, "session": None, "times": 1, "after": 0}
        given: dict[str, Any] = {**wanted, "values": {}, **body}
        unknown = set(given) - set(wanted) - {"values"}
        if unknown:
            raise _Refused(400, f"a fault has no {min(unknown)!r:.80}; it has {', '.join(wanted)}, values")
        if not isinstance(given["name"], str) or not isinstance(given["pattern"], str):
            raise _Refused(400, "'name' and 'pattern' of a fault are texts")
        if not is_object(given["values"]):
            raise _Refused(400, "'values' of a fault is an object")
        values: dict[str, Any] = given["values"]
        if isinstance(values.get("body"), str):
            values = {**values, "body": values["body"].encode("utf-8", "replace")}
        try:
            fault = self._app.faults.inject(
                given["name"],
                given["pattern"],
                endpoint=given["endpoint"],
                session=given["session"],
                times=given["times"],
                after=given["after"],
                values=values,
            )
        except ValueError as error:
            raise _Refused(400, str(error)) from error
        self._count += 1
        self._ids[self._count] = fault
        return {"id": self._count}

    def _clear_faults(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        self._ids.clear()
        self._app.faults.clear()
        return {"faults": []}

    def _cancel_fault(self, number: int) -> dict[str, Any]:
        fault = self._ids.pop(number, None)
        if fault is None:
            raise _Refused(404, f"there is no fault {number}")
        fault.cancel()
        return _described_fault(number, fault)

    def _advance(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        seconds = body.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_SKIP:
            raise _Refused(400, f"'seconds' is a number from 0 to {_LONGEST_SKIP:g}, not {seconds!r:.80}")
        self._app.skip(seconds)
        return {"now": self._app.now}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _read(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is no JSON") from None
    if not is_object(value):
        raise _Refused(400, "the body is no JSON object")
    return value


def _described(record: RequestRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "connection": record.connection,
        "method": record.method,
        "path": record.path,
        "query": without_secrets_in_query(record.query),
        "headers": [[name, HIDDEN if name in SECRET_HEADERS else value] for name, value in record.headers],
        "kind": record.kind,
        "session_hash": record.session_hash,
        "body": without_secrets(record.body),
        "status": record.status,
        "fault": record.fault,
        "complaint": record.complaint,
        "started": record.started,
        "ended": record.ended,
        "end": record.end,
    }


def _described_fault(number: int, fault: Fault) -> dict[str, Any]:
    return {
        "id": number,
        "name": fault.name,
        "pattern": f"{fault.method} {fault.path}",
        "endpoint": fault.endpoint,
        "session": fault.session,
        "values": _plain(fault.values),
        "times": fault.times,
        "after": fault.after,
        "met": fault.met,
    }


def _plain(value: Any) -> Any:
    """Give a value as JSON has it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}  # pyright: ignore
    if isinstance(value, float) and not isfinite(value):
        return None
    return [_plain(item) for item in value] if is_list_or_tuple(value) else value
