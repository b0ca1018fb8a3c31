"""The config of Gradio 2.x, put into the words of the later ones.

An app of that time is one function: its inputs and outputs are listed, they have no ids, and there are no dependencies.
Gradio: ``get_config_file`` in ``gradio/utils.py`` and ``get_template_context`` of the components (2.9.4).
"""

from __future__ import annotations

from ._fields import Fields
from ._json import JSONValue

__all__ = ["as_blocks", "is_interface"]

_API_NAME = "predict"  # the only address: POST /api/predict/


def is_interface(document: dict[str, JSONValue]) -> bool:
    """Return whether a document is a config of Gradio 2.x."""
    return "input_components" in document and "dependencies" not in document


def as_blocks(document: dict[str, JSONValue]) -> dict[str, JSONValue]:
    """Return such a config as Gradio 3 would have written it; raise `FieldError` where a field has a wrong type.

    Components are numbered, the inputs first. With several functions (``gr.Parallel``) the outputs are those of one
    after the other, and so they are here: the app is called as one function.
    """
    fields = Fields(document)
    inputs, outputs = fields.objects("input_components"), fields.objects("output_components")
    components: list[JSONValue] = [_component(item, number) for number, item in enumerate([*inputs, *outputs])]
    ids: list[JSONValue] = list(range(len(components)))
    function: dict[str, JSONValue] = {
        "api_name": _API_NAME,
        "inputs": ids[: len(inputs)],
        "outputs": ids[len(inputs) :],
        "types": {"generator": False},
    }
    return {**document, "enable_queue": document.get("queue"), "components": components, "dependencies": [function]}


def _component(fields: Fields, number: int) -> JSONValue:
    props: dict[str, JSONValue] = {**fields.raw, "value": fields.raw.get("default")}
    return {"id": number, "type": fields.text("name") or "", "props": props}
