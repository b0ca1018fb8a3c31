"""``gradproto demo``: one client, one embedded fake server, and one step for each thing that a client does.

Every step checks what it got; the demo has gone well only if all of them have.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gradproto import AppError, Endpoint, Status, StatusUpdate, Timeouts
from gradproto_fake_server import FakeApp, FakeServer
from gradproto_transports.sync import Client, Job, handle_file

from ._console import one_line, speaks_unicode

__all__ = ["run_demo"]

_PATIENCE = 20.0  # seconds for one step on a very busy machine
_TYPE_WIDTH = 40  # characters of a type that are shown

_SAMPLE = "smooth as silk: größe, ñandú, 中文\n" * 1000


class _Unexpected(Exception):
    """A step went otherwise than it should have."""


def run_demo(app: FakeApp) -> int:
    """Use ``app``, which is the demo app, say what happens, and return how many steps did not go as expected."""
    began = time.monotonic()
    console = Console(highlight=False, soft_wrap=True)
    with FakeServer(app) as server:
        console.print(Text.assemble("A fake Gradio server runs at ", (server.url, "bold"), " until this demo is over."))
        with Client(server.url, timeouts=Timeouts(queue_wait=_PATIENCE, run=_PATIENCE)) as client:
            demo = _Demo(console, server, client)
            demo.show_api()
            for title, step in demo.steps():
                demo.run(title, step)
    failed = demo.failed
    total = len(demo.steps())
    seconds = time.monotonic() - began
    console.print()
    outcome = f"{total} of {total} steps went as expected" if not failed else f"{failed} of {total} steps FAILED"
    console.print(Text(f"{outcome}, in {seconds:.1f} s.", style="bold red" if failed else "bold green"))
    return failed


class _Demo:
    def __init__(self, console: Console, server: FakeServer, client: Client) -> None:
        self.failed = 0
        self._console = console
        self._server = server
        self._client = client
        self._passed_mark, self._failed_mark = ("✔", "✘") if speaks_unicode(sys.stdout) else ("ok", "FAILED")

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """The steps in their order, with their titles; what each returns says what was seen."""
        return [
            ('Call an endpoint: client.predict("Hello", api_name="/echo")', self.call),
            ('Name the arguments: client.predict(a=2, b=40, api_name="/add")', self.call_by_name),
            (
                'Send a file and fetch one: client.predict(handle_file("sample.txt"), api_name="/upper")',
                self.transfer_file,
            ),
            (
                'Take a generator\'s outputs as they come: for output in client.submit(2000, api_name="/count")',
                self.stream_outputs,
            ),
            ('Follow progress and log messages: client.submit(10, api_name="/progress")', self.watch_progress),
            ('Let a chat grow: client.submit("and again", history, api_name="/chat")', self.chat),
            ('Let the server remember: client.predict(api_name="/incr"), three times', self.keep_state),
            ("Hold two conversations at once: client.session()", self.hold_two_conversations),
            ('Call an endpoint five hundred times: client.map(inputs, api_name="/echo")', self.call_many_times),
            ("Take a job out of the queue: job.cancel()", self.cancel_queued),
            ("Stop a generator that runs: job.cancel()", self.cancel_running),
            ('See an error of the app: client.predict("x", api_name="/fail")', self.meet_error),
        ]

    def run(self, title: str, step: Callable[[], str]) -> None:
        """Run one step and say how it went."""
        self._console.print()
        self._console.print(Text(title, style="bold"))
        try:
            seen, mark, style = step(), self._passed_mark, "green"
        except Exception as problem:  # whatever it is, it should not have come
            seen, mark, style = f"{type(problem).__name__.lstrip('_')}: {problem}", self._failed_mark, "red"
            self.failed += 1
        self._console.print(Text.assemble("  ", (mark, style), " ", one_line(seen)))

    def show_api(self) -> None:
        """List the endpoints, one line each."""
        public = [endpoint for endpoint in self._client.endpoints.values() if endpoint.visibility == "public"]
        self._console.print()
        self._console.print(Text(f"Named API endpoints: {len(public)}", style="bold"))
        for endpoint in public:
            self._console.print(Text(f"  {_signature(endpoint)}"))

    # --- the steps ----------------------------------------------------------------------------------------------------

    def call(self) -> str:
        result = self._client.predict("Hello", api_name="/echo")
        _expect(result, "Hello")
        return f"result: {result!r}"

    def call_by_name(self) -> str:
        result = self._client.predict(a=2, b=40, api_name="/add")
        _expect(result, 42)
        return f"result: {result!r}"

    def transfer_file(self) -> str:
        with tempfile.TemporaryDirectory(prefix="gradproto-") as directory:
            sample = Path(directory, "sample.txt")
            sample.write_text(_SAMPLE, encoding="utf-8", newline="")
            path = Path(self._client.predict(handle_file(sample), api_name="/upper"))
        came = path.read_bytes()
        _expect(path.name, "sample.txt")
        _expect(came.decode(), _SAMPLE.upper())
        return f"{len(_SAMPLE.encode()):,} bytes went up, {len(came):,} came down: {path}"

    def stream_outputs(self) -> str:
        job = self._client.submit(2000, api_name="/count")
        outputs = list(self._watch(job, lambda output, count: f"{output} ({count} outputs)"))
        _expect(outputs, [f"n={n}" for n in range(2000)])
        return f"{len(outputs)} outputs, from {outputs[0]!r} to {outputs[-1]!r}"

    def watch_progress(self) -> str:
        steps: list[float | None] = []
        logs: list[str] = []
        with self._live() as show:

            def note(update: StatusUpdate) -> None:
                if update.code is Status.LOG and update.log is not None:
                    logs.append(update.log[0])
                for unit in update.progress_data or ():
                    steps.append(unit.index)
                    if unit.index is not None and unit.length:
                        show(f"{_bar(unit.index / unit.length)} {unit.desc}")

            result = self._client.submit(10, api_name="/progress", status_callbacks=note).result()
        _expect(result, "done 10")
        _expect(steps, list(range(10)))
        _expect(logs, [f"log {n}" for n in range(10)])
        return f"{len(steps)} progress steps, {len(logs)} log messages, result: {result!r}"

    def chat(self) -> str:
        history: list[Any] = []
        for message in ("hello there", "and again"):
            job = self._client.submit(message, history, api_name="/chat")
            outputs = list(self._watch(job, lambda output, _: _last_words(output)))
            _expect(len(outputs), 2 + len(message.split()))
            history = outputs[-1]
            _expect(_last_words(history), f"You said: {message}")
        _expect(len(history), 4)
        return f"{len(history)} messages, the last one: {_last_words(history)!r}"

    def keep_state(self) -> str:
        results = [self._client.predict(api_name="/incr") for _ in range(3)]
        _expect(results, [1, 2, 3])
        return f"results: {results}"

    def hold_two_conversations(self) -> str:
        with self._client.session() as other:
            results = [other.predict(api_name="/incr"), self._client.predict(api_name="/incr")]
        _expect(results, [1, 4])
        return f"the new conversation began with {results[0]}, the other one went on with {results[1]}"

    def call_many_times(self) -> str:
        texts = [f"text {number}" for number in range(500)]
        results = self._client.map(texts, api_name="/echo", concurrency=100)
        _expect(list(results), texts)
        return f"{len(texts)} results came in order, 100 calls at a time"

    def cancel_queued(self) -> str:
        # The endpoint runs one job at a time; the server holds the first, so that the second has to wait.
        self._server.hold("/slow")
        try:
            first = self._client.submit("first", 0, api_name="/slow")
            second = self._client.submit("second", 0, api_name="/slow")
            _expect(second.cancel(), True)
            _expect(second.cancelled(), True)
        finally:
            self._server.release("/slow")
        _expect(first.result(), "first")
        return "the second job was cancelled, the first one went on to its end"

    def cancel_running(self) -> str:
        self._server.hold("/count")
        try:
            job = self._client.submit(1_000_000, api_name="/count")
            self._server.wait_for(lambda app: app.job("/count").state == "held", _PATIENCE)
            self._server.step("/count", 3)
            outputs = list(islice(job, 3))
            _expect(outputs, ["n=0", "n=1", "n=2"])
            _expect(job.cancel(), True)
        finally:
            self._server.release("/count")
        _expect(job.cancelled(), True)
        return f"it was stopped after {len(outputs)} outputs of 1,000,000"

    def meet_error(self) -> str:
        try:
            result = self._client.predict("x", api_name="/fail")
        except AppError as error:
            _expect(error.message, "boom-visible")
            return f"AppError: {error}"
        raise _Unexpected(f"there was no error but a result: {result!r}")

    # --- what they share ----------------------------------------------------------------------------------------------

    def _watch(self, job: Job, describe: Callable[[Any, int], str]) -> Iterator[Any]:
        with self._live() as show:
            for count, output in enumerate(job, 1):
                show(describe(output, count))
                yield output

    @contextmanager
    def _live(self) -> Generator[Callable[[str], None], None, None]:
        """Give a function that shows a line which changes in place; without a terminal it shows nothing."""
        with Live(console=self._console, transient=True, refresh_per_second=20) as live:

            def show(text: str) -> None:
                if self._console.is_terminal:
                    live.update(Text(f"  {one_line(text)}", no_wrap=True, overflow="ellipsis"))

            yield show


def _expect(seen: object, wanted: object) -> None:
    if seen != wanted:
        raise _Unexpected(f"{seen!r:.200} came where {wanted!r:.200} was expected")


def _signature(endpoint: Endpoint) -> str:
    takes = ", ".join(f"{parameter.name}: {_short(parameter.python_type)}" for parameter in endpoint.parameters)
    gives = ", ".join(_short(value.python_type) for value in endpoint.returns)
    return f"{endpoint.label}({takes}) -> {gives or 'nothing'}{', one by one' if endpoint.is_generator else ''}"


def _short(python_type: str) -> str:
    return python_type if len(python_type) <= _TYPE_WIDTH else python_type[:_TYPE_WIDTH] + "..."


def _bar(part: float, width: int = 30) -> str:
    filled = round(part * width)
    return f"[{'#' * filled}{'.' * (width - filled)}]"


def _last_words(history: list[Any]) -> str:
    """Return the text of a chat's last message, whose content is a text or a list of parts."""
    content = history[-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
