"""What is still here although upstream dropped it, and why: for the run document and ``status``.

It is noted in the channel's ledger, so a run that has nothing to do, or fails, does not forget it.
Guaranteed: the count is complete; the first hundred are listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.planning.plan import SubdirPlan
from syncer.planning.selection.outcome import SubdirSelection
from volume.ledger.artifact import Retired
from volume.ledger.ledger import Ledger
from volume.run_document import Keeping, Kept

_LOCKED = "a lock file names it; it is out of the index and stays downloadable"
_MOST = 100


def keeping(
    before: Keeping,
    plans: Sequence[SubdirPlan] | None,
    selections: Mapping[str, SubdirSelection],
    retired: Iterable[Retired],
) -> Keeping:
    """What a channel keeps after a run. Pure.

    Args:
        before: as the run found it.
        plans: what the run found; None if it only asked, and nothing changed.
        retired: what is out of the index and named by lock files.
    """
    locked = [Kept(row.subdir, row.filename, _LOCKED) for row in retired]
    if plans is None:
        ours = [one for one in before.first if one.why != _LOCKED]
        count = before.by_policy
    else:
        ours = [
            Kept(plan.subdir, name, selections[plan.subdir].wanted[name])
            for plan in plans
            for name in plan.kept_anyway
        ]
        count = len(ours)
    return Keeping(count, len(locked), tuple(islice((*ours, *locked), _MOST)))


def read(ledger: Ledger) -> Keeping:
    """What was noted; nothing if there is no note."""
    noted = ledger.kept
    if not noted:
        return Keeping()
    found = json.loads(noted)
    first = tuple(Kept(**one) for one in found["first"])
    return Keeping(found["by_policy"], found["by_lock"], first)


def write(ledger: LedgerWriter, found: Keeping) -> None:
    """Note it, if it is not what is noted already.

    Raises:
        VolumeError: the state volume refused.
    """
    if found != read(ledger):
        with ledger.transaction("note kept"):
            ledger.set_kept(json.dumps(asdict(found)))
