"""Fixtures with which tests have a fake Gradio: ``pytest_plugins = ["gradproto_fake_server.pytest_plugin"]``.

In a ``conftest.py`` that line, or ``-p gradproto_fake_server.pytest_plugin``, and then a test says what the app has:

.. code-block:: python

    def test_shouting(fake_gradio):
        @fake_gradio.endpoint("/shout")
        def shout(text: str) -> str:
            return text.upper()

        assert my_program(fake_gradio.url) == "HELLO"
        fake_gradio.assert_requested("join", times=1)

``fake_gradio``
    A :class:`FakeServer` at an address of this machine, for programs of any kind: sync, asyncio, trio, a browser.
``fake_gradio_inline``
    An :class:`InlineServer`, without a thread and without waiting, for the sync client:
    ``Client(fake_gradio_inline.url, open_stream=fake_gradio_inline.open_stream)``.
``fake_gradio_memory``
    A :class:`gradproto_fake_server.trio.BackgroundNetwork`, in memory, for tests that run in trio, by pytest-trio, by
    anyio or by ``trio.run``; its time is trio's, a ``MockClock``'s too.
``make_fake_gradio``
    A function that makes one more :class:`FakeServer` each time: ``make_fake_gradio(gradio_version="4.0.2")``.
``fake_hub``
    A :class:`FakeHubServer`: the Hugging Face Hub and its Spaces.

Each test has a server of its own, with an app of its own, which is empty unless ``app`` says otherwise. Its options are
those of :class:`FakeApp` (``gradio_version``, ``seed``, ``auth`` ...), and

``app``
    What makes the app, with all other options: a function, like :func:`demo_app`.
``strict``
    Whether a test fails whose requests a real server would refuse; it is on. It is the one option that ``fake_hub``
    heeds, for the requests to its Spaces.
``tls``
    As for :class:`FakeServer`, which then is at ``https://``.
``autojump``
    As for :class:`InlineServer`.

A fixture named ``fake_gradio_options``, in a conftest, a module or a class, gives them as a dictionary for all tests
that see it; the marker ``@pytest.mark.fake_gradio(strict=False, gradio_version="4.0.2")`` for a class or a test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from ._app import FakeApp
from ._log import check_strict

if TYPE_CHECKING:
    from . import FakeHubServer, FakeServer, InlineServer
    from .trio import BackgroundNetwork

__all__ = [
    "fake_gradio",
    "fake_gradio_inline",
    "fake_gradio_memory",
    "fake_gradio_options",
    "fake_hub",
    "make_fake_gradio",
]

_SHELL_OPTIONS = {"tls": "fake_gradio and make_fake_gradio", "autojump": "fake_gradio_inline"}
_OWN_OPTIONS = ("app", "strict", *_SHELL_OPTIONS)
_HINT = "A test that is about that says @pytest.mark.fake_gradio(strict=False)."


@dataclass
class _Judge:
    """What the servers of one test have to say against it."""

    servers: list[tuple[str, Callable[[], list[str]]]] = field(
        default_factory=list[tuple[str, Callable[[], list[str]]]]
    )
    test_failed: bool = False

    def verdict(self) -> str | None:
        """Give what a real server would have refused; ``None`` if there was nothing."""
        said: list[str] = []
        for url, complaints in self.servers:
            try:
                check_strict(complaints())
            except AssertionError as error:
                said.append(f"{url}: {error}")
        return "\n".join([*said, _HINT]) if said else None


_JUDGE = pytest.StashKey[_Judge]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "fake_gradio(**options): options of the fake Gradio servers of a test; strict=False, for one"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Say, where another fixture fails, what was refused before."""
    return (yield from _explained(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose requests a real server would refuse; one that fails by itself is only told."""
    result = yield from _explained(item)
    judge = item.stash.get(_JUDGE, None)
    verdict = None if judge is None else judge.verdict()
    if judge is not None and verdict is not None:
        judge.test_failed = True
        pytest.fail(verdict, pytrace=False)
    return result


def _explained(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    except BaseException:
        judge = item.stash.get(_JUDGE, None)
        if judge is not None:
            judge.test_failed = True
            verdict = judge.verdict()
            if verdict is not None:
                item.add_report_section("call", "fake gradio", verdict)
        raise


# -- the fixtures


@pytest.fixture
def fake_gradio_options() -> Mapping[str, Any]:
    """Give the options of the fake Gradio servers; a fixture of this name in your own tests comes before this one."""
    return {}


@pytest.fixture
def make_fake_gradio(
    request: pytest.FixtureRequest, fake_gradio_options: Mapping[str, Any]
) -> Iterator[Callable[..., FakeServer]]:
    """Make fake Gradio servers, with the test's options and those given; they are closed after the test."""
    from ._server import FakeServer

    common = _options_of(request, fake_gradio_options)

    def make(**options: Any) -> FakeServer:
        every = {**common, **options}
        server = FakeServer(_app_from(every, also=("tls",)), tls=every.get("tls", False))
        made.callback(server.close)
        _watch(request, server.url, every, lambda: server.complaints)
        return server

    with ExitStack() as made:
        yield make
    _judge_the_rest(request)


@pytest.fixture
def fake_gradio(make_fake_gradio: Callable[..., FakeServer]) -> FakeServer:
    """A fake Gradio at an address of this machine."""
    with _told_briefly():
        return make_fake_gradio()


@pytest.fixture
def fake_gradio_inline(
    request: pytest.FixtureRequest, fake_gradio_options: Mapping[str, Any]
) -> Iterator[InlineServer]:
    """A fake Gradio in memory for clients that block."""
    from ._inline import InlineServer

    options = _options_of(request, fake_gradio_options)
    with _told_briefly():
        app = _app_from(options, also=("autojump",))
    with InlineServer(app, autojump=options.get("autojump", True)) as server:
        _watch(request, server.url, options, lambda: server.complaints)
        yield server
    _judge_the_rest(request)


@pytest.fixture
def fake_gradio_memory(
    request: pytest.FixtureRequest, fake_gradio_options: Mapping[str, Any]
) -> Iterator[BackgroundNetwork]:
    """A fake Gradio in memory for clients in trio."""
    try:
        from .trio import BackgroundNetwork
    except ModuleNotFoundError as error:
        if error.name != "trio":
            raise
        pytest.fail('fake_gradio_memory needs trio: pip install "gradproto[trio]"', pytrace=False)
    options = _options_of(request, fake_gradio_options)
    with _told_briefly():
        app = _app_from(options)
    network = BackgroundNetwork(app)
    _watch(request, network.url, options, lambda: network.complaints)
    yield network
    network.close()
    _judge_the_rest(request)


@pytest.fixture
def fake_hub(request: pytest.FixtureRequest, fake_gradio_options: Mapping[str, Any]) -> Iterator[FakeHubServer]:
    """A fake Hugging Face Hub without users and Spaces; ``fake_hub.run(lambda hub: hub.add_space(...))`` adds them."""
    from ._hub import FakeHub
    from ._server import FakeHubServer

    with FakeHubServer(FakeHub()) as server:
        _watch(request, server.url, _options_of(request, fake_gradio_options), lambda: server.complaints)
        yield server
    _judge_the_rest(request)


# -- their options


def _options_of(request: pytest.FixtureRequest, base: object) -> dict[str, Any]:
    """Put together what the fixture of the options says, and the markers, of which the nearest comes first."""
    if not isinstance(base, Mapping):
        pytest.fail(f"fake_gradio_options gives a {type(base).__name__}, not a mapping of options", pytrace=False)
    options = dict(cast("Mapping[str, Any]", base))
    for marker in reversed(list(request.node.iter_markers("fake_gradio"))):
        if marker.args:
            pytest.fail(f"the marker fake_gradio takes options by name only, not {marker.args[0]!r}", pytrace=False)
        options.update(marker.kwargs)
    return options


class _OptionError(TypeError):
    """There is no such option, or it has no such value."""


def _app_from(options: Mapping[str, Any], *, also: tuple[str, ...] = ()) -> FakeApp:
    """Make the app; of the options of shells only those in ``also`` may be there."""
    make = options.get("app", FakeApp)
    if not callable(make):
        raise _OptionError(f"app= makes an app, each test its own, but a {type(make).__name__} cannot be called")
    if not isinstance(options.get("strict", True), bool):
        raise _OptionError(f"strict= is True or False, not {options['strict']!r}")
    for name, where in _SHELL_OPTIONS.items():
        if name in options and name not in also:
            raise _OptionError(f"{name}= is for {where} only")
    own = {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
    known = _parameters_of(make)
    unknown = [name for name in own if name not in known]
    if unknown:
        there_are = ", ".join([*_OWN_OPTIONS, *known])
        raise _OptionError(f"a fake Gradio has no option {', '.join(map(repr, unknown))}; there are {there_are}")
    app: object = make(**own)
    if not isinstance(app, FakeApp):
        raise _OptionError(f"app= made a {type(app).__name__}, not a FakeApp")
    return app


def _parameters_of(make: Callable[..., object]) -> list[str]:
    """Give what may be said by name; whatever else a function takes is for :class:`FakeApp`."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except ValueError:  # of something written in C
        return []
    named: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            named += [name for name in _parameters_of(FakeApp) if name not in named]
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            named.append(parameter.name)
    return named


@contextmanager
def _told_briefly() -> Generator[None, None, None]:
    """Let a test fail whose options stand far from here: only what is wrong with them is worth reading."""
    try:
        yield
    except _OptionError as error:
        pytest.fail(str(error), pytrace=False)


# -- strictness


def _watch(
    request: pytest.FixtureRequest, url: str, options: Mapping[str, Any], complaints: Callable[[], list[str]]
) -> None:
    judge = request.node.stash.setdefault(_JUDGE, _Judge())
    if options.get("strict", True):
        judge.servers.append((url, complaints))


def _judge_the_rest(request: pytest.FixtureRequest) -> None:
    """Fail for what was asked for after the test, by the end of another fixture."""
    judge = request.node.stash.get(_JUDGE, None)
    if judge is not None and not judge.test_failed:
        verdict = judge.verdict()
        if verdict is not None:
            judge.test_failed = True
            pytest.fail(verdict, pytrace=False)
