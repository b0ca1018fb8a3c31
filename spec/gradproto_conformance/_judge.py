"""Who a scenario tells what it saw, and what comes of that for each check."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import ParamSpec

import trio

from gradproto import GradprotoError
from gradproto._record import replace

from ._checks import BAD, Result, Scenario
from ._exchange import Exchange
from ._probe import Probe
from ._target import Target
from ._verdicts import Verdicts

__all__ = ["Judge"]

P = ParamSpec("P")


class Judge(Verdicts):
    """Decides on the checks of one scenario, and has what the scenario asks the server with."""

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        probe: Probe,
        *,
        run: str,
        login: tuple[str, str] = ("", ""),
        strict: bool = False,
    ) -> None:
        super().__init__(scenario.name, scenario.checks, target.version, strict=strict)
        self.target = target
        self.probe = probe
        self.login = login
        """The user and the password, where scenarios may need ``login``."""
        self._run = run
        self._names = 0
        self._scenario = scenario

    def unique(self, what: str) -> str:
        """Give a name that neither another scenario, nor another run has: of a session, of an upload."""
        self._names += 1
        return f"gradproto-{self._run}-{self._scenario.name}-{what}-{self._names}"

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncGenerator[Callable[..., None], None]:
        """Give a function that begins tasks; the block waits for them at its end. What fails in them fails in it."""
        failures: list[GradprotoError] = []  # a nursery would wrap them
        async with trio.open_nursery() as nursery:

            async def carry_out(task: Callable[[], Awaitable[None]]) -> None:
                try:
                    await task()
                except GradprotoError as error:
                    failures.append(error)
                    nursery.cancel_scope.cancel()

            def begin(task: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
                nursery.start_soon(carry_out, lambda: task(*args, **kwargs))

            try:
                yield begin
            except GradprotoError as error:
                failures.append(error)
                nursery.cancel_scope.cancel()
        if failures:
            raise failures[0]

    def results(self, failure: str | None = None) -> list[Result]:
        """Give one result for each check of the scenario, what is bad with all that was exchanged."""
        own = tuple(self.probe.own)
        only = self._only()
        return [
            replace(result, exchange=result.exchange or only, exchanges=own) if result.verdict in BAD else result
            for result in super().results(failure)
        ]

    def _only(self) -> Exchange | None:
        """Give the exchange in which all was seen, if there is one: where nothing was asked for, that of the config."""
        if not self.probe.own:
            return self.target.asked
        return self.probe.own[0] if len(self.probe.own) == 1 else None
