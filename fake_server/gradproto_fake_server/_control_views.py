"""What the control API tells of endpoints and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._components import Component
from ._endpoints import Endpoint
from ._jobs import Job

if TYPE_CHECKING:
    from ._app import FakeApp

__all__ = ["described_endpoint", "described_job", "open_jobs"]


def described_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """Tell of an endpoint, with the State among its inputs and outputs, of which clients know nothing."""
    return {
        "name": f"/{endpoint.name}",
        "fn_index": endpoint.index,
        "description": endpoint.description,
        "parameters": [
            {"name": name, **_described_component(component)}
            for name, component in zip(endpoint.parameter_names, endpoint.inputs, strict=True)
        ],
        "returns": [_described_component(component) for component in endpoint.outputs],
        "queue": endpoint.queue,
        "generates": endpoint.generates,
        "visibility": endpoint.visibility,
        "concurrency_limit": endpoint.concurrency_limit,
        "cancels": list(endpoint.cancels),
        "held": endpoint.held,
        "runs": endpoint.runs,
        "average": endpoint.expected_time(),
    }


def _described_component(component: Component) -> dict[str, Any]:
    return {
        "label": component.label,
        "component": component.title,
        "type": component.python_type,
        "hidden": component.skip_api,
    }


def open_jobs(app: FakeApp) -> dict[str, Job]:
    """Give the jobs that are not over by id, oldest first."""
    return {event_id: job for event_id, job in app.jobs.items() if not job.over}


def described_job(job: Job) -> dict[str, Any]:
    """Tell of a job; before Gradio 3.6 it may have yet to say its endpoint."""
    return {
        "id": job.event_id,
        "endpoint": f"/{job.endpoint.name}" if job.endpoint.name else None,
        "session_hash": job.session_hash,
        "state": job.state,
        "began": None if job.state == "queued" else job.began,
        "outputs": job.outputs_given,
    }
