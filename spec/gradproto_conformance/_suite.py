"""The suite against one server, from the first request to the report."""

from __future__ import annotations

import fnmatch
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import UnionType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import trio

from gradproto import ArgumentError, AuthenticationError, DeadlineExceeded, UnsupportedServerError
from gradproto._headers import check_headers, merge_headers
from gradproto._record import field, record
from gradproto._urls import parse_src, redact_url
from gradproto_transports._proxy import Proxies
from gradproto_transports._tls import tls_factory
from gradproto_transports._trio_driver import OpenStream

from ._areas import REGISTRIES
from ._capabilities import capabilities
from ._checks import Check, Effect, Result, Scenario, Verdict
from ._clauses import clauses
from ._ending import Ending, Interrupted
from ._exchange import Exchange, NotJson
from ._json import is_object
from ._probe import Probe, open_probe
from ._report import Report
from ._runner import Plan, run_plan
from ._target import Target, is_prefix

if TYPE_CHECKING:
    import ssl

__all__ = ["Options", "all_checks", "all_scenarios", "check_limits", "plan_async", "run", "run_async", "selector"]


_CALLS_NOTHING = "an endpoint is named, and the profile 'read' calls nothing: 'call' or 'full' does"


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is made.

    ``profile``: what may be done to the server; by default everything at a loopback address, else only documents are
    asked for. ``select``: ids of checks or clauses, or globs of them; empty: all. ``timeout``: seconds for a scenario;
    ``deadline``: for the whole run. ``jobs``: scenarios at a time. ``strict``: a should that fails counts as a must.
    ``expected``: verdicts that are known and allowed, by the ids of checks. ``endpoints``: by their names, endpoints of
    the app that may be called, and the inputs for them.
    """

    profile: Effect | None = None
    select: tuple[str, ...] = ()
    timeout: float = 30.0
    deadline: float | None = None
    jobs: int = 4
    strict: bool = False
    expected: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    endpoints: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])


def _check_options(options: Options) -> None:
    """Refuse what cannot be asked for. Raises `ArgumentError`."""
    check_limits(timeout=options.timeout, jobs=options.jobs, deadline=options.deadline)
    if options.endpoints and options.profile is Effect.READ:
        raise ArgumentError(_CALLS_NOTHING)


def check_limits(*, timeout: float, jobs: int, deadline: float | None = None) -> None:
    """Refuse limits that are none. Raises `ArgumentError`."""
    limits = {"timeout": timeout} if deadline is None else {"timeout": timeout, "deadline": deadline}
    for name, seconds in limits.items():
        if not (_is_number(seconds, int | float) and 0 < seconds < math.inf):
            raise ArgumentError(f"{name} must be a number of seconds above 0, not {seconds!r:.80}")
    if not _is_number(jobs, int) or jobs < 1:
        raise ArgumentError(f"jobs must be a whole number above 0, not {jobs!r:.80}")


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


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

    ``report`` hears of each check that was run when it is decided, ``trace`` of all exchanges at the end. Raises
    `ConnectError` and the like where there is no server, `UnsupportedServerError` where it is none of Gradio's,
    `AuthenticationError` where it wants a login that was not given, or another one.
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
    planned: Callable[[Target, Plan], None] = lambda _target, _plan: None,
    ending: Ending | None = None,
) -> Report:
    """Do what `run` does, in trio.

    ``planned`` hears what will be run, when the config is read; ``ending`` lets somebody else end the run early.
    """
    options = options or Options()
    _check_options(options)
    ending = ending or Ending(options.deadline)
    way = _Way.of(url, auth, token, headers, proxy, ssl_context, ssl_verify, open_stream)
    began = trio.current_time()
    async with way.open() as probe:
        target, plan = await _prepare(probe, options, auth, ending)
        planned(target, plan)
        try:
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
                ending=ending,
            )
        finally:
            trace(probe.log)
    return Report(
        url=way.base,
        gradio=".".join(map(str, target.version)),
        profile=_profile(options, way.base).value,
        seconds=trio.current_time() - began,
        results=tuple(results),
        capabilities=capabilities(target.config),
        expected=options.expected,
        interrupted=ending.interrupted,
        secrets=way.secrets_of(probe, auth),
    )


async def plan_async(
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
    ending: Ending | None = None,
) -> tuple[Target, Plan]:
    """Read the config of the server at ``url``, in trio, and give what a run would do there; nothing else is asked."""
    options = options or Options()
    _check_options(options)
    way = _Way.of(url, auth, token, headers, proxy, ssl_context, ssl_verify, open_stream)
    async with way.open() as probe:
        return await _prepare(probe, options, auth, ending or Ending(options.deadline))


@record(frozen=True, slots=True, kw_only=True)
class _Way:
    """How to reach the server."""

    base: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    proxies: Proxies = field(repr=False)
    tls: Callable[[], ssl.SSLContext]
    open_stream: OpenStream | None

    @classmethod
    def of(
        cls,
        url: str,
        auth: tuple[str, str] | None,
        token: str | None,
        headers: Mapping[str, str] | None,
        proxy: str | None,
        ssl_context: ssl.SSLContext | None,
        ssl_verify: bool,
        open_stream: OpenStream | None,
    ) -> _Way:
        own = check_headers(headers)
        if token is not None:
            own = merge_headers(own, check_headers({"authorization": f"Bearer {token}"}))
        values = [part for _, value in own for part in (value, value.partition(" ")[2])]
        return cls(
            base=parse_src(url),
            headers=own,
            secrets=(*values, *(auth or ())[1:]),
            proxies=Proxies(proxy),
            tls=tls_factory(ssl_context, verify=ssl_verify),
            open_stream=open_stream,
        )

    def open(self) -> AbstractAsyncContextManager[Probe]:
        return open_probe(
            self.base, headers=self.headers, proxies=self.proxies, tls=self.tls, open_stream=self.open_stream
        )

    def secrets_of(self, probe: Probe, auth: tuple[str, str] | None) -> tuple[str, ...]:
        """Give them all: also the cookies that the login gave."""
        pairs = [value.split("; ") for name, value in probe.headers if auth is not None and name == "cookie"]
        return (*self.secrets, *(pair.partition("=")[2] for several in pairs for pair in several))


async def _prepare(probe: Probe, options: Options, auth: tuple[str, str] | None, ending: Ending) -> tuple[Target, Plan]:
    """Read the config within the time of a scenario, and choose what to run."""
    selected = selector(options.select)
    met: list[Target] = []
    with ending.limit(options.timeout):
        met.append(await _meet(probe, auth, options))
    if not met:
        if ending.interrupted:
            raise Interrupted("interrupted before the config was there")
        raise DeadlineExceeded(f"{redact_url(probe.base)}/config gave no config in time")
    (target,) = met
    profile = _profile(options, probe.base)
    if target.named and profile is Effect.READ:
        raise ArgumentError(_CALLS_NOTHING)
    return target, Plan.of(all_scenarios(), target, profile=profile, selected=selected)


def _profile(options: Options, base: str) -> Effect:
    if options.profile is not None:
        return options.profile
    host = urlsplit(base).hostname or ""
    is_loopback = host in ("localhost", "::1") or host.startswith("127.")
    return Effect.FULL if is_loopback else Effect.READ


async def _meet(probe: Probe, auth: tuple[str, str] | None, options: Options) -> Target:
    """Read the config, after a login if there is one to make."""
    if auth is not None:
        probe.headers = (*probe.headers, ("cookie", await _log_in(probe, auth)))
    answer = await probe.ask("GET", "/config")
    where = f"{redact_url(probe.base)}/config"
    if answer.status == 401:
        raise AuthenticationError("the app wants a login, and there is none, or it is not good")
    if answer.status is not None and 300 <= answer.status < 400:
        raise UnsupportedServerError(f"{where} leads elsewhere{_to(answer)}: give the address where the app itself is")
    try:
        config: Any = answer.json()
    except NotJson as error:
        raise UnsupportedServerError(f"{where} gives no config, but status {answer.status}: {error}") from None
    if not is_object(config) or not {"version", "dependencies", "input_components"} & config.keys():
        raise UnsupportedServerError(f"{where} gives no config of Gradio, but status {answer.status}")
    named = {name.lstrip("/"): values for name, values in options.endpoints.items()}
    target = Target.of(config, has_login=auth is not None, asked=answer, named=named)
    for name in target.named:
        if name not in target.endpoints:
            there = ", ".join(f"/{one:.80}" for one in target.endpoints) or "none"
            raise ArgumentError(f"the app has no endpoint /{name:.80}; those that it names: {there}")
    prefix = config.get("api_prefix")
    probe.prefix = prefix if is_prefix(prefix) else ""
    return target


def _to(answer: Exchange) -> str:
    location = answer.header("location")
    return "" if location is None else f", to {redact_url(location)!r:.80}"


async def _log_in(probe: Probe, auth: tuple[str, str]) -> str:
    body = urlencode({"username": auth[0], "password": auth[1]}).encode()
    form = [("content-type", "application/x-www-form-urlencoded")]
    answer = await probe.ask("POST", "/login", body=body, headers=form)
    cookies = [value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie"]
    if not cookies:
        raise AuthenticationError(f"the login was refused with status {answer.status}")
    return "; ".join(cookies)
