"""The State values of sessions: how long they are kept, and for how many sessions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ._components import Component
from ._schedule import Schedule

__all__ = ["SessionState", "SessionStates"]


class SessionState:
    """The values of one session; each begins as a copy of its component's."""

    __slots__ = ("_lifetime", "_schedule", "_values", "_written", "closed")

    def __init__(self, schedule: Schedule, lifetime: float) -> None:
        self.closed: bool = False
        """Whether its heartbeat ended once. Another one does not undo that; only a new value lives on."""
        self._schedule = schedule
        self._lifetime = lifetime
        self._values: dict[Component, Any] = {}
        self._written: dict[Component, float] = {}

    def read(self, component: Component) -> Any:
        """Give the value, or that from the beginning if the last one was written too long ago."""
        written = self._written.get(component)
        lifetime: float | None = self._lifetime if self.closed else component.props.get("time_to_live")
        if written is not None and lifetime is not None and self._schedule.now - written > lifetime:
            del self._values[component], self._written[component]
        if component not in self._values:
            self._values[component] = deepcopy(component.value)
        return self._values[component]

    def write(self, component: Component, value: Any) -> None:
        """Keep a value; its time begins anew."""
        self._values[component] = value
        self._written[component] = self._schedule.now


class SessionStates:
    """All sessions' values: of more than ``capacity`` sessions those that were not used for longest are forgotten."""

    def __init__(self, schedule: Schedule, *, capacity: int, closed_lifetime: float) -> None:
        self._schedule = schedule
        self._capacity = capacity
        self._closed_lifetime = closed_lifetime
        self._sessions: dict[str, SessionState] = {}

    def of(self, session_hash: str | None) -> SessionState:
        """Give a session's values; without a session they are nobody else's."""
        if session_hash is None:
            return SessionState(self._schedule, self._closed_lifetime)
        state = self._sessions.pop(session_hash, None) or SessionState(self._schedule, self._closed_lifetime)
        self._sessions[session_hash] = state
        if len(self._sessions) > self._capacity:
            del self._sessions[next(iter(self._sessions))]
        return state

    def close(self, session_hash: str) -> None:
        """A session's heartbeat ended: what it last wrote is kept for an hour after that."""
        if session_hash in self._sessions:
            self._sessions[session_hash].closed = True

    def clear(self) -> None:
        """Forget everything."""
        self._sessions.clear()
