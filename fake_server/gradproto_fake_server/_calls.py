"""Calls as routes make them: what a job may ask of the server, and the direct calls that no queue sees."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ._batches import BatchCall
from ._components import Component
from ._endpoints import Endpoint
from ._file_names import produced_name
from ._files import StoredFile
from ._http import Exchange
from ._jobs import Job
from ._json import compact_json
from ._profiles import Profile
from ._schedule import Schedule
from ._scripts import Estimation, RawMessage, Starts
from ._steps import FakeFile, Log, Progress

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["CallHost", "start_direct_call", "success_output"]


def _data_url(file: StoredFile) -> str:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read()).decode()}"


class CallHost:
    """The server as one call sees it."""

    __slots__ = ("_app", "_state", "file_root")

    def __init__(self, app: FakeApp, file_root: str, session_hash: str | None) -> None:
        self._app = app
        self.file_root: str = file_root
        """What the addresses of files begin with."""
        if session_hash is None and app.profile.shared_anonymous_state:
            session_hash = ""
        # Without a session a call has State values of its own (Gradio 3.50 and later).
        self._state = app.states.of(session_hash)

    @property
    def profile(self) -> Profile:
        """The Gradio that is played."""
        return self._app.profile

    @property
    def schedule(self) -> Schedule:
        """The server's clock."""
        return self._app.schedule

    def run_soon(self, job: Job) -> None:
        """Run the job in this or the next turn."""
        self._app.run_soon(job)

    def render(self, job: Job, made: object) -> dict[str, Any]:
        """Make a session's endpoints of functions by their names; give what is told of them."""
        return self._app.render(job.endpoint, job.session_hash, made)

    def job_over(self, job: Job) -> None:
        """The job has ended, or gave up its place in the queue."""
        self._app.job_over(job)

    def store(self, file: FakeFile) -> Generator[None, None, StoredFile]:
        """Store a produced file piece by piece."""
        return self._app.store(file)

    def find_file(self, path: str) -> StoredFile | None:
        """Find a file that was uploaded or produced."""
        return self._app.files.get(path)

    def store_content(self, name: str, content: bytes) -> StoredFile:
        """Store a file that came inside the data."""
        writer = self._app.files.create(self._app.file_seed)
        writer.write(content)
        return writer.finish(produced_name(name, self._app.profile), self._app.wall_time())

    def file_data(self, file: StoredFile) -> dict[str, Any]:
        """Describe a file as Gradio does."""
        profile = self._app.profile
        fields = profile.file_fields
        described: dict[str, Any] = {
            "path": file.path,
            "name": file.path if "is_file" in fields else file.name,
            "url": self._app.file_url(self.file_root, file) if profile.file_urls else None,
            "size": file.size,
            "orig_name": file.name,
            "mime_type": None,
            "is_stream": False,
            "meta": {"_type": "gradio.FileData"},
            "data": None if "is_file" in fields else _data_url(file) if "data" in fields else None,
            "is_file": True,
        }
        return {name: described[name] for name in fields}

    def read_state(self, component: Component) -> Any:
        """Give the session's value of a State, at first a copy of the component's."""
        return self._state.read(component)

    def write_state(self, component: Component, value: Any) -> None:
        """Keep the session's value of a State."""
        self._state.write(component, value)


def success_output(app: FakeApp, job: Job, data: list[Any], *, is_generating: bool | None) -> str:
    """Give the JSON of a call's output outside the event stream, and count the step."""
    duration = job.step_duration()
    return app.messages.output(
        compact_json(data),
        is_generating=is_generating,
        duration=duration,
        average=job.endpoint.average_call(),
        in_message=False,
        render_config=compact_json(job.rendered),
        keeps_state=any(component.kind == "state" for component in job.endpoint.inputs),
    )


class _DirectDelivery:
    """Answers a direct call; of a generator only the first output is ever sent."""

    def __init__(self, app: FakeApp, exchange: Exchange, *, batched: bool) -> None:
        self.alive = True
        self._app = app
        self._exchange = exchange
        self._batched = batched
        exchange.on_disconnect = self._leave

    def _leave(self) -> None:
        self.alive = False

    def generated(self, job: Job, data: list[Any]) -> bool:
        self._answer(job, data, is_generating=True)
        self.alive = False  # the next output ends the job
        return True

    def noted(self, job: Job, note: Progress | Log) -> bool:
        return True

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> bool:
        return True

    def completed(self, job: Job, data: list[Any]) -> None:
        if not job.endpoint.batch:
            self._answer(job, data, is_generating=False)
        else:
            self._answer(job, data if self._batched or not data else data[0], is_generating=None)

    def _answer(self, job: Job, data: list[Any], *, is_generating: bool | None) -> None:
        output = success_output(self._app, job, data, is_generating=is_generating)
        try:
            body = output.encode()
        except UnicodeEncodeError:
            self._exchange.respond_crash()
        else:
            self._exchange.respond(200, body)

    def failed(self, job: Job, error: Exception) -> None:
        payload = self._app.messages.error_payload(error, show_error=self._app.show_error)
        self._exchange.respond_json(500, payload)


def start_direct_call(
    app: FakeApp,
    exchange: Exchange,
    endpoint: Endpoint,
    data: list[Any],
    session_hash: str | None,
    *,
    batched: bool = False,
) -> Job:
    """Call an endpoint past the queue, its limits and its order.

    ``batched`` data are those of several events of a batch endpoint. Without that they are taken for the list of its
    first input, so that only endpoints with one input and one output can be called with a single event's data.
    """
    host = CallHost(app, app.file_root(exchange, direct=True), session_hash)
    delivery = _DirectDelivery(app, exchange, batched=batched)
    if endpoint.batch and not batched:
        data = [data]
    kind = BatchCall if endpoint.batch else Job
    job = kind(app.new_id(), endpoint, session_hash or "", data, host, delivery)
    app.remember(job)
    job.start()
    return job
