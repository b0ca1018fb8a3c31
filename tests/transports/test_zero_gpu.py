"""Apps on ZeroGPU: what it says of quotas, and whose quota a call counts for; the same for every client."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import AppError, NoGPUAvailableError, QuotaExceededError, Retry
from gradproto_fake_server import AppFailure, FakeApp, FakeServer, RequestRecord, demo_app

from .backends import Backend

QUOTA = (
    "You have exceeded your ZeroGPU quota (60s requested vs. 12s left). Try again in 0:10:00. Authenticate with a "
    "Hugging Face token for more quota - https://huggingface.co/settings/tokens"
)
TITLE = "ZeroGPU quota exceeded"


def app_without_gpu(version: str = "6.31.0", times: int = 1) -> FakeApp:
    """Return an app whose quota is used up, and for which there is a GPU after so many calls without."""
    app = FakeApp(version)
    refused: list[str] = []

    @app.endpoint("/used_up")
    def used_up(text: str) -> str:
        raise AppFailure(QUOTA, title=TITLE, duration=None)

    @app.endpoint("/busy")
    def busy(text: str) -> str:
        if len(refused) < times:
            refused.append(text)
            raise AppFailure("No GPU was available", title="ZeroGPU client error")
        return text

    return app


@pytest.mark.parametrize("version", ["3.50.2", "4.0.2", "4.44.1", "6.31.0"])
async def test_a_quota_that_is_used_up_says_how_much_and_until_when(backend: Backend, version: str) -> None:
    with FakeServer(app_without_gpu(version)) as server:
        async with backend.open_client(server.url) as client:
            with pytest.raises(QuotaExceededError) as caught:
                await client.predict("x", api_name="/used_up")
    error = caught.value
    assert isinstance(error, AppError)
    assert (error.message, error.requested, error.left, error.retry_after) == (QUOTA, 60, 12, 600)
    assert error.hint is not None
    assert "pass a token" in error.hint
    if version == "6.31.0":
        assert (error.title, error.duration, error.visible) == (TITLE, None, True)


async def test_a_gpu_is_tried_for_again_only_where_the_caller_says_that_it_does_no_harm(backend: Backend) -> None:
    with FakeServer(app_without_gpu(times=3)) as server:
        async with backend.open_client(server.url, retry=Retry(times=5, first_delay=0)) as client:
            job = await client.submit("x", api_name="/busy")
            assert isinstance(await job.exception(), NoGPUAvailableError)
        retry = Retry(times=5, first_delay=0, idempotent=["/busy", "/used_up"])
        async with backend.open_client(server.url, retry=retry) as client:
            assert await client.predict("x", api_name="/busy") == "x"
            job = await client.submit("x", api_name="/used_up")
            error = await job.exception()
            assert isinstance(error, QuotaExceededError)
            assert "longer than the longest delay" in (error.hint or "")
        # One without leave to, three tries of the second, and one whose wait would have been too long.
        assert sum(request.kind == "join" for request in server.requests) == 5


# --- whose quota it is

HEADER = "x-ip-token"
ANN, BOB = "tok-ann", "tok-bob"
# Which requests are those of one call: they submit it, or bring its outputs and those of no other.
OWN: dict[tuple[str, str], set[str]] = {
    ("3.50.2", "queue"): {"socket"},
    ("4.0.2", "queue"): {"join_stream", "post_data"},
    ("4.44.1", "queue"): {"join"},
    ("6.31.0", "queue"): {"join"},
    ("6.31.0", "call"): {"call", "call_data"},
    ("6.31.0", "direct"): {"run"},
}


def tokens_of(request: RequestRecord) -> list[str]:
    return [value for name, value in request.headers if name == HEADER]


@pytest.mark.parametrize(("version", "route"), OWN)
async def test_the_visitor_of_a_call_is_told_with_that_call_alone(backend: Backend, version: str, route: str) -> None:
    with FakeServer(demo_app(version)) as server:
        server.hold("/count")
        async with backend.open_client(server.url, **({} if route == "queue" else {"route": route})) as client:
            held = await client.submit(3, api_name="/count", headers={HEADER: ANN})
            jobs = [
                await client.submit(b"text", api_name="/upper", headers={HEADER: ANN}),
                await client.submit(BOB, api_name="/echo", headers={"X-IP-Token": BOB}),
                await client.submit("nobody", api_name="/echo"),
                await client.submit(api_name="/incr"),
            ]
            for job in jobs:
                await job.result()
            if route != "direct":
                await held.cancel()
        requests = list(server.requests)
    own = OWN[version, route]
    carried = {(request.kind, token) for request in requests for token in tokens_of(request)}
    assert {kind for kind, _ in carried} == own | {"upload"}
    assert carried >= {(kind, token) for kind in own for token in (ANN, BOB)}
    assert ("upload", BOB) not in carried
    assert all(len(tokens_of(request)) <= 1 for request in requests)
    if version >= "4":
        # Elsewhere the arguments go through the WebSocket.
        words = [(said(request), tokens_of(request)) for request in requests]
        assert [token for word, token in words if word == BOB] == [[BOB]]
        assert [token for word, token in words if word == "nobody"] == [[]]
    others = {request.kind for request in requests if not tokens_of(request)}
    assert others >= {"config", "file"}
    if version > "4.29":
        assert "heartbeat" in others
    if own == {"join"}:
        assert {"data", "cancel"} <= others


def said(request: RequestRecord) -> Any:
    """The first argument of a call."""
    data = request.body.get("data") if isinstance(request.body, dict) else None
    return data[0] if data else None
