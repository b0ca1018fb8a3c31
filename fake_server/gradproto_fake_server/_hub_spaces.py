"""A Space of the fake Hub: its stages over time, its machine, and what the Hub says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from ._app import FakeApp
from ._faults import Failing, Faults
from ._hub_front import SpaceFront
from ._log import RequestRecord
from ._schedule import Timer

if TYPE_CHECKING:
    from ._hub import FakeHub

__all__ = ["CPU_BASIC_SLEEP", "Gating", "HubSpace", "Stage"]

Stage = Literal[
    "NO_APP_FILE",
    "CONFIG_ERROR",
    "BUILDING",
    "BUILD_ERROR",
    "APP_STARTING",
    "RUNNING",
    "RUNNING_BUILDING",
    "RUNNING_APP_STARTING",
    "RUNTIME_ERROR",
    "SLEEPING",
    "STOPPED",
    "PAUSED",
    "DELETING",
]
Gating = Literal["auto", "manual", False]

CPU_BASIC_SLEEP = 172_800
"""After how many seconds without a request a Space on the free machine falls asleep."""

_STAGES: frozenset[str] = frozenset(get_args(Stage))
_SERVING = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
_BUSY = frozenset({"BUILDING", "APP_STARTING"})
_WITHOUT_START: frozenset[str] = frozenset({"NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR"})
_ERRORS = {
    "NO_APP_FILE": "No application file",
    "CONFIG_ERROR": "Missing configuration in README",
    "BUILD_ERROR": "Build failed with exit code: 1",
    "RUNTIME_ERROR": "Exit code: 1. Reason: application does not seem to be initialized",
}


class HubSpace(Failing):
    """A Space. Tests may change what is said of it at any time; its stage changes with time, or by hand."""

    def __init__(
        self,
        hub: FakeHub,
        space_id: str,
        app: Callable[[], FakeApp],
        *,
        private: bool,
        gated: Gating,
        disabled: bool,
        hardware: str,
        sleep_time: int | None,
        sdk: str,
        build_seconds: float,
        start_seconds: float,
    ) -> None:
        self.hub = hub
        self.id: str = space_id
        self.private = private
        self.gated: Gating = gated
        self.disabled = disabled
        self.granted: set[str] = set()
        """Names of the users who may see it though it is gated."""
        self.sdk = sdk
        self.likes = 0
        self.tags: list[str] = [sdk]
        self.title: str = self.name
        self.secrets: dict[str, dict[str, Any]] = {}
        """By key: value, description and date. The API never tells the values."""
        self.variables: dict[str, dict[str, Any]] = {}
        self.build_seconds = build_seconds
        self.start_seconds = start_seconds
        self.hardware: str | None = None
        """The machine it runs on; ``None`` where it runs on none."""
        self.requested_hardware: str = hardware
        self.sleep_time: int | None = sleep_time
        """After how many seconds without a request it falls asleep; ``None`` for never."""
        self.error_message: str | None = None
        self.duplicated_from: str | None = None
        self.faults: Faults = Faults(can_lose=False)
        self.history: list[tuple[float, Stage]] = []
        """When it was in which stage."""
        self.number: str = hub.new_id(24)
        self.sha: str = hub.new_id(40)
        self.created: str = hub.date()
        self.modified: str = self.created
        self.outcome: Stage = "RUNNING"
        """The stage in which building and starting it end: an error, if it shall not come so far."""
        self.subdomain: str = ""
        self.front: SpaceFront = SpaceFront(hub, self)
        """What stands between its address and its app."""
        self.app_factory: Callable[[], FakeApp] = app
        """Makes its app, anew for each start."""
        self._app: FakeApp | None = None
        self._host: str | None = None
        self._stage: Stage = "STOPPED"
        self._timer: Timer | None = None
        self._sleep_timer: Timer | None = None
        self._used = hub.now

    # -- for tests

    @property
    def owner(self) -> str:
        """The user or organisation whose it is."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name without the owner's."""
        return self.id.partition("/")[2]

    @property
    def host(self) -> str:
        """Its address, without a slash at the end. There is somebody to listen from when it is first asked for."""
        if self._host is None:
            self._host = self.hub.open_address(self.subdomain)
        return self._host

    @property
    def host_if_made(self) -> str | None:
        """Its address, if somebody has asked for it."""
        return self._host

    def move_to(self, subdomain: str) -> None:
        """Let it have another address, or a new one at the same name."""
        self.subdomain = subdomain
        self._host = None

    @property
    def app(self) -> FakeApp:
        """The app that runs in it; each start makes a new one. It is made when it is first asked for."""
        if self._app is None:
            self._app = self.app_factory()
            self._app.space_id = self.id
            self.hub.adopt(self._app)
        return self._app

    @property
    def app_if_made(self) -> FakeApp | None:
        """The app, if somebody has asked for it."""
        return self._app

    @property
    def stage(self) -> Stage:
        """The stage that it is in now."""
        return self._stage

    @property
    def serves(self) -> bool:
        """Whether requests reach its app."""
        return self._stage in _SERVING

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests to its address, oldest first, whether or not they reached its app."""
        return [record for record in self.hub.requests if record.site == self.id]

    def set_stage(self, stage: Stage, *, error_message: str | None = None) -> None:
        """Put it into a stage, in which it stays. Raises ``ValueError`` for one that there is not."""
        if stage not in _STAGES:
            raise ValueError(f"{stage!r} is no stage of a Space; there are {', '.join(sorted(_STAGES))}")
        self._cancel()
        self._enter(stage)
        if error_message is not None:
            self.error_message = error_message

    def play(self, *steps: tuple[Stage, float], then: Stage = "RUNNING") -> None:
        """Go through stages, each for so many seconds, and stay in the last; 0 seconds leave a stage out.

        Raises ``ValueError`` for stages that there are not and for times below zero.
        """
        for stage, seconds in (*steps, (then, 0.0)):
            if stage not in _STAGES or seconds < 0:
                raise ValueError(f"cannot be in {stage!r} for {seconds!r} seconds")
        self._cancel()
        self._go(list(steps), then)

    # -- what its owner does

    def build(self) -> None:
        """Build and start it."""
        if self.outcome in _WITHOUT_START:
            self.play(("BUILDING", self.build_seconds), then=self.outcome)
        else:
            self.play(("BUILDING", self.build_seconds), ("APP_STARTING", self.start_seconds), then=self.outcome)

    def start(self) -> None:
        """Start it, with an app that knows nothing of what was before."""
        self.drop_app()
        self.play(("APP_STARTING", self.start_seconds), then=self.outcome)

    def restart(self, *, factory: bool = False) -> None:
        """Start it anew, and build it first if ``factory`` is set."""
        self.drop_app()
        if factory:
            self.build()
        else:
            self.start()

    def request_hardware(self, flavor: str, sleep_time: int | None) -> None:
        """Ask for another machine, which restarts it."""
        self.requested_hardware = flavor
        self.sleep_time = CPU_BASIC_SLEEP if flavor == "cpu-basic" else sleep_time
        if self._stage not in _BUSY:  # who is about to start anyway does so on the new machine
            self.start()

    # -- for its front

    def used(self) -> None:
        """Somebody asked for it: it wakes up, or does not fall asleep for now."""
        self._used = self.hub.now
        if self._stage == "SLEEPING":
            self.start()

    # -- inside

    def _go(self, steps: list[tuple[Stage, float]], then: Stage) -> None:
        while steps and steps[0][1] == 0:
            del steps[0]
        if not steps:
            self._enter(then)
            return
        stage, seconds = steps.pop(0)
        self._enter(stage)
        self._timer = self.hub.schedule.call_after(seconds, lambda: self._go(steps, then))

    def _enter(self, stage: Stage) -> None:
        self._timer = None
        self._stage = stage
        self.history.append((self.hub.now, stage))
        self.error_message = _ERRORS.get(stage)
        if stage in _SERVING:
            self.hardware = self.requested_hardware
            self._watch_sleep()
            return
        if stage != "APP_STARTING":  # which still has the machine of before, if there was one
            self.hardware = None
        self.drop_app()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drop_app(self) -> None:
        """End the app, and cut what it was answering; whoever asks next meets a new one."""
        app, self._app = self._app, None
        if app is not None:
            self.front.cut()
            self.hub.abandon(app)

    def _watch_sleep(self) -> None:
        self._used = self.hub.now
        if self._sleep_timer is not None:
            self._sleep_timer.cancel()
            self._sleep_timer = None
        if self.sleep_time is not None:
            self._sleep_timer = self.hub.schedule.call_after(self.sleep_time, self._look)

    def _look(self) -> None:
        """Fall asleep if nobody has asked for it for long enough; else look again when that may be."""
        self._sleep_timer = None
        if not self.serves or self.sleep_time is None:
            return
        if self.front.open_exchanges:
            self._used = self.hub.now
        left = self._used + self.sleep_time - self.hub.now
        if left > 0:
            self._sleep_timer = self.hub.schedule.call_after(left, self._look)
        else:
            self.set_stage("SLEEPING")

    def set_sleep_time(self, seconds: int | None) -> None:
        """Set after how many seconds without a request it falls asleep."""
        self.sleep_time = seconds
        if self.serves:
            self._watch_sleep()

    # -- what the Hub says of it

    def runtime(self) -> dict[str, Any]:
        """Give ``/runtime``."""
        replicas = {"current": 1, "requested": 1} if self.serves else {"requested": 1}
        told: dict[str, Any] = {
            "stage": self._stage,
            "hardware": {"current": self.hardware, "requested": self.requested_hardware},
            "storage": None,
            "gcTimeout": self.sleep_time,
            "replicas": replicas,
            "devMode": False,
            "domains": [{"domain": self.host.partition("://")[2], "stage": "READY"}],
        }
        if self.error_message is not None:
            told["errorMessage"] = self.error_message
        if self._stage in _SERVING:
            told["sha"] = self.sha
        return told

    def info(self) -> dict[str, Any]:
        """Give all that the Hub tells of it."""
        return {**self._about(), "host": self.host, "runtime": self.runtime()}

    def _about(self) -> dict[str, Any]:
        """Give what does not need its address, for which a shell would have to listen."""
        return {
            "_id": self.number,
            "id": self.id,
            "author": self.owner,
            "sha": self.sha,
            "createdAt": self.created,
            "lastModified": self.modified,
            "private": self.private,
            "gated": self.gated,
            "disabled": self.disabled,
            "subdomain": self.subdomain,
            "tags": [*self.tags, "region:us"],
            "likes": self.likes,
            "sdk": self.sdk,
            "cardData": {"title": self.title, "emoji": "🔁", "sdk": self.sdk, "app_file": "app.py", "pinned": False},
            "siblings": [{"rfilename": name} for name in (".gitattributes", "README.md", "app.py")],
            "models": [],
            "datasets": [],
            "usedStorage": 0,
            "trendingScore": 0,
        }

    def expanded(self, expand: Sequence[str]) -> dict[str, Any]:
        """Give those things that are asked for."""
        return {key: value for key, value in self.info().items() if key in {"_id", "id", *expand}}

    def listed(self, *, full: bool) -> dict[str, Any]:
        """Give what a list tells of it."""
        info = self._about()
        if full:
            wanted: set[str] = set(info) - {"subdomain"}
        else:
            wanted = {"_id", "id", "likes", "private", "sdk", "tags", "createdAt", "trendingScore"}
        return {key: value for key, value in info.items() if key in wanted}
