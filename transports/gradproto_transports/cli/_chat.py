"""``gradproto chat``: messages in, answers out."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from gradproto import FileData, GradprotoError, JobLogged
from gradproto_transports._files import handle_file
from gradproto_transports.sync import Client

from ._answers import AnswerWriter
from ._arguments import read_arguments
from ._call import CallRunner, Output
from ._connection import Connection, Failure
from ._console import say, write_note
from ._conversation import ChatEndpoint, Conversation, describe_chat, find_chat, said_text
from ._display import Display
from ._outputs import FileSaver
from ._program import Interrupted, Terminated
from ._prompt import Prompt

__all__ = ["Chat", "choose_chat"]

_HELP = "/quit ends, /reset begins a new conversation, /file PATH attaches a file, //TEXT says /TEXT"


def choose_chat(client: Client, words: tuple[str, ...]) -> tuple[ChatEndpoint, dict[str, Any]]:
    """Return the endpoint that is meant, and the values of its other inputs."""
    if words and (words[0].startswith("/") or "=" not in words[0]):
        endpoint = client.endpoints.resolve(api_name="/" + words[0].removeprefix("/"))
        chat, words = describe_chat(endpoint), words[1:]
        if chat is None:
            raise click.UsageError(f"{endpoint.label} is no endpoint to talk to: it takes no text")
    else:
        chat = find_chat(client.endpoints, chat_interface=client.config.raw.get("mode") == "chat_interface")
    args, extras = read_arguments(chat.endpoint, words)
    if args:
        raise click.UsageError("what else the endpoint takes must be given as NAME=VALUE")
    for name in (chat.message, chat.history):
        if name in extras:
            raise click.UsageError(f"{name!r} is what the chat itself gives")
    return chat, extras


class Chat:
    """One sitting at one endpoint."""

    def __init__(
        self,
        connection: Connection,
        client: Client,
        conversation: Conversation,
        *,
        saver: FileSaver | None,
        display: Display,
    ) -> None:
        self._connection = connection
        self._client = client
        self._conversation = conversation
        self._saver = saver
        self._display = display
        self._prompt = Prompt()
        self._files: list[object] = []
        self._held: list[JobLogged] = []

    def run(self) -> None:
        """Talk until the input ends. Piped input ends at the first message that fails, with what it failed with."""
        if self._prompt.interactive:
            write_note(f"Talking to {self._conversation.chat.endpoint.label}. {_HELP}.")
        while (message := self._prompt.read()) is not None:
            if message.startswith("/") and not message.startswith("//"):
                command, _, rest = message.strip().partition(" ")
                if command == "/quit":
                    return
                self._guard(lambda command=command, rest=rest: self._obey(command, rest.strip()))
            elif message.strip() or self._files:
                text = message[1:] if message.startswith("//") else message
                self._guard(lambda text=text: self._talk(text))

    def _guard(self, act: Any) -> None:
        """Do it; somebody who types is told what went wrong, and may try again."""
        try:
            act()
        except (GradprotoError, Failure, click.UsageError) as error:
            if not self._prompt.interactive:
                raise
            if isinstance(error, GradprotoError):
                error = self._connection.failure(error)
            say(f"error: {error.format_message() if isinstance(error, click.UsageError) else error}")

    def _obey(self, command: str, rest: str) -> None:
        if command == "/reset":
            self._client.reset_session()
            self._conversation.clear()
            self._files.clear()
            self._tell("a new conversation")
        elif command == "/file":
            if not self._conversation.chat.multimodal:
                raise click.UsageError(f"{self._conversation.chat.endpoint.label} takes no files with a message")
            if not rest:
                raise click.UsageError("/file wants the path of a file")
            self._files.append(handle_file(os.path.expanduser(rest)))
            self._tell("it goes with the next message")
        elif command == "/help":
            self._tell(_HELP)
        else:
            raise click.UsageError(f"there is no {command}: {_HELP}")

    def _tell(self, text: str) -> None:
        if self._prompt.interactive:
            write_note(text)

    def _talk(self, text: str) -> None:
        timeout = self._connection.timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        runner = CallRunner(self._client, deadline=deadline, timeout=timeout)
        writer = AnswerWriter()
        try:
            self._take_answer(runner, writer, text)
        except KeyboardInterrupt as stop:
            self._leave(writer)
            became = runner.cancel()
            if isinstance(stop, Terminated) or not self._prompt.interactive:
                raise Interrupted(f"interrupted; {became}" if became else "interrupted", stop) from None
            say(became or "interrupted")
            self._tell_of_files()
        except BaseException:
            self._leave(writer)
            runner.cancel()
            self._tell_of_files()
            raise

    def _take_answer(self, runner: CallRunner, writer: AnswerWriter, text: str) -> None:
        conversation = self._conversation
        args, kwargs = conversation.arguments(text, self._files)
        output: object = ()
        self._display.begin()
        self._display.show("sending ...")
        for news in runner.run(conversation.chat.endpoint.fn_index, args, kwargs):
            if isinstance(news, Output):
                output = news.value
                said = said_text(conversation.answer(output), self._place)
                if said:
                    self._display.output()
                writer.show(said)
            elif not writer.begun:
                self._display.update(news)
            elif isinstance(news, JobLogged):
                self._held.append(news)
        self._files = []
        self._display.hide()
        writer.end()
        self._tell_held()
        conversation.remember(text, output)

    def _leave(self, writer: AnswerWriter) -> None:
        """End an answer that does not come to its end."""
        self._display.hide()
        if writer.begun:
            writer.end()
        self._tell_held()

    def _tell_held(self) -> None:
        """Show the app's messages that would have come in between the answer's words."""
        for log in self._held:
            self._display.update(log)
        self._held.clear()

    def _tell_of_files(self) -> None:
        if self._files:
            self._tell("what was attached goes with the next message")

    def _place(self, file: FileData) -> object:
        """Say where a file of an answer is: on the disk, if that was wanted."""
        return file.url or file.path or "" if self._saver is None else self._saver.save(file)
