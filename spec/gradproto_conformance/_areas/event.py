"""EVENT: what is said of an event, the same in each form of the queue."""

from __future__ import annotations

from typing import Any

from gradproto_conformance._checks import Check, Effect, Registry
from gradproto_conformance._judge import Judge

from ._asking import LIMIT, Message, is_list, is_object, listening
from ._joining import Event, in_line, joined, outputs_of
from ._yard import direct, gate

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

ORDER = check("event-order", "An event begins, says what it has to say, and is completed, each once", "EVENT-1.1")
ENDS = check("event-ends", "An event that ran is completed", "EVENT-1.2")
GENERATOR_ORDER = check("event-generator-order", "A generator's outputs come between begin and end", "EVENT-1.1")
GENERATOR_ENDS = check("event-generator-ends", "A generator that ran is completed", "EVENT-1.2")
CACHED = check("event-cached", "A result that is known already is told as any other", "EVENT-1.3")
ESTIMATION = check("event-estimation", "An event hears where it stands", "EVENT-2.1")
RANK = check("event-rank", "Whoever comes later stands further behind", "EVENT-2.1")
STARTS = check("event-starts", "An event hears that it begins", "EVENT-2.2")
PROGRESS = check("event-progress", "Progress tells of each bar", "EVENT-2.3")
LOG = check("event-log", "What the app says beside has its level", "EVENT-2.4")
LOG_SHOWN = check("event-log-shown", "What the app says beside says how it is to be shown", "EVENT-2.4")
OUTPUTS = check("event-outputs", "Each value that a generator yields is told", "EVENT-2.5")
FIRST_OUTPUT = check("event-first-output", "The first output of a generator is its first value", "EVENT-2.5")
COMPLETED = check("event-completed", "A completed event has its values", "EVENT-2.6")
DURATIONS = check("event-durations", "A completed event says how long it took", "EVENT-2.7")
LAST_OUTPUT = check("event-last-output", "A generator is completed with its last value", "EVENT-2.8")
FAILS = check("event-fails", "A function that raises has no success", "EVENT-3.1")
APP_FAILS = check("event-app-error-fails", "A function that raises a gr.Error has no success", "EVENT-3.1")
ERROR_HIDDEN = check("event-error-text", "The text of an error is told unless the app hides errors", "EVENT-3.1")
ERROR_SHOWN = check("event-app-error-text", "The text of a gr.Error is told in any case", "EVENT-3.2")
ERROR_FIELDS = check("event-app-error-fields", "A gr.Error says how it is to be shown", "EVENT-3.3")
FAILS_LATE = check("event-fails-late", "A generator may fail after some outputs", "EVENT-3.4")
TOO_FEW = check("event-too-few-values", "Too few values are an error of the event", "EVENT-3.5")
TOO_MANY = check("event-too-many-values", "Too many values do no harm", "EVENT-3.5")
CLOSED = check("event-app-closes", "When the app is closed open streams are told so", "EVENT-4.1")
UNEXPECTED = check("event-unexpected-error", "After unexpected_error nothing more comes", "EVENT-3.6")

BESIDE = ("progress", "log", "process_generating")


@scenario(ORDER, ENDS, ESTIMATION, STARTS, COMPLETED, DURATIONS, needs=["echo"], effect=Effect.CALL)
async def a_plain_event(judge: Judge) -> None:
    """Call a function that returns what it gets."""
    async with joined(judge, "echo", ["plain \u2713"]) as event:
        message = await event.finish()
        await event.until("process_completed", "process_starts", within=0.3)
    if not _began(judge, event):
        return
    _judge_order(judge, event, ORDER, ENDS)
    if message is None:
        judge.cannot_rest(event.trouble)
        return
    places = event.all_of("estimation")
    judge.that(
        ESTIMATION,
        bool(places) and all(_is_place(place) for place in places),
        expected="estimation with rank, queue_size and rank_eta",
        got=places or event.kinds,
        exchange=event.exchange,
    )
    starts = event.all_of("process_starts")
    judge.that(
        STARTS,
        len(starts) == 1 and (judge.target.version < (4, 11) or _is_time(starts[0], "eta")),
        expected="process_starts" + ("" if judge.target.version < (4, 11) else " with eta"),
        got=starts or event.kinds,
        exchange=event.exchange,
    )
    judge.that(
        COMPLETED,
        outputs_of(message) == ["plain \u2713"] and (judge.target.version < (3, 2) or message.get("success") is True),
        expected="success true, and the values of the function",
        got=message,
        exchange=event.exchange,
    )
    output: Any = message.get("output")
    judge.that(
        DURATIONS,
        is_object(output) and all(_is_number(output.get(key)) for key in ("duration", "average_duration")),
        expected="duration and average_duration, in seconds",
        got=output,
        exchange=event.exchange,
    )


def _began(judge: Judge, event: Event) -> bool:
    """Say whether anything was said of an event; where not, no check can be decided on."""
    if any(kind not in ("send_hash", "send_data", "queue_full") for kind in event.kinds):
        return True
    judge.cannot_rest(event.trouble)
    return False


def _judge_order(judge: Judge, event: Event, order: Check, ends: Check) -> None:
    """Decide on the order of what was said, and on whether there was an end."""
    kinds = [kind for kind in event.kinds if kind in ("process_starts", "process_completed", *BESIDE)]
    if not kinds:
        judge.cannot(order, event.trouble)
    if not {"process_starts", "process_completed"} & set(kinds):
        judge.cannot(ends, event.trouble)
        return
    judge.that(
        ends,
        "process_completed" in kinds,
        expected="process_completed",
        got=event.kinds if event.kinds[-1:] == ["process_completed"] else f"{event.trouble}: {event.kinds}",
        exchange=event.exchange,
    )
    judge.that(
        order,
        kinds[:1] == ["process_starts"]
        and kinds.count("process_starts") == 1
        and "process_completed" not in kinds[:-1],
        expected="process_starts, then what is said beside, then process_completed",
        got=kinds,
        exchange=event.exchange,
    )


def _is_place(message: Message) -> bool:
    rank: Any = message.get("rank")
    size: Any = message.get("queue_size")
    return _is_whole(rank) and _is_whole(size) and 0 <= rank < max(size, 1) and _is_time(message, "rank_eta")


def _is_time(message: Message, key: str) -> bool:
    return key in message and (message[key] is None or _is_number(message[key]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@scenario(RANK, needs=["line", "open_gate"], effect=Effect.CALL)
async def two_that_wait(judge: Judge) -> None:
    """Let two events wait for one that runs."""
    async with gate(judge) as door, joined(judge, "line", [door.name]) as first:
        if await first.until("process_starts", within=2 * LIMIT) is None:
            judge.cannot_rest(first.trouble)
            return
        async with (
            in_line(judge, "line", [door.name]) as second,
            in_line(judge, "line", [door.name]) as third,
        ):
            await door.open()
            for event in (first, second, third):
                if await event.finish(LIMIT) is None:
                    break
    events = (first, second, third)
    if not all(event.all_of("estimation") for event in events):
        judge.cannot_rest("; ".join(event.trouble or "no estimation" for event in events))
        return
    ranks: list[list[Any]] = [[place.get("rank") for place in event.all_of("estimation")] for event in events]
    whole = all(_is_whole(rank) for one in ranks for rank in one)
    judge.that(
        RANK,
        whole and ranks[2][0] > ranks[1][0] >= 0 and ranks[2] == sorted(ranks[2], reverse=True),
        expected="a rank that is higher for the later one, and that becomes less",
        got=ranks,
        exchange=third.exchange,
    )


@scenario(PROGRESS, needs=["progress"], effect=Effect.CALL)
async def progress(judge: Judge) -> None:
    """Call a function that shows how far it is."""
    async with joined(judge, "progress", [4]) as event:
        message = await event.finish()
    if not _began(judge, event) or message is None:
        judge.cannot_rest(event.trouble)
        return
    told = event.all_of("progress")
    bars = [one.get("progress_data") for one in told]
    judge.that(
        PROGRESS,
        bool(told) and all(is_list(one) and len(one) == 1 and _is_bar(one[0], 4, "working") for one in bars),
        expected="progress_data with index, length 4, unit, progress and desc",
        got=bars or event.kinds,
        exchange=event.exchange,
    )


def _is_bar(bar: Any, length: int, description: str) -> bool:
    return (
        is_object(bar)
        and {"index", "length", "unit", "progress", "desc"} <= bar.keys()
        and (bar["index"] is None or (_is_number(bar["index"]) and bar["index"] <= length))
        and bar["length"] == length
        and bar["desc"] == description
        and (bar["progress"] is None or (_is_number(bar["progress"]) and bar["progress"] <= 1))
    )


@scenario(LOG, LOG_SHOWN, needs=["log"], effect=Effect.CALL)
async def logs(judge: Judge) -> None:
    """Call a function that says something beside, and warns."""
    async with joined(judge, "log", ["x"]) as event:
        message = await event.finish()
    if not _began(judge, event) or message is None:
        judge.cannot_rest(event.trouble)
        return
    told = event.all_of("log")
    judge.that(
        LOG,
        [(one.get("log"), one.get("level")) for one in told] == [("info: x", "info"), ("warning: x", "warning")],
        expected="the two texts, with the levels info and warning",
        got=told or event.kinds,
        exchange=event.exchange,
    )
    version = judge.target.version
    if not told:
        judge.cannot(LOG_SHOWN, "nothing was said beside")
    elif version < (4, 37):
        judge.skip(LOG_SHOWN, "nothing of that was said before 4.37.0")
    else:
        judge.that(
            LOG_SHOWN,
            all(
                _is_time(one, "duration")
                and isinstance(one.get("visible"), bool)
                and (version < (5, 2) or isinstance(one.get("title"), str))
                for one in told
            ),
            expected="duration and visible" + ("" if version < (5, 2) else " and title"),
            got=told,
            exchange=event.exchange,
        )


@scenario(GENERATOR_ORDER, GENERATOR_ENDS, OUTPUTS, FIRST_OUTPUT, LAST_OUTPUT, needs=["count"], effect=Effect.CALL)
async def a_generator(judge: Judge) -> None:
    """Call a function that yields four values."""
    async with joined(judge, "count", [4]) as event:
        message = await event.finish()
    if not _began(judge, event):
        return
    _judge_order(judge, event, GENERATOR_ORDER, GENERATOR_ENDS)
    told = event.all_of("process_generating")
    if message is None and not told:
        judge.cannot_rest(event.trouble)
        return
    judge.that(
        OUTPUTS,
        len(told) == 4 and all(_is_generating(one) for one in told),
        expected="four outputs with is_generating and success",
        got=told or event.kinds,
        exchange=event.exchange,
    )
    if told:
        first = outputs_of(told[0])
        judge.that(FIRST_OUTPUT, first == ["0"], expected='["0"]', got=first, exchange=event.exchange)
    if message is None:
        judge.cannot_rest(event.trouble)
        return
    if not told:
        judge.cannot(FIRST_OUTPUT, "there was no output")
    judge.that(LAST_OUTPUT, outputs_of(message) == ["3"], expected='["3"], whole', got=message, exchange=event.exchange)


def _is_generating(message: Message) -> bool:
    output = message.get("output")
    return (
        is_object(output)
        and is_list(output.get("data"))
        and output.get("is_generating") is True
        and message.get("success") is True
    )


@scenario(CACHED, needs=["cached"], effect=Effect.CALL)
async def a_result_that_is_known(judge: Judge) -> None:
    """Call a function with a cache twice."""
    name = judge.unique("session")
    for _ in range(2):
        async with joined(judge, "cached", [name]) as event:
            message = await event.finish()
        if message is None and not event.messages:
            judge.cannot_rest(event.trouble)
            return
        judge.that(
            CACHED,
            outputs_of(message) == [f"cached {name}"],
            expected="process_completed with the result",
            got=message or event.trouble,
            exchange=event.exchange,
        )


# --- failures --------------------------------------------------------------------------------------------------------


@scenario(FAILS, ERROR_HIDDEN, needs=["fail_value"], effect=Effect.CALL)
async def an_exception(judge: Judge) -> None:
    """Call a function that raises a ValueError."""
    async with joined(judge, "fail_value", ["x"]) as event:
        message = await event.finish()
    output = _judge_failure(judge, event, message, FAILS)
    if output is None:
        return
    shown = judge.target.config.get("show_error")
    # Before 3.3 the config does not say whether errors are hidden.
    expected = ["hidden: x"] if shown is True else [None] if shown is False else ["hidden: x", None]
    judge.that(
        ERROR_HIDDEN,
        "error" in output and output["error"] in expected,
        expected=f"error {' or '.join(map(repr, expected))}",
        got=output,
        exchange=event.exchange,
    )


@scenario(APP_FAILS, ERROR_SHOWN, ERROR_FIELDS, needs=["fail"], effect=Effect.CALL)
async def an_error_of_the_app(judge: Judge) -> None:
    """Call a function that raises a gr.Error."""
    async with joined(judge, "fail", ["x"]) as event:
        message = await event.finish()
    output = _judge_failure(judge, event, message, APP_FAILS)
    if output is None:
        return
    text = "told: x" if judge.target.version >= (5, 2) else repr("told: x")
    judge.that(ERROR_SHOWN, output.get("error") == text, expected=f"error {text}", got=output, exchange=event.exchange)
    judge.that(
        ERROR_FIELDS,
        _is_time(output, "duration")
        and isinstance(output.get("visible"), bool)
        and isinstance(output.get("title"), str),
        expected="duration, visible and title",
        got=output,
        exchange=event.exchange,
    )


def _judge_failure(judge: Judge, event: Event, message: Message | None, fails: Check) -> dict[str, Any] | None:
    """Decide on whether a failure is told as one, and give what it says."""
    if message is None:
        judge.cannot_rest(event.trouble)
        return None
    output: Any = message.get("output")
    if judge.that(
        fails,
        message.get("success", judge.target.version >= (3, 2)) is False and is_object(output) and "data" not in output,
        expected="success false, and no values",
        got=message,
        exchange=event.exchange,
    ):
        return output if is_object(output) else None
    judge.cannot_rest("the event did not fail")
    return None


@scenario(FAILS_LATE, needs=["gen_fail"], effect=Effect.CALL)
async def a_failure_after_outputs(judge: Judge) -> None:
    """Call a generator that raises after two values."""
    async with joined(judge, "gen_fail", [2]) as event:
        message = await event.finish()
    if message is None:
        judge.cannot_rest(event.trouble)
        return
    judge.that(
        FAILS_LATE,
        len(event.all_of("process_generating")) == 2
        and message.get("success") is False
        and "told after 2" in str(message.get("output")),
        expected="two outputs, and process_completed with success false and the text",
        got=message,
        exchange=event.exchange,
    )


@scenario(TOO_FEW, TOO_MANY, needs=["echo"], effect=Effect.FULL)
async def other_numbers_of_values(judge: Judge) -> None:
    """Call a function with a value too few, and with one too many."""
    async with joined(judge, "echo", []) as event:
        message = await event.finish()
    output: Any = None if message is None else message.get("output")
    judge.that(
        TOO_FEW,
        message is not None and message.get("success") is False and is_object(output) and "error" in output,
        expected="process_completed with success false and an error",
        got=message or event.trouble,
        exchange=event.exchange,
    )
    async with joined(judge, "echo", ["x", "y"]) as event:
        message = await event.finish()
    judge.that(
        TOO_MANY,
        outputs_of(message) == ["x"],
        expected="the values of the function",
        got=message or event.trouble,
        exchange=event.exchange,
    )


@scenario(UNEXPECTED, effect=Effect.READ)
async def what_ends_a_stream(judge: Judge) -> None:
    """Hear what an unknown session is told, and whether anything follows."""
    async with listening(judge, "{P}/queue/data", query={"session_hash": judge.unique("session")}) as hearing:
        message = await hearing.until("unexpected_error")
        if message is None:
            judge.cannot_rest(hearing.trouble)
            return
        told = len(hearing.messages)
        await hearing.to_the_end()
    judge.that(
        UNEXPECTED,
        isinstance(message.get("message"), str) and message.get("success") is False and message.get("event_id") is None,
        expected="unexpected_error with a message and success false, of no event",
        got=message,
        exchange=hearing.exchange,
    )
    judge.that(
        UNEXPECTED,
        len(hearing.messages) == told,
        expected="nothing after unexpected_error",
        got=hearing.messages[told:],
        exchange=hearing.exchange,
    )


@scenario(CLOSED, needs=["last_words", "close_app"], effect=Effect.FULL)
async def an_app_that_closes(judge: Judge) -> None:
    """Close the app while an event runs. This may take 15 seconds."""
    async with gate(judge) as door, joined(judge, "last_words", [door.name]) as event:
        if await event.until("process_starts") is None:
            judge.cannot_rest(event.trouble)
            return
        await direct(judge, "close_app", [""])
        message = await event.until("unexpected_error", within=17)
        judge.that(
            CLOSED,
            message is not None and message.get("message") == "Server stopped unexpectedly.",
            expected='unexpected_error, "Server stopped unexpectedly."',
            got=message or event.trouble,
            exchange=event.exchange,
        )
        door.leave()
