"""The trio driver: the tasks that do the I/O of one client.

Only the event loop touches the session, and between two awaits a turn is whole. Each connection has a task that
connects and reads, and one that writes; one task more keeps the time. They are shielded: a cancellation by the user
reaches those who wait for something, never these. They end when their connection is closed, or the client.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import trio

from gradproto import ConnectError, Event, FilePart, LocalProtocolError, ReadError, TransportError, WriteError
from gradproto.wire import Action, Close, Connect, Conversation, Send, SendFile, Tunnel, WireClient

from ._files import FileSource, transport_error
from ._home import Home
from ._proxy import Proxies, place

if TYPE_CHECKING:
    import ssl

__all__ = ["Driver", "OpenStream", "Waiters"]

logger = logging.getLogger("gradproto")

P = ParamSpec("P")
T = TypeVar("T")
OpenStream = Callable[[str, int, bool], Awaitable[trio.abc.Stream]]

SMALL_READ = 64 * 1024
LARGE_READ = 1024 * 1024
# After so many seconds without news, there may be some unread, and they are heard before anything is sent: a connection
# that the server closed meanwhile is not for the next request.
PAUSE = 0.001


class Waiters:
    """Those who wait until something about one thing is true."""

    def __init__(self) -> None:
        self._lot = trio.lowlevel.ParkingLot()

    async def wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until ``ready()``, which may become true with a `notify`; False after ``timeout`` seconds."""
        if ready():
            await trio.lowlevel.checkpoint()
            return True
        with trio.move_on_after(math.inf if timeout is None else timeout):
            while not ready():
                await self._lot.park()
        return ready()

    def notify(self) -> None:
        """Let them look again."""
        self._lot.unpark_all()


class Driver:
    """The I/O of one client.

    ``on_event`` is called for each event, ``on_stop`` when the driver ends, with the exception that ended it, if one
    did. ``proxies`` says which connections go through which proxy. ``tls`` makes the context for TLS connections, when
    the first is needed.
    """

    def __init__(
        self,
        session: Conversation,
        *,
        connect_timeout: float | None,
        proxies: Proxies,
        tls: Callable[[], ssl.SSLContext],
        open_stream: OpenStream | None,
        on_event: Callable[[Event], None],
        on_stop: Callable[[BaseException | None], None],
    ) -> None:
        self.client = WireClient(session, connect_timeout=connect_timeout, entropy=os.urandom, proxies=proxies.find)
        self.home = Home()
        self.tls = tls
        self.open_stream = open_stream
        self._on_event = on_event
        self._on_stop = on_stop
        self._connections: dict[int, _Connection] = {}
        self._callbacks: deque[Callable[[], None]] = deque()
        self._nursery: trio.Nursery | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._tasks = 0
        self._ended = Waiters()
        self._turning = False
        self._stopped = False
        self._due = math.inf  # when the client has to hear the time
        self._last = -math.inf  # when the client last heard of something
        self._life = trio.CancelScope(shield=True)
        self._timer = trio.CancelScope()

    @property
    def alive(self) -> bool:
        """Whether the driver still works."""
        return self._nursery is not None and not self._stopped

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Do the I/O, until the block is left."""
        raised: BaseException | None = None
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._token = trio.lowlevel.current_trio_token()
            self.start(self._keep_time)
            try:
                yield
            except BaseException as error:
                # It goes on below, as it is: a nursery would put it into a group.
                raised = error
            finally:
                self.stop()
        if raised is not None:
            try:
                raise raised
            finally:
                raised = None  # it knows this frame, and need not wait for the garbage collector

    def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Begin a task of the driver."""
        assert self._nursery is not None
        self._tasks += 1
        self._nursery.start_soon(self._run_task, task)

    @trio.lowlevel.enable_ki_protection
    def call(self, work: Callable[[], T]) -> T:
        """Do ``work``, which may touch the session, and what comes of it; raises `LocalProtocolError` after the end."""
        self.home.check()
        if not self.alive:
            raise LocalProtocolError("the client is closed")
        result = work()
        now = trio.current_time()
        if now - self._last > PAUSE:
            self._ring_at(now)
        else:
            self._turn(now)
        return result

    def soon(self, work: Callable[[], None]) -> None:
        """Do ``work`` in the event loop in a moment, if it lives that long; any thread may ask for it, at any time."""
        if self._token is not None and not self.home.left:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._do_soon, work)

    def _do_soon(self, work: Callable[[], None]) -> None:
        if self.alive:
            self.call(work)

    def call_back(self, callback: Callable[[], None]) -> None:
        """Let a callback of the user run when this turn is over."""
        self._callbacks.append(callback)

    def report(self, fact: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell the client what happened, and carry out what comes of it."""
        if self._stopped:
            return
        try:
            fact(*args, **kwargs)
        except BaseException as error:
            self.stop(error)
            raise
        self._last = now = trio.current_time()
        self._turn(now)

    def waiters(self) -> Waiters:
        """Return nobody yet, for one thing that will change."""
        return Waiters()

    async def checkpoint(self) -> None:
        """Give others their turn."""
        await trio.lowlevel.checkpoint()

    def stop(self, failure: BaseException | None = None) -> None:
        """End the driver's tasks, soon."""
        if self._stopped:
            return
        self._stopped = True
        self.client.close()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._life.cancel()
        self._on_stop(failure)
        self._run_callbacks()

    async def close(self) -> None:
        """Stop, and wait until nothing is left of it."""
        if self.alive:
            self._carry_out(trio.current_time())
        self.stop()
        with trio.CancelScope(shield=True):
            await self._ended.wait(lambda: self._tasks == 0)

    # --- inside -------------------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def _run_task(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as error:
            logger.exception("the driver failed")
            self.stop(error)
        except BaseException as error:
            self.stop(error)
            raise
        finally:
            self._tasks -= 1
            self._ended.notify()

    async def _keep_time(self) -> None:
        with self._life:
            while True:
                with trio.move_on_at(self._due) as self._timer:
                    await trio.sleep_forever()
                # Whoever has something to read reports it first: a program that did nothing else for a while must not
                # find the server guilty of it.
                await trio.lowlevel.checkpoint()
                self._carry_out(trio.current_time())

    def _turn(self, now: float) -> None:
        """Carry out what the client wants, unless a turn is under way or due: it will see to that as well."""
        if not self._turning and now < self._due:
            self._carry_out(now)

    def _carry_out(self, now: float) -> None:
        client = self.client
        self._last = now
        self._turning = True
        try:
            while True:
                client.tick(now)
                self._hand_out()
                if self._callbacks:
                    self._run_callbacks()
                    continue
                due = client.next_deadline()
                if due is None or due > now:
                    break
        except BaseException as error:
            self.stop(error)
            raise
        finally:
            self._turning = False
        self._ring_at(math.inf if due is None else due)

    def _hand_out(self) -> None:
        client = self.client
        while True:
            while (action := client.next_action()) is not None:
                self._obey(action)
            event = client.next_event()
            if event is None:
                return
            self._on_event(event)

    def _ring_at(self, due: float) -> None:
        """Let the time be kept at ``due``. It may ring too early, which costs less than setting it in every turn."""
        self._due = due
        if due < self._timer.deadline:
            self._timer.deadline = due

    def _run_callbacks(self) -> None:
        while self._callbacks:
            self._callbacks.popleft()()

    def _obey(self, action: Action) -> None:
        if isinstance(action, Connect):
            connection = self._connections[action.connection] = _Connection(self, action)
            self.start(connection.run)
            return
        found = self._connections.get(action.connection)
        if found is None:
            return  # it was lost a moment ago, and the client knows by now
        if isinstance(action, Send):
            found.send(action.data)
        elif isinstance(action, SendFile):
            found.send(action.file)
        else:
            assert isinstance(action, Close)
            del self._connections[action.connection]
            found.close()


class _Connection:
    """One stream, perhaps with TLS."""

    def __init__(self, driver: Driver, action: Connect) -> None:
        self._driver = driver
        self._number = action.connection
        self._action = action
        self._where = f"{action.host}:{action.port}"
        self._scope = trio.CancelScope(shield=True)
        self._outgoing: deque[bytes | FilePart] = deque()
        self._more = trio.lowlevel.ParkingLot()
        self._write_error: TransportError | None = None

    def send(self, item: bytes | FilePart) -> None:
        """Write, after what is to be written already."""
        self._outgoing.append(item)
        self._more.unpark()

    def close(self) -> None:
        """Close the stream, in the middle of whatever it does."""
        self._outgoing.clear()
        self._scope.cancel()

    async def run(self) -> None:
        """Connect, then read until the end."""
        with self._scope:
            try:
                stream = await self._connect()
            except ConnectError as error:
                self._lose(error)
                return
            except Exception as error:
                what = f"could not connect to {place(self._action)}"
                self._lose(transport_error(ConnectError, what, error))
                return
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, stream)
                    self._driver.report(self._driver.client.connection_made, self._number)
                    await self._read(stream)
                    nursery.cancel_scope.cancel()
            finally:
                await trio.aclose_forcefully(stream)

    async def _connect(self) -> trio.abc.Stream:
        action = self._action
        if self._driver.open_stream is not None:
            return await self._driver.open_stream(action.host, action.port, action.tls)
        proxy = action.proxy
        first = action if proxy is None else proxy
        stream: trio.abc.Stream = await trio.open_tcp_stream(first.host, first.port)
        try:
            if first.tls:
                stream = await self._encrypt(stream, first.host)
            if proxy is not None and action.tunnel:
                tunnel = Tunnel(proxy, action.host, action.port)
                await stream.send_all(tunnel.request)
                while not tunnel.receive_data(bytes(await stream.receive_some(SMALL_READ))):
                    pass
                if action.tls:
                    stream = await self._encrypt(stream, action.host)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    async def _encrypt(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        # Like every HTTP client: the end of the connection is the end, with or without TLS saying so.
        secure = trio.SSLStream(stream, self._driver.tls(), server_hostname=host, https_compatible=True)
        await secure.do_handshake()
        return secure

    async def _read(self, stream: trio.abc.Stream) -> None:
        driver, number = self._driver, self._number
        size = SMALL_READ
        while True:
            try:
                data = await stream.receive_some(size)
            except Exception as error:  # streams from elsewhere may have errors of their own
                what = f"the connection to {self._where} broke"
                self._lose(self._write_error or transport_error(ReadError, what, error))
                return
            if not data and self._write_error is not None:
                self._lose(self._write_error)
                return
            # No checkpoint from here on: what was read is reported.
            driver.report(driver.client.receive_data, number, bytes(data))
            if not data:
                return
            if len(data) == size:
                size = min(4 * size, LARGE_READ)
            elif size > SMALL_READ:
                size = SMALL_READ

    async def _write(self, stream: trio.abc.Stream) -> None:
        try:
            while True:
                while self._outgoing:
                    item = self._outgoing.popleft()
                    if isinstance(item, bytes):
                        await stream.send_all(item)
                    else:
                        await self._write_file(stream, item)
                await self._more.park()
        except WriteError as error:
            self._lose(error)
        except Exception as error:
            # A server that refuses an upload early answers and closes: what it said may still be read.
            what = f"the connection to {self._where} broke"
            self._write_error = transport_error(WriteError, what, error)

    async def _write_file(self, stream: trio.abc.Stream, file: FilePart) -> None:
        driver, number = self._driver, self._number
        source = FileSource(file)
        try:
            # Read here, not in a thread: that would take longer than a piece takes to come from the system's cache.
            while piece := source.read():
                await stream.send_all(piece)
                driver.report(driver.client.file_sent, number, len(piece))
        finally:
            source.close()

    def _lose(self, error: TransportError) -> None:
        self._driver.report(self._driver.client.connection_lost, self._number, error)
