"""Frozen records that cost nothing until they are used.

``@record`` stands for ``@dataclass(frozen=True, slots=True, kw_only=True)``, and type checkers take it for just that.
The standard decorator compiles six functions for each class when its module is loaded; for the sixty classes here that
was half of the time of the whole import, while a program uses a handful of them. Here a class shares its comparison,
hash and repr with all others, and its constructor is compiled when the first object is made. It sets slots directly,
so that building an event is quicker too.

``dataclasses.fields``, ``replace``, ``asdict`` and ``is_dataclass`` work on records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    _MISSING = object()

    class _Field:
        __slots__ = ("compare", "default", "default_factory", "name", "repr", "type")

        def __init__(self, *, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):
            self.default = default
            self.default_factory = default_factory
            self.repr = repr
            self.compare = compare
            self.name = ""
            self.type = None

    field = _Field

    class _DataclassFields:
        """What makes a record a dataclass to the functions of that module; made when one of them looks."""

        def __get__(self, instance, owner):
            import dataclasses

            found = {}
            for own in owner.__record_fields__:
                options = {"repr": own.repr, "compare": own.compare, "kw_only": owner.__record_kw_only__}
                if own.default is not _MISSING:
                    options["default"] = own.default
                if own.default_factory is not _MISSING:
                    options["default_factory"] = own.default_factory
                made = dataclasses.field(**options)
                made.name = own.name
                made.type = own.type
                made._field_type = dataclasses._FIELD
                found[own.name] = made
            return found

    def _init(self, /, *args, **values):
        cls = type(self)
        cls.__init__ = _compile_init(cls)
        cls.__init__(self, *args, **values)

    def _compile_init(cls):
        scope = {}
        parameters = []
        lines = []
        for own in cls.__record_fields__:
            name = own.name
            scope[f"_set_{name}"] = getattr(cls, name).__set__
            value = name
            if own.default_factory is not _MISSING:
                scope[f"_make_{name}"] = own.default_factory
                parameters.append(f"{name}=_MISSING")
                value = f"_make_{name}() if {name} is _MISSING else {name}"
            elif own.default is not _MISSING:
                scope[f"_default_{name}"] = own.default
                parameters.append(f"{name}=_default_{name}")
            else:
                parameters.append(name)
            lines.append(f"    _set_{name}(self, {value})\n")
        if hasattr(cls, "__post_init__"):
            lines.append("    self.__post_init__()\n")
        scope["_MISSING"] = _MISSING
        star = ", *, " if parameters and cls.__record_kw_only__ else ", "
        source = f"def __init__(self{star}{', '.join(parameters)}):\n{''.join(lines) or '    pass'}"
        exec(source, scope)
        made = scope["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        return made

    def _repr(self):
        shown = ", ".join(f"{own.name}={getattr(self, own.name)!r}" for own in self.__record_fields__ if own.repr)
        return f"{type(self).__qualname__}({shown})"

    def _compared(self):
        return tuple(getattr(self, own.name) for own in self.__record_fields__ if own.compare)

    def _eq(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    def _hash(self):
        return hash(_compared(self))

    def _refuse(self, name, value=None):
        import dataclasses

        raise dataclasses.FrozenInstanceError(f"{type(self).__name__} is frozen: cannot change {name!r}")

    def _getstate(self):
        return [getattr(self, own.name) for own in self.__record_fields__]

    def _setstate(self, state):
        for own, value in zip(self.__record_fields__, state, strict=True):
            object.__setattr__(self, own.name, value)

    _METHODS = {
        "__init__": _init,
        "__repr__": _repr,
        "__eq__": _eq,
        "__hash__": _hash,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _getstate,
        "__setstate__": _setstate,
        "__dataclass_fields__": _DataclassFields(),
    }

    def replace(instance, /, **changes):
        values = {own.name: getattr(instance, own.name) for own in instance.__record_fields__}
        return type(instance)(**{**values, **changes})

    def record(*, frozen, slots, kw_only=False):
        # The first two are there for type checkers and for those who read the code.
        assert frozen
        assert slots
        return lambda cls: _make(cls, kw_only)

    def _make(cls, kw_only):
        namespace = dict(cls.__dict__)
        annotations = namespace.get("__annotations__", {})
        inherited = [own for base in cls.__mro__[1:2] for own in getattr(base, "__record_fields__", ())]
        fields = []
        for name, type_ in annotations.items():
            given = namespace.pop(name, _MISSING)
            own = given if isinstance(given, _Field) else _Field(default=given)
            own.name = name
            own.type = type_
            fields.append(own)
        namespace.pop("__dict__", None)
        namespace.pop("__weakref__", None)
        for name, method in _METHODS.items():
            if name != "__repr__" or not inherited:  # the way in which a record is shown is inherited
                namespace.setdefault(name, method)
        # A class body that has __eq__ sets __hash__ to None; none here has.
        namespace["__slots__"] = tuple(annotations)
        namespace["__record_fields__"] = (*inherited, *fields)
        namespace["__record_kw_only__"] = kw_only
        if not kw_only:
            namespace["__match_args__"] = tuple(annotations)
        made = type(cls)(cls.__name__, cls.__bases__, namespace)
        made.__qualname__ = cls.__qualname__
        return made


__all__ = ["field", "record", "replace"]
