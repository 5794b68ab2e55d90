"""What a sync notes for whoever takes away what nobody asks for; inside the channel lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import PromisesWriter
from syncer.planning.on_demand.eviction import needed
from syncer.planning.plan import SubdirPlan
from syncer.planning.selection.outcome import SubdirSelection
from volume.ledger.promises import Pruned


def note_needed(
    ledger: LedgerWriter,
    plans: Iterable[SubdirPlan],
    selections: Mapping[str, SubdirSelection],
) -> None:
    """What keeps its bytes though nobody asks. To be called inside ``transaction``.

    It holds until upstream or the settings change, so a run without news can evict by it.
    """
    promises = PromisesWriter(ledger)
    for subdir, names in needed(plans, selections).items():
        promises.need(subdir, names)


def note_pruned(
    ledger: LedgerWriter,
    idle: Mapping[str, Mapping[str, Pruned]],
    selections: Mapping[str, SubdirSelection],
) -> None:
    """What leaves as nobody asks for it, before it goes: else it would come again at once.

    Args:
        idle: what nobody asks for, by subdir and filename.

    Raises:
        VolumeError: the state volume refused.
    """
    promises = PromisesWriter(ledger)
    pruned = {
        idle[subdir][name] for subdir, selection in selections.items() for name in selection.unused
    }
    if pruned != set(promises.pruned()):
        with ledger.transaction("note pruned"):
            promises.prune(pruned)
