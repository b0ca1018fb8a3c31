"""Traces: all that was sent and received in a scenario, as it went over the wire, for one who has to mend a server.

Lines that begin with ``>`` were sent, those with ``<`` came, each piece of a body with the seconds since the request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gradproto._commands import redact_headers
from gradproto._urls import redact_url

from ._checks import BAD, Result
from ._exchange import Exchange, Piece
from ._report import Report

__all__ = ["traces"]

_LONGEST = 1 << 20  # characters of one exchange: what is longer is no answer that somebody reads


def traces(report: Report, *, keep_secrets: bool = False) -> dict[str, str]:
    """Give the names of files and their texts: one for each check that is not as it should be, and made exchanges."""
    found: dict[str, str] = {}
    for result in report.ordered():
        exchanges = _exchanges(result)
        if result.verdict in BAD and exchanges:
            hide = None if keep_secrets else report.hide
            text = "\n".join([_head(result), *(_exchange(one, hide) for one in exchanges)])
            found[f"{result.check.id}.txt"] = text if hide is None else hide(text)
    return found


def _exchanges(result: Result) -> tuple[Exchange, ...]:
    own = () if result.exchange is None or result.exchange in result.exchanges else (result.exchange,)
    return (*result.exchanges, *own)


def _head(result: Result) -> str:
    said = [f"# {result.check.id}: {result.verdict.value}", *([f"# {result.reason}"] if result.reason else [])]
    said += [f"# expected {expected}" for expected in result.expected]
    return "\n".join([*said, *([f"# got {result.got}"] if result.expected else []), ""])


def _exchange(exchange: Exchange, hide: Callable[[str], str] | None) -> str:
    request = exchange.request
    keep_secrets = hide is None
    url = request.url if keep_secrets else redact_url(request.url)
    lines = [f"> {request.method} {url}", *_headers(">", request.headers, keep_secrets)]
    lines += _body(">", (Piece(0.0, part) for part in request.body if isinstance(part, bytes)), timed=False)
    lines += _body(">", exchange.sent)
    if exchange.status is not None:
        lines += [f"< {exchange.status}", *_headers("<", exchange.headers, keep_secrets)]
    lines += _body("<", exchange.pieces if hide is None else _without_spread_secrets(exchange.pieces, hide))
    if exchange.error is not None:
        lines.append(f"# broken: {exchange.error}")
    elif exchange.left:
        lines.append("# left before its end")
    elif exchange.ended_after is not None:
        lines.append(f"# ended after {exchange.ended_after:.3f} s")
    return "\n".join([*lines, ""])


def _without_spread_secrets(pieces: Sequence[Piece], hide: Callable[[str], str]) -> Sequence[Piece]:
    """Give the pieces, or one in their place if a secret is spread over several, where nobody would find it."""
    texts = [piece.data.decode("utf-8", "backslashreplace") for piece in pieces]
    whole = hide("".join(texts))
    if whole == "".join(map(hide, texts)):
        return pieces
    return [Piece(pieces[-1].at, whole.encode("utf-8", "backslashreplace"))]


def _headers(sign: str, headers: tuple[tuple[str, str], ...], keep_secrets: bool) -> list[str]:
    shown = headers if keep_secrets else redact_headers(headers)
    return [*(f"{sign} {name}: {value}" for name, value in shown), sign]


def _body(sign: str, pieces: Iterable[Piece], *, timed: bool = True) -> list[str]:
    lines: list[str] = []
    size = 0
    for piece in pieces:
        text = piece.data.decode("utf-8", "backslashreplace")
        if size + len(text) > _LONGEST:
            lines.append(f"# more than {_LONGEST} characters: the rest is left out")
            break
        size += len(text)
        if timed:
            lines.append(f"# after {piece.at:.3f} s")
        lines += [f"{sign} {line}" for line in text.split("\n")]
    return lines
