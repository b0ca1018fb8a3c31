"""How people name a Space, and what the Hub says of one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproto import ArgumentError, RemoteProtocolError, SpaceInfo
from gradproto._spaces import (
    HUB_URL,
    SpaceName,
    find_space,
    page_of,
    parse_hub_url,
    parse_space,
    require_space,
    stage_error,
    waits,
    with_runtime,
)
from tests.core.hub_driving import HOST, HUB, SPACE, runtime, space

NAME = SpaceName(id=SPACE)
GOOD = {"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"}
WAITING = {"BUILDING", "APP_STARTING", "SLEEPING"}
BROKEN = {"PAUSED", "STOPPED", "NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR", "DELETING"}


@pytest.mark.parametrize(
    "src",
    [
        "owner/app",
        " owner/app\n",
        "https://huggingface.co/spaces/owner/app",
        "http://www.huggingface.co/spaces/owner/app/",
        "huggingface.co/spaces/owner/app?logs=build#top",
        "https://huggingface.co/spaces/owner/app/tree/main",
        "https://hf.co/spaces/owner/app",
        "https://hf.space/owner/app",
        "hf.space/embed/owner/app/+",
        "http://hub.test/spaces/owner/app",
        "http://hub.test/spaces/owner/app/discussions",
        "HTTP://Hub.Test.:80/spaces/owner/app?x=y",
        "hub.test/spaces/owner/app",
        "https://huggingface.co:443/spaces/owner/app",
        "https://huggingface.co./spaces/owner/app/",
        "https://huggingface.co/spaces/owner/app/blob/main/a file.py",
    ],
)
def test_a_space_is_named_by_its_id_or_its_page(src: str) -> None:
    assert find_space(src, HUB) == SpaceName(id="owner/app")


@pytest.mark.parametrize(
    ("src", "path"),
    [
        ("https://owner-app.hf.space", ""),
        ("http://owner-app.hf.space/", ""),
        ("OWNER-App.HF.space/?__theme=dark", ""),
        ("https://owner-app.hf.space/sub/path/", "/sub/path"),
    ],
)
def test_a_space_is_named_by_the_address_of_its_app(src: str, path: str) -> None:
    assert find_space(src) == SpaceName(subdomain="owner-app", path=path)
    assert page_of(SpaceName(subdomain="owner-app", path=path), HUB_URL) == f"https://owner-app.hf.space{path}"


@pytest.mark.parametrize(
    "src",
    [
        "http://127.0.0.1:7860",
        "localhost/app",
        "example.com/app",
        "https://huggingface.co/owner/app",
        "https://huggingface.co/spaces/owner",
        "https://huggingface.co.evil.test/spaces/owner/app",
        "https://evil.test/spaces/owner/app",
        "https://hf.space/owner",
        "https://hf.space.evil.test/owner/app",
        "https://owner-app.hf.space.evil.test",
        "https://a.b.hf.space",
        "https://evil.test/owner-app.hf.space",
        "https://me:word@owner-app.hf.space",
        "ftp://owner-app.hf.space",
        "",
        "a/b/c",
    ],
)
def test_everything_else_is_the_address_of_something_else(src: str) -> None:
    assert find_space(src, HUB) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_look_for_a_space(src: str) -> None:
    found = find_space(src)
    assert found is None or (found.id is None) != (found.subdomain is None)


def test_who_must_name_a_space_is_told_what_is_wrong() -> None:
    assert require_space("owner/app", HUB) == NAME
    with pytest.raises(ArgumentError, match=r"^the Space must be a string, not int$"):
        require_space(3, HUB)
    with pytest.raises(
        ArgumentError, match=r"^'http://x\.test\?key=\*\*\*' is not the name of a Space \(write owner/name"
    ):
        require_space("http://me:word@x.test?key=word", HUB)


def test_a_hub_is_an_address() -> None:
    assert parse_hub_url("https://Hub.Example.com/mirror/") == "https://hub.example.com/mirror"
    with pytest.raises(ArgumentError, match=r"^hub_url is of type int, not a string$"):
        parse_hub_url(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"^hub_url: 'ftp://x' is not the address of an app: its scheme is neither"):
        parse_hub_url("ftp://x")


def parsed(document: Any, name: SpaceName = NAME) -> SpaceInfo:
    return parse_space(document, name=name, hub_url=HUB, what="the question")


def test_the_hub_describes_a_space() -> None:
    document = space(private=True, runtime={**runtime("RUNTIME_ERROR", "t4-small", "a10g-small"), "errorMessage": "no"})
    assert parsed(document) == SpaceInfo(
        id=SPACE,
        page=f"{HUB}/spaces/{SPACE}",
        stage="RUNTIME_ERROR",
        host=HOST,
        private=True,
        sdk="gradio",
        hardware="t4-small",
        requested_hardware="a10g-small",
        sleep_time=172800,
        error="no",
    )


def test_what_the_hub_leaves_out_is_not_known() -> None:
    assert parsed({}) == SpaceInfo(id=SPACE, page=f"{HUB}/spaces/{SPACE}")
    assert parsed({"subdomain": "owner-app"}).host == "https://owner-app.hf.space"
    assert parsed({"id": "Other/Name", "runtime": None}).id == "Other/Name"
    assert parsed({"runtime": {"stage": "BUILDING", "hardware": {"current": None, "requested": None}}}).hardware is None


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], r"\$ is a list, where an object belongs"),
        ({"id": 3}, r"\$\.id is 3, where a string belongs"),
        ({"id": "../etc"}, r"\$\.id is '\.\./etc', which is no Space's name"),
        ({"host": "ftp://x"}, r"\$\.host: 'ftp://x' is not the address of an app"),
        ({"private": "yes"}, r"\$\.private is 'yes', where true or false belongs"),
        ({"runtime": "RUNNING"}, r"\$\.runtime is 'RUNNING', where an object belongs"),
        ({"runtime": {"stage": 1}}, r"\$\.runtime\.stage is 1, where a string belongs"),
        ({"runtime": {"hardware": {"current": 1}}}, r"\$\.runtime\.hardware\.current is 1, where a string belongs"),
        ({"runtime": {"gcTimeout": "long"}}, r"\$\.runtime\.gcTimeout is 'long', where an integer belongs"),
    ],
)
def test_an_answer_that_makes_no_sense_is_named(document: Any, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=rf"^the question: the Hub's answer makes no sense: {why}"):
        parsed(document)


def test_a_space_that_was_named_by_its_subdomain_must_be_told_by_its_name() -> None:
    with pytest.raises(RemoteProtocolError, match=r"\$\.id is None, which is no Space's name"):
        parsed({}, SpaceName(subdomain="owner-app"))


def test_the_runtime_alone_changes_what_it_tells() -> None:
    before = parsed(space("BUILDING"))
    after = with_runtime(before, runtime("RUNNING", "t4-small"), "the question")
    assert (after.stage, after.hardware, after.host) == ("RUNNING", "t4-small", HOST)
    with pytest.raises(RemoteProtocolError, match=r"^the question: the Hub's answer makes no sense: \$ is null"):
        with_runtime(before, None, "the question")


@pytest.mark.parametrize("stage", sorted(GOOD | WAITING | {"SOMETHING_NEW"}))
def test_these_stages_are_no_failure(stage: str) -> None:
    assert stage_error(parsed(space(stage))) is None
    assert waits(stage) is (stage in WAITING)


@pytest.mark.parametrize("stage", sorted(BROKEN))
def test_these_stages_are_failures_with_a_remedy(stage: str) -> None:
    error = stage_error(parsed(space(stage)))
    assert error is not None
    assert error.stage == stage
    assert error.message == f"the Space owner/app is in the invalid state {stage}"
    assert error.hint is not None
    assert error.hint.endswith(f"; see {HUB}/spaces/owner/app")
    assert not waits(stage)


def test_what_the_hub_says_about_an_error_is_shown() -> None:
    document = space(runtime={**runtime("BUILD_ERROR"), "errorMessage": "exit code: 1\n" + 1000 * "x"})
    error = stage_error(parsed(document))
    assert error is not None
    assert error.message.startswith("the Space owner/app is in the invalid state BUILD_ERROR: 'exit code: 1\\nxxx")
    assert len(error.message) < 300


def test_a_space_whose_stage_is_not_told_is_no_failure() -> None:
    assert stage_error(parsed({})) is None
    assert not waits(None)
