"""Upstream's repodata of one subdir, as entries (CEP 36, CEP 48).

An entry is an artifact as upstream lists it, with a record in each section that lists it. Records
are kept as the JSON text that upstream sent; ``wanted`` decodes what a run needs of them. Pure: no
IO. What can't be an artifact is left out and reported, the rest stands. What is no record section
is kept as JSON texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from syncer.conda import envelope
from syncer.errors import IndexRejectedError
from volume import limits
from volume.errors import NameRefusedError
from volume.names import EXTENSIONS, ArtifactName, parse_artifact
from volume.program.sizes import counted
from volume.sections import (
    OLD_SECTIONS,
    SECTIONS,
    V3,
    V3_SECTIONS,
    WHEELS,
    extension_of,
    filename_of,
    v3_section_of,
)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An artifact as it is listed, undecoded. ``filename`` is as ``parse_artifact`` takes it.

    ``raw`` is its record in ``section``; ``twin`` is a second one in revision 3, if ``section`` is
    an old one (``volume/sections.py``). A struct, and little in it: a large channel has a million.
    """

    filename: str
    section: str
    raw: msgspec.Raw
    twin: msgspec.Raw | None = None

    @property
    def name(self) -> ArtifactName:
        """The filename, taken apart; each time anew, as most runs ask for few of them."""
        extension = extension_of(self.filename)
        name, version, build = self.filename[: -len(extension)].rsplit("-", 2)
        return ArtifactName(name, version, build, extension)

    @property
    def records(self) -> tuple[msgspec.Raw, ...]:
        """All records of it."""
        return (self.raw,) if self.twin is None else (self.raw, self.twin)

    @property
    def parts(self) -> tuple[Entry, ...]:
        """An entry for each of its records."""
        if self.twin is None:
            return (self,)
        in_v3 = Entry(self.filename, v3_section_of(self.filename), self.twin)
        return Entry(self.filename, self.section, self.raw), in_v3

    @property
    def digest(self) -> bytes:
        """A short hash of its records and their places: equal means that upstream changed nothing.

        Of one record in an old section it is that of the text, as it was before revision 3.
        """
        if self.twin is not None:
            text = b"%b\n%b" % (self.raw, self.twin)
        elif self.section in V3_SECTIONS:
            text = b"%b\n%b" % (self.section.encode(), self.raw)
        else:
            text = self.raw
        return hashlib.blake2b(text, digest_size=16).digest()


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
    filename. ``formats`` is what revision 3 lists in other formats than a conda package's, as JSON
    texts by extension; ``wheel_record`` takes the locked wheels out of it. ``unread`` are sections
    that are no maps: nobody knows what they list. ``twins`` is how many of the entries have two
    records.
    """

    subdir: str
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...]
    other_keys: dict[str, str]
    base_url: str | None
    run_exports: dict[str, str] = field(default_factory=dict)
    formats: dict[str, msgspec.Raw] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    twins: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether it is ``{}``, or as good as that."""
        return not (
            self.entries or self.refused or self.other_keys or self.base_url or self.formats
        )


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
        sections = {name: _decode_sections(document.pop(name, b"{}")) for name in OLD_SECTIONS}
        revision = _revision(document.pop(V3, msgspec.Raw(b"{}")))
        info = _decode_sections(document.pop("info", b"{}"))
        base_url = _base_url(info)
        beside = envelope.read(document, info)
    except (ValueError, RecursionError) as error:  # msgspec's errors, text that is no UTF-8
        raise IndexRejectedError(
            f"the index of {subdir} is not repodata ({error}); the published index stays as it is"
        ) from error
    refused = [
        *revision.refused,
        *(Refused(_shown(key), reason) for key, reason in beside.left_out.items()),
    ]
    count = sum(map(len, sections.values())) + sum(map(len, revision.sections.values()))
    if count > limits.RECORDS:
        raise IndexRejectedError(
            f"the index of {subdir} has {count:,} records, and {limits.RECORDS:,} are the most; the"
            " published index stays as it is"
        )
    twins = {
        section: dict(listed(section, records, refused))
        for section, records in revision.sections.items()
    }
    in_v3 = sum(map(len, twins.values()))
    entries: list[Entry] = []
    for section, records in sections.items():
        artifacts = listed(section, records, refused)
        if others := twins.get(_SAME_FORMAT[section]):
            entries += [
                Entry(name, section, raw, others.pop(name, None)) for name, raw in artifacts
            ]
        else:
            entries += [Entry(name, section, raw) for name, raw in artifacts]
    alone_in_v3 = sum(map(len, twins.values()))
    for section, alone in twins.items():
        entries += [Entry(filename, section, raw) for filename, raw in alone.items()]
    return Index(
        subdir=subdir,
        entries=tuple(entries),
        refused=tuple(refused),
        other_keys=beside.kept,
        base_url=base_url,
        formats=revision.formats,
        unread=revision.unread,
        twins=in_v3 - alone_in_v3,
    )


_SAME_FORMAT = {
    old: v3
    for old, extension in OLD_SECTIONS.items()
    for v3, other in V3_SECTIONS.items()
    if extension == other
}


def listed(
    section: str, records: dict[str, msgspec.Raw], refused: list[Refused]
) -> Iterator[tuple[str, msgspec.Raw]]:
    """The artifacts of a section with their records; what can be none goes to ``refused``."""
    extension = SECTIONS[section]
    is_v3 = section in V3_SECTIONS
    for key, raw in records.items():
        filename = filename_of(section, key) if is_v3 else key
        try:
            if len(raw) > limits.RECORD_SIZE:
                reason = (
                    f"its record has {len(raw):,} bytes, and {limits.RECORD_SIZE:,} are the most"
                )
            elif is_v3 and key.endswith(EXTENSIONS):
                filename = key
                reason = f"it is listed under {section!r}, where a key has no extension (CEP 48)"
            elif parse_artifact(filename).extension != extension:
                reason = f"it is listed under {section!r}, which is for the other format"
            else:
                yield filename, raw
                continue
        except NameRefusedError as error:
            reason = str(error)
        refused.append(Refused(_shown(filename), reason))


class _Revision(NamedTuple):
    """What stands under ``v3``."""

    sections: dict[str, dict[str, msgspec.Raw]]
    formats: dict[str, msgspec.Raw]
    unread: frozenset[str]
    refused: list[Refused]


def _revision(raw: msgspec.Raw) -> _Revision:
    try:
        formats = _decode_sections(raw)
    except (ValueError, RecursionError):
        return _Revision({}, {}, frozenset(V3_SECTIONS), [unread(V3)])
    sections = {}
    bad = set()
    for section, extension in V3_SECTIONS.items():
        if section == WHEELS:
            continue  # ``wheel_record`` decides on them
        try:
            sections[section] = _decode_sections(formats.pop(extension[1:], b"{}"))
        except (ValueError, RecursionError):
            bad.add(section)
    return _Revision(sections, formats, frozenset(bad), [unread(one) for one in sorted(bad)])


def unread(section: str) -> Refused:
    """What is said of a section that is no map."""
    return Refused(
        section,
        "it is no map (CEP 48): what upstream may list there is not known, so that nothing of it is"
        " new and nothing of its format leaves",
    )


def format_problems(index: Index) -> list[Refused]:
    """What is said of formats that are not mirrored: each once, with the number of its records."""
    found = []
    for extension, raw in sorted(index.formats.items()):
        try:
            count = len(_decode_sections(raw))
            lists = counted(count, "record")
        except (ValueError, RecursionError):
            count, lists = 1, "what is no map of records"
        if count:
            section = f"{V3}.{extension}"
            why = _NOT_LOCKED if section == WHEELS else "which is not mirrored: left out"
            reason = f"upstream lists {lists} in this format, {why}"
            found.append(Refused(_shown(section), reason))
    if more := found[_NAMED:]:
        reason = f"and {len(more):,} more formats, which are not mirrored: left out"
        found[_NAMED:] = [Refused(V3, reason)]
    return found


_NOT_LOCKED = "and WHEELS=locked mirrors those that lock files name: left out"
_NAMED = 20  # formats that are named one by one; two or three are known


def _shown(filename: str) -> str:
    """A name that is not trusted, for people and terminals."""
    short = filename[:200]
    return short if short.isascii() and short.isprintable() else ascii(short)[:200]


def _base_url(info: dict[str, msgspec.Raw]) -> str | None:
    value = msgspec.json.decode(info["base_url"]) if "base_url" in info else None
    return value if isinstance(value, str) and value else None
