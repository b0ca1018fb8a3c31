"""An app's config: what its server says about itself before anything is called.

It comes as JSON from ``/config``, or inside the app's page as ``window.gradio_config = {...};``. Its shape changed over
the years; what is read here is the union, and what a generation does not say has a default. Gradio: ``get_config_file``
in ``gradio/blocks.py``, ``BlockFunction.get_config`` in ``gradio/block_function.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from ._errors import AuthenticationError, UnsupportedServerError
from ._fields import FieldError, Fields
from ._json import JSONValue, loads
from ._old_components import old_schema
from ._old_config import as_blocks, is_interface
from ._record import field, record, replace
from ._urls import redact_url

__all__ = ["Component", "Config", "Dependency", "Visibility", "parse_config", "with_rendered"]

Visibility = Literal["public", "undocumented", "private"]

_STATES = frozenset({"state", "variable"})
# Types that stand in ``data`` without being the caller's, for servers that do not say ``skip_api`` (before 4.0).
_SKIPPED = _STATES | {
    *("row", "column", "tabs", "tab", "tabitem", "box", "form", "accordion", "group", "sidebar"),
    *("interpretation", "dataset"),
}

_PAGE_CONFIG = r"window\.gradio_config\s*=\s*"
_decode_prefix = json.JSONDecoder().raw_decode

# The prefix becomes part of every URL, right after the host: nothing in it may end the path or begin another host.
_PREFIX = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*"


@record(frozen=True, slots=True, kw_only=True)
class Component:
    """One component of the app.

    ``props`` are its properties as the server sent them; they must not be changed. ``skip_api`` says that it has a
    place in ``data`` which a caller neither fills nor sees. The schemas are JSON Schema, ``None`` if the server gave
    none; for a server before 4.0 they are made from the type. ``default`` is the value that the app's author gave it,
    ``None`` if none.
    """

    id: int
    type: str
    props: Mapping[str, JSONValue] = field(repr=False)
    skip_api: bool
    is_state: bool
    label: str | None
    default: JSONValue = field(default=None, repr=False)
    input_schema: JSONValue = field(default=None, repr=False)
    output_schema: JSONValue = field(default=None, repr=False)
    example: JSONValue = field(default=None, repr=False)


@record(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One function of the app, with the components whose values it takes and gives, by their ids.

    ``id`` is what the protocol calls ``fn_index``. ``api_name`` has no slash. ``queue`` is ``None`` where the server
    leaves it to the app's default. ``is_generator`` is ``None`` where the server does not say (before 3.20).
    ``component_props`` are the positions of inputs that want the component's whole
    properties. ``time_limit`` is in seconds. ``rendered_in`` is the ``gr.render`` function that made this one, for one
    session only.
    """

    id: int
    api_name: str | None
    visibility: Visibility
    backend_fn: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    queue: bool | None = None
    is_generator: bool | None = None
    connection: str = "sse"
    time_limit: float | None = None
    batch: bool = False
    cancels: tuple[int, ...] = ()
    component_props: tuple[int, ...] = ()
    description: str | None = None
    rendered_in: int | None = None


@record(frozen=True, slots=True, kw_only=True)
class Config:
    """What an app says about itself.

    ``protocol`` is empty where the server names none (before 4.0). ``api_prefix`` is empty, or begins with a slash and
    does not end with one. ``root`` is the app's address from its own point of view. ``app_id`` changes when the server
    restarts. ``max_file_size`` is in bytes. ``connect_heartbeat`` is ``None`` before 4.29. ``raw`` is the whole
    document, as it came; it must not be changed. ``config["title"]``, ``config.get("title")`` and ``"title" in config``
    look there, for Gradio's own client gives the config as a dictionary.
    """

    version: str
    protocol: str
    api_prefix: str
    root: str
    app_id: int | str | None
    space_id: str | None
    username: str | None
    title: str | None
    max_file_size: int | None
    connect_heartbeat: bool | None
    enable_queue: bool
    components: Mapping[int, Component] = field(repr=False)
    dependencies: tuple[Dependency, ...] = field(repr=False)
    raw: Mapping[str, JSONValue] = field(repr=False)

    def __getitem__(self, key: str) -> Any:
        return self.raw[key]

    def __contains__(self, key: object) -> bool:
        return key in self.raw

    def get(self, key: str, default: Any = None) -> Any:
        """Return what the document has by that name, or else ``default``."""
        return self.raw.get(key, default)


def parse_config(body: bytes, *, content_type: str, url: str) -> Config:
    """Return the config in a response from ``url``, be it JSON or the app's page.

    Raises ``UnsupportedServerError`` where there is none or where it is not usable, and ``AuthenticationError`` where
    the app wants a login first.
    """
    document = _find_document(body)
    if document is None or not _is_gradio(document):
        if _wants_login(document):
            raise _login_required(document, url)
        raise _no_app(body, document, content_type, url)
    if document.get("auth_required"):
        raise _login_required(document, url)
    try:
        return read_config(document)
    except FieldError as error:
        raise UnsupportedServerError(f"the Gradio config from {redact_url(url)} cannot be used: {error}") from None


def read_config(document: dict[str, JSONValue]) -> Config:
    """Return the config in a JSON document; raise `FieldError` where a field has a wrong type."""
    fields = Fields(as_blocks(document) if is_interface(document) else document)
    app_id = document.get("app_id")
    protocol = fields.text("protocol") or ""
    queue = fields.flag("enable_queue")
    return Config(
        version=(fields.text("version") or "").strip(),
        protocol=protocol,
        api_prefix=_read_prefix(fields),
        root=fields.text("root") or "",
        app_id=app_id if isinstance(app_id, str) else fields.integer("app_id"),
        space_id=fields.text("space_id"),
        username=fields.text("username"),
        title=fields.text("title"),
        max_file_size=fields.integer("max_file_size"),
        connect_heartbeat=fields.flag("connect_heartbeat"),
        # Since 4.0 every app has a queue. Before, null is what an app says of which nothing was decided: it has none.
        enable_queue=queue is not False if protocol else queue is True,
        components={item.id: item for item in (_read_component(one, protocol) for one in fields.objects("components"))},
        dependencies=tuple(_read_dependency(item, index) for index, item in enumerate(fields.objects("dependencies"))),
        raw=document,
    )


def with_rendered(config: Config, document: dict[str, JSONValue]) -> Config:
    """Return the config with what a ``gr.render`` function made, in place of what it had made before.

    ``document`` is the ``render_config`` of its completion (since 4.31). Raises `FieldError` where it cannot be used.
    """
    fields = Fields(document, "$.render_config")
    components = [_read_component(item, config.protocol) for item in fields.objects("components")]
    made = [_read_dependency(item, -1) for item in fields.objects("dependencies")]
    function = fields.integer("render_id")
    kept = [item for item in config.dependencies if item.rendered_in is None or item.rendered_in != function]
    return replace(
        config,
        components={**config.components, **{item.id: item for item in components}},
        dependencies=(*kept, *(replace(item, rendered_in=function) for item in made if item.id >= 0)),
    )


def _read_prefix(fields: Fields) -> str:
    prefix = (fields.text("api_prefix") or "").rstrip("/")
    if re.fullmatch(_PREFIX, prefix) is None:
        raise FieldError(f"$.api_prefix is {prefix[:80]!r}, where the beginning of a path belongs")
    return prefix


def _read_component(fields: Fields, protocol: str) -> Component:
    number = fields.integer("id")
    if number is None:
        raise FieldError(f"{fields.path}.id is missing")
    kind = fields.text("type") or ""
    props = fields.mapping("props")
    skip = fields.flag("skip_api")
    label = props.get("label")
    raw = fields.raw
    schema = raw.get("api_info") if protocol else old_schema(kind, props)
    default = props.get("value")
    if default == "" and protocol != "sse_v3":
        default = None  # until 4.21 this is what a textbox has to which its author gave no value
    return Component(
        id=number,
        type=kind,
        props=props,
        skip_api=kind in _SKIPPED if skip is None else skip,
        is_state=kind in _STATES,
        label=label if isinstance(label, str) else None,
        default=default,
        input_schema=raw.get("api_info_as_input", schema),
        output_schema=raw.get("api_info_as_output", schema),
        example=raw.get("example_inputs"),
    )


def _read_dependency(fields: Fields, index: int) -> Dependency:
    number = fields.integer("id")
    name = None if fields.raw.get("api_name") is False else fields.text("api_name")
    types = Fields(fields.mapping("types"), f"{fields.path}.types")
    return Dependency(
        id=index if number is None else number,  # before 4.32 a function has no id but its place
        api_name=name or None,
        visibility=_read_visibility(fields),
        backend_fn=fields.flag("backend_fn") is not False,
        inputs=fields.integers("inputs"),
        outputs=fields.integers("outputs"),
        queue=fields.flag("queue"),
        is_generator=types.flag("generator") or False if types.raw else None,
        connection=fields.text("connection") or "sse",
        time_limit=fields.number("time_limit"),
        batch=fields.flag("batch") or False,
        cancels=fields.integers("cancels"),
        component_props=fields.integers("component_prop_inputs"),
        description=None if fields.raw.get("api_description") is False else fields.text("api_description"),
        rendered_in=fields.integer("rendered_in"),
    )


def _read_visibility(fields: Fields) -> Visibility:
    """Gradio 6 says it in one word; before, ``api_name: false`` was private and ``show_api: false`` undocumented."""
    word = fields.text("api_visibility")
    if word is not None:
        # A word of a future Gradio is taken for the middle way: callable by who knows the name, and not advertised.
        return cast(Visibility, word) if word in ("public", "private") else "undocumented"
    if fields.raw.get("api_name") is False:
        return "private"
    return "undocumented" if fields.flag("show_api") is False else "public"


def _find_document(body: bytes) -> dict[str, JSONValue] | None:
    """Return the JSON object that the body is, or that the page in it holds, if there is one."""
    if body.lstrip()[:1] == b"{":
        try:
            document = loads(body.strip())
        except ValueError:
            return None
        return document if isinstance(document, dict) else None
    if b"gradio_config" not in body:
        return None
    page = body.decode(errors="replace")
    for match in re.finditer(_PAGE_CONFIG, page):
        try:
            document, _ = cast("tuple[JSONValue, int]", _decode_prefix(page, match.end()))
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            return document
    return None


def _is_gradio(document: dict[str, JSONValue]) -> bool:
    return "auth_required" in document or "dependencies" in document or is_interface(document)


def _wants_login(document: dict[str, JSONValue] | None) -> bool:
    """Whether this is the answer 401 of Gradio: its detail is a text, and since 5.36 an object."""
    detail = document.get("detail") if document is not None else None
    if isinstance(detail, dict):
        detail = detail.get("error")
    return detail == "Not authenticated"


def _login_required(document: dict[str, JSONValue] | None, url: str) -> AuthenticationError:
    document = document or {}
    detail = document.get("detail")
    message = (detail if isinstance(detail, dict) else document).get("auth_message")
    says = f"; it says {message[:80]!r}" if isinstance(message, str) and message else ""
    return AuthenticationError(
        f"the app at {redact_url(url)} requires a login{says}", hint="give the login as auth=(user, password)"
    )


_PROXY = r"(?i)bad gateway|service (?:temporarily )?unavailable|gateway time-?out|\b50[234]\b|nginx|cloudflare"
_SPACE = r"(?i)hugging ?face|\bhf\.(?:co|space)\b|\bspace\b"
_SPACE_STAGE = r"(?i)\b(?:building|sleeping|asleep|paused|preparing|starting|restart|runtime error|in error)\b"


def _no_app(body: bytes, document: dict[str, JSONValue] | None, content_type: str, url: str) -> UnsupportedServerError:
    text = " ".join(body[:4000].decode(errors="replace").split())
    shown = f"{text[:80]!r}" if text else "nothing"
    kind = f"{content_type[:80]!r}" if content_type else "no content type"
    return UnsupportedServerError(
        f"{redact_url(url)} is no Gradio app: it answered with {kind} and {shown}",
        hint=_hint(text, document, content_type, body),
    )


def _hint(text: str, document: dict[str, JSONValue] | None, content_type: str, body: bytes) -> str | None:
    if document is not None:
        if document.get("detail") == "Not Found":
            return "there is a server, but no app at this path; is a part of the path missing?"
        keys = ", ".join(repr(key[:20]) for key in list(document)[:5])
        return (
            f"this is JSON, but no Gradio config; its keys are: {keys}"
            if keys
            else "this is JSON, but no Gradio config"
        )
    if re.search(_SPACE, text) and re.search(_SPACE_STAGE, text):
        return "this looks like a Hugging Face Space that is not running; open its page and try again when it is"
    if re.search(_PROXY, text):
        return "this looks like the error page of a proxy; the app behind it may be starting or gone"
    if b"gradio_config" in body:
        return "this page has a Gradio config that cannot be read"
    if "json" in content_type.lower():
        return "this says that it is JSON, but it is none, or no object"
    if text[:1] == "<":
        return "this is a web page, but not that of a Gradio app"
    return None
