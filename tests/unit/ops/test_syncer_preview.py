"""What a dry run says beyond the plans: whether all fits, and when the volume is full."""

from syncer.artifacts.history import Growth, bytes_per_day, full_on
from syncer.ops.preview import Preview, too_much
from volume.run_document import FailedArtifact, Totals

ONE = Totals("a", "noarch", 1, 0, 0, 1, 600, 0, 0, 0, 0, 0, 0)
LEFT_OUT = tuple(FailedArtifact("noarch", f"p{number}-1-0.conda", "odd") for number in range(150))
TWO = Totals("b", "noarch", 1, 0, 0, 0, 0, 1, 500, 0, 0, 0, 0)


def test_channels_that_fit_alone_may_not_fit_together() -> None:
    assert too_much([ONE], 1000, 100) == []
    assert too_much([TWO], 1000, 100) == []
    (problem,) = too_much([ONE, TWO], 1000, 100)
    assert problem.startswith("all channels together: the plan needs 1.1 kB")
    assert too_much([ONE, TWO], None, 100) == []


def test_the_rate_is_that_of_all_channels_whose_past_is_long_enough() -> None:
    assert bytes_per_day([Growth(500, 10), Growth(40, 4), Growth(999, 1.5)]) == 60
    assert bytes_per_day([Growth(999, 1.5)]) is None
    assert bytes_per_day([]) is None


def test_the_volume_is_full_when_the_room_is_used_up() -> None:
    assert full_on(100, 1000, 0) == 10 * 86400
    assert full_on(100, -1, 7) == 7
    assert full_on(0, 1000, 0) is None
    assert full_on(-5, 1000, 0) is None
    assert full_on(None, 1000, 0) is None


def test_a_preview_for_people_has_the_date_and_the_warnings() -> None:
    found = Preview((ONE,), ("mind the gap",), (), (), LEFT_OUT, 10**12, 86400.0)
    assert "full on 1970-01-02." in found.text()
    assert "warning: mind the gap" in found.text()
    assert found.document()["full_on"] == 86400.0


def test_a_preview_names_what_is_left_out_and_says_where_all_of_it_is_named() -> None:
    found = Preview((ONE,), (), (), (), LEFT_OUT, None, None)
    assert "left out: noarch/p0-1-0.conda: odd" in found.text()
    assert "130 more: all are in the answer with --json" in found.text()
    assert [one["filename"] for one in found.document()["left_out"]] == [
        f"p{number}-1-0.conda" for number in range(150)
    ]
