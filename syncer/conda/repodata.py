"""Upstream's repodata of one subdir, as entries (CEP 36, CEP 48).

Records are kept as the JSON text that upstream sent; only what a run needs of them is decoded, and
only for the artifacts it needs it of. Pure: no IO. A malformed record is left out and reported, the
rest stands. What is no record section is kept as JSON texts.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from syncer.errors import IndexRejectedError
from volume import limits
from volume.errors import NameRefusedError
from volume.ledger.schema import DOCUMENT
from volume.names import ArtifactName, parse_artifact

# The record sections, by the artifacts' extension.
SECTIONS = {".tar.bz2": "packages", ".conda": "packages.conda"}

_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
# A number of 19 digits, or with an exponent; also what looks so within a text.
_LONG_NUMBER = re.compile(rb"[:,\[\s]-?(?:[0-9]{19}|[0-9.]+[eE])")


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record, undecoded. ``filename`` is an artifact's, as ``parse_artifact`` takes it.

    A struct, and little in it: a large channel has a million of them.
    """

    filename: str
    section: str
    raw: msgspec.Raw

    @property
    def name(self) -> ArtifactName:
        """The filename, taken apart; each time anew, as most runs ask for few of them."""
        extension = ".conda" if self.filename.endswith(".conda") else ".tar.bz2"
        name, version, build = self.filename[: -len(extension)].rsplit("-", 2)
        return ArtifactName(name, version, build, extension)

    @property
    def digest(self) -> bytes:
        """A short hash of the text: equal means that upstream changed nothing."""
        return hashlib.blake2b(self.raw, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is left out, and why."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class Index:
    """One subdir's repodata. ``base_url`` is where its artifacts are, if elsewhere (CEP 15).

    ``other_keys`` are those of the document that hold no records, and of its ``info``, as JSON
    texts. ``run_exports`` are those that came along with the records (CEP 21), as JSON texts by
    filename.
    """

    subdir: str
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...]
    other_keys: dict[str, str]
    base_url: str | None
    run_exports: dict[str, str] = field(default_factory=dict)

    @property
    def says_nothing(self) -> bool:
        """Whether it is ``{}``, or as good as that."""
        return not (self.entries or self.refused or self.other_keys or self.base_url)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An artifact that is not on the volume as upstream has it.

    ``size`` is in bytes; records of before 2019 may lack it, then None.
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
_decode_sections = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def empty(subdir: str) -> Index:
    """The index of a subdir that upstream does not have."""
    return Index(subdir, (), (), {}, None)


def parse(data: bytes | bytearray, subdir: str) -> Index:
    """Take repodata.json apart. ``{}`` is an index without records: conda has told people so.

    Raises:
        IndexRejectedError: it is not repodata.
    """
    try:
        document = _decode_sections(data)
        sections = {name: _decode_sections(document.pop(name, b"{}")) for name in SECTIONS.values()}
        info = _decode_sections(document.pop("info", b"{}"))
        base_url = _base_url(info)
        refused = _withhold(document, info)
        other_keys = _other_keys(document, info)
    except (ValueError, RecursionError) as error:  # msgspec's errors, text that is no UTF-8
        raise IndexRejectedError(
            f"the index of {subdir} is not repodata ({error}); the published index stays as it is"
        ) from error
    if (count := sum(map(len, sections.values()))) > limits.RECORDS:
        raise IndexRejectedError(
            f"the index of {subdir} has {count:,} records, and {limits.RECORDS:,} are the most; the"
            " published index stays as it is"
        )
    entries: list[Entry] = []
    for section, records in sections.items():
        for filename, raw in records.items():
            try:
                if len(raw) > limits.RECORD_SIZE:
                    reason = (
                        f"its record has {len(raw):,} bytes, and {limits.RECORD_SIZE:,} are the"
                        " most"
                    )
                    refused.append(Refused(_shown(filename), reason))
                elif SECTIONS[parse_artifact(filename).extension] == section:
                    entries.append(Entry(filename, section, raw))
                else:
                    reason = f"it is listed under {section!r}, which is for the other format"
                    refused.append(Refused(_shown(filename), reason))
            except NameRefusedError as error:
                refused.append(Refused(_shown(filename), str(error)))
    return Index(
        subdir=subdir,
        entries=tuple(entries),
        refused=tuple(refused),
        other_keys=other_keys,
        base_url=base_url,
    )


def _shown(filename: str) -> str:
    """A name that is not trusted, for people and terminals."""
    short = filename[:200]
    return short if short.isascii() and short.isprintable() else ascii(short)[:200]


def _withhold(document: dict[str, msgspec.Raw], info: dict[str, msgspec.Raw]) -> list[Refused]:
    """Take out what is too large to be kept."""
    refused = []
    for place, prefix in ((document, ""), (info, "info.")):
        for key in [key for key, raw in place.items() if len(raw) > limits.BESIDE_SIZE]:
            size = len(place.pop(key))
            reason = f"it has {size:,} bytes, and {limits.BESIDE_SIZE:,} are the most"
            refused.append(Refused(_shown(f"{prefix}{key}"), reason))
    return refused


def _other_keys(document: dict[str, msgspec.Raw], info: dict[str, msgspec.Raw]) -> dict[str, str]:
    """What else upstream says, by key; an ``info`` key becomes ``info.<key>``."""
    kept = {
        key: bytes(raw).decode()
        for key, raw in document.items()
        # What the ledger keeps documents under can't be a section's name too.
        if key != "repodata_version" and not key.startswith((DOCUMENT, "info."))
    }
    for key, raw in info.items():
        # These two are ours to say: where we serve it, and which subdir it is.
        if key not in {"base_url", "subdir"}:
            kept[f"info.{key}"] = bytes(raw).decode()
    return kept


def _base_url(info: dict[str, msgspec.Raw]) -> str | None:
    value = msgspec.json.decode(info["base_url"]) if "base_url" in info else None
    return value if isinstance(value, str) and value else None


def _check(text: bytes) -> None:
    """Refuse what some client or the indexer's engine would stumble over.

    Raises:
        ValueError: it is no JSON, nested absurdly deep, or holds a number that 64 bits can't.
    """
    value = msgspec.json.decode(text)
    # Nearly no text can hold such a thing, and a look at it costs a fifth of one at each value.
    if text.count(b"{") + text.count(b"[") > limits.NESTING or _LONG_NUMBER.search(text):
        _check_values(value)


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


def wanted(entry: Entry, subdir: str) -> Wanted | Refused:
    """Decode what a download of this entry needs, or say why it is left out."""
    try:
        fields = _decode_fields(entry.raw)
        text = bytes(entry.raw)
        record = text.decode()
        _check(text)
    except (ValueError, RecursionError) as error:  # msgspec's errors, text that is no UTF-8
        return Refused(entry.filename, f"its record is malformed: {error}")
    # Selection goes by the filename, so the record must not say otherwise.
    name = entry.name
    if (fields.name, fields.version, fields.build) != (name.name, name.version, name.build):
        return Refused(
            entry.filename,
            f"its record is of {fields.name[:80]!r} {fields.version[:80]!r} {fields.build[:80]!r}:"
            " not what its filename says",
        )
    if fields.size is not None and not 0 < fields.size < limits.ARTIFACT_SIZE:
        return Refused(entry.filename, f"its record gives an impossible size: {fields.size}")
    if (problem := broken_limit(entry)) is not None:
        return Refused(entry.filename, problem)
    hashes = {"sha256": fields.sha256, "md5": fields.md5}
    for kind, value in hashes.items():
        if value is not None and not _HEX[kind].fullmatch(value.lower()):
            return Refused(entry.filename, f"its record gives a malformed {kind}: {value[:80]!r}")
    if fields.sha256 is None and fields.md5 is None:
        return Refused(entry.filename, "its record gives neither sha256 nor md5: not verifiable")
    return Wanted(
        subdir=subdir,
        filename=entry.filename,
        section=entry.section,
        size=fields.size,
        sha256=fields.sha256.lower() if fields.sha256 else None,
        md5=fields.md5.lower() if fields.md5 else None,
        digest=entry.digest,
        record=record,
    )


def broken_limit(entry: Entry) -> str | None:
    """Which limit a record's dependencies break, None for none; a malformed record breaks none."""
    text = bytes(entry.raw)
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
