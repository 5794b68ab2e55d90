"""The guards stop what looks like an upstream's bad day, and nothing else."""

import pytest

from syncer.errors import GuardError, NoSpaceError
from syncer.planning.guard import check_space, check_wipe
from syncer.planning.plan import SubdirPlan
from syncer.planning.selection.outcome import LeftOut, Reason, SubdirSelection


def plan(kept: int, retired: int, *, subdir: str = "linux-64", size: int = 1) -> SubdirPlan:
    return SubdirPlan(
        subdir=subdir,
        new=(),
        replaced=(),
        hotfixed=(),
        retired=tuple(f"p{number}-1-0.conda" for number in range(retired)),
        retired_size=retired * size,
        kept=kept,
        kept_size=kept,
        refused=(),
        offered=kept,
    )


@pytest.mark.parametrize(
    "plans",
    [
        [plan(0, 0)],
        [plan(100, 0)],
        [plan(1, 10)],
        [plan(80, 20)],
        [plan(100, 20, size=1), plan(0, 0, subdir="noarch")],
    ],
)
def test_a_usual_day_passes(plans: list[SubdirPlan]) -> None:
    check_wipe("c", plans, 20)


@pytest.mark.parametrize(
    ("plans", "named"),
    [
        ([plan(0, 1)], "c/linux-64"),
        ([plan(0, 1000)], "c/linux-64"),
        ([plan(79, 21)], "c/linux-64"),
        ([plan(89, 11, size=100)], "c/linux-64"),
        ([plan(1000, 0), plan(0, 12, subdir="noarch")], "c/noarch"),
    ],
)
def test_a_wipe_is_refused_with_the_way_out(plans: list[SubdirPlan], named: str) -> None:
    with pytest.raises(GuardError) as refused:
        check_wipe("c", plans, 20)
    assert str(refused.value).startswith(f"{named}: ")
    assert "--allow-wipe c" in str(refused.value)
    assert "Nothing was changed" in str(refused.value)


def test_many_small_losses_are_one_large_loss() -> None:
    plans = [plan(20, 10, subdir=f"s{number}") for number in range(3)]
    check_wipe("c", plans[:1], 20)
    with pytest.raises(GuardError, match=r"^c: "):
        check_wipe("c", plans, 20)


def test_who_wants_them_gone_is_said() -> None:
    def out(reason: Reason, detail: str) -> LeftOut:
        return LeftOut(reason, detail)

    narrowed = plan(1, 30)
    older = out(Reason.OLDER_VERSION, "newest_versions = 1: 3")
    left_out = {f"p{number}-1-0.conda": older for number in range(20)}
    left_out["p20-1-0.conda"] = out(Reason.EXCLUDED, "exclude = p20")
    selections = {"linux-64": SubdirSelection({}, left_out, {})}
    with pytest.raises(GuardError) as refused:
        check_wipe("c", [narrowed], 20, selections)
    assert (
        " 20 are left out by the policy (an older version: newest_versions = 1: 3), 1 are left out"
        " by the policy (excluded: exclude = p20). Nothing was changed" in str(refused.value)
    )
    assert " Of these 9 are not in what was read of upstream's index (" in str(refused.value)
    with pytest.raises(GuardError, match="Of these 12 are of noarch, which SUBDIRS does not name"):
        check_wipe("c", [plan(9, 0), plan(0, 12, subdir="noarch")], 20, selections)


def test_the_whole_download_and_the_reserve_must_fit() -> None:
    check_space(100, 150, 50)
    check_space(0, 10, 50)  # nothing to store: a full disk is no reason to fail
    with pytest.raises(NoSpaceError, match="MIN_FREE"):
        check_space(101, 150, 50)
