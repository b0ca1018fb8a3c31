"""Who uses the fake Hub: users, their tokens, and what a token may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["HubToken", "HubUser", "OrgRole", "TokenRole"]

TokenRole = Literal["read", "write", "fineGrained"]
OrgRole = Literal["read", "contributor", "write", "admin"]

_READING = frozenset({"repo.content.read", "repo.write"})
_WRITING = frozenset({"repo.write"})
_ROLES_THAT_WRITE = frozenset({"write", "admin"})


@dataclass(slots=True, kw_only=True)
class HubUser:
    """An account. A test may change what is said of it at any time."""

    name: str
    id: str
    """24 hex digits."""
    fullname: str
    email: str
    orgs: dict[str, OrgRole] = field(default_factory=dict[str, OrgRole])
    """The user's role by organisation."""
    is_pro: bool = False
    can_pay: bool = True
    """Whether there is a payment method; without one there is no paid hardware."""
    zero_gpu_base: float = 1500.0
    """The daily quota in GPU-seconds."""
    zero_gpu_left: float = 1500.0

    def role_in(self, namespace: str) -> OrgRole | None:
        """Give the user's role in a namespace, which is the user's own or an organisation's; ``None`` for others."""
        return "admin" if namespace == self.name else self.orgs.get(namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubToken:
    """A user's access token."""

    value: str = field(repr=False)
    user: HubUser
    role: TokenRole
    scopes: Mapping[str, frozenset[str]]
    """For a fine-grained token, its permissions by namespace or by Space."""
    label: str
    """How its owner calls it."""
    created: str
    """When it was made, as an ISO date."""

    def may_read(self, namespace: str, space_id: str) -> bool:
        """Say whether it opens a private Space."""
        return self.user.role_in(namespace) is not None and self._allows(_READING, namespace, space_id)

    def may_write(self, namespace: str, space_id: str) -> bool:
        """Say whether it may change a Space, or make one of that name."""
        return self.user.role_in(namespace) in _ROLES_THAT_WRITE and self._allows(_WRITING, namespace, space_id)

    def _allows(self, wanted: frozenset[str], namespace: str, space_id: str) -> bool:
        if self.role != "fineGrained":
            return self.role == "write" or wanted is _READING
        given = self.scopes.get(namespace, frozenset()) | self.scopes.get(space_id, frozenset())
        return not wanted.isdisjoint(given)

    def described(self) -> dict[str, Any]:
        """Give what ``/api/whoami-v2`` says of the token; never the token."""
        told: dict[str, Any] = {"displayName": self.label, "role": self.role, "createdAt": self.created}
        if self.role == "fineGrained":
            told["fineGrained"] = {
                "canReadGatedRepos": False,
                "global": [],
                "scoped": [
                    {
                        "entity": {"type": "space" if "/" in entity else "user", "name": entity},
                        "permissions": sorted(permissions),
                    }
                    for entity, permissions in self.scopes.items()
                ],
            }
        return told
