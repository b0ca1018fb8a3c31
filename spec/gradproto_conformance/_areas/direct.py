"""DIRECT: calls past the queue."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Effect, Registry
from gradproto_conformance._json import is_object
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Answer, ask

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

OLD = check("direct-gradio-2", "Gradio 2 is called at /api/predict/", "DIRECT-1.1")
BY_NAME = check("direct-by-name", "An endpoint can be called past the queue by its name", "DIRECT-1.2")
BY_INDEX = check("direct-by-index", "A function can be called past the queue by its index", "DIRECT-1.3")
ERROR = check("direct-error", "A function that raises gives 500 and the text", "DIRECT-1.4")
UNKNOWN = check("direct-unknown-name", "A name that is not there is an error", "DIRECT-1.5")
FIRST = check("direct-generator", "A generator gives its first value", "DIRECT-1.7")

SENT = "direct \u2713 \U0001f600"


async def _post(judge: Judge, path: str, value: Any) -> Answer:
    """Make a call, and be patient: what it gives is judged, not when."""
    return await ask(judge, "POST", path, within=2 * LIMIT, value=value)


def _data(answer: Answer) -> Any:
    return answer.value.get("data") if is_object(answer.value) else None


@scenario(OLD, effect=Effect.CALL, needs=["echo"])
async def direct_gradio_2(judge: Judge) -> None:
    """Call the one function of Gradio 2."""
    answer = await _post(judge, "/api/predict/", {"data": [SENT]})
    judge.that(
        OLD,
        answer.status == 200 and _data(answer) == [SENT],
        expected=f"status 200 and the data {[SENT]}",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(BY_NAME, BY_INDEX, effect=Effect.CALL, needs=["echo"])
async def direct_call(judge: Judge) -> None:
    """Call an endpoint by its name and by its index."""
    by_name = await _post(judge, "{P}/run/echo", {"data": [SENT]})
    index = judge.target.endpoints["echo"]
    by_index = await _post(judge, "{P}/api/predict", {"data": [SENT], "fn_index": index})
    for one, answer in ((BY_NAME, by_name), (BY_INDEX, by_index)):
        judge.that(
            one,
            answer.status == 200 and _data(answer) == [SENT],
            expected=f"status 200 and the data {[SENT]}",
            got=answer.got,
            exchange=answer.exchange,
        )


@scenario(ERROR, effect=Effect.CALL, needs=["fail_value"])
async def direct_error(judge: Judge) -> None:
    """Call a function that raises."""
    index = judge.target.endpoints["fail_value"]
    value = {"data": ["x"], "fn_index": index}
    path = "{P}/api/predict" if judge.target.version >= (3,) else "/api/predict/"
    answer = await _post(judge, path, value)
    text = answer.value.get("error", 0) if is_object(answer.value) else 0
    hidden = judge.target.version < (3, 4) and answer.text == "Internal Server Error"
    judge.that(
        ERROR,
        answer.status == 500 and (hidden or text is None or (isinstance(text, str) and "x" in text)),
        expected="status 500, and error: the text, or null",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(UNKNOWN, effect=Effect.FULL)
async def direct_unknown_name(judge: Judge) -> None:
    """Call what is not there."""
    answer = await _post(judge, "{P}/run/gradproto_nothing", {"data": []})
    judge.that(
        UNKNOWN,
        answer.status is not None and answer.status >= 400,
        expected="a status of 400 or more",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(FIRST, effect=Effect.CALL, needs=["count"])
async def direct_generator(judge: Judge) -> None:
    """Call a generator."""
    value = {"data": [3], "fn_index": judge.target.endpoints["count"], "session_hash": judge.unique("session")}
    answer = await _post(judge, "{P}/api/predict", value)
    judge.that(FIRST, _data(answer) == ["0"], expected='the data ["0"]', got=answer.got, exchange=answer.exchange)
