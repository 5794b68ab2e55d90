"""YAML that somebody else wrote, as plain texts, lists and mappings. Pure.

Guaranteed: nothing is nested deeper than a limit (libyaml's own composer ends the process with
what is), and every scalar is the text that stands there, so that a hash of digits alone is no
number. An alias is what it stands for, shared and not copied: a few lines of aliases of aliases
stand for more than any memory holds, so nothing of it is written out but by ``shown``. Merge keys
(``<<``) are keys like others.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import Any

_DEEPEST = 50  # levels; lock files have six

_SHOWN = reprlib.Repr()
_SHOWN.maxlevel = 2
_SHOWN.maxdict = _SHOWN.maxlist = 4
_SHOWN.maxstring = 300


def shown(value: Any) -> str:
    """A value for people, the beginning of it if it is long."""
    return value[:300] if isinstance(value, str) else _SHOWN.repr(value)


def load(text: str) -> Any:
    """A document's mappings, lists and texts; None for an empty one.

    Raises:
        ValueError: it is not YAML, holds several documents, or is nested absurdly deep.
    """
    import yaml

    try:
        return _document(yaml.parse(text, Loader=getattr(yaml, "CLoader", yaml.Loader)))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _document(events: Iterator[Any]) -> Any:
    import yaml

    anchors: dict[str, Any] = {}
    root: list[Any] = []
    opened: list[list[Any]] = [root]  # the items of what is not closed yet; of a mapping, in turn
    names: list[str | None] = []  # what they are called by aliases
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise ValueError(f"*{event.anchor} is not known")
            opened[-1].append(anchors[event.anchor])
        elif isinstance(event, yaml.ScalarEvent):
            opened[-1].append(event.value)
            if event.anchor:
                anchors[event.anchor] = event.value
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if len(opened) > _DEEPEST:
                raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
            opened.append([])
            names.append(event.anchor)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            items = opened.pop()
            is_list = isinstance(event, yaml.SequenceEndEvent)
            opened[-1].append(items if is_list else _mapping(items))
            if anchor := names.pop():
                anchors[anchor] = opened[-1][-1]
    if len(root) > 1:
        raise ValueError("there is more than one document in it")
    return root[0] if root else None


def _mapping(items: list[Any]) -> dict[str, Any]:
    """Keys that are no texts say nothing to anybody here."""
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}
