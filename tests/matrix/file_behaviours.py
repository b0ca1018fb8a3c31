"""What every version must do with files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from gradproto_transports.sync import handle_file

from .case import Case, behaviour

__all__: list[str] = []


@contextmanager
def _files(*contents: str) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory) / f"notes {i} é.txt" for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content, encoding="utf-8")
        yield paths


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@behaviour
async def a_file_up_and_down(case: Case) -> None:
    with _files("grüße\n") as (path,):
        async with case.open("shout", download_files=path.parent) as client:
            result = await client.predict(handle_file(path))
            assert _text(result) == "GRÜSSE\n!"
            assert Path(result).is_relative_to(path.parent)
            assert Path(result).name.startswith("loud-")
            assert Path(result).suffix == ".txt"
        async with case.open("shout") as client:
            assert _text(await client.predict(b"bytes")) == "BYTES!"


@behaviour
async def a_file_that_stays_on_the_server(case: Case) -> None:
    with _files("far away") as (path,):
        async with case.open("shout", download_files=False) as client:
            result = await client.predict(path)
            assert await case.backend.call(result.read) == b"FAR AWAY!"
            saved = await case.backend.call(result.save, path.parent)
            assert _text(saved) == "FAR AWAY!"
            assert [piece async for piece in case.backend.each(result.stream())] == [b"FAR AWAY!"]


@behaviour
async def a_file_passed_back(case: Case) -> None:
    async with case.open("shout", download_files=False) as client:
        once = await client.predict(b"again")
        twice = await client.predict(once)
        assert await case.backend.call(twice.read) == b"AGAIN!!"


@behaviour
async def several_files(case: Case) -> None:
    with _files("one", "two", "three") as paths:
        async with case.open("shout_all") as client:
            results = await client.predict([handle_file(path) for path in paths])
            assert [_text(result) for result in results] == ["ONE!", "TWO!", "THREE!"]


@behaviour
async def an_image(case: Case) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "wide.png"
        Image.new("RGB", (30, 20), "red").save(path)
        async with case.open("turn") as client:
            result = await client.predict(handle_file(path))
            with Image.open(result) as turned:
                assert turned.size == (20, 30)


@behaviour
async def files_behind_a_login(case: Case) -> None:
    async with case.open("shout", variant="auth", auth=("reader", "secret-word")) as client:
        assert _text(await client.predict(b"inside")) == "INSIDE!"


@behaviour
async def files_below_a_path(case: Case) -> None:
    async with case.open("shout", variant="mounted") as client:
        assert _text(await client.predict(b"deep")) == "DEEP!"
