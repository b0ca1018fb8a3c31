"""What differs between Gradio's protocol generations, as data.

Each record says how one range of versions wants to be spoken to. `choose_dialect` is the only place that looks at the
version.
"""

from __future__ import annotations

import re

from ._config import Config
from ._errors import UnsupportedServerError
from ._record import record

__all__ = ["DIALECTS", "Dialect", "choose_dialect", "parse_version"]


@record(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one range of Gradio versions speaks.

    ``protocol`` and ``since`` choose the record: the config's ``protocol`` and the first version it is for. Routes are
    below the app's API prefix. ``cancel_route`` takes the session hash, the function index and the event id;
    ``completes_cancelled`` says whether the server then ends the event itself, so that the stream can end too.
    ``unflagged_heartbeat`` says whether a config without ``connect_heartbeat`` means that there is one,
    ``repr_quoted_errors`` whether the texts of errors come in Python's quotes.
    """

    protocol: str
    since: tuple[int, ...]
    join_route: str = "/queue/join"
    stream_route: str = "/queue/data"
    direct_route: str = "/run/predict"
    upload_route: str = "/upload"
    info_route: str = "/info"
    heartbeat_route: str = "/heartbeat/"
    cancel_route: str = "/cancel"
    completes_cancelled: bool = True
    unflagged_heartbeat: bool = False
    repr_quoted_errors: bool = False


# Newest first, within each protocol. Where a field came or went: Gradio's routes.py and queueing.py at the tags named.
DIALECTS: tuple[Dialect, ...] = (
    Dialect(protocol="sse_v3", since=(5, 2)),
    # The text of a gr.Error was quoted until 5.2.0 gave it a title.
    Dialect(protocol="sse_v3", since=(4, 31), repr_quoted_errors=True),
    # /cancel came with 4.31.0; before it, /reset stops an event and says nothing more about it.
    Dialect(
        protocol="sse_v3",
        since=(4, 29),
        cancel_route="/reset",
        completes_cancelled=False,
        repr_quoted_errors=True,
    ),
    # /heartbeat came with 4.25.0, the flag that asks for it with 4.29.0.
    Dialect(
        protocol="sse_v3",
        since=(4, 25),
        cancel_route="/reset",
        completes_cancelled=False,
        unflagged_heartbeat=True,
        repr_quoted_errors=True,
    ),
    Dialect(
        protocol="sse_v3",
        since=(4, 22),
        cancel_route="/reset",
        completes_cancelled=False,
        repr_quoted_errors=True,
    ),
)


def parse_version(version: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version: ``"5.0.0-beta.1"`` gives ``(5, 0, 0)``; no number gives ``()``."""
    match = re.match(r"\s*v?(\d{1,9}(?:\.\d{1,9}){0,3})", version, re.ASCII)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def choose_dialect(config: Config, url: str) -> Dialect:
    """Return the record for the app's generation; raise `UnsupportedServerError` if there is none."""
    version = parse_version(config.version)
    for dialect in DIALECTS:
        # A version that cannot be read is taken for the newest: forks and nightly builds name themselves as they like.
        if dialect.protocol == config.protocol and (not version or version >= dialect.since):
            return dialect
    supported = sorted({dialect.protocol for dialect in DIALECTS})
    raise UnsupportedServerError(
        f"the app at {url} speaks protocol {config.protocol[:80]!r} (Gradio {config.version[:80]!r}), "
        f"which is not supported; supported: {', '.join(supported)}"
    )
