"""What ``gr.render`` functions make: endpoints of one session, which are told in a completion and in no config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeGuard

from ._documents import Layout, render_config
from ._endpoints import Endpoint, endpoint_from
from ._profiles import Profile

__all__ = ["RenderedEndpoints"]


class _Session:
    def __init__(self, next_index: int, layout: Layout) -> None:
        self.next_index = next_index
        self.layout = layout
        self.endpoints: dict[int, Endpoint] = {}


class RenderedEndpoints:
    """The endpoints that were made for each session; those that a function made before are gone when it makes others.

    Their indices and the ids of their components go on where those of the config end, and none is used twice.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._sessions: dict[str, _Session] = {}

    def find(self, session_hash: str | None, index: object) -> Endpoint | None:
        """Find an endpoint of a session by its index."""
        session = self._sessions.get(session_hash or "")
        return session.endpoints.get(index) if session is not None and isinstance(index, int) else None

    def clear(self) -> None:
        """Forget all sessions."""
        self._sessions.clear()

    def render(
        self, renderer: Endpoint, session_hash: str, made: object, layout: Layout, names: Collection[str], count: int
    ) -> dict[str, Any]:
        """Put functions by their names in place of what ``renderer`` made before; give the document that tells of them.

        ``layout``, ``names`` and ``count`` are those of the config's endpoints. Raises ``TypeError`` for anything else
        than functions, and for a function whose types have no components.
        """
        functions = _functions(renderer, made)
        session = self._sessions.get(session_hash)
        if session is None:
            session = self._sessions[session_hash] = _Session(count, layout.next_one())
        else:
            session.layout = session.layout.next_one()
        kept = {index: each for index, each in session.endpoints.items() if each.rendered_in != renderer.render_id}
        taken = {*names, *(each.name for each in session.endpoints.values())}
        new: list[Endpoint] = []
        for name, function in functions.items():
            free = _free_name(name.removeprefix("/"), taken)
            taken.add(free)
            index = session.next_index
            endpoint = endpoint_from(
                function,
                free,
                index,
                inputs=None,
                outputs=None,
                generates=None,
                concurrency_id=f"{free}#{index}@{session_hash}",
                rendered_in=renderer.render_id,
            )
            session.next_index += 1
            session.layout.add(endpoint)
            new.append(endpoint)
        session.endpoints = {**kept, **{each.index: each for each in new}}
        return render_config(renderer, new, session.layout, layout, self._profile)


def _functions(renderer: Endpoint, made: object) -> Mapping[str, Callable[..., Any]]:
    if made is None:
        return {}
    if _is_mapping(made) and all(isinstance(name, str) and callable(made[name]) for name in made):
        return made
    raise TypeError(f"/{renderer.name} renders, so it gives functions by their names, not {made!r:.80}")


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _free_name(name: str, taken: Collection[str]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
