"""What an I/O layer owes, by number. ``spec/embedding.md`` says it in full; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["BYTES", "SESSION", "STREAM", "Door", "Duty", "number_of"]

Door = Literal["SESSION", "BYTES", "STREAM"]
Duty = Literal[
    "obey",
    "thread",
    "events",
    "whole",
    "at once",
    "endings",
    "cuts",
    "errors",
    "timers",
    "abort",
    "pressure",
    "files",
    "side by side",
    "reuse",
    "websockets",
    "release",
]

SESSION: Mapping[Duty, str] = {
    "obey": "Carry out each command as it is",
    "thread": "Use the session from one thread",
    "events": "Hand on every event, in order",
    "whole": "Report all bytes, in order",
    "at once": "Report bytes when they come",
    "endings": "Report one end of each exchange",
    "cuts": "An end that comes too early is a failure",
    "errors": "What the network does is a fact, and no exception",
    "timers": "Keep the session's time",
    "abort": "Abort at once",
    "pressure": "Read no faster than the events are taken",
    "files": "Read files as they are sent",
    "side by side": "Carry out exchanges side by side",
    "reuse": "Send nothing on a connection that is over",
    "websockets": "Speak WebSockets, or say that you cannot",
    "release": "Release everything, then return",
}
BYTES: Mapping[Duty, str] = {
    "obey": "Carry out each action as it is",
    "thread": "Use the wire client from one thread",
    "events": "Hand on every event, in order",
    "whole": "Report all bytes, in order",
    "at once": "Report bytes when they come",
    "endings": "Report nothing before a connection is made",
    "cuts": "Report the end of a stream as no bytes",
    "errors": "What the network does is a fact, and no exception",
    "timers": "Keep the wire client's time",
    "abort": "Close at once",
    "pressure": "Read no faster than the events are taken",
    "files": "Read files as they are sent",
    "side by side": "Serve connections side by side",
    "reuse": "Listen on connections that rest",
    "websockets": "Bytes of WebSockets are bytes",
    "release": "Release everything, then return",
}
STREAM: Mapping[Duty, str] = {
    "obey": "Lead to the host and the port",
    "thread": "Be usable where you were opened",
    "events": "Leave the events alone",
    "whole": "Carry all bytes, in order",
    "at once": "Carry bytes when they come",
    "endings": "End once",
    "cuts": "Carry the end of a stream",
    "errors": "Raise OSError where there is no way",
    "timers": "Do not hold up the clock",
    "abort": "Close at once, in both directions",
    "pressure": "Take no more than is read",
    "files": "Take no more than the other side takes",
    "side by side": "Let streams be independent",
    "reuse": "Tell of an end while nobody asks",
    "websockets": "Know nothing of what is carried",
    "release": "Leave nothing behind a close",
}
_NUMBERS: Mapping[Duty, int] = {duty: number for number, duty in enumerate(SESSION, 1)}


def number_of(door: Door, duty: Duty) -> str:
    """Return an obligation's id, as in ``SESSION-4``: the same number is the same duty at each door."""
    return f"{door}-{_NUMBERS[duty]}"
