"""The addresses of a host, in the order in which they are tried (RFC 8305)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

__all__ = ["HAPPY_EYEBALLS_DELAY", "AddressInfo", "in_turns"]

# What `socket.getaddrinfo` gives for one address.
AddressInfo = tuple[Any, Any, int, str, Any]

# How many seconds one address of a host may keep the next one waiting (RFC 8305, section 5).
HAPPY_EYEBALLS_DELAY = 0.25


def in_turns(found: Sequence[AddressInfo]) -> deque[AddressInfo]:
    """Return the addresses with their families in turns: when one does not work at all, it costs one delay."""
    first = [info for info in found if info[0] == found[0][0]]
    other = [info for info in found if info[0] != found[0][0]]
    return deque(info for pair in zip_longest(first, other) for info in pair if info is not None)
