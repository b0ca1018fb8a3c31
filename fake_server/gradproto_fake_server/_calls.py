"""Calls as routes make them: what a job may ask of the server, and the direct calls that no queue sees."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Generator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ._components import Component
from ._endpoints import Endpoint
from ._file_names import stored_name
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

    __slots__ = ("_app", "_states", "file_root", "root_url")

    def __init__(self, app: FakeApp, root_url: str, session_hash: str | None, *, file_root: str | None = None) -> None:
        self._app = app
        self.root_url = root_url
        self.file_root: str = root_url if file_root is None else file_root
        """What the addresses of files begin with."""
        if session_hash is None and app.profile.shared_anonymous_state:
            session_hash = ""
        # Without a session a call has State values of its own (Gradio 3.50 and later).
        self._states: dict[Component, Any] = {} if session_hash is None else app.state_values(session_hash)

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
        return writer.finish(stored_name(name, self._app.profile) or "file", self._app.wall_time())

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
        if component not in self._states:
            self._states[component] = deepcopy(component.value)
        return self._states[component]

    def write_state(self, component: Component, value: Any) -> None:
        """Keep the session's value of a State."""
        self._states[component] = value


def success_output(app: FakeApp, job: Job, data: list[Any], *, is_generating: bool) -> str:
    """Give the JSON of a call's output outside the event stream, and count the step."""
    duration = job.step_duration()
    return app.messages.output(
        compact_json(data),
        is_generating=is_generating,
        duration=duration,
        average=job.endpoint.average_call(),
        in_message=False,
        keeps_state=any(component.kind == "state" for component in job.endpoint.inputs),
    )


class _DirectDelivery:
    """Answers a direct call; of a generator only the first output is ever sent."""

    def __init__(self, app: FakeApp, exchange: Exchange) -> None:
        self.alive = True
        self._app = app
        self._exchange = exchange
        exchange.on_disconnect = self._leave

    def _leave(self) -> None:
        self.alive = False

    def generated(self, job: Job, data: list[Any]) -> bool:
        self._answer(job, data, is_generating=True)
        self.alive = False  # the next output ends the job
        return True

    def noted(self, job: Job, note: Progress | Log) -> None:
        pass

    def said(self, job: Job, message: Estimation | Starts | RawMessage) -> None:
        pass

    def completed(self, job: Job, data: list[Any]) -> None:
        self._answer(job, data, is_generating=False)

    def _answer(self, job: Job, data: list[Any], *, is_generating: bool) -> None:
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
    app: FakeApp, exchange: Exchange, endpoint: Endpoint, data: list[Any], session_hash: str | None
) -> Job:
    """Call an endpoint past the queue, its limits and its order."""
    host = CallHost(app, app.root_url(exchange), session_hash)
    job = Job(app.new_id(), endpoint, session_hash or "", data, host, _DirectDelivery(app, exchange))
    app.remember(job)
    job.start()
    return job
