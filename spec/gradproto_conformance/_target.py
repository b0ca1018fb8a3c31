"""The server that is checked, as its config describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from gradproto._record import field, record

from ._clauses import Version, version_of
from ._exchange import Exchange
from ._json import as_list, is_object

__all__ = ["FIXTURES", "Target", "is_prefix"]

_PREFIX = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+"

FIXTURES = frozenset(
    {
        "echo",
        "add",
        "slow",
        "hold",
        "line",
        "open_gate",
        "ran",
        "count",
        "steps",
        "grow",
        "tokens",
        "story",
        "fail",
        "fail_value",
        "gen_fail",
        "file",
        "files",
        "image",
        "state",
        "multi",
        "noout",
        "json",
        "update",
        "unqueued",
        "progress",
        "log",
        "batch",
        "private",
        "undocumented",
        "validated",
        "cached",
        "stream",
        "apply",
        "small_queue",
        "last_words",
        "close_app",
    }
)
"""The endpoints of the fixture app; a version without one of them leaves its checks out.

``line`` is ``hold`` for those who must not meet anybody else there. ``apply`` renders others. ``small_queue`` is only
in an app with ``--max-size``, ``last_words`` and ``close_app`` in one with ``--closable``, which are for nothing else.
"""


@record(frozen=True, slots=True, kw_only=True)
class Target:
    """What is known of the server: its version, its config, and which functions can be called."""

    version: Version
    config: Mapping[str, Any] = field(repr=False)
    endpoints: Mapping[str, int]
    """The ``fn_index`` of each named endpoint."""
    is_fixture: bool
    """Whether it is the app that comes with the suite."""
    has_login: bool = False
    """Whether it wants a login, and one was given."""
    asked: Exchange | None = field(default=None, repr=False)
    """The exchange in which the config came."""
    named: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """The endpoints that the user of the suite lets it call, and what they are called with."""

    @classmethod
    def of(
        cls,
        config: Mapping[str, Any],
        *,
        has_login: bool = False,
        asked: Exchange | None = None,
        named: Mapping[str, Sequence[Any]] | None = None,
    ) -> Target:
        """Read a config, whatever is in it."""
        title = str(config.get("title", ""))
        endpoints: dict[str, int] = {}
        if title.startswith(f"{FIXTURE_TITLE}: "):  # an app of Gradio 2 has one function, without a name
            endpoints[title.removeprefix(f"{FIXTURE_TITLE}: ")] = 0
        for place, dependency in enumerate(as_list(config.get("dependencies"))):
            name = dependency.get("api_name") if is_object(dependency) else None
            if isinstance(name, str):
                number = dependency.get("id")
                endpoints[name] = number if isinstance(number, int) else place
        return cls(
            version=version_of(str(config.get("version", ""))),
            config=config,
            endpoints=endpoints,
            # Before 3.3 the config has no title.
            is_fixture=title.startswith(FIXTURE_TITLE)
            or ("title" not in config and {"open_gate", "ran"} <= endpoints.keys()),
            has_login=has_login,
            asked=asked,
            named={} if named is None else named,
        )

    @property
    def offers(self) -> frozenset[str]:
        """What scenarios may need and this server has."""
        more = {name for name, there in (("login", self.has_login), ("endpoint", bool(self.named))) if there}
        return frozenset(more) | (FIXTURES & self.endpoints.keys() if self.is_fixture else frozenset[str]())


def is_prefix(value: object) -> TypeGuard[str]:
    """Say whether an ``api_prefix`` is a path; anything else could make another host of the address."""
    return isinstance(value, str) and re.fullmatch(_PREFIX, value) is not None


FIXTURE_TITLE = "gradproto conformance"
"""The title of the fixture app: it is known by this and by its endpoints."""
