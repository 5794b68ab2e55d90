"""Desired against present: what one run does to one subdir. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from syncer.repodata import Index, Refused, Wanted, wanted
from syncer.selection.choice import Choice
from syncer.selection.reason import Reason
from syncer.selection.record import facts
from volume.ledger import Known


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of artifacts, and their bytes."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class SubdirPlan:
    """What changes in one subdir. Sizes are in bytes.

    ``hotfixed`` artifacts keep their bytes and change their record only. ``kept_anyway`` are not
    selected any more, but the policy's ``keep`` says that they stay. ``held`` are in their
    cooldown, ``denied`` are on the deny list.
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
    kept_anyway: tuple[str, ...] = ()
    held: Amount = Amount()
    denied: Amount = Amount()

    @property
    def downloads(self) -> tuple[Wanted, ...]:
        return self.new + self.replaced

    @property
    def download_size(self) -> int:
        return download_size(self.downloads)

    @property
    def changes_nothing(self) -> bool:
        return not (self.new or self.replaced or self.hotfixed or self.retired)


def plan_subdir(
    index: Index,
    known: Mapping[str, Known],
    *,
    choice: Choice | None = None,
) -> SubdirPlan:
    """Compare what upstream lists and we want with what is committed.

    Args:
        choice: what is selected; None selects all that is listed.
    """
    new: list[Wanted] = []
    replaced: list[Wanted] = []
    hotfixed: list[Wanted] = []
    refused = list(index.refused)
    desired: set[str] = set()
    kept = kept_size = 0
    held: Mapping[str, float] = choice.held if choice is not None else {}
    for entry in index.entries:
        if choice is not None and entry.filename not in choice.wanted:
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
        if isinstance(artifact, Refused) or _waits(artifact, present, held):
            # A record that turned bad, or bytes that have to wait, do not take down what is here.
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
    left = sorted(known.keys() - desired)
    kept_anyway = tuple(name for name in left if choice is not None and name in choice.wanted)
    kept += len(kept_anyway)
    kept_size += sum(known[filename].size for filename in kept_anyway)
    retired = tuple(sorted(set(left).difference(kept_anyway)))
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
        kept_anyway=kept_anyway,
        held=_amount(index, lambda filename: filename in held and filename not in known),
        denied=_amount(index, partial(_is_denied, choice)) if choice is not None else Amount(),
    )


def _is_denied(choice: Choice, filename: str) -> bool:
    out = choice.left_out.get(filename)
    return out is not None and out.reason is Reason.DENIED


def _amount(index: Index, applies: Callable[[str], bool]) -> Amount:
    sizes = [facts(entry).size or 0 for entry in index.entries if applies(entry.filename)]
    return Amount(len(sizes), sum(sizes))


def _waits(artifact: Wanted, present: Known | None, held: Container[str]) -> bool:
    """Whether new bytes under a known name have to wait; a mere hotfix does not."""
    return present is not None and artifact.filename in held and not _same_bytes(artifact, present)


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
    kept_anyway: int = 0
    held: int = 0
    held_size: int = 0
    denied: int = 0
    denied_size: int = 0
    locked: int = 0
    locked_size: int = 0

    @property
    def download_size(self) -> int:
        """Bytes to download, as far as the records tell."""
        return self.new_size + self.replaced_size + self.locked_size


def totals(channel: str, plan: SubdirPlan, locked: Sequence[Wanted] = ()) -> Totals:
    """Count a plan.

    Args:
        locked: what is downloaded besides, because lock files name it.
    """
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
        kept_anyway=len(plan.kept_anyway),
        held=plan.held.count,
        held_size=plan.held.size,
        denied=plan.denied.count,
        denied_size=plan.denied.size,
        locked=len(locked),
        locked_size=download_size(locked),
    )
