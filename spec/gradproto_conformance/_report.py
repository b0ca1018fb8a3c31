"""What a run found: the results in order, how many of each, and what the program ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gradproto._record import field, record

from ._checks import Result, Verdict
from ._clauses import Level, clauses

__all__ = ["BAD", "Report"]

BAD = (Verdict.FAIL, Verdict.WARN, Verdict.UNTESTABLE, Verdict.ERROR)
"""What a person wants to see first."""


@record(frozen=True, slots=True, kw_only=True)
class Report:
    """All that came of one run against one server.

    ``expected`` are the verdicts that a baseline allows in place of a pass, by the ids of checks; an entry for a check
    that passes is stale. ``interrupted``: somebody ended the run early.
    """

    url: str
    gradio: str
    profile: str
    seconds: float
    results: tuple[Result, ...]
    expected: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    interrupted: bool = False

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many checks have each verdict."""
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def regressions(self) -> list[Result]:
        """What failed and is in no baseline."""
        return [
            result
            for result in self.results
            if result.verdict is Verdict.FAIL and self.expected.get(result.check.id) is not Verdict.FAIL
        ]

    @property
    def stale(self) -> list[str]:
        """The ids that the baseline allows to fail, and that do not."""
        verdicts = {result.check.id: result.verdict for result in self.results}
        return sorted(one for one, verdict in self.expected.items() if one in verdicts and verdicts[one] is not verdict)

    @property
    def incomplete(self) -> bool:
        """Whether nothing was verified, or something that a client must be able to rely on could not be."""
        verified = any(result.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN) for result in self.results)
        open_musts = any(
            result.verdict in (Verdict.UNTESTABLE, Verdict.ERROR) and result.check.level is Level.MUST
            for result in self.results
        )
        return not verified or open_musts

    @property
    def exit_code(self) -> int:
        """0: it conforms; 1: it does not, or the baseline is stale; 4: incomplete; 130: interrupted."""
        if self.interrupted:
            return 130
        if self.regressions or self.stale:
            return 1
        return 4 if self.incomplete else 0

    def ordered(self) -> list[Result]:
        """The results in the order of the specification."""
        return sorted(self.results, key=_place)


def _place(result: Result) -> tuple[int, str]:
    return list(clauses()).index(result.check.clauses[0].id), result.check.id
