"""Which artifacts on demand give up their bytes, and what of them is needed here. Pure.

What is here only because somebody asked for it is bounded by ``DEMAND_SIZE``: what was asked for
longest ago is only promised again. So is what nobody asked for in ``PRUNE_UNUSED_DAYS``. That
nothing else needs it is worked out from the selection, not from how it came: what ``INCLUDE`` or an
environment asks for may have been fetched on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syncer.planning.plan import Amount, SubdirPlan
from syncer.planning.selection.outcome import ONLY_HERE, SubdirSelection


@dataclass(frozen=True, slots=True)
class Evictable:
    """An artifact that is here only because somebody asked for it.

    ``last`` is when, or when its bytes came if nobody did since; in seconds since the epoch.
    ``is_pinned``: a pinned snapshot lists it, so its bytes stay. ``is_unused``: nobody asked for it
    in PRUNE_UNUSED_DAYS, so they go even if there is room.
    """

    channel: str
    subdir: str
    filename: str
    size: int
    last: float
    is_pinned: bool = False
    is_unused: bool = False


@dataclass(frozen=True, slots=True)
class Evictions:
    """What is to give up its bytes, longest not asked for first; ``over`` is what is too much yet.

    Sizes are in bytes; ``over`` is more than 0 where what pinned snapshots list is too large.
    """

    chosen: tuple[Evictable, ...] = ()
    over: int = 0

    def amounts(self) -> dict[tuple[str, str], Amount]:
        """By (channel, subdir)."""
        found: dict[tuple[str, str], Amount] = {}
        for one in self.chosen:
            before = found.get((one.channel, one.subdir), Amount())
            found[one.channel, one.subdir] = Amount(before.count + 1, before.size + one.size)
        return found


def choose(asked: Iterable[Evictable], bound: int) -> Evictions:
    """Choose what is unused, and so much that what stays has at most ``bound`` bytes.

    Args:
        bound: 0 bounds nothing.
    """
    order = sorted(asked, key=lambda one: (one.last, one.channel, one.subdir, one.filename))
    movable = [one for one in order if not one.is_pinned]
    chosen = [one for one in movable if one.is_unused]
    over = sum(one.size for one in order) - sum(one.size for one in chosen) - bound
    if not bound:
        return Evictions(tuple(chosen))
    for one in movable:
        if over <= 0:
            break
        if not one.is_unused:
            chosen.append(one)
            over -= one.size
    return Evictions(tuple(chosen), max(0, over))


def needed(
    plans: Iterable[SubdirPlan], selections: Mapping[str, SubdirSelection]
) -> dict[str, set[str]]:
    """By subdir, what keeps its bytes: all but what is wanted only because it is here.

    That may give them up if upstream lists just these bytes: what is held back, replaced, refused
    or can't be read now is had nowhere else.
    """
    found: dict[str, set[str]] = {}
    for plan in plans:
        names = found[plan.subdir] = set(plan.retired)
        names.update(plan.undecided)
        names.update(one.filename for one in plan.replaced)
        names.update(one.filename for one in plan.refused)
        selection = selections.get(plan.subdir)
        if selection is not None:
            names.update(name for name, why in selection.wanted.items() if why != ONLY_HERE)
    return found
