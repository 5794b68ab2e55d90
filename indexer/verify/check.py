"""The check: what is verified against what, and how a finding is worded."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from indexer.base import addresses
from indexer.base.errors import VerificationError
from indexer.base.repodata import CHANNELDATA, Record
from indexer.generations.generation import Draft, is_published
from indexer.records.known_names import KnownNames
from indexer.records.listing import Listing
from indexer.records.rows import Row, Rows
from volume.layout import Mirror
from volume.sections import OLD_SECTIONS, V3

NONE: frozenset[str] = frozenset()
_RECORDS = frozenset({*OLD_SECTIONS, V3})
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

    def addresses(
        self,
        subdir: str,
        where: str,
        document: Mapping[str, Any],
        *,
        own: frozenset[str] = NONE,
        spared: frozenset[str] = NONE,
    ) -> None:
        """Refuse what leads clients elsewhere in what a document says beside the records.

        Args:
            own: addresses that its ``info`` must have, and which must be empty.
            spared: keys of its ``info`` that are verified otherwise.

        Raises:
            VerificationError: there is something, or it is of another subdir.
        """
        info = document.get("info")
        info = dict(info) if isinstance(info, Mapping) else {}
        if info.get("subdir") != subdir:
            raise self.fail(subdir, f"{where} says that it is of subdir {info.get('subdir')!r}")
        self._refuse(subdir, where, [key for key in sorted(own) if info.pop(key, None) != ""])
        self._refuse(subdir, where, map(".".join, addresses.escapes(info, spared=spared)))
        self.beside(subdir, where, {key: document[key] for key in document if key != "info"})

    def beside(self, subdir: str, where: str, document: Mapping[str, Any]) -> None:
        """Refuse what leads clients elsewhere in all but the records.

        Raises:
            VerificationError: there is something.
        """
        rest = {str(key): document[key] for key in document if key not in _RECORDS}
        if rest:  # nothing in nearly every shard
            self._refuse(subdir, where, map(".".join, addresses.escapes(rest)))

    def channeldata(self) -> None:
        """Refuse a ``channeldata.json`` that has what a client would follow.

        One that is published was looked at when it was new; its bytes are looked at again.

        Raises:
            VerificationError: it has, or it is missing or malformed.
        """
        path = self.draft.folder / CHANNELDATA
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise self.fail("noarch", f"{CHANNELDATA} is missing") from None
        if is_published(self.draft, CHANNELDATA) and not addresses.may_have_followed(data):
            return
        document = self.load(".", CHANNELDATA)
        packages = document.pop("packages", None)
        if not isinstance(packages, Mapping):
            raise self.fail("noarch", f"{CHANNELDATA} has no packages")
        self._refuse("noarch", CHANNELDATA, map(".".join, addresses.escapes(document)))
        for name, entry in packages.items():
            if isinstance(entry, Mapping) and (keys := addresses.followed_entry(entry)):
                self._refuse("noarch", CHANNELDATA, [f"{name}.{key}" for key in keys])

    def _refuse(self, subdir: str, where: str, found: Iterable[str]) -> None:
        if shown := list(itertools.islice(found, _NAMED)):
            raise self.fail(subdir, f"{where} leads clients elsewhere by {', '.join(shown)}")

    def record_address(self, subdir: str, row: Row) -> None:
        """Refuse a record that leads clients elsewhere than to the file beside its index.

        Raises:
            VerificationError: it does.
        """
        if addresses.sends_away(row.record, row.filename):
            raise self.fail(subdir, f"the record of {row.filename} leads clients elsewhere by url")


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
