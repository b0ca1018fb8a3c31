"""CONFIG, as far as it is a promise: what is declared is served, and what is served is declared."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gradproto_conformance._checks import Registry
from gradproto_conformance._json import is_list
from gradproto_conformance._judge import Judge

from ._asking import document

__all__ = ["REGISTRY"]

REGISTRY = Registry()
check, scenario = REGISTRY.check, REGISTRY.scenario

PAGES = check("served-pages", "Each page that the config lists is served", "CONFIG-4.8")
MCP = check("served-mcp-undeclared", "There is no MCP server that the config does not tell of", "CONFIG-4.9")

_MOST = 20  # pages: each costs a request, and one that is not served is seldom the last


@scenario(PAGES)
async def pages_that_are_listed(judge: Judge) -> None:
    """Ask for each page of the config."""
    pages = judge.target.config.get("pages")
    paths = [one[0] for one in pages if is_list(one) and one and isinstance(one[0], str)] if is_list(pages) else []
    if not paths:
        judge.cannot(PAGES, "the config lists no pages")
    for path in paths[:_MOST]:
        answer = await document(judge, "/" + quote(path.lstrip("/"), errors="replace"))
        if not judge.that(
            PAGES,
            answer.status == 200,
            expected=f"status 200 for the page {path!r:.80}",
            got=answer.got,
            exchange=answer.exchange,
        ):
            return


@scenario(MCP)
async def what_is_not_declared(judge: Judge) -> None:
    """Ask for the MCP server of an app that says that it has none."""
    declared: Any = judge.target.config.get("mcp_server")
    if declared is True:
        judge.skip(MCP, "the config tells of an MCP server")
        return
    answer = await document(judge, "{P}/mcp/schema")
    judge.that(
        MCP,
        answer.status is not None and answer.status >= 400,
        expected="a status of 400 or more, or mcp_server: true in the config",
        got=answer.got,
        exchange=answer.exchange,
    )
