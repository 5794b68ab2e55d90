"""DEMAND_SIZE: what was asked for longest ago is only promised again, and nothing that is needed.

Artifacts are fetched by the fetcher's own code over HTTP; requests are lines as nginx logs them.
"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from indexer.base.settings import read
from indexer.base.volumes import Volumes
from indexer.generations.chosen import pin
from syncer.sync.run import ChannelResult
from tests.support.mirror.fetch_once import fetch_once
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from volume.program.stop import Stop

A, B, C = (package(name, padding_bytes=1000) for name in "abc")
ROOM = str(2 * max(len(one.data) for one in (A, B, C)) + 50)
"""For two of them."""


@pytest.fixture
def upstream(syncer: Syncer) -> Channel:
    syncer.environment |= {
        "ON_DEMAND": "yes",
        "USAGE_DIR": str(syncer.volumes.state_dir),
        "WIPE_GUARD_PERCENT": "100",
    }
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(A, B, C)
    return channel


def path(one: Package) -> str:
    return f"/conda-forge/{one.subdir}/{one.filename}"


def fetch(syncer: Syncer, *packages: Package) -> None:
    for one in packages:
        assert fetch_once(syncer, path(one)).outcome == "kept"


def ask(syncer: Syncer, one: Package, status: int = 200) -> None:
    """Somebody asks now, and nginx notes it."""
    values = ["GET", "conda-forge", one.subdir, one.filename, "conda/26.7.2", ""]
    with Path(syncer.environment["USAGE_DIR"], "requests.log").open("a") as log:
        log.write(json.dumps([time.time(), status, 10, *values]) + "\n")


def here(syncer: Syncer) -> set[str]:
    return {name.rpartition("/")[2].partition("-")[0] for name in syncer.volumes.served()}


def sync(syncer: Syncer, *, expect: str = "success", **settings: Any) -> ChannelResult:
    run = syncer.run(**settings)
    assert run.status == expect, run
    assert broken_promises(syncer.volumes) == []
    publish(syncer.volumes)
    assert broken_promises(syncer.volumes) == []
    (result,) = run.channels
    return result


@pytest.fixture
def full(syncer: Syncer, upstream: Channel) -> Syncer:
    """All three are here, as somebody asked for them in this order."""
    sync(syncer)
    fetch(syncer, A, B, C)
    return syncer


def test_what_was_asked_for_longest_ago_goes(full: Syncer) -> None:
    with full.volumes.ledger() as ledger:
        serial = ledger.serial
    result = sync(full, DEMAND_SIZE=ROOM)
    assert (result.evicted, result.evicted_size) == (1, len(A.data))
    assert here(full) == {"b", "c"}
    assert full.volumes.promised() == {f"linux-64/{A.filename}"}
    with full.volumes.ledger() as ledger:
        assert ledger.serial == serial  # what is published did not change
        assert [one.event for one in ledger.history(A.filename)] == ["fetched", "evicted"]
    assert sync(full, DEMAND_SIZE=ROOM).evicted == 0
    fetch(full, A)  # and it comes back when somebody asks
    assert sync(full, DEMAND_SIZE=ROOM).evicted == 1
    assert here(full) == {"a", "c"}


def test_without_a_bound_all_stays(full: Syncer) -> None:
    assert sync(full).evicted == 0
    assert here(full) == {"a", "b", "c"}


def test_what_is_asked_for_stays(full: Syncer) -> None:
    ask(full, A)
    sync(full, DEMAND_SIZE=ROOM)
    assert here(full) == {"a", "c"}


def test_counts_that_are_damaged_or_a_log_that_is_none_evict_by_arrival(full: Syncer) -> None:
    full.volumes.state.usage.parent.mkdir(parents=True, exist_ok=True)
    full.volumes.state.usage.write_bytes(b"no database" * 500)
    (full.volumes.state_dir / "requests.log").mkdir()
    sync(full, DEMAND_SIZE=ROOM)
    assert here(full) == {"b", "c"}


@pytest.mark.parametrize("needs", ["INCLUDE", "SPECS", "KEEP", "NEWEST_VERSIONS"])
def test_what_a_setting_needs_stays_however_it_came(full: Syncer, needs: str) -> None:
    value = "1" if needs == "NEWEST_VERSIONS" else "a"
    sync(full, DEMAND_SIZE="1", **{needs: value})
    assert here(full) == ({"a", "b", "c"} if needs == "NEWEST_VERSIONS" else {"a"})


def test_what_a_lock_file_names_stays(full: Syncer) -> None:
    url = f"{full.upstream.url}{path(A)}#{A.record['md5']}"
    full.configure("", lock=f"@EXPLICIT\n{url}\n")
    sync(full, DEMAND_SIZE="1", SPEC_FILES="lock.txt")
    assert here(full) == {"a"}


def test_what_was_mirrored_before_may_go_too(syncer: Syncer, upstream: Channel) -> None:
    sync(syncer, ON_DEMAND="no")
    assert here(syncer) == {"a", "b", "c"}
    assert sync(syncer, DEMAND_SIZE="1").evicted == 3
    assert here(syncer) == set()
    assert sync(syncer, ON_DEMAND="no").downloaded == 3


def test_what_upstream_does_not_list_so_any_more_stays(full: Syncer, upstream: Channel) -> None:
    upstream.publish(package("b", padding_bytes=2000))
    sync(full, DEMAND_SIZE="1", COOLDOWN_DAYS="3000")  # its new bytes wait
    assert here(full) == {"b"}


def test_a_pinned_snapshot_keeps_what_it_lists(full: Syncer) -> None:
    volumes = Volumes(full.volumes.mirror, full.volumes.state, read({}), Stop())
    number = publish(full.volumes, created=time.time())
    pin(volumes, "conda-forge", str(number))
    result = sync(full, DEMAND_SIZE="1")
    assert result.evicted == 0 and "pinned snapshots" in "".join(result.warnings)
    pin(volumes, "conda-forge", str(number), release=True)
    assert sync(full, DEMAND_SIZE="1").evicted == 3


def test_nothing_goes_while_upstream_is_away(full: Syncer) -> None:
    run = full.run(DEMAND_SIZE="1", CONDA_CLOUD_URL="http://127.0.0.1:9", SYNC_TRIES="1")
    assert run.status == "failed"
    assert here(full) == {"a", "b", "c"}


def test_what_somebody_is_fetching_is_left_alone(full: Syncer) -> None:
    from syncer.artifacts.store.claims import Claims

    claim = Claims(full.volumes.state.claims("conda-forge")).take(A.subdir, A.filename)
    assert claim is not None
    with claim:
        assert sync(full, DEMAND_SIZE="1").evicted == 2
    assert here(full) == {"a"}


def test_a_client_that_reads_it_at_that_moment_reads_it_to_its_end(full: Syncer) -> None:
    file = full.volumes.mirror.artifacts("conda-forge", A.subdir) / A.filename
    with file.open("rb") as reader:
        first = reader.read(10)
        sync(full, DEMAND_SIZE="1")
        assert not file.exists()
        assert first + reader.read() == A.data


def test_a_dry_run_tells_and_changes_nothing(full: Syncer) -> None:
    answer = full.command("--once", "--dry-run", "--json", DEMAND_SIZE=ROOM)
    plan = next(one for one in json.loads(answer.out)["plan"] if one["subdir"] == "linux-64")
    assert (plan["evicted"], plan["evicted_size"]) == (1, len(A.data))
    assert "evicted" in full.command("--once", "--dry-run", DEMAND_SIZE=ROOM).out
    assert here(full) == {"a", "b", "c"}
    answer = full.command("--once", DEMAND_SIZE=ROOM)
    assert answer.code == 0 and "evicted: 1 artifact" in answer.out
    assert "1 artifacts evicted" in full.command("status").out


def test_one_bound_for_all_channels(full: Syncer) -> None:
    other = package("d", padding_bytes=1000)
    full.upstream.channel("bioconda").publish(other)
    full.environment["CHANNELS"] = "conda-forge bioconda"
    assert full.run().status == "success"
    assert fetch_once(full, f"/bioconda/linux-64/{other.filename}").outcome == "kept"
    run = full.run(DEMAND_SIZE=ROOM)
    assert [one.evicted for one in run.channels] == [2, 0]
    assert here(full) == {"c"} and len(full.volumes.served("bioconda")) == 1
