"""Each example of an adapter passes the check that others are to pass."""

from __future__ import annotations

import importlib

import pytest

from gradproto_conformance.adapters import check_adapter

WITHOUT_WEBSOCKETS = ["http_client_adapter"]


@pytest.mark.parametrize("name", WITHOUT_WEBSOCKETS)
def test_an_adapter_without_websockets_keeps_all_other_obligations(name: str) -> None:
    adapter = importlib.import_module(f"tests.examples.adapters.{name}")
    checked = check_adapter(adapter.drive, websockets=False)
    assert checked.left_out
    assert all("WebSocket" in left_out for left_out in checked.left_out)
