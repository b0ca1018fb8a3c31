"""A copy of a Space under one's own name: the steps at the Hub, and what was done of them when one fails."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from ._errors import (
    ArgumentError,
    DeadlineExceeded,
    DuplicationError,
    GradprotoError,
    ReadError,
    RemoteProtocolError,
    WriteError,
)
from ._events import SpaceDuplicated
from ._hub import Hub, is_missing
from ._json import JSONValue
from ._record import field, record
from ._retry import GATEWAY_STATUSES, with_hint
from ._spaces import SpaceInfo, require_space, with_runtime
from ._timers import LONGEST_TIMER
from ._urls import is_space_id

__all__ = ["Duplication", "DuplicationPlan"]

# What costs nothing, and sleeps by its own rule.
FREE_HARDWARE = "cpu-basic"
# What leaves open whether the Hub did what it was asked for, as what a proxy in front of it says does.
_UNSURE = (ReadError, WriteError, DeadlineExceeded, RemoteProtocolError)
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_KEY = r"[A-Za-z_][A-Za-z0-9_]{0,255}"
_FLAVOR = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@record(frozen=True, slots=True, kw_only=True)
class DuplicationPlan:
    """What to make of which Space; the shapes are those of `HubSession.duplicate`."""

    from_id: str
    to_id: str | None
    private: bool
    hardware: str | None
    secrets: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str]
    sleep_timeout: float | None

    @classmethod
    def of(
        cls,
        from_id: str,
        to_id: str | None,
        *,
        hub_url: str,
        private: bool,
        hardware: str | None,
        secrets: Mapping[str, str] | None,
        variables: Mapping[str, str] | None,
        sleep_timeout: float | None,
    ) -> DuplicationPlan:
        """Check what a caller asks for; raises `ArgumentError`, which shows no secret."""
        source = require_space(from_id, hub_url, "from_id").id
        if source is None:
            raise ArgumentError("from_id must be the name of a Space, or the URL of its page, not of its app")
        if not isinstance(cast(object, private), bool):
            raise ArgumentError(f"private is {private!r:.80}: it must be True or False")
        if hardware is not None and not (isinstance(cast(object, hardware), str) and re.fullmatch(_FLAVOR, hardware)):
            raise ArgumentError(f"hardware is {hardware!r:.80}: it must be a name such as 'cpu-basic' or 't4-small'")
        return cls(
            from_id=source,
            to_id=_target(to_id, hub_url),
            private=private,
            hardware=hardware,
            secrets=_settings(secrets, "secrets"),
            variables=_settings(variables, "variables"),
            sleep_timeout=_minutes(sleep_timeout),
        )


def _target(to_id: object, hub_url: str) -> str | None:
    if to_id is None:
        return None
    if isinstance(to_id, str) and "/" not in to_id:
        if re.fullmatch(_NAME, to_id):
            return to_id
        raise ArgumentError(f"to_id is {to_id[:80]!r}, which no Space can be called")
    found = require_space(to_id, hub_url, "to_id").id
    if found is None:
        raise ArgumentError("to_id must be a name, or owner/name, not the address of an app")
    return found


def _settings(settings: object, what: str) -> Mapping[str, str]:
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise ArgumentError(f"{what} must be a mapping of names to values, not a {type(settings).__name__}")
    found: dict[str, str] = {}
    for key, value in cast("Mapping[object, object]", settings).items():
        if not isinstance(key, str):
            raise ArgumentError(f"{what}: {key!r:.80} cannot be the name of an environment variable")
        if not re.fullmatch(_KEY, key):
            # Who gives a whole line of a file for a name gives the value in it.
            shown = re.split("[=: ]", key, maxsplit=1)[0][:80]
            raise ArgumentError(f"{what}: what begins with {shown!r} cannot be the name of an environment variable")
        if not isinstance(value, str):
            raise ArgumentError(f"{what}: the value of {key!r} is of type {type(value).__name__}, not a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ArgumentError(f"{what}: the value of {key!r} holds a lone surrogate, which cannot be sent") from None
        found[key] = value
    return found


def _minutes(minutes: object) -> float | None:
    if minutes is None:
        return None
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not 1 / 60 <= minutes <= LONGEST_TIMER:
        raise ArgumentError(
            f"sleep_timeout is {minutes!r:.80}: it must be a number of minutes above 0, or None for none at all"
        )
    return minutes


@record(frozen=True, slots=True, kw_only=True)
class _Step:
    """One change: ``doing`` names it before, ``done`` after; ``hint`` says what to do when it fails."""

    doing: str
    done: str
    path: str
    body: Mapping[str, object] = field(repr=False)
    secret: str = field(default="", repr=False)
    hint: str | None = None
    creates: bool = False


class Duplication:
    """Makes the copy, or finds the one that is there; ``finished`` and ``failed`` hear how it ended."""

    def __init__(
        self,
        hub: Hub,
        plan: DuplicationPlan,
        *,
        finished: Callable[[SpaceDuplicated], None],
        failed: Callable[[GradprotoError], None],
    ) -> None:
        self._hub = hub
        self._plan = plan
        self._finished = finished
        self._failed = failed
        self._target = ""
        self._original: SpaceInfo | None = None
        self._created = False
        self._settled = False  # whether it is known what is to be done to the end
        self._done: list[str] = []
        self._warnings: list[str] = []
        self._notes: list[str] = []
        self._steps: deque[_Step] = deque()

    # --- what there is -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin with the original."""
        self._look(self._plan.from_id, self._original_seen, self._failed)

    def give_up(self, error: GradprotoError) -> None:
        """Do nothing more, and fail with ``error``; after the first change that says what was done."""
        self._hub.stop()
        if self._steps:  # the first of them is under way
            self._fail(f"could not {self._steps[0].doing}", error, self._steps.popleft(), unsure=True)
        elif self._done:
            self._unsettled(error)
        else:
            self._failed(error)

    def _look(self, space: str, seen: Callable[[SpaceInfo], None], failed: Callable[[GradprotoError], None]) -> None:
        what = f"the question about the Space {space}"

        def answered(value: JSONValue) -> None:
            try:
                info = with_runtime(SpaceInfo(id=space, page=self._page(space)), value, what)
            except RemoteProtocolError as error:
                failed(error)
                return
            seen(info)

        self._hub.get(what, f"/api/spaces/{space}/runtime", answered, failed, space=space)

    def _page(self, space: str) -> str:
        return f"{self._hub.url}/spaces/{space}"

    def _original_seen(self, info: SpaceInfo) -> None:
        self._original = info
        to_id = self._plan.to_id
        name = to_id if to_id is not None else info.id.partition("/")[2]
        if "/" in name:
            self._aim_at(name)
            return

        def answered(value: JSONValue) -> None:
            owner = value.get("name") if isinstance(value, dict) else None
            if not isinstance(owner, str) or not is_space_id(f"{owner}/{name}"):
                self._failed(RemoteProtocolError("whoami: the Hub does not say whose token it is"))
                return
            self._aim_at(f"{owner}/{name}")

        self._hub.get("the question whose token it is", "/api/whoami-v2", answered, self._failed)

    def _aim_at(self, target: str) -> None:
        self._target = target
        self._look(target, self._attach, self._unseen)

    def _unseen(self, error: GradprotoError) -> None:
        if is_missing(error):
            self._create()
        else:
            self._failed(error)

    # --- what is done ------------------------------------------------------------------------------------------------

    def _attach(self, info: SpaceInfo) -> None:
        """The copy is there already, perhaps from another time."""
        for what, given in (("secrets", self._plan.secrets), ("variables", self._plan.variables)):
            if given:
                self._warnings.append(
                    f"the {what} were left alone: they are set only when a Space is created, and {self._target} "
                    "was there already"
                )
        if self._target.lower() == self._plan.from_id.lower():
            # By its default name the copy of one's own Space is that Space, which may be in use as it is.
            self._warnings.append(
                f"{self._target} is the original itself, and no copy: its hardware and its sleep time were left alone"
            )
            self._finish()
            return
        self._settle(info)

    def _create(self) -> None:
        plan, target = self._plan, self._target
        kind = "private" if plan.private else "public"
        self._steps.append(
            _Step(
                doing=f"create {target}",
                done=f"created {target}, {kind}",
                path=f"/api/spaces/{plan.from_id}/duplicate",
                body={"repository": target, "private": plan.private},
                creates=True,
            )
        )
        path = f"/api/spaces/{target}"
        for route, word, given in (("secrets", "secret", plan.secrets), ("variables", "variable", plan.variables)):
            for key, value in given.items():
                self._steps.append(
                    _Step(
                        doing=f"set the {word} {key}",
                        done=f"set the {word} {key}",
                        path=f"{path}/{route}",
                        body={"key": key, "value": value},
                        secret=value if word == "secret" else "",
                        hint=f"set it at {self._page(target)}/settings",
                    )
                )
        self._go_on()

    def _settle(self, info: SpaceInfo) -> None:
        """Say what the copy runs on, and when it goes to sleep."""
        plan, target, original = self._plan, self._target, self._original
        assert original is not None
        self._settled = True
        wanted = self._hardware
        current = info.requested_hardware or info.hardware or FREE_HARDWARE
        path, page = f"/api/spaces/{target}", self._page(target)
        seconds = None if plan.sleep_timeout is None else round(plan.sleep_timeout * 60)
        if current != wanted:
            body: dict[str, object] = {"flavor": wanted}
            if seconds is not None and wanted != FREE_HARDWARE:
                # With the hardware, so that there is no moment in which it would run for ever.
                body["sleepTimeSeconds"] = seconds
            self._steps.append(
                _Step(
                    doing=f"request the hardware {wanted}",
                    done=f"requested the hardware {wanted}",
                    path=f"{path}/hardware",
                    body=body,
                    hint=f"request it at {page}/settings",
                )
            )
        if wanted != FREE_HARDWARE:
            self._notes.append(f"{target} runs on {wanted}, which may cost money: see {self._hub.url}/settings/billing")
            if seconds is not None:
                self._steps.append(
                    _Step(
                        doing=f"set the sleep time to {seconds} s",
                        done=f"set the sleep time to {seconds} s",
                        path=f"{path}/sleeptime",
                        body={"seconds": seconds},
                        hint=f"it may cost money until its sleep time is set, or it is paused, at {page}/settings",
                    )
                )
        self._go_on()

    @property
    def _hardware(self) -> str:
        """What the copy shall run on."""
        plan, original = self._plan, self._original
        assert original is not None
        return plan.hardware or original.hardware or original.requested_hardware or FREE_HARDWARE

    def _go_on(self) -> None:
        if not self._steps:
            if self._settled:
                self._finish()
            else:
                self._look(self._target, self._settle, self._unsettled)
            return
        step = self._steps[0]

        def answered(value: JSONValue) -> None:
            self._steps.popleft()
            self._done.append(step.done)
            self._created |= step.creates
            self._go_on()

        space = self._plan.from_id if step.creates else self._target
        self._hub.post(
            f"could not {step.doing}", step.path, step.body, answered, self._broken, space=space, secret=step.secret
        )

    def _finish(self) -> None:
        self._finished(
            SpaceDuplicated(
                from_id=self._plan.from_id,
                space=self._target,
                created=self._created,
                done=tuple(self._done),
                warnings=tuple(self._warnings),
                notes=tuple(self._notes),
            )
        )

    # --- what fails --------------------------------------------------------------------------------------------------

    def _broken(self, error: GradprotoError) -> None:
        """A change was refused, or nobody knows whether it was made."""
        step = self._steps[0]
        unsure = isinstance(error, _UNSURE) or error.status in GATEWAY_STATUSES

        def there(info: SpaceInfo) -> None:
            # Somebody was quicker; what is there is not ours to fill with secrets.
            self._steps.clear()
            self._attach(info)

        def fail(_: GradprotoError) -> None:
            self._fail(f"could not {step.doing}", error, self._steps.popleft(), unsure=unsure)

        if error.status == 409 and step.creates:
            # Who cannot see what is there wants to know why there is no copy.
            self._look(self._target, there, fail)
        else:
            fail(error)

    def _unsettled(self, error: GradprotoError) -> None:
        self._fail(f"could not see what {self._target} runs on", error, None)

    def _fail(self, text: str, error: GradprotoError, step: _Step | None, *, unsure: bool = False) -> None:
        not_done = [one.doing for one in self._steps]
        if step is not None:
            not_done.insert(0, f"{step.doing} (or perhaps it was: the answer is lost)" if unsure else step.doing)
        if not self._settled:
            not_done += [f"see to its hardware ({self._hardware}) and its sleep time"]
        done = "; ".join(self._done) or "nothing"
        said = f"{text}: the Hub does not find it" if is_missing(error) else error.message
        if not said.startswith(text):
            said = f"{text}: {said}"
        failure = DuplicationError(
            f"{said}. Done: {done}. Not done: {'; '.join(not_done)}",
            space=self._target,
            done=tuple(self._done),
            not_done=tuple(not_done),
            hint=step.hint if step is not None else None,
        )
        failure.status, failure.retry_after = error.status, error.retry_after
        failure.__cause__ = error
        self._failed(failure if error.hint is None else with_hint(failure, error.hint))
