"""What the fake server does otherwise than the Gradio that it plays: the table of known deviations.

``spec/render_deviations.py`` writes it as a page for users, so it says everything in their words. A deviation holds
exactly in the versions that it names: in one where it explains nothing, the drift test fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradproto_fake_server._versions import covers, parse

__all__ = ["BESIDES", "DEVIATIONS", "LIMITS", "Deviation"]


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One thing that differs: in these versions, in cases and places that two patterns find."""

    id: str
    versions: str
    """Spans as in the tables of the fake's versions: ``"3.19..4.0 5.0.."``."""
    cases: str
    where: str
    what: str
    """What the fake does, and what the real server does."""
    harm: str
    """Why that does no harm, or what to watch for."""

    def concerns(self, version: str) -> bool:
        """Whether it says anything of a version."""
        return covers(self.versions, parse(version))

    def explains(self, version: str, case: str, where: str) -> bool:
        """Whether it explains a difference."""
        found = re.search(self.cases, case) and re.search(self.where, where)
        return self.concerns(version) and found is not None


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        id="Page of login",
        versions="..3.32.0",
        cases=r"^page before login$",
        where=r"^config( [(]order[)]|[.]is_space)$",
        what="The config in the page before a login says `is_space` and has its keys in another order.",
        harm="Clients look for `auth_required` alone.",
    ),
    Deviation(
        id="Refusals of the old file route",
        versions="3.39.0..3.50.2",
        cases=r"^GET ~/file=",
        where=r"^(status|body[.]json[.]detail)$",
        what=(
            "A path outside of the app at which there is nothing is refused with 403, as any path there; the real one "
            "says with 404 that there is nothing."
        ),
        harm="The fake does not look at what its machine has; it is refused in any case.",
    ),
    Deviation(
        id="Uploads that are no forms",
        versions="4.0.2..4.44.1",
        cases=r"^POST ~/upload ",
        where=r".*",
        what=(
            "An upload that is not a form, or has no file, is refused with the status and the words of newer versions."
        ),
        harm="Clients send forms with files in them.",
    ),
    Deviation(
        id="Large uploads",
        versions="4.31.5..5.43.1",
        cases=r"^file over the limit$",
        where=r"^1001",
        what=(
            "A file of one byte more than allowed is refused; the real one counts by pieces, so that small ones pass."
        ),
        harm="Larger files are refused by both.",
    ),
    Deviation(
        id="Missing fields of old queues",
        versions="..3.4.1 4.0.2..4.12.0",
        cases=r"^(POST /api/queue/push|GET ~/queue/join)",
        where=r"^body\.json\.detail",
        what="Of several fields that are missing, more or fewer are named.",
        harm="The status is the same.",
    ),
    Deviation(
        id="Data that are no list",
        versions="3.0.24..3.16.2",
        cases=r'^POST ~/api/predict \{"data":"hi"\}',
        where=r"^(status|body)",
        what="Data that are a text are refused; the real one takes each letter for an argument, or crashes.",
        harm="Clients send lists.",
    ),
    Deviation(
        id="Functions that do not exist",
        versions="3.0.24..3.16.2",
        cases=r'^POST ~/api/predict .*"fn_index":(999|-1)',
        where=r"^(headers[.]content-(length|type)|body)$",
        what=("A function index that does not exist crashes the route, or is an error; the real one does the other."),
        harm="Both are a 500.",
    ),
    Deviation(
        id="Errors of a polled queue",
        versions="..3.4.1",
        cases=r"^call ",
        where=r"^last\.body\.json\.data$",
        what=(
            "The text of an error is told; the real one says `Internal Server Error` unless it was launched "
            "with `show_error`."
        ),
        harm="Launch with `show_error`, or do not rely on the words.",
    ),
    Deviation(
        id="Numbers of Gradio 2",
        versions="..3.0.24",
        cases=r"^call add",
        where=r"^last\.body\.json\.",
        what=(
            "A number keeps its form, and a text in its place passes; the real one makes every number a "
            "float, and fails with a text."
        ),
        harm="Send numbers; compare 3 and 3.0 as equal.",
    ),
    Deviation(
        id="Late errors that are lost",
        versions="3.4.1..3.16.2",
        cases=r"^call (fail|break)_late",
        where=r"^messages\.",
        what="A generator that fails after an output fails; the real one takes the last output for its end.",
        harm="The fake shows more than the real one.",
    ),
    Deviation(
        id="Files that nobody uploaded",
        versions="4.0.2..4.19.2 5.0.2..5.29.0",
        cases=r"^call upper .*/etc/passwd",
        where=r"^stream\.",
        what=(
            "A file of the server that was never uploaded is refused; the real one reads and returns it, "
            "which was a hole in its security."
        ),
        harm="The fake is the stricter one.",
    ),
    Deviation(
        id="Names of produced files",
        versions="..3.32.0",
        cases=r"^(a produced file comes down|file inline)$",
        where=r"\.name$",
        what="A file lies in a directory of its own; the real one puts something random into its name.",
        harm="Take the original name where there is one.",
    ),
    Deviation(
        id="A file that is nothing but signs",
        versions="5.0.2..6.13.0",
        cases=r"^file \$!`\.txt$",
        where=r"^call[.]stream[.]events[.]2[.]",
        what=(
            "A name of nothing but signs before its extension is a name; the real function fails, for the "
            "extension becomes the name."
        ),
        harm="Nobody gives such names.",
    ),
    Deviation(
        id="Echoes of a range",
        versions="3.32.0..",
        cases=r"^(downloads|ranges beyond the end)$",
        where=r"\.headers\.(accept-encoding|host|range)$",
        what="The answer to a range has no headers of the request in it, which the real one sends back.",
        harm="No client reads them.",
    ),
    Deviation(
        id="Words of missing values",
        versions="3.32.0..",
        cases=r"^shown error echo",
        where=r"^body\.json\.error$",
        what=(
            "The error of too few values stops after its first sentence; the real one goes on with advice to "
            "the app's author."
        ),
        harm="The first sentence is the same.",
    ),
    Deviation(
        id="Errors of the app that is guarded",
        versions="3.4.1..3.16.2",
        cases=r"^shown error",
        where=r"^body\.json\.error$",
        what="The error of a direct call with too little in it has other words.",
        harm="The status is the same.",
    ),
    Deviation(
        id="Documentation of parameters",
        versions="3.0.24..3.16.2",
        cases=r"^(config|config after login|page)$",
        where=r"documentation",
        what="Endpoints have no `documentation` of their parameters.",
        harm="Clients of that time do not read it.",
    ),
    Deviation(
        id="Chat messages of 5.0",
        versions="5.0.2..5.29.0",
        cases=r"^(config|info|info of all|call chat.*|simple call by name)$",
        where=r"([$]defs|/chat[.]|metadata|options|example_inputs[.][0-9]|output[.]data)",
        what="A message of a conversation has `options`, and `metadata` of any form, as from 5.29 on.",
        harm="Read the role and the content.",
    ),
    Deviation(
        id="Empty passwords",
        versions="5.0.2..5.29.0",
        cases=r"^POST /login .*password= outside$",
        where=r"^(status|body)",
        what="A login with an empty password is refused as one without; the real one says that it is wrong.",
        harm="It is refused in either case.",
    ),
    Deviation(
        id="Example of a file",
        versions="3.32.0..4.0.2",
        cases=r"^config$",
        where=r"example_inputs\.raw\.data\.data$",
        what="The example of a file is a short one.",
        harm="It is an example.",
    ),
    Deviation(
        id="Config of Gradio 2",
        versions="..3.0.24",
        cases=r"^(config|config after login|page)$",
        where=r"(input_components|layout|body\.json \(order\)|^config \(order\)|output_components)",
        what="The config of Gradio 2 has its keys in another order, and says less of each component.",
        harm="Clients read the kinds, the labels and the order of the components.",
    ),
    Deviation(
        id="Order of keys in an old page",
        versions="3.0.24..3.16.2",
        cases=r"^page$",
        where=r"\(order\)$",
        what="The config in the page has its keys in the order of `/config`; the real one sorts them.",
        harm="The order of keys says nothing.",
    ),
    Deviation(
        id="Refused handshakes",
        versions="3.4.1..4.0.2",
        cases=r"^socket from outside$",
        where=r"^handshake[.](status|headers[.](connection|content-length|server))$",
        what=(
            "A WebSocket without a login is refused with 403 and the headers of any answer; the real one has "
            "fewer headers, and crashes in 3.4."
        ),
        harm="It is refused in any case.",
    ),
)
"""They are looked at in this order: the first that fits explains a difference."""

LIMITS: tuple[str, ...] = (
    (
        "There is no page for the browser: `/` has the config that clients look for in its HTML, and "
        "nothing else. So there is no server-side rendering, no theme and no static file: no `/static`, `/assets`, "
        "`/svelte`, `/favicon.ico`, `/manifest.json`, `/pwa_icon` and `/custom_component`."
    ),
    "The descriptions in `/openapi.json` have words of their own, and an app in which it is mounted has no `/docs`.",
    (
        "Components do what clients see of them: they check and convert what comes in. None is drawn, "
        "and those that the package has no function for are JSON."
    ),
    (
        "A function's code does not run in threads or processes: it says when it waits. Times are those "
        "of a clock that a test may move."
    ),
    (
        "There are no share links, no analytics, no reloading (`/dev/reload`), no MCP server (`/mcp`) and no ZeroGPU; "
        "no deep links (`/gradio_api/deep_link`), no history of runs (`/runs`, `/run-history/*`), no profiling "
        "(`/profiling/*`), no `/vibe-*` and no `/process_recording`; nor the dashboard behind a monitoring key."
    ),
    (
        "Frames for a streaming input come by POST alone: there is no WebSocket `/stream`, which Gradio 5 has "
        "beside it. Of Gradio 2 there are no `GET /api`, `/api/flag` and `/api/interpret`."
    ),
    (
        "How many events run at once (`concurrency_count` of Gradio 3) is limited only where it is said, and the "
        "worker threads of all of them together not at all."
    ),
)
"""What the fake is not meant to be."""

BESIDES: tuple[str, ...] = (
    (
        "Before 6.31 a range of `0-0`, or one beyond the end, announces one byte too many, and the connection hangs; "
        "the fake's answer has as many bytes as it says."
    ),
    "Gradio 4.0.2 serves `<upload>/../../secret.txt`; the fake does not, whatever its version.",
    "Before 4.0 Gradio serves the files where the app was started; the fake has no such directory.",
    "A very long path crashes Gradio 5.0.2, and `/proxy=` crashes 3.32; the fake refuses both.",
    "An app that is mounted has no login before some 4.20; the fake's has.",
    "The streams of heartbeats stay open when the fake is told to stop.",
    "What Gradio 4.10 to 6.10 says over and over when it stops, the fake says a hundred times.",
)
"""What is known to differ where no case of the test looks, or must not look, for the real server would hang."""
