"""A Hub for tests of the core: what it answers, and a driver for sessions that speak with it."""

from __future__ import annotations

import random
from typing import Any, cast
from urllib.parse import urlsplit

from gradproto import Event, GradprotoError, HubFailed, HubSession, Request
from tests.core.driving import CONFIG, INFO, Harness

__all__ = [
    "HOST",
    "HUB",
    "MISSING",
    "SPACE",
    "TOKEN",
    "HubHarness",
    "SpaceHarness",
    "bearers",
    "missing",
    "runtime",
    "space",
]

HUB = "http://hub.test"
HOST = "http://owner-app.test"
SPACE = "owner/app"
TOKEN = "hf_" + "s3cret"
MISSING = (("content-type", "application/json"), ("X-Error-Code", "RepoNotFound"))


def runtime(stage: str = "RUNNING", current: str | None = "cpu-basic", requested: str | None = None) -> dict[str, Any]:
    """What the Hub says of how a Space runs."""
    hardware = {"current": current, "requested": requested or current}
    return {"stage": stage, "hardware": hardware, "storage": None, "gcTimeout": 172800, "replicas": {"current": 1}}


def space(stage: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    """What the Hub says of a Space."""
    document = {
        "_id": "66f0",
        "id": SPACE,
        "author": "owner",
        "private": False,
        "gated": False,
        "sdk": "gradio",
        "host": HOST,
        "subdomain": "owner-app",
        "runtime": runtime(stage),
    }
    return {key: value for key, value in {**document, **fields}.items() if value is not ...}


def bearers(request: Request) -> dict[str, str]:
    """The headers of a request that carry a token."""
    return {name: value for name, value in request.headers if TOKEN in value}


class SpaceHarness(Harness):
    """A session whose app is a Space's."""

    def __init__(self, src: str = SPACE, **options: Any) -> None:
        super().__init__(src, hub_url=options.pop("hub_url", HUB), **options)

    def ask(self) -> int:
        """Begin to connect; returns the first question to the Hub."""
        self.session.connect()
        self.tick()
        return self.hub_question()

    def hub_question(self) -> int:
        """The only question to the Hub that is under way."""
        return only_question(self)

    def app_question(self, route: str = "/config") -> int:
        """The only request to the app of this route."""
        number = self.only(route)
        assert self.requests[number].url.startswith(HOST), self.requests[number]
        return number

    def ready(self) -> None:
        """Let the app answer as it should, from its config on."""
        self.answer(self.app_question(), body=CONFIG)
        self.answer(self.app_question("/info"), body=INFO)

    def wait(self) -> float:
        """Let the time come for the next step; returns how long that was."""
        seconds = self.due()
        assert seconds is not None
        self.tick(seconds)
        return seconds


class HubHarness(Harness):
    """A session that asks the Hub for something."""

    def __init__(self, *, token: str | None = TOKEN, **options: Any) -> None:
        super().__init__()
        self.hub = HubSession(HUB, entropy=random.Random(0).randbytes, token=token, **options)
        # It has the same door, which is all that the harness looks at.
        self.session = cast(Any, self.hub)
        self.tick()

    def question(self, method: str, path: str) -> int:
        """The only request to the Hub that is under way, which is this one."""
        number = only_question(self)
        request = self.requests[number]
        assert (request.method, request.url) == (method, HUB + path)
        return number

    def outcome(self) -> Event:
        """The last event; nothing is left under way."""
        assert self.idle()
        return self.events()[-1]

    def refusal(self) -> GradprotoError:
        """The error that it ended with."""
        event = self.outcome()
        assert isinstance(event, HubFailed), event
        assert event.error.__traceback__ is None
        return event.error


def only_question(harness: Harness) -> int:
    """The only request to the Hub that is under way."""
    found = [number for number in harness.pending() if urlsplit(harness.requests[number].url).netloc == "hub.test"]
    assert len(found) == 1, [harness.requests[number] for number in harness.pending()]
    return found[0]


def missing(harness: Harness, exchange: int, status: int = 404) -> None:
    """Let the Hub say that there is no such Space."""
    harness.answer(exchange, status, {"error": "Repository not found"}, MISSING)
