"""A fetch that is killed at any of its mutations leaves nothing wrong, and is made whole.

By the next fetch of the same artifact, and by the next sync; nothing is ever found under the name
but the promised bytes.
"""

from pathlib import Path

import pytest

from tests.component.crashes.test_crash_sweep import Story, litter, made_ready
from tests.support.mirror.crash import CrashRunner
from tests.support.mirror.fetch_once import fetch_once
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, outcome, publish
from tests.support.upstream import faults
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume.ledger.ungiven import UngivenTable

ONE = package("one", padding_bytes=200_000)
OTHER = package("other")
PATH = f"/conda-forge/linux-64/{ONE.filename}"


@pytest.fixture
def mirror(syncer: Syncer) -> Syncer:
    """A mirror on demand, published, in which one thing is here already."""
    syncer.environment |= {"ON_DEMAND": "yes", "INCLUDE": "other"}
    syncer.upstream.channel("conda-forge").publish(ONE, OTHER)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    return syncer


def problems(syncer: Syncer) -> list[str]:
    """What is wrong now; under the name there are the promised bytes or none."""
    found = broken_promises(syncer.volumes)
    served = syncer.volumes.served().get(f"linux-64/{ONE.filename}")
    if served not in {None, ONE.record["sha256"]}:
        found.append("other bytes than promised are served")
    return found


def is_kept(syncer: Syncer) -> bool:
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact("linux-64", ONE.filename)
        assert ledger.unproven() == [] and ledger.incoming() == []
        return row is not None and row.home == "channels"


def left_in_staging(syncer: Syncer) -> list[str]:
    return [str(path) for path in syncer.volumes.mirror_dir.glob("staging/*/*/*")]


POINTS = range(10)
"""What a fetch announces: five mutations, before and after."""


def test_what_a_fetch_announces(mirror: Syncer) -> None:
    done = fetch_once(mirror, PATH)
    assert done.outcome == "kept"
    words = [line.split(" ")[1] for line in done.announced if line.startswith("before")]
    assert words == ["create", "stage", "place", "keep", "unlink"]
    assert len(done.announced) == len(POINTS)
    assert is_kept(mirror) and problems(mirror) == [] and left_in_staging(mirror) == []


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("healed_by", ["fetch", "sync", "new record", "removal"])
def test_a_fetch_is_killed(mirror: Syncer, point: int, healed_by: str) -> None:
    assert fetch_once(mirror, PATH, point).outcome == "killed"
    assert problems(mirror) == []
    channel = mirror.upstream.channel("conda-forge")
    if healed_by == "fetch":
        assert fetch_once(mirror, PATH).outcome in {"kept", "not promised"}
    elif healed_by == "new record":
        channel.hotfix("linux-64", ONE.filename, depends=["other"])
    elif healed_by == "removal":
        channel.remove("linux-64", ONE.filename)
    run = mirror.run(WIPE_GUARD_PERCENT="100")
    assert run.status == "success"
    assert problems(mirror) == []
    publish(mirror.volumes)
    assert mirror.run().status == "success"
    assert problems(mirror) == []
    if healed_by == "removal":
        assert fetch_once(mirror, PATH).outcome == "not promised"
        return
    assert is_kept(mirror) or fetch_once(mirror, PATH).outcome == "kept"
    assert is_kept(mirror) and problems(mirror) == []
    assert mirror.upstream.bytes_sent(PATH) <= 2 * len(ONE.data)
    assert mirror.run().status == "success"
    assert problems(mirror) == []


def day_on_demand(simulator: ChannelSimulator, folder: Path) -> Story:
    """A day on which everything happens to promises that can."""
    story = made_ready(simulator, folder)
    syncer = story.syncer
    syncer.environment |= {"ON_DEMAND": "yes", "INCLUDE": "here", "WIPE_GUARD_PERCENT": "100"}
    channel = simulator.channel("conda-forge")
    here, back = package("here"), package("back")
    names = ("replaced", "hotfixed", "gone", "asked", "fetched")
    channel.publish(here, back, *map(package, names))
    assert syncer.run(INCLUDE="here back").status == "success"
    assert fetch_once(syncer, f"/conda-forge/linux-64/{package('fetched').filename}").outcome == (
        "kept"
    )
    publish(syncer.volumes)
    channel.remove("linux-64", back.filename)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    assert syncer.run().status == "success"
    channel.publish(package("replaced", padding_bytes=100), back, package("new"))
    channel.hotfix("linux-64", package("hotfixed").filename, depends=["here"])
    channel.hotfix("linux-64", package("fetched").filename, depends=["here"])
    channel.remove("linux-64", package("gone").filename)
    syncer.environment["INCLUDE"] = "here asked"
    return story


def test_a_sync_on_demand_is_killed_at_any_point(
    simulator: ChannelSimulator, memory_folder: Path
) -> None:
    story = day_on_demand(simulator, memory_folder)
    with CrashRunner() as runner:
        whole = story.copy(memory_folder / "whole")
        ended = runner.run(story.environment(whole), now=1e9)
        assert ended.status == "success" and broken_promises(whole) == []
        expected = outcome(whole)
        with whole.ledger() as ledger:
            homes = {
                row.filename.partition("-")[0]: row.home for row in ledger.artifacts("linux-64")
            }
        assert homes == {
            "here": "channels", "back": "channels", "asked": "channels", "fetched": "channels",
            "replaced": "replaced", "hotfixed": "promised", "new": "promised",
        }  # fmt: skip
        for point, announced in enumerate(ended.announced):
            volumes = story.copy(memory_folder / "copy")
            environment = story.environment(volumes)
            stopped = runner.run(environment, now=1e9, point=point)
            assert stopped.status in {"ended with -9", "success"}, (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            assert runner.run(environment, now=1e9).status == "success", (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            assert outcome(volumes) == expected, (point, announced)
            assert litter(volumes) == [], (point, announced)


def test_a_sync_that_leaves_out_what_upstream_lacks_is_killed_at_any_point(
    simulator: ChannelSimulator, memory_folder: Path
) -> None:
    """It is out of the index in the end, and remembered, wherever the sync was stopped."""
    story = made_ready(simulator, memory_folder)
    syncer = story.syncer
    syncer.environment |= {"ON_DEMAND": "yes"}
    lost, other = package("lost"), package("other")
    channel = simulator.channel("conda-forge")
    channel.publish(lost, other)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    simulator.script(f"/conda-forge/linux-64/{lost.filename}", faults.missing())
    fetched = fetch_once(syncer, f"/conda-forge/linux-64/{lost.filename}")
    assert "upstream does not have it" in fetched.outcome
    with CrashRunner() as runner:
        for now in (1.0, 4e9):  # before it is asked for again, and when that is due
            whole = story.copy(memory_folder / "whole")
            ended = runner.run(story.environment(whole), now=now)
            assert lost.filename in ended.status and broken_promises(whole) == []
            assert whole.promised() == {f"linux-64/{other.filename}"}
            for point, announced in enumerate(ended.announced):
                volumes = story.copy(memory_folder / "copy")
                environment = story.environment(volumes)
                stopped = runner.run(environment, now=now, point=point)
                assert stopped.status == "ended with -9" or lost.filename in stopped.status, point
                assert broken_promises(volumes) == [], (point, announced)
                assert lost.filename in runner.run(environment, now=now).status, (point, announced)
                assert broken_promises(volumes) == [], (point, announced)
                assert volumes.promised() == whole.promised(), (point, announced)
                with volumes.ledger() as ledger:
                    assert [one.filename for one in UngivenTable(ledger).all()] == [lost.filename]


def test_an_eviction_is_killed_at_any_point(
    simulator: ChannelSimulator, memory_folder: Path
) -> None:
    """What is evicted is promised or here at any time, and a later run evicts what is left."""
    story = made_ready(simulator, memory_folder)
    syncer = story.syncer
    syncer.environment |= {"ON_DEMAND": "yes", "INCLUDE": "here"}
    there, old, late = package("here"), package("old"), package("late")
    simulator.channel("conda-forge").publish(there, old, late)
    assert syncer.run().status == "success"
    for one in (old, late):
        assert fetch_once(syncer, f"/conda-forge/linux-64/{one.filename}").outcome == "kept"
    publish(syncer.volumes)
    assert syncer.run().status == "success"
    syncer.environment["DEMAND_SIZE"] = "1"
    with CrashRunner() as runner:
        whole = story.copy(memory_folder / "whole")
        ended = runner.run(story.environment(whole), now=1e9)
        assert ended.status == "success" and broken_promises(whole) == []
        assert any("evict" in line for line in ended.announced)
        expected = outcome(whole)
        assert set(whole.served()) == {f"linux-64/{there.filename}"}
        for point, announced in enumerate(ended.announced):
            volumes = story.copy(memory_folder / "copy")
            environment = story.environment(volumes)
            stopped = runner.run(environment, now=1e9, point=point)
            assert stopped.status in {"ended with -9", "success"}, (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            assert runner.run(environment, now=1e9).status == "success", (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            assert outcome(volumes) == expected, (point, announced)
            assert litter(volumes) == [], (point, announced)
