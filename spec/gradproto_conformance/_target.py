"""The server that is checked, as its config describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradproto._record import field, record

from ._clauses import Version, version_of

__all__ = ["FIXTURES", "Target"]

FIXTURES = frozenset(
    {
        "echo",
        "add",
        "count",
        "slow",
        "fail",
        "fail_value",
        "gen_fail",
        "file",
        "state",
        "progress",
        "log",
        "multi",
        "noout",
        "json",
        "tokens",
    }
)
"""The endpoints of the fixture app, by which it is known; a version without one of them leaves its checks out."""


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

    @classmethod
    def of(cls, config: Mapping[str, Any], *, has_login: bool = False) -> Target:
        """Read a config."""
        endpoints: dict[str, int] = {}
        for place, dependency in enumerate(config.get("dependencies", [])):
            name = dependency.get("api_name")
            if isinstance(name, str):
                endpoints[name] = dependency.get("id", place)
        return cls(
            version=version_of(str(config.get("version", ""))),
            config=config,
            endpoints=endpoints,
            is_fixture={"echo", "add", "count", "fail"} <= endpoints.keys() and config.get("title") == FIXTURE_TITLE,
            has_login=has_login,
        )

    @property
    def offers(self) -> frozenset[str]:
        """What scenarios may need and this server has."""
        found = FIXTURES & self.endpoints.keys() if self.is_fixture else frozenset[str]()
        return found | {"login"} if self.has_login else found


FIXTURE_TITLE = "gradproto conformance"
"""The title of the fixture app: it is known by this and by its endpoints."""
