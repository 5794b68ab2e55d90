"""Which generation a time means, held against the plain reading of the rule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume import snapshots
from volume.generations import Generation

START = datetime(2026, 2, 26, 23, 58, 50, tzinfo=UTC)


def made(number: int, snapshot: str, *, followed: str = "") -> Generation:
    return Generation(number, number, "", snapshot, 0.0, "", {}, followed=followed)


def looked_up(kept: list[Generation], digits: str) -> int | None:
    """What nginx finds: the smallest block that is there."""
    links = snapshots.blocks(kept)
    return next((links[name] for name in snapshots.lookups(digits) if name in links), None)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[datetime], set[int]]:
    """The times of all generations that ever were, and which of them are kept."""
    steps = st.one_of(
        st.integers(1, 100), st.integers(1, 100_000), st.integers(1, 400 * 86_400)
    )  # fmt: skip
    moment, times = START, []
    for seconds in draw(st.lists(steps, min_size=1, max_size=8)):
        times.append(moment)
        moment += timedelta(seconds=seconds)
    newest = len(times) - 1
    return times, draw(st.sets(st.integers(0, newest))) | {newest}


@given(histories(), st.data())
def test_a_time_means_the_newest_that_is_not_younger(
    history: tuple[list[datetime], set[int]], data: st.DataObject
) -> None:
    times, staying = history
    names = [snapshots.name_of(int(moment.timestamp())) for moment in times]
    kept = [
        made(
            index + 1,
            names[index],
            followed=names[index + 1]
            if index + 1 < len(times) and index + 1 not in staying
            else "",
        )
        for index in sorted(staying)
    ]
    near = st.builds(
        lambda moment, seconds: moment + timedelta(seconds=seconds),
        st.sampled_from(times),
        st.one_of(st.integers(-70, 70), st.integers(-90_000, 90_000), st.integers(-(10**8), 10**8)),
    )
    for asked in data.draw(st.lists(near, min_size=1, max_size=20)):
        before = [index for index, moment in enumerate(times) if moment <= asked]
        meant = before[-1] if before else None
        expected = meant + 1 if meant in staying and meant is not None else None
        assert looked_up(kept, asked.strftime("%Y%m%d%H%M%S")) == expected


@given(histories(), st.data())
def test_a_time_has_an_answer_while_the_folder_is_swapped(
    history: tuple[list[datetime], set[int]], data: st.DataObject
) -> None:
    """nginx looks a block up in the folder of before, and opens it in that of after."""
    times, _ = history
    kept = [
        made(number, snapshots.name_of(int(moment.timestamp())))
        for number, moment in enumerate(times, 1)
    ]
    before, after = snapshots.blocks(kept[:-1]), snapshots.blocks(kept)
    for seconds in data.draw(st.lists(st.integers(0, 10**8), min_size=1, max_size=20)):
        digits = (times[0] + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%S")
        for name in snapshots.lookups(digits):
            if name in before:
                assert name in after
                break


@given(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=7, unique=True), st.data())
def test_whatever_clocks_did_a_time_means_the_newest_made_of_those_not_younger(
    seconds: list[int], data: st.DataObject
) -> None:
    times = [START + timedelta(seconds=number) for number in seconds]
    kept = [
        made(number, snapshots.name_of(int(moment.timestamp())))
        for number, moment in enumerate(times, 1)
    ]
    near = st.builds(
        lambda moment, number: moment + timedelta(seconds=number),
        st.sampled_from(times),
        st.one_of(st.integers(-2, 2), st.integers(-100_000, 100_000)),
    )
    for asked in data.draw(st.lists(near, min_size=1, max_size=20)):
        before = [number for number, moment in enumerate(times, 1) if moment <= asked]
        own = [number for number, moment in enumerate(times, 1) if moment == asked]
        expected = own[0] if own else max(before, default=None)
        assert looked_up(kept, asked.strftime("%Y%m%d%H%M%S")) == expected


class TestSpans:
    def test_of_before_the_note_a_pinned_one_is_known_for_its_second(self) -> None:
        kept = [made(1, "20260101T000000Z"), made(9, "20260109T000000Z")]
        assert looked_up(kept, "20260101000000") == 1
        assert looked_up(kept, "20260101000001") is None
        assert looked_up(kept, "20260109000000") == 9

    def test_a_clock_that_was_put_back_takes_no_snapshot_its_own_time(self) -> None:
        kept = [
            made(1, "20260101T100000Z"),
            made(2, "20260101T090000Z"),
            made(3, "20260101T110000Z"),
        ]
        for one in kept:
            assert looked_up(kept, one.snapshot.replace("T", "").removesuffix("Z")) == one.number
        assert looked_up(kept, "20260101095959") == 2
        assert looked_up(kept, "20260101100001") == 2
        assert looked_up(kept, "20260101120000") == 3

    @pytest.mark.parametrize("name", ["", "1", "2026", "20261301T000000Z", "x" * 16, "../../../x"])
    def test_a_name_that_is_no_time_is_left_out(self, name: str) -> None:
        assert snapshots.blocks([made(1, name)]) == {}
        assert snapshots.moment_of(name) is None

    def test_there_are_few_links(self) -> None:
        """A folder of some hundred, whatever the times are."""
        kept = [
            made(n, f"2026{n:02d}{n * 2:02d}T{n:02d}{n * 5:02d}{n * 3:02d}Z") for n in range(1, 6)
        ]
        assert len(snapshots.blocks(kept)) < 600
