"""Whether a module that `write_module` made still fits its app: what has drifted, in words. The module is never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gradproto import __version__

from ._codegen import write_module
from ._codegen_describe import (
    AppDescription,
    DescribedEndpoint,
    DescribedParameter,
    DescribedReturn,
    read_description,
)
from ._codegen_types import literal

__all__ = ["find_drift", "was_edited"]


def find_drift(source: str, now: AppDescription) -> list[str]:
    """Return what differs between a module and the app as it is ``now``, a line each; nothing if the module fits.

    Where the app is, its title and its Gradio's version do not count. Raises ``ValueError`` where the text is no module
    that was made here, or where its description cannot be read.
    """
    made = read_description(source)
    if made is None:
        raise ValueError("it was not made by `gradproto codegen`")
    found = list(_endpoints(made.endpoints, now.endpoints))
    if made.gradproto != __version__:
        found.append(f"the module was made by gradproto {made.gradproto!r:.40}, and this is {__version__}")
    elif _differs(source, made):
        found.append("the module was edited by hand")
    return found


def was_edited(source: str) -> bool:
    """Whether a module that was made here, by this version, was edited since; of any other text that is not known."""
    try:
        made = read_description(source)
    except ValueError:
        return True
    return made is not None and made.gradproto == __version__ and _differs(source, made)


def _differs(source: str, made: AppDescription) -> bool:
    """Whether the module is another one than the description in it makes; its layout does not count."""
    try:
        return ast.dump(ast.parse(source)) != ast.dump(ast.parse(write_module(made)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _endpoints(old: Sequence[DescribedEndpoint], new: Sequence[DescribedEndpoint]) -> Iterator[str]:
    before = {endpoint.called: endpoint for endpoint in old}
    after = {endpoint.called: endpoint for endpoint in new}
    for called, endpoint in before.items():
        if called not in after:
            yield f"{_shown(endpoint.label)}: gone"
        else:
            yield from (f"{_shown(endpoint.label)}: {line}" for line in _endpoint(endpoint, after[called]))
    yield from (f"{_shown(endpoint.label)}: new" for called, endpoint in after.items() if called not in before)


def _endpoint(old: DescribedEndpoint, new: DescribedEndpoint) -> Iterator[str]:
    yield from _parameters(old.parameters, new.parameters)
    if _types(old.returns) != _types(new.returns):
        yield f"returns {_types(new.returns)}, which was {_types(old.returns)}"
    elif old.returns != new.returns:
        yield "the names of what it returns changed"
    if old.generates != new.generates:
        yield f"gives {'one output after the other' if new.generates else 'one output only'} now"
    if old.acts != new.acts:
        yield f"takes a Hugging Face token: {new.acts or 'no'}, which was {old.acts or 'no'}"
    if old.description != new.description:
        yield "the description changed"


def _parameters(old: Sequence[DescribedParameter], new: Sequence[DescribedParameter]) -> Iterator[str]:
    before = {parameter.name: parameter for parameter in old}
    after = {parameter.name: parameter for parameter in new}
    renamed = dict(_renamed(old, new))
    for name, parameter in before.items():
        if name in renamed:
            yield f"parameter {_shown(name)} was renamed to {_shown(renamed[name])}"
        elif name not in after:
            yield f"parameter {_shown(name)} is gone"
        else:
            yield from (f"parameter {_shown(name)}: {line}" for line in _parameter(parameter, after[name]))
    for name, parameter in after.items():
        if name not in before and name not in renamed.values():
            yield f"parameter {_shown(name)} is new{' and required' if parameter.kind == 'required' else ''}"
    common = [name for name in before if name in after]
    if common != [name for name in after if name in before]:
        yield "the order of the parameters changed"


def _renamed(old: Sequence[DescribedParameter], new: Sequence[DescribedParameter]) -> Iterator[tuple[str, str]]:
    """Yield the names of parameters that stand in the same place and differ in nothing but their names."""
    if len(old) != len(new):
        return
    before, after = {one.name for one in old}, {one.name for one in new}
    for was, is_now in zip(old, new, strict=True):
        same = (was.type, was.kind, was.default) == (is_now.type, is_now.kind, is_now.default)
        if same and was.name not in after and is_now.name not in before:
            yield was.name, is_now.name


def _parameter(old: DescribedParameter, new: DescribedParameter) -> Iterator[str]:
    if old.type != new.type:
        yield _type_change(old.type, new.type)
    if (old.kind == "required") != (new.kind == "required"):
        yield "is required now" if new.kind == "required" else "is not required any more"
    elif (old.kind, repr(old.default)) != (new.kind, repr(new.default)):
        yield f"the default is {new.default!r:.80}, which was {old.default!r:.80}"
    if (old.label, old.component, old.description) != (new.label, new.component, new.description):
        yield "the description changed"


def _type_change(old: str, new: str) -> str:
    old_shape, old_choices = _choices(old)
    new_shape, new_choices = _choices(new)
    if old_shape != new_shape or not old_choices:
        return f"the type is {new:.200}, which was {old:.200}"
    gone = [choice for choice in old_choices if choice not in new_choices]
    added = [choice for choice in new_choices if choice not in old_choices]
    changes = [
        *([f"no longer {', '.join(gone):.200}"] if gone else []),
        *([f"also {', '.join(added):.200}"] if added else []),
    ]
    return f"the choices changed: {'; '.join(changes) or 'their order'}"


def _choices(source: str) -> tuple[str, list[str]]:
    """Return a type without the choices that it names, and those."""
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError):
        return source, []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            options = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            found += [ast.unparse(option) for option in options]
            node.slice = ast.Constant(value=...)
    return ast.unparse(tree), found


def _types(returns: Sequence[DescribedReturn]) -> str:
    return f"({', '.join(value.type for value in returns)})"


def _shown(name: str) -> str:
    """Return a name as it is if it is an ordinary one, else quoted: the app may have put anything into it."""
    return name if name.replace("/", "").replace(" ", "").isidentifier() else literal(name[:80])
