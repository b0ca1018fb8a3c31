"""The control API, for tests in other languages: what :class:`Controls` has, over HTTP, at ``/__gradproto__/``.

=========  ====================  ====================================================================================
GET        the prefix itself     the status page: all of this for people
GET        ``health``            the version that is played, the time, since when, and how much there is
GET        ``status``            what the page shows, at one moment: health, faults, jobs, and the newest requests,
                                 briefly; after a ``?since=`` number, and those that were open at a time ``&open_at=``
POST       ``reset/all``         as :meth:`FakeApp.reset`: all but the time begins anew
POST       ``reset/journal``     forget the requests, and nothing else
GET        ``requests``          the requests, oldest first; of a ``?kind=``, and after a ``?since=`` number
GET        ``requests/{n}``      one of them, by its number
GET        ``endpoints``         the endpoints: their parameters and components, and how they run
GET        ``jobs``              the jobs that wait, run or are held, oldest first
POST       ``hold``              ``{"endpoint": "/count"}``: its next jobs stop before their first step; or
                                 ``{"job": id}``: it stops before its next one
POST       ``step``              the endpoint's newest job, or the job, goes on for ``"steps"``, or for one
POST       ``release``           the endpoint's held and future jobs, or the job, run freely
GET        ``faults``            the faults that were made, and the table of all that there are
POST       ``faults``            make one: ``{"name": ..., "pattern"?, "endpoint"?, "session"?, "times"?, "after"?,
                                 "values"?}`` as for :meth:`FakeApp.inject`; gives its ``id``
DELETE     ``faults``            put everything right
DELETE     ``faults/{id}``       put one thing right
POST       ``advance``           ``{"seconds": ...}``: move the server's clock forward
=========  ====================  ====================================================================================

What is refused has the status 400, 403, 404 or 405 and ``{"error": ...}``. Secrets do not leave the server this way: of
headers, queries and bodies they are replaced by ``***``. These requests are in no log, and meet no faults but those of
connections. Web pages but its own may neither read nor change anything: see :mod:`._control_guard`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from ._control_guard import refusal_of
from ._control_views import described_endpoint, described_job, open_jobs
from ._faults import FAULTS, Fault
from ._json import ascii_json, is_list_or_tuple, is_object
from ._secrets import HIDDEN, SECRET_HEADERS, without_secrets, without_secrets_in_query
from ._status_page import status_page

if TYPE_CHECKING:
    from ._app import FakeApp
    from ._http import Exchange
    from ._jobs import Job
    from ._log import RequestRecord

__all__ = ["ControlApi", "is_control"]

_PREFIX = "/__gradproto__/"

_LONGEST_SKIP = 1e7  # seconds, or four months: with an open heartbeat they take a quarter of a minute
_MOST_STEPS = 1_000_000
_DEEPEST = 100  # levels of a body; what reads it must not run out of stack
# What the page gets at a time, every second: who wants more has the other routes.
_NEWEST_REQUESTS = 500
_NEWEST_COMPLAINTS = 100
_OLDEST_JOBS = 100
_NEWEST_SPENT_FAULTS = 100
_HEADERS = [("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "same-origin")]


def is_control(path: str) -> bool:
    """Say whether a request is for the control API; the page's address may lack its slash."""
    return path.startswith(_PREFIX) or path == _PREFIX[:-1]


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
            ("GET", "status"): self._status,
            ("POST", "reset/all"): self._reset_all,
            ("POST", "reset/journal"): self._reset_journal,
            ("GET", "requests"): self._requests,
            ("GET", "endpoints"): self._endpoints,
            ("GET", "jobs"): self._jobs,
            ("POST", "hold"): self._hold,
            ("POST", "step"): self._step,
            ("POST", "release"): self._release,
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
            refusal = refusal_of(exchange.method, exchange.headers)
            if refusal is not None:
                raise _Refused(403, refusal)
            if exchange.method in ("GET", "HEAD") and exchange.path in (_PREFIX, _PREFIX[:-1]):
                _show_page(exchange)
                return
            value = self._carry_out(exchange, body)
        except _Refused as refused:
            _respond(exchange, refused.status, {"error": str(refused)})
        else:
            _respond(exchange, 200, value)

    def _carry_out(self, exchange: Exchange, body: bytes) -> Any:
        path = exchange.path.removeprefix(_PREFIX)
        route = self._routes.get((exchange.method, path))
        if route is not None:
            return route(exchange, _read(body))
        what, _, number = path.partition("/")
        if what == "faults" and _is_number(number) and exchange.method == "DELETE":
            return self._cancel_fault(int(number))
        if what == "requests" and _is_number(number) and exchange.method == "GET":
            return self._request(int(number))
        allowed = [method for method, known in self._routes if known == path]
        if allowed:
            raise _Refused(405, f"{path!r:.80} takes {' and '.join(allowed)}, not {exchange.method:.20}")
        there_are = ", ".join(sorted({known for _, known in self._routes}))
        raise _Refused(404, f"there is no {path!r:.80} here; there are {there_are}")

    # -- the routes

    def _health(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        return {**self._state(), "complaints": self._app.complaints}

    def _state(self) -> dict[str, Any]:
        app = self._app
        return {
            "status": "ok",
            "gradio": app.profile.version,
            "title": app.title,
            "now": app.now,
            "started_at": app.date_offset,
            "uptime": app.now - app.began,
            "app_id": str(app.app_id),  # no number that every language could read
            "endpoints": len(app.endpoints),
            "requests": len(app.requests),
            "open_streams": len(app.open_streams),
        }

    def _status(self, exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        app = self._app
        since = _number_in(exchange, "since")
        open_at = _time_in(exchange, "open_at")
        changed = [
            record
            for record in app.requests
            if record.number > since or (open_at is not None and (record.ended is None or record.ended >= open_at))
        ]
        complaints = app.complaints
        jobs = list(open_jobs(app).values())
        faults = self._made_faults()
        spent = [fault["id"] for fault in faults if fault["times"] == 0]
        too_many = frozenset(spent[:-_NEWEST_SPENT_FAULTS])
        return {
            **self._state(),
            "complaints": complaints[-_NEWEST_COMPLAINTS:],
            "complaint_count": len(complaints),
            "held": [f"/{endpoint.name}" for endpoint in app.endpoints if endpoint.held],
            "jobs": [described_job(job) for job in jobs[:_OLDEST_JOBS]],
            "job_count": len(jobs),
            "faults": [fault for fault in faults if fault["id"] not in too_many],
            # What is older was forgotten.
            "oldest": app.requests[0].number if app.requests else app.request_count + 1,
            # Those that came by way of a Hub have its numbers.
            "newest": app.requests[-1].number if app.requests else app.request_count,
            "changed": [_in_brief(record) for record in changed[-_NEWEST_REQUESTS:]],
            "left_out": max(0, len(changed) - _NEWEST_REQUESTS),
        }

    def _reset_all(self, exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        self._ids.clear()
        self._app.reset(keep=exchange.connection)
        return {"reset": "all"}

    def _reset_journal(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        self._app.reset_journal()
        return {"reset": "journal"}

    def _requests(self, exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        kind, since = exchange.query.get("kind"), _number_in(exchange, "since")
        found = [
            _described(record) for record in self._app.requests if record.number > since and kind in (None, record.kind)
        ]
        return {"requests": found, "complaints": self._app.complaints}

    def _request(self, number: int) -> dict[str, Any]:
        for record in self._app.requests:
            if record.number == number:
                return _described(record)
        raise _Refused(404, f"there is no request {number}, or it was forgotten")

    def _endpoints(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        return {"endpoints": [described_endpoint(endpoint) for endpoint in self._app.endpoints]}

    def _jobs(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        return {"jobs": [described_job(job) for job in open_jobs(self._app).values()]}

    def _hold(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        what = self._what_to_control(body)
        if isinstance(what, str):
            self._app.hold(what)
        else:
            what.hold()
        return {"held": body}

    def _step(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        steps = body.pop("steps", 1)
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
            raise _Refused(400, f"'steps' is a number from 1 to {_MOST_STEPS}, not {steps!r:.80}")
        what = self._what_to_control(body)
        try:
            job = self._app.job(what) if isinstance(what, str) else what
        except LookupError as error:
            raise _Refused(404, str(error)) from error
        job.step(steps)
        return {"stepped": body}

    def _release(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        what = self._what_to_control(body)
        if isinstance(what, str):
            self._app.release(what)
        else:
            what.release()
        return {"released": body}

    def _what_to_control(self, body: dict[str, Any]) -> str | Job:
        """Give the name of an endpoint that there is, or a job that is not over."""
        (key, value), *others = body.items() or [("", None)]
        if others or key not in ("endpoint", "job") or not isinstance(value, str):
            raise _Refused(400, "what is wanted is either an 'endpoint' or a 'job', which are texts")
        if key == "job":
            job = open_jobs(self._app).get(value)
            if job is None:
                raise _Refused(404, f"there is no job {value!r:.80}, or it is over")
            return job
        if self._app.find_endpoint(value) is None:
            raise _Refused(404, f"there is no endpoint {value!r:.80}")
        return value

    def _faults(self, _exchange: Exchange, _body: dict[str, Any]) -> dict[str, Any]:
        table = {
            name: {"family": kind.family, "kinds": kind.kinds, "text": kind.text, "values": _plain(kind.values)}
            for name, kind in FAULTS.items()
        }
        return {"faults": self._made_faults(), "table": table}

    def _made_faults(self) -> list[dict[str, Any]]:
        """Tell of the faults that there are, those too that the app's own program made."""
        numbers = {id(fault): number for number, fault in self._ids.items()}
        made: dict[int, Fault] = {}
        for fault in self._app.faults:
            number = numbers.get(id(fault))
            if number is None:
                self._count += 1
                number = self._count
            made[number] = fault
        self._ids = made
        return [_described_fault(number, fault) for number, fault in made.items()]

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
        self._app.fault_made()
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
        self._app.faults.remove(fault)
        return _described_fault(number, fault)

    def _advance(self, _exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        seconds = body.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_SKIP:
            raise _Refused(400, f"'seconds' is a number from 0 to {_LONGEST_SKIP:g}, not {seconds!r:.80}")
        self._app.skip(seconds)
        return {"now": self._app.now}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _number_in(exchange: Exchange, name: str) -> int:
    text = exchange.query.get(name, "0")
    if not _is_number(text):
        raise _Refused(400, f"{name!r} is the number of a request, not {text!r:.80}")
    return int(text)


def _time_in(exchange: Exchange, name: str) -> float | None:
    text = exchange.query.get(name)
    try:
        seconds = None if text is None else float(text)
    except ValueError:
        raise _Refused(400, f"{name!r} is a time in seconds, not {text!r:.80}") from None
    return seconds


def _respond(exchange: Exchange, status: int, value: Any) -> None:
    # Escaped, for what clients send may be text that cannot be encoded.
    exchange.respond(status, ascii_json(value).encode(), headers=_HEADERS)


def _show_page(exchange: Exchange) -> None:
    if exchange.path != _PREFIX:
        # What it asks for is relative to its own address, which only its proxies know as a whole.
        exchange.respond(307, content_type=None, headers=[("location", _PREFIX[1:])])
        return
    page, headers = status_page()
    exchange.respond(200, page, "text/html; charset=utf-8", [*_HEADERS, *headers])


def _read(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is no JSON") from None
    if not is_object(value):
        raise _Refused(400, "the body is no JSON object")
    if _is_deeper(value, _DEEPEST):
        raise _Refused(400, f"the body has more than {_DEEPEST} levels")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    if not is_object(value) and not is_list_or_tuple(value):
        return False
    inside = value.values() if is_object(value) else value
    return not levels or any(_is_deeper(item, levels - 1) for item in inside)


def _described(record: RequestRecord) -> dict[str, Any]:
    return {
        **_in_brief(record),
        "headers": [[name, HIDDEN if name in SECRET_HEADERS else value] for name, value in record.headers],
        "body": without_secrets(record.body),
    }


def _in_brief(record: RequestRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "connection": record.connection,
        "method": record.method,
        "path": record.path,
        "query": without_secrets_in_query(record.query),
        "kind": record.kind,
        "session_hash": record.session_hash,
        "received": record.received,
        "sent": record.sent,
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
        "family": fault.family,
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
        return {name: _plain(inner) for name, inner in value.items()}  # pyright: ignore - nobody says of what it is
    if isinstance(value, float) and not isfinite(value):
        return None
    return [_plain(item) for item in value] if is_list_or_tuple(value) else value
