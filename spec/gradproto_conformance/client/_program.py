"""A client program as a process: what it prints, how it ends, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import trio

__all__ = ["CannotStart", "Program", "running"]

_READ = 64 << 10
_KEPT = 16 << 20  # bytes of either stream; a program that prints for ever must not fill the memory


class CannotStart(Exception):
    """The program is not there, or may not be run."""


class Program:
    """A process and all that it started, as far as that stays in its group."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._out = bytearray()
        self._err = bytearray()
        self._printed = trio.Event()

    @property
    def out(self) -> str:
        """What was printed so far."""
        return self._out.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        """What was said on stderr so far."""
        return self._err.decode("utf-8", "replace")

    async def wait(self) -> int:
        """Wait until it ends; give the exit code, below 0 the number of the signal that ended it."""
        return await self._process.wait()

    async def wait_printed(self) -> None:
        """Wait until it has printed something."""
        await self._printed.wait()

    def interrupt(self) -> None:
        """Do what Ctrl-C in its terminal does."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, and what it started."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if sys.platform == "win32":
            self._process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            # The process is the first of its group, which lasts as long as anything that it started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def listen(self) -> None:
        """Keep what it prints until both streams end."""
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_read, process.stdout, self._out, self._printed)
            nursery.start_soon(_read, process.stderr, self._err)

    async def close(self) -> None:
        """End all of it, and take what it has printed until then."""
        self.kill()
        process = self._process
        with trio.CancelScope(shield=True):
            await process.wait()
            for stream, kept in ((process.stdout, self._out), (process.stderr, self._err)):
                assert stream is not None
                # The end of the stream may never come, if something has left the group and still holds it.
                _drain(stream, kept)
                await trio.aclose_forcefully(stream)


@contextlib.asynccontextmanager
async def running(command: Sequence[str], environment: Mapping[str, str]) -> AsyncGenerator[Program, None]:
    """Run a program while the block does; its output is whole when the block is over.

    Raises `CannotStart`.
    """
    own_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            **own_group,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CannotStart(f"cannot start {command[0]!r:.80}: {reason}") from error
    program = Program(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program.listen)
            yield program
            nursery.cancel_scope.cancel()
    finally:
        await program.close()


async def _read(stream: trio.abc.ReceiveStream, kept: bytearray, begun: trio.Event | None = None) -> None:
    while data := await stream.receive_some(_READ):
        _keep(kept, data)
        if begun is not None:
            begun.set()


def _drain(stream: trio.abc.ReceiveStream, kept: bytearray) -> None:
    """Take what a pipe holds; it holds all that its program wrote, once that has ended."""
    if sys.platform != "win32" and isinstance(stream, trio.lowlevel.FdStream):
        with contextlib.suppress(BlockingIOError):
            while data := os.read(stream.fileno(), _READ):
                _keep(kept, data)


def _keep(kept: bytearray, data: bytes | bytearray) -> None:
    kept += data[: max(_KEPT - len(kept), 0)]
