"""Events whose input goes on: each frame that is posted to ``/stream`` is one more call of the function."""

from __future__ import annotations

from typing import Any

from ._jobs import Job

__all__ = ["StreamingJob"]

_LONGEST_WAIT = 30.0  # seconds for which Gradio waits for a frame where there is no time limit


class StreamingJob(Job):
    """One event that lasts: from its join until its client closes it, its time is over, or no frame comes."""

    __slots__ = ("_closed", "_first", "_has_new_data", "_run_time", "is_generating", "timed")

    def __init__(self, *about: Any, **options: Any) -> None:
        super().__init__(*about, **options)
        self._closed = False
        self._has_new_data = False
        self._first: float | None = None
        """Seconds of the first call."""
        self._run_time = 0.0
        self.is_generating: bool = False
        """What its end says of it: whether it was still waiting for frames."""
        self.timed: bool = True
        """Whether its end says how long it took."""

    @property
    def time_limit(self) -> float | None:
        """The seconds that its outputs tell: those for the whole stream without its first call."""
        limit = self.endpoint.time_limit
        return None if limit is None else limit - (self._first or 0.0)

    @property
    def _stops(self) -> bool:
        return True

    def give(self, data: list[Any]) -> None:
        """Take a frame; what came before and was not looked at yet is lost, as it is in Gradio."""
        self.data = data
        self._signal()

    def end_input(self) -> None:
        """No frame more will come."""
        if self._host.profile.stream_closing != "waits" or self.endpoint.time_limit is not None:
            self._closed = True
        self._signal()

    def _signal(self) -> None:
        self._has_new_data = True
        if self.state == "waiting":
            self._go_on()

    def drop(self) -> None:
        """The client went away."""
        super().drop()
        if self.state == "waiting":
            self._end("dropped")

    def _returned(self, value: Any) -> None:
        if self.script is not None:
            super()._returned(value)
            return
        self._iterator = None
        try:
            self._outputs(value, self._called)
        except Exception as error:  # the function's fault
            self._failed(error)

    @property
    def _finished(self) -> bool:
        limit = self.endpoint.time_limit
        return self._closed or (limit is not None and self._run_time >= limit)

    def _called(self, data: list[Any]) -> None:
        """A call is over: say so, and wait for the next frame."""
        self._last = data
        duration = self.step_duration()
        self._run_time += duration
        if self._first is None:
            self._first = duration
        if not self.delivery.alive:
            self._end("dropped")
        elif self._finished:
            self._complete(is_generating=False)
        else:
            self.outputs_given += 1
            self.delivery.generated(self, data)
            self.state = "waiting"
            if self._has_new_data:
                self._go_on()
            else:
                wait = self.time_limit or _LONGEST_WAIT - self._first
                self._timer = self._host.schedule.call_after(wait, self._nothing_came)

    def _go_on(self) -> None:
        self._has_new_data = False
        if self._timer is not None:
            self._timer.cancel()
        if self._finished and self._host.profile.stream_closing == "at once":
            self._complete(is_generating=True)
            return
        self._step_began = self._host.schedule.now
        self._ready()

    def _nothing_came(self) -> None:
        if self.state == "waiting":
            self._complete(is_generating=True, timed=False)

    def _complete(self, *, is_generating: bool, timed: bool = True) -> None:
        """The end is the last output once more."""
        assert self._last is not None
        self.is_generating, self.timed = is_generating, timed
        self.delivery.completed(self, self._last)
        self.endpoint.runs += 1
        self.endpoint.runs_time += self._first or 0.0
        self._end("completed")
