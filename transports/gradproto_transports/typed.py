"""What the modules that ``gradproto codegen`` writes are made of: the classes of typed calls, and their types.

The classes send what a typed method was called with to the endpoint of its name, each argument by the name of its
parameter, so that an app that has put its parameters into another order gets the same values for them. This module
knows no client and loads none.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum
from typing import Any, BinaryIO, Final, Generic, Protocol, TypeAlias, TypeVar, Union

from gradproto import ArgumentError, Endpoint, Endpoints, FileData, LocalFile, StatusUpdate

__all__ = [
    "UNSET",
    "AsyncTypedApp",
    "AsyncTypedJob",
    "FileInput",
    "FilesInput",
    "TypedApp",
    "TypedJob",
    "Unset",
    "open_app",
]


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Stands for an argument that is left to the app, which has a default for it that no source text can hold."""

FileInput: TypeAlias = Union[str, os.PathLike[str], bytes, BinaryIO, FileData, LocalFile]
"""A file to give to an app: a path, a URL, the content, an open binary file, what `handle_file` made of one of them,
or a file of the app's that came in an output."""

FilesInput: TypeAlias = Union[FileInput, Sequence[FileInput]]
"""Several files to give to an app, or one."""

T = TypeVar("T")
AppT = TypeVar("AppT")
SyncAppT = TypeVar("SyncAppT", bound="TypedApp[Any]")


class TypedJob(Protocol[T]):
    """A job of the sync client of which the type of the outputs is known; `gradproto_transports.sync.Job` has more."""

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it."""
        ...

    def final(self, timeout: float | None = None) -> T:
        """Wait until the job is over and return its last output."""
        ...

    def outputs(self) -> list[T]:
        """Return every output so far, in order."""
        ...

    def status(self) -> StatusUpdate:
        """Return the latest step."""
        ...

    def statuses(self) -> list[StatusUpdate]:
        """Return every step so far, in order."""
        ...

    def done(self) -> bool:
        """Whether the job is over."""
        ...

    def running(self) -> bool:
        """Whether the job has begun to run and is not over."""
        ...

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        ...

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until the job is over and return what it failed with, if it did."""
        ...

    def cancel(self) -> bool:
        """Cancel the job; whether that was done."""
        ...

    def request_cancel(self) -> None:
        """Begin to cancel the job, and do not wait for it."""
        ...

    def send(self, *args: object, **kwargs: Any) -> None:
        """Send one more input to a streaming endpoint."""
        ...

    def end(self) -> None:
        """Say that no more input follows."""
        ...

    def __iter__(self) -> Iterator[T]:
        """Yield every output, in order, as it comes."""
        ...

    def __next__(self) -> T:
        """Return the next output."""
        ...


class AsyncTypedJob(Protocol[T]):
    """A job of the trio or asyncio client of which the type of the outputs is known; their `Job` has more."""

    async def result(self, timeout: float | None = None) -> T:
        """Wait for the result and return it."""
        ...

    async def final(self, timeout: float | None = None) -> T:
        """Wait until the job is over and return its last output."""
        ...

    def outputs(self) -> list[T]:
        """Return every output so far, in order."""
        ...

    def status(self) -> StatusUpdate:
        """Return the latest step."""
        ...

    def statuses(self) -> list[StatusUpdate]:
        """Return every step so far, in order."""
        ...

    def done(self) -> bool:
        """Whether the job is over."""
        ...

    def running(self) -> bool:
        """Whether the job has begun to run and is not over."""
        ...

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        ...

    async def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until the job is over and return what it failed with, if it did."""
        ...

    async def cancel(self) -> bool:
        """Cancel the job; whether that was done."""
        ...

    def request_cancel(self) -> None:
        """Begin to cancel the job, and do not wait for it."""
        ...

    async def send(self, *args: object, **kwargs: Any) -> None:
        """Send one more input to a streaming endpoint."""
        ...

    async def end(self) -> None:
        """Say that no more input follows."""
        ...

    def __await__(self) -> Generator[Any, Any, T]:
        """Wait for the result."""
        ...

    def __aiter__(self) -> AsyncIterator[T]:
        """Give every output, in order, as it comes."""
        ...

    async def __anext__(self) -> T:
        """Return the next output."""
        ...


class _SyncClient(Protocol):
    @property
    def endpoints(self) -> Endpoints: ...

    def predict(self, *args: object, **kwargs: Any) -> Any: ...

    def submit(self, *args: object, **kwargs: Any) -> Any: ...

    def close(self) -> None: ...


class _AsyncClient(Protocol):
    @property
    def endpoints(self) -> Endpoints: ...

    async def predict(self, *args: object, **kwargs: Any) -> Any: ...

    async def submit(self, *args: object, **kwargs: Any) -> Any: ...


SyncClientT = TypeVar("SyncClientT", bound=_SyncClient)
AsyncClientT = TypeVar("AsyncClientT", bound=_AsyncClient)


class TypedApp(Generic[SyncClientT]):
    """What the typed methods of an app have in common, for the sync client. Closing it closes the client."""

    def __init__(self, client: SyncClientT) -> None:
        self.client = client

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def __enter__(self: SyncAppT) -> SyncAppT:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.client!r}>"

    def _call(self, endpoint: str | int, arguments: Mapping[str, object]) -> Any:
        client = self.client
        args, kwargs = _arrange(client.endpoints, client.submit, endpoint, arguments)
        return client.predict(*args, **kwargs)

    def _submit(self, endpoint: str | int, arguments: Mapping[str, object]) -> Any:
        client = self.client
        args, kwargs = _arrange(client.endpoints, client.submit, endpoint, arguments)
        return client.submit(*args, **kwargs)


class AsyncTypedApp(Generic[AsyncClientT]):
    """What the typed methods of an app have in common, for the clients of trio and asyncio."""

    def __init__(self, client: AsyncClientT) -> None:
        self.client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.client!r}>"

    async def _call(self, endpoint: str | int, arguments: Mapping[str, object]) -> Any:
        client = self.client
        args, kwargs = _arrange(client.endpoints, client.submit, endpoint, arguments)
        return await client.predict(*args, **kwargs)

    async def _submit(self, endpoint: str | int, arguments: Mapping[str, object]) -> Any:
        client = self.client
        args, kwargs = _arrange(client.endpoints, client.submit, endpoint, arguments)
        return await client.submit(*args, **kwargs)


@asynccontextmanager
async def open_app(
    opening: AbstractAsyncContextManager[AsyncClientT], make: Callable[[AsyncClientT], AppT]
) -> AsyncGenerator[AppT, None]:
    """Enter a client that is being opened, and give the app that ``make`` makes of it."""
    async with opening as client:
        yield make(client)


def _arrange(
    endpoints: Endpoints, submit: Callable[..., object], called: str | int, arguments: Mapping[str, object]
) -> tuple[list[object], dict[str, Any]]:
    """Return positional and keyword arguments for a client's methods: each value by its name, and none that is UNSET.

    Raises `EndpointNotFoundError`. A parameter may have the name of one of the client's own keywords.
    """
    given = {name: value for name, value in arguments.items() if value is not UNSET}
    if isinstance(called, str):
        # Looked for first: the client takes a name that the app has not for the first argument of another endpoint.
        endpoints.resolve(api_name=called)
        return [called, given], {}
    endpoint = endpoints.resolve(fn_index=called)
    own = {"self", *inspect.signature(submit).parameters}
    places = [index for index, parameter in enumerate(endpoint.parameters) if parameter.name in own & given.keys()]
    first = places[-1] + 1 if places else 0
    args = [_positional(endpoint, index, given) for index in range(first)]
    for parameter in endpoint.parameters[:first]:
        given.pop(parameter.name, None)
    return args, {"fn_index": called, **given}


def _positional(endpoint: Endpoint, index: int, given: Mapping[str, object]) -> object:
    """Return the value of a parameter that has to be given by its place, its default where it was left out."""
    parameter = endpoint.parameters[index]
    if parameter.name in given:
        return given[parameter.name]
    slot = next(slot for slot in endpoint.inputs if slot.parameter is parameter)
    if not parameter.has_default or slot.file_kind is not None:
        raise ArgumentError(
            f"No value provided for parameter `{parameter.name}` of {endpoint.label}",
            hint="it cannot be left out where a parameter after it has the name of one of the client's own",
        )
    return parameter.default
