"""Small artifacts, whose bodies are gathered before we look at them: the same promises hold."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.http_messages import Delivery, Response
from tests.support.upstream.packages import package

SMALL = package("small", padding_bytes=300_000)
OTHER = package("other")
PATH = f"*/{SMALL.filename}"


@pytest.fixture
def syncer_of_small(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(SMALL, OTHER)
    return syncer


def heals(syncer: Syncer) -> None:
    syncer.upstream.heal()
    assert syncer.run().status == "success"
    assert syncer.volumes.served() == syncer.volumes.committed()
    assert broken_promises(syncer.volumes) == []


@pytest.mark.parametrize("cut", [faults.truncated(0.6), faults.chunked_cut(0.6), faults.reset(0.6)])
def test_it_goes_on_where_it_was_cut(syncer_of_small: Syncer, cut: faults.Fault) -> None:
    syncer_of_small.upstream.script(PATH, cut)
    result = syncer_of_small.channel()
    assert (result.status, result.downloaded) == ("success", 2)
    sent = syncer_of_small.upstream.bytes_sent(PATH)
    assert len(SMALL.data) <= sent < 1.5 * len(SMALL.data)
    heals(syncer_of_small)


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "without a length"])
def test_a_body_without_end_does_not_fill_the_memory(
    syncer_of_small: Syncer, chunked: bool
) -> None:
    """It is asked for a second time, and cut off as soon as it is longer than promised."""
    endless = Response(200, (), bytes(100_000_000), Delivery(chunked=chunked, drip_bytes=1 << 20))
    script = faults.Fault("endless", lambda *_: endless, times=None)
    syncer_of_small.upstream.script(PATH, script)
    tracemalloc.start()
    try:
        result = syncer_of_small.channel(SYNC_TRIES="1")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.status, result.downloaded, result.failed) == ("partial", 1, 1)
    assert "more than" in result.failures[0].reason
    assert syncer_of_small.upstream.count(PATH) == 2
    assert peak < 60_000_000
    heals(syncer_of_small)


def test_a_body_that_is_a_little_too_long_is_refused(syncer_of_small: Syncer) -> None:
    longer = SMALL.data + b"more"
    syncer_of_small.upstream.script(PATH, faults.replaced_body(longer, times=None))
    result = syncer_of_small.channel()
    assert (result.status, result.downloaded) == ("partial", 1)
    assert "more than" in result.failures[0].reason
    heals(syncer_of_small)


def test_the_page_of_an_error_is_not_a_body(syncer_of_small: Syncer) -> None:
    page = b"<html>" + bytes(400_000)
    syncer_of_small.upstream.script(PATH, faults.status(404, body=page, times=None))
    result = syncer_of_small.channel()
    assert "404" in result.failures[0].reason
    staged = (syncer_of_small.volumes.mirror_dir / "staging").rglob("*.part")
    assert sum(path.stat().st_size for path in staged) == 0
    heals(syncer_of_small)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_runs_leave_no_socket_open(syncer_of_small: Syncer) -> None:
    """libcurl has descriptors of its own of the sockets that we open for it."""

    def sockets() -> int:
        gc.collect()
        ours = Path("/proc/self/fd").iterdir()
        return sum(str(one.readlink()).startswith("socket:") for one in ours if one.is_symlink())

    syncer_of_small.run()
    before = sockets()
    for _ in range(5):
        syncer_of_small.run()
    assert sockets() <= before + 2  # the simulator's side of a connection may linger
