"""Validators: what looks at the inputs of an event before it may join the queue."""

from __future__ import annotations

from typing import Any

from ._endpoints import Endpoint
from ._jobs import JobHost, arguments_of
from ._json import is_list_or_tuple, is_object

__all__ = ["refusal_of", "validate"]


def validate(is_valid: bool, message: str) -> dict[str, Any]:
    """Say what a validator found, as ``gr.validate`` does: one for each input, in a list if there are several."""
    return {"__type__": "validate", "is_valid": is_valid, "message": message}


def refusal_of(endpoint: Endpoint, data: list[Any], host: JobHost) -> tuple[int, Any] | None:
    """Give the status and the detail with which an event is refused; ``None`` if it may join.

    What is no :func:`validate` is taken for valid, as Gradio does.
    """
    if endpoint.validator is None:
        return None
    try:
        found = endpoint.validator(*arguments_of(endpoint, data, host))
    except Exception as error:  # a validator that fails is told to the caller, whatever it is
        return 400, str(error)
    results = list(found) if is_list_or_tuple(found) else [found]
    details = [_named(result, place, endpoint) for place, result in enumerate(results)]
    return None if all(detail["is_valid"] is True for detail in details) else (422, details)


def _named(result: Any, place: int, endpoint: Endpoint) -> dict[str, Any]:
    if not is_object(result) or result.get("__type__") != "validate":
        return {"is_valid": True, "message": ""}
    names = endpoint.parameter_names
    return {**result, "parameter_name": names[place] if place < len(names) else f"parameter_{place}"}
