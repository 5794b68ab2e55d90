"""The difference between two generations of a channel: records added, removed and changed.

Guaranteed: it is that of the two ``repodata.json``, whoever made them, and nothing is changed. A
record of revision 3 is named ``v3/<filename>``, as its artifact may have another one.
One subdir is in memory at a time, one generation of it decoded; a subdir whose file is one and the
same in both is not read at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.base.repodata import REPODATA, Record, records_in
from volume.errors import StateError
from volume.generations import Generation
from volume.layout import Mirror
from volume.sections import V3, V3_SECTIONS, filename_of

_LONGEST = 60  # characters of a value that people see


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: ``old`` and ``new`` are None where the field is missing, too."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Changed:
    """A record that is in both, and not the same."""

    filename: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one subdir; ``same`` counts the records that are equal."""

    subdir: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()
    same: int = 0


def compare(
    mirror: Mirror, channel: str, older: Generation, newer: Generation
) -> Iterator[Difference]:
    """Compare two generations, subdir by subdir.

    Raises:
        StateError: one of them can't be read.
    """
    before, after = (mirror.generation(channel, one.number) for one in (older, newer))
    for folder in (before, after):
        if not folder.is_dir():
            raise StateError(f"{folder} is gone; choose another generation")
    subdirs = {path.parent.name for one in (before, after) for path in one.glob(f"*/{REPODATA}")}
    for subdir in sorted(subdirs):
        old, new = before / subdir / REPODATA, after / subdir / REPODATA
        if old.exists() and new.exists() and old.samefile(new) and subdir in newer.subdirs:
            yield Difference(subdir, same=newer.subdirs[subdir].records)
        else:
            yield _compare(subdir, old, new)


def _compare(subdir: str, old: Path, new: Path) -> Difference:
    # Texts, as the decoded records of two large indexes would not fit beside each other.
    left = {filename: _text(record) for filename, record in _records(old)}
    added: list[str] = []
    changed: list[Changed] = []
    same = 0
    for filename, record in _records(new):
        before = left.pop(filename, None)
        if before is None:
            added.append(filename)
        elif before == _text(record):
            same += 1
        else:
            changed.append(Changed(filename, _fields(json.loads(before), record)))
    changed.sort(key=lambda one: one.filename)
    return Difference(subdir, tuple(sorted(added)), tuple(sorted(left)), tuple(changed), same)


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        document = json.loads(path.read_bytes())
        for section, key, record in records_in(document):
            filename = filename_of(section, key)
            yield f"{V3}/{filename}" if section in V3_SECTIONS else filename, record
    except FileNotFoundError:
        return  # the subdir is new, or gone
    except (OSError, ValueError, AttributeError) as error:
        raise StateError(f"{path} can't be read: {error}") from error


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def _fields(old: Record, new: Record) -> tuple[Field, ...]:
    return tuple(
        Field(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if (name in old, old.get(name)) != (name in new, new.get(name))
    )


# -- in words --------------------------------------------------------------------------------------


def describe(found: Difference) -> str:
    """A subdir's difference, for people: a count, then one line for each record."""
    counts = [
        f"{count:,} {word}"
        for count, word in (
            (len(found.added), "added"),
            (len(found.removed), "removed"),
            (len(found.changed), "changed"),
        )
        if count
    ]
    lines = [f"{found.subdir}: {', '.join(counts) or 'nothing changed'}, {found.same:,} the same"]
    lines.extend(f"  added    {filename}" for filename in found.added)
    lines.extend(f"  removed  {filename}" for filename in found.removed)
    for one in found.changed:
        told = "; ".join(_describe(entry) for entry in one.fields)
        lines.append(f"  changed  {one.filename}: {told}")
    return "\n".join(lines)


def _describe(entry: Field) -> str:
    old, new = entry.old, entry.new
    if isinstance(old, list) and isinstance(new, list):
        parts = [f"gains {_short(item)}" for item in new if item not in old]
        parts += [f"loses {_short(item)}" for item in old if item not in new]
        return f"{entry.name} {', '.join(parts) or 'has another order'}"
    if old is None:
        return f"{entry.name} is new: {_short(new)}"
    if new is None:
        return f"{entry.name} is gone, was {_short(old)}"
    return f"{entry.name} was {_short(old)}, is {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
