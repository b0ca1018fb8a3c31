"""``gradproto demo``: it must see whatever goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto_fake_server import FakeApp, demo_app
from gradproto_transports.cli._demo import run_demo
from tests.cli.conftest import Invoke


def test_the_demo_does_everything_and_says_so(invoke: Invoke) -> None:
    result = invoke("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Named API endpoints: 10\n" in result.stdout
    assert result.stdout.count("✔") == 12
    assert "12 of 12 steps went as expected, in " in result.stdout
    assert "\x1b" not in result.stdout


def _spoiled(name: str, function: Any) -> FakeApp:
    app = demo_app()
    endpoint = app.find_endpoint(name)
    assert endpoint is not None
    endpoint.function = function
    return app


def _cut_short(n: float) -> Any:
    yield "n=0"


@pytest.mark.parametrize(
    ("name", "function", "failures"),
    [
        ("/echo", lambda text: text + "!", 2),
        ("/add", lambda a, b: a - b, 1),
        ("/upper", lambda file: file, 1),
        ("/count", _cut_short, 2),
        ("/progress", lambda n: f"done {n:g}", 1),
        ("/chat", lambda message, history: iter([history]), 1),
        ("/incr", lambda counter: (7, 7), 2),
        ("/slow", lambda text, seconds: "else", 1),
        ("/fail", lambda text: "no failure", 1),
        ("/echo", lambda text: 1 / 0, 2),
    ],
)
def test_the_demo_sees_what_is_wrong(
    name: str, function: Any, failures: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_demo(_spoiled(name, function)) == failures
    out = capsys.readouterr().out
    assert out.count("✘") == failures
    assert f"{failures} of 12 steps FAILED" in out


def test_the_demo_works_where_the_output_has_only_ascii(start: Any) -> None:
    process = start("demo", env={"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.count("  ok ") == 12
