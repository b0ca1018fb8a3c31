"""What a JSON value may be, said so that type checkers hear it."""

from __future__ import annotations

from typing import Any, TypeGuard

__all__ = ["are_objects", "as_list", "is_list", "is_object"]


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether a JSON value is a list."""
    return isinstance(value, list)


def as_list(value: object) -> list[Any]:
    """Give a JSON value that is a list, and nothing in place of any other."""
    return value if is_list(value) else []


def are_objects(value: object) -> TypeGuard[list[dict[str, Any]]]:
    """Say whether a JSON value is a list of nothing but objects."""
    return is_list(value) and all(map(is_object, value))
