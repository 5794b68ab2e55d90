"""The check: what is verified against what, and how a finding is worded."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from indexer.base.errors import VerificationError
from indexer.base.repodata import Record
from indexer.generations.generation import Draft
from indexer.records.known_names import KnownNames
from indexer.records.listing import Listing
from indexer.records.rows import Rows
from volume.layout import Mirror

_NAMED = 3  # names quoted in a message


@dataclass(frozen=True, slots=True)
class Check:
    """A draft and what it must hold; artifacts committed up to ``serial`` were seen before.

    ``known`` proves which shards were verified before; without it none were.
    """

    mirror: Mirror
    draft: Draft
    listing: Listing
    serial: int
    rows: Rows
    known: KnownNames | None = None

    def fail(self, subdir: str, fact: str) -> VerificationError:
        return VerificationError(self.draft.channel, subdir, fact)

    def load(self, subdir: str, name: str) -> dict[str, Any]:
        """A document of the draft, decoded.

        Raises:
            VerificationError: it can't be.
        """
        try:
            document = json.loads((self.draft.folder / subdir / name).read_bytes())
        except (OSError, ValueError) as error:
            raise self.fail(subdir, f"{name} can't be read: {error}") from error
        if not isinstance(document, dict):
            raise self.fail(subdir, f"{name} is not an object")
        return document

    def sets(
        self, subdir: str, where: str, missing: Collection[str], extra: Collection[str]
    ) -> None:
        """Refuse what is missing and what is too much.

        Raises:
            VerificationError: there is something.
        """
        for fact, filenames in (("lacks", missing), ("lists without reason", extra)):
            if filenames:
                shown = ", ".join(sorted(filenames)[:_NAMED])
                raise self.fail(
                    subdir, f"{where} {fact} {len(filenames)} artifacts, such as {shown}"
                )

    def addresses(self, subdir: str, where: str, info: Any) -> None:
        """Refuse an ``info`` of another subdir, or one that leads clients elsewhere.

        Raises:
            VerificationError: it is one.
        """
        info = info if isinstance(info, dict) else {}
        if info.get("subdir") != subdir:
            raise self.fail(subdir, f"{where} says that it is of subdir {info.get('subdir')!r}")
        for key in ("base_url", "shards_base_url"):
            value = info.get(key, "")
            if not isinstance(value, str) or "://" in value or value.startswith("/"):
                raise self.fail(subdir, f"{where} leads clients elsewhere: {key} is {value!r}")


@dataclass(slots=True)
class Names:
    """By package name: the filenames that a subdir lists, and the fingerprint of their rows."""

    filenames: dict[str, list[str]]
    fingerprints: dict[str, bytes]


def difference(filename: str, expected: Record, found: Record) -> str:
    """In which fields two records of an artifact differ."""
    fields = sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
    return f"the record of {filename} differs from the committed one in {', '.join(fields)}"
