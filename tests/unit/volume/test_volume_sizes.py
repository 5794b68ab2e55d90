"""Amounts for people."""

import pytest

from volume.program.sizes import amount


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1536, "1.5 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_501, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
        (2_340_000_000_000, "2.34 TB"),
    ],
)
def test_amounts(size: int, text: str) -> None:
    assert amount(size) == text
