"""A first choice that stands still at artifacts: the second takes over, and soon for good."""

from collections.abc import Iterator

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

MANY = [package(f"p{number}", padding_bytes=2000) for number in range(40)]
BIG = package("big", padding_bytes=1500)


@pytest.fixture
def second() -> Iterator[ChannelSimulator]:
    with ChannelSimulator() as running:
        yield running


@pytest.fixture
def both(syncer: Syncer, second: ChannelSimulator) -> Syncer:
    for upstream in (syncer.upstream, second):
        upstream.channel("conda-forge").publish(*MANY)
    syncer.environment |= {
        "CONDA_CLOUD_URL": f"{syncer.upstream.url} {second.url}",
        "SYNC_TIMEOUT_SECONDS": "1",
        "SYNC_CONNECTIONS": "4",
    }
    return syncer


@pytest.mark.parametrize("after", [None, 100], ids=["no byte", "a few bytes"])
def test_a_slow_host_is_not_waited_for_at_every_artifact(both: Syncer, after: int | None) -> None:
    both.upstream.script("*.conda", faults.stall(30, after=after, times=None))
    result = both.channel(SYNC_TRIES="5")
    assert (result.status, result.downloaded) == ("success", len(MANY))
    assert both.upstream.count("*.conda") <= 2 * 4  # for each connection: one, and one meanwhile


def test_what_only_the_slow_host_has_gets_its_time(both: Syncer, second: ChannelSimulator) -> None:
    both.upstream.channel("conda-forge").publish(BIG)
    path = f"*/{BIG.filename}"
    both.upstream.script(path, faults.stall(30, after=500, times=2))
    result = both.channel()
    assert (result.status, result.downloaded) == ("success", len(MANY) + 1)
    assert second.requests(path)[0].status == 404
    # The first turn was one try, the last one had all of SYNC_TRIES=2; none began anew.
    assert [one.range is not None for one in both.upstream.requests(path)] == [False, True, True]


def test_a_slow_host_alone_is_asked_with_all_tries(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(BIG)
    path = f"*/{BIG.filename}"
    syncer.upstream.script(path, faults.stall(30, after=500, times=1))
    assert syncer.channel(SYNC_TIMEOUT_SECONDS="1").status == "success"
    assert syncer.upstream.count(path) == 2
