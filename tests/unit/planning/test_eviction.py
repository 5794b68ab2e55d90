"""What gives up its bytes: longest not asked for first, no more than must, never what is needed."""

from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.repodata import Refused
from syncer.conda.wanted import Wanted
from syncer.planning.on_demand.eviction import Evictable, choose, needed
from syncer.planning.plan import Amount, SubdirPlan
from syncer.planning.selection.outcome import ONLY_HERE, SubdirSelection


def one_of(filename: str) -> Wanted:
    return Wanted("noarch", filename, "packages.conda", 3, "a" * 64, None, b"d" * 16, "{}", None)


def asked(number: int, size: int = 10, last: float = 0.0, *, is_pinned: bool = False) -> Evictable:
    return Evictable("c", "noarch", f"n{number}-1-0.conda", size, last, is_pinned)


def test_longest_ago_goes_first_and_no_more_than_must() -> None:
    found = choose([asked(1, last=3), asked(2, last=1), asked(3, last=2)], 20)
    assert [one.filename for one in found.chosen] == ["n2-1-0.conda"]
    assert found.over == 0 and found.amounts() == {("c", "noarch"): Amount(1, 10)}


def test_no_bound_is_none() -> None:
    assert choose([asked(1, size=10**15)], 0).chosen == ()


def test_what_is_unused_goes_though_there_is_room() -> None:
    unused = Evictable("c", "noarch", "u-1-0.conda", 10, 5.0, is_unused=True)
    pinned = Evictable("c", "noarch", "p-1-0.conda", 10, 5.0, is_pinned=True, is_unused=True)
    for bound in (0, 100):
        assert choose([asked(1), unused, pinned], bound).chosen == (unused,)
    assert len(choose([asked(1), unused, pinned], 10).chosen) == 2


def test_what_is_pinned_stays_and_counts() -> None:
    found = choose([asked(1, last=1, is_pinned=True), asked(2, last=2)], 5)
    assert [one.filename for one in found.chosen] == ["n2-1-0.conda"]
    assert found.over == 5


artifacts = st.lists(
    st.builds(
        asked,
        st.integers(0, 10**6),
        st.integers(0, 100),
        st.floats(0, 10),
        is_pinned=st.booleans(),
    ),
    unique_by=lambda one: one.filename,
)


@given(artifacts, st.integers(1, 500))
def test_whatever_there_is(found: list[Evictable], bound: int) -> None:
    evictions = choose(found, bound)
    left = [one for one in found if one not in evictions.chosen]
    assert not any(one.is_pinned for one in evictions.chosen)
    stays = sum(one.size for one in left)
    assert stays <= bound + evictions.over
    assert evictions.over == 0 or all(one.is_pinned for one in left)
    if evictions.chosen:  # without the last of them it would be too much
        assert stays + evictions.chosen[-1].size > bound
        latest = max(one.last for one in evictions.chosen)
        assert all(one.last >= latest for one in left if not one.is_pinned)


def test_what_keeps_its_bytes() -> None:
    plan = SubdirPlan(
        subdir="noarch", new=(), replaced=(one_of("replaced"),), hotfixed=(one_of("hotfixed"),),
        retired=("retired",), retired_size=0, kept=0, kept_size=0,
        refused=(Refused("refused", "because"),), offered=0, undecided=("undecided",),
    )  # fmt: skip
    selection = SubdirSelection(
        dict.fromkeys(("here", "replaced", "hotfixed", "refused"), ONLY_HERE)
        | {"included": "include = x", "held": f"{ONLY_HERE}; it is here, what is new is held"},
        {}, {}, frozenset({"promised"}),
    )  # fmt: skip
    assert needed([plan], {"noarch": selection}) == {
        "noarch": {"replaced", "retired", "refused", "undecided", "included", "held"}
    }
