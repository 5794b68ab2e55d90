"""What a filename and the ledger tell of an artifact when its record is not read or gone. Pure."""

from __future__ import annotations

import msgspec

from syncer.conda.record import Candidate, Facts
from syncer.conda.repodata import Entry
from volume.errors import NameRefusedError
from volume.ledger.artifact import Known
from volume.names import parse_artifact


def of_filename(entry: Entry) -> Facts:
    """What a filename alone tells of a record."""
    name = entry.name
    return Facts(name=name.name, version=name.version, build=name.build)


def named(channel: str, subdir: str, filename: str) -> Candidate | None:
    """An artifact of which there is only the filename; None for one that is none."""
    try:
        parse_artifact(filename)
    except NameRefusedError:
        return None
    entry = Entry(filename, "", msgspec.Raw(b"{}"))
    return Candidate(channel, subdir, entry, of_filename(entry))


def unlisted(channel: str, subdir: str, filename: str, known: Known) -> Candidate | None:
    """A committed artifact that upstream does not list; None for a name that is none."""
    found = named(channel, subdir, filename)
    if found is None:
        return None
    told = msgspec.structs.replace(found.facts, size=known.size, sha256=known.sha256, md5=known.md5)
    return msgspec.structs.replace(found, facts=told)
