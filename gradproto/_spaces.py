"""Hugging Face Spaces: how people name one, what the Hub says of one, and what its stage means for a client."""

from __future__ import annotations

import re
from typing import cast

from ._errors import ArgumentError, RemoteProtocolError, SpaceError
from ._fields import FieldError, Fields
from ._json import JSONValue
from ._record import record, replace
from ._urls import is_space_id, parse_src, redact_url, space_id_of_url

__all__ = [
    "HUB_URL",
    "SpaceInfo",
    "SpaceName",
    "find_space",
    "page_of",
    "parse_hub_url",
    "parse_space",
    "require_space",
    "stage_error",
    "waits",
    "with_runtime",
]

HUB_URL = "https://huggingface.co"

# The short address of a Space's page, which the official client prints; "embed" and "+" are of its early days.
_SHORT_PAGE = r"(?i)(?:https?://)?(?:www\.)?hf\.space/(?:embed/)?([^/?#]+/[^/?#]+)"
_APP_HOST = r"https?://([a-z0-9][a-z0-9_-]*)\.hf\.space(/.*)?"

# The stages in which the app comes up by itself, though a sleeping one has to be asked for.
_WAITING = frozenset({"BUILDING", "APP_STARTING", "SLEEPING"})
# What somebody else has to mend; the stages are those of huggingface_hub 2.4, `SpaceStage`, and SLEEPING.
_REMEDIES = {
    "PAUSED": "its owner can restart it, and anybody can duplicate it",
    "STOPPED": "its owner can restart it, and anybody can duplicate it",
    "NO_APP_FILE": "it has no app yet: its owner has to add one",
    "CONFIG_ERROR": "its settings are wrong: its owner has to mend its README",
    "BUILD_ERROR": "it could not be built: its owner has to mend it",
    "RUNTIME_ERROR": "its app has crashed: its owner can restart it, and anybody can duplicate it",
    "DELETING": "it is being deleted",
}


@record(frozen=True, slots=True, kw_only=True)
class SpaceName:
    """What a person meant by an address: a Space by its id ``owner/name``, or by the subdomain of ``hf.space`` at which
    its app is; the other one is ``None``. ``path`` is where below that the app is, ``""`` for its root.
    """

    id: str | None = None
    subdomain: str | None = None
    path: str = ""

    @property
    def label(self) -> str:
        """How errors call it."""
        return self.id or f"{self.subdomain}.hf.space"

    @property
    def route(self) -> str:
        """Where the Hub describes it."""
        return f"/api/spaces/{self.id}" if self.id is not None else f"/api/spaces/by-subdomain/{self.subdomain}"


@record(frozen=True, slots=True, kw_only=True)
class SpaceInfo:
    """What the Hub says of a Space.

    ``id`` is ``owner/name``, ``page`` the URL of its page, ``host`` that of its app, without a slash at the end, or
    ``None`` where it has none yet. ``stage`` is its runtime stage, such as ``"RUNNING"`` or ``"SLEEPING"``.
    ``hardware`` is what it runs on, ``requested_hardware`` what it shall run on; ``sleep_time`` the seconds without a
    request after which it goes to sleep, ``None`` for what its hardware does by itself. ``error`` is what the Hub says
    about a stage that is an error. Source: ``GET /api/spaces/{id}``.
    """

    id: str
    page: str
    stage: str | None = None
    host: str | None = None
    private: bool = False
    sdk: str | None = None
    hardware: str | None = None
    requested_hardware: str | None = None
    sleep_time: int | None = None
    error: str | None = None


def parse_hub_url(hub_url: str) -> str:
    """Return the base URL of a Hub; raises `ArgumentError`, which says that it is about the Hub."""
    given = cast(object, hub_url)
    if not isinstance(given, str):
        raise ArgumentError(f"hub_url is of type {type(given).__name__}, not a string")
    try:
        return parse_src(given)
    except ArgumentError as error:
        raise ArgumentError(f"hub_url: {error.message}") from None


def find_space(src: str, hub_url: str = HUB_URL) -> SpaceName | None:
    """Return the Space that ``src`` names, or ``None`` for the address of something else.

    A Space is named by ``owner/name``, by its page, at the Hub in use or at huggingface.co, and by its app's own
    address under ``hf.space``.
    """
    text = src.strip()
    if is_space_id(text):
        return SpaceName(id=text)
    try:
        url = parse_src(text)
        app = re.fullmatch(_APP_HOST, url)
    except ArgumentError:
        # A page is known by how it begins, whatever follows in what was copied from the address bar.
        url, app = text, None
    for pattern in (_SHORT_PAGE, re.escape(f"{hub_url}/spaces/") + "([^/?#]+/[^/?#]+)"):
        match = re.match(pattern, url)
        if match is not None and is_space_id(match[1]):
            return SpaceName(id=match[1])
    found = space_id_of_url(url)
    if found is not None:
        return SpaceName(id=found)
    return None if app is None else SpaceName(subdomain=app[1], path=app[2] or "")


def page_of(name: SpaceName, hub_url: str) -> str:
    """Return where a person looks at the Space."""
    return f"https://{name.label}{name.path}" if name.id is None else f"{hub_url}/spaces/{name.id}"


def require_space(space: object, hub_url: str, what: str = "the Space") -> SpaceName:
    """Return the Space that a caller named; raises `ArgumentError` for anything that is no Space."""
    if not isinstance(space, str):
        raise ArgumentError(f"{what} must be a string, not {type(space).__name__}")
    found = find_space(space, hub_url)
    if found is None:
        raise ArgumentError(
            f"{redact_url(space)[:80]!r} is not the name of a Space", hint="write owner/name, or the URL of its page"
        )
    return found


def parse_space(value: JSONValue, *, name: SpaceName, hub_url: str, what: str) -> SpaceInfo:
    """Return what the Hub's answer says of a Space; raises `RemoteProtocolError`."""
    try:
        fields = Fields(value)
        space_id = fields.text("id") or name.id
        if space_id is None or not is_space_id(space_id):
            raise FieldError(f"$.id is {space_id!r:.80}, which is no Space's name")
        info = SpaceInfo(
            id=space_id,
            page=f"{hub_url}/spaces/{space_id}",
            host=_host(fields),
            private=fields.flag("private") or False,
            sdk=fields.text("sdk"),
        )
        return _read_runtime(info, Fields(fields.mapping("runtime"), "$.runtime"))
    except FieldError as error:
        raise RemoteProtocolError(f"{what}: the Hub's answer makes no sense: {error}") from None


def with_runtime(info: SpaceInfo, value: JSONValue, what: str) -> SpaceInfo:
    """Return the Space as it is by an answer of its ``/runtime``; raises `RemoteProtocolError`."""
    try:
        return _read_runtime(info, Fields(value))
    except FieldError as error:
        raise RemoteProtocolError(f"{what}: the Hub's answer makes no sense: {error}") from None


def _read_runtime(info: SpaceInfo, fields: Fields) -> SpaceInfo:
    hardware = Fields(fields.mapping("hardware"), f"{fields.path}.hardware")
    return replace(
        info,
        stage=fields.text("stage"),
        hardware=hardware.text("current"),
        requested_hardware=hardware.text("requested"),
        sleep_time=fields.integer("gcTimeout"),
        error=fields.text("errorMessage"),
    )


def _host(fields: Fields) -> str | None:
    host, subdomain = fields.text("host"), fields.text("subdomain")
    if host is None and subdomain is not None:
        host = f"https://{subdomain}.hf.space"
    if host is None:
        return None
    try:
        return parse_src(host)
    except ArgumentError as error:
        raise FieldError(f"$.host: {error.message}") from None


def waits(stage: str | None) -> bool:
    """Whether the app will be there by itself, in a while."""
    return stage in _WAITING


def stage_error(info: SpaceInfo) -> SpaceError | None:
    """Return the error for a Space that will not run by itself, or ``None``: a stage that is not known may be fine."""
    remedy = _REMEDIES.get(info.stage or "")
    if remedy is None:
        return None
    said = f": {info.error[:200]!r}" if info.error else ""
    return SpaceError(
        f"the Space {info.id} is in the invalid state {info.stage}{said}",
        stage=info.stage,
        hint=f"{remedy}; see {info.page}",
    )
