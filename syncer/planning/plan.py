"""Desired against present: what one run does to one subdir. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncer.conda.record import facts
from syncer.conda.repodata import Index, Refused, format_problems
from syncer.conda.wanted import Wanted, sound, wanted
from syncer.planning.selection.outcome import Reason, SubdirSelection
from volume.ledger.artifact import Known
from volume.run_document import Totals
from volume.sections import SECTIONS


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of artifacts, and their bytes."""

    count: int = 0
    size: int = 0


_NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class SubdirPlan:
    """What changes in one subdir. Sizes are in bytes.

    ``hotfixed`` artifacts keep their bytes and change their record only. ``kept_anyway`` are not
    selected any more, but the policy's ``keep`` says that they stay. ``undecided`` stay because a
    section that may list them can't be read. ``held`` are in their
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
    undecided: tuple[str, ...] = ()
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
    selection: SubdirSelection | None = None,
) -> SubdirPlan:
    """Compare what upstream lists and we want with what is committed.

    Args:
        selection: what is selected; None selects all that is listed.
    """
    new: list[Wanted] = []
    replaced: list[Wanted] = []
    hotfixed: list[Wanted] = []
    refused = [*index.refused, *format_problems(index)]
    left = set(known)  # what is committed and not wanted, in the end
    held: Mapping[str, float] = selection.held if selection is not None else {}
    for entry in index.entries:
        if selection is not None and entry.filename not in selection.wanted:
            continue
        # Also if the record turned bad or its bytes have to wait: that takes down nothing.
        left.discard(entry.filename)
        present = known.get(entry.filename)
        if present is not None and present.digest == entry.digest:
            continue
        usable, problem = sound(entry) if entry.twin is not None else (entry, None)
        if problem is not None:
            refused.append(problem)
            if present is not None and present.digest == usable.digest:
                continue
        artifact = wanted(usable, index.subdir)
        if isinstance(artifact, Refused):
            refused.append(artifact)
        elif present is None:
            new.append(artifact)
        elif _waits(artifact, present, held):
            continue
        elif _same_bytes(artifact, present):
            hotfixed.append(artifact)
        else:
            replaced.append(artifact)
    kept_anyway = tuple(
        name for name in sorted(left) if selection is not None and name in selection.wanted
    )
    unread = tuple({SECTIONS[section] for section in index.unread})
    undecided = tuple(
        name for name in sorted(left.difference(kept_anyway)) if name.endswith(unread)
    )
    retired = tuple(sorted(left.difference(kept_anyway, undecided)))
    retired_size = sum(known[filename].size for filename in retired)
    replaced_size = sum(known[artifact.filename].size for artifact in replaced)
    present_size = sum(present.size for present in known.values())
    return SubdirPlan(
        subdir=index.subdir,
        new=tuple(new),
        replaced=tuple(replaced),
        hotfixed=tuple(hotfixed),
        retired=retired,
        retired_size=retired_size,
        kept=len(known) - len(retired) - len(replaced),
        kept_size=present_size - retired_size - replaced_size,
        refused=tuple(refused),
        offered=len(index.entries),
        kept_anyway=kept_anyway,
        undecided=undecided,
        held=_amount(index, {filename for filename in held if filename not in known}),
        denied=_amount(index, _denied(selection)) if selection is not None else Amount(),
    )


def _denied(selection: SubdirSelection) -> set[str]:
    return {name for name, out in selection.left_out.items() if out.reason is Reason.DENIED}


def _amount(index: Index, filenames: Collection[str]) -> Amount:
    """Of those that upstream lists of some filenames."""
    if not filenames:
        return Amount()
    sizes = [facts(entry).size or 0 for entry in index.entries if entry.filename in filenames]
    return Amount(len(sizes), sum(sizes))


def _waits(artifact: Wanted, present: Known, held: Container[str]) -> bool:
    """Whether new bytes under a known name have to wait; a mere hotfix does not."""
    return artifact.filename in held and not _same_bytes(artifact, present)


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


def totals(
    channel: str, plan: SubdirPlan, locked: Sequence[Wanted] = (), staged: Amount = _NOTHING
) -> Totals:
    """Count a plan.

    Args:
        locked: what is downloaded besides, because lock files name it.
        staged: what of all this is staged as a whole already.
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
        staged=staged.count,
        staged_size=staged.size,
    )
