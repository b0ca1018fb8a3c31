"""What differs from one Gradio to the next, as records.

The server's code asks the profile; it never compares version numbers. A message is the names of its fields in the order
in which that Gradio writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["GRADIO_6_31", "Profile", "profile_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The facts of one Gradio version that the fake server needs."""

    version: str
    protocol: str
    api_prefix: str
    messages: Mapping[str, tuple[str, ...]]
    """The fields of each message of the event stream, in order; ``output`` stands for :attr:`output_fields`."""
    output_fields: tuple[str, ...]
    """The fields of a successful output, in order."""
    error_detail_of_strangers: bool
    """Whether an error that is no ``gr.Error`` carries ``visible`` beside its text."""
    heartbeat_interval: float = 15.0
    """Seconds between two heartbeats of a stream."""
    keep_alive: float = 5.0
    """Seconds for which uvicorn leaves an idle connection open after a response."""
    upload_progress_wait: float = 3.0
    """Seconds for which ``/upload_progress`` waits for an upload that it does not know yet."""
    state_lifetime: float = 3600.0
    """Seconds for which the State of a session outlives its heartbeat stream."""
    remembered_sessions: int = 2000
    """How many sessions' messages are kept; the oldest idle ones go first."""


_QUEUE_OUTPUT = (
    "data",
    "is_generating",
    "duration",
    "average_duration",
    "render_config",
    "changed_state_ids",
    "used_cache",
)

GRADIO_6_31 = Profile(
    version="6.31.0",
    protocol="sse_v3",
    api_prefix="/gradio_api",
    messages={
        "estimation": ("msg", "event_id", "rank", "queue_size", "rank_eta"),
        "process_starts": ("msg", "event_id", "eta"),
        "progress": ("msg", "event_id", "progress_data"),
        "log": ("msg", "event_id", "log", "level", "duration", "visible", "title"),
        "process_generating": ("msg", "event_id", "output", "success", "time_limit"),
        "process_completed": (
            "msg",
            "event_id",
            "output",
            "success",
            "title",
            "used_cache",
            "cache_duration",
            "avg_time",
        ),
        "heartbeat": ("msg", "event_id"),
        "close_stream": ("msg", "event_id"),
        "unexpected_error": ("msg", "event_id", "message", "session_not_found", "success"),
    },
    output_fields=_QUEUE_OUTPUT,
    error_detail_of_strangers=True,
)

_PROFILES = (GRADIO_6_31,)


def profile_for(gradio_version: str) -> Profile:
    """Give the profile of a Gradio version.

    Raises ``ValueError`` for a version that this fake server cannot play.
    """
    for profile in _PROFILES:
        if profile.version == gradio_version:
            return profile
    known = ", ".join(profile.version for profile in _PROFILES)
    raise ValueError(f"no fake of Gradio {gradio_version!r}: known are {known}")
