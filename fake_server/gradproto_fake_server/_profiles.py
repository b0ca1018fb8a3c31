"""What differs from one Gradio to the next, as one record for each version.

The server's code asks the profile; it never compares version numbers. The tables are in :mod:`._versions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import _versions as tables
from ._cors import Cors

__all__ = ["OLDEST", "FilePayload", "Profile", "nearest_profile", "profile_for"]

OLDEST = "2.8.0"
"""Before it Gradio was another web server, with which nobody here has spoken."""

_NEWEST = (6, 31, 0)

FilePayload = Literal["inline", "named", "path", "meta"]
"""How a file comes in: ``inline`` base64, ``named`` after an upload or inline, by ``path``, or with a ``meta`` too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The facts of one Gradio version that the fake server needs."""

    version: str
    shown_version: str
    """As the config says it."""
    protocol: str | None
    api_prefix: str
    routes: frozenset[str]
    """Which routes there are, by their names in the table."""
    one_function: bool
    """Whether the app is one Interface, with one function that has no name and no index."""

    messages: Mapping[str, tuple[str, ...]]
    """The fields of each message of the queue, in order; ``output`` stands for :attr:`output_fields`."""
    output_fields: tuple[str, ...]
    """The fields of a successful output, in order."""
    status_fields: tuple[str, ...]
    """What ``/queue/status`` says, in order."""
    message_style: Literal["compact", "escaped", "spaced"]
    r"""How the JSON of the messages is written: as short as can be, with ``\u`` escapes, or with spaces too."""
    edits: bool
    """Whether the outputs of a generator after the first are sent as edits."""
    moved_deletions: bool
    """Whether deletions in a list count those before them; else all have their places in the old list."""
    whole_json: bool
    """Whether a JSON component's outputs replace one another as a whole."""
    repeats_last_output: bool
    """Whether a generator's end is its last output once more, ``is_generating`` included."""
    generators: bool
    """Whether a function may have more outputs than one."""
    batches: Literal["absent", "apart", "broken", "mixed"]
    """How events that wait together are called as one: not at all, each with its part; the queue breaks down; or all of
    them get the last one's part."""
    stream_closing: Literal["waits", "calls", "at once"]
    """What a streaming input does that is closed: without a time limit it waits for frames as before, the function is
    called once more, or it ends."""
    knows_ended_streams: bool
    """Whether a frame for an event that is over is taken; else it is for nobody."""
    unknown_stream_crashes: bool
    """Whether a frame for an event that there never was crashes the route; else it is not found."""
    render_pages: bool
    """Whether what was rendered is told page by page too."""
    validators: bool
    """Whether endpoints can have validators."""
    queue_has_limit: bool
    """Whether the queue can be full."""
    whole_numbers_are_floats: bool
    """Whether a number component makes ``3`` into ``3.0``."""

    app_error_fields: tuple[str, ...]
    """What a failure with a message for the user has."""
    stranger_error_fields: tuple[str, ...]
    """What any other failure has."""
    quoted_errors: bool
    """Whether the message of a ``gr.Error`` comes in Python's quotes."""
    hidden_generator_error: str | None
    """The error of a generator whose text is not to be shown."""
    short_input_message: bool
    """Whether too few values are an IndexError and nothing better."""
    crash_text: str
    """The body of a response that an exception has become; ``{}`` is where the exception goes."""
    null_is_no_body: bool
    """Whether a body of ``null`` is refused as if there were none."""
    untyped_json: bool
    """Whether a body without a content type is taken for JSON."""
    old_refusals: bool
    """Whether a body is refused in the words of pydantic 1."""

    socket_opening: Literal["hash", "data", "send_hash"]
    """Who begins on the WebSocket: the client with a hash, the server with the queue, the server asking for a hash."""
    socket_hash_wait: float | None
    """Seconds for which the server waits for the hash; ``None`` for ever."""
    socket_without_queue: Literal["crash", "silence"]
    """What a WebSocket meets in an app that has no queue."""
    stays_open: bool
    """Whether the server leaves the closing of the WebSocket to the client."""
    data_wait: float
    """Seconds for which the server waits for the data that it has asked for."""
    late_data_error: str | None
    """How an event ends whose data did not come; ``None`` without a word."""
    polling_interval: float = 1.0
    """Seconds after which the worker of the polling queue looks again."""
    queue_keeps_session: bool
    """Whether a pushed event knows its session."""

    stopping: Literal["goes on", "floods", "once"]
    """What a stream does whose server stops: as if nothing were, say it over and over, or once and then nothing."""
    session_lost: str
    """What the stream of an unknown session says."""
    no_session_hash: str
    """The detail of a join without a session hash."""
    empty_session_hash: bool
    """Whether an empty session hash will do."""
    negative_indices: bool
    """Whether ``fn_index`` -1 is the last endpoint."""
    survives_disconnect: bool
    """Whether a session's events go on when its stream breaks."""
    cancel_endpoints: Literal["absent", "close", "silence", "complete", "no backend"]
    """What a call of an endpoint that cancels others does to their events: their streams close, nothing more is said,
    they are completed, or nothing at all, for the endpoint is the browser's."""
    cancel_name: str | bool | None
    """What the config calls such an endpoint."""
    cancel_takes_out: bool
    """Whether ``/cancel`` removes an event that waits."""
    reset_works: bool
    """Whether ``/reset`` stops a generator; else it only says so."""
    own_session_calls: bool
    """Whether a call by ``/call`` may name its session, and leave out the States."""
    call_errors: bool
    """Whether the stream of ``/call`` says why a call failed."""
    direct_urls_lose_mount: bool
    """Whether the address of a file from a direct call lacks the path where the app is mounted."""
    short_call_urls: bool
    """Whether the address of a file in a ``/call`` lacks the last digits of the port."""
    api_closed: Literal["401", "not found", "explained"]
    """What a queued endpoint answers to a direct call that is not allowed."""
    first_by_default: bool
    """Whether a call without an index is for the first endpoint, whatever name it has in its path."""
    unknown_name_is_error: bool
    """Whether an unknown endpoint is an error in words; else the route crashes."""
    shared_anonymous_state: bool
    """Whether callers without a session have one State between them."""

    cors: Cors
    """Which pages in a browser may read the answers."""
    root: Literal["path", "absolute"]
    """What the config's ``root`` is."""
    root_urls: bool
    """Whether a root path may be a whole URL, and stands in the place of what the request says."""
    root_path_is_served: bool
    """Whether the app answers with its root path before its own paths too."""
    knows_root_path: bool
    mounts: bool
    """Whether an app can be mounted in another application."""
    forwarded_host: Literal["ignored", "cut", "whole", "first"]
    """What the root knows of ``x-forwarded-host``: nothing, all but as many characters as the route has, all, or the
    first of several."""
    server_header: bool
    """Whether the root knows ``x-gradio-server``."""
    direct_url: bool
    """Whether the root is ``x-direct-url`` if there is no root path."""
    mount_path_is_known: bool
    """Whether the root has the path where the app is mounted, behind a forwarded host too."""
    private_name: Literal["null", "false", "named"]
    """How the config names an endpoint that is not for clients."""
    private_in_info: bool
    """Whether such an endpoint is described all the same, under its index."""
    queue_default: bool | None
    """What an endpoint says of the queue if it is queued."""
    named_progress: bool
    """Whether it says how much of the progress is shown, and not only that it is."""
    state_kind: str
    """What a State is called."""
    old_api_info: bool
    """Whether descriptions of values have a serializer."""
    described_files: bool
    """Whether the schema of a file says in words what it is."""
    open_objects: bool
    """Whether schemas say what objects may have besides."""
    chat_messages: bool
    """Whether a chatbot's conversation is a list of messages with roles."""
    chat_parts: bool
    """Whether the content of such a message is a list of texts, files and components, and not one of them."""
    integers: bool
    """Whether a number without decimals is described as an integer."""
    state_shown: bool
    """Whether the config has the first value of a State."""
    empty_texts: bool
    """Whether the config says of a text that was given no value that it is empty."""
    checks_choices: bool
    """Whether a choice must be one of those that there are."""
    typed_choices: bool
    """Whether the refusal of a radio's choice says of what type it is."""
    first_choice: bool
    """Whether the first of several choices is chosen where none was."""
    named_choices: bool
    """Whether each choice has a name and a value."""
    quoted_choices: bool
    """Whether the choices have quotes in the type's words."""
    json_in_words: bool
    """Whether the type of JSON says what JSON is, and not ``Dict``."""
    old_file_words: str
    """What a file's path is in the words of Gradio 3."""
    config_keys: frozenset[str]
    config_moves: tuple[tuple[str, str], ...]
    """Which of its fields stand before which other, unlike in the newest Gradio."""
    dependency_keys: frozenset[str]
    component_keys: frozenset[str]
    value_keys: frozenset[str]
    info_keys: frozenset[str]
    parameter_keys: frozenset[str]
    return_keys: frozenset[str]
    dependency_types: frozenset[str]
    pages_before_login: bool
    """Whether the page before a login has pages and components, none of them; else only where it is."""
    page_visibility: bool
    """Whether a page of the app says whether it is to be seen."""
    info_in_page: bool

    login_redirects: bool
    """Whether a login answers with a redirection; else with JSON."""
    token_cookies: tuple[str, ...]
    """The names of the cookies of a login; ``{}`` is where the app's own id goes."""
    strips_username: bool
    home_is_root: bool
    """Whether who comes or goes without a login is sent to the root; else to ``/``."""
    open_app_crashes: bool
    """Whether routes that have to do with logins crash in an app without any, and that of the app's id in every app."""
    logout_removes_cookies: bool
    one_session_logout: bool
    """Whether a logout may be for one session."""
    monitoring_prefix: str
    """What stands before the paths for monitoring."""
    startup_is_guarded: bool
    """Whether what starts the queue needs a login, and starts it each time."""
    progress_is_guarded: bool
    """Whether the progress of uploads and the numbers for monitoring need a login."""
    component_server: Literal["crash", "strict", "loose"]
    """What there is at ``/component_server``: a crash, a check of the body first, or one of its fields' names only."""
    file_heads: bool
    """Whether files can be asked for their headers alone."""
    detailed_refusal: bool
    """Whether the answer to those who are not logged in is an object."""

    file_payload: FilePayload
    meta_required: bool
    file_fields: tuple[str, ...]
    """The fields of a file among the outputs, in order."""
    file_urls: bool
    """Whether they say the file's address."""
    quoted_file_urls: bool
    """Whether the addresses of files are quoted."""
    quoted_etags: bool
    open_ranges: bool
    """Whether a range without an end is obeyed."""
    long_suffixes: bool
    """Whether a range may ask for more last bytes than there are."""
    guards_browsers: bool
    """Whether a browser is told to show what cannot run scripts, and to save anything else."""
    inline_types: frozenset[str]
    """What a browser may show."""
    upload_names: Literal["letters", "stem", "harmless", "safe"]
    """What is left of the name of an upload: its letters, digits and a few others, the same but for its extension, all
    that harms nobody, or that and no name that means something to Windows."""
    refuses_parent: bool
    """Whether an upload called ``..`` is refused; else the route crashes."""
    file_refusal: Literal["crash", "long", "found", "never found"]
    """How a file is refused: the route crashes, with many words, by whether it is there, or without saying that."""
    file_redirects: bool
    """Whether a URL for a path is answered with a redirection to it."""
    allows_paths: bool
    """Whether an app may allow and block paths."""
    trusts_allowed: bool
    """Whether a browser may show any file that is allowed."""
    follows_links: bool
    """Whether an allowed path may be a link to what is not allowed."""
    serves_own_directory: bool
    """Whether the files are served that are where the app was started; none are here."""
    hides_dotfiles: bool
    refuses_dotdot: bool
    """Whether no path may have ``..`` in it, wherever it leads."""
    unknown_upload: Literal["empty", "404"]
    """What the progress of an upload that is not known is."""
    form_refusals_are_json: bool
    """Whether what is wrong with a form is told as JSON; else as text."""
    stray_files_refused: bool
    """Whether an upload needs a field of the right name."""

    heartbeat_interval: float = 15.0
    """Seconds between two heartbeats of a stream."""
    one_heartbeat: bool
    """Whether a stream has one heartbeat and no more."""
    ping_interval: float = 20.0
    """Seconds between two pings on a WebSocket, and for which the answer may take, as uvicorn has it."""
    close_wait: float = 10.0
    """Seconds for which a closed WebSocket waits for the client to close."""
    keep_alive: float = 5.0
    """Seconds for which uvicorn leaves an idle connection open after a response."""
    upload_progress_wait: float = 3.0
    """Seconds for which ``/upload_progress`` waits for an upload that it does not know yet."""
    state_lifetime: float = 3600.0
    """Seconds for which a State of a session whose heartbeat ended is kept after it was last written."""
    remembered_sessions: int = 2000
    """How many sessions' messages are kept; the oldest idle ones go first."""


_TRACEBACK = 'Traceback (most recent call last):\n  File "routes.py", line 1, in <module>\nKeyError: {}\n'


def profile_for(gradio_version: str) -> Profile:
    """Give the profile of a Gradio version; one that was not looked at is as the one before it.

    Raises ``ValueError`` for a version that this fake server cannot play.
    """
    version = tables.parse(gradio_version)
    if not tables.parse(OLDEST) <= version <= _NEWEST:
        newest = ".".join(map(str, _NEWEST))
        raise ValueError(f"no fake of Gradio {gradio_version!r}: known are {OLDEST} to {newest}")

    return _profile_at(gradio_version, version)


def nearest_profile(gradio_version: str) -> Profile:
    """Give the profile of a Gradio version; one that is newer or older than all is as the newest or the oldest."""
    oldest = tables.parse(OLDEST)
    return _profile_at(gradio_version, min(max(tables.parse(gradio_version), oldest), _NEWEST))


def _profile_at(gradio_version: str, version: tables.Version) -> Profile:
    def since(first: str) -> bool:
        return version >= tables.parse(first)

    def within(span: str) -> bool:
        return tables.covers(span, version)

    messages = {kind: tables.value_at(history, version) for kind, history in tables.MESSAGES.items()}
    return Profile(
        version=gradio_version,
        shown_version=gradio_version + ("\n" if within("3.0..3.36") else ""),
        protocol=tables.value_at(tables.PROTOCOLS, version),
        api_prefix=tables.value_at({"0": "", "5.0": "/gradio_api"}, version),
        routes=tables.find(tables.ROUTES, version),
        one_function=within("..3.0"),
        messages={kind: fields for kind, fields in messages.items() if fields},
        output_fields=tables.value_at(tables.OUTPUT_FIELDS, version),
        status_fields=tables.value_at(tables.STATUS_FIELDS, version),
        message_style=tables.value_at(_MESSAGE_STYLES, version),
        edits=since("4.17"),
        moved_deletions=since("5.29.1"),
        whole_json=since("4.31"),
        repeats_last_output=within("..4.17"),
        generators=since("3.1.5"),
        batches=tables.value_at(_BATCHES, version),
        stream_closing=tables.value_at(_STREAM_CLOSINGS, version),
        knows_ended_streams=within("5.0..6.25"),
        unknown_stream_crashes=within("5.0..6.25"),
        render_pages=since("5.0"),  # 4.44.1 does not
        validators=since("5.45"),
        queue_has_limit=since("3.1.6"),
        whole_numbers_are_floats=within("3.0..4.9"),
        app_error_fields=tables.value_at(tables.APP_ERROR_FIELDS, version),
        stranger_error_fields=tables.value_at({"0": ("error",), "6.0": ("error", "visible")}, version),
        quoted_errors=within("3.1.7..5.2"),
        hidden_generator_error=tables.value_at({"0": None, "3.43": "None", "4.22": None}, version),
        short_input_message=within("..3.32"),
        crash_text=tables.value_at(
            {"0": "Internal Server Error", "5.0": _TRACEBACK, "6.9": "Internal Server Error"}, version
        ),
        null_is_no_body=within("..5.43"),
        untyped_json=within("..5.29"),
        old_refusals=within("..3.50"),
        socket_opening=tables.value_at(_OPENINGS, version),
        socket_hash_wait=tables.value_at({"0": None, "3.20": 5.0}, version),
        socket_without_queue=tables.value_at(_WITHOUT_QUEUE, version),
        stays_open=within("3.1.5..3.2"),
        data_wait=tables.value_at({"0": 60.0, "4.0": 5.0}, version),
        late_data_error=tables.value_at({"0": "Time out uploading data to server", "4.0": None}, version),
        queue_keeps_session=since("3.0"),
        stopping=tables.value_at(_STOPPINGS, version),
        session_lost=tables.value_at({"0": "404: Session not found.", "5.38": "404: Not Found"}, version),
        no_session_hash=tables.value_at({"0": "No session hash provided.", "4.20": "Session hash not found."}, version),
        empty_session_hash=within("..4.20"),
        negative_indices=within("..4.32"),
        survives_disconnect=within("4.19.2..4.24"),
        cancel_endpoints=tables.value_at(_CANCEL_ENDPOINTS, version),
        cancel_name=tables.value_at({"0": None, "4.0": False, "4.12": "cancel", "4.36": "unnamed"}, version),
        cancel_takes_out=since("6.14"),
        reset_works=within("..4.34"),
        own_session_calls=since("6.18"),
        call_errors=since("6.13"),
        direct_urls_lose_mount=since("6.0"),
        short_call_urls=within("4.20..5.23"),
        api_closed=tables.value_at(_API_CLOSED, version),
        first_by_default=within("..3.1.5"),
        unknown_name_is_error=within("..3.50"),
        shared_anonymous_state=within("..3.50"),
        cors=tables.value_at(_CORS, version),
        root=tables.value_at(_ROOTS, version),
        root_urls=within("..4.0 4.21.."),
        root_path_is_served=since("3.50"),
        knows_root_path=since("3.30"),
        mounts=since("3.1"),
        forwarded_host=tables.value_at(_FORWARDED_HOSTS, version),
        server_header=since("6.13"),
        direct_url=within("3.45.2..4.18"),
        mount_path_is_known=since("5.29"),
        private_name=tables.value_at(_PRIVATE_NAMES, version),
        private_in_info=within("..3.36"),
        queue_default=tables.value_at({"0": None, "4.36": True}, version),
        named_progress=since("3.39"),
        state_kind=tables.value_at({"0": "state", "3.0": "variable", "3.4": "state"}, version),
        old_api_info=within("..4.0"),
        described_files=since("5.0"),
        open_objects=since("5.29"),
        chat_messages=since("5.0"),
        chat_parts=since("6.0"),
        integers=since("5.43"),
        state_shown=within("3.50..5.29"),
        empty_texts=within("3.0..4.25"),
        checks_choices=since("5.0"),
        typed_choices=since("5.29"),
        first_choice=since("5.29"),
        named_choices=since("3.50"),
        quoted_choices=since("4.12"),
        json_in_words=since("5.29"),
        old_file_words=tables.value_at(_OLD_FILE_WORDS, version),
        config_keys=tables.find(tables.CONFIG_KEYS, version),
        config_moves=tuple(move for move, span in tables.CONFIG_MOVES.items() if within(span)),
        dependency_keys=tables.find(tables.DEPENDENCY_KEYS, version),
        component_keys=tables.find(tables.COMPONENT_KEYS, version),
        value_keys=tables.find(tables.VALUE_KEYS, version),
        info_keys=tables.find(tables.INFO_KEYS, version),
        parameter_keys=tables.find(tables.PARAMETER_KEYS, version),
        return_keys=tables.find(tables.RETURN_KEYS, version),
        dependency_types=tables.find({"continuous": "..4.37", "generator": "..", "cancel": "4.36.."}, version),
        pages_before_login=since("5.15"),
        page_visibility=since("5.50"),
        info_in_page=since("4.44"),
        login_redirects=within("..3.17"),
        token_cookies=tables.value_at(_TOKEN_COOKIES, version),
        strips_username=since("3.50"),
        home_is_root=since("5.29"),
        open_app_crashes=within("..3.16"),
        logout_removes_cookies=since("4.25"),
        one_session_logout=since("5.50"),
        monitoring_prefix=tables.value_at({"0": "", "5.0": "/gradio_api", "5.29": ""}, version),
        startup_is_guarded=within("..3.16"),
        progress_is_guarded=since("6.22"),
        component_server=tables.value_at(_COMPONENT_SERVERS, version),
        file_heads=since("3.19"),
        detailed_refusal=since("5.36"),
        file_payload=tables.value_at(_PAYLOADS, version),
        meta_required=since("5.5"),
        file_fields=tables.value_at(tables.FILE_FIELDS, version),
        file_urls=since("4.18"),
        quoted_file_urls=since("6.31"),
        quoted_etags=since("3.50"),
        open_ranges=since("5.0"),
        long_suffixes=since("6.13"),
        guards_browsers=since("4.44"),
        inline_types=tables.find(tables.INLINE_TYPES, version),
        upload_names=tables.value_at(_UPLOAD_NAMES, version),
        refuses_parent=since("4.31"),
        file_redirects=within("4.1..6.20"),
        allows_paths=since("3.24"),
        trusts_allowed=since("5.0"),
        follows_links=within("..5.0"),
        serves_own_directory=within("..4.0"),
        hides_dotfiles=within("3.33..4.0"),
        refuses_dotdot=within("3.33..4.0 4.12..4.37"),
        file_refusal=tables.value_at(_FILE_REFUSALS, version),
        unknown_upload=tables.value_at(_UNKNOWN_UPLOADS, version),
        form_refusals_are_json=within("..4.31"),
        stray_files_refused=within("..4.0"),
        one_heartbeat=within("4.0..4.4"),
    )


_CancelEndpoints = Literal["absent", "close", "silence", "complete", "no backend"]
_CANCEL_ENDPOINTS: Mapping[str, _CancelEndpoints] = {
    "0": "absent",
    "3.6": "close",
    "4.0": "silence",
    "4.31": "complete",
    "4.35": "no backend",
}
_Batches = Literal["absent", "apart", "broken", "mixed"]
_BATCHES: Mapping[str, _Batches] = {
    "0": "absent",
    "3.7": "apart",
    "4.0": "broken",
    "4.9": "mixed",  # 4.12.0 and 4.19.2; 4.21.0 is not
    "4.20": "apart",
}
_Stopping = Literal["goes on", "floods", "once"]
_STOPPINGS: Mapping[str, _Stopping] = {"0": "goes on", "4.9": "once", "4.10": "floods", "6.11": "once"}
_StreamClosing = Literal["waits", "calls", "at once"]
# 5.50.0 waits, 6.13.0 calls, 6.31.0 ends.
_STREAM_CLOSINGS: Mapping[str, _StreamClosing] = {"0": "waits", "6.0": "calls", "6.25": "at once"}
_Opening = Literal["hash", "data", "send_hash"]
_OPENINGS: Mapping[str, _Opening] = {"0": "hash", "3.2": "data", "3.6": "send_hash"}
_WithoutQueue = Literal["crash", "silence"]
_WITHOUT_QUEUE: Mapping[str, _WithoutQueue] = {"0": "crash", "3.50": "silence"}
_ApiClosed = Literal["401", "not found", "explained"]
_API_CLOSED: Mapping[str, _ApiClosed] = {"0": "401", "3.50": "not found", "4.0": "explained"}
_MessageStyle = Literal["compact", "escaped", "spaced"]
# 4.21.0 has spaces, 4.25.0 has none.
_MESSAGE_STYLES: Mapping[str, _MessageStyle] = {
    "0": "compact",
    "3.1.5": "escaped",
    "3.50": "compact",
    "4.0": "spaced",
    "4.22": "compact",
}
_CORS: Mapping[str, Cors] = {
    "0": "open",
    "4.19.2": "listed",
    "4.25": "cookies",
    "4.36": "credentials",
    "4.37": "local",
    "5.0": "strict",
}
_Root = Literal["path", "absolute"]
_ROOTS: Mapping[str, _Root] = {"0": "path", "4.18": "absolute"}
_ForwardedHost = Literal["ignored", "cut", "whole", "first"]
_FORWARDED_HOSTS: Mapping[str, _ForwardedHost] = {"0": "ignored", "4.21": "cut", "4.23": "whole", "4.26": "first"}
_ComponentServer = Literal["crash", "strict", "loose"]
_COMPONENT_SERVERS: Mapping[str, _ComponentServer] = {"0": "crash", "4.19": "strict", "4.31": "loose"}
_PrivateName = Literal["null", "false", "named"]
# api_name=False is passed on by 3.16 already, as by any that has names.
_PRIVATE_NAMES: Mapping[str, _PrivateName] = {"0": "null", "3.6": "false", "6.0": "named"}
_TOKEN_COOKIES: Mapping[str, tuple[str, ...]] = {
    "0": ("access-token",),
    "3.19": ("access-token", "access-token-unsecure"),
    "3.44.4": ("access-token-{}", "access-token-unsecure-{}"),
}
_PAYLOADS: Mapping[str, FilePayload] = {"0": "inline", "3.19": "named", "4.0": "path", "4.21": "meta"}
_UploadNames = Literal["letters", "stem", "harmless", "safe"]
_UPLOAD_NAMES: Mapping[str, _UploadNames] = {"0": "letters", "5.29": "stem", "6.13": "harmless", "6.31": "safe"}
_OLD_FILE_WORDS: Mapping[str, str] = {
    "0": "filepath or URL to file",
    "3.50": "filepath on your computer (or URL) of file",
}
_FileRefusal = Literal["crash", "long", "found", "never found"]
_FILE_REFUSALS: Mapping[str, _FileRefusal] = {
    "0": "crash",
    "3.17": "long",
    "3.33": "found",
    "5.0": "never found",
}
_UnknownUpload = Literal["empty", "404"]
_UNKNOWN_UPLOADS: Mapping[str, _UnknownUpload] = {"0": "empty", "5.29": "404"}
