"""What faults do to the messages of a stream: a function for each, from a message to what is said in its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._messages import Bent, Message, Messages

__all__ = ["MESSAGE_FAULTS", "MessageFault"]


class MessageFault:
    """One fault in one stream. It takes the messages one by one, and remembers what it has to."""

    def __init__(
        self,
        name: str,
        values: dict[str, Any],
        messages: Messages,
        *,
        session_lost: str,
        concerns: Callable[[Message], bool],
    ) -> None:
        self.values = values
        self.messages = messages
        self.session_lost = session_lost
        """What is said to the stream of an unknown session."""
        self.seen = 0
        """How many messages came."""
        self.kept: list[Message] = []
        """Messages that are to be said later."""
        self._function = MESSAGE_FAULTS[name]
        self._concerns = concerns

    def bend(self, message: Message) -> Iterable[Bent]:
        """Give what is said in place of a message."""
        if not message.text or not self._concerns(message):
            return (message,)
        said = list(self._function(self, message))
        self.seen += 1
        return said

    @property
    def is_due(self) -> bool:
        """Whether so many messages came as were to come before."""
        return bool(self.seen == self.values["after_messages"])

    def edited(self, message: Message, edit: Callable[[dict[str, Any]], None]) -> Message:
        """Give a message with other fields."""
        content: dict[str, Any] = json.loads(message.text)
        edit(content)
        return Message(message.kind, message.event_id, self.messages.json(content))

    def made(self, content: dict[str, Any]) -> Message:
        """Make a message of any kind."""
        return Message(content["msg"], content.get("event_id"), self.messages.json(content))


def _line_separators(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield fault.edited(message, lambda content: content.update(separators="a\x85b\u2028c\u2029d"))


def _rank_up(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield message
    if message.kind == "estimation":
        by = fault.values["by"]

        def worsen(content: dict[str, Any]) -> None:
            content["rank"] += by
            content["queue_size"] += by

        yield fault.edited(message, worsen)


def _unknown_message(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield fault.made({"msg": fault.values["msg"], "event_id": message.event_id, "what": {"nobody": ["knows"]}})
    yield message


def _foreign_event(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.event_id is not None:
        copy = fault.edited(message, lambda content: content.update(event_id="f" * 32))
        yield Message("foreign", None, copy.text)
    yield message


def _missing_fields(fault: MessageFault, message: Message) -> Iterator[Bent]:
    def leave_out(content: dict[str, Any]) -> None:
        for name in fault.values["fields"]:
            content.pop(name, None)

    yield fault.edited(message, leave_out)


def _extra_fields(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield fault.edited(message, lambda content: content.update(fault.values["fields"]))


def _no_start(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.kind != "process_starts":
        yield message


def _completion_first(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.kind == "process_starts":
        fault.kept.append(message)
        return
    yield message
    if message.kind == "process_completed":
        yield from (kept for kept in fault.kept if kept.event_id == message.event_id)
        fault.kept = [kept for kept in fault.kept if kept.event_id != message.event_id]


def _duplicate_completion(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield message
    if message.kind == "process_completed":
        yield message


def _no_completion(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.kind != "process_completed":
        yield message


def _no_output(fault: MessageFault, message: Message) -> Iterator[Bent]:
    yield (
        fault.edited(message, lambda content: content.update(output={}))
        if message.kind == "process_completed"
        else message
    )


def _failure(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.kind != "process_completed":
        yield message
        return
    output = {"error": fault.values["text"]}
    title = fault.values.get("title", "Error")
    if fault.values["text"] is not None:
        output |= {"duration": 10, "visible": True, "title": title}

    def fail(content: dict[str, Any]) -> None:
        content.update(output=output, success=False)
        if "title" in content:
            content["title"] = title

    yield fault.edited(message, fail)


def _wrong_diff(fault: MessageFault, message: Message) -> Iterator[Bent]:
    def confuse(content: dict[str, Any]) -> None:
        count = len(content["output"]["data"])
        content["output"]["data"] = [[["append", ["no", "such", 3], "x"], ["delete", [99], None]]] * count

    is_edit = message.kind == "process_generating" and any(kept.event_id == message.event_id for kept in fault.kept)
    if message.kind == "process_generating" and not is_edit:
        fault.kept.append(message)
    yield fault.edited(message, confuse) if is_edit else message


def _unexpected_error(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if fault.is_due:
        error = fault.messages.unexpected_error(fault.values["text"], session_not_found=False)
        if fault.values["for_event"]:
            error = fault.edited(error, lambda content: content.update(event_id=message.event_id))
        yield error
    yield message


def _server_stopped(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if not fault.is_due:
        yield message
        return
    stopped = fault.messages.unexpected_error("Server stopped unexpectedly.", session_not_found=False)
    if not stopped.text:  # 4.9 has a message of its own for it
        stopped = fault.made({"msg": "server_stopped", "success": False})
    for _ in range(fault.values["repeat"]):
        yield stopped
    yield "silence"


def _early_close(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if not fault.is_due:
        yield message
        return
    yield fault.messages.close_stream
    yield "end"


def _session_lost(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if not fault.is_due:
        yield message
        return
    yield fault.messages.unexpected_error(fault.session_lost, session_not_found=True)
    yield "lost"


def _no_heartbeat(fault: MessageFault, message: Message) -> Iterator[Bent]:
    if message.kind != "heartbeat":
        yield message


MESSAGE_FAULTS: dict[str, Callable[[MessageFault, Message], Iterator[Bent]]] = {
    "line separators": _line_separators,
    "rank up": _rank_up,
    "unknown message": _unknown_message,
    "foreign event": _foreign_event,
    "missing fields": _missing_fields,
    "extra fields": _extra_fields,
    "no start": _no_start,
    "completion first": _completion_first,
    "duplicate completion": _duplicate_completion,
    "no completion": _no_completion,
    "no output": _no_output,
    "failure": _failure,
    "quota": _failure,
    "wrong diff": _wrong_diff,
    "unexpected error": _unexpected_error,
    "server stopped": _server_stopped,
    "early close": _early_close,
    "session lost": _session_lost,
    "no heartbeat": _no_heartbeat,
}
"""The function for each fault of the family ``message``."""
