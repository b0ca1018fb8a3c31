"""Requests and streams whose answers may be wrong in any way: nothing hangs, and what is wrong is told in words."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio

from gradproto import ConnectError, GradprotoError
from gradproto._record import field, record
from gradproto_conformance._exchange import Exchange, NotJson
from gradproto_conformance._json import is_list, is_object
from gradproto_conformance._judge import Judge
from gradproto_conformance._probe import Stream

__all__ = [
    "LIMIT",
    "Answer",
    "Hearing",
    "Message",
    "Unheard",
    "ask",
    "document",
    "is_list",
    "is_object",
    "listening",
    "message_of",
    "opened",
    "streaming",
]

LIMIT = 5.0
"""Seconds for what a healthy server does at once."""

Message = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request was answered with: ``got`` in words, ``value`` as JSON, ``None`` if it is none."""

    status: int | None
    value: Any
    got: str
    exchange: Exchange | None = field(default=None, repr=False)

    @property
    def event_id(self) -> str | None:
        """The event's id, if this is the answer to a join that went well."""
        found = self.value.get("event_id") if self.status == 200 and is_object(self.value) else None
        return found if isinstance(found, str) and found else None

    @property
    def detail(self) -> Any:
        """What a refusal says."""
        return self.value.get("detail") if is_object(self.value) else None

    @property
    def text(self) -> str:
        """The body, as far as it came, as text."""
        return "" if self.exchange is None else self.exchange.text

    @property
    def body(self) -> bytes:
        """The body, as far as it came."""
        return b"" if self.exchange is None else self.exchange.body

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return None if self.exchange is None else self.exchange.header(name)


@asynccontextmanager
async def opened(
    judge: Judge, method: str, path: str, *, within: float = LIMIT, **about: Any
) -> AsyncGenerator[tuple[Stream | None, str], None]:
    """Send a request, and give its answer as a stream; or ``None``, and why there is no answer.

    A server that cannot be reached is no server's fault: that is raised.
    """
    stream: Stream | None = None
    trouble = ""
    async with AsyncExitStack() as stack:
        try:
            with trio.move_on_after(within):
                stream = await stack.enter_async_context(judge.probe.open(method, path, **about))
        except ConnectError:
            raise
        except GradprotoError as error:
            trouble = str(error)
        yield stream, "" if stream is not None else trouble or f"no answer within {within:g} s"


async def ask(judge: Judge, method: str, path: str, *, within: float = LIMIT, **about: Any) -> Answer:
    """Send a request, and wait for the whole answer; ``about`` is what `Probe.open` takes."""
    async with opened(judge, method, path, within=within, **about) as (stream, trouble):
        if stream is None:
            return Answer(status=None, value=None, got=trouble)
        with trio.move_on_after(within) as scope:
            while await stream.read():
                pass
    exchange = stream.exchange
    if scope.cancelled_caught or exchange.error is not None:
        how = f"no end within {within:g} s" if scope.cancelled_caught else str(exchange.error)
        return Answer(status=None, value=None, got=f"status {exchange.status}, {how}", exchange=exchange)
    try:
        value = exchange.json()
    except NotJson:
        value = None
    return Answer(
        status=exchange.status, value=value, got=f"status {exchange.status}, {exchange.text}", exchange=exchange
    )


async def document(judge: Judge, path: str, **about: Any) -> Answer:
    """Ask for a document, and be patient: what it says is judged, not when."""
    return await ask(judge, "GET", path, within=2 * LIMIT, **about)


class Unheard(Exception):
    """Nothing more can be heard, for the reason in its text."""


class Hearing:
    """What a server says, message by message.

    ``trouble`` is why the last message that was waited for did not come. ``is_over``: nothing more can come.
    """

    def __init__(
        self, read: Callable[[], Awaitable[Message | None]], *, exchange: Exchange | None = None, trouble: str = ""
    ) -> None:
        self.messages: list[Message] = []
        self.exchange = exchange
        self.trouble = trouble
        self.is_over = bool(trouble)
        self._read = read

    @property
    def kinds(self) -> list[Any]:
        """What the messages are, in their order."""
        return [message.get("msg") for message in self.messages]

    def all_of(self, kind: str) -> list[Message]:
        """Give the messages of one kind."""
        return [message for message in self.messages if message.get("msg") == kind]

    async def next(self, within: float = LIMIT) -> Message | None:
        """Wait for the next message; ``None`` if there is none."""
        if self.is_over:
            return None
        message: Message | None = None
        with trio.move_on_after(within) as scope:
            try:
                message = await self._read()
            except Unheard as reason:
                self._end(str(reason))
                return None
            except (ValueError, RecursionError) as error:
                self._end(f"what was said is no JSON object: {error}")
                return None
        if scope.cancelled_caught:
            self.trouble = f"nothing within {within:g} s after {self._last()}"
        elif message is None:
            broke = None if self.exchange is None else self.exchange.error
            self._end(f"the stream {'ended' if broke is None else f'broke ({broke})'} after {self._last()}")
        else:
            self.messages.append(message)
        return message

    async def until(self, *kinds: str, within: float = LIMIT) -> Message | None:
        """Wait for a message of one of these kinds; ``None`` if none comes."""
        with trio.move_on_after(within) as scope:
            while (message := await self.next(math.inf)) is not None:
                if message.get("msg") in kinds:
                    return message
        if scope.cancelled_caught:
            self.trouble = f"no {' or '.join(kinds)} within {within:g} s, last came {self._last()}"
        return None

    async def to_the_end(self, within: float = LIMIT) -> bool:
        """Hear all that comes; say whether it came to an end."""
        with trio.move_on_after(within) as scope:
            while await self.next(math.inf) is not None:
                pass
        if scope.cancelled_caught:
            self.trouble = f"no end within {within:g} s, last came {self._last()}"
        return self.is_over

    def _end(self, trouble: str) -> None:
        self.is_over = True
        self.trouble = trouble

    def _last(self) -> str:
        return f"{self.messages[-1].get('msg')!r}" if self.messages else "the beginning"


@asynccontextmanager
async def streaming(
    judge: Judge, path: str, *, query: Mapping[str, str] | None = None
) -> AsyncGenerator[tuple[Stream | None, str], None]:
    """Open an event stream; or give ``None``, and what there is in its place."""
    async with opened(judge, "GET", path, query=query) as (stream, trouble):
        if stream is not None and stream.exchange.status != 200:
            trouble, stream = f"status {stream.exchange.status} in place of a stream", None
        yield stream, trouble


@asynccontextmanager
async def listening(
    judge: Judge, path: str, *, query: Mapping[str, str] | None = None
) -> AsyncGenerator[Hearing, None]:
    """Open an event stream of JSON objects."""
    async with streaming(judge, path, query=query) as (stream, trouble):
        if stream is None:
            yield Hearing(_nothing, trouble=trouble)
        else:
            yield Hearing(lambda: message_of(stream), exchange=stream.exchange)


async def _nothing() -> None:
    return None


async def message_of(stream: Stream) -> Message | None:
    """Wait for the next message of an event stream; raises ``ValueError`` for what is no JSON object."""
    event = await stream.next_event()
    if event is None:
        return None
    message = json.loads(event.data)
    if not is_object(message):
        raise ValueError(f"{event.data!r:.80}")
    return message
