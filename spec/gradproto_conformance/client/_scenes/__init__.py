"""The scenarios that clients are put into."""

from __future__ import annotations

from gradproto_conformance.client._stage import Playbook

from . import conduct, endings, results, streams

__all__ = ["PLAYBOOKS"]

PLAYBOOKS: tuple[Playbook, ...] = (results.PLAYBOOK, streams.PLAYBOOK, endings.PLAYBOOK, conduct.PLAYBOOK)
