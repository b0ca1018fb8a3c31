from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest

from gradproto._record import field, record, replace


@record(frozen=True, slots=True, kw_only=True)
class Point:
    """A record with everything that a field can have."""

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False)
    owner: object = field(default=None, compare=False)


@record(frozen=True, slots=True, kw_only=True)
class Point3(Point):
    z: int = 0


@record(frozen=True, slots=True, kw_only=True)
class Shown:
    x: int

    def __repr__(self) -> str:
        return f"{type(self).__qualname__} at {self.x}"


@record(frozen=True, slots=True, kw_only=True)
class Shown4(Shown):
    z: int


@record(frozen=True, slots=True)
class Pair:
    left: int
    right: int = 2


@record(frozen=True, slots=True, kw_only=True)
class Empty:
    """Nothing."""


@record(frozen=True, slots=True, kw_only=True)
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("not positive")


def test_fields_have_the_values_given_or_their_defaults() -> None:
    point = Point(x=1, tags=["a"])
    assert (point.x, point.y, point.tags, point.secret) == (1, 0, ["a"], "")
    assert Pair(1) == Pair(left=1, right=2)
    assert Empty() == Empty()


def test_a_default_factory_makes_a_new_value_for_each_record() -> None:
    assert Point(x=1).tags is not Point(x=1).tags


def test_wrong_arguments_are_type_errors() -> None:
    with pytest.raises(TypeError, match="x"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nothing"):
        Point(x=1, nothing=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Point(1)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Empty(1)  # type: ignore[call-arg]


def test_a_record_cannot_be_changed() -> None:
    point = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        del point.x  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.other = 2  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")


def test_records_are_equal_if_they_are_of_one_class_and_their_compared_fields_are_equal() -> None:
    assert Point(x=1, owner="a") == Point(x=1, owner="b")
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Point3(x=1)
    assert Point(x=1) != "x"
    assert hash(Pair(1)) == hash(Pair(1))
    assert len({Pair(1), Pair(1), Pair(2)}) == 2


def test_a_repr_shows_what_it_may() -> None:
    assert repr(Point(x=1, secret="hidden")) == "Point(x=1, y=0, tags=[], owner=None)"
    assert repr(Empty()) == "Empty()"


def test_a_check_runs_when_a_record_is_made_or_replaced() -> None:
    with pytest.raises(ValueError, match="not positive"):
        Positive(value=0)
    with pytest.raises(ValueError, match="not positive"):
        replace(Positive(value=1), value=-1)


def test_a_subclass_has_the_fields_of_its_base_first() -> None:
    point = Point3(x=1, z=3)
    assert (point.x, point.y, point.z) == (1, 0, 3)
    assert isinstance(point, Point)
    assert repr(point) == "Point3(x=1, y=0, tags=[], owner=None, z=3)"


def test_the_functions_for_dataclasses_work() -> None:
    point = Point(x=1, tags=["a"])
    assert dataclasses.is_dataclass(point)
    assert [own.name for own in dataclasses.fields(Point3)] == ["x", "y", "tags", "secret", "owner", "z"]
    assert dataclasses.replace(point, y=5) == replace(point, y=5) == Point(x=1, y=5, tags=["a"])
    assert dataclasses.asdict(Pair(1)) == {"left": 1, "right": 2}


def test_records_can_be_copied_and_pickled() -> None:
    point = Point(x=1, tags=["a"], owner="me")
    for other in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert other == point
        assert other.owner == "me"


def test_the_way_in_which_a_record_is_shown_is_inherited() -> None:
    assert repr(Shown4(x=1, z=2)) == "Shown4 at 1"


def test_records_can_be_matched() -> None:
    match Pair(1, 3):
        case Pair(left, right):
            assert (left, right) == (1, 3)
    match Point(x=7):
        case Point(x=value):
            assert value == 7


def test_importing_the_core_makes_no_constructor() -> None:
    program = (
        "import gradproto\n"
        "from gradproto._record import record\n"
        "made = [name for name in gradproto.__all__ if getattr(getattr(gradproto, name), '__record_fields__', None)\n"
        "        and getattr(gradproto, name).__init__.__name__ != '_init']\n"
        "assert made == [], made\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
