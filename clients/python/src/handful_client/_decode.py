"""JSON as the dataclasses of `models`.

What an answer has besides their fields is left out, so a newer service may add some.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from functools import cache
from keyword import iskeyword
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def decode(kind: type[T], value: object) -> T:
    """The value as an instance of a type. Raises `ValueError` if it is none."""
    return cast(T, _decode(kind, value))


def _decode(kind: Any, value: object) -> object:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _instance(cast(Callable[..., object], kind), value)
    if origin in (Union, UnionType):
        return _optional(get_args(kind), value)
    if origin is list and isinstance(value, list):
        (item,) = get_args(kind)
        return [_decode(item, each) for each in value]
    if origin is dict and isinstance(value, dict):
        _, item = get_args(kind)
        return {key: _decode(item, each) for key, each in value.items()}
    if origin is Literal and value in get_args(kind):
        return value
    return _plain(kind, value)


def _optional(kinds: tuple[Any, ...], value: object) -> object:
    if value is None and NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    return _decode(kind, value)


def _plain(kind: Any, value: object) -> object:
    # JSON has one kind of number, and `True` is an `int` of Python.
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is datetime and isinstance(value, str):
        # Python 3.10 does not read the `Z`.
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise ValueError(f"expected {getattr(kind, '__name__', kind)}, got {value!r:.100}")


def _instance(kind: Callable[..., object], value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"expected {kind.__name__}, got {value!r:.100}")
    arguments = {}
    for name, key, hint, is_required in _fields(kind):
        if key not in value and not is_required:
            continue
        try:
            arguments[name] = _decode(hint, value[key])
        except KeyError:
            raise ValueError(f"{kind.__name__} has no `{key}`") from None
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return kind(**arguments)


@cache
def _fields(kind: Any) -> list[tuple[str, str, Any, bool]]:
    """Name, key in JSON, type, and whether the key must be there."""
    hints = get_type_hints(kind)
    return [
        (field.name, _key(field.name), hints[field.name], field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    ]


def _key(name: str) -> str:
    """`class` of `class_`."""
    key = name.removesuffix("_")
    return key if iskeyword(key) else name
