"""Calling endpoints: the same for every client, on the fake server and on a real one."""

from __future__ import annotations

from typing import Any

import pytest

from gradproto import AppError, ArgumentError, EndpointNotFoundError, LocalProtocolError

from .backends import Backend

ENDPOINTS = ["/echo", "/add", "/slow", "/count", "/fail", "/upper", "/incr", "/chat", "/progress", "/now_upper"]


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("/echo", ["Grüße, 世界 \u2028 \x85 🎈"], "Grüße, 世界 \u2028 \x85 🎈"),
        ("/add", [2, 0.5], 2.5),
        ("/slow", ["late", 0.01], "late"),
        ("/count", [3], "n=0"),
        ("/incr", [], 1),
        ("/progress", [1], "done 1"),
        ("/now_upper", ["loud"], "LOUD"),
    ],
)
async def test_an_endpoint_gives_its_result(
    backend: Backend, url: str, name: str, arguments: list[Any], result: object
) -> None:
    async with backend.open_client(url) as client:
        assert await client.predict(*arguments, api_name=name) == result


async def test_arguments_go_by_position_by_name_and_in_the_javascript_form(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        assert await client.predict(1, 2, api_name="/add") == 3
        assert await client.predict(1, b=3, api_name="/add") == 4
        assert await client.predict(b=4, a=1, api_name="/add") == 5
        assert await client.predict("/add", [1, 5]) == 6
        assert await client.predict("/add", {"b": 6, "a": 1}) == 7
        assert await client.predict("by index", fn_index=0) == "by index"
        job = await client.submit("/add", [1, 7])
        assert await job.result() == 8


async def test_a_client_may_have_an_endpoint_of_its_own(backend: Backend, url: str) -> None:
    async with backend.open_client(url, api_name="/add") as client:
        assert await client.predict(1, 2) == 3
        assert await client.predict("other", api_name="/echo") == "other"
        assert await client.predict("/echo", ["this too"]) == "this too"


async def test_an_endpoint_of_its_own_that_is_not_there_is_refused_at_once(backend: Backend, url: str) -> None:
    with pytest.raises(EndpointNotFoundError, match="/ad"):
        async with backend.open_client(url, api_name="/ad"):
            pass


async def test_an_unknown_endpoint_is_refused_with_a_suggestion(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        with pytest.raises(EndpointNotFoundError, match="did you mean '/echo'"):
            await client.predict("x", api_name="/ecko")
        with pytest.raises(EndpointNotFoundError, match="Invalid function index"):
            await client.submit("x", fn_index=99)
        with pytest.raises(EndpointNotFoundError, match="specify an `api_name`"):
            await client.predict("x")


async def test_a_private_endpoint_is_not_there(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        with pytest.raises(EndpointNotFoundError, match="/secret"):
            await client.predict("x", api_name="/secret")


@pytest.mark.parametrize(
    ("arguments", "named", "complaint"),
    [
        ([1], {}, "required argument: b"),
        ([1, 2, 3], {}, "takes 2 arguments, but 3"),
        ([1, 2], {"c": 3}, "`c` is not a valid"),
        (["one", 2], {}, "`a` is a number"),
    ],
)
async def test_wrong_arguments_are_refused(
    backend: Backend, url: str, arguments: list[Any], named: dict[str, Any], complaint: str
) -> None:
    async with backend.open_client(url) as client:
        with pytest.raises(ArgumentError, match=complaint):
            await client.predict(*arguments, api_name="/add", **named)
        with pytest.raises(ArgumentError, match=complaint):
            await client.submit(*arguments, api_name="/add", **named)
        assert await client.predict(1, 2, api_name="/add") == 3


async def test_what_the_app_says_of_a_failure_is_in_the_error(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        with pytest.raises(AppError, match="boom-visible") as caught:
            await client.predict("x", api_name="/fail")
        assert caught.value.visible
        assert await client.predict("still here", api_name="/echo") == "still here"


async def test_the_app_keeps_state_until_the_session_is_reset(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        first = client.session_hash
        assert [await client.predict(api_name="/incr") for _ in range(3)] == [1, 2, 3]
        await client.reset_session()
        assert client.session_hash != first
        assert await client.predict(api_name="/incr") == 1


async def test_two_clients_do_not_share_their_state(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as one, backend.open_client(url) as other:
        assert await one.predict(api_name="/incr") == 1
        assert await one.predict(api_name="/incr") == 2
        assert await other.predict(api_name="/incr") == 1
        assert one.session_hash != other.session_hash


async def test_the_description_names_every_public_endpoint(
    backend: Backend, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with backend.open_client(url) as client:
        text = client.view_api(return_format="str")
        described = client.view_api(return_format="dict")
        client.view_api()
        assert capsys.readouterr().out.rstrip() == text.rstrip()
        assert client.view_api(print_info=False) is None
        assert capsys.readouterr().out == ""
    assert 'predict(a, b, api_name="/add") -> sum' in text
    assert list(described["named_endpoints"]) == ENDPOINTS


async def test_the_config_says_what_answers(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        assert client.config.version == client.config["version"] == "6.31.0"
        assert client.src == f"{url}/"
        assert client.endpoints.has_name("/echo")
        assert not client.endpoints.has_name("/ecko")
        assert url in repr(client)


async def test_a_verbose_client_says_where_it_is(
    backend: Backend, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with backend.open_client(url, verbose=True):
        assert capsys.readouterr().out == f"Loaded as API: {url}/ ✔\n"


async def test_many_jobs_run_at_once(backend: Backend, url: str) -> None:
    async with backend.open_client(url) as client:
        jobs = [await client.submit(i, 1, api_name="/add") for i in range(30)]
        assert [await job.result() for job in jobs] == [i + 1 for i in range(30)]


async def test_headers_and_cookies_reach_the_app(backend: Backend, fake: Any) -> None:
    async with backend.open_client(fake.url, headers={"X-Every": "one"}, cookies={"replica": "7"}) as client:
        await client.predict("x", api_name="/echo", headers={"X-This": "call"})
    seen = [dict(request.headers) for request in fake.requests]
    assert all(headers["x-every"] == "one" and "replica=7" in headers["cookie"] for headers in seen)
    assert [request.kind for request in fake.requests if ("x-this", "call") in request.headers] == ["join"]


async def test_a_closed_client_is_closed(backend: Backend, url: str) -> None:
    async with backend.open_client(url, download_files=False) as client:
        file = await client.predict(b"text", api_name="/upper")
        await client.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.predict("x", api_name="/echo")
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.submit("x", api_name="/echo")
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.reset_session()
        with pytest.raises(LocalProtocolError, match="closed"):
            await backend.call(file.read)
        with pytest.raises(LocalProtocolError, match="closed"):
            await backend.call(file.save)
        with pytest.raises(LocalProtocolError, match="closed"):
            [piece async for piece in backend.each(file.stream())]
        await client.close()
    assert client.config.version == "6.31.0"


async def test_an_error_in_the_block_comes_out_as_it_is(backend: Backend, fake: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with backend.open_client(fake.url):
            raise ZeroDivisionError


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"space": "http://127.0.0.1:1"}, "once"),
        ({"token": "a", "hf_token": "b"}, "token once"),
        ({"generator_result": "middle"}, "generator_result"),
        ({"headers": {"X\n": "1"}}, "header"),
        ({"auth": ("only",)}, "auth"),
    ],
)
async def test_options_that_cannot_be_are_refused(backend: Backend, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        async with backend.open_client("http://127.0.0.1:1", **options):
            pass
