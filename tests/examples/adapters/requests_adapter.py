"""The session door over requests: its transport adapter, which follows no redirects and keeps no cookies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from gradproto import Event, ReadError, Request, Session

from . import threaded
from .threaded import Answer
from .urllib3_adapter import PlainPool, SecurePool, Shuttable, close, receive


def drive(session: Session, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the session asks for, until ``on_event`` returns True."""
    adapter = make_adapter()
    try:
        threaded.drive(session, on_event, partial(perform, adapter))
    finally:
        close(adapter.poolmanager)


def make_adapter() -> HTTPAdapter:
    """Make an adapter with what requests does not show: connections that can be shut while a thread waits for them."""
    adapter = HTTPAdapter(pool_maxsize=64)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return adapter


def perform(adapter: HTTPAdapter, request: Request, answer: Answer) -> None:
    """Send a request, and tell what comes."""
    Shuttable.exchange.answer = answer
    try:
        response = adapter.send(prepared(request, answer), stream=True, timeout=(10, None))
        receive(response.raw, answer)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise ReadError(f"{type(error).__name__}: {error}") from error


def prepared(request: Request, answer: Answer) -> requests.PreparedRequest:
    """Return the request as it is: requests would add headers of its own."""
    ready = requests.PreparedRequest()
    ready.method, ready.url = request.method, request.url
    headers: Any = CaseInsensitiveDict(request.headers)
    if request.body or request.method == "POST":
        headers["Content-Length"] = str(request.body_size)
    ready.headers = headers
    body: Any = answer.body(request) if request.body else None
    ready.body = body
    return ready
