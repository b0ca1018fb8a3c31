"""What tests do with an app: hold its jobs, script them, let things go wrong, and judge what was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from ._endpoints import Endpoint, Script
from ._faults import Failing, Fault
from ._jobs import Job
from ._log import RequestRecord, check_closed, check_requested, check_strict
from ._scripts import ScriptStep, check_script

__all__ = ["Controls"]


class Controls(Failing):
    """The half of :class:`FakeApp` that is for tests."""

    jobs: dict[str, Job]
    requests: deque[RequestRecord]
    _open: dict[int, RequestRecord]

    def find_endpoint(self, name: str) -> Endpoint | None:
        """Find an endpoint by name."""
        raise NotImplementedError

    def fault_made(self) -> None:
        """There is a new fault."""
        raise NotImplementedError

    def hold(self, name: str) -> None:
        """Let the endpoint's next jobs stop before their first step, until they are stepped or released."""
        self.named(name).held = True

    def release(self, name: str) -> None:
        """Let the endpoint's next jobs run freely, and those that are held too."""
        endpoint = self.named(name)
        endpoint.held = False
        for job in self.jobs.values():
            if job.endpoint is endpoint:
                job.release()

    def job(self, name: str) -> Job:
        """Give the endpoint's newest job. Raises ``LookupError`` if there was none."""
        endpoint = self.named(name)
        for job in reversed(self.jobs.values()):
            if job.endpoint is endpoint:
                return job
        raise LookupError(f"no job of {name} yet")

    def script(self, name: str, steps: Sequence[ScriptStep], *, times: int | None = 1) -> None:
        """Let the endpoint's next ``times`` events (``None`` for all) say what a script says, and nothing else.

        They wait for nobody and run no function: ``[Estimation(rank=2), Starts(), Generating("a"), Completed("ab")]``
        are their messages, one by one, as this Gradio writes them. :class:`Progress`, :class:`Log`, :class:`Sleep` and
        :class:`Hold` are steps too. A script that does not complete its event leaves it unfinished for ever.

        Raises ``LookupError`` for an endpoint that there is not, and ``ValueError`` for a step that cannot be done.
        """
        endpoint = self.named(name)
        check_script(name, steps, endpoint.outputs)
        endpoint.scripts.append(Script(steps=tuple(steps), times=times))

    def inject(
        self,
        name: str,
        pattern: str = "* *",
        /,
        *,
        endpoint: str | None = None,
        session: str | None = None,
        times: int | None = 1,
        after: int = 0,
        **values: Any,
    ) -> Fault:
        """Let one of the faults of :data:`FAULTS` happen, where there are the names, what they do, and their values.

        It happens ``times`` times (``None`` for always) after ``after`` requests that pass, to requests of a method and
        a path, as in ``"GET */queue/data*"``, that are of the kinds that the fault is for; with ``endpoint`` or
        ``session`` only to those that are about it. A fault of the messages happens to a stream that is open already
        if it is for one, and else to the next. Those of connections know neither a request nor whose it is; those of a
        request's body are for the head that comes before it, and know no endpoint. Those that change an answer can be
        put together; their order is that in which they happen.

        Raises ``ValueError`` for a name, a pattern or a value that there is not.
        """
        fault = self.faults.inject(
            name, pattern, endpoint=endpoint, session=session, times=times, after=after, values=values
        )
        self.fault_made()
        return fault

    def chaos(self, seed: int, rate: float, names: Sequence[str] | None = None) -> None:
        """Let faults happen at random to ``rate`` (0 to 1) of the requests that meet no other; 0 ends it.

        The same requests in the same order meet the same faults for the same ``seed``. ``names`` are of
        :data:`FAULTS`; without them it is all but those of the connection and of the server itself.
        Raises ``ValueError`` for a rate or a name that cannot be.
        """
        self.faults.chaos(seed, rate, names)

    @property
    def complaints(self) -> list[str]:
        """What a real server refuses of that which was asked for, request by request.

        Wrong passwords are left out, and what is asked for to see whether it is there.
        """
        return [f"#{record.number} {record.complaint}" for record in self.requests if record.complaint is not None]

    def assert_strict(self) -> None:
        """Raise ``AssertionError`` if anything was asked for that a real server refuses."""
        check_strict(self.complaints)

    def assert_requested(self, kind: str, times: int | None = None) -> list[RequestRecord]:
        """Give the requests of a :attr:`RequestRecord.kind`.

        Raises ``AssertionError`` if there are not ``times`` of them, or without that none at all.
        """
        return check_requested(self.requests, kind, times)

    def assert_all_closed(self) -> None:
        """Raise ``AssertionError`` if a request or a stream is still open."""
        check_closed(list(self._open.values()))

    def named(self, name: str) -> Endpoint:
        """Give an endpoint. Raises ``LookupError`` if there is none of that name."""
        endpoint = self.find_endpoint(name)
        if endpoint is None:
            raise LookupError(f"no endpoint {name}")
        return endpoint

    @property
    def open_streams(self) -> list[RequestRecord]:
        """The event, heartbeat and upload-progress streams that are open."""
        return [record for record in self._open.values() if record.kind in _STREAM_KINDS]


_STREAM_KINDS = frozenset({"data", "call_data", "heartbeat", "upload_progress", "join_stream", "socket"})
