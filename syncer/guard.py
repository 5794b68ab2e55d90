"""Guards: when a plan is too dangerous or too large to be carried out. Pure.

The wipe guard looks at a channel as a whole: a run that would retire more than a share of its
records or bytes is refused, because an upstream's bad day looks just like that.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncer.errors import GuardError, NoSpaceError
from syncer.plan import SubdirPlan
from volume.sizes import amount

# Fewer than this many records may always go, unless they are all that there is: a share of a
# handful says nothing.
_FEW = 10


def check_wipe(channel: str, plans: Sequence[SubdirPlan], percent: float) -> None:
    """Refuse plans that retire more than ``percent`` of a channel's records or bytes.

    Raises:
        GuardError: they do.
    """
    for part in [*([plan] for plan in plans), list(plans)]:
        retired = sum(len(plan.retired) for plan in part)
        retired_size = sum(plan.retired_size for plan in part)
        present = sum(plan.kept + len(plan.replaced) for plan in part) + retired
        present_size = sum(plan.kept_size for plan in part) + retired_size
        if retired == 0 or (retired <= _FEW and retired < present):
            continue
        share = 100 * max(retired / present, retired_size / max(present_size, 1))
        if share > percent:
            where = channel if len(part) != 1 else f"{channel}/{part[0].subdir}"
            raise GuardError(
                f"{where}: this run would retire {retired:,} of {present:,} artifacts"
                f" ({amount(retired_size)} of {amount(present_size)}, {share:.0f} %), more than"
                f" WIPE_GUARD_PERCENT={percent:g} allows. Either upstream is broken or the"
                " selection was narrowed. Nothing was changed; if it is right, run"
                f" 'syncer --once --allow-wipe {channel}'"
            )


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
