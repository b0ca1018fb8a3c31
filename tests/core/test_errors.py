"""The tree of errors, and what each tells."""

from __future__ import annotations

import concurrent.futures
import pickle
from collections.abc import Callable

import pytest

import gradproto
from gradproto import (
    AppError,
    ArgumentError,
    DeadlineExceeded,
    EndpointNotFoundError,
    GradprotoError,
    JobCancelledError,
    JobError,
    LocalProtocolError,
    ProtocolError,
    QuotaExceededError,
    RateLimitedError,
    SpaceError,
    TransportError,
    ValidationError,
    ZeroGPUError,
)

TREE: dict[str, tuple[type[BaseException], ...]] = {
    "AppError": (JobError, ValueError),
    "ArgumentError": (GradprotoError, TypeError, ValueError),
    "AuthenticationError": (GradprotoError, ValueError),
    "ConnectError": (TransportError,),
    "ConnectionLostError": (JobError,),
    "DeadlineExceeded": (GradprotoError, TimeoutError),
    "DuplicationError": (SpaceError,),
    "EndpointNotFoundError": (GradprotoError, ValueError),
    "GradprotoError": (Exception,),
    "JobCancelledError": (JobError, concurrent.futures.CancelledError),
    "JobError": (GradprotoError,),
    "LocalProtocolError": (ProtocolError,),
    "NoGPUAvailableError": (ZeroGPUError,),
    "ProtocolError": (GradprotoError,),
    "QueueFullError": (JobError,),
    "QuotaExceededError": (ZeroGPUError,),
    "RateLimitedError": (GradprotoError,),
    "ReadError": (TransportError,),
    "RemoteProtocolError": (ProtocolError,),
    "SessionExpiredError": (JobError,),
    "SpaceError": (GradprotoError, ValueError),
    "TransportError": (GradprotoError,),
    "UnsupportedServerError": (GradprotoError, ValueError),
    "ValidationError": (JobError, ValueError),
    "WriteError": (TransportError,),
    "ZeroGPUError": (AppError,),
}


def test_every_public_error_is_in_the_tree() -> None:
    public = {name for name in gradproto.__all__ if name.endswith("Error") or name == "DeadlineExceeded"}
    assert public == set(TREE)


@pytest.mark.parametrize("name", TREE)
def test_an_error_is_what_the_tree_says(name: str) -> None:
    kind = getattr(gradproto, name)
    assert kind.__bases__ == TREE[name]
    assert issubclass(kind, GradprotoError)


@pytest.mark.parametrize("name", TREE)
def test_an_error_says_its_message_and_then_its_hint(name: str) -> None:
    kind: Callable[..., GradprotoError] = getattr(gradproto, name)
    plain = kind("it broke")
    assert (str(plain), plain.message, plain.hint) == ("it broke", "it broke", None)
    hinted = kind("it broke", hint="mend it")
    assert (str(hinted), hinted.message, hinted.hint) == ("it broke (mend it)", "it broke", "mend it")


@pytest.mark.parametrize(
    "error",
    [
        AppError("m", title="t", duration=5.0, visible=False, hint="h"),
        QuotaExceededError("m", title="t", requested=60.0, left=1.0, retry_after=9.0, hint="h"),
        ValidationError("m", parameters={"a": "b"}),
        RateLimitedError("m", retry_after=3.0),
        SpaceError("m", stage="PAUSED"),
        DeadlineExceeded("m"),
        JobCancelledError("m"),
        ArgumentError("m"),
        EndpointNotFoundError("m", hint="h"),
        LocalProtocolError("m"),
    ],
)
def test_an_error_survives_the_way_to_another_process(error: GradprotoError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_what_an_error_knows_besides_may_be_missing() -> None:
    error = AppError("m")
    assert (error.title, error.duration, error.visible) == (None, None, True)
    assert ValidationError("m").parameters == {}
    assert RateLimitedError("m").retry_after is None
    assert SpaceError("m").stage is None


def test_an_error_keeps_its_own_copy_of_the_parameters() -> None:
    given = {"a": "b"}
    error = ValidationError("m", parameters=given)
    given["a"] = "c"
    assert error.parameters == {"a": "b"}
