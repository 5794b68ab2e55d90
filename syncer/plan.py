"""Desired against present: what one run does to one subdir. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syncer.repodata import Index, Refused, Wanted, wanted
from syncer.selection import Selection
from volume.ledger import Known


@dataclass(frozen=True, slots=True)
class SubdirPlan:
    """What changes in one subdir. Sizes are in bytes.

    ``hotfixed`` artifacts keep their bytes and change their record only.
    """

    subdir: str
    new: tuple[Wanted, ...]
    replaced: tuple[Wanted, ...]
    hotfixed: tuple[Wanted, ...]
    retired: tuple[str, ...]
    retired_size: int
    kept: int
    kept_size: int
    refused: tuple[Refused, ...]
    offered: int

    @property
    def downloads(self) -> tuple[Wanted, ...]:
        return self.new + self.replaced

    @property
    def download_size(self) -> int:
        return download_size(self.downloads)

    @property
    def changes_nothing(self) -> bool:
        return not (self.new or self.replaced or self.hotfixed or self.retired)


def plan_subdir(index: Index, selection: Selection, known: Mapping[str, Known]) -> SubdirPlan:
    """Compare what upstream lists and we want with what is committed."""
    new: list[Wanted] = []
    replaced: list[Wanted] = []
    hotfixed: list[Wanted] = []
    refused = list(index.refused)
    desired: set[str] = set()
    kept = kept_size = 0
    for entry in index.entries:
        if not selection.wants(entry.name.name):
            continue
        present = known.get(entry.filename)
        if present is not None and present.digest == entry.digest:
            desired.add(entry.filename)
            kept += 1
            kept_size += present.size
            continue
        artifact = wanted(entry, index.subdir)
        if isinstance(artifact, Refused):
            refused.append(artifact)
            # A record that turned bad does not take the good one down that we have.
            if present is not None:
                desired.add(entry.filename)
                kept += 1
                kept_size += present.size
            continue
        desired.add(entry.filename)
        if present is None:
            new.append(artifact)
        elif _same_bytes(artifact, present):
            hotfixed.append(artifact)
            kept += 1
            kept_size += present.size
        else:
            replaced.append(artifact)
    retired = tuple(sorted(known.keys() - desired))
    return SubdirPlan(
        subdir=index.subdir,
        new=tuple(new),
        replaced=tuple(replaced),
        hotfixed=tuple(hotfixed),
        retired=retired,
        retired_size=sum(known[filename].size for filename in retired),
        kept=kept,
        kept_size=kept_size,
        refused=tuple(refused),
        offered=len(index.entries),
    )


def _same_bytes(artifact: Wanted, present: Known) -> bool:
    if artifact.size is not None and artifact.size != present.size:
        return False
    if artifact.sha256 is not None:
        return artifact.sha256 == present.sha256
    # Old channels have no sha256: what their record says of md5 is the best evidence there is.
    return artifact.md5 is not None and artifact.md5 == present.md5


def download_size(artifacts: Iterable[Wanted]) -> int:
    """Bytes to download, as far as the records tell."""
    return sum(artifact.size or 0 for artifact in artifacts)


@dataclass(frozen=True, slots=True)
class Totals:
    """A plan in numbers, for people and for ``--json``. Sizes are in bytes."""

    channel: str
    subdir: str
    offered: int
    kept: int
    kept_size: int
    new: int
    new_size: int
    replaced: int
    replaced_size: int
    hotfixed: int
    retired: int
    retired_size: int
    refused: int


def totals(channel: str, plan: SubdirPlan) -> Totals:
    """Count a plan."""
    return Totals(
        channel=channel,
        subdir=plan.subdir,
        offered=plan.offered,
        kept=plan.kept,
        kept_size=plan.kept_size,
        new=len(plan.new),
        new_size=download_size(plan.new),
        replaced=len(plan.replaced),
        replaced_size=download_size(plan.replaced),
        hotfixed=len(plan.hotfixed),
        retired=len(plan.retired),
        retired_size=plan.retired_size,
        refused=len(plan.refused),
    )
