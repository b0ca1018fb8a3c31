"""The asyncio driver: the tasks that do the I/O of one client.

Only the event loop touches the session, and between two awaits a turn is whole. Each connection has a task that
connects and reads; writing needs none, but for files, and a timer of the loop keeps the time. The tasks are the
driver's own: a cancellation by the user reaches those who wait for something, never these. They end when their
connection is closed, or the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from gradproto import ConnectError, Event, FilePart, LocalProtocolError, ReadError, TransportError, WriteError
from gradproto.wire import Action, Close, Connect, Conversation, Send, SendFile, Tunnel, WireClient

from ._addresses import HAPPY_EYEBALLS_DELAY, in_turns
from ._files import FileSource, transport_error
from ._home import Home
from ._proxy import Proxies, place

if TYPE_CHECKING:
    import ssl

__all__ = ["Driver", "OpenStream", "Waiters"]

logger = logging.getLogger("gradproto")

P = ParamSpec("P")
T = TypeVar("T")
OpenStream = Callable[[str, int, bool], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

# The loop reads 256 KiB at a time, and pauses when twice this waits for its reader: never, since that reads everything.
READ_SIZE = 1024 * 1024
# After so many seconds without news, there may be some unread, and they are heard before anything is sent: a connection
# that the server closed meanwhile is not for the next request.
PAUSE = 0.001


class Waiters:
    """Those who wait until something about one thing is true."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until ``ready()``, which may become true with a `notify`; False after ``timeout`` seconds."""
        until = math.inf if timeout is None else self._loop.time() + timeout
        while not ready():
            if self._loop.time() >= until:
                return False
            woken = self._loop.create_future()
            timer = None if timeout is None else self._loop.call_at(until, _wake, woken)
            self._waiting.add(woken)
            try:
                await woken
            finally:
                self._waiting.discard(woken)
                if timer is not None:
                    timer.cancel()
        return True

    def notify(self) -> None:
        """Let them look again."""
        for woken in self._waiting:
            _wake(woken)


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
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turning = False
        self._stopped = False
        self._due = math.inf  # when the client has to hear the time
        self._last = -math.inf  # when the client last heard of something
        self._timer: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """Whether the driver still works."""
        return not self._stopped

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Do the I/O, until the block is left."""
        try:
            yield
        finally:
            await self.close()

    def start(self, task: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Begin a task of the driver."""
        started = self.loop.create_task(self._run_task(task))
        self._tasks.add(started)
        started.add_done_callback(self._tasks.discard)
        return started

    def call(self, work: Callable[[], T]) -> T:
        """Do ``work``, which may touch the session, and what comes of it; raises `LocalProtocolError` after the end."""
        self.home.check()
        if not self.alive:
            raise LocalProtocolError("the client is closed")
        result = work()
        now = self.loop.time()
        if now - self._last > PAUSE:
            self._ring_at(now)
        else:
            self._turn(now)
        return result

    def soon(self, work: Callable[[], None]) -> None:
        """Do ``work`` in the event loop in a moment, if it lives that long; any thread may ask for it, at any time."""
        if not self.home.left:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._do_soon, work)

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
        self._last = now = self.loop.time()
        self._turn(now)

    def waiters(self) -> Waiters:
        """Return nobody yet, for one thing that will change."""
        return Waiters()

    async def checkpoint(self) -> None:
        """Give others their turn: not the custom here."""

    def stop(self, failure: BaseException | None = None) -> None:
        """End the driver's tasks, soon."""
        if self._stopped:
            return
        self._stopped = True
        self.client.close()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._on_stop(failure)
        self._run_callbacks()

    async def close(self) -> None:
        """Stop, and wait until nothing is left of it."""
        if self.home.left:
            return  # the loop is in another process, and so is the right to close what it watches
        if self.alive:
            self._carry_out(self.loop.time())
        self.stop()
        cancelled: asyncio.CancelledError | None = None
        while self._tasks:
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError as error:
                cancelled = error  # a moment later, when the connections are closed
        if cancelled is not None:
            raise cancelled

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _run_task(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await task()
        except Exception as error:
            logger.exception("the driver failed")
            self.stop(error)
        except asyncio.CancelledError:
            raise  # by its connection
        except BaseException as error:
            self.stop(error)
            raise

    def _keep_time(self) -> None:
        self._timer = None
        # Whoever has something to read reports it first: a program that did nothing else for a while must not find the
        # server guilty of it.
        self.loop.call_soon(self._pass_time)

    def _pass_time(self) -> None:
        if not self._stopped:
            self._carry_out(self.loop.time())

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
        if due < (math.inf if self._timer is None else self._timer.when()):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(due, self._keep_time)

    def _run_callbacks(self) -> None:
        while self._callbacks:
            self._callbacks.popleft()()

    def _obey(self, action: Action) -> None:
        if isinstance(action, Connect):
            connection = self._connections[action.connection] = _Connection(self, action)
            connection.task = self.start(connection.run)
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
        self.task: asyncio.Task[None] | None = None
        self._outgoing: deque[bytes | FilePart] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._writing: asyncio.Task[None] | None = None
        self._write_error: TransportError | None = None

    def send(self, item: bytes | FilePart) -> None:
        """Write, after what is to be written already."""
        assert self._writer is not None
        if self._writing is not None:
            self._outgoing.append(item)
        elif isinstance(item, bytes):
            self._writer.write(item)
        else:
            self._outgoing.append(item)
            self._writing = self._driver.start(self._write)

    def close(self) -> None:
        """Close the stream, in the middle of whatever it does."""
        self._outgoing.clear()
        if self._writing is not None:
            self._writing.cancel()
        if self._writer is not None:
            self._writer.transport.abort()  # which ends the reading, too
        elif self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        """Connect, then read until the end."""
        try:
            reader, writer = await self._connect()
        except ConnectError as error:
            self._lose(error)
            return
        except Exception as error:
            what = f"could not connect to {place(self._action)}"
            self._lose(transport_error(ConnectError, what, error))
            return
        self._writer = writer
        try:
            self._driver.report(self._driver.client.connection_made, self._number)
            await self._read(reader)
        finally:
            writer.transport.abort()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        action = self._action
        if self._driver.open_stream is not None:
            return await self._driver.open_stream(action.host, action.port, action.tls)
        proxy = action.proxy
        first = action if proxy is None else proxy
        opened = await _connect_socket(first.host, first.port)
        reader, protocol = _new_reader()
        try:
            tls = self._driver.tls() if first.tls else None
            name = first.host if first.tls else None
            transport, _ = await self._driver.loop.create_connection(
                lambda: protocol, sock=opened, ssl=tls, server_hostname=name
            )
        except BaseException:
            # A TLS that is complete just then would wait for the server's goodbye, and the loop with it.
            protocol.abort()
            opened.close()
            raise
        try:
            if proxy is not None and action.tunnel:
                tunnel = Tunnel(proxy, action.host, action.port)
                transport.write(tunnel.request)
                while not tunnel.receive_data(await reader.read(READ_SIZE)):
                    pass
                if action.tls:
                    reader, protocol = _new_reader()
                    transport = await self._encrypt(transport, protocol)
        except BaseException:
            transport.abort()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._driver.loop)

    async def _encrypt(self, transport: asyncio.Transport, protocol: asyncio.StreamReaderProtocol) -> asyncio.Transport:
        action = self._action
        try:
            secure = await self._driver.loop.start_tls(
                transport, protocol, self._driver.tls(), server_hostname=action.host
            )
        except TypeError as error:
            # The streams of TLS that Python 3.10 makes carry no second TLS.
            raise ConnectError(
                f"this event loop has no TLS inside TLS, which {place(action)} needs",
                hint="Python 3.11 can do it, the sync and the trio client can, and so can a proxy with an http:// URL",
            ) from error
        assert secure is not None
        # The loop takes the protocol for one that has got its connection already.
        protocol.connection_made(secure)
        return secure

    async def _read(self, reader: asyncio.StreamReader) -> None:
        driver, number = self._driver, self._number
        while True:
            try:
                data = await reader.read(READ_SIZE)
            except Exception as error:  # streams from elsewhere may have errors of their own
                what = f"the connection to {self._where} broke"
                self._lose(self._write_error or transport_error(ReadError, what, error))
                return
            if not data and self._write_error is not None:
                self._lose(self._write_error)
                return
            # No await from here on: what was read is reported.
            driver.report(driver.client.receive_data, number, data)
            if not data:
                return

    async def _write(self) -> None:
        writer = self._writer
        assert writer is not None
        try:
            while self._outgoing:
                item = self._outgoing.popleft()
                if isinstance(item, bytes):
                    writer.write(item)
                else:
                    await self._write_file(writer, item)
        except WriteError as error:
            self._lose(error)
        except Exception as error:
            # A server that refuses an upload early answers and closes: what it said may still be read.
            what = f"the connection to {self._where} broke"
            self._write_error = transport_error(WriteError, what, error)
        finally:
            self._writing = None

    async def _write_file(self, writer: asyncio.StreamWriter, file: FilePart) -> None:
        driver, number = self._driver, self._number
        source = FileSource(file)
        try:
            # Read here, not in a thread: that would take longer than a piece takes to come from the system's cache.
            while piece := source.read():
                writer.write(piece)
                await writer.drain()
                # While the socket takes all, nothing above gives others their turn. And a transport that cannot write
                # reads no more either, so what the server says of an upload that it refuses has to be read before.
                await asyncio.sleep(0)
                driver.report(driver.client.file_sent, number, len(piece))
        finally:
            source.close()

    def _lose(self, error: TransportError) -> None:
        self._driver.report(self._driver.client.connection_lost, self._number, error)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _new_reader() -> tuple[asyncio.StreamReader, _Protocol]:
    reader = asyncio.StreamReader(limit=READ_SIZE)
    return reader, _Protocol(reader)


class _Protocol(asyncio.StreamReaderProtocol):
    """Reads what the server said before it stopped listening: "too large", perhaps.

    The loop itself drops that when it is a write that finds the connection broken. What comes over TLS only the loop
    could decrypt.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._reader = reader
        self._connected: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connected = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def abort(self) -> None:
        """Close the connection at once, if there is one."""
        if self._connected is not None:
            self._connected.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self._connected is not None and self._read_rest(self._connected):
            exc = None  # the reader would give that first, and what was read never
        super().connection_lost(exc)

    def _read_rest(self, transport: asyncio.BaseTransport) -> bool:
        """Give the reader what has arrived; tells whether it was anything."""
        some = False
        if transport.get_extra_info("sslcontext") is None:
            # It is read to its end, which is an error; sockets of other loops have no copies (a TypeError).
            with contextlib.suppress(OSError, TypeError), transport.get_extra_info("socket").dup() as rest:
                while data := rest.recv(READ_SIZE):
                    self._reader.feed_data(data)
                    some = True
        return some


async def _connect_socket(host: str, port: int) -> socket.socket:
    """Connect to one of a host's addresses; a slow one does not keep the next one waiting (RFC 8305).

    asyncio can do that, too, but other loops cannot, and it loses sockets when it is cancelled (seen in Python 3.11).
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = in_turns(found)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException = OSError("the name has no address")
    opened: socket.socket | None = None
    try:
        while addresses or attempts:
            if addresses:
                family, _, _, _, address = addresses.popleft()
                attempts.add(loop.create_task(_try_address(family, address)))
            delay = HAPPY_EYEBALLS_DELAY if addresses else None
            done, _ = await asyncio.wait(attempts, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                problem = attempt.exception()
                if problem is None:
                    opened = attempt.result()
                    return opened
                failure = problem
        raise failure
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_close_opened)
        if attempts:
            try:
                await asyncio.wait(attempts)
            except asyncio.CancelledError:
                if opened is not None:
                    opened.close()  # nobody gets it any more
                raise


def _close_opened(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _try_address(family: int, address: Any) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, address)
    except BaseException:
        opened.close()
        raise
    return opened
