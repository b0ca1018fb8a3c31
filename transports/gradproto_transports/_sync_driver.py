"""The sync driver: one thread that does all the I/O of one client.

Only that thread touches the session. Other threads leave work for it in a queue and wait for what comes of it, so that
an interrupt (Ctrl-C) can hit them anywhere without harm. Callbacks of the user run on the thread too, between two
turns; one that waits for something turns the loop itself meanwhile, so that it cannot wait for ever for itself.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from gradproto import ConnectError, Event, LocalProtocolError, ReadError, TransportError, WriteError
from gradproto.wire import Action, Close, Connect, Conversation, Send, SendFile, Tunnel, WireClient

from ._files import FileSource, transport_error
from ._home import Home
from ._proxy import Proxies, place
from ._sync_race import Race

if TYPE_CHECKING:
    import ssl

    from ._nested_tls import NestedTLS

__all__ = ["Driver", "OpenStream"]

T = TypeVar("T")
OpenStream = Callable[[str, int, bool], socket.socket]

SMALL_READ = 64 * 1024
LARGE_READ = 1024 * 1024
# Seconds; epoll takes no more than some 24 days. Who waits longer just looks again.
LONGEST_WAIT = 3600.0
# How many bytes one connection may write, or read with TLS, before the others have their turn.
WRITE_BUDGET = 4 * 1024 * 1024
READ_BUDGET = 1024 * 1024


class Driver:
    """The I/O thread of one client.

    ``on_event`` is called on the thread for each event, ``on_stop`` when the thread ends, with the exception that
    ended it, if one did. ``proxies`` says which connections go through which proxy. ``tls`` makes the context for TLS
    connections, when the first is needed.
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
        self.client: WireClient = WireClient(
            session, connect_timeout=connect_timeout, entropy=os.urandom, proxies=proxies.find
        )
        self.home: Home = Home()
        self.tls = tls
        self.open_stream = open_stream
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._on_event = on_event
        self._on_stop = on_stop
        self._connections: dict[int, _Connection] = {}
        self._unread: list[_Connection] = []
        self.races: set[Race] = set()
        self._work: deque[Callable[[], None]] = deque()
        self._callbacks: deque[Callable[[], None]] = deque()
        self._calling_back = False
        self._stop_asked = False
        self._stopping = False
        # So that no work is left in the queue after the thread has looked into it for the last time.
        # Reentrant: a client that the garbage collector finds in the middle of that leaves work, too.
        self._closing = threading.RLock()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self.selector.register(self._wake_receiver, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="gradproto", daemon=True)
        self._thread.start()

    @property
    def on_thread(self) -> bool:
        """Whether the caller runs on the I/O thread."""
        return threading.current_thread() is self._thread

    @property
    def alive(self) -> bool:
        """Whether the thread still works."""
        return not self._stopping and not self.home.left and self._thread.is_alive()

    def post(self, work: Callable[[], None]) -> None:
        """Let the thread do ``work``, soon; raises `LocalProtocolError` if it has stopped."""
        self.home.check()  # before the lock, which the thread may have held when this process was forked
        if not self.try_post(work):
            raise LocalProtocolError("the client is closed")

    def try_post(self, work: Callable[[], None]) -> bool:
        """Let the thread do ``work``, soon; return whether it will: it may be about to stop."""
        with self._closing:
            if self._stopping:
                return False
            self._work.append(work)
        self._wake()
        return True

    def call(self, work: Callable[[], T]) -> T:
        """Let the thread do ``work`` and wait for what it returns or raises."""
        self.home.check()
        if self.on_thread:
            return work()
        answer: Future[T] = Future()

        def do() -> None:
            try:
                result = work()
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(result)

        self.post(do)
        return answer.result()

    def call_back(self, callback: Callable[[], None]) -> None:
        """Let a callback of the user run, on the thread, when this turn is over."""
        self._callbacks.append(callback)

    def wait(self, changed: threading.Condition, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until ``ready()``, which may become true when ``changed`` is notified; return False if time ran out."""
        self.home.check()
        if ready():
            return True
        if not self.on_thread:
            with changed:
                return changed.wait_for(ready, timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while not ready():
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._turn(left, ready)
            self.home.check()
        return True

    def stop(self) -> None:
        """Let the thread end once it has done what was asked of it; does not wait for that."""
        self._work.append(self._stop)
        self._wake()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if not self.on_thread:
            self._thread.join()

    def leave(self) -> None:
        """Let go of the sockets in a process that has them only because it was forked.

        What is common to both stays as it is: what the selector watches, what TLS says to the other end at its close.
        """
        for connection in list(self._connections.values()):
            connection.leave()
        self._connections.clear()
        self.selector.close()
        self._wake_receiver.close()
        self._wake_sender.close()

    # --- on the thread -----------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._stop_asked = True

    def _wake(self) -> None:
        try:
            self._wake_sender.send(b"\0")
        except BlockingIOError:
            pass  # it is full of wake-ups already
        except OSError:
            pass  # the thread has ended: nobody is left to wake

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            while not self._stop_asked and not self.home.left:
                self._turn(None, lambda: self._stop_asked)
            if not self.home.left:
                self.client.close()
                self._carry_out()
                self._run_callbacks()
        except BaseException as error:
            failure = error
            raise
        finally:
            self._end(failure)

    def _end(self, failure: BaseException | None) -> None:
        if self.home.left:
            # A callback has forked this process, and come back.
            self.leave()
        else:
            with self._closing:
                self._stopping = True
            for connection in list(self._connections.values()):
                connection.close()
            self.selector.close()
            self._wake_receiver.close()
            self._wake_sender.close()
            try:
                while self._work:
                    self._work.popleft()()
            finally:
                self._on_stop(failure)

    def _turn(self, limit: float | None, enough: Callable[[], bool]) -> None:
        """Do what is to be done; if that is not ``enough``, wait for the network, for ``limit`` seconds at most."""
        work = self._work
        while work:
            work.popleft()()
        client = self.client
        client.tick(time.monotonic())
        self._carry_out()
        if self._callbacks and not self._calling_back:
            self._run_callbacks()
            return
        if enough() or self.home.left:
            return
        deadline = client.next_deadline()
        for race in self.races:
            if race.due is not None and (deadline is None or race.due < deadline):
                deadline = race.due
        timeout = limit
        if deadline is not None:
            left = max(0.0, deadline - time.monotonic())
            timeout = left if limit is None else min(left, limit)
        if timeout is not None:
            timeout = min(timeout, LONGEST_WAIT)
        unread, self._unread = self._unread, []
        for key, mask in self.selector.select(0 if unread else timeout):
            if key.data is None:
                self._wake_receiver.recv(4096)
            else:
                key.data.ready(mask)
        for connection in unread:
            connection.ready(selectors.EVENT_READ)
        if self.races:
            now = time.monotonic()
            for race in list(self.races):
                if race.due is not None and race.due <= now:
                    race.go_on()

    def _carry_out(self) -> None:
        client = self.client
        while True:
            while (action := client.next_action()) is not None:
                self._obey(action)
            event = client.next_event()
            if event is None:
                return
            self._on_event(event)
            if self.home.left:
                return  # whoever hears of the end of a job, a future, may do anything

    def _run_callbacks(self) -> None:
        # One that waits for something turns the loop; the others keep their order meanwhile.
        self._calling_back = True
        try:
            while self._callbacks and not self.home.left:
                self._callbacks.popleft()()
        finally:
            self._calling_back = False

    def _obey(self, action: Action) -> None:
        if isinstance(action, Connect):
            connection = _Connection(self, action)
            self._connections[action.connection] = connection
            connection.connect()
            return
        found = self._connections.get(action.connection)
        if found is None:
            return  # it was lost a moment ago, and the client knows by now
        if isinstance(action, Send):
            found.send(action.data)
        elif isinstance(action, SendFile):
            found.send(FileSource(action.file))
        else:
            assert isinstance(action, Close)
            self.forget(found)

    def read_on(self, connection: _Connection) -> None:
        """Let a connection read in the next turn, whatever the selector says."""
        self._unread.append(connection)

    def forget(self, connection: _Connection) -> None:
        """Close a connection."""
        self._connections.pop(connection.number, None)
        connection.close()


class _Connection:
    """One non-blocking socket, perhaps with TLS."""

    def __init__(self, driver: Driver, action: Connect) -> None:
        self.number: int = action.connection
        self._driver = driver
        self._where = f"{action.host}:{action.port}"
        self._action = action
        # What the socket is connected to itself.
        self._first = action if action.proxy is None else action.proxy
        self._race: Race | None = None  # for as long as there is no socket
        self._socket: socket.socket | NestedTLS | None = None
        self._tls = False  # whether there is any on it
        self._secure: ssl.SSLSocket | NestedTLS | None = None  # the same, where this object has put it there
        # What there is still to do between the address and the app, in order.
        self._way: deque[Callable[[], None]] = deque()
        self._tunnel: Tunnel | None = None
        self._unasked = b""  # what is left of the tunnel's request
        self._events = 0
        self._step: Callable[[int], None] = self._handshake
        self._outgoing: deque[memoryview | FileSource] = deque()
        self._piece = memoryview(b"")  # what is left of the piece of the file at the front
        self._read_size = SMALL_READ
        self._retry_read_on_write = False

    def connect(self) -> None:
        """Begin to connect; goes on when the socket is ready."""
        action = self._action
        if self._driver.open_stream is not None:
            try:
                self._use(self._driver.open_stream(action.host, action.port, action.tls))
            except Exception as error:  # streams from elsewhere may have errors of their own
                self._fail(ConnectError, f"could not connect to {place(action)}", error)
            else:
                self._tls = action.tls
                self._opened()
            return
        try:
            found = socket.getaddrinfo(self._first.host, self._first.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._fail(ConnectError, f"could not connect to {place(action)}", error)
            return
        self._race = Race(self._driver.selector, found, won=self._win, lost=self._lose_race)
        self._driver.races.add(self._race)
        self._race.go_on()

    def send(self, data: bytes | FileSource) -> None:
        """Write, now or when the socket takes it."""
        self._outgoing.append(memoryview(data) if isinstance(data, bytes) else data)
        if self._step == self._transfer and len(self._outgoing) == 1:
            self._write()

    def ready(self, mask: int) -> None:
        """The socket can be read or written."""
        if self._socket is not None:  # it may have been closed earlier in this turn
            self._step(mask)

    def close(self) -> None:
        """Close the socket, and the file that was being sent."""
        self._drop_outgoing()
        if self._race is not None:
            self._race.close()
            self._end_race()
        opened, self._socket = self._socket, None
        if opened is not None:
            if self._events:
                self._driver.selector.unregister(opened)
                self._events = 0
            opened.close()

    def leave(self) -> None:
        """Close the socket, in a process that has only a copy."""
        self._drop_outgoing()
        if self._race is not None:
            self._race.leave()
        opened, self._socket = self._socket, None
        if opened is not None:
            opened.close()

    def _drop_outgoing(self) -> None:
        for item in self._outgoing:
            if isinstance(item, FileSource):
                item.close()
        self._outgoing.clear()

    def _use(self, opened: socket.socket) -> None:
        opened.setblocking(False)
        self._socket = opened

    def _win(self, opened: socket.socket) -> None:
        self._end_race()
        self._use(opened)
        self._connected()

    def _lose_race(self, error: OSError) -> None:
        self._end_race()
        self._fail(ConnectError, f"could not connect to {place(self._action)}", error)

    def _end_race(self) -> None:
        if self._race is not None:
            self._driver.races.discard(self._race)
            self._race = None

    def _connected(self) -> None:
        assert isinstance(self._socket, socket.socket)
        # A request is one write; waiting for more to send with it would only delay it.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        action = self._action
        if self._first.tls:
            self._way.append(lambda: self._encrypt(self._first.host))
        if action.proxy is not None and action.tunnel:
            self._way.append(self._begin_tunnel)
            if action.tls:
                self._way.append(lambda: self._encrypt(action.host))
        self._go_on()

    def _go_on(self) -> None:
        if self._way:
            self._way.popleft()()
        else:
            self._opened()

    def _begin_tunnel(self) -> None:
        action = self._action
        assert action.proxy is not None
        self._tunnel = Tunnel(action.proxy, action.host, action.port)
        self._unasked = self._tunnel.request
        self._step = self._ask_for_tunnel
        self._ask_for_tunnel(0)

    def _ask_for_tunnel(self, mask: int) -> None:
        assert self._socket is not None
        assert self._tunnel is not None
        try:
            while self._unasked:
                self._unasked = self._unasked[self._socket.send(self._unasked) :]
            while not self._tunnel.receive_data(self._socket.recv(SMALL_READ)):
                pass
        except OSError as error:
            if not self._waits(error):
                self._fail(ConnectError, f"could not connect to {place(self._action)}", error)
        except ConnectError as error:
            self._lose(error)
        else:
            self._go_on()

    def _encrypt(self, host: str) -> None:
        import ssl

        opened = self._socket
        assert isinstance(opened, socket.socket)
        try:
            if isinstance(opened, ssl.SSLSocket):
                from ._nested_tls import NestedTLS

                self._socket = self._secure = NestedTLS(opened, self._driver.tls(), host)
            else:
                events, self._events = self._events, 0
                if events:
                    self._driver.selector.unregister(opened)
                self._socket = self._secure = self._driver.tls().wrap_socket(
                    opened, server_hostname=host, do_handshake_on_connect=False
                )
        except (OSError, ValueError) as error:
            self._fail(ConnectError, f"TLS with {place(self._action)} failed", error)
            return
        self._tls = True
        self._step = self._handshake
        self._handshake(0)

    def _handshake(self, mask: int) -> None:
        assert self._secure is not None
        try:
            self._secure.do_handshake()
        except (OSError, ValueError) as error:
            if not self._waits(error):
                self._fail(ConnectError, f"TLS with {place(self._action)} failed", error)
        else:
            self._go_on()

    def _waits(self, error: Exception) -> bool:
        """Whether a step on the way only has to wait for the network; if so, it goes on when that is ready."""
        if isinstance(error, BlockingIOError):
            self._listen(selectors.EVENT_WRITE if self._unasked else selectors.EVENT_READ)
            return True
        if not self._tls:
            return False
        import ssl

        if isinstance(error, ssl.SSLWantReadError):
            self._listen(selectors.EVENT_READ)
            return True
        if isinstance(error, ssl.SSLWantWriteError):
            self._listen(selectors.EVENT_WRITE)
            return True
        return False

    def _opened(self) -> None:
        self._step = self._transfer
        self._listen(selectors.EVENT_READ)
        self._driver.client.connection_made(self.number)
        if self._outgoing:
            self._write()

    def _transfer(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._write()
        if mask & selectors.EVENT_READ or self._retry_read_on_write:
            self._read()

    def _read(self) -> bool:
        """Read once, or with TLS until there is nothing more or others have waited enough; return if anything came."""
        opened = self._socket
        budget = READ_BUDGET
        self._retry_read_on_write = False
        came = False
        while opened is not None and self._socket is opened:
            try:
                data = opened.recv(self._read_size)
            except BlockingIOError:
                break
            except OSError as error:
                if not self._wants_more(error):
                    self._fail(ReadError, f"the connection to {self._where} broke", error)
                break
            self._driver.client.receive_data(self.number, data)
            if not data:
                break
            came = True
            if len(data) == self._read_size:
                self._read_size = min(4 * self._read_size, LARGE_READ)
            elif self._read_size > SMALL_READ:
                self._read_size = SMALL_READ
            # TLS may hold decrypted bytes that the selector does not know of.
            if not self._tls:
                break
            budget -= len(data)
            if budget <= 0:
                self._driver.read_on(self)
                break
        return came

    def _write(self) -> None:
        """Write until the socket takes no more, or the other connections have waited long enough."""
        opened = self._socket
        assert opened is not None
        budget = WRITE_BUDGET
        while self._outgoing and budget > 0:
            item = self._outgoing[0]
            try:
                if isinstance(item, FileSource):
                    if not self._piece:
                        self._piece = memoryview(item.read())
                        if not self._piece:
                            self._outgoing.popleft()
                            continue
                    sent = opened.send(self._piece)
                    self._piece = self._piece[sent:]
                    self._driver.client.file_sent(self.number, sent)
                else:
                    sent = opened.send(item)
                    if sent == len(item):
                        self._outgoing.popleft()
                    else:
                        self._outgoing[0] = item[sent:]
            except BlockingIOError:
                break
            except WriteError as error:
                self._lose(error)
                return
            except OSError as error:
                if self._wants_more(error):
                    break
                # What the server said before it stopped listening tells more than that it did: "too large", perhaps.
                self._drop_outgoing()
                while self._read():
                    pass
                if self._socket is opened:
                    self._fail(WriteError, f"the connection to {self._where} broke", error)
                return
            budget -= sent
        self._listen(selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0))

    def _wants_more(self, error: OSError) -> bool:
        """Whether TLS only has to wait for the network, in one direction or the other."""
        if not self._tls:
            return False
        import ssl

        if isinstance(error, ssl.SSLWantReadError):
            return True
        if isinstance(error, ssl.SSLWantWriteError):
            self._retry_read_on_write = True
            self._listen(selectors.EVENT_READ | selectors.EVENT_WRITE)
            return True
        return False

    def _listen(self, events: int) -> None:
        assert self._socket is not None
        if events == self._events:
            return
        if self._events:
            self._driver.selector.modify(self._socket, events, self)
        else:
            self._driver.selector.register(self._socket, events, self)
        self._events = events

    def _fail(self, kind: type[ConnectError] | type[ReadError] | type[WriteError], what: str, error: Exception) -> None:
        self._lose(transport_error(kind, what, error))

    def _lose(self, error: TransportError) -> None:
        self._driver.client.connection_lost(self.number, error)
        self._driver.forget(self)
