"""PAYLOAD: the values that go in and come out."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Sequence
from typing import Any

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Answer, ask, is_list, is_object
from ._joining import joined, outputs_of
from ._yard import direct

__all__ = ["REGISTRY", "call", "data_of", "data_url", "of_data_url"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

INPUTS = check("payload-inputs", "The values of a request are those of the inputs, in their order", "PAYLOAD-1.1")
TOO_FEW = check("payload-too-few", "A request with fewer values than inputs is an error", "PAYLOAD-1.1")
STATE = check("payload-state", "Null stands for a State", "PAYLOAD-1.1")
OUTPUTS = check("payload-outputs", "There is a value for each output, in their order", "PAYLOAD-1.2")
TEXT = check("payload-text", "Text of all of Unicode comes back, escaped in the request or not", "PAYLOAD-1.3")
VALUES = check("payload-values", "Booleans, lists and objects come back", "PAYLOAD-1.3")
WHOLE = check("payload-whole-number", "A whole number is an integer", "PAYLOAD-1.4")
INFINITE = check("payload-infinity", "What is no JSON is null", "PAYLOAD-1.5")
UPDATE = check("payload-update", "An update says so, and has its value", "PAYLOAD-2.1")
NO_OUTPUTS = check("payload-no-outputs", "An endpoint without outputs gives an empty list", "PAYLOAD-2.2")
NOTHING = check("payload-nothing", "A function that gives nothing gives null", "PAYLOAD-2.2")
OLD_FILE = check("payload-gradio-2-file", "A file is in the payload, both ways", "PAYLOAD-3.1")
OLD_IMAGE = check("payload-gradio-2-image", "An image is a data URL, both ways", "PAYLOAD-3.1")

# What escapes, what does not fit 16 bits, what ends lines in some languages, and what looks like markup.
TEXT_SENT = 'caf\u00e9 \u2713 \U0001f600 "quoted" \\ \n \u2028\u0085 <b>&amp;'
VALUES_SENT: Sequence[Any] = (
    {"flags": [True, False, None], "inner": {"empty": [], "text": TEXT_SENT}, "count": 3},
    [True, [False, {"deep": [None]}], "word"],
)
HUGE = 1e308  # twice that is more than a float holds

# Two points beside each other; the fixture app turns them.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000010802000000"
    "7b40e8dd0000000f49444154789c63f8cfc0c000c40c000007fe01ff9be15be70000000049454e44ae426082"
)


async def call(judge: Judge, name: str, data: Sequence[Any], *, session: str | None = None) -> Answer:
    """Call a function past the queue, and be patient: what it gives is judged, not when."""
    return await direct(judge, name, data, session=session, within=2 * LIMIT)


def data_url(content: bytes, media_type: str) -> str:
    """Give content as a ``data:`` URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def of_data_url(value: object) -> bytes | None:
    """Give the content of a ``data:`` URL; ``None`` if it is none."""
    head, _, text = value.partition(",") if isinstance(value, str) else ("", "", "")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def data_of(answer: Answer) -> list[Any] | None:
    """Give the values of an answer past the queue; ``None`` if it has none."""
    data = answer.value.get("data") if answer.status == 200 and is_object(answer.value) else None
    return data if is_list(data) else None


def _judge_data(judge: Judge, one: Check, answer: Answer, expected: Sequence[Any]) -> None:
    """Decide on a check by the values of an answer."""
    judge.that(
        one,
        data_of(answer) == expected,
        expected=f"status 200 and the data {json.dumps(expected, ensure_ascii=False)}",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(INPUTS, TOO_FEW, WHOLE, needs=["add"], effect=Effect.CALL)
async def payload_inputs(judge: Judge) -> None:
    """Add two numbers, and one."""
    answer = await call(judge, "add", [1, 2])
    _judge_data(judge, INPUTS, answer, [3])
    data = data_of(answer)
    judge.that(
        WHOLE,
        data is not None and [type(value) for value in data] == [int],
        expected="3, not 3.0",
        got=answer.got,
        exchange=answer.exchange,
    )
    fewer = await call(judge, "add", [1])
    judge.that(
        TOO_FEW,
        fewer.status is not None and fewer.status >= 400,
        expected="a status of 400 or more",
        got=fewer.got,
        exchange=fewer.exchange,
    )


@scenario(STATE, needs=["state"], effect=Effect.CALL)
async def payload_state(judge: Judge) -> None:
    """Call a function that has a State, and an output before it."""
    answer = await call(judge, "state", [None], session=judge.unique("session"))
    data = data_of(answer)
    judge.that(
        STATE,
        data is not None and len(data) == 2 and data[0] == 1,
        expected="status 200 and the data [1, whatever stands for the State]",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(OUTPUTS, needs=["multi"], effect=Effect.CALL)
async def payload_outputs(judge: Judge) -> None:
    """Call a function with three outputs."""
    _judge_data(judge, OUTPUTS, await call(judge, "multi", ["word"]), ["word", 4, "WORD"])


@scenario(TEXT, NOTHING, needs=["echo"], effect=Effect.CALL)
async def payload_text(judge: Judge) -> None:
    """Send text, escaped as JSON may be and not, and no text."""
    _judge_data(judge, TEXT, await call(judge, "echo", [TEXT_SENT]), [TEXT_SENT])
    value = {"fn_index": judge.target.endpoints["echo"], "data": [TEXT_SENT]}
    plain = json.dumps(value, ensure_ascii=False).encode()
    as_json = [("content-type", "application/json")]
    _judge_data(judge, TEXT, await ask(judge, "POST", "{P}/api/predict", body=plain, headers=as_json), [TEXT_SENT])
    _judge_data(judge, NOTHING, await call(judge, "echo", [None]), [None])


@scenario(VALUES, needs=["json"], effect=Effect.CALL)
async def payload_values(judge: Judge) -> None:
    """Send JSON that is more than text and numbers."""
    for value in VALUES_SENT:
        if judge.target.version < (3, 1, 5):
            _judge_data(judge, VALUES, await call(judge, "json", [value]), [value])
            continue
        # Past the queue, 5.50 tells them as Python writes them.
        async with joined(judge, "json", [value]) as event:
            outputs = outputs_of(await event.finish())
        judge.that(
            VALUES,
            outputs == [value],
            expected=f"the data {json.dumps([value], ensure_ascii=False)}",
            got=event.trouble if outputs is None else outputs,
            exchange=event.exchange,
        )


@scenario(INFINITE, needs=["add"], effect=Effect.CALL)
async def payload_infinity(judge: Judge) -> None:
    """Let the sum of two numbers be more than a float holds, past the queue and in it."""
    _judge_data(judge, INFINITE, await call(judge, "add", [HUGE, HUGE]), [None])
    async with joined(judge, "add", [HUGE, HUGE]) as event:
        message = await event.finish()
    judge.that(
        INFINITE,
        outputs_of(message) == [None],
        expected="the data [null]",
        got=message or event.trouble,
        exchange=event.exchange,
    )


@scenario(UPDATE, needs=["update"], effect=Effect.CALL)
async def payload_update(judge: Judge) -> None:
    """Call a function that changes its output's label and its value."""
    answer = await call(judge, "update", ["fresh"])
    data = data_of(answer)
    found = data[0] if data is not None and len(data) == 1 else None
    judge.that(
        UPDATE,
        is_object(found) and found.get("__type__") == "update" and found.get("value") == "fresh",
        expected='an object with "__type__": "update" and "value": "fresh"',
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(NO_OUTPUTS, needs=["noout"], effect=Effect.CALL)
async def payload_no_outputs(judge: Judge) -> None:
    """Call a function without outputs."""
    _judge_data(judge, NO_OUTPUTS, await call(judge, "noout", ["word"]), [])


@scenario(OLD_FILE, needs=["file"], effect=Effect.CALL)
async def payload_gradio_2_file(judge: Judge) -> None:
    """Send a file in the payload; it comes back in capitals."""
    sent = {"name": "gradproto.txt", "data": data_url(b"content", "text/plain"), "size": 7}
    answer = await call(judge, "file", [[sent]])
    data = data_of(answer)
    found = data[0] if data is not None and len(data) == 1 else None
    judge.that(
        OLD_FILE,
        is_object(found)
        and isinstance(found.get("name"), str)
        and found.get("size") == 8
        and of_data_url(found.get("data")) == b"CONTENT!",
        expected="an object with name, size: 8 and data: a data URL of CONTENT!",
        got=answer.got,
        exchange=answer.exchange,
    )


@scenario(OLD_IMAGE, needs=["image"], effect=Effect.CALL)
async def payload_gradio_2_image(judge: Judge) -> None:
    """Send an image of two points beside each other; it comes back turned."""
    answer = await call(judge, "image", [data_url(PNG, "image/png")])
    data = data_of(answer)
    content = of_data_url(data[0]) if data is not None and len(data) == 1 else None
    judge.that(
        OLD_IMAGE,
        content is not None and content[:8] == PNG[:8] and content[16:24] == struct.pack(">II", 1, 2),
        expected="a data URL of a PNG, one point wide and two high",
        got=answer.got,
        exchange=answer.exchange,
    )
