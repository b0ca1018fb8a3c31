"""What differs between Gradio's protocol generations, as data.

Each record says how one range of versions wants to be spoken to. `choose_dialect` is the only place that looks at the
version.
"""

from __future__ import annotations

import re
from typing import Literal

from ._config import Config
from ._errors import UnsupportedServerError
from ._files import PayloadStyle
from ._record import record, replace

__all__ = ["DIALECTS", "Dialect", "Queue", "Route", "choose_dialect", "parse_version"]

Queue = Literal["stream", "own stream", "websocket", "polling"]
"""How the server tells of what is queued: one event stream for all jobs of a session hash, one for each job, a
WebSocket for each job, or not at all, so that it has to be asked."""

Route = Literal["queue", "call", "direct"]
"""How jobs get to the server: through its queue with everything that it tells, through its simple ``/call`` API, or
past the queue in one round trip."""


@record(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one range of Gradio versions speaks.

    ``protocol`` and ``since`` choose the record: the config's ``protocol`` (before 4.0, where it names none, ``v2`` for
    an app of one function and ``ws`` for the others) and the first version it is for. Routes are below the app's API
    prefix; an empty one is not there. ``stream_route`` gives the messages of a session hash or, with a queue that is
    polled, the status; ``data_route`` takes the data where it is asked for on an own stream.

    ``hash_first``: the client speaks first on the WebSocket. ``beats``: an event stream is never silent for long.
    ``diffs``: outputs after the first come as edits. ``announces_close``: ``close_stream`` comes before the end of the
    stream.

    ``cancel_route`` takes the session hash, the function index and the event id; ``completes_cancelled`` says whether
    the server then ends the event itself, so that the stream can end too. ``cancels_queued``: it also takes an event
    out of the queue; otherwise only leaving the stream does, where ``notices_leaving``. ``stops_when_left``: a
    generator does not go on when its WebSocket is closed.

    ``input_route`` takes more inputs for a job that runs.

    ``batch_in_queue``: the queue runs functions that take batches, and rightly. ``unflagged_heartbeat``: a config
    without ``connect_heartbeat`` means that there is one. ``repr_quoted_errors``: the texts of errors come in Python's
    quotes. ``none_for_hidden``: an error that the app hides may come as the text ``None``. ``plain_crashes``: what a
    function raised may come as a plain 500. ``pushes_state``: the polled queue takes a session hash.
    """

    protocol: str
    since: tuple[int, ...]
    payload: PayloadStyle = "meta"
    queue: Queue = "stream"
    join_route: str = "/queue/join"
    stream_route: str = "/queue/data"
    data_route: str = ""
    direct_route: str = "/run/predict"
    call_route: str = "/call/"
    input_route: str = ""
    upload_route: str = "/upload"
    info_route: str = "/info"
    heartbeat_route: str = "/heartbeat/"
    app_id_route: str = "/app_id"
    cancel_route: str = "/cancel"
    hash_first: bool = False
    beats: bool = True
    diffs: bool = True
    announces_close: bool = True
    completes_cancelled: bool = True
    cancels_queued: bool = True
    notices_leaving: bool = True
    stops_when_left: bool = True
    batch_in_queue: bool = True
    unflagged_heartbeat: bool = False
    repr_quoted_errors: bool = False
    none_for_hidden: bool = False
    plain_crashes: bool = False
    pushes_state: bool = True


def _history() -> tuple[Dialect, ...]:
    """Go back through the versions, each record from the one after it. Source: Gradio's routes.py and queueing.py."""
    newest = Dialect(protocol="sse_v3", since=(6, 14), input_route="/stream/")
    # /cancel said that a queued event was cancelled, and ran it nevertheless.
    v5_2 = replace(newest, since=(5, 2), cancels_queued=False)
    # The text of a gr.Error was quoted until 5.2.0 gave it a title.
    v5_0 = replace(v5_2, since=(5, 0), repr_quoted_errors=True)
    v4_31 = replace(v5_0, since=(4, 31), input_route="")
    # /cancel came with 4.31.0; before it, /reset stops a generator and says nothing more about its event.
    v4_29 = replace(v4_31, since=(4, 29), cancel_route="/reset", completes_cancelled=False)
    # /heartbeat came with 4.25.0, the flag that asks for it with 4.29.0.
    v4_25 = replace(v4_29, since=(4, 25), unflagged_heartbeat=True)
    v4_24 = replace(v4_25, since=(4, 24), unflagged_heartbeat=False, heartbeat_route="")
    # From 4.19.2 to 4.23 the server drops nothing when a stream is left: it stumbles before it comes to that.
    v4_22 = replace(v4_24, since=(4, 22), notices_leaving=False)
    # close_stream came with 4.22.0, the mark of file objects with 4.21.0.
    v4_21 = replace(v4_22, protocol="sse_v2.1", since=(4, 21), announces_close=False)
    # Up to 4.20 all events of a batch get the output of the last one.
    v4_20 = replace(v4_21, protocol="sse_v2", since=(4, 20), payload="path", batch_in_queue=False)
    # The simple API came with 4.20.0.
    v4_19_2 = replace(v4_20, since=(4, 19, 2), call_route="")
    v4_17 = replace(v4_19_2, since=(4, 17), notices_leaving=True)
    # Edits came with 4.17.0; up to then an error that the app hides was the text "None" now and then.
    v4_9 = replace(v4_17, protocol="sse_v1", since=(4, 9), diffs=False, none_for_hidden=True)
    # One stream for each event, which the server wants the data for; and a batch function stops the whole queue.
    v4_4 = replace(
        v4_9,
        protocol="sse",
        since=(4, 4),
        queue="own stream",
        stream_route="/queue/join",
        data_route="/queue/data",
    )
    # Heartbeats came only once.
    v4_0 = replace(v4_4, since=(4, 0), beats=False)
    v3_26 = replace(
        v4_0,
        protocol="ws",
        since=(3, 26),
        queue="websocket",
        stream_route="",
        data_route="",
        direct_route="/api/predict/",
        payload="named",
        batch_in_queue=True,
    )
    v3_19 = replace(v3_26, since=(3, 19), info_route="")
    v3_6 = replace(v3_19, since=(3, 6), payload="inline", upload_route="")
    v3_2 = replace(v3_6, since=(3, 2), stops_when_left=False)
    # 3.2 would take the hash for the data (seen on a real 3.1.7 and 3.2).
    v3_1_5 = replace(v3_2, since=(3, 1, 5), hash_first=True)
    # No messages at all: a queue in a file, which is asked about each job.
    v3_0 = replace(
        v3_1_5,
        since=(3, 0),
        queue="polling",
        join_route="/api/queue/push/",
        stream_route="/api/queue/status/",
        hash_first=False,
        repr_quoted_errors=False,
        plain_crashes=True,
    )
    v2 = replace(v3_0, protocol="v2", since=(), pushes_state=False)
    return (
        *(newest, v5_2, v5_0, v4_31, v4_29, v4_25, v4_24, v4_22, v4_21, v4_20, v4_19_2, v4_17, v4_9, v4_4, v4_0),
        *(v3_26, v3_19, v3_6, v3_2, v3_1_5, v3_0, v2),
    )


# Newest first.
DIALECTS: tuple[Dialect, ...] = _history()


def parse_version(version: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version: ``"5.0.0-beta.1"`` gives ``(5, 0, 0)``; no number gives ``()``."""
    match = re.match(r"\s*v?(\d{1,9}(?:\.\d{1,9}){0,3})", version, re.ASCII)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def choose_dialect(config: Config, url: str) -> Dialect:
    """Return the record for the app's generation; raise `UnsupportedServerError` if there is none."""
    version = parse_version(config.version)
    protocol = config.protocol or ("v2" if "dependencies" not in config.raw else "ws")
    for dialect in DIALECTS:
        # A version that cannot be read is taken for the newest: forks and nightly builds name themselves as they like.
        if dialect.protocol == protocol and (not version or version >= dialect.since):
            return dialect
    supported = dict.fromkeys(dialect.protocol for dialect in reversed(DIALECTS))
    named = f"speaks protocol {config.protocol[:80]!r}" if config.protocol else "names no protocol"
    raise UnsupportedServerError(
        f"the app at {url} {named} (Gradio {config.version[:80]!r}), "
        f"which is not supported; supported: {', '.join(supported)}"
    )
