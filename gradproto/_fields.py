"""Reading a JSON object that came from a server, field by field: a wrong type is named with its place in the document.

A field that is missing or ``null`` gives the default. Fields that are not asked for are ignored, so that a newer server
may send more than is known here.
"""

from __future__ import annotations

from ._json import JSONValue

__all__ = ["FieldError", "Fields"]


class FieldError(ValueError):
    """A field has another type than the protocol says; the text says where it stands and what stands there."""


class Fields:
    """One JSON object in a document; ``path`` is the way to it, such as ``$.components[3]``."""

    __slots__ = ("path", "raw")

    def __init__(self, value: JSONValue, path: str = "$") -> None:
        if not isinstance(value, dict):
            raise _wrong(value, path, "an object")
        self.raw = value
        self.path = path

    def text(self, key: str) -> str | None:
        """Return a string, or ``None``."""
        value = self.raw.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "a string")

    def flag(self, key: str) -> bool | None:
        """Return a boolean, or ``None``."""
        value = self.raw.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(key, "true or false")

    def integer(self, key: str) -> int | None:
        """Return an integer, or ``None``; a float without a fraction is one."""
        value = self.raw.get(key)
        if value is None:
            return None
        number = _as_integer(value)
        if number is None:
            raise self._wrong(key, "an integer")
        return number

    def number(self, key: str) -> float | None:
        """Return a number, or ``None``."""
        value = self.raw.get(key)
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        raise self._wrong(key, "a number")

    def items(self, key: str) -> list[JSONValue]:
        """Return a list, perhaps the empty one; it is the document's own."""
        value = self.raw.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise self._wrong(key, "a list")

    def mapping(self, key: str) -> dict[str, JSONValue]:
        """Return an object, perhaps the empty one; it is the document's own."""
        value = self.raw.get(key)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise self._wrong(key, "an object")

    def integers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers, perhaps the empty one."""
        numbers: list[int] = []
        for index, item in enumerate(self.items(key)):
            number = _as_integer(item)
            if number is None:
                raise _wrong(item, f"{self.path}.{key}[{index}]", "an integer")
            numbers.append(number)
        return tuple(numbers)

    def objects(self, key: str) -> list[Fields]:
        """Return a list of objects, perhaps the empty one."""
        return [Fields(item, f"{self.path}.{key}[{index}]") for index, item in enumerate(self.items(key))]

    def named(self, key: str) -> dict[str, Fields]:
        """Return an object of objects, perhaps the empty one."""
        return {name: Fields(item, f"{self.path}.{key}[{name[:80]!r}]") for name, item in self.mapping(key).items()}

    def _wrong(self, key: str, wanted: str) -> FieldError:
        return _wrong(self.raw[key], f"{self.path}.{key}", wanted)


def _as_integer(value: JSONValue) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _wrong(value: JSONValue, path: str, wanted: str) -> FieldError:
    return FieldError(f"{path} is {describe(value)}, where {wanted} belongs")


def describe(value: JSONValue) -> str:
    """Return what a value is, in a few words for an error text: containers by their kind, others as they are."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value[:80])
    try:
        return repr(value)[:80]
    except ValueError:  # an integer of more digits than the interpreter writes
        return "a huge integer"
