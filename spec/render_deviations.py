"""Write ``deviations.md`` from the tables of the drift test: ``python spec/render_deviations.py``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gradproto_fake_server._versions import covers, parse
from tests.drift.deviations import BESIDES, DEVIATIONS, LIMITS
from tests.drift.normal import RULES
from tests.matrix.versions import VERSIONS

TARGET = Path(__file__).with_name("deviations.md")

HEAD = """\
# Where the fake server is not like Gradio

Generated from the tables in `tests/drift/` by `python spec/render_deviations.py`; a test fails when they differ.

`python3 tests/run.py drift` makes the same requests to real Gradios and to the fake ones, in {count} versions from
{first} to {last}, and compares the answers: statuses, headers, bodies with the order of their keys and the way in which
the JSON is written, and the messages of event streams and WebSockets. What differs is on this page, or the test fails;
and what is on this page and no longer differs fails too.
"""

KNOWN = """\
## Known deviations

A client that relies on one of these meets something else in production.
"""

BY_DESIGN = """\
## What is left out by design
"""

UNSEEN = """\
## What differs besides

No request of the test meets these.
"""

NOT_COMPARED = """\
## What the test does not compare
"""


def render() -> str:
    """Return the whole page."""
    lines = [HEAD.format(count=len(VERSIONS), first=VERSIONS[0], last=VERSIONS[-1]), BY_DESIGN]
    lines += [f"- {limit}" for limit in LIMITS]
    lines += ["", KNOWN]
    for deviation in DEVIATIONS:
        lines += [
            f"### {deviation.id}",
            "",
            f"*{versions_of(deviation.versions)}.* {deviation.what}",
            "",
            deviation.harm,
            "",
        ]
    lines += [UNSEEN, *(f"- {item}" for item in BESIDES), ""]
    lines += [NOT_COMPARED, *(f"- **{name}**: {rule}" for name, rule in RULES.items()), ""]
    return "\n".join(lines)


def versions_of(spans: str) -> str:
    """Say in words which of the versions that are tried these are."""
    inside = [version for version in VERSIONS if covers(spans, parse(version))]
    runs: list[list[str]] = []
    for version in inside:
        if runs and VERSIONS.index(version) == VERSIONS.index(runs[-1][-1]) + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    if inside == VERSIONS:
        return "All versions"
    return "Gradio " + ", ".join(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
