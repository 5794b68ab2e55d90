"""What of anything that comes from elsewhere is too much: all such limits, in one place. Pure.

Each is several times what the largest public channel has in 2026, so only a mistake or an attack
breaks one. What breaks one is left out and named like any other bad record: a client of this mirror
would have to parse the same text. Parsers that may crash or hang the process (brackets within
brackets end py-rattler's, many blanks keep it busy for minutes) get only what has passed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentLimit:
    """The most bytes of a kind of document, as it is sent and uncompressed."""

    sent: int
    unpacked: int

    def unpacked_from(self, sent: int) -> int:
        """The most bytes that a body of ``sent`` bytes may uncompress to."""
        return min(self.unpacked, in_proportion(sent))


def in_proportion(sent: int) -> int:
    """The most bytes that ``sent`` bytes may uncompress to, whatever they are."""
    return max(_ALWAYS, sent * _RATIO)


# Real repodata shrinks to a fifteenth; blanks and zeros, to a thirty-thousandth.
_RATIO = 100
_ALWAYS = 64 << 20  # bytes that any body may uncompress to

INDEX = DocumentLimit(sent=2 << 30, unpacked=4 << 30)
"""``repodata.json`` and what stands beside it; conda-forge's largest has 0.5 GB uncompressed."""
SHARD_INDEX = DocumentLimit(sent=64 << 20, unpacked=256 << 20)
"""A hash and a name for each package name; conda-forge has 30,000 of them."""
SHARD = DocumentLimit(sent=64 << 20, unpacked=512 << 20)
"""All records of one package name in a subdir."""

RECORDS = 10_000_000
"""Records of one subdir; conda-forge's largest has 0.7 million."""
RECORD_SIZE = 1 << 20
"""Bytes of one record as JSON; 5 kB is the longest known."""
BESIDE_SIZE = 512 << 20
"""Bytes of JSON below one key beside the records; sqlite takes no text of 1 GB."""
NESTING = 16
"""Levels of a record's JSON; real ones have three."""
ARTIFACT_SIZE = 1 << 40
"""Bytes that a record may give as its artifact's size."""
DEPENDENCIES = 10_000
"""Entries in one list of a record's dependencies; 183 is the longest known."""

SIDECAR = 4 << 20
"""Bytes of what lies beside an artifact, and what rattler takes; an attestation has 10 kB."""
WHEEL_SIZE = 64 << 30
"""Bytes of one wheel; the largest known have 4 GB."""
WHEEL_URL = 4_000
"""Characters of a wheel's address in a lock file; signed ones have a few hundred."""
WHEEL_DIRECTORY = 64 << 20
"""Bytes of a wheel's table of contents; the longest known have 2 MB."""
WHEEL_METADATA = 8 << 20
"""Bytes of a wheel's METADATA, with the project's description in it; 500 kB is long."""

SPEC_FILE = 32 << 20
"""Bytes of a lock file; the longest known have a few MB."""
ENVIRONMENT_FILE = 1 << 20
"""Bytes of an environment.yml, which is read by a parser that takes its time."""

NAME_MAPPING = 64 << 20
"""Bytes of what maps conda's names to PyPI's; 1 MB for conda-forge."""
NAME_MAPPING_DOCUMENT = 1 << 20
"""Bytes of what maps one artifact; some hundred are usual."""

PACKAGE_MEMBERS = 1_000_000
"""Files of one package, opened here; the largest have 100,000."""
PACKAGE_PATH = 4096
"""Bytes of a path in a package; no file system takes longer ones."""
PACKAGE_DEPTH = 64
"""Folders in a path in a package; real ones have twenty."""
PACKAGE_SIZE = 100 << 30
"""Bytes that a package may unpack to; the largest have a few GiB."""
_PACKAGE_RATIO = 200  # bzip2 shrinks a real package to a tenth, zeros to a forty-thousandth
_PACKAGE_ALWAYS = 1 << 30  # bytes that any package may unpack to: a file of blanks is honest
INFO_SIZE = 512 << 20
"""Bytes of all of ``info/`` of a package; with a test's data in it, real ones have 100 MiB."""
INFO_MEMBERS = 100_000
"""Files in ``info/``; those of large recipes are some thousands."""
INFO_DOCUMENT = 16 << 20
"""Bytes of one document of ``info/`` that is read whole; a few kB is usual."""
INFO_PATHS = 128 << 20
"""Bytes of ``info/paths.json``, ``info/files`` and the like: a line for each file."""

SPEC_LENGTH = 1_000
"""Characters of a MatchSpec, its condition included; 128 is the longest known."""
SPEC_DEPTH = 16
"""Brackets within brackets in a MatchSpec; real ones have two. 6,000 end the process."""
SPEC_WILDCARDS = 50
"""``*`` in a MatchSpec; 11 is the most known."""
SPEC_NUMBER = 19
"""Digits of a MatchSpec's build number; with more than 64 bits take py-rattler panics."""
VERSION_LENGTH = 250
"""Characters of a version; 24 is the longest known."""


def package_size(stored: int) -> int:
    """The most bytes that a package of ``stored`` bytes may unpack to."""
    return min(PACKAGE_SIZE, max(_PACKAGE_ALWAYS, stored * _PACKAGE_RATIO))


def spec_problem(text: str) -> str | None:
    """Which limit a MatchSpec breaks, None for none."""
    if len(text) <= SPEC_DEPTH:
        return None
    if len(text) > SPEC_LENGTH:
        return f"{shown(text)} has {len(text):,} characters, and {SPEC_LENGTH:,} are the most"
    if (count := text.count("*")) > SPEC_WILDCARDS:
        return f"{shown(text)} has {count} wildcards, and {SPEC_WILDCARDS} are the most"
    if text.count("(") + text.count("[") > SPEC_DEPTH and _depth(text) > SPEC_DEPTH:
        return f"{shown(text)} has brackets more than {SPEC_DEPTH} deep"
    if "build_number" in text and _LONG_NUMBER.search(text):
        return f"{shown(text)} has a build number of more than {SPEC_NUMBER} digits"
    return None


def version_problem(text: str) -> str | None:
    """Which limit a version breaks, None for none."""
    if len(text) > VERSION_LENGTH:
        return f"{shown(text)} has {len(text):,} characters, and {VERSION_LENGTH} are the most"
    return None


_LONG_NUMBER = re.compile(
    r"build_number\s*=\s*(?:'[^']*?|\"[^\"]*?|[^\],]*?)" + f"[0-9]{{{SPEC_NUMBER + 1}}}"
)


def _depth(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        if letter in "([":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]":
            depth -= 1
    return deepest


def shown(text: str) -> str:
    """The beginning of a text that is not trusted, for people and terminals."""
    return ascii(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!a}..."


_SHOWN = 60  # characters
