"""Endpoints that hold a conversation: which they are, what they take, and what of their outputs was said.

Two kinds are known. ``gr.ChatInterface`` makes an endpoint that takes the message; its server keeps the conversation in
State and sends back what was said now. Others take the conversation beside the message, and give it back with what was
said, as messages (``{"role", "content"}``) or as pairs of what was said and answered (Gradio before 6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import click

from gradproto import Component, Endpoint, Endpoints, FileData

__all__ = ["ChatEndpoint", "Conversation", "describe_chat", "find_chat", "said_text"]

_MESSAGES = frozenset({"textbox", "multimodaltextbox"})
_HISTORIES = frozenset({"chatbot", "json"})
_HISTORY_NAMES = frozenset({"history", "chat_history", "chatbot", "messages"})


@dataclass(frozen=True, kw_only=True)
class ChatEndpoint:
    """An endpoint to talk to.

    ``message`` is the parameter for what is said, with files if it is ``multimodal``; ``history`` the one for what was
    said before, ``None`` where the server keeps that. ``history_form`` is how the latter is written. ``position`` is
    that of the output with the answer.
    """

    endpoint: Endpoint
    message: str
    multimodal: bool
    history: str | None
    history_form: str
    position: int

    @property
    def remembers(self) -> bool:
        """Whether what is said belongs to what was said before."""
        return self.history is not None or self.endpoint.has_state


def find_chat(endpoints: Endpoints, *, chat_interface: bool) -> ChatEndpoint:
    """Return the one public endpoint to talk to; raises `click.UsageError` where that is not obvious."""
    public = [endpoint for endpoint in endpoints.values() if endpoint.visibility == "public" and endpoint.api_name]
    found = [chat for chat in map(describe_chat, public) if chat is not None and chat.remembers]
    # What ChatInterface makes keeps its conversation in State; elsewhere State may be there for anything.
    sure = [chat for chat in found if chat_interface or chat.history is not None] or found
    named = [chat for chat in sure if chat.endpoint.api_name == "/chat"]
    if len(sure) != 1 and len(named) != 1:
        names = ", ".join(chat.endpoint.label for chat in sure)
        if names:
            raise click.UsageError(f"the app has several endpoints to talk to, name one of them: {names}")
        others = ", ".join(endpoint.label for endpoint in public) or "no public endpoints"
        raise click.UsageError(
            f"the app has no endpoint that is surely a chat, name the one to talk to: it has {others}"
        )
    return named[0] if len(named) == 1 else sure[0]


def describe_chat(endpoint: Endpoint) -> ChatEndpoint | None:
    """Return how to talk to the endpoint; ``None`` where it takes no message."""
    kinds = [
        (slot.parameter.name, slot.component)
        for slot in endpoint.inputs
        if slot.parameter is not None and slot.component is not None
    ]
    message = next(((name, component) for name, component in kinds if component.type in _MESSAGES), None)
    if message is None:
        return None
    history = next((one for one in kinds if one[1].type == "chatbot"), None) or next(
        (one for one in kinds if one[1].type in _HISTORIES and one[0] in _HISTORY_NAMES), None
    )
    shown = [output.component.type if output.component is not None else "" for output in endpoint.outputs]
    return ChatEndpoint(
        endpoint=endpoint,
        message=message[0],
        multimodal=message[1].type == "multimodaltextbox",
        history=None if history is None else history[0],
        history_form="" if history is None else _form_of(history[1]),
        position=shown.index("chatbot") if "chatbot" in shown else 0,
    )


def _form_of(component: Component) -> str:
    if component.type != "chatbot" or component.props.get("type") == "messages":
        return "messages"
    schema = json.dumps(component.input_schema)
    if component.props.get("type") == "tuples" or '"role"' not in schema:
        return "pairs"
    # Gradio 6: a message's content is a list of parts.
    return "parts" if "TextMessage" in schema else "messages"


class Conversation:
    """What was said to one endpoint, as far as the server does not keep it. ``extras`` go along with each message."""

    def __init__(self, chat: ChatEndpoint, extras: dict[str, Any]) -> None:
        self.chat = chat
        self._extras = extras
        self._history: list[object] = []

    def arguments(self, text: str, files: list[object]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of the call that says ``text``."""
        chat = self.chat
        message: object = {"text": text, "files": files} if chat.multimodal else text
        kwargs = dict(self._extras)
        if chat.history is not None:
            kwargs[chat.history] = self._history
        if chat.endpoint.parameters[0].name == chat.message:  # its name may be one of the client's own arguments
            return [message], kwargs
        return [], {**kwargs, chat.message: message}

    def answer(self, output: object) -> list[object]:
        """Return what is said in an output, message by message."""
        value = self._value(output)
        return _last_words(value) if self._is_whole(value) else _listed(value)

    def remember(self, text: str, output: object) -> None:
        """Keep what was said and answered, if the server wants to be told the next time."""
        if self.chat.history is None:
            return
        value = self._value(output)
        if self._is_whole(value):
            self._history = list(cast("list[object]", value))
            return
        answer = said_text(_listed(value), lambda file: file.url or file.path or "")
        self._history = [*self._history, *_written(self.chat.history_form, text, answer)]

    def clear(self) -> None:
        """Begin anew."""
        self._history = []

    def _value(self, output: object) -> object:
        if isinstance(output, tuple):
            values = cast("tuple[object, ...]", output)
            return values[self.chat.position] if values else ""
        return output

    def _is_whole(self, value: object) -> bool:
        """Whether it is the conversation, and not just what was said last."""
        if not isinstance(value, list):
            return False
        outputs = self.chat.endpoint.outputs
        component = outputs[self.chat.position].component if outputs else None
        return (component is not None and component.type == "chatbot") or self.chat.history is not None


def _written(form: str, text: str, answer: str) -> list[object]:
    if form == "pairs":
        return [[text, answer]]
    turn = (("user", text), ("assistant", answer))
    if form == "parts":
        return [{"role": role, "content": [{"type": "text", "text": said}]} for role, said in turn]
    return [{"role": role, "content": said} for role, said in turn]


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(cast("list[object]", value)) if isinstance(value, list) else [value]


def _last_words(conversation: object) -> list[object]:
    """Return what was said after the last message of the user."""
    words: list[object] = []
    for entry in reversed(_listed(conversation)):
        said, answered = _turn(entry)
        if answered is not None:
            words.append(answered)
        if said:
            break
    return words[::-1]


def _turn(entry: object) -> tuple[bool, object]:
    """Return whether the user said something in an entry of a conversation, and what was answered in it."""
    whole = entry
    if isinstance(entry, dict):
        message = cast("dict[str, object]", entry)
        return (True, None) if message.get("role") == "user" else (False, message)
    if isinstance(entry, (list, tuple)):
        pair = cast("list[object]", entry)
        if len(pair) == 2:
            return pair[0] is not None, pair[1]
    return False, whole


def said_text(words: Iterable[object], place: Callable[[FileData], object]) -> str:
    """Return messages as text; ``place`` says where a file is."""
    return "\n".join(text for word in words if (text := _text(word, place)))


def _text(word: object, place: Callable[[FileData], object]) -> str:
    match word:
        case None:
            return ""
        case str():
            return word
        case FileData():
            return str(place(word))
        case list() | tuple():
            return said_text(cast("list[object]", word), place)
        case dict():
            return _object_text(cast("dict[str, object]", word), place)
        case _:
            return json.dumps(word, ensure_ascii=False)


def _object_text(word: dict[str, object], place: Callable[[FileData], object]) -> str:
    """A message, a part of one, a file of a conversation of pairs, a component, or what a multimodal textbox holds."""
    if "content" in word:
        metadata = word.get("metadata")
        title = cast("dict[str, object]", metadata).get("title") if isinstance(metadata, dict) else None
        content = _text(word["content"], place)
        return f"[{title}]\n{content}" if title else content
    for key in ("text", "file", "value"):
        if key in word:
            return said_text([word[key], word.get("files") if key == "text" else None], place)
    return json.dumps(word, ensure_ascii=False, default=lambda file: str(place(file)))
