"""What a person reads at a terminal: the report, what there is to check, and what one check is about."""

from __future__ import annotations

from collections.abc import Iterable

from gradproto._urls import redact_url

from ._capabilities import Capability
from ._checks import BAD, Check, Scenario, Verdict
from ._render import SIGNS, explain
from ._report import Report
from ._runner import Plan
from ._target import Target

__all__ = [
    "as_text",
    "explain_check",
    "findings",
    "list_checks",
    "outcome",
    "show_capabilities",
    "show_plan",
    "summary",
]


def as_text(report: Report) -> str:
    """Give the report: what the server can do, what is not as it should be, and how many of each."""
    return report.hide("\n".join([*findings(report), summary(report)])) + "\n"


def findings(report: Report) -> list[str]:
    """Give the lines of a report but the last: what it is about, and what is not as it should be."""
    lines = [f"{redact_url(report.url)}: Gradio {report.gradio}, profile {report.profile}", ""]
    lines += [*show_capabilities(report.capabilities), ""] if report.capabilities else []
    left_out = [result for result in report.results if result.verdict is Verdict.SKIP]
    for result in report.ordered():
        if result.verdict in BAD:
            known = ", in the baseline" if report.expected.get(result.check.id) is result.verdict else ""
            told = (
                explain(result)
                if result.expected
                else f"{result.check.id} ({result.check.level.value}): {result.reason}"
            )
            lines += [
                f"{SIGNS[result.verdict]} {result.verdict.value}{known}: {told}",
                *([""] if result.expected else []),
            ]
    lines += [f"- {check}: the baseline lets it fail, and it does not" for check in report.stale]
    if left_out:
        reasons = sorted({result.reason for result in left_out})
        lines += ["left out:"]
        lines += [f"  {sum(one.reason == reason for one in left_out):>4}  {reason}" for reason in reasons]
        lines.append("")
    return lines


def summary(report: Report) -> str:
    """Say in one line what came of the run."""
    return f"{outcome(report)} ({report.seconds:.1f} s)"


def outcome(report: Report) -> str:
    """Say what came of it, and how many of each verdict there are."""
    counts = ", ".join(f"{count} {verdict.value}" for verdict, count in report.counts.items() if count)
    return f"{_verdict(report)}: {counts or 'nothing was checked'}"


def _verdict(report: Report) -> str:
    if report.interrupted:
        return "interrupted"
    if report.regressions:
        return "does not conform"
    if report.stale:
        return "the baseline is stale"
    return "incomplete" if report.incomplete else "conforms"


def show_capabilities(capabilities: Iterable[Capability]) -> list[str]:
    """Give a line for each capability."""
    return [
        f"  {'yes' if one.declared else 'no':<4} {one.name}{f' ({one.detail})' if one.detail else ''}"
        for one in capabilities
    ]


def list_checks(checks: Iterable[Check]) -> list[str]:
    """Give a line for each check: its id, its level, the clauses, and what it says."""
    rows = [(one.id, one.level.value, ", ".join(clause.id for clause in one.clauses), one.title) for one in checks]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]


def show_plan(target: Target, plan: Plan) -> list[str]:
    """Say what would be run and what it does to the server, and what would not, and why."""
    lines = [f"Gradio {'.'.join(map(str, target.version))}{', the fixture app' if target.is_fixture else ''}", ""]
    for scenario in plan.scenarios:
        lines.append(f"{scenario.name} ({scenario.effect.value})")
        lines += [f"  {SIGNS[Verdict.PASS]} {check.id}" for check in plan.wanted(scenario)]
    lines += ["", "left out:"] if plan.left_out else []
    lines += [f"  {SIGNS[Verdict.SKIP]} {result.check.id}: {result.reason}" for result in plan.left_out]
    return [*lines, "", f"{plan.checks} checks in {len(plan.scenarios)} scenarios, {len(plan.left_out)} left out"]


def explain_check(check: Check, scenarios: Iterable[Scenario]) -> list[str]:
    """Say what a check is about, with the whole text of its clauses, and what the scenario that decides on it needs."""
    lines = [f"{check.id}: {check.title} ({check.level.value})"]
    for clause in check.clauses:
        lines += ["", f"{clause.id} {clause.title}", f"{clause.level.value}, {clause.range}"]
        lines += [f"source: {clause.source}"] if clause.source else []
        lines += ["", clause.text]
    for scenario in scenarios:
        if check in scenario.checks:
            needs = [f"the profile {scenario.effect.value}", *sorted(scenario.needs)]
            lines += ["", f"decided by the scenario {scenario.name}, which needs {', '.join(needs)}"]
    return lines
