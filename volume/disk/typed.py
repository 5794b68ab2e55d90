"""Plain data as the dataclass that it was, whichever version wrote it. Pure.

Guaranteed: nothing is refused. A field that this version does not know is ignored; one that is
missing, or of another type than here, has its default.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


@cache
def _types_of(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def record(kind: type[T], found: Mapping[str, Any]) -> T:
    """A dataclass of that kind, of which every field has a default."""
    hints = _types_of(kind)  # type: ignore[arg-type]
    understood = {}
    for one in fields(kind):  # type: ignore[arg-type]
        try:
            understood[one.name] = _value(hints[one.name], found[one.name])
        except (KeyError, TypeError):
            continue  # the default
    return kind(**understood)


def _value(kind: Any, found: Any) -> Any:
    """What was found, as that type.

    Raises:
        TypeError: it is of another.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:  # only ever "or None"
        return None if found is None else _value(arguments[0], found)
    if origin is tuple and isinstance(found, list):
        return tuple(_understood(arguments[0], enumerate(found)).values())
    if origin is Mapping and isinstance(found, Mapping):
        return _understood(arguments[1], found.items())
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(found, Mapping):
        return record(kind, found)
    if kind is float and _is_number(found):
        return float(found)
    if kind is int and _is_number(found):
        return int(found)
    if kind in {str, bool} and isinstance(found, kind):
        return found
    raise TypeError(kind)


def _understood(kind: Any, found: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Those of the values that are of a type, by their keys."""
    understood = {}
    for key, value in found:
        with contextlib.suppress(TypeError):
            understood[key] = _value(kind, value)
    return understood


def _is_number(found: Any) -> bool:
    if not isinstance(found, int | float) or isinstance(found, bool):
        return False
    return abs(found) <= sys.float_info.max  # no NaN, no infinity, no integer beyond them
