"""A channel with many odd records, through `conda index`: it stumbles, and everything is there."""

from pathlib import Path
from typing import Any

import pytest

from tests.component.indexer.test_odd_records import FIELDS, Raw, check

VALUES: list[Any] = [
    None, True, -1, 1.5, 10**18, "", "<img x>", "javascript:alert(1)", [], [None], ["<img x>", 1],
    {"a": {"b": [1]}}, "\ud800", Raw("1e999"), Raw("1" * 5000), "x" * 10_000,
]  # fmt: skip


def test_all_fields_of_all_types_in_one_channel(conda_exe: Path, tmp_path: Path) -> None:
    odd = [(field, value) for field in FIELDS for value in VALUES]
    left_out = check(tmp_path, odd, conda_exe, "conda-index")
    assert 3 * len(FIELDS) <= len(left_out) < 4 * len(FIELDS) + len(VALUES)


@pytest.mark.parametrize(
    ("field", "value"),
    [("timestamp", "now"), ("timestamp", 10**18), ("timestamp", -(10**12)), ("features", None),
     ("depends", ["<img x>"]), ("license", "<script>"), ("size", "1"), ("source", Raw("1e999")),
     ("invented", Raw('1,"name":"another"'))],
)  # fmt: skip
def test_one_odd_record_costs_nothing(
    field: str, value: Any, conda_exe: Path, tmp_path: Path
) -> None:
    left_out = check(tmp_path, [(field, value)], conda_exe, "conda-index")
    assert left_out == ({"odd0-1.0-0.conda"} if isinstance(value, Raw) else set())


def test_a_pattern_that_keeps_conda_busy_costs_its_time_alone(
    conda_exe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python's expressions, which conda has, take years for this one."""
    monkeypatch.setattr("indexer.engines.conda_index.engine._SECONDS", 5.0)
    odd = [("version", "1" + "a" * 60), ("depends", ["odd0 " + "*a" * 14 + "*b"])]
    assert check(tmp_path, odd, conda_exe, "conda-index") == set()
    assert "keeps it busy" in caplog.text
