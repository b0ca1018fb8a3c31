"""The conformance suite: checks that say whether a Gradio server keeps to the protocol that ``spec/`` describes.

:func:`run` checks a server, and gives a :class:`Report`; :func:`run_async` does so in trio. :class:`Options` say what
is checked, and what may be done to the server. :func:`as_json`, :func:`as_junit`, :func:`as_markdown` and
:func:`as_html` write a report down. :func:`clauses` are what the specification says, and :func:`all_checks` what is
checked of it.

The suite stands on trio: ``pip install "gradproto[trio]"``.
"""

from __future__ import annotations

try:
    from ._suite import Options as Options
    from ._suite import all_checks as all_checks
    from ._suite import run as run
    from ._suite import run_async as run_async
    from ._suite import selector as selector
except ModuleNotFoundError as _error:
    if _error.name != "trio":
        raise
    raise ModuleNotFoundError(
        'the conformance suite needs one more library: pip install "gradproto[trio]"', name="trio"
    ) from _error

from ._checks import Check as Check
from ._checks import Effect as Effect
from ._checks import Result as Result
from ._checks import Verdict as Verdict
from ._clauses import Clause as Clause
from ._clauses import Level as Level
from ._clauses import Page as Page
from ._clauses import clauses as clauses
from ._clauses import pages as pages
from ._exchange import Exchange as Exchange
from ._exchange import NotJson as NotJson
from ._exchange import Piece as Piece
from ._html import as_html as as_html
from ._render import as_json as as_json
from ._render import as_junit as as_junit
from ._render import as_markdown as as_markdown
from ._render import curl_line as curl_line
from ._report import Report as Report

__all__ = [
    "Check",
    "Clause",
    "Effect",
    "Exchange",
    "Level",
    "NotJson",
    "Options",
    "Page",
    "Piece",
    "Report",
    "Result",
    "Verdict",
    "all_checks",
    "as_html",
    "as_json",
    "as_junit",
    "as_markdown",
    "clauses",
    "curl_line",
    "pages",
    "run",
    "run_async",
    "selector",
]
