"""Desired against present: what one run does to one subdir. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncer.conda.record import facts
from syncer.conda.repodata import Index, Refused, format_problems
from syncer.conda.wanted import Wanted, sound, wanted
from syncer.planning.on_demand.promising import Names
from syncer.planning.selection.outcome import Reason, SubdirSelection
from volume.ledger.artifact import Known, promised_of
from volume.ledger.ungiven import KINDS, Ungiven
from volume.program.durations import moment
from volume.run_document import Totals
from volume.sections import SECTIONS


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of artifacts, and their bytes."""

    count: int = 0
    size: int = 0


_NOTHING = Amount()
_NO_NAMES = Names()


@dataclass(frozen=True, slots=True)
class SubdirPlan:
    """What changes in one subdir. Sizes are in bytes.

    ``hotfixed`` artifacts keep their bytes and change their record only. ``kept_anyway`` are not
    selected any more, but the policy's ``keep`` says that they stay. ``undecided`` stay because a
    section that may list them can't be read. ``held`` are in their cooldown, ``denied`` are on the
    deny list. ``offered`` are artifacts; ``twins`` of them have two records. ``promised`` are
    listed and downloaded when somebody asks, ``promised_anew`` with another record than before;
    ``taken_back`` are promises that leave the index. ``had`` are those that upstream did not give
    once and lists no more, or with other records. ``kept``, ``replaced`` and ``retired`` have
    bytes here; ``unused`` are those of the retired, or on demand of the kept, that nobody asked for
    in PRUNE_UNUSED_DAYS; ``standing`` counts all that is promised after the run, None if nothing is
    to be.
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
    twins: int = 0
    kept_anyway: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    held: Amount = Amount()
    denied: Amount = Amount()
    promised: tuple[Wanted, ...] = ()
    promised_anew: tuple[Wanted, ...] = ()
    taken_back: tuple[str, ...] = ()
    had: tuple[str, ...] = ()
    standing: Amount | None = None
    unused: Amount = Amount()

    @property
    def downloads(self) -> tuple[Wanted, ...]:
        return self.new + self.replaced

    @property
    def download_size(self) -> int:
        return download_size(self.downloads)

    @property
    def changes_nothing(self) -> bool:
        return not (
            self.new or self.replaced or self.hotfixed or self.retired
            or self.promised or self.promised_anew or self.taken_back
        )  # fmt: skip


def plan_subdir(
    index: Index,
    known: Mapping[str, Known],
    *,
    selection: SubdirSelection | None = None,
    names: Names = _NO_NAMES,
) -> SubdirPlan:
    """Compare what upstream lists and we want with what is committed.

    Args:
        selection: what is selected; None selects all that is listed.
        names: those that can't be promised.
    """
    new: list[Wanted] = []
    replaced: list[Wanted] = []
    hotfixed: list[Wanted] = []
    promised: list[Wanted] = []
    promised_anew: list[Wanted] = []
    refused = [*index.refused, *format_problems(index)]
    left = set(known)  # what is committed and not wanted, in the end
    waiting = promised_of(known)
    held: Mapping[str, float] = selection.held if selection is not None else {}
    had = set(names.ungiven)
    chosen = selection.wanted if selection is not None else None
    for entry in index.entries:
        filename = entry.filename
        is_wanted = chosen is None or filename in chosen
        if not is_wanted and (selection is None or not selection.promises(filename)):
            continue
        present = known.get(filename)
        if had and (noted := names.ungiven.get(filename)) is not None:
            if noted.digest == entry.digest:
                had.discard(filename)
            if not is_wanted and (present is None or present.is_promised):
                lacking = names.lacking(filename, entry.digest)
                # Somebody asked for it, so it is downloaded once upstream has it.
                is_wanted = lacking is not None and lacking.due <= names.now
                if lacking is not None and not is_wanted:
                    refused.append(_lacking(lacking))
                    continue
        # Also if the record turned bad or its bytes have to wait: that takes down nothing.
        left.discard(filename)
        is_due = is_wanted and filename in waiting  # a promise that is to be kept now
        if present is not None and not is_due and present.digest == entry.digest:
            continue
        usable, problem = sound(entry) if entry.twin is not None else (entry, None)
        if problem is not None:
            refused.append(problem)
            if present is not None and not is_due and present.digest == usable.digest:
                continue
        artifact = wanted(usable, index.subdir)
        if isinstance(artifact, Refused):
            refused.append(artifact)
        elif present is None:
            may_wait = not is_wanted and names.may_be_promised(artifact)
            (promised if may_wait else new).append(artifact)
        elif present.is_promised:
            may_wait = not is_wanted and _same_bytes(artifact, present)
            (promised_anew if may_wait else new).append(artifact)
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
    leaving = sorted(left.difference(kept_anyway, undecided))
    retired = tuple(name for name in leaving if name not in waiting)
    taken_back = tuple(name for name in leaving if name in waiting)
    retired_size = sum(known[filename].size for filename in retired)
    replaced_size = sum(known[artifact.filename].size for artifact in replaced)
    before = [known[name].size for name in waiting]
    present_size = sum(one.size for one in known.values()) - sum(before)
    return SubdirPlan(
        subdir=index.subdir,
        new=tuple(new),
        replaced=tuple(replaced),
        hotfixed=tuple(hotfixed),
        retired=retired,
        retired_size=retired_size,
        kept=len(known) - len(before) - len(retired) - len(replaced),
        kept_size=present_size - retired_size - replaced_size,
        refused=tuple(refused),
        offered=len(index.entries),
        twins=index.twins,
        kept_anyway=kept_anyway,
        undecided=undecided,
        held=_amount(index, {filename for filename in held if filename not in known}),
        denied=_amount(index, _denied(selection)) if selection is not None else Amount(),
        promised=tuple(promised),
        promised_anew=tuple(promised_anew),
        taken_back=taken_back,
        had=tuple(sorted(had)),
        standing=_standing(known, before, promised, [*taken_back, *(one.filename for one in new)])
        if selection is not None and selection.promised is not None
        else None,
        unused=_unused(known, selection) if selection is not None else Amount(),
    )


def _unused(known: Mapping[str, Known], selection: SubdirSelection) -> Amount:
    """What nobody asks for of what is here."""
    here = [known[name] for name in selection.unused if name in known]
    sizes = [one.size for one in here if not one.is_promised]
    return Amount(len(sizes), sum(sizes))


def _standing(
    known: Mapping[str, Known],
    before: Sequence[int],
    promised: Sequence[Wanted],
    gone: Iterable[str],
) -> Amount:
    """What is promised in the end; ``before`` are the sizes of what was."""
    ended = [known[name].size for name in gone if name in known]
    return Amount(
        len(before) + len(promised) - len(ended),
        sum(before) + download_size(promised) - sum(ended),
    )


def _lacking(noted: Ungiven) -> Refused:
    return Refused(
        noted.filename,
        f"{KINDS[noted.kind]}, said {moment(noted.last)} ({noted.reason}); asked again at a sync"
        f" after {moment(noted.due)}",
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
    if artifact.size is not None and present.size and artifact.size != present.size:
        return False
    if artifact.sha256 is not None and present.sha256:
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
        twins=plan.twins,
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
        promised=len(plan.promised),
        promised_size=download_size(plan.promised),
        standing=plan.standing.count if plan.standing else 0,
        standing_size=plan.standing.size if plan.standing else 0,
        taken_back=len(plan.taken_back),
        unused=plan.unused.count,
        unused_size=plan.unused.size,
    )
