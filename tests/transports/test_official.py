"""Gradio's own client and ours, side by side on the same app: what they say and give must be the same.

Where it is not, that is on purpose, and a test here says so.
"""

from __future__ import annotations

import itertools
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

gradio_client = pytest.importorskip("gradio_client")

from gradproto import AppError, ArgumentError, AuthenticationError  # noqa: E402
from gradproto_transports import sync  # noqa: E402

pytestmark = [
    pytest.mark.real,
    # It leaves sockets and threads behind; that is not for these tests to judge.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SECONDS = 60.0  # how long anything here may take before it counts as hanging

PICTURES = {"annotatedimage", "gallery", "image", "imageeditor", "imageslider"}
# Functions that take a component whose value is no argument of theirs: ours sends the component's own value, as a page
# does; Gradio's leaves it out, and the app complains.
OURS_ALONE = {"/button", "/workflowcanvas"}


class Pair:
    """Both clients of one app."""

    def __init__(self, url: str, directory: Path, **options: Any) -> None:
        self.theirs = gradio_client.Client(
            url, verbose=False, analytics_enabled=False, download_files=str(directory / "theirs"), **options
        )
        self.ours = sync.Client(url, generator_result="last", download_files=directory / "ours", **options)

    def close(self) -> None:
        self.theirs.close()
        self.ours.close()

    def both(self, use: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Do the same with each."""
        return use(self.theirs), use(self.ours)


@pytest.fixture(scope="module")
def components(real_components: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both clients of the app with every component."""
    pair = Pair(real_components, tmp_path_factory.mktemp("components"))
    yield pair
    pair.close()


@pytest.fixture
def documents(real_documents: dict[str, str], tmp_path: Path) -> Iterator[Pair]:
    """Both clients of the documents' app."""
    pair = Pair(real_documents["app"], tmp_path)
    yield pair
    pair.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each kind."""
    directory = tmp_path_factory.mktemp("samples")
    (directory / "some text é.txt").write_text("sample")
    (directory / "dot.png").write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
            "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
        )
    )
    with wave.open(str(directory / "beep.wav"), "wb") as beep:
        beep.setnchannels(1)
        beep.setsampwidth(2)
        beep.setframerate(8000)
        beep.writeframes(bytes(1600))
    return directory


def outcome(use: Callable[[], Any]) -> tuple[str, Any]:
    """Return what comes out in a form that can be compared: of files their names and contents."""
    try:
        return "result", comparable(use())
    except Exception as error:
        return type(error).__name__, str(error)


def comparable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(comparable(item) for item in value)
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, str) and len(value) < 1000 and Path(value).is_file():
        return Path(value).name, Path(value).read_bytes()
    return value


def with_files(example: Any, file: Callable[[], Any]) -> Any:
    """Put a file of ours in the place of those that the examples fetch from the net."""
    if isinstance(example, list):
        return [with_files(item, file) for item in example]
    if not isinstance(example, dict):
        return example
    if example.get("meta") == {"_type": "gradio.FileData"}:
        return file()
    return {key: with_files(item, file) for key, item in example.items()}


# --- what they say of the app


def test_the_description_is_the_same_text(components: Pair, documents: Pair) -> None:
    for pair in (components, documents):
        for everything in (None, True, False):
            theirs, ours = pair.both(
                lambda client, all_endpoints=everything: client.view_api(
                    all_endpoints=all_endpoints, print_info=False, return_format="str"
                )
            )
            assert ours.encode() == theirs.encode()


def test_the_description_is_the_same_dictionary(components: Pair, documents: Pair) -> None:
    for pair in (components, documents):
        theirs, ours = pair.both(lambda client: client.view_api(print_info=False, return_format="dict"))
        assert ours == theirs
        assert list(ours["named_endpoints"]) == list(theirs["named_endpoints"])


def test_what_is_printed_is_the_same(components: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    components.theirs.view_api()
    theirs = capsys.readouterr().out
    components.ours.view_api()
    assert capsys.readouterr().out == theirs


def test_ours_does_not_print_what_it_returns(components: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert components.ours.view_api(return_format="str")
    assert components.ours.view_api(return_format="dict")
    assert capsys.readouterr().out == ""


def test_the_app_is_the_same(components: Pair) -> None:
    assert components.ours.src == components.theirs.src
    for name in ("version", "protocol", "title", "api_prefix", "dependencies", "components"):
        assert components.ours.config[name] == components.theirs.config[name], name
    valid = [index for index, endpoint in components.theirs.endpoints.items() if endpoint.is_valid]
    assert list(components.ours.endpoints) == valid
    for index, endpoint in components.ours.endpoints.items():
        assert endpoint.api_name == components.theirs.endpoints[index].api_name


# --- what calls give


def test_every_component_goes_both_ways_alike(components: Pair, samples: Path) -> None:
    described = components.theirs.view_api(print_info=False, return_format="dict")["named_endpoints"]
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    for name, endpoint in described.items():
        kind = name.removeprefix("/")
        file = "dot.png" if kind in PICTURES else "beep.wav" if kind == "audio" else "some text é.txt"
        examples = [parameter["example_input"] for parameter in endpoint["parameters"]]
        for client, module, found in ((components.theirs, gradio_client, theirs), (components.ours, sync, ours)):
            given = with_files(examples, lambda file=file, module=module: module.handle_file(str(samples / file)))
            found[name] = outcome(lambda client=client, given=given, name=name: client.predict(*given, api_name=name))
    assert {name for name in described if ours[name] != theirs[name]} == OURS_ALONE
    for name in OURS_ALONE:
        assert ours[name] == ("result", ())
        assert theirs[name][0] == "AppError"
    assert len(described) > 45
    assert sum(kind == "result" for kind, _ in theirs.values()) > 35, "most of them tell something"


def test_a_generator_gives_the_same_outputs(components: Pair) -> None:
    theirs, ours = components.both(lambda client: client.submit(5, api_name="/count"))
    assert ours.result(timeout=SECONDS) == theirs.result(timeout=SECONDS) == "4"
    assert ours.outputs() == theirs.outputs() == ["0", "1", "2", "3", "4"]
    theirs, ours = components.both(lambda client: list(client.submit(5, api_name="/count")))
    assert ours == theirs


def test_callbacks_get_the_same_values(components: Pair) -> None:
    def told(client: Any) -> list[Any]:
        heard: list[Any] = []
        job = client.submit("a", 2, api_name="/two", result_callbacks=lambda *values: heard.append(values))
        job.result(timeout=SECONDS)
        while not heard:  # theirs comes after the result
            client.predict("a", 2, api_name="/two")
        return heard

    theirs, ours = components.both(told)
    assert ours == theirs == [(2, "a")]


def test_a_conversation_and_its_state_are_the_same(documents: Pair) -> None:
    def talk(client: Any) -> list[Any]:
        said = [client.predict(word, api_name="/words") for word in ("a", "b", "a")]
        client.reset_session()
        said.append(client.predict("a", api_name="/words"))
        _, history = client.predict("Hello", [], api_name="/chat")
        return [*said, client.predict("again", history, api_name="/chat")]

    theirs, ours = documents.both(talk)
    assert ours == theirs
    assert ours[:4] == [0, 0, 1, 0]


def test_the_token_to_act_with_goes_to_who_wants_it(real_components: str, tmp_path: Path) -> None:
    def ask(client: Any) -> Any:
        return outcome(lambda: client.predict("text", api_name="/acting"))

    with_token = Pair(real_components, tmp_path, oauth_token="hf_for_the_app")
    theirs, ours = with_token.both(ask)
    assert ours == theirs == ("result", "text as hf_for_the_app")
    assert with_token.both(lambda client: client.predict("x", api_name="/at_once")) == ("x", "x")
    with_token.close()
    without = Pair(real_components, tmp_path)
    theirs, ours = without.both(ask)
    assert ours == theirs
    assert ours[0] == "AppError"
    without.close()


# --- how jobs stand


def test_a_job_stands_where_it_does(documents: Pair) -> None:
    turns = itertools.count()

    def watch(client: Any) -> list[Any]:
        gate = f"official {next(turns)}"
        first = client.submit(gate, api_name="/wait")
        while first.status().code.value != "PROCESSING":
            client.predict("a moment", api_name="/translate")
        second = client.submit(gate, api_name="/wait")
        while (waiting := second.status()).code.value != "IN_QUEUE":
            client.predict("a moment", api_name="/translate")
        seen = [(waiting.rank, waiting.queue_size, waiting.success, first.done(), second.done())]
        client.predict(gate, api_name="/open_gate")
        for job in (first, second):
            job.result(timeout=SECONDS)
            over = job.status()
            seen.append((over.code.value, over.success, over.progress_data, job.done()))
        failed = client.submit(1, "divide", 0, api_name="/calculator")
        assert failed.exception(timeout=SECONDS) is not None
        over = failed.status()
        return [*seen, (over.code.value, over.success)]

    theirs, ours = documents.both(watch)
    assert ours == theirs


def test_progress_is_told_alike(components: Pair) -> None:
    def watch(client: Any) -> list[Any]:
        job = client.submit(1, api_name="/tell")
        seen: list[Any] = []
        while not job.done():
            update = job.status()
            seen += [(unit.index, unit.length, unit.unit, unit.desc) for unit in update.progress_data or ()]
            client.predict("x", api_name="/at_once")
        return seen

    # Between two looks a client may miss a step; ours keeps them all.
    theirs, ours = components.both(watch)
    kept = components.ours.submit(1, api_name="/tell")
    kept.result(timeout=SECONDS)
    steps = [update.progress_data for update in kept.statuses() if update.progress_data]
    assert {(unit.index, unit.length, unit.unit, unit.desc) for units in steps for unit in units} >= {*theirs, *ours}


# --- errors


@pytest.mark.parametrize("name", ["/fail", "/crash", "/crash_at_once", "/stumble"])
def test_an_app_s_error_is_the_same(components: Pair, name: str) -> None:
    def fail(client: Any) -> Any:
        given = 2 if name == "/stumble" else "a reason"
        with pytest.raises(ValueError, match=r"reason|all") as caught:
            client.submit(given, api_name=name).result(timeout=SECONDS)
        return caught.value

    theirs, ours = components.both(fail)
    assert type(ours).__name__ == type(theirs).__name__ == "AppError"
    assert str(ours) == str(theirs)
    assert (ours.message, ours.visible) == (theirs.message, theirs.visible)
    # Of what is no gr.Error the app does not say how long its page would show it, and past the queue not even the
    # title; Gradio's client fills in what the page does.
    assert (ours.title or "Error") == theirs.title
    assert ours.duration == (theirs.duration if name in ("/fail", "/stumble") else None)


def test_an_iteration_over_a_job_that_fails_raises_in_ours_alone(components: Pair) -> None:
    assert list(components.theirs.submit(2, api_name="/stumble")) == ["0", "1"]
    job = components.ours.submit(2, api_name="/stumble")
    assert [next(job), next(job)] == ["0", "1"]
    with pytest.raises(AppError, match="that was all"):
        next(job)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["x"], {"api_name": "/two"}),
        (["x"], {"api_name": "/two", "text": "y", "n": 1}),
        (["x", 1], {"api_name": "/two", "other": 1}),
        (["x"], {"api_name": "/nowhere"}),
        (["x"], {"api_name": "two"}),
        (["x"], {"fn_index": 10_000}),
        (["x"], {}),
    ],
)
def test_a_wrong_call_is_refused_in_the_same_words(components: Pair, given: list[Any], named: dict[str, Any]) -> None:
    def call(client: Any) -> Exception:
        with pytest.raises((TypeError, ValueError)) as caught:
            client.submit(*given, **named)
        return caught.value

    theirs, ours = components.both(call)
    assert isinstance(ours, type(theirs))
    # Then come a hint of ours, or advice of theirs about the page.
    assert str(ours).startswith(str(theirs).partition(" Please click")[0])


@pytest.mark.parametrize(
    ("given", "result"), [(["x", 1, "too much"], (1, "x")), (["x", "no number"], ("no number", "x"))]
)
def test_what_does_not_fit_the_endpoint_is_not_sent_by_ours(components: Pair, given: list[Any], result: Any) -> None:
    with pytest.raises(ArgumentError):
        components.ours.submit(*given, api_name="/two")
    # The app itself minds neither: one value is lost, and the other does not count.
    assert components.theirs.predict(*given, api_name="/two") == result


def test_a_file_that_is_too_large_is_refused_in_the_same_words(components: Pair, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(bytes(200_000))

    def send(client: Any) -> str:
        module = sync if client is components.ours else gradio_client
        with pytest.raises(ValueError, match="exceeds the maximum file size") as caught:
            client.predict(module.handle_file(str(large)), api_name="/file")
        return str(caught.value)

    theirs, ours = components.both(send)
    # Theirs looks for the label where there is none.
    assert ours == theirs.replace("set in  component", "set in File component")


def test_a_login_is_asked_for_and_refused_alike(real_documents: dict[str, str], tmp_path: Path) -> None:
    for options in ({}, {"auth": ("reader", "wrong")}):
        with pytest.raises(ValueError, match=r"[Cc]ould not lo"):
            gradio_client.Client(real_documents["locked"], verbose=False, analytics_enabled=False, **options)
        with pytest.raises(AuthenticationError) as caught:
            sync.Client(real_documents["locked"], **options)
        assert isinstance(caught.value, ValueError)
