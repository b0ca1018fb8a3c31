"""The suite against one server, from the first request to the report."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import trio

from gradproto import ArgumentError, AuthenticationError, UnsupportedServerError
from gradproto._record import field, record
from gradproto_transports._proxy import Proxies
from gradproto_transports._tls import tls_factory
from gradproto_transports._trio_driver import OpenStream

from ._checks import Check, Effect, Result, Scenario, Verdict
from ._clauses import clauses
from ._exchange import Exchange, NotJson
from ._probe import Probe, open_probe
from ._report import Report
from ._runner import Plan, run_plan
from ._target import Target
from .areas import REGISTRIES

if TYPE_CHECKING:
    import ssl

__all__ = ["Options", "all_checks", "all_scenarios", "run", "run_async", "selector"]


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is made.

    ``profile``: what may be done to the server; by default everything at a loopback address, else only documents are
    asked for. ``select``: ids of checks or clauses, or globs of them; empty: all. ``timeout``: seconds for a scenario;
    ``deadline``: for the whole run. ``jobs``: scenarios at a time. ``strict``: a should that fails counts as a must.
    ``expected``: verdicts that are known and allowed, by the ids of checks.
    """

    profile: Effect | None = None
    select: tuple[str, ...] = ()
    timeout: float = 30.0
    deadline: float | None = None
    jobs: int = 4
    strict: bool = False
    expected: Mapping[str, Verdict] = field(default_factory=dict)


def all_scenarios() -> tuple[Scenario, ...]:
    """Give all scenarios, in the order of the areas."""
    return tuple(scenario for registry in REGISTRIES for scenario in registry.scenarios)


def all_checks() -> dict[str, Check]:
    """Give all checks by their ids."""
    found: dict[str, Check] = {}
    for registry in REGISTRIES:
        for name, check in registry.checks.items():
            if name in found:
                raise ValueError(f"there are two checks {name}")
            found[name] = check
    return found


def selector(patterns: Iterable[str], checks: Mapping[str, Check] | None = None) -> Callable[[Check], bool]:
    """Give what says whether a check is selected, of ``checks`` or of the suite's own.

    Raises `ArgumentError` for a pattern that selects nothing.
    """
    patterns = tuple(patterns)
    if not patterns:
        return lambda _check: True
    if checks is None:
        names = [*all_checks(), *clauses()]
    else:
        names = [*checks, *(clause.id for check in checks.values() for clause in check.clauses)]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ArgumentError(f"no check and no clause is called {pattern!r:.80}")

    def selected(check: Check) -> bool:
        own = (check.id, *(clause.id for clause in check.clauses))
        return any(fnmatch.fnmatchcase(name, pattern) for name in own for pattern in patterns)

    return selected


def run(
    url: str,
    options: Options | None = None,
    *,
    auth: tuple[str, str] | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    open_stream: OpenStream | None = None,
    report: Callable[[Result], None] = lambda _result: None,
    trace: Callable[[Sequence[Exchange]], None] = lambda _exchanges: None,
) -> Report:
    """Check the Gradio server at ``url``, and give the report.

    ``report`` hears of each result when it is there, ``trace`` of all exchanges at the end. Raises `ConnectError` and
    the like where there is no server, `UnsupportedServerError` where it is none of Gradio's, `AuthenticationError`
    where it wants a login that was not given, or another one.
    """

    async def main() -> Report:
        return await run_async(
            url,
            options,
            auth=auth,
            token=token,
            headers=headers,
            proxy=proxy,
            ssl_context=ssl_context,
            ssl_verify=ssl_verify,
            open_stream=open_stream,
            report=report,
            trace=trace,
        )

    return trio.run(main)


async def run_async(
    url: str,
    options: Options | None = None,
    *,
    auth: tuple[str, str] | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    ssl_verify: bool = True,
    open_stream: OpenStream | None = None,
    report: Callable[[Result], None] = lambda _result: None,
    trace: Callable[[Sequence[Exchange]], None] = lambda _exchanges: None,
) -> Report:
    """Do what `run` does, in trio."""
    options = options or Options()
    selected = selector(options.select)
    base = _base_of(url)
    own = [(name, value) for name, value in (headers or {}).items()]
    if token is not None:
        own.append(("authorization", f"Bearer {token}"))
    began = trio.current_time()
    results: list[Result] = []
    interrupted = True
    async with open_probe(
        base,
        headers=own,
        proxies=Proxies(proxy),
        tls=tls_factory(ssl_context, verify=ssl_verify),
        open_stream=open_stream,
    ) as probe:
        target = await _meet(probe, auth)
        plan = Plan.of(all_scenarios(), target, profile=_profile(options, base), selected=selected)
        try:
            with trio.move_on_after(float("inf") if options.deadline is None else options.deadline):
                results = await run_plan(
                    plan,
                    target,
                    probe,
                    run=os.urandom(4).hex(),
                    jobs=options.jobs,
                    timeout=options.timeout,
                    login=auth or ("", ""),
                    strict=options.strict,
                    report=report,
                )
                interrupted = False
        finally:
            trace(probe.log)
    return Report(
        url=base,
        gradio=".".join(map(str, target.version)),
        profile=_profile(options, base).value,
        seconds=trio.current_time() - began,
        results=tuple(result for result in results if selected(result.check)),
        expected=options.expected,
        interrupted=interrupted,
    )


def _base_of(url: str) -> str:
    text = url if "://" in url else f"http://{url}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ArgumentError(f"{url!r:.80} is no address of a server")
    return text.partition("#")[0].partition("?")[0].rstrip("/")


def _profile(options: Options, base: str) -> Effect:
    if options.profile is not None:
        return options.profile
    host = urlsplit(base).hostname or ""
    is_loopback = host in ("localhost", "::1") or host.startswith("127.")
    return Effect.FULL if is_loopback else Effect.READ


async def _meet(probe: Probe, auth: tuple[str, str] | None) -> Target:
    """Read the config, after a login if there is one to make."""
    if auth is not None:
        probe.headers = (*probe.headers, ("cookie", await _log_in(probe, auth)))
    answer = await probe.ask("GET", "/config")
    if answer.status == 401:
        raise AuthenticationError("the app wants a login, and there is none, or it is not good")
    try:
        config: Any = answer.json()
    except NotJson as error:
        raise UnsupportedServerError(f"{probe.base}/config gives no config: {error}") from None
    if not isinstance(config, dict) or not {"version", "dependencies", "input_components"} & config.keys():
        raise UnsupportedServerError(f"{probe.base}/config gives no config of Gradio")
    target = Target.of(config, has_login=auth is not None)
    probe.prefix = str(config.get("api_prefix") or "")
    return target


async def _log_in(probe: Probe, auth: tuple[str, str]) -> str:
    body = urlencode({"username": auth[0], "password": auth[1]}).encode()
    form = [("content-type", "application/x-www-form-urlencoded")]
    answer = await probe.ask("POST", "/login", body=body, headers=form)
    cookies = [value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie"]
    if not cookies:
        raise AuthenticationError(f"the login was refused with status {answer.status}")
    return "; ".join(cookies)
