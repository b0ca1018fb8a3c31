"""What a run found: the results in order, how many of each, and what the program ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gradproto._record import field, record

from ._capabilities import Capability
from ._checks import BAD, Result, Verdict
from ._clauses import Level, clauses
from ._secrets import without

__all__ = ["BAD", "Report"]


@record(frozen=True, slots=True, kw_only=True)
class Report:
    """All that came of one run against one server.

    ``expected`` are the verdicts that a baseline allows in place of a pass, by the ids of checks; an entry for a check
    that passes is stale. ``interrupted``: somebody ended the run early. ``secrets`` are texts that no rendering shows.
    """

    url: str
    gradio: str
    profile: str
    seconds: float
    results: tuple[Result, ...]
    capabilities: tuple[Capability, ...] = ()
    expected: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    interrupted: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many checks have each verdict."""
        found = Counter(result.verdict for result in self.results)
        return {verdict: found[verdict] for verdict in Verdict}

    @property
    def regressions(self) -> list[Result]:
        """What failed and is in no baseline."""
        return [result for result in self.results if result.verdict is Verdict.FAIL and not self.is_expected(result)]

    @property
    def stale(self) -> list[str]:
        """The ids that the baseline allows to fail, and that do not."""
        good = {result.check.id for result in self.results if result.verdict in (Verdict.PASS, Verdict.WARN)}
        return sorted(good & self.expected.keys())

    @property
    def incomplete(self) -> bool:
        """Whether nothing was verified, or something that a client must be able to rely on could not be."""
        verified = any(result.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN) for result in self.results)
        return not verified or bool(self.open_musts)

    @property
    def open_musts(self) -> list[Result]:
        """What a client must be able to rely on, could not be verified, and is in no baseline."""
        return [
            result
            for result in self.results
            if result.verdict in (Verdict.UNTESTABLE, Verdict.ERROR)
            and result.check.level is Level.MUST
            and not self.is_expected(result)
        ]

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
        places = {clause: place for place, clause in enumerate(clauses())}
        return sorted(self.results, key=lambda result: (places[result.check.clauses[0].id], result.check.id))

    def hide(self, text: str) -> str:
        """Return ``text`` without any of the secrets: a server may say what it was given."""
        return without(self.secrets, text)

    def is_expected(self, result: Result) -> bool:
        """Whether the baseline allows what came of a check."""
        return self.expected.get(result.check.id) is result.verdict
