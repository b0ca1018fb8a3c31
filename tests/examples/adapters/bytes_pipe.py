"""The bytes door over pipes in memory, of which only the far end is a socket; the rest is as in ``bytes_trio``."""

from __future__ import annotations

from collections.abc import Callable

import trio
from trio.testing import lockstep_stream_pair

from gradproto import Event
from gradproto.wire import WireClient

from . import bytes_trio


def drive(client: WireClient, on_event: Callable[[Event], bool]) -> None:
    """Carry out what the wire client asks for, until ``on_event`` returns True."""
    trio.run(bytes_trio.main, client, on_event, PipeConnection)


class PipeConnection(bytes_trio.Connection):
    """A pipe with two tasks at its other end."""

    async def run(self) -> None:
        """Do what any connection does, and end the tasks with it."""
        async with trio.open_nursery() as self.nursery:
            await super().run()
            self.nursery.cancel_scope.cancel()

    async def open(self) -> trio.abc.Stream:
        """Return the near end."""
        far = await trio.open_tcp_stream(self.action.host, self.action.port)
        ours, theirs = lockstep_stream_pair()  # it takes nothing that nobody reads
        self.nursery.start_soon(carry, far, theirs)
        self.nursery.start_soon(carry, theirs, far)
        return ours


async def carry(source: trio.abc.ReceiveStream, target: trio.abc.SendStream) -> None:
    """Carry bytes, and their end."""
    try:
        async with source, target:
            async for data in source:
                await target.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # either end is gone, and both are closed by now
