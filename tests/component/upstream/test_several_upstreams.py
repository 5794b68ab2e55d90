"""Several upstreams of one channel: each takes over where another fails, and none goes back."""

from collections.abc import Iterator

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, hotfixed, package
from tests.support.upstream.simulator import ChannelSimulator

OLD = [package(f"p{number}", timestamp=1_600_000_000_000 + number) for number in range(12)]
NEW = package("new", timestamp=1_700_000_000_000)
BIG = package("big", padding_bytes=4_000_000, timestamp=1_650_000_000_000)
NOWHERE = "http://127.0.0.1:9"
INDEX = "*/repodata.json*"


@pytest.fixture
def second() -> Iterator[ChannelSimulator]:
    with ChannelSimulator() as running:
        running.clock.advance(12_345)  # its dates are its own
        yield running


@pytest.fixture
def both(syncer: Syncer, second: ChannelSimulator) -> Syncer:
    """A syncer with two upstreams that publish the same."""
    publish(syncer, second, *OLD)
    syncer.environment["CONDA_CLOUD_URL"] = f"{syncer.upstream.url} {second.url}"
    return syncer


def publish(syncer: Syncer, second: ChannelSimulator, *packages: Package) -> None:
    for upstream in (syncer.upstream, second):
        upstream.channel("conda-forge").publish(*packages)


def sources(syncer: Syncer) -> dict[str, str]:
    with syncer.volumes.ledger() as ledger:
        return {row.filename: row.source for row in ledger.artifacts("linux-64")}


def test_only_the_first_is_asked_while_it_answers(both: Syncer, second: ChannelSimulator) -> None:
    assert both.run().status == "success"
    assert len(both.volumes.committed()) == len(OLD)
    assert all(source.startswith(both.upstream.url) for source in sources(both).values())
    # What the first does not have at all may be at the second: nothing else is asked there.
    assert not second.requests("*.conda") and not second.requests(INDEX)


def test_the_second_serves_everything_while_the_first_is_down(
    both: Syncer, second: ChannelSimulator
) -> None:
    result = both.channel(CONDA_CLOUD_URL=f"{NOWHERE} {second.url}", SYNC_TRIES="1")
    assert result.status == "success"
    assert len(both.volumes.committed()) == len(OLD)
    assert all(source.startswith(second.url) for source in sources(both).values())
    (warning,) = [one for one in result.warnings if one.startswith("linux-64")]
    assert f"going on with {second.url}/conda-forge, because {NOWHERE}" in warning


def test_the_same_content_elsewhere_is_unchanged(both: Syncer, second: ChannelSimulator) -> None:
    assert both.run().status == "success"
    second.channel("conda-forge").variants = {"bz2"}
    both.upstream.script("*", faults.status(500, times=None))
    assert both.channel(SYNC_TRIES="1").unchanged
    assert not second.requests("*.conda")


def test_validators_go_to_the_upstream_that_gave_them(
    both: Syncer, second: ChannelSimulator
) -> None:
    assert both.run().status == "success"
    both.upstream.script(INDEX, faults.status(500, times=None))
    both.run(SYNC_TRIES="1")
    assert second.requests(INDEX)
    assert not any(one.is_conditional for one in second.requests(INDEX))


def test_a_second_upstream_that_lags_serves_no_older_index(
    both: Syncer, second: ChannelSimulator
) -> None:
    both.upstream.channel("conda-forge").publish(NEW)
    assert both.run().status == "success"
    second.clock.advance(10_000_000)  # a later date proves nothing
    second.channel("conda-forge").hotfix("linux-64", OLD[0].filename, license="later")
    both.upstream.script("*", faults.status(500, times=None))
    result = both.channel(SYNC_TRIES="1")
    assert result.status == "failed"
    assert "answered 500" in str(result.error)
    assert f"{second.url}/conda-forge/linux-64/repodata.json.zst is older" in str(result.error)
    assert f"linux-64/{NEW.filename}" in both.volumes.committed()
    # It catches up.
    second.channel("conda-forge").publish(NEW, package("newest", timestamp=1_700_000_001_000))
    assert both.channel(SYNC_TRIES="1").status == "success"
    assert "linux-64/newest-1.0-0.conda" in both.volumes.committed()


def test_a_lagging_first_choice_is_passed_over(both: Syncer, second: ChannelSimulator) -> None:
    """It is the second that we know the newest index from."""
    second.channel("conda-forge").publish(NEW)
    down = f"{NOWHERE} {second.url}"
    assert both.channel(CONDA_CLOUD_URL=down, SYNC_TRIES="1").status == "success"
    swapped = f"{both.upstream.url} {second.url}"
    result = both.channel(CONDA_CLOUD_URL=swapped)
    assert result.unchanged
    assert "is older than the index that we have" in "".join(result.warnings)


def test_an_upstream_that_was_exchanged_is_taken_as_it_is(
    both: Syncer, second: ChannelSimulator
) -> None:
    both.upstream.channel("conda-forge").publish(NEW)
    assert both.channel(CONDA_CLOUD_URL=both.upstream.url).status == "success"
    result = both.channel(CONDA_CLOUD_URL=second.url)
    assert (result.status, result.retired) == ("success", 1)
    assert "is not configured any more" in "".join(result.warnings)


def test_an_artifact_that_is_cut_at_one_is_completed_at_the_other(
    both: Syncer, second: ChannelSimulator
) -> None:
    publish(both, second, BIG)
    path = f"*/{BIG.filename}"
    both.upstream.script(path, faults.reset(2_500_000), faults.status(503, times=None))
    result = both.channel()
    assert result.status == "success"
    assert both.volumes.committed()[f"linux-64/{BIG.filename}"] == BIG.record["sha256"]
    (request,) = second.requests(path)
    assert request.range is not None and request.range != "bytes=0-"
    assert request.bytes < len(BIG.data)
    assert sources(both)[BIG.filename] == f"{second.url}/conda-forge/linux-64/{BIG.filename}"
    assert broken_promises(both.volumes) == []


def test_a_wrong_beginning_is_not_kept(both: Syncer, second: ChannelSimulator) -> None:
    """The first host sends other bytes and cuts them: the second sends all of it once more."""
    publish(both, second, BIG)
    other = bytes(byte ^ 0xFF for byte in BIG.data)
    both.upstream.channel("conda-forge").put_artifact("linux-64", BIG.filename, other)
    path = f"*/{BIG.filename}"
    both.upstream.script(path, faults.reset(2_500_000), faults.status(503, times=None))
    assert both.channel().status == "success"
    assert both.volumes.committed()[f"linux-64/{BIG.filename}"] == BIG.record["sha256"]
    ranges = [one.range for one in second.requests(path)]
    assert len(ranges) == 2 and ranges[0] is not None and ranges[1] is None


def test_an_upstream_whose_artifacts_do_not_match_is_named(
    both: Syncer, second: ChannelSimulator
) -> None:
    for one in OLD[:3]:
        both.upstream.script(f"*/{one.filename}", faults.wrong_bytes(times=None))
    result = both.channel()
    assert (result.status, result.failed) == ("success", 0)
    (warning,) = result.warnings
    assert warning.startswith(f"{both.upstream.url} delivered 3 artifacts that are not what")
    assert len(both.volumes.committed()) == len(OLD)
    assert sources(both)[OLD[0].filename].startswith(second.url)


def test_what_no_upstream_has_is_left_out_and_both_are_named(
    both: Syncer, second: ChannelSimulator
) -> None:
    both.upstream.script(f"*/{OLD[0].filename}", faults.wrong_bytes(times=None))
    second.script(f"*/{OLD[0].filename}", faults.missing())
    answer = both.command("--once")
    assert answer.code == 3
    assert f"from {both.upstream.url}" in answer.out and "instead of" in answer.out
    assert f"{second.url}/conda-forge/linux-64/{OLD[0].filename} answered 404" in answer.out
    assert len(both.volumes.committed()) == len(OLD) - 1


def test_a_dead_host_is_not_asked_for_every_artifact(
    both: Syncer, second: ChannelSimulator
) -> None:
    many = [package(f"q{number}") for number in range(60)]
    publish(both, second, *many)
    both.upstream.script("*.conda", faults.early_close(times=None))
    result = both.channel(SYNC_TRIES="1", SYNC_CONNECTIONS="4")
    assert (result.status, result.downloaded) == ("success", 72)
    assert both.upstream.count("*.conda") < 20


@pytest.mark.parametrize(
    "fault",
    [
        faults.replaced_body(b"<html>log in</html>", times=None),
        faults.truncated(0.5, times=None),
        faults.replaced_body(b"{}", times=None),
        faults.missing(),
    ],
    ids=["page", "cut", "nothing", "missing"],
)
def test_an_index_that_is_not_one_is_had_elsewhere(
    both: Syncer, second: ChannelSimulator, fault: faults.Fault
) -> None:
    both.upstream.script(INDEX, fault)
    result = both.channel(SYNC_TRIES="1")
    assert result.status == "success"
    assert f"linux-64: going on with {second.url}/conda-forge, because" in str(result.warnings)
    assert len(both.volumes.committed()) == len(OLD)


def test_a_channel_that_is_nowhere_is_said_with_every_answer(
    both: Syncer, second: ChannelSimulator
) -> None:
    second.script("*", faults.status(403, times=None))
    answer = both.command("--once", CHANNELS="conda-forgery")
    assert answer.code == 1
    assert f"{both.upstream.url}/conda-forgery and {second.url}/conda-forgery has" in answer.out
    assert f"{both.upstream.url}/conda-forgery: answered 404" in answer.out
    assert f"{second.url}/conda-forgery: answered 403" in answer.out


def test_a_hotfix_that_a_mirror_lacks_is_not_undone(both: Syncer, second: ChannelSimulator) -> None:
    fixed = hotfixed(OLD[0], depends=["never"])
    both.upstream.clock.advance(1_000_000)
    both.upstream.channel("conda-forge").hotfix("linux-64", fixed.filename, depends=["never"])
    assert both.run().status == "success"
    both.upstream.script("*", faults.status(500, times=None))
    assert "is older" in str(both.channel(SYNC_TRIES="1").error)
    with both.volumes.ledger() as ledger:
        row = ledger.artifact("linux-64", fixed.filename)
    assert row is not None and "never" in row.record


def test_without_dates_the_content_tells_which_is_older(syncer: Syncer) -> None:
    """One upstream behind a proxy that lags and drops Last-Modified."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(*OLD)
    body = syncer.upstream.resource("conda-forge/linux-64/repodata.json.zst").body
    assert isinstance(body, bytes)
    channel.remove("linux-64", OLD[0].filename)
    channel.publish(NEW)
    assert syncer.run().status == "success"
    syncer.upstream.script("*/linux-64/repodata.json.zst", faults.replaced_body(body, times=None))
    result = syncer.channel()
    assert result.status == "failed"
    assert "is older than the index that we have" in str(result.error)
    assert f"linux-64/{NEW.filename}" in syncer.volumes.committed()
