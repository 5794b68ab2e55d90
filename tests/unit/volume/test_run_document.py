"""The run document: one definition, and what another version wrote is read as far as it goes."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume import run_document
from volume.errors import DamagedDocumentError, StateError
from volume.layout import State
from volume.run_document import (
    ChannelRun,
    DownloadProgress,
    FailedArtifact,
    HostTotals,
    Keeping,
    Kept,
    RunDocument,
    Totals,
    of,
)

FULL = RunDocument(
    status="partial",
    started=1.0,
    finished=3.5,
    channels=(
        ChannelRun(
            "conda-forge",
            "partial",
            plan=(Totals("conda-forge", "noarch", offered=3, new=2, new_size=50),),
            failures=(FailedArtifact("noarch", "a-1-0.conda", "answered 404"),),
            failed=1,
            failure_kinds={"absent": 1},
            warnings=("odd",),
            kept=Keeping(1, 0, (Kept("noarch", "b-1-0.conda", "keep"),)),
            progress=DownloadProgress(1, 2, 3, 4, 0.5),
        ),
    ),
    installers=(ChannelRun("miniforge", "success"),),
    hosts=(HostTotals("a.example", 3, stopped="asked to"),),
    approved=("a",),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
odd_runs = st.dictionaries(
    st.sampled_from([one.name for one in (*fields(RunDocument), *fields(ChannelRun))]),
    json_values
    | st.lists(
        st.dictionaries(st.sampled_from([one.name for one in fields(ChannelRun)]), json_values)
    ),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert run_document.read(state) is None
    run_document.write(state, FULL)
    assert run_document.read(state) == FULL
    assert FULL.seconds == 2.5
    assert [one.channel for one in FULL.results] == ["conda-forge", "miniforge"]


@pytest.mark.parametrize("name", [one.name for one in fields(RunDocument)])
def test_a_document_without_a_field_or_with_another_type_has_its_default(name: str) -> None:
    default = getattr(RunDocument(), name)
    plain = FULL.plain()
    del plain[name]
    assert getattr(of(plain), name) == default
    assert getattr(of({**FULL.plain(), name: object()}), name) == default


def test_a_field_of_a_newer_version_is_ignored() -> None:
    plain: dict[str, Any] = json.loads(json.dumps(FULL.plain()))
    plain["novelty"] = plain["channels"][0]["novelty"] = {"x": [1]}
    assert of(plain) == FULL


@given(odd_runs)
def test_no_document_is_refused_and_what_was_read_can_be_written(found: dict[str, Any]) -> None:
    run = of(found)
    plain = json.loads(json.dumps(run.plain(), allow_nan=False))
    assert of(plain) == run


def test_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.sync_run.write_text('{"schema": 99}')
    with pytest.raises(StateError, match=r"sync-run\.json has schema 99"):
        run_document.read(state)


def test_a_damaged_one_is_no_run_for_whoever_goes_on(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.sync_run.write_bytes(b"{")
    with pytest.raises(DamagedDocumentError):
        run_document.read(state)
    assert run_document.recall(state) is None
