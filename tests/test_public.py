"""What is public stays: names, parameters, fields and members, of each version that was kept."""

from __future__ import annotations

import dataclasses
import importlib
import re

import pytest

import gradproto

from . import public
from .test_imports import MODULES


def test_every_module_says_what_it_is_for_others() -> None:
    lacking = [name for name, path in MODULES.items() if "\n__all__" not in path.read_text(encoding="utf-8")]
    assert lacking == ["gradproto_conformance._fixture_app"]  # a program


@pytest.mark.parametrize("name", [name for name in MODULES if not re.search(r"\._|fixture_app", name)])
def test_all_public_names_are_there_and_their_modules_are_watched(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) <= set(dir(module))
    assert len(set(module.__all__)) == len(module.__all__)
    is_program = name.startswith(("gradproto_transports.cli", "gradproto_fake_server.pytest_plugin"))
    assert is_program or not module.__all__ or name in public.MODULES


def test_what_is_public_is_what_was_kept_for_this_version() -> None:
    # Where this fails on purpose: a version that was released gets a new number, then `python -m tests.public`.
    assert public.surface() == public.kept(gradproto.__version__)


@pytest.mark.parametrize("version", public.versions())
def test_a_version_breaks_nothing_of_the_series_that_it_belongs_to(version: str) -> None:
    if _series(version) == _series(gradproto.__version__):
        assert not list(public.broken(public.kept(version), public.surface()))


def records() -> set[str]:
    """Give the paths of what is a record now, events among them."""
    loaded = {module: importlib.import_module(module) for module in public.MODULES}
    names = ((module, name) for module, found in loaded.items() for name in found.__all__)
    return {f"{module}.{name}" for module, name in names if dataclasses.is_dataclass(getattr(loaded[module], name))}


@pytest.mark.parametrize("version", public.versions())
def test_events_and_other_records_keep_their_fields_for_ever(version: str) -> None:
    still = records()
    fields = {path: what for path, what in public.kept(version).items() if what == "field" or path.endswith("()")}
    before = {path: what for path, what in fields.items() if re.sub(r"\(\)$|\.\w+$", "", path) in still}
    assert "gradproto.JobCompleted.outputs" in before
    assert "gradproto.JobCompleted()" in before
    assert not list(public.broken(before, public.surface()))


def test_what_is_no_name_of_a_module_is_kept_too() -> None:
    now = public.surface()
    assert {"clause BASE-1.1", "check base-prefix", "$ gradproto predict", "$ gradproto predict --token"} <= set(now)


def test_a_constructor_is_told_as_it_is_called() -> None:
    now = public.surface()
    assert now["gradproto.ProgressUnit()"] == ["index=...", "length=...", "unit=...", "progress=...", "desc=..."]
    assert now["gradproto.JobStarted()"][:2] == ["*", "job"]
    assert now["gradproto_fake_server.Completed()"] == ["*outputs"]


def _series(version: str) -> list[str]:
    """Give what stays in versions that break nothing: before 1.0 the minor number, too."""
    major, minor, *_ = version.split(".")
    return [major] if major != "0" else [major, minor]


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        (["a"], None, "f is gone"),
        (["a", "b"], ["b", "a"], "a is not at place 0 any more"),
        (["a"], ["*", "a"], "a is not at place 0 any more"),
        (["a=..."], ["a"], "a is not at place 0 any more, or wanted now"),
        (["*", "a=..."], ["*", "a"], "a is gone, or wanted now"),
        (["*", "a"], ["*"], "a is gone"),
        (["a"], ["a", "/"], "a is gone"),
        (["a"], ["a", "*", "b"], "b is new, and wanted"),
        (["*args"], ["a=..."], "* is gone"),
        (["**options"], ["*", "a=..."], "** is gone"),
        (["a"], "property", "f was ['a'] and is property"),
        ("class ValueError Exception", "class Exception", "f is no ValueError any more"),
        ("any of 'a' 'b'", "any of 'a'", "f is no 'b' any more"),
        ("any of JobFailed JobStarted", "any of JobStarted", "f is no JobFailed any more"),
        ("member 'process'", "member 'processing'", "f is no 'process' any more"),
        (["self", "a"], ["async", "self", "a"], "f: it is to be awaited now, or not any more"),
        (["async"], [], "f: it is to be awaited now, or not any more"),
        ("gradproto.Job", "gradproto_transports.sync.Job", "f was gradproto.Job and is gradproto_transports.sync.Job"),
    ],
)
def test_what_breaks_is_seen(was: str | list[str], now: str | list[str] | None, why: str) -> None:
    after: public.Surface = {} if now is None else {"f": now}
    assert any(why in said for said in public.broken({"f": was}, after))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (["a"], ["a", "b=..."]),
        (["a"], ["a=..."]),
        (["a", "*", "c"], ["a", "*", "b=...", "c=..."]),
        (["*", "a"], ["a"]),
        (["a"], ["a", "*args", "**options"]),
        ("field", "property"),
        (["async", "self"], ["async", "self", "a=..."]),
        ("any of JobStarted", "any of JobFailed JobStarted"),
        ("any of '5.50.0'", "any of '5.50.0' '6.31.0'"),
        ("class Exception", "class GradprotoError Exception"),
    ],
)
def test_what_breaks_nothing_is_left_alone(was: str | list[str], now: str | list[str]) -> None:
    assert not list(public.broken({"f": was}, {"f": now}))
