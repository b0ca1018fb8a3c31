"""What every version must do, if it can: calls, values and errors. Each test is one row of the matrix."""

from __future__ import annotations

import pytest

from gradproto import (
    AppError,
    ArgumentError,
    AuthenticationError,
    EndpointNotFoundError,
    Status,
)

from .case import Case, behaviour

__all__: list[str] = []

# The values that the app's generators give; see app.py.
GROWN = [
    {"text": "x", "list": [1, 2, 3], "dict": {"k": 1}},
    {"text": "xy", "list": [1, 2, 3, 4], "dict": {"k": 1, "m": 2}},
    {"text": "z", "list": [1], "dict": {"m": 2}},
    {"text": None, "list": [[1, 2], [3, 4]], "dict": {"m": "word"}},
    {"text": None, "list": [[1], [3]], "dict": {"m": "words"}},
    ["now", "a", "list"],
    ["now", "a", "longer", "list"],
    [],
    {"end": True},
]
TOKENS = [["a"], ["a", "b", "c", "d"], ["a!"], ["x", "y"]]


@behaviour
async def connecting(case: Case) -> None:
    async with case.open() as client:
        assert client.config.version.strip() == case.version_text


@behaviour
async def the_api(case: Case) -> None:
    async with case.open("add") as client:
        add = client.view_api(return_format="dict")["named_endpoints"][case.endpoint("add")]
        assert [parameter["label"] for parameter in add["parameters"]] == ["a", "b"]
        # 3.50 says "int | float" itself.
        assert {parameter["python_type"]["type"] for parameter in add["parameters"]} <= {"float", "int | float"}
        assert len(add["returns"]) == 1
        text = client.view_api(return_format="str")
        assert f'api_name="{case.endpoint("add")}"' in text


@behaviour
async def echo(case: Case) -> None:
    async with case.open() as client:
        assert await client.predict("hello") == "hello"


@behaviour
async def names_and_numbers(case: Case) -> None:
    async with case.open("add") as client:
        assert await client.predict(2, 0.5) == 2.5
        assert await client.predict(b=40, a=2) == 42


@behaviour
async def unicode_and_large_values(case: Case) -> None:
    async with case.open() as client:
        for text in ("Grüße, 世界 \u2028 \x85 \r\n\t🎈 \\u0041 \"'</script>", "ä" * 700_000):
            assert await client.predict(text) == text


@behaviour
async def wrong_arguments(case: Case) -> None:
    word = case.word("x")[:40]
    async with case.open() as client:
        for wrong in ((), (word, "too much")):
            with pytest.raises(ArgumentError):
                await client.submit(*wrong)
        with pytest.raises(ArgumentError, match="nonsense"):
            await client.submit(nonsense=word)
        with pytest.raises(EndpointNotFoundError, match="/nowhere"):
            await client.submit(word, api_name="/nowhere")
        assert await client.predict("after") == "after"
    assert f"begin echo {word!a}" not in case.server().journal()


@behaviour
async def several_outputs(case: Case) -> None:
    async with case.open("several") as client:
        assert await client.predict("four") == ("four", 4, {"text": "four"})


@behaviour
async def no_output(case: Case) -> None:
    async with case.open("nothing") as client:
        word = case.word("x")
        assert await client.predict(word) == ()
        assert case.server("nothing").journal().count(f"begin nothing {word}") == 1


@behaviour
async def null(case: Case) -> None:
    async with case.open("none") as client:
        assert await client.predict("x") in (None, "")


@behaviour
async def an_update(case: Case) -> None:
    async with case.open("change") as client:
        result = await client.predict("new")
        assert result["__type__"] == "update"
        assert (result["value"], result["label"]) == ("new", "changed")


@behaviour
async def outside_the_queue(case: Case) -> None:
    async with case.open("unqueued") as client:
        assert await client.predict("at once") == "at once"


@behaviour
async def past_the_queue_by_choice(case: Case) -> None:
    async with case.open(route="direct") as client:
        assert await client.predict("direct") == "direct"
    async with case.open("fail_value", variant="limited", route="direct") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("direct")
        assert caught.value.message == "hidden: direct"
    async with case.open("visit", route="direct") as client:
        assert [await client.predict() for _ in range(2)] == [1, 2]


@behaviour
async def by_the_simple_api(case: Case) -> None:
    # Through the queue where there is none, which the caller need not know.
    async with case.open(route="call") as client:
        assert await client.predict("simply") == "simply"
    async with case.open("fail", route="call") as client:
        with pytest.raises(AppError):
            await client.predict("simply")
    async with case.open("visit", route="call") as client:
        assert [await client.predict() for _ in range(2)] == [1, 2]
    if case.version >= (3, 2):
        async with case.open("count", route="call") as client:
            assert [output async for output in await client.submit(3)] == ["0", "1", "2"]


@behaviour
async def an_app_without_queue(case: Case) -> None:
    async with case.open(variant="noqueue") as client:
        assert await client.predict("no queue") == "no queue"
    async with case.open("fail_value", variant="noqueue") as client:
        with pytest.raises(AppError, match="hidden: why"):
            await client.predict("why")


@behaviour
async def unnamed_and_hidden_endpoints(case: Case) -> None:
    async with case.open() as client:
        dependencies = client.config.dependencies
        assert "/private" not in client.view_api(return_format="str")
        # Its config says so since 4.12.
        if case.version >= (4, 12):
            assert "/undocumented" not in client.view_api(return_format="str")
            assert await client.predict("not in the list", api_name="/undocumented") == "not in the list"
        # From 4.0 on, an endpoint without a name is called after its function.
        unnamed = [d for d in dependencies if d.api_name in (None, "echo_1") and d.visibility == "public"]
        assert await client.predict("by its index", fn_index=unnamed[0].id) == "by its index"
        private = [d for d in dependencies if d.visibility == "private" and d.backend_fn]
        assert bool(private) is (case.version >= (3, 36))
        for dependency in private:
            with pytest.raises(EndpointNotFoundError):
                await client.submit("no", fn_index=dependency.id)
        assert await client.predict("still", api_name="/echo") == "still"


@behaviour
async def a_batch(case: Case) -> None:
    async with case.open("loud_each", variant="mounted") as client:
        jobs = [await client.submit(f"number {i}") for i in range(3)]
        assert [await job.result() for job in jobs] == ["NUMBER 0", "NUMBER 1", "NUMBER 2"]


@behaviour
async def state(case: Case) -> None:
    async with case.open("visit") as client, case.open("visit") as other:
        assert [await client.predict() for _ in range(3)] == [1, 2, 3]
        assert await other.predict() == 1
        await client.reset_session()
        assert [await client.predict() for _ in range(2)] == [1, 2]
    async with case.open("remember") as client:
        assert await client.predict("a") == "a"
        assert await client.predict("b") == "ab"


@behaviour
async def outputs_in_order(case: Case) -> None:
    async with case.open("count") as client:
        job = await client.submit(6)
        assert [output async for output in job] == ["0", "1", "2", "3", "4", "5"]
        assert job.outputs() == ["0", "1", "2", "3", "4", "5"]
        assert job.status().code is Status.FINISHED
        assert job.status().success is True


@behaviour
async def first_and_last_output(case: Case) -> None:
    async with case.open("count") as client:
        job = await client.submit(4)
        assert (await job.result(), await job.final()) == ("0", "3")
    async with case.open("count", generator_result="last") as client:
        assert await client.predict(4) == "3"


@behaviour
async def growing_and_shrinking_outputs(case: Case) -> None:
    async with case.open("grow") as client:
        assert [output async for output in await client.submit(len(GROWN))] == GROWN
        outputs = [output async for output in await client.submit(len(TOKENS), api_name="/tokens")]
        assert [[_token(item) for item in output] for output in outputs] == TOKENS


def _token(item: object) -> object:
    return item["token"] if isinstance(item, dict) else item[0]  # type: ignore[index]


@behaviour
async def several_growing_outputs(case: Case) -> None:
    async with case.open("story") as client:
        outputs = [output async for output in await client.submit(4)]
        words = [f"word{i} " for i in range(4)]
        assert outputs == [("".join(words[: i + 1]), i, list(range(i))) for i in range(4)]


@behaviour
async def an_error_and_its_text(case: Case) -> None:
    async with case.open("fail", variant="limited") as client:
        job = await client.submit("'why'")
        with pytest.raises(AppError) as caught:
            await job.result()
        assert caught.value.message == "told: 'why'"
        assert job.status().success is False
        with pytest.raises(AppError) as caught:
            await client.predict("again")
        assert caught.value.message == "told: again"
    async with case.open("fail_value", variant="limited") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("here")
        assert caught.value.message == "hidden: here"


@behaviour
async def an_error_that_the_app_always_tells(case: Case) -> None:
    async with case.open("fail") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("anyway")
        assert caught.value.message == "told: anyway"


@behaviour
async def a_hidden_error(case: Case) -> None:
    async with case.open("fail_value") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("secret")
        assert "show_error" in str(caught.value)
        assert "secret" not in str(caught.value)


@behaviour
async def an_error_outside_the_queue(case: Case) -> None:
    async with case.open("unqueued_fail", variant="limited") as client:
        with pytest.raises(AppError) as caught:
            await client.predict("direct")
        assert caught.value.message == "hidden: direct"


@behaviour
async def an_error_after_outputs(case: Case) -> None:
    async with case.open("fail_later") as client:
        job = await client.submit(3)
        with pytest.raises(AppError, match="told after 3"):
            await job.final()
        assert job.outputs() == ["0", "1", "2"]


@behaviour
async def progress(case: Case) -> None:
    async with case.open("work") as client:
        job = await client.submit(4)
        assert await job.result() == "done"
        told = [unit for update in job.statuses() for unit in update.progress_data or []]
        assert {unit.desc for unit in told} == {"working"}
        assert {unit.length for unit in told} == {4}
        indexes = [unit.index for unit in told]
        assert indexes == sorted(indexes)
        assert len(set(indexes)) >= 2


@behaviour
async def log(case: Case) -> None:
    async with case.open("say") as client:
        job = await client.submit("word")
        assert await job.result() == "word"
        told = [update.log for update in job.statuses() if update.log]
        assert told == [("info: word", "info"), ("warning: word", "warning")]


@behaviour
async def login(case: Case) -> None:
    async with case.open(variant="auth", auth=("reader", "secret-word")) as client:
        assert await client.predict("inside") == "inside"


@behaviour
async def login_refused(case: Case) -> None:
    for auth in (None, ("reader", "wrong-word")):
        with pytest.raises(AuthenticationError) as caught:
            async with case.open(variant="auth", auth=auth):
                pass
        assert "wrong-word" not in str(caught.value)


@behaviour
async def below_a_path(case: Case) -> None:
    async with case.open(variant="mounted") as client:
        assert await client.predict("deep") == "deep"
