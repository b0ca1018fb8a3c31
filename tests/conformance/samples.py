"""Reports that are made by hand: every verdict, and texts that a page or a parser could stumble over."""

from __future__ import annotations

from typing import Any

from gradproto import ReadError, Request
from gradproto_conformance._capabilities import Capability
from gradproto_conformance._checks import Result, Verdict
from gradproto_conformance._exchange import Exchange, Piece
from gradproto_conformance._report import Report
from gradproto_conformance._suite import all_checks

__all__ = ["HOSTILE", "SECRET", "exchange", "sample"]

HOSTILE = "</script><script>alert(1)</script><!-- ]]> & \0\x0b\x1b[31m \ud800 \ufffe \u2028 ``` \U0001f600"
SECRET = "open sesame/7"


def exchange(*, body: bytes = b'{"detail": "no"}', error: bool = False) -> Exchange:
    """Make an exchange in which a secret is said back."""
    request = Request(
        method="POST",
        url="http://127.0.0.1:7860/gradio_api/queue/join?token=open-sesame",
        headers=(("authorization", f"Bearer {SECRET}"), ("content-type", "application/json")),
        body=(b'{"data": ["it\'s open sesame/7"]}',),
    )
    made = Exchange(
        request=request, began=0.0, status=422, headers=(("set-cookie", f"a={SECRET}"),), answered_after=0.1
    )
    made.pieces = [Piece(0.1, body), Piece(1.25, b"open+sesame%2F7")]
    made.ended = True
    made.ended_after = 2.0
    made.error = ReadError("the connection was reset") if error else None
    return made


def sample(*, hostile: bool = False, **about: Any) -> Report:
    """Make a report with all checks, and each verdict in turn."""
    verdicts = list(Verdict)
    text = HOSTILE if hostile else "it is so"
    results: list[Result] = []
    for place, check in enumerate(all_checks().values()):
        verdict = verdicts[place % len(verdicts)]
        decided = verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN)
        results.append(
            Result(
                check=check,
                verdict=verdict,
                reason="" if decided else text,
                expected=("status 200", "or another") if decided else (),
                got=f"{text} {SECRET}" if decided else "",
                exchange=exchange(body=text.encode("utf-8", "surrogatepass")) if verdict is Verdict.FAIL else None,
            )
        )
    values: dict[str, Any] = {
        "url": "http://127.0.0.1:7860",
        "gradio": "6.31.0",
        "profile": "full",
        "seconds": 12.3456,
        "results": tuple(results),
        "capabilities": (
            Capability(name="queue", declared=True, detail="sse_v3"),
            Capability(name="MCP", declared=False),
        ),
        "secrets": (SECRET,),
        **about,
    }
    return Report(**values)
