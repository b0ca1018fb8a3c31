"""From the name of a Space to where its app runs: the Hub is asked, and asked again while the app is not there yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from ._errors import ArgumentError, AuthenticationError, GradprotoError, RemoteProtocolError, SpaceError
from ._events import SpaceStageReported
from ._exchanges import Exchange, Exchanges, Headers
from ._hub import Hub
from ._json import JSONValue
from ._record import replace
from ._retry import GATEWAY_STATUSES, is_passing, spread, with_hint
from ._spaces import SpaceInfo, SpaceName, parse_space, stage_error, waits, with_runtime
from ._timers import LONGEST_TIMER, Timer, Timers

__all__ = ["SPACE_WAIT", "SpaceWait", "check_space_wait"]

# Seconds to wait for a Space by default: what a large one with a GPU takes to wake up, and more.
SPACE_WAIT = 300.0

# Seconds until the Hub is asked again; each delay is twice the one before, up to the last.
FIRST_DELAY = 1.0
LAST_DELAY = 10.0
# A sleeping Space that was asked for and sleeps on after so many looks is asked for once more.
LOOKS_A_WAKING = 4


def check_space_wait(space_wait: object) -> None:
    """Raise `ArgumentError` for what is no bound of a wait."""
    number = isinstance(space_wait, (int, float)) and not isinstance(space_wait, bool)
    if not number or not 0 <= cast(float, space_wait) <= LONGEST_TIMER:
        raise ArgumentError(f"space_wait is {space_wait!r:.80}: it must be a number of seconds, from 0")


class SpaceWait:
    """Waits until a Space's app runs, at most ``limit`` seconds, with one request for each delay.

    ``ready`` is called with what is known of the Space when its app may be spoken to, ``failed`` when it will not be;
    ``report`` hears of each look at a Space that is not ready. If the app does not answer as one does, `not_answering`
    goes on from there. Until the app's address is known, no origin is the app's, for ``exchanges``.
    """

    def __init__(
        self,
        hub: Hub,
        name: SpaceName,
        *,
        exchanges: Exchanges,
        timers: Timers,
        entropy: Callable[[int], bytes],
        limit: float,
        ready: Callable[[SpaceInfo], None],
        failed: Callable[[GradprotoError], None],
        report: Callable[[SpaceStageReported], None],
    ) -> None:
        self.name = name
        self.info: SpaceInfo | None = None
        # Why the Hub could not say where an app is whose address is known all the same.
        self.unresolved: GradprotoError | None = None
        self._hub = hub
        self._exchanges = exchanges
        self._timers = timers
        self._entropy = entropy
        self._limit = limit
        self._ready = ready
        self._failed = failed
        self._report = report
        # Runs from the first delay on, also while the app itself is tried.
        self._deadline: Timer | None = None
        self._over = False
        self._resting = False  # while the app itself is tried
        self._step: Timer | None = None
        self._delay = FIRST_DELAY
        self._looks = 0  # since the Space was asked for
        self._wake: _Wake | None = None
        # Why an app that should be there is not taken for one.
        self._trouble: GradprotoError | None = None

    # --- what is asked -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or begin anew after a failure, with the whole bound."""
        self._trouble = self.unresolved = None
        self._hub.get(self._what, self.name.route, self._described, self._undescribed, space=self.name.label)

    def not_answering(self, error: GradprotoError) -> None:
        """The app's address answered, but not as a Gradio app does: perhaps it fell asleep, or is being started."""
        if self.unresolved is not None:
            # The Hub's refusal says why; that it could not answer only adds to what the app's address says.
            refused = isinstance(self.unresolved, SpaceError) and (self.unresolved.status or 0) < 500
            self._fail(self.unresolved if refused else with_hint(error, f"and of the Hub: {self.unresolved}"))
            return
        self._trouble = error
        if self._deadline is None:
            self._look()
        else:
            self._wait(self._known, self._look)

    def stop(self) -> None:
        """Let go of everything."""
        self._timers.cancel(self._deadline)
        self._deadline = None
        self._rest()

    def _rest(self) -> None:
        self._timers.cancel(self._step)
        self._hub.stop()
        wake, self._wake = self._wake, None
        if wake is not None:
            self._exchanges.abort(wake)

    # --- what the Hub says -------------------------------------------------------------------------------------------

    @property
    def _what(self) -> str:
        return f"the question about the Space {self.name.label}"

    def _described(self, value: JSONValue) -> None:
        hub = self._hub
        try:
            info = self.info = parse_space(value, name=self.name, hub_url=hub.url, what=self._what)
        except RemoteProtocolError as error:
            self._undescribed(error)
            return
        if info.host is not None:
            self._exchanges.app_url = info.host
        if info.stage is None:
            self._look()
        else:
            self._judge(info)

    def _undescribed(self, error: GradprotoError) -> None:
        name = self.name
        if name.subdomain is None or isinstance(error, AuthenticationError):
            self._fail(error)
            return
        # Its address says where it is, so that it needs nobody else: this Hub may be one that knows nothing of it.
        self.unresolved = error
        host = f"https://{name.label}"
        self._exchanges.app_url = host
        self._go(SpaceInfo(id=name.label, page=host, host=host))

    def _look(self) -> None:
        info = self._known
        path = f"/api/spaces/{info.id}/runtime"
        self._hub.get(self._what, path, self._seen, self._unseen, space=info.id)

    def _seen(self, value: JSONValue) -> None:
        try:
            info = self.info = with_runtime(self._known, value, self._what)
        except RemoteProtocolError as error:
            self._fail(error)
            return
        self._looks += 1
        self._judge(info)

    def _unseen(self, error: GradprotoError) -> None:
        """One look that fails is no reason to give up what has been waited for."""
        if self._deadline is None or not is_passing(error):
            self._fail(error)
        else:
            self._wait(self._known, self._look, at_least=error.retry_after or 0.0)

    @property
    def _known(self) -> SpaceInfo:
        assert self.info is not None
        return self.info

    # --- what that means ---------------------------------------------------------------------------------------------

    def _judge(self, info: SpaceInfo) -> None:
        broken = stage_error(info)
        trouble = self._trouble
        if broken is not None:
            self._fail(broken)
        elif waits(info.stage):
            self._trouble = None  # that is why
            if info.stage == "SLEEPING" and self._limit > 0 and (self._wake is None or self._looks >= LOOKS_A_WAKING):
                self._ask_for(info)
            self._wait(info, self._look)
        elif trouble is None:
            self._go(info)
        elif trouble.status in GATEWAY_STATUSES and self._limit > 0:
            self._wait(info, lambda: self._go(info))
        else:
            self._fail(trouble)

    def _go(self, info: SpaceInfo) -> None:
        if info.host is None:
            self._find_host(info)
            return
        self._trouble = None
        self._rest()
        self._resting = True
        self._ready(info)

    def _find_host(self, info: SpaceInfo) -> None:
        """Ask for the app's address by itself, where the description does not give it."""

        def answered(value: JSONValue) -> None:
            try:
                described = parse_space(value, name=SpaceName(id=info.id), hub_url=self._hub.url, what=self._what)
            except RemoteProtocolError as error:
                self._fail(error)
                return
            if described.host is None:
                text = f"the Hub does not say where the app of the Space {info.id} is"
                self._fail(SpaceError(text, stage=info.stage, hint=f"see {info.page}"))
                return
            self._exchanges.app_url = described.host
            self.info = replace(info, host=described.host)
            self._go(self.info)

        self._hub.get(self._what, f"/api/spaces/{info.id}/host", answered, self._fail, space=info.id)

    def _fail(self, error: GradprotoError) -> None:
        self.stop()
        self._failed(error)

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _wait(self, info: SpaceInfo, go_on: Callable[[], None], *, at_least: float = 0.0) -> None:
        """Go on in a while, unless the whole wait is over by then."""
        if self._over or self._limit <= 0:
            self._give_up()
            return
        if self._deadline is None:
            self._deadline = self._timers.start(self._limit, self._expire)
        delay = max(at_least, spread(self._delay, self._entropy))
        self._delay = min(2 * self._delay, LAST_DELAY)
        self._resting = False
        self._step = self._timers.start(delay, go_on)
        self._report(SpaceStageReported(space=info.id, stage=info.stage or "", waited=self._waited, delay=delay))

    @property
    def _waited(self) -> float:
        timer = self._deadline
        # A fresh one waits for the next tick to learn when it began.
        return 0.0 if timer is None or timer.fresh else self._timers.now - (timer.deadline - timer.seconds)

    def _expire(self) -> None:
        self._over = True
        if not self._resting:
            self._give_up()

    def _give_up(self) -> None:
        info, trouble = self._known, self._trouble
        if self._limit <= 0:
            text = f"the Space {info.id} is {info.stage}"
        elif trouble is None:
            text = f"the Space {info.id} is still {info.stage} after {self._limit:g} s (the limit 'space_wait')"
        else:
            text = (
                f"the Space {info.id} is {info.stage}, but its app did not come within {self._limit:g} s ('space_wait')"
            )
        error = SpaceError(text, stage=info.stage, hint=f"wait longer with space_wait=, or see {info.page}")
        error.__cause__ = trouble
        self._fail(error if trouble is None else with_hint(error, str(trouble)))

    def _ask_for(self, info: SpaceInfo) -> None:
        """Let a sleeping Space wake up: a request for its app does that, whatever becomes of the request."""
        if info.host is None:
            return
        if self._wake is not None:
            self._exchanges.abort(self._wake)
        self._looks = 0
        self._wake = _Wake()
        self._exchanges.start(self._wake, "GET", info.host + "/", headers=(("accept", "text/html"),))


class _Wake(Exchange):
    """A request whose answer says nothing that the Hub does not say better."""

    # It is not the app that answers.
    may_log_in_again = False
    follow_redirects = False

    def __init__(self) -> None:
        # It is stopped when the wait is over.
        super().__init__("the request that wakes the Space", timeout=None, limit="")

    def started(self, status: int, headers: Headers) -> None:
        pass

    def data(self, data: bytes) -> None:
        pass

    def ended(self) -> None:
        pass

    def failed(self, error: GradprotoError) -> None:
        pass
