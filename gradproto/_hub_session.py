"""The session of a client that wants something of the Hub itself: how a Space is, that it wakes up, a copy of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import NoneType
from typing import cast

from ._commands import Command
from ._door import Door
from ._duplicate import Duplication, DuplicationPlan
from ._errors import ArgumentError, GradprotoError, LocalProtocolError, RemoteProtocolError
from ._events import Event, HubFailed, SpaceDuplicated, SpaceFound
from ._exchanges import Exchanges
from ._headers import FIXED_HEADERS
from ._hub import Hub, app_token_header
from ._json import JSONValue
from ._space_wait import SPACE_WAIT, SpaceWait, check_space_wait
from ._spaces import HUB_URL, SpaceInfo, parse_hub_url, parse_space, require_space
from ._timeouts import Timeouts
from ._timers import Timers

__all__ = ["HubSession"]


class HubSession(Door):
    """A conversation with the Hugging Face Hub at ``hub_url``, used through the session door as `Session` is.

    ``token`` is a Hugging Face token; it goes to the Hub, and to the app of the Space that is woken. ``entropy(n)``
    returns n random bytes. It does one thing at a time; what comes of it are the events of `HubEvent`, of which
    `SpaceFound`, `SpaceDuplicated` or `HubFailed` is the last.

    Raises `ArgumentError` for an address or a token that cannot be used.
    """

    def __init__(
        self,
        hub_url: str = HUB_URL,
        *,
        entropy: Callable[[int], bytes],
        token: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        if not isinstance(cast(object, timeouts), (Timeouts, NoneType)):
            raise ArgumentError(f"timeouts is of type {type(cast(object, timeouts)).__name__}, not Timeouts")
        commands: deque[Command] = deque()
        events: deque[Event] = deque()
        timers = Timers()
        exchanges = Exchanges(
            "",
            timers=timers,
            commands=commands,
            headers=FIXED_HEADERS,
            credentials=() if token is None else app_token_header(token),
        )
        super().__init__(commands=commands, events=events, exchanges=exchanges, timers=timers)
        self._entropy = entropy
        self._token = token
        self._hub = Hub(exchanges, parse_hub_url(hub_url), token=token, timeout=(timeouts or Timeouts()).request)
        self._busy = False
        self._wait: SpaceWait | None = None
        self._duplication: Duplication | None = None
        self._closed = False

    @property
    def hub_url(self) -> str:
        """Where the Hub is, without a slash at the end."""
        return self._hub.url

    def find(self, space: str) -> None:
        """Ask how a Space is, now; ``space`` is ``owner/name``, the URL of its page, or its app's under hf.space."""
        self._check_free()
        name = require_space(space, self.hub_url)
        what = f"the question about the Space {name.label}"

        def answered(value: JSONValue) -> None:
            try:
                self._found(parse_space(value, name=name, hub_url=self.hub_url, what=what))
            except RemoteProtocolError as error:
                self._failed(error)

        self._busy = True
        self._hub.get(what, name.route, answered, self._failed, space=name.label)

    def wake(self, space: str, *, space_wait: float = SPACE_WAIT) -> None:
        """Let a Space run if it sleeps, and wait until it does, at most ``space_wait`` seconds."""
        self._check_free()
        check_space_wait(space_wait)
        name = require_space(space, self.hub_url)
        self._wait = SpaceWait(
            self._hub,
            name,
            exchanges=self._exchanges,
            timers=self._timers,
            entropy=self._entropy,
            limit=space_wait,
            ready=self._woken,
            failed=self._failed,
            report=self._events.append,
        )
        self._busy = True
        self._wait.start()

    def duplicate(
        self,
        from_id: str,
        to_id: str | None = None,
        *,
        private: bool = True,
        hardware: str | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        sleep_timeout: float | None = 5,
    ) -> None:
        """Make a copy of a Space under another name, or find the one that is there.

        ``to_id`` is ``owner/name``, where the owner may be an organisation, or a name under the token's own owner; by
        default that of the original; where that is the original itself, nothing of it is changed. ``hardware`` is by
        default the original's. ``secrets`` and ``variables`` are set when the copy is created, and only then.
        ``sleep_timeout`` is in minutes without a request, for hardware that costs money; ``None`` leaves it as it is.

        Raises `ArgumentError` before anything is sent, also where there is no token. It ends with `SpaceDuplicated`, or
        with `HubFailed`, whose error is a `DuplicationError` when a change failed.
        """
        self._check_free()
        plan = DuplicationPlan.of(
            from_id,
            to_id,
            hub_url=self.hub_url,
            private=private,
            hardware=hardware,
            secrets=secrets,
            variables=variables,
            sleep_timeout=sleep_timeout,
        )
        if self._token is None:
            raise ArgumentError("a Space is duplicated with somebody's token", hint="pass `token`")
        self._busy = True
        self._duplication = Duplication(self._hub, plan, finished=self._end, failed=self._failed)
        self._duplication.start()

    def give_up(self, error: GradprotoError) -> None:
        """Let what is under way fail with ``error``, if anything is: with `HubFailed`, at once.

        Where a copy was being made, the error of that is a `DuplicationError` that says what was done.
        """
        if self._duplication is not None:
            self._duplication.give_up(error)
        elif self._busy:
            self._hub.stop()
            self._failed(error)

    def close(self) -> None:
        """Stop everything; nothing more comes of what was asked for. Closing twice is fine."""
        self._closed = True
        self._busy = False
        self._duplication = None
        self._stop_waiting()
        self._hub.stop()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _check_free(self) -> None:
        if self._closed:
            raise LocalProtocolError("can't ask the Hub when the session is closed")
        if self._busy:
            raise LocalProtocolError("can't ask the Hub for two things at once")

    def _found(self, info: SpaceInfo) -> None:
        self._end(SpaceFound(space=info))

    def _woken(self, info: SpaceInfo) -> None:
        assert self._wait is not None
        if self._wait.unresolved is not None:
            # There may be an app at that address, but it is not tried here, and the Hub knows of none.
            self._failed(self._wait.unresolved)
        else:
            self._found(info)

    def _failed(self, error: GradprotoError) -> None:
        self._end(HubFailed(error=error.with_traceback(None)))

    def _end(self, event: SpaceFound | SpaceDuplicated | HubFailed) -> None:
        self._stop_waiting()
        self._busy = False
        self._duplication = None
        self._events.append(event)

    def _stop_waiting(self) -> None:
        wait, self._wait = self._wait, None
        if wait is not None:
            wait.stop()
