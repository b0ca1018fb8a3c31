"""The components that an endpoint's inputs and outputs are shown as, and how they change values on their way."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from ._files import StoredFile
from ._json import is_list, is_list_or_tuple, is_object
from ._profiles import Profile
from ._schemas import CHAT_EXAMPLE, CHAT_PYTHON_TYPE, CHAT_SCHEMA, FILE_EXAMPLE, FILE_SCHEMA
from ._steps import AppFailure, FakeFile

__all__ = [
    "CallContext",
    "Component",
    "chatbot",
    "checkbox",
    "component_named",
    "dropdown",
    "file",
    "json_value",
    "number",
    "radio",
    "slider",
    "state",
    "textbox",
]


class CallContext(Protocol):
    """What converting a value may need to know about the call."""

    @property
    def profile(self) -> Profile:
        """The Gradio that is played."""
        ...

    def find_file(self, path: str) -> StoredFile | None:
        """Find a file that was uploaded or produced."""
        ...

    def store_content(self, name: str, content: bytes) -> StoredFile:
        """Store a file that came inside the data."""
        ...

    def file_data(self, file: StoredFile) -> dict[str, Any]:
        """Describe a file as Gradio does."""
        ...


Convert = Callable[[Any, CallContext], Any]


def _as_it_is(value: Any, _context: CallContext) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Component:
    """One input or output of endpoints; the same object used twice is one component, as a State must be."""

    kind: str
    """Its name in the config: ``textbox``."""
    title: str
    """Its name in ``/info``: ``Textbox``."""
    label: str | None
    value: Any = None
    """What it shows at first; an input that has one need not be given."""
    chosen: bool = False
    """Whether that is the first of its choices because no other was given, which Gradio does from 5.29 on."""
    props: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the config says of it besides the things that all components share."""
    sent_whole: bool = False
    """Whether a generator's next value replaces the last one instead of being sent as edits."""
    skip_api: bool = False
    """Whether ``/info`` leaves it out, as it does a State."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of its value."""
    python_type: str = "Any"
    example: Any = None
    decode: Convert = _as_it_is
    """From JSON to what the function gets."""
    encode: Convert = _as_it_is
    """From what the function gives to JSON."""


def _to_text(value: Any, _context: CallContext) -> Any:
    return value if type(value) is str or value is None else str(value)


def textbox(label: str | None = None, value: str | None = None, *, lines: int = 1) -> Component:
    """Text; whatever comes in or goes out is made a ``str``."""
    props: dict[str, Any] = {
        "type": "text",
        "lines": lines,
        "autofocus": False,
        "autoscroll": True,
        "rtl": False,
        "buttons": [],
        "submit_btn": False,
        "stop_btn": False,
    }
    return Component(
        kind="textbox",
        title="Textbox",
        label=label,
        value=value,
        props=props,
        schema={"type": "string"},
        python_type="str",
        example="Hello!!",
        decode=_to_text,
        encode=_to_text,
    )


def number(
    label: str | None = None,
    value: float | None = None,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    precision: int | None = None,
) -> Component:
    """A number within limits; ``precision=0`` makes it an integer."""
    props: dict[str, Any] = {"buttons": [], "step": 1}
    for name, limit in (("minimum", minimum), ("maximum", maximum), ("precision", precision)):
        if limit is not None:
            props[name] = limit

    def decode(given: Any, context: CallContext) -> Any:
        if given is None:
            return None
        if context.profile.whole_numbers_are_floats and precision is None:
            given = float(given)
        # Gradio passes anything that is no text through unlooked at, and text only if it has to round it.
        if precision is not None:
            given = round(float(given), precision) if precision else round(float(given))
        _check_limits(given, minimum, maximum)
        return given

    integer = precision == 0
    return Component(
        kind="number",
        title="Number",
        label=label,
        value=value,
        props=props,
        schema={"type": "integer" if integer else "number"},
        python_type="int" if integer else "float",
        example=3 if minimum is None else round(minimum) if integer else minimum,
        decode=decode,
        encode=_as_it_is if integer else _encode_number,
    )


def _encode_number(given: Any, context: CallContext) -> Any:
    return float(given) if context.profile.whole_numbers_are_floats and type(given) is int else given


def slider(minimum: float, maximum: float, label: str | None = None, value: float | None = None) -> Component:
    """A number between two others."""

    def decode(given: Any, _context: CallContext) -> Any:
        _check_limits(given, minimum, maximum)
        return given

    return Component(
        kind="slider",
        title="Slider",
        label=label,
        value=minimum if value is None else value,
        props={"minimum": minimum, "maximum": maximum, "step": 0.1},
        schema={"type": "number", "description": f"numeric value between {minimum} and {maximum}"},
        python_type="float",
        example=minimum,
        decode=decode,
    )


def _check_limits(given: Any, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and given < minimum:
        raise AppFailure(f"Value {given} is less than minimum value {minimum}.")
    if maximum is not None and given > maximum:
        raise AppFailure(f"Value {given} is greater than maximum value {maximum}.")


def checkbox(label: str | None = None, value: bool = False) -> Component:
    """Yes or no."""
    return Component(
        kind="checkbox",
        title="Checkbox",
        label=label,
        value=value,
        props={"buttons": []},
        schema={"type": "boolean"},
        python_type="bool",
        example=True,
    )


def dropdown(choices: Sequence[Any], label: str | None = None, value: Any = None) -> Component:
    """One of some texts or numbers; the first one unless told otherwise."""
    return Component(
        kind="dropdown",
        title="Dropdown",
        label=label,
        value=choices[0] if value is None and choices else value,
        chosen=value is None,
        props={
            "choices": [[str(choice), choice] for choice in choices],
            "type": "value",
            "allow_custom_value": False,
            "num_choices_shown": 100,
            "filterable": True,
            "buttons": [],
        },
        schema={"type": "string", "enum": list(choices)},
        python_type=_literal(choices),
        example=choices[0] if choices else None,
        decode=_one_of(choices),
    )


def radio(choices: Sequence[str], label: str | None = None, value: str | None = None) -> Component:
    """One of some texts; none unless told otherwise."""
    return Component(
        kind="radio",
        title="Radio",
        label=label,
        value=value,
        props={"choices": [[choice, choice] for choice in choices], "type": "value", "rtl": False, "buttons": []},
        schema={"enum": list(choices), "title": "Radio", "type": "string"},
        python_type=_literal(choices),
        example=choices[0] if choices else None,
        decode=_one_of(choices, typed=True),
    )


def _literal(choices: Sequence[Any]) -> str:
    return f"Literal[{', '.join(repr(choice) for choice in choices)}]"


def _one_of(choices: Sequence[Any], *, typed: bool = False) -> Convert:
    """Refuse what is not among the choices; ``typed`` says of what type it is, where the Gradio does."""
    allowed = list(choices)

    def decode(given: Any, context: CallContext) -> Any:
        if context.profile.checks_choices and given is not None and given not in allowed:
            shown = f"{given!r} (type: {type(given)})" if typed and context.profile.typed_choices else given
            raise AppFailure(f"Value: {shown} is not in the list of choices: {allowed}")
        return given

    return decode


def json_value(label: str | None = None, value: Any = None) -> Component:
    """Any JSON; between the outputs of a generator it is sent whole."""
    return Component(
        kind="json",
        title="Json",
        label=label,
        value=value,
        props={"open": False, "show_indices": False, "max_height": 500, "buttons": ["copy"]},
        schema={"type": {}, "description": "any valid json"},
        python_type="str | float | bool | list | dict",
        example={"foo": "bar"},
        sent_whole=True,
        encode=_copied,
    )


def _copied(given: Any, context: CallContext) -> Any:
    """Copy what the function may go on to change, for the next output is compared with this one."""
    if is_object(given):
        return {key: _copied(value, context) for key, value in given.items()}
    if is_list_or_tuple(given):
        return [_copied(value, context) for value in given]
    return given


def file(label: str | None = None) -> Component:
    """A file: the function gets a :class:`StoredFile` and gives that, a :class:`FakeFile`, or ``None``."""
    return Component(
        kind="file",
        title="File",
        label=label,
        props={"file_count": "single", "type": "filepath", "allow_reordering": False, "buttons": []},
        schema=FILE_SCHEMA,
        python_type="filepath",
        example=FILE_EXAMPLE,
        decode=_decode_file,
        encode=_encode_file,
    )


def _decode_file(given: Any, context: CallContext) -> StoredFile | None:
    named = context.profile.file_payload in ("inline", "named")
    if named and is_list(given) and len(given) == 1:
        given = given[0]  # until 4.0 a list of one file is as good as the file
    if given is None:
        return None
    if named:
        return _decode_named_file(given, context)
    if not is_object(given):
        raise ValueError(f"1 validation error for FileData\n  Input should be an object, not {given!r:.80}")
    if given.get("meta") != {"_type": "gradio.FileData"} and context.profile.meta_required:
        raise ValueError(
            "1 validation error for FileData\n  Value error, The 'meta' field must be explicitly provided in the input"
            " data and be equal to {'_type': 'gradio.FileData'}."
        )
    return _stored(given.get("path"), context)


def _decode_named_file(given: Any, context: CallContext) -> StoredFile:
    """Take a file with its content, or the name of one that was uploaded."""
    if not is_object(given):
        raise TypeError(f"string indices must be integers, not {type(given).__name__!r}")
    if given.get("is_file"):
        return _stored(given["name"], context)
    kind, comma, content = str(given["data"]).partition(",")
    if not comma or not kind.startswith("data:"):
        raise ValueError("the data of a file are a data URL")
    return context.store_content(str(given["name"]), base64.b64decode(content))


def _stored(path: object, context: CallContext) -> StoredFile:
    stored = context.find_file(path) if isinstance(path, str) else None
    if stored is None:
        raise ValueError(f"Cannot move {path} to the gradio cache dir because it was not uploaded by a user.")
    return stored


def _encode_file(given: Any, context: CallContext) -> dict[str, Any] | None:
    if given is None:
        return None
    if isinstance(given, StoredFile):
        return context.file_data(given)
    if isinstance(given, FakeFile):
        raise AssertionError("the job stores a FakeFile before it is encoded")
    raise TypeError(f"a file output takes a StoredFile, a FakeFile or None, not {type(given).__name__}")


def chatbot(label: str | None = None) -> Component:
    """A conversation: a list of ``{"role": ..., "content": ...}``."""
    return Component(
        kind="chatbot",
        title="Chatbot",
        label=label,
        value=[],
        props={
            "_undoable": False,
            "_retryable": False,
            "likeable": False,
            "autoscroll": True,
            "height": 400,
            "resizable": False,
            "latex_delimiters": [{"left": "$$", "right": "$$", "display": True}],
            "rtl": False,
            "buttons": ["share", "copy", "copy_all"],
            "avatar_images": [None, None],
            "sanitize_html": True,
            "render_markdown": True,
            "feedback_options": ["Like", "Dislike"],
            "line_breaks": True,
            "allow_file_downloads": True,
            "group_consecutive_messages": True,
            "allow_tags": True,
            "like_user_message": False,
        },
        schema=CHAT_SCHEMA,
        python_type=CHAT_PYTHON_TYPE,
        example=CHAT_EXAMPLE,
        decode=_decode_chat,
        encode=_encode_chat,
    )


def _decode_chat(given: Any, context: CallContext) -> list[dict[str, Any]]:
    # On its way in a message's content has to have its form already; on its way out a text will do.
    if given is None:
        return []
    parts = context.profile.chat_parts
    for position, said in enumerate(cast("Iterable[Any]", given)):
        if is_object(said) and is_list(said.get("content")) is not parts:
            wanted = "list" if parts else "string"
            raise ValueError(
                f"1 validation error for ChatbotDataMessages\n{position}.content\n  Input should be a valid {wanted}"
            )
    return _encode_chat(given, context)


def _encode_chat(given: Any, context: CallContext) -> list[dict[str, Any]]:
    said: Iterable[Any] = () if given is None else cast("Iterable[Any]", given)
    return [_message(each, parts=context.profile.chat_parts) for each in said]


def _message(said: Any, *, parts: bool) -> dict[str, Any]:
    if not is_object(said) or "role" not in said or "content" not in said:
        raise ValueError(f"a chat message is a dict with 'role' and 'content', not {said!r:.80}")
    content = said["content"]
    if parts:
        content = [_part(part) for part in (content if is_list(content) else [content])]
    return {"role": said["role"], "metadata": said.get("metadata"), "content": content, "options": said.get("options")}


def _part(part: Any) -> Any:
    if isinstance(part, str):
        return {"text": part, "type": "text"}
    if is_object(part) and "text" in part:
        return {"text": part["text"], "type": "text"}
    return part


def state(value: Any = None, *, time_to_live: float | None = None) -> Component:
    """A value that the server keeps for each session; on the wire it is ``null`` both ways.

    It is forgotten when it was not written for more than ``time_to_live`` seconds.
    """
    return Component(
        kind="state",
        title="State",
        label=None,
        value=value,
        props={"time_to_live": time_to_live, "delete_callback": "<function delete_callback>"},
        skip_api=True,
    )


def column() -> Component:
    """The place in the page where a function renders."""
    props: dict[str, Any] = {
        "scale": 1,
        "min_width": 320,
        "variant": "default",
        "visible": True,
        "elem_classes": [],
        "show_progress": True,
    }
    return Component(kind="column", title="Column", label=None, props=props, skip_api=True)


_BY_NAME: Mapping[str, Callable[[str | None], Component]] = {
    "textbox": textbox,
    "number": number,
    "checkbox": checkbox,
    "json": json_value,
    "file": file,
    "chatbot": chatbot,
}


def component_named(name: str, label: str | None) -> Component:
    """Make a component from its short name.

    Raises ``ValueError`` for one that does not exist or needs more than a label.
    """
    make = _BY_NAME.get(name)
    if make is None:
        raise ValueError(f"no component {name!r}: known by name are {', '.join(sorted(_BY_NAME))}")
    return make(label)
