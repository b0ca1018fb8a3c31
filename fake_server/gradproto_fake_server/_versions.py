"""When each thing of Gradio's protocol came, changed and went: tables, which :mod:`._profiles` makes into one record.

A history has the first version for each value. A span is written ``"4.25.."``, ``"4.9..4.22"`` (up to that version, but
without it) or ``".."``. Versions between two that were looked at belong to the older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

__all__ = [
    "APP_ERROR_FIELDS",
    "COMPONENT_KEYS",
    "CONFIG_KEYS",
    "CONFIG_MOVES",
    "DEPENDENCY_KEYS",
    "FILE_FIELDS",
    "INFO_KEYS",
    "INLINE_TYPES",
    "MESSAGES",
    "OUTPUT_FIELDS",
    "PARAMETER_KEYS",
    "PROTOCOLS",
    "RETURN_KEYS",
    "ROUTES",
    "STATUS_FIELDS",
    "VALUE_KEYS",
    "Version",
    "covers",
    "find",
    "parse",
    "value_at",
]

T = TypeVar("T")
Version = tuple[int, ...]


def parse(version: str) -> Version:
    """Read a version's numbers; what is no number counts as none.

    Raises ``ValueError`` if it does not begin with one, ``TypeError`` for a number, which has lost its zeros.
    """
    if not isinstance(cast(object, version), str):
        raise TypeError(f"a version of Gradio is a text such as '4.44.1', not {version!r:.80}")
    numbers: list[int] = []
    for part in version.strip().split(".")[:3]:
        digits = "".join(character for character in part if character.isdigit()) if part[:1].isdigit() else ""
        if not digits:
            break
        numbers.append(int(digits))
    if not numbers:
        raise ValueError(f"no version of Gradio: {version[:80]!r}")
    return (*numbers, 0, 0)[:3]


def covers(span: str, version: Version) -> bool:
    """Say whether a version lies in a span, or in one of several with spaces between them."""
    for part in span.split():
        since, _, until = part.partition("..")
        if (not since or version >= parse(since)) and (not until or version < parse(until)):
            return True
    return False


def find(spans: Mapping[str, str], version: Version) -> frozenset[str]:
    """Give the names whose span has the version."""
    return frozenset(name for name, span in spans.items() if covers(span, version))


def value_at(history: Mapping[str, T], version: Version) -> T:
    """Give the newest value that is not newer than the version; the histories begin with ``"0"``."""
    return max((parse(since), since, value) for since, value in history.items() if parse(since) <= version)[2]


PROTOCOLS: Mapping[str, str | None] = {
    "0": None,
    "4.0": "sse",
    "4.9": "sse_v1",
    "4.17": "sse_v2",
    "4.21": "sse_v2.1",
    "4.22": "sse_v3",
}
"""What ``protocol`` in the config says; before 4.0 it is not there."""

ROUTES: Mapping[str, str] = {
    "page": "..",
    "config": "..",
    "login": "..",
    "info": "3.26..",
    "openapi": "5.29..",
    "logout": "4.20..",
    "theme": "3.23..",
    "robots": "3.16..",
    "user": "..",
    "login_check": "..",
    "token": "..",
    "app_id": "3.0..",
    "monitoring": "4.37..",
    "monitoring_summary": "5.44.1..",
    "component_server": "3.45..",
    "proxy": "3.33..",
    "startup": "3.1.7..",
    # The queue: polled, over a WebSocket, one stream for each event, one stream for each session.
    "push": "..3.1.5",
    "join_socket": "3.1.5..4.0",
    "join_stream": "4.0..4.9",
    "post_data": "4.0..4.9",
    "join": "4.9..",
    "data": "4.9..",
    "status": "3.1.5..",
    "cancel": "4.31..",
    "reset_session": "3.6..4.0",
    "reset_event": "4.0..",
    "heartbeat": "4.25..",
    "call": "4.20..",
    "call_v2": "6.13..",
    "stream": "5.0..",
    # Calls past the queue.
    "predict_with_slash": "..3.0",
    "predict": "3.0..3.0.24",
    "api": "3.0.24..",
    "run": "3.9..",
    # Files.
    "upload": "3.19..",
    "upload_progress": "4.2..",
    "file": "3.2..",
    "old_file": "..",
}

_EVENT = ("msg", "event_id")
_AVERAGES = ("avg_event_process_time", "avg_event_concurrent_process_time")

MESSAGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "send_hash": {"0": (), "3.6": ("msg",), "4.0": ()},
    "send_data": {"0": (), "3.1.5": ("msg",), "4.0": _EVENT, "4.9": ()},
    "queue_full": {"0": (), "3.1.6": ("msg",), "4.9": ()},
    "estimation": {
        "0": (),
        "3.1.5": ("msg", "rank", "queue_size", *_AVERAGES, "rank_eta", "queue_eta"),
        "4.9": (*_EVENT, "rank", "queue_size", *_AVERAGES, "rank_eta", "queue_eta"),
        "4.11": (*_EVENT, "rank", "queue_size", "rank_eta"),
    },
    "process_starts": {"0": (), "3.1.5": ("msg",), "4.9": (*_EVENT, "eta")},
    "progress": {"0": (), "3.16": ("msg", "progress_data"), "4.9": (*_EVENT, "progress_data")},
    "log": {
        "0": (),
        "3.36": ("msg", "log", "level"),
        "4.9": (*_EVENT, "log", "level"),
        "4.37": (*_EVENT, "log", "level", "duration", "visible"),
        "5.2": (*_EVENT, "log", "level", "duration", "visible", "title"),
    },
    "process_generating": {
        "0": (),
        "3.1.5": ("msg", "output", "success"),
        "4.9": (*_EVENT, "output", "success"),
        "5.0": (*_EVENT, "output", "success", "time_limit"),
    },
    "process_streaming": {"0": (), "5.0": (*_EVENT, "output", "success", "time_limit")},
    "process_completed": {
        "0": (),
        "3.1.5": ("msg", "output"),
        "3.1.7": ("msg", "output", "success"),
        "4.9": (*_EVENT, "output", "success"),
        "5.29": (*_EVENT, "output", "success", "title"),  # not yet in the recordings of 5.0.2
        "6.12": (*_EVENT, "output", "success", "title", "used_cache", "cache_duration", "avg_time"),
    },
    "heartbeat": {"0": (), "4.0": ("msg",), "4.44": _EVENT},
    "close_stream": {"0": (), "4.22": ("msg",), "4.44": _EVENT},
    "server_stopped": {"0": (), "4.9": ("msg", "success"), "4.10": ()},
    "unexpected_error": {
        "0": (),
        "4.10": ("msg", "success", "message"),
        "4.21": ("msg", "message", "success"),
        "4.44": (*_EVENT, "message", "success"),
        "5.38": (*_EVENT, "message", "session_not_found", "success"),
    },
}
"""The fields of each message of the queue, in order; none for a message that the version does not know."""

_STATUS = ("rank", "queue_size", *_AVERAGES, "rank_eta", "queue_eta")

STATUS_FIELDS: Mapping[str, tuple[str, ...]] = {
    "0": ("msg", *_STATUS),
    "4.0": _STATUS,
    "4.11": ("rank", "queue_size", "rank_eta"),
    "4.20": (*_EVENT, "rank", "queue_size", "rank_eta"),
}
"""What ``/queue/status`` says."""

_TIMED = ("data", "is_generating", "duration", "average_duration")

OUTPUT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "0": ("data", "flag_index", "updated_state", "durations", "avg_durations"),
    "3.0": ("data", "duration", "average_duration"),
    "3.1.5": _TIMED,
    "4.31": (*_TIMED, "render_config"),
    "4.32": (*_TIMED, "render_config", "changed_state_ids"),
    "6.12": (*_TIMED, "render_config", "changed_state_ids", "used_cache"),
}

APP_ERROR_FIELDS: Mapping[str, tuple[str, ...]] = {
    "0": ("error",),
    "4.37": ("error", "duration", "visible"),
    "5.2": ("error", "duration", "visible", "title"),
}
"""What a failure of an app with a message for the user has; any other has the error, and from 6.0 on ``visible``."""

_FILE = ("path", "url", "size", "orig_name", "mime_type")

FILE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "0": ("name", "size", "data"),
    "3.2": ("orig_name", "name", "size", "data", "is_file"),
    "4.0": _FILE,
    "4.18": (*_FILE, "is_stream"),
    "4.21": (*_FILE, "is_stream", "meta"),
}
"""A file among the outputs."""

INLINE_TYPES: Mapping[str, str] = {
    "application/json": "..",
    "text/plain": "..",
    "image/gif": "..",
    "image/jpeg": "..",
    "image/png": "..",
    "image/webp": "..",
    "audio/aac": "6.14..",
    "audio/aiff": "6.14..",
    "audio/flac": "6.14..",
    "audio/mp4": "6.14..",
    "audio/mpeg": "..",
    "audio/ogg": "..",
    "audio/wav": "6.14..",  # before, a WAV file is audio/x-wav to Python and so not among them
    "audio/webm": "6.14..",
    "audio/x-aiff": "6.14..",
    "audio/x-flac": "6.14..",
    "audio/x-m4a": "6.14..",
    "audio/x-matroska": "6.14..",
    "video/mp4": "..",
    "video/mpeg": "6.14..",
    "video/ogg": "..",
    "video/quicktime": "6.14..",
    "video/webm": "..",
    "video/x-matroska": "6.14..",
    "video/x-msvideo": "6.14..",
}
"""What a browser may show of what was uploaded and produced, for it cannot run scripts."""

CONFIG_KEYS: Mapping[str, str] = {
    "input_components": "..3.0",
    "output_components": "..3.0",
    "function_count": "..3.0",
    "live": "..3.0",
    "examples_per_page": "..3.0",
    "show_input": "..3.0",
    "show_output": "..3.0",
    "description": "..3.0",
    "simple_description": "..3.0",
    "article": "..3.0",
    "thumbnail": "..3.0",
    "allow_screenshot": "..3.0",
    "allow_flagging": "..3.0",
    "flagging_options": "..3.0",
    "allow_interpretation": "..3.0",
    "queue": "..3.0",
    "cached_examples": "..3.0",
    "favicon_path": "..3.0",
    "version": "..",
    "api_prefix": "5.0..",
    "mode": "3.0..",
    "app_id": "3.42..",
    "dev_mode": "3.0..",
    "vibe_mode": "5.43..",
    "analytics_enabled": "..3.0 3.23..",
    "components": "3.0..",
    "css": "..",
    "connect_heartbeat": "4.29..",
    "js": "4.0..",
    "head": "4.0..",
    "title": "..3.0 3.3..",
    "is_space": "3.3..3.36",
    "space_id": "3.36..",
    "enable_queue": "3.0..",
    "show_error": "3.3..",
    "show_api": "3.3..6.0",
    "footer_links": "6.0..",
    "run_history": "6.24..",
    "is_colab": "3.16..",
    "max_file_size": "4.28..",
    "stylesheets": "3.23..",
    "theme": "..",
    "protocol": "4.0..",
    "body_css": "4.19..",
    "fill_height": "4.19..",
    "fill_width": "4.44..",
    "theme_hash": "4.36..",
    "pwa": "5.29..",
    "pages": "5.15..",
    "page": "5.15..",
    "mcp_server": "5.43..",  # not yet in the recordings of 5.29.0
    "i18n_translations": "5.43..",
    "dependencies": "3.0..",
    "layout": "..",
    "username": "4.38..",
    "root": "3.30..",
}

CONFIG_MOVES: Mapping[tuple[str, str], str] = {
    ("theme", "css"): "3.0..3.23",
    ("layout", "dependencies"): "3.0..5.15",
    ("root", "username"): "4.38..5.43",
}
"""Where a field of the config stood: before which other."""

DEPENDENCY_KEYS: Mapping[str, str] = {
    "id": "4.32..",
    "targets": "3.0..",
    "trigger": "3.0..3.50",
    "inputs": "3.0..",
    "outputs": "3.0..",
    "backend_fn": "3.0..",
    "js": "3.0..",
    "status_tracker": "3.0..3.4",
    "queue": "3.0..",
    "api_name": "3.0..",
    "api_description": "5.43..",
    "scroll_to_output": "3.0..",
    "show_progress": "3.0..",
    "show_progress_on": "5.29..",
    "documentation": "3.0..3.16",
    "every": "3.16..4.44",
    "batch": "3.7..",
    "max_batch_size": "3.7..",
    "cancels": "3.6..",
    "types": "3.20..",
    "collects_event_data": "3.21..",
    "trigger_after": "3.32..",
    "trigger_only_on_success": "3.32..",
    "trigger_only_on_failure": "5.43..",
    "trigger_mode": "4.0..",
    "show_api": "4.12..6.0",
    "api_visibility": "6.0..",
    "zerogpu": "4.31..5.29",
    "rendered_in": "4.36..",
    "render_id": "5.29..",
    "connection": "5.0..",
    "time_limit": "5.0..",
    "stream_every": "5.0..",
    "like_user_message": "5.0..6.0",
    "event_specific_args": "5.0..",
    "component_prop_inputs": "6.0..",
    "js_implementation": "5.29..",
}

COMPONENT_KEYS: Mapping[str, str] = {
    "id": "..",
    "type": "..",
    "props": "..",
    "skip_api": "4.0..",
    "component_class_id": "4.0..",
    "key": "4.31..",
}

VALUE_KEYS: Mapping[str, str] = {
    "serializer": "3.24..4.0",
    "api_info": "3.26..",
    "api_info_as_input": "5.0..",
    "api_info_as_output": "5.0..",
    "example_inputs": "3.26..",
}
"""What a component that has a value has besides."""

INFO_KEYS: Mapping[str, str] = {
    "parameters": "..",
    "returns": "..",
    "show_api": "4.31.4..6.0",
    "api_visibility": "6.0..",
    "description": "5.43..",
    "code_snippets": "6.13..",  # not yet in the recordings of 6.0.2
}

PARAMETER_KEYS: Mapping[str, str] = {
    "label": "..",
    "parameter_name": "4.23..",
    "parameter_has_default": "4.23..",
    "parameter_default": "4.23..",
    "type": "..",
    "python_type": "..",
    "component": "..",
    "example_input": "..",
    "serializer": "..4.0",
}

RETURN_KEYS: Mapping[str, str] = {
    "label": "..",
    "type": "..",
    "python_type": "..",
    "component": "..",
    "serializer": "..4.0",
}
