"""Adapters with one fault each, which the check finds, and of which it names the obligation that is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gradproto import Event, Request, Session
from gradproto_conformance.adapters import AdapterFailed, check_adapter
from tests.examples.adapters import http_client_adapter, threaded
from tests.examples.adapters.threaded import Answer

OnEvent = Callable[[Event], bool]
Drive = Callable[[Session, OnEvent], None]

# For those that hang: a whole one needs a fraction of it.
LIMIT = 3.0


class Meddling:
    """An answer in whose way somebody stands."""

    def __init__(self, answer: Answer) -> None:
        self.__dict__["_answer"] = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._answer, name, value)


def with_answers_of(kind: type[Meddling]) -> Drive:
    def perform(request: Request, answer: Answer) -> None:
        meddling: Any = kind(answer)
        http_client_adapter.perform(request, meddling)
        end = getattr(meddling, "end", None)
        if end is not None:
            end()

    return lambda session, on_event: threaded.drive(session, on_event, perform)


class Buffering(Meddling):
    """Tells of a body when it is whole."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_data:
            self.__dict__.setdefault("kept", bytearray()).extend(values[0])
        else:
            self._answer.tell(fact, *values)

    def end(self) -> None:
        if kept := self.__dict__.get("kept"):
            self._answer.tell(self.session.response_data, bytes(kept))


class Dropping(Meddling):
    """Forgets the last bytes of what is longer than one read."""

    def tell(self, fact: Any, *values: Any) -> None:
        if fact == self.session.response_data:
            found = self.__dict__["read"] = self.__dict__.get("read", 0) + len(values[0])
            if found > 65536 and len(values[0]) < 65536:
                return
        self._answer.tell(fact, *values)


def forgets_timers(session: Session, on_event: OnEvent) -> None:
    class Timeless(Session):
        pass

    deadline = session.next_deadline
    session.next_deadline = lambda: None  # type: ignore[method-assign]
    try:
        http_client_adapter.drive(session, on_event)
    finally:
        session.next_deadline = deadline  # type: ignore[method-assign]


FAULTS: Sequence[tuple[str, Drive, str, list[str] | None]] = [
    ("buffers the stream", with_answers_of(Buffering), "SESSION-5", ["predict", "step by step", "files"]),
    ("drops the last bytes", with_answers_of(Dropping), "SESSION-4", None),
    ("forgets timers", forgets_timers, "SESSION-9", ["predict", "a silent stream", "a pause", "side by side"]),
]


@pytest.mark.parametrize(
    ("drive", "broken", "only"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_the_check_names_the_obligation_that_an_adapter_breaks(
    drive: Drive, broken: str, only: list[str] | None
) -> None:
    with pytest.raises(AdapterFailed) as caught:
        check_adapter(drive, websockets=False, only=only, limit=LIMIT)
    assert caught.value.obligations == (broken,), str(caught.value)
