"""Guards: when a plan is too dangerous, too large or of no use. Pure.

The wipe guard looks at a channel as a whole: a run that would retire more than a share of its
records or bytes is refused, because an upstream's bad day looks just like that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from syncer.errors import GuardError, NoSpaceError
from syncer.planning.plan import SubdirPlan
from syncer.planning.selection.outcome import SubdirSelection
from volume.program.sizes import amount

# Fewer than this many records may always go, unless they are all that there is: a share of a
# handful says nothing.
_FEW = 10


def check_wipe(
    channel: str,
    plans: Sequence[SubdirPlan],
    percent: float,
    selections: Mapping[str, SubdirSelection] | None = None,
) -> None:
    """Refuse plans that retire more than ``percent`` of a channel's records or bytes.

    Args:
        selections: what is selected, by subdir, to say who wants them gone; None if nobody knows.

    Raises:
        GuardError: they do.
    """
    for part in [*([plan] for plan in plans), list(plans)]:
        # Of what is promised nothing is lost here; but an index that shrinks so is to be looked at.
        # Who ends it (on_demand = no) means it.
        promising = [plan for plan in part if plan.standing is not None]
        taken_back = sum(len(plan.taken_back) for plan in promising)
        retired = sum(len(plan.retired) for plan in part) + taken_back
        retired_size = sum(plan.retired_size for plan in part)
        present = sum(plan.kept + len(plan.replaced) for plan in part) + retired
        present += sum(
            plan.standing.count - len(plan.promised) for plan in promising if plan.standing
        )
        present_size = sum(plan.kept_size for plan in part) + retired_size
        share = share_of(retired, retired_size, present, present_size)
        if share > percent:
            where = channel if len(part) != 1 else f"{channel}/{part[0].subdir}"
            raise GuardError(
                f"{where}: this run would retire {retired:,} of {present:,} artifacts"
                f" ({amount(retired_size)} of {amount(present_size)}, {share:.0f} %), more than"
                f" WIPE_GUARD_PERCENT={percent:g} allows. {_blame(part, selections)} Nothing was"
                f" changed; if it is right, run 'syncer --once --allow-wipe {channel}'"
            )


def share_of(gone: int, gone_size: int, present: int, present_size: int) -> float:
    """How much of what is present would go, in percent of its number or its bytes; 0 for a few."""
    if gone == 0 or (gone <= _FEW and gone < present):
        return 0.0
    return 100 * max(gone / present, gone_size / max(present_size, 1))


def check_selected(channel: str, plans: Sequence[SubdirPlan], emptied: str) -> None:
    """Refuse a first sync that would end with an empty mirror.

    Args:
        emptied: why nothing is selected of what is asked for; empty if something is.

    Raises:
        GuardError: it would.
    """
    is_here = any(plan.kept or plan.replaced or plan.retired for plan in plans)
    if emptied and not is_here:
        raise GuardError(
            f"{channel}: {emptied}. Nothing was done; change the one or the other, or run"
            f" 'syncer --once --allow-wipe {channel}' if an empty channel is meant"
        )


def _blame(plans: Sequence[SubdirPlan], selections: Mapping[str, SubdirSelection] | None) -> str:
    """Who wants the artifacts gone: upstream, or which settings."""
    if selections is None:
        return "Either upstream is broken or the selection was narrowed."
    dropped = 0
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    words = []
    for plan in plans:
        selection = selections.get(plan.subdir)
        if selection is None:
            words += [f"{len(plan.retired):,} are of {plan.subdir}, which SUBDIRS does not name"]
            continue
        for out in map(selection.left_out.get, plan.retired):
            if out is None:
                dropped += 1
            else:
                counts[out.reason] += 1
                examples.setdefault(out.reason, out.detail)
    if dropped:
        # A narrow selection reads its own part of a sharded index: the rest looks dropped, too.
        words.append(
            f"{dropped:,} are not in what was read of upstream's index (is upstream broken, or the"
            " selection narrower?)"
        )
    words += [
        f"{count:,} are left out by the policy ({reason}: {examples[reason]})"
        for reason, count in counts.most_common()
    ]
    return f"Of these {', '.join(words)}."


def check_space(download_size: int, free: int, reserve: int) -> None:
    """Refuse a plan that does not fit.

    Args:
        download_size: bytes still to be stored.
        free: bytes free on the mirror volume.
        reserve: bytes that must stay free.

    Raises:
        NoSpaceError: it does not.
    """
    if download_size > 0 and download_size + reserve > free:
        raise NoSpaceError(
            f"the plan needs {amount(download_size)} and {amount(reserve)} must stay free"
            f" (MIN_FREE), but the mirror volume has {amount(free)}: nothing was downloaded."
            " Choose less (INCLUDE, EXCLUDE, SUBDIRS), free space, or use a bigger volume"
        )
