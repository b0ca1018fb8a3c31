"""Batches: events of an endpoint that wait together run as one call, which gets lists and gives lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._endpoints import Endpoint
from ._jobs import Delivery, Job, JobHost, arguments_of
from ._json import is_list_or_tuple
from ._scripts import Estimation, RawMessage, Starts
from ._steps import Log, Progress

__all__ = ["Batch", "BatchCall"]


class BatchCall(Job):
    """One call of a batch function: its data are a list for each input, with a value for each of its samples."""

    __slots__ = ()

    def __init__(
        self,
        event_id: str,
        endpoint: Endpoint,
        session_hash: str,
        data: list[Any] | None,
        host: JobHost,
        delivery: Delivery,
    ) -> None:
        super().__init__(event_id, endpoint, session_hash, data, host, delivery, scripted=False)

    def _arguments(self) -> list[Any]:
        if self.endpoint.generates:
            raise ValueError("Gradio does not support generators in batch mode.")
        columns = self.data or []
        sizes = [len(column) for column in columns]
        if any(size != sizes[0] for size in sizes):
            raise ValueError(
                f"All inputs to a batch function must have the same length but instead have sizes: {sizes}."
            )
        most = self.endpoint.max_batch_size
        if sizes and sizes[0] > most:
            raise ValueError(f"Batch size ({sizes[0]}) exceeds the max_batch_size for this function ({most})")
        samples = [arguments_of(self.endpoint, list(sample), self._host) for sample in zip(*columns, strict=True)]
        return [list(column) for column in zip(*samples, strict=True)]

    def _outputs(self, value: Any, then: Callable[[list[Any]], None]) -> None:
        shown = len(self.endpoint.outputs)
        size = len(self.data[0]) if self.data else 0
        columns = list(value) if is_list_or_tuple(value) else []
        if len(columns) < shown or any(not is_list_or_tuple(column) or len(column) != size for column in columns):
            raise ValueError(
                f"A batch function ({self.endpoint.name}) gives a list for each of its {shown} output(s), with a value "
                f"for each of its {size} event(s)"
            )
        # All samples' values in a row; their files are stored one after the other.
        self._stored_outputs([column[sample] for sample in range(size) for column in columns[:shown]], then)

    def _encoded(self, values: list[Any]) -> list[Any]:
        shown = len(self.endpoint.outputs)
        samples = [
            super(BatchCall, self)._encoded(values[start : start + shown])
            for start in range(0, len(values), shown or 1)
        ]
        return [list(column) for column in zip(*samples, strict=True)]


class Batch:
    """Events that share a call: each gets its part of what comes of it, and all of them get its failure."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.alive: bool = True
        self.jobs: list[Job] = list(jobs)
        first = self.jobs[0]
        self.call: BatchCall = BatchCall(first.event_id, first.endpoint, first.session_hash, None, first.host, self)
        for job in self.jobs:
            job.batch = self

    def started(self, job: Job) -> None:
        """One of the events has its data; when all have, the call begins."""
        job.state = "ready"
        self._start_if_ready()

    def left(self, job: Job) -> bool:
        """One of the events was given up before its data came; say whether nobody is left."""
        self.jobs.remove(job)
        self._start_if_ready()
        return not self.jobs

    def _start_if_ready(self) -> None:
        if self.jobs and all(job.state == "ready" for job in self.jobs):
            self.call.data = [list(column) for column in zip(*(job.data or [] for job in self.jobs), strict=False)]
            self.call.start()

    # -- as the delivery of its call

    def generated(self, job: Job, data: list[Any]) -> bool:
        """A batch function has no outputs but its last."""
        raise AssertionError(f"a batch function ({job.endpoint.name}) is no generator")

    def noted(self, job: Job, note: Progress | Log) -> bool:
        """Nobody hears of a batch function's progress, for it belongs to none of its events."""
        return True

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> bool:
        """A batch is never scripted: scripted events wait for nobody."""
        return True

    def completed(self, job: Job, data: list[Any]) -> None:
        """Give each event its part."""
        job.step_duration()
        last = len(self.jobs) - 1
        mixed = job.host.profile.batches == "mixed"
        for place, each in enumerate(self.jobs):
            each.last_duration = job.last_duration
            if each.delivery.alive:
                each.delivery.completed(each, [column[last if mixed else place] for column in data])
            each.ended_with_batch("completed")

    def failed(self, job: Job, error: Exception) -> None:
        """Tell all of them."""
        for each in self.jobs:
            each.error = error
            if each.delivery.alive:
                each.delivery.failed(each, error)
            each.ended_with_batch("failed")
