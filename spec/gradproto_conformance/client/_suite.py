"""All scenarios for one client program, in the versions of Gradio that it is to know."""

from __future__ import annotations

import logging
import shlex
import shutil
import signal
import tempfile
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from gradproto import ArgumentError, UnsupportedServerError
from gradproto._record import record
from gradproto_conformance._checks import Check, Result, Verdict
from gradproto_conformance._clauses import version_of
from gradproto_conformance._report import Report
from gradproto_conformance._suite import check_limits, selector

from ._app import make_app
from ._contract import FEATURES
from ._scenes import PLAYBOOKS
from ._stage import Play, Stage

__all__ = ["GENERATIONS", "ClientOptions", "client_checks", "run_client", "run_client_async"]

GENERATIONS: tuple[str, ...] = ("3.50.2", "4.0.2", "4.12.0", "4.44.1", "5.50.0", "6.31.0")
"""One Gradio for each way in which calls were made since 3.1.5."""

_OLDEST = (3, 1, 5)

logger = logging.getLogger("gradproto")


@record(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a client program is judged.

    ``gradio``: the versions that the fake server plays, one report for each. ``select``: ids of checks or clauses, or
    globs of them; empty: all. ``without``: what of `FEATURES` the client does not have. ``timeout``: seconds for the
    program to end in one scenario. ``jobs``: programs at a time. ``strict``: a should that fails counts as a must.
    """

    gradio: tuple[str, ...] = GENERATIONS
    select: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    timeout: float = 30.0
    jobs: int = 4
    strict: bool = False


def client_checks() -> dict[str, Check]:
    """Give all checks of clients by their ids."""
    return {name: check for playbook in PLAYBOOKS for name, check in playbook.checks.items()}


def run_client(
    command: Sequence[str],
    options: ClientOptions | None = None,
    *,
    report: Callable[[str, Result], None] = lambda _gradio, _result: None,
) -> list[Report]:
    """Judge the program that ``command`` starts, as `CONTRACT` has it; give one report for each version of Gradio.

    ``report`` hears of each result when it is there, with the version. Ctrl-C ends the programs, and gives the reports
    so far, as interrupted. Raises `ArgumentError` for what cannot be, and `UnsupportedServerError` where the program
    cannot be started.
    """
    options = options or ClientOptions()
    _check(command, options)  # here, too: a nursery would wrap what it raises
    return trio.run(_until_signal, tuple(command), options, report)


async def run_client_async(
    command: Sequence[str],
    options: ClientOptions | None = None,
    *,
    report: Callable[[str, Result], None] = lambda _gradio, _result: None,
    stop: trio.Event | None = None,
) -> list[Report]:
    """Do what `run_client` does, in trio; ``stop`` ends it early, as Ctrl-C does there."""
    options = options or ClientOptions()
    _check(command, options)
    selected = selector(options.select, client_checks())
    began = trio.current_time()
    found: dict[str, list[Result]] = {version: [] for version in options.gradio}
    limit = trio.CapacityLimiter(options.jobs)

    def keep(version: str, results: Sequence[Result]) -> None:
        for result in results:
            if selected(result.check):
                found[version].append(result)
                report(version, result)

    async def play_all() -> None:
        async with trio.open_nursery() as nursery:
            for version in found:
                for play in _plays(selected):
                    reason = _obstacle(play, version, options.without)
                    if reason is not None:
                        left_out = [Result(check=one, verdict=Verdict.SKIP, reason=reason) for one in play.checks]
                        keep(version, left_out)
                        continue
                    await limit.acquire_on_behalf_of((version, play.name))
                    nursery.start_soon(partial(_play, play, version, command, options, keep, limit))

    is_whole = await _unless(stop, play_all)
    return [
        Report(
            url=_name_of(command),
            gradio=version,
            profile="client",
            seconds=trio.current_time() - began,
            results=tuple(results),
            interrupted=not is_whole,
        )
        for version, results in found.items()
    ]


async def _until_signal(
    command: Sequence[str], options: ClientOptions, report: Callable[[str, Result], None]
) -> list[Report]:
    if threading.current_thread() is not threading.main_thread():
        return await run_client_async(command, options, report=report)
    stop = trio.Event()
    # Programs begin with the signals as they are by themselves, also where this one was told to ignore them.
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        reports: list[Report] = []

        async def hear() -> None:
            async for _ in signals:
                stop.set()

        async def work() -> None:
            reports.extend(await run_client_async(command, options, report=report, stop=stop))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            nursery.start_soon(work)
    return reports


async def _unless(stop: trio.Event | None, work: Callable[[], Awaitable[None]]) -> bool:
    """Do it until it is done or to be stopped; say whether it is done."""
    done = False
    async with trio.open_nursery() as nursery:

        async def cancel() -> None:
            assert stop is not None
            await stop.wait()
            nursery.cancel_scope.cancel()

        if stop is not None:
            nursery.start_soon(cancel)
        await work()
        done = True
        nursery.cancel_scope.cancel()
    return done


async def _play(
    play: Play,
    version: str,
    command: Sequence[str],
    options: ClientOptions,
    keep: Callable[[str, Sequence[Result]], None],
    limit: trio.CapacityLimiter,
) -> None:
    failure: str | None = None
    with tempfile.TemporaryDirectory(prefix="gradproto-client-", ignore_cleanup_errors=True) as directory:
        stage = Stage(play, version, command, directory=Path(directory), timeout=options.timeout, strict=options.strict)
        try:
            await play.run(stage)
        except OSError as error:
            failure = f"the fake server cannot be had: {error}"
        except Exception as error:  # a mistake of the scenario's: it must not end the others, and shows as an error
            logger.exception("the scenario %s failed", play.name)
            failure = f"the suite itself failed: {type(error).__name__}: {error}"
        finally:
            limit.release_on_behalf_of((version, play.name))
    keep(version, stage.results(failure))


def _plays(selected: Callable[[Check], bool]) -> list[Play]:
    return [play for playbook in PLAYBOOKS for play in playbook.plays if any(map(selected, play.checks))]


def _obstacle(play: Play, version: str, without: Sequence[str]) -> str | None:
    numbers = version_of(version)
    if numbers < play.since or not any(check.is_about(numbers) for check in play.checks):
        return f"not about Gradio {version}"
    missing = sorted(play.needs & set(without))
    return f"the client is without {', '.join(missing)}" if missing else None


def _check(command: Sequence[str], options: ClientOptions) -> None:
    if not command:
        raise ArgumentError("there is no command that starts the client")
    for name in options.without:
        if name not in FEATURES:
            raise ArgumentError(f"a client may be without {', '.join(FEATURES)}, not without {name!r:.80}")
    for version in options.gradio:
        try:
            make_app(version)
        except ValueError as error:
            raise ArgumentError(f"no scenarios for Gradio {version!r:.80}: {error}") from error
        if version_of(version) < _OLDEST:
            raise ArgumentError(f"there are scenarios from Gradio {'.'.join(map(str, _OLDEST))} on, not for {version}")
    if not options.gradio:
        raise ArgumentError("there is no version of Gradio to play")
    check_limits(timeout=options.timeout, jobs=options.jobs)
    selector(options.select, client_checks())
    if shutil.which(command[0]) is None:
        raise UnsupportedServerError(f"cannot start {command[0]!r:.80}: there is no such program")


def _name_of(command: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, command))
