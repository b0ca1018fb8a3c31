"""A program that has pictures described by a Gradio app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradproto import AppError
from gradproto_transports.sync import Client


def captions(client: Client, names: Iterable[str]) -> dict[str, str]:
    """Describe pictures; one that the app cannot describe has no caption."""
    found = {}
    for name in names:
        try:
            found[name] = client.predict(name, api_name="/caption")
        except AppError:
            found[name] = ""
    return found


async def caption_at_once(client: Any, name: str) -> str:
    """Describe a picture with a client of trio or of asyncio."""
    caption: str = await client.predict(name, api_name="/caption")
    return caption
