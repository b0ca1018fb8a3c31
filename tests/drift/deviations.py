"""What the fake server does otherwise than the Gradio that it plays: the table of known deviations.

``spec/render_deviations.py`` writes it as a page for users, so it says everything in their words. A deviation holds
exactly in the versions that it names: in one where it explains nothing, the drift test fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradproto_fake_server._versions import covers, parse

__all__ = ["DEVIATIONS", "LIMITS", "Deviation"]


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
        id="CORS headers of some versions",
        versions="4.19.2..4.25.0",
        cases=r".*",
        where=r"headers\.access-control-allow-(headers|methods)$",
        what=("The real one has `Access-Control-Allow-Headers` and `-Methods` on each answer; the fake has not."),
        harm="It matters to browsers alone.",
    ),
    Deviation(
        id="Words of login redirects",
        versions="..5.29.0",
        cases=r"^(POST /login|GET /logout|login and logout)",
        where=r"location$",
        what=(
            "A login or a logout is answered with a redirection to the app's whole address, where the real "
            "one says only `/`."
        ),
        harm="Every client resolves both to the same page.",
    ),
    Deviation(
        id="Failed logins of the oldest",
        versions="..3.16.2",
        cases=r"^POST /login username=a&password=b$",
        where=r".*",
        what=("A login to an app that has none is answered with a redirection; the real one crashes with a 500."),
        harm="No client logs in where nobody asked it to.",
    ),
    Deviation(
        id="A second form of login",
        versions="3.50.2..4.0.2",
        cases=r"^login and logout$",
        where=r"^as multipart",
        what="A user name with spaces around it is not known; the real 3.50 takes it.",
        harm="Log in with the name as it is.",
    ),
    Deviation(
        id="Page of login",
        versions="..3.32.0",
        cases=r"^page before login$",
        where=r".*",
        what="The config in the page before a login says `is_space` and has its keys in another order.",
        harm="Clients look for `auth_required` alone.",
    ),
    Deviation(
        id="app_id before it came",
        versions="3.0.24..3.16.2",
        cases=r"^GET ~/app_id",
        where=r"^(status|body|headers\.content)",
        what="`/app_id` is not found; the real one crashes.",
        harm="Nobody asks for it: it came with Gradio 3.42.",
    ),
    Deviation(
        id="CORS of other origins",
        versions="..4.25.0",
        cases=r"^GET ~/app_id \(http",
        where=r"access-control",
        what=(
            "A page of another origin is refused by the rules of Gradio 4.44 and later; the older ones let "
            "every origin in."
        ),
        harm="It matters to browsers alone, and the fake is the stricter one.",
    ),
    Deviation(
        id="Redirect of a slash",
        versions="3.4.1..4.0.2",
        cases=r"^GET ~/queue/join/$",
        where=r".*",
        what="A path with a slash too many is redirected; the real one does not find it.",
        harm="No client asks for it.",
    ),
    Deviation(
        id="HEAD of the old file route",
        versions="3.4.1..3.32.0",
        cases=r"^HEAD ~/file=",
        where=r".*",
        what="`HEAD` of a file that is refused crashes as `GET` does; the real one knows no `HEAD` there.",
        harm="Clients use `GET`.",
    ),
    Deviation(
        id="Refusals of the old file route",
        versions="..3.0.24 3.32.0..4.0.2",
        cases=r"^GET ~/file[=/]",
        where=r".*",
        what=(
            "A file that is not allowed is refused in other words, or with 403 where the real one says 404 "
            "(or the other way round)."
        ),
        harm="It is refused in any case.",
    ),
    Deviation(
        id="Uploads that are no forms",
        versions="3.32.0..4.44.1",
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
        id="Broken JSON of old ones",
        versions="3.0.24..3.50.2",
        cases=r"^POST .*\{bad",
        where=r"^body\.json\.detail",
        what="What is no JSON is refused in the words of newer versions.",
        harm="The status is the same.",
    ),
    Deviation(
        id="Empty bodies",
        versions="4.19.2..5.43.1",
        cases=r"^POST ~/queue/join null",
        where=r"^body\.json\.detail",
        what="A body of `null` is refused in the words of other versions.",
        harm="The status is the same.",
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
        where=r".*",
        what="Data that are a text are refused; the real one takes each letter for an argument, or crashes.",
        harm="Clients send lists.",
    ),
    Deviation(
        id="Functions that do not exist",
        versions="3.0.24..3.16.2",
        cases=r'^POST ~/api/predict .*"fn_index":(999|-1)',
        where=r".*",
        what=("A function index that does not exist crashes the route, or is an error; the real one does the other."),
        harm="Both are a 500.",
    ),
    Deviation(
        id="Startup events of one version",
        versions="3.4.1..3.16.2",
        cases=r"^GET ~/startup-events",
        where=r".*",
        what=("`/startup-events` says false, and to strangers too; the real one says true, and nothing to strangers."),
        harm="Only the page in the browser asks.",
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
        versions="4.0.2..4.12.0 5.0.2..5.29.0",
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
        where=r".*",
        what=(
            "A name of nothing but signs before its extension is a name; the real function fails, for the "
            "extension becomes the name."
        ),
        harm="Nobody gives such names.",
    ),
    Deviation(
        id="Several ranges",
        versions="3.32.0..",
        cases=r"^downloads$",
        where=r"^bytes=1-2,4-5",
        what="Several ranges at once get the whole file; the real one crashes.",
        harm="No client asks for them.",
    ),
    Deviation(
        id="What is no range",
        versions="5.0.2..",
        cases=r"^downloads$",
        where=r"^x\.",
        what="A `Range` that is none is ignored; the real one refuses it with 400.",
        harm="No client sends one.",
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
        id="Progress of one version",
        versions="3.39.0..3.50.2",
        cases=r"^(config|config after login|page)$",
        where=r"show_progress$",
        what="The config says of the progress `true`, as the older ones; the real one says `full`.",
        harm="Only the page in the browser reads it.",
    ),
    Deviation(
        id="Unlisted endpoints",
        versions="4.19.2..4.31.5",
        cases=r"^info of all$",
        where=r"/quiet$",
        what="An endpoint that is not to be listed is in the `/info` of all endpoints, as from 4.31 on.",
        harm="Ask for `/info` alone.",
    ),
    Deviation(
        id="Cookies after a logout",
        versions="4.21.0..4.25.0",
        cases=r"^(GET /logout|login and logout)$",
        where=r"set-cookie$",
        what="A logout takes the cookies back; the real one leaves them.",
        harm="The login is over in either case.",
    ),
    Deviation(
        id="Words of refused joins",
        versions="4.19.2..4.21.0",
        cases=r"^POST ~/queue/join .*batched",
        where=r"^body",
        what="A join with values of wrong types is refused for another of them first.",
        harm="The status is the same.",
    ),
    Deviation(
        id="Empty passwords",
        versions="5.0.2..5.29.0",
        cases=r"^POST /login .*password= outside$",
        where=r".*",
        what="A login with an empty password is refused as one without; the real one says that it is wrong.",
        harm="It is refused in either case.",
    ),
    Deviation(
        id="Names of files in 6.13",
        versions="6.13.0..6.31.0",
        cases=r"^file (CON|x)",
        where=r"(path|url|orig_name|^upload[.]body)",
        what="The name of a device gets an underscore, and dots at a name's end are dropped, as in 6.31.",
        harm="Nobody gives such names.",
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
        id="Empty texts",
        versions="3.0.24..4.25.0 5.0.2..5.29.0",
        cases=r"^config$",
        where=r"props\.value$",
        what='A text that was given no value has none; the real one says `""`.',
        harm="An empty text and none are the same to a client.",
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
        where=r".*",
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
        "nothing else. So there is no server-side rendering, and no theme, no style sheet and no static "
        "file."
    ),
    (
        "Components do what clients see of them: they check and convert what comes in. None is drawn, "
        "and those that the package has no function for are JSON."
    ),
    (
        "A function's code does not run in threads or processes: it says when it waits. Times are those "
        "of a clock that a test may move."
    ),
    "There are no share links, no analytics, no reloading, no MCP server and no ZeroGPU.",
)
"""What the fake is not meant to be."""
