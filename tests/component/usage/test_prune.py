"""PRUNE_UNUSED_DAYS: what nobody asks for leaves, and comes back when somebody does.

Requests are lines as nginx logs them, counted by the sync itself; days are the clock of the run.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from syncer.sync.run import ChannelResult
from syncer.sync.session import Options
from tests.support.mirror.crash import CrashRunner
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, copy_volumes, outcome, publish
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from volume.layout import State

DAY = 86_400.0
START = 20_000  # days since the epoch
USED, UNUSED, NEEDED = package("used"), package("unused"), package("needed")


@pytest.fixture
def upstream(syncer: Syncer) -> Channel:
    syncer.environment |= {
        "PRUNE_UNUSED_DAYS": "30",
        "USAGE_DIR": str(syncer.volumes.state_dir),
        "WIPE_GUARD_PERCENT": "100",
        "RETIRE_DAYS": "0",
    }
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(USED, UNUSED, NEEDED)
    return channel


def ask(syncer: Syncer, one: Package, *, day: float, status: int = 200) -> None:
    """Somebody asks, and nginx notes it."""
    values = ["GET", "conda-forge", one.subdir, one.filename, "conda/26.7.2", ""]
    with Path(syncer.environment["USAGE_DIR"], "requests.log").open("a") as log:
        log.write(json.dumps([(START + day) * DAY, status, 10, *values]) + "\n")


def sync(
    syncer: Syncer, day: float, *, expect: str = "success", wipe: bool = False, **settings: Any
) -> ChannelResult:
    options = Options(allow_wipe={"conda-forge"} if wipe else ())
    run = syncer.run(now=lambda: (START + day) * DAY, options=options, **settings)
    assert run.status == expect, run
    assert broken_promises(syncer.volumes) == []
    (result,) = run.channels
    if result.error is None:
        publish(syncer.volumes, created=(START + day) * DAY)
        assert broken_promises(syncer.volumes) == []
    return result


def listed(syncer: Syncer) -> set[str]:
    return {name.rpartition("/")[2].rsplit("-", 2)[0] for name in syncer.volumes.committed()}


def here(syncer: Syncer) -> set[str]:
    names = set(syncer.volumes.committed()) - syncer.volumes.promised()
    return {name.rpartition("/")[2].rsplit("-", 2)[0] for name in names}


@pytest.fixture
def old(syncer: Syncer, upstream: Channel) -> Syncer:
    """All is here, and watched, since 40 days; one was asked for 10 days ago."""
    sync(syncer, 0)
    ask(syncer, USED, day=30)
    return syncer


def test_what_nobody_asks_for_leaves(old: Syncer) -> None:
    result = sync(old, 40)
    assert listed(old) == {"used"} and result.retired == 2
    plan = next(one for one in result.plan if one.subdir == "linux-64")
    assert (plan.unused, plan.unused_size) == (2, len(UNUSED.data) + len(NEEDED.data))
    assert sync(old, 41).unchanged  # and nothing brings it back by itself
    assert listed(old) == {"used"}
    assert "(PRUNE_UNUSED_DAYS): 2 artifacts" in old.command("status").out


@pytest.mark.parametrize("status", [200, 404])
def test_a_request_brings_it_back(old: Syncer, status: int) -> None:
    sync(old, 40)
    ask(old, USED, day=42)
    ask(old, UNUSED, day=42, status=status)
    sync(old, 43)
    assert listed(old) == {"used", "unused"}
    sync(old, 60)
    assert listed(old) == {"used", "unused"}
    ask(old, USED, day=70)
    sync(old, 80)
    assert listed(old) == {"used"}


def test_what_is_younger_than_that_stays(syncer: Syncer, upstream: Channel) -> None:
    sync(syncer, 0)
    ask(syncer, USED, day=39)
    upstream.publish(package("young"))
    sync(syncer, 20)
    sync(syncer, 40)
    assert listed(syncer) == {"used", "young"}


@pytest.mark.parametrize("needs", ["KEEP", "SPECS", "environment", "lock"])
def test_what_is_needed_stays(old: Syncer, needs: str) -> None:
    settings: dict[str, Any] = {"INCLUDE": "*"}
    if needs == "environment":
        old.configure('[environments.lab]\nchannels = ["conda-forge"]\nspecs = ["needed"]\n')
    elif needs == "lock":
        url = f"{old.upstream.url}/conda-forge/linux-64/{NEEDED.filename}"
        old.configure("", lock=f"@EXPLICIT\n{url}#{NEEDED.record['md5']}\n")
        settings["SPEC_FILES"] = "lock.txt"
    else:
        settings[needs] = "needed"
    sync(old, 40, **settings)
    assert listed(old) == {"used", "needed"}


def test_newest_does_not_take_another_for_what_is_unused(old: Syncer, upstream: Channel) -> None:
    upstream.publish(package("unused", "0.5"))
    sync(old, 40, NEWEST_VERSIONS="1")
    assert listed(old) == {"used"}


@pytest.mark.parametrize("counts", ["new", "absent", "damaged", "silent", "unreadable log"])
def test_counts_that_know_nothing_prune_nothing(old: Syncer, counts: str) -> None:
    usage = State(old.volumes.state_dir).usage
    log = old.volumes.state_dir / "requests.log"
    if counts in {"new", "absent"}:
        usage.unlink()
    if counts == "damaged":
        usage.write_bytes(b"nothing that anybody reads" * 1000)
    if counts in {"silent", "absent", "unreadable log"}:
        log.unlink()
    if counts == "unreadable log":
        log.mkdir()
    sync(old, 40)
    assert listed(old) == {"used", "unused", "needed"}


def test_what_was_pruned_stays_so_though_the_counts_are_lost(old: Syncer) -> None:
    sync(old, 40)
    State(old.volumes.state_dir).usage.unlink()
    sync(old, 41)
    assert listed(old) == {"used"}


def test_the_wipe_guard_is_asked(old: Syncer, upstream: Channel) -> None:
    upstream.publish(*(package(f"more{number}") for number in range(20)))
    sync(old, 1)
    ask(old, USED, day=39)
    result = sync(old, 40, expect="failed", WIPE_GUARD_PERCENT="20")
    assert result.error is not None and "prune_unused_days" in result.error
    assert "--allow-wipe" in result.error and len(listed(old)) == 23
    sync(old, 40, WIPE_GUARD_PERCENT="20", wipe=True)
    assert listed(old) == {"used"}


def test_without_days_all_comes_back(old: Syncer) -> None:
    sync(old, 40)
    sync(old, 41, PRUNE_UNUSED_DAYS="0")
    assert listed(old) == {"used", "unused", "needed"}
    sync(old, 42)
    assert listed(old) == {"used", "unused", "needed"}  # they came a day ago


def test_it_is_explained_and_planned(old: Syncer) -> None:
    sync(old, 40)  # the commands that follow look at it years later: it is the past that counts
    answer = old.command("--once", "--dry-run", "--explain", "unused")
    assert "left out, unused: prune_unused_days = 30" in answer.out, answer


def test_one_channel_may_go_without(old: Syncer) -> None:
    old.configure("[channels.conda-forge]\nprune_unused_days = 0\n")
    sync(old, 40)
    assert listed(old) == {"used", "unused", "needed"}


class TestOnDemand:
    """What is unused gives up its bytes, and is listed still."""

    def test_it_is_promised_again_and_a_request_brings_it_back(self, old: Syncer) -> None:
        demand: dict[str, Any] = {"ON_DEMAND": "yes", "INCLUDE": "used unused"}
        result = sync(old, 40, **demand)
        assert listed(old) == {"used", "unused", "needed"}
        assert here(old) == {"used"} and result.evicted == 2
        assert sync(old, 41, **demand).unchanged
        assert here(old) == {"used"}
        ask(old, UNUSED, day=42)
        sync(old, 43, **demand)  # what INCLUDE asks for is here again; the other when it is fetched
        assert here(old) == {"used", "unused"}

    def test_the_wipe_guard_is_asked(self, old: Syncer, upstream: Channel) -> None:
        upstream.publish(*(package(f"more{number}") for number in range(20)))
        sync(old, 1)
        ask(old, USED, day=39)
        demand: dict[str, Any] = {"ON_DEMAND": "yes", "WIPE_GUARD_PERCENT": "20"}
        result = sync(old, 40, **demand)
        assert result.evicted == 0 and "--allow-wipe" in "".join(result.warnings)
        assert sync(old, 40, wipe=True, **demand).evicted == 22


def test_a_prune_is_killed_at_any_point(old: Syncer, memory_folder: Path) -> None:
    now = (START + 40) * DAY
    source = old.volumes.mirror_dir.parent

    with CrashRunner() as runner:

        def run(folder: str, point: int | None = None) -> Any:
            environment = {
                **old.environment,
                "MIRROR_DIR": str(memory_folder / folder / "mirror"),
                "STATE_DIR": str(memory_folder / folder / "state"),
                "USAGE_DIR": str(memory_folder / folder / "state"),
            }
            return runner.run(environment, now=now, point=point)

        whole = copy_volumes(source, memory_folder / "whole")
        ended = run("whole")
        assert ended.status == "success"
        assert run("whole").status == "success"
        expected = outcome(whole)
        for point, announced in enumerate(ended.announced):
            volumes = copy_volumes(source, memory_folder / "copy")
            assert run("copy", point).status in {"ended with -9", "success"}, (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            for _ in range(2):
                assert run("copy").status == "success", (point, announced)
            assert broken_promises(volumes) == [], (point, announced)
            assert outcome(volumes) == expected, (point, announced)
