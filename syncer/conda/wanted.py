"""What a download needs of an entry's records, decoded; or why it is left out. Pure.

Guaranteed: of an artifact with a record in each revision of repodata (CEP 48) a record that nobody
can use harms the other one as little as it harms other artifacts; two that disagree about its bytes
are both left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from syncer.conda.repodata import Entry, Refused
from syncer.conda.wheel_record import place
from volume import limits
from volume.errors import NameRefusedError
from volume.sections import V3_SECTIONS, WHEELS

_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
# A number of 19 digits, or with an exponent; also what looks so within a text.
_LONG_NUMBER = re.compile(rb"[:,\[\s]-?(?:[0-9]{19}|[0-9.]+[eE])")
# The end of a key; also what looks so within a text.
_KEY_END = re.compile(rb'"\s*:')


@dataclass(frozen=True, slots=True)
class Wanted:
    """An artifact that is not on the volume as upstream has it.

    ``size`` is in bytes; records of before 2019 may lack it, then None. ``record`` and ``twin`` are
    as in ``volume.ledger.artifact.Artifact``.
    """

    subdir: str
    filename: str
    section: str
    size: int | None
    sha256: str | None
    md5: str | None
    digest: bytes
    record: str
    twin: str | None = None


class _Dependencies(msgspec.Struct):
    depends: Any = ()
    constrains: Any = ()
    extra_depends: Any = ()


class _Fields(msgspec.Struct):
    name: str
    version: str
    build: str
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


_decode_dependencies = msgspec.json.Decoder(_Dependencies).decode
_decode_fields = msgspec.json.Decoder(_Fields).decode


def _check(text: bytes) -> None:
    """Refuse what some client or the indexer's engine would stumble over.

    Raises:
        ValueError: it is no JSON, nested absurdly deep, holds a number that 64 bits can't, or says
            a thing twice: of two values some programs take the first, others the last, or neither.
    """
    value = msgspec.json.decode(text)
    keys = len(value) if text.count(b"{") == 1 else _keys(value)
    # There are no fewer colons than keys, so nearly every record is told by their number.
    if text.count(b":") != keys and len(_KEY_END.findall(text)) != keys:
        json.loads(text, object_pairs_hook=_said_once)
    # Nearly no text can hold such a thing, and a look at it costs a fifth of one at each value.
    if text.count(b"{") + text.count(b"[") > limits.NESTING or _LONG_NUMBER.search(text):
        _check_values(value)


def _keys(value: object) -> int:
    """How many keys the maps in a value have."""
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


def _said_once(pairs: list[tuple[str, object]]) -> None:
    """Refuse a map that has a key twice."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"it says {key[:80]!a} twice")
        seen.add(key)


def _check_values(value: object, depth: int = 0) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        if depth == limits.NESTING:
            raise ValueError(f"it is nested more than {limits.NESTING} levels deep")
        for item in value:
            _check_values(item, depth + 1)
    elif isinstance(value, int | float) and not -(2**63) <= value < 2**63:
        raise ValueError("it holds a number beyond 64 bits")


def sound(entry: Entry) -> tuple[Entry, Refused | None]:
    """An entry without the one of its two records that nobody can use, and what is said of that.

    The other record is published alone. An entry of one record is returned as it is, and so is one
    whose records are both good, or both bad: ``wanted`` decides on it.
    """
    if entry.twin is None:
        return entry, None
    parts = entry.parts
    first, second = (_read(part) for part in parts)
    if isinstance(first, Refused) and not isinstance(second, Refused):
        return parts[1], first
    if isinstance(second, Refused) and not isinstance(first, Refused):
        return parts[0], second
    return entry, None


def wanted(entry: Entry, subdir: str) -> Wanted | Refused:
    """Decode what a download of this entry needs, or say why it is left out."""
    found = _read(entry)
    if isinstance(found, Refused):
        return found
    if entry.twin is not None:
        return _both(entry, found, subdir)
    return _wanted(entry, subdir, found, None)


def _both(entry: Entry, first: _Read, subdir: str) -> Wanted | Refused:
    _, in_v3 = entry.parts
    second = _read(in_v3)
    if isinstance(second, Refused):
        return second
    for what, ours, theirs in (
        ("size", first.size, second.size),
        ("sha256", first.sha256, second.sha256),
        ("md5", first.md5, second.md5),
    ):
        if ours != theirs and ours is not None and theirs is not None:
            return Refused(
                entry.filename,
                f"its records in {entry.section} and {in_v3.section} disagree about its {what},"
                f" {ours} and {theirs}: both are left out",
            )
    joined = _Read(
        size=second.size if first.size is None else first.size,
        sha256=first.sha256 or second.sha256,
        md5=first.md5 or second.md5,
        text=first.text,
    )
    return _wanted(entry, subdir, joined, second.text)


def _wanted(entry: Entry, subdir: str, said: _Read, twin: str | None) -> Wanted:
    return Wanted(
        subdir=subdir,
        filename=entry.filename,
        section=entry.section,
        size=said.size,
        sha256=said.sha256,
        md5=said.md5,
        digest=entry.digest,
        record=said.text,
        twin=twin,
    )


class _Read(NamedTuple):
    """What one record says of the bytes, hashes in lower case; and its text."""

    size: int | None
    sha256: str | None
    md5: str | None
    text: str


def _read(entry: Entry) -> _Read | Refused:
    """One record of an entry, or why nobody can use it."""
    try:
        fields = _decode_fields(entry.raw)
        content = bytes(entry.raw)
        text = content.decode()
        _check(content)
    except (ValueError, RecursionError) as error:  # msgspec's errors, text that is no UTF-8
        return _refused(entry, f"is malformed: {error}")
    # Selection goes by the filename, so the record must not say otherwise.
    name = entry.name
    if (fields.name, fields.version, fields.build) != (name.name, name.version, name.build):
        return _refused(
            entry,
            f"is of {fields.name[:80]!r} {fields.version[:80]!r} {fields.build[:80]!r}:"
            " not what its filename says",
        )
    if fields.size is not None and not 0 < fields.size < limits.ARTIFACT_SIZE:
        return _refused(entry, f"gives an impossible size: {fields.size}")
    if (problem := _broken_limit(content)) is not None:
        return _refused(entry, f"breaks a limit; {problem}")
    sha256 = fields.sha256.lower() if fields.sha256 is not None else None
    md5 = fields.md5.lower() if fields.md5 is not None else None
    for kind, value in (("sha256", sha256), ("md5", md5)):
        if value is not None and not _HEX[kind].fullmatch(value):
            return _refused(entry, f"gives a malformed {kind}: {value[:80]!r}")
    if entry.section == WHEELS:
        try:
            place(text)
        except (ValueError, NameRefusedError) as error:
            return _refused(entry, f"does not say where its wheel is: {error}")
    if sha256 is None and md5 is None:
        return _refused(entry, "gives neither sha256 nor md5: not verifiable")
    return _Read(fields.size, sha256, md5, text)


def _refused(entry: Entry, problem: str) -> Refused:
    where = f" in {entry.section}" if entry.section in V3_SECTIONS else ""
    return Refused(entry.filename, f"its record{where} {problem}")


def broken_limit(entry: Entry) -> str | None:
    """Which limit the dependencies of a record break, None for none; malformed ones break none."""
    problems = (_broken_limit(bytes(raw)) for raw in entry.records)
    return next((problem for problem in problems if problem is not None), None)


def _broken_limit(text: bytes) -> str | None:
    if (
        len(text) <= limits.SPEC_LENGTH
        and b"\\" not in text
        and text.count(b"(") + text.count(b"[") <= limits.SPEC_DEPTH
        and text.count(b"*") <= limits.SPEC_WILDCARDS
        and text.count(b"build_number") == text.count(b'"build_number"')  # the record's own
    ):
        return None  # as nearly always: no string in it can
    try:
        found = _decode_dependencies(text)
    except (ValueError, RecursionError):
        return None
    for key in ("depends", "constrains", "extra_depends"):
        value = getattr(found, key)
        for specs in value.values() if isinstance(value, dict) else (value,):
            if not isinstance(specs, list | tuple):
                continue
            if len(specs) > limits.DEPENDENCIES:
                return f"its {key} has {len(specs):,} entries, {limits.DEPENDENCIES:,} are the most"
            for spec in specs:
                if (problem := limits.spec_problem(_text(spec))) is not None:
                    return f"its {key}: {problem}"
    return None


def _text(spec: Any) -> str:
    """A dependency as it is parsed; what is none (yet) is parsed by nobody."""
    if isinstance(spec, dict):
        return " ".join(map(str, spec.values()))
    return spec if isinstance(spec, str) else ""
