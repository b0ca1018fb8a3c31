"""Two observations, one of the real Gradio and one of the fake, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["ABSENT", "Difference", "differences"]

ABSENT = "(absent)"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``where`` in the observation they differ, with dots between the keys."""

    where: str
    real: Any
    fake: Any

    def __str__(self) -> str:
        return f"{self.where}\n      real: {self.real!r:.400}\n      fake: {self.fake!r:.400}"


def differences(real: Any, fake: Any, where: str = "") -> Iterator[Difference]:
    """Give every place where the two differ, in value, in type, or in the order of keys."""
    if isinstance(real, dict) and isinstance(fake, dict):
        shared = [key for key in real if key in fake]
        for key in [*real, *(key for key in fake if key not in real)]:
            yield from differences(real.get(key, ABSENT), fake.get(key, ABSENT), f"{where}.{key}" if where else key)
        order = [key for key in fake if key in real]
        if order != shared:
            yield Difference(where=f"{where} (order)", real=shared, fake=order)
    elif isinstance(real, list) and isinstance(fake, list):
        for position in range(max(len(real), len(fake))):
            pair = (items[position] if position < len(items) else ABSENT for items in (real, fake))
            yield from differences(*pair, f"{where}.{position}")
    # True is 1 and 1 is 1.0, but not on the wire.
    elif type(real) is not type(fake) or real != fake:
        yield Difference(where=where, real=real, fake=fake)
