"""What is a chat, and what of its outputs was said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest

from gradproto import FileData
from gradproto_fake_server import FakeApp, FakeServer, chatbot, demo_app, json_value, state, textbox
from gradproto_transports.cli._conversation import Conversation, describe_chat, find_chat, said_text
from gradproto_transports.sync import Client


def _say(word: object) -> str:
    return said_text([word], lambda file: f"<{file.path}>")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("hi", "hi"),
        (None, ""),
        (5, "5"),
        ({"role": "assistant", "content": "hi"}, "hi"),
        ({"role": "assistant", "content": "so", "metadata": {"title": "Thinking"}}, "[Thinking]\nso"),
        ({"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb"),
        ({"role": "assistant", "content": {"type": "file", "file": FileData(path="/x")}}, "</x>"),
        ({"file": FileData(path="/x"), "alt_text": None}, "</x>"),
        ({"component": "image", "value": FileData(path="/x"), "props": {}}, "</x>"),
        ({"text": "look", "files": [FileData(path="/x")]}, "look\n</x>"),
        (["a", "b"], "a\nb"),
        ({"else": [1]}, '{"else": [1]}'),
        ({"else": FileData(path="/x")}, '{"else": "</x>"}'),
    ],
)
def test_whatever_is_said_has_a_text(word: object, text: str) -> None:
    assert _say(word) == text


def _with_endpoint(add: Callable[[FakeApp], None], use: Callable[[Client], None]) -> None:
    app = FakeApp()
    add(app)
    with FakeServer(app) as server, Client(server.url, download_files=False) as client:
        use(client)


def _conversation(client: Client, name: str) -> Conversation:
    chat = describe_chat(client.endpoints.resolve(api_name=name))
    assert chat is not None
    return Conversation(chat, {})


def test_the_demo_has_one_chat() -> None:
    for version in ("6.31.0", "4.44.1", "3.50.2"):
        with FakeServer(demo_app(version)) as server, Client(server.url) as client:
            chat = find_chat(client.endpoints, chat_interface=False)
            assert (chat.endpoint.label, chat.message, chat.history) == ("/chat", "message", "history")


def _add_stateful(app: FakeApp) -> None:
    kept = state([])

    @app.endpoint("/talk", inputs=[textbox("message"), kept], outputs=[json_value("response"), kept])
    def talk(message: str, kept: list[str]) -> tuple[str, list[str]]:
        return f"{message} {len(kept)}", [*kept, message]


def test_an_endpoint_that_keeps_state_is_a_chat_where_there_is_no_better_one() -> None:
    def check(client: Client) -> None:
        chat = find_chat(client.endpoints, chat_interface=False)
        assert (chat.endpoint.label, chat.history, chat.remembers) == ("/talk", None, True)
        conversation = Conversation(chat, {"extra": 1})
        assert conversation.arguments("hi", []) == (["hi"], {"extra": 1})
        assert conversation.answer("hello") == ["hello"]
        assert conversation.answer([{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]) == [
            {"role": "assistant", "content": "a"},
            {"role": "assistant", "content": "b"},
        ]

    _with_endpoint(_add_stateful, check)


def _add_two(app: FakeApp) -> None:
    _add_stateful(app)
    kept = state([])

    @app.endpoint("/speak", inputs=[textbox("message"), kept], outputs=[textbox("answer")])
    def speak(message: str, kept: list[str]) -> str:
        return message


def test_of_several_chats_one_must_be_named() -> None:
    def check(client: Client) -> None:
        with pytest.raises(click.UsageError, match="name one of them: /talk, /speak"):
            find_chat(client.endpoints, chat_interface=True)

    _with_endpoint(_add_two, check)


def _add_none(app: FakeApp) -> None:
    @app.endpoint("/echo")
    def echo(text: str) -> str:
        return text

    @app.endpoint("/double")
    def double(n: float) -> float:
        return 2 * n


def test_without_a_chat_it_is_said_what_there_is() -> None:
    def check(client: Client) -> None:
        with pytest.raises(click.UsageError, match="it has /echo, /double"):
            find_chat(client.endpoints, chat_interface=False)
        assert describe_chat(client.endpoints.resolve(api_name="/double")) is None
        echo = describe_chat(client.endpoints.resolve(api_name="/echo"))
        assert echo is not None
        assert not echo.remembers

    _with_endpoint(_add_none, check)


def _add_respond(app: FakeApp) -> None:
    @app.endpoint("/respond", inputs=[textbox("said"), chatbot("so_far")], outputs=[textbox("said"), chatbot("chat")])
    def respond(said: str, so_far: list[Any]) -> tuple[str, list[Any]]:
        return "", so_far

    @app.endpoint("/reply", inputs=[textbox("said"), chatbot("so_far")], outputs=[textbox("answer")])
    def reply(said: str, so_far: list[Any]) -> str:
        return said


def test_the_answer_is_what_stands_behind_the_last_message_of_the_user() -> None:
    def check(client: Client) -> None:
        conversation = _conversation(client, "/respond")
        said = [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "1"},
            {"role": "user", "content": "two"},
            {"role": "assistant", "content": "2"},
            {"role": "assistant", "content": "and 2"},
        ]
        assert conversation.answer(("", said)) == said[3:]
        assert conversation.answer(("", [["one", "1"], ["two", "2"], [None, "and 2"]])) == ["2", "and 2"]
        assert conversation.answer(("", [["one", "1"], ["two", None]])) == []
        conversation.remember("two", ("", said))
        assert conversation.arguments("three", []) == (["three"], {"so_far": said})
        conversation.clear()
        assert conversation.arguments("three", []) == (["three"], {"so_far": []})

    _with_endpoint(_add_respond, check)


def test_an_endpoint_that_gives_only_its_answer_is_told_the_conversation_by_the_client() -> None:
    def check(client: Client) -> None:
        conversation = _conversation(client, "/reply")
        conversation.remember("hi", "hello")
        args, kwargs = conversation.arguments("more", [])
        assert args == ["more"]
        assert [(entry["role"], _say(entry)) for entry in kwargs["so_far"]] == [("user", "hi"), ("assistant", "hello")]
        # The server takes it.
        assert client.predict(*args, api_name="/reply", **kwargs) == "more"

    _with_endpoint(_add_respond, check)
