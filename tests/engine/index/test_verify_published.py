"""Damage, from the disk to what clients read: out of the published index until it is repaired."""

import json
from pathlib import Path

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from tests.support.mirror.appliance import Appliance
from tests.support.mirror.damage import flip, served_rot
from tests.support.mirror.tree import Volumes
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

A, B = package("a"), package("b")


@pytest.fixture
def appliance(simulator: ChannelSimulator, tmp_path: Path, conda_exe: Path) -> Appliance:
    """Two artifacts, synced and published."""
    for name in ("mirror", "state"):
        (tmp_path / name).mkdir()
    simulator.channel("conda-forge").publish(A, B)
    made = Appliance(tmp_path / "mirror", tmp_path / "state", simulator.url, conda_exe)
    made.settings["SYNC_TRIES"] = "1"
    made.update()
    return made


def published(appliance: Appliance) -> set[str]:
    current = appliance.mirror / "index/conda-forge/current/linux-64/repodata.json"
    return set(json.loads(current.read_bytes())["packages.conda"])


def stored(appliance: Appliance, one: Package) -> Path:
    return appliance.mirror / "channels/conda-forge/linux-64" / one.filename


def rot(appliance: Appliance, *good: Package) -> list[str]:
    volumes = Volumes(appliance.mirror, appliance.state)
    return served_rot(volumes, {one.record["sha256"] for one in good})


def test_what_is_damaged_leaves_the_index_until_it_is_repaired(
    appliance: Appliance, simulator: ChannelSimulator
) -> None:
    flip(stored(appliance, A))
    simulator.script("*", faults.status(404, times=None))
    assert appliance.syncer("verify").code == 3
    assert not stored(appliance, A).exists()
    assert appliance.indexer("--once").code == 0
    assert published(appliance) == {B.filename}
    simulator.heal()
    appliance.update()
    assert published(appliance) == {A.filename, B.filename}
    assert stored(appliance, A).read_bytes() == A.data
    (_, linux) = appliance.indexer("diff", "--json").document["subdirs"][::-1]
    assert linux["added"] == [A.filename]


def test_what_is_repaired_at_once_never_leaves_the_index(appliance: Appliance) -> None:
    flip(stored(appliance, A))
    assert appliance.syncer("verify").code == 3
    assert published(appliance) == {A.filename, B.filename}
    assert stored(appliance, A).read_bytes() == A.data
    outcome = appliance.indexer("--once")
    assert outcome.code == 0, outcome
    assert published(appliance) == {A.filename, B.filename}
    assert appliance.syncer("verify").code == 0


def test_damaged_replaced_content_is_published_again(
    appliance: Appliance, simulator: ChannelSimulator
) -> None:
    new = package("a", padding_bytes=500)
    simulator.channel("conda-forge").publish(new)
    appliance.update()
    name = f"linux-64/{new.filename}"
    link = appliance.mirror / "index/conda-forge/current" / name
    assert link.read_bytes() == new.data
    flip(link)
    simulator.script("*", faults.status(404, times=None))
    assert appliance.syncer("verify").code == 3
    assert rot(appliance, A, B, new) == []
    assert appliance.indexer("--once").code == 0
    assert published(appliance) == {B.filename}
    simulator.heal()
    appliance.update()
    assert link.read_bytes() == new.data
    assert published(appliance) == {A.filename, B.filename}
    assert rot(appliance, A, B, new) == []


def test_the_indexer_does_not_link_what_a_killed_verify_had_retired(
    appliance: Appliance, simulator: ChannelSimulator
) -> None:
    new = package("a", padding_bytes=500)
    simulator.channel("conda-forge").publish(new)
    appliance.update()
    volumes = Volumes(appliance.mirror, appliance.state)
    with LedgerWriter.create(volumes.state.ledger("conda-forge")) as ledger:
        damaged = [one for one in ledger.placed() if one.home == "replaced"]
        with ledger.transaction("retire damaged"):
            ledger.retire_damaged(damaged, serial=ledger.raise_serial(), left=0.0)
    assert appliance.indexer("--once").code == 0
    assert published(appliance) == {B.filename}
    assert not (appliance.mirror / "index/conda-forge/current/linux-64" / new.filename).exists()
    appliance.update()
    assert published(appliance) == {A.filename, B.filename}
