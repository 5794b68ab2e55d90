"""A channel on demand lists all that its policy lets in, and downloads what is asked for.

The fetcher has its own tests; here it is ``keep``, which does to the volumes what it does.
"""

import json
import shutil
from collections.abc import Iterable
from typing import Any

import pytest

from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.ops.doctor.client_checks import _any_artifact
from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.mirror.tree import broken_promises, drop_generation, publish
from tests.support.upstream import faults
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, hotfixed, package
from volume.run_document import Totals

DAY = 86_400.0
A, B, C = (package(name) for name in "abc")
NEW_A = package("a", padding_bytes=50)
ARTIFACTS = "/conda-forge/*.conda"


@pytest.fixture
def upstream(syncer: Syncer) -> Channel:
    syncer.environment["ON_DEMAND"] = "yes"
    return syncer.upstream.channel("conda-forge")


def names(packages: Iterable[Package]) -> set[str]:
    return {f"{one.subdir}/{one.filename}" for one in packages}


def sync(syncer: Syncer, *, expect: str = "success", day: float = 0.0, **settings: Any) -> Totals:
    run = syncer.run(now=lambda: day * DAY, **settings)
    assert run.status == expect, run
    assert broken_promises(syncer.volumes) == []
    return next((one for one in run.channels[0].plan if one.subdir == "linux-64"), Totals())


def index(syncer: Syncer, *, day: float = 0.0) -> int:
    number = publish(syncer.volumes, created=day * DAY)
    assert broken_promises(syncer.volumes) == []
    return number


def keep(syncer: Syncer, one: Package) -> bool:
    """What the fetcher does once it has the bytes."""
    folder = syncer.volumes.mirror.artifacts("conda-forge", one.subdir)
    folder.mkdir(parents=True, exist_ok=True)
    record = one.record
    with syncer.volumes.writing() as ledger, ledger.transaction("keep"):
        (folder / one.filename).write_bytes(one.data)
        kept = PromisesWriter(ledger).keep(
            Arrived(
                one.subdir, one.filename, record["sha256"], record["md5"], record["size"], "here"
            ),
            moment=1.0,
        )
        if not kept:
            (folder / one.filename).unlink()
    return kept


def home(syncer: Syncer, one: Package) -> str | None:
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact(one.subdir, one.filename)
        return row.home if row else None


def test_everything_is_listed_and_nothing_is_downloaded(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B, C)
    plan = sync(syncer)
    assert (plan.promised, plan.standing, plan.kept, plan.downloads) == (3, 3, 0, 0)
    assert syncer.volumes.promised() == set(syncer.volumes.committed()) == names([A, B, C])
    assert syncer.upstream.count(ARTIFACTS) == 0
    assert syncer.channel().unchanged


def test_what_is_asked_for_is_downloaded_before(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B, C)
    plan = sync(syncer, INCLUDE="a")
    assert (plan.promised, plan.new) == (2, 1)
    assert syncer.volumes.promised() == names([B, C])
    assert set(syncer.volumes.served()) == names([A])
    plan = sync(syncer, INCLUDE="a b")  # a promise that is asked for from now on
    assert (plan.new, plan.kept, plan.standing) == (1, 1, 1)
    assert set(syncer.volumes.served()) == names([A, B])
    assert syncer.upstream.count(ARTIFACTS) == 2


def test_the_newest_are_downloaded_before(syncer: Syncer, upstream: Channel) -> None:
    old = package("a", "0.9")
    upstream.publish(A, old, B)
    sync(syncer, NEWEST_VERSIONS="1")
    assert syncer.volumes.promised() == names([old])


def test_one_channel_may_be_on_demand(syncer: Syncer) -> None:
    for name in ("conda-forge", "bioconda"):
        syncer.upstream.channel(name).publish(A)
    syncer.configure("[channels.bioconda]\non_demand = true\n")
    assert syncer.run(CHANNELS="conda-forge bioconda").status == "success"
    assert syncer.volumes.promised() == set()
    assert syncer.volumes.promised("bioconda") == names([A])


def test_what_is_forbidden_is_not_promised(syncer: Syncer, upstream: Channel) -> None:
    large = package("large", padding_bytes=20_000)
    free = package("free", license="GPL-3.0")
    denied = package("denied")
    young = package("young", timestamp=1_700_000_000_000)
    upstream.publish(A, B, large, free, denied, young)
    settings: dict[str, Any] = {
        "EXCLUDE": "b", "MAX_SIZE": "10kB", "LICENSES": "MIT", "OLDER_THAN": "2022-01-01",
        "DENY": f"sha256:{denied.record['sha256']}",
    }  # fmt: skip
    sync(syncer, **settings)
    assert syncer.volumes.promised() == set(syncer.volumes.committed()) == names([A])


def test_what_is_forbidden_later_leaves_and_leaves_nothing(
    syncer: Syncer, upstream: Channel
) -> None:
    upstream.publish(A, B)
    sync(syncer)
    plan = sync(syncer, DENY="b")
    assert (plan.taken_back, plan.retired, plan.standing) == (1, 0, 1)
    with syncer.volumes.ledger() as ledger:
        assert ledger.retired() == [] and list(ledger.history()) == []


def test_what_was_fetched_stays_and_is_mirrored_from_then_on(
    syncer: Syncer, upstream: Channel
) -> None:
    upstream.publish(A, B)
    sync(syncer)
    assert keep(syncer, A)
    upstream.publish(C)
    plan = sync(syncer)
    assert (plan.kept, plan.standing, plan.downloads) == (1, 2, 0)
    upstream.publish(NEW_A)  # mirrored: its new bytes come at once
    plan = sync(syncer)
    assert plan.replaced == 1
    upstream.remove("linux-64", A.filename)
    plan = sync(syncer, WIPE_GUARD_PERCENT="100")
    assert plan.retired == 1


def test_a_hotfix_of_a_promise_costs_nothing(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A)
    sync(syncer)
    upstream.hotfix("linux-64", A.filename, depends=["b"])
    plan = sync(syncer)
    assert (plan.downloads, plan.standing) == (0, 1)
    with syncer.volumes.ledger() as ledger:
        record = ledger.record("linux-64", A.filename)
    assert record is not None and json.loads(record)["depends"] == ["b"]
    assert keep(syncer, A)  # fetched while the record changed
    upstream.hotfix("linux-64", A.filename, depends=["c"])
    assert sync(syncer).hotfixed == 1


def test_new_bytes_of_a_promise_never_stand_for_the_old(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B)
    sync(syncer)
    first = index(syncer)
    upstream.publish(NEW_A)
    plan = sync(syncer)  # what is published promises the old bytes, checked by ``sync``
    assert (plan.new, plan.standing) == (1, 1)
    assert home(syncer, NEW_A) == "replaced"
    assert not keep(syncer, A)
    index(syncer)
    sync(syncer, day=30)
    assert home(syncer, NEW_A) == "replaced"  # a snapshot still promises the old ones
    drop_generation(syncer.volumes, first)
    sync(syncer, day=31)
    assert home(syncer, NEW_A) == "channels"


def test_a_promise_that_left_and_came_back_with_other_bytes(
    syncer: Syncer, upstream: Channel
) -> None:
    upstream.publish(A, B)
    sync(syncer)
    index(syncer)
    upstream.remove("linux-64", A.filename)
    sync(syncer)
    index(syncer)
    upstream.publish(A)
    assert sync(syncer).promised == 1  # the same bytes: a promise again
    upstream.remove("linux-64", A.filename)
    sync(syncer)
    upstream.publish(NEW_A)
    plan = sync(syncer)
    assert (plan.promised, plan.new) == (0, 1)
    assert home(syncer, NEW_A) == "replaced"


@pytest.mark.parametrize("came_back", [A, NEW_A])
def test_what_was_here_and_comes_back_is_no_promise(
    syncer: Syncer, upstream: Channel, came_back: Package
) -> None:
    upstream.publish(A, B)
    sync(syncer, INCLUDE="a")
    index(syncer)
    upstream.remove("linux-64", A.filename)
    sync(syncer, INCLUDE="x")
    index(syncer)
    sync(syncer, INCLUDE="x")
    before = syncer.upstream.count(ARTIFACTS)
    upstream.publish(came_back)
    plan = sync(syncer, INCLUDE="x")
    assert (plan.promised, plan.new) == (0, 1)
    downloaded = syncer.upstream.count(ARTIFACTS) - before
    assert downloaded == (0 if came_back is A else 1)


def test_switching_back_and_forth_downloads_nothing_twice(
    syncer: Syncer, upstream: Channel
) -> None:
    upstream.publish(A, B, C, *(package(f"p{number}") for number in range(30)))
    sync(syncer, INCLUDE="a")
    keep(syncer, B)
    plan = sync(syncer, ON_DEMAND="no", INCLUDE="a b c")
    assert (plan.kept, plan.new, plan.taken_back, plan.standing) == (2, 1, 30, 0)
    assert syncer.volumes.promised() == set()
    assert set(syncer.volumes.committed()) == names([A, B, C])
    sync(syncer, INCLUDE="a")
    assert len(syncer.volumes.promised()) == 30
    assert set(syncer.volumes.served()) == names([A, B, C])
    assert syncer.upstream.count(ARTIFACTS) == 2


def test_an_index_that_shrinks_is_refused_although_nothing_is_here(
    syncer: Syncer, upstream: Channel
) -> None:
    many = [package(f"p{number}") for number in range(30)]
    upstream.publish(*many)
    sync(syncer)
    for one in many[:20]:
        upstream.remove("linux-64", one.filename)
    run = syncer.run()
    assert run.status == "failed" and "wipe" in str(run.channels[0].error)
    assert len(syncer.volumes.promised()) == 30


def test_a_file_that_nobody_knows_is_taken_for_its_bytes_and_not_promised(
    syncer: Syncer, upstream: Channel
) -> None:
    folder = syncer.volumes.mirror.artifacts("conda-forge", "linux-64")
    folder.mkdir(parents=True)
    (folder / A.filename).write_bytes(A.data)
    (folder / B.filename).write_bytes(b"other bytes")
    upstream.publish(A, B, C)
    sync(syncer)
    assert syncer.volumes.promised() == names([C])
    assert [entry.path for entry in syncer.upstream.requests(ARTIFACTS)] == [
        f"/conda-forge/linux-64/{B.filename}"
    ]


@pytest.mark.parametrize("data", [A.data, b"other bytes"])
def test_a_fetch_that_was_cut_off_before_its_row_is_finished_by_a_sync(
    syncer: Syncer, upstream: Channel, data: bytes
) -> None:
    upstream.publish(A, B)
    sync(syncer)
    folder = syncer.volumes.mirror.artifacts("conda-forge", "linux-64")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / A.filename).write_bytes(data)
    assert syncer.channel().unchanged
    assert home(syncer, A) == ("channels" if data == A.data else "promised")
    assert (folder / A.filename).exists() == (data == A.data)
    assert broken_promises(syncer.volumes) == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(faults.missing(), None), (faults.wrong_bytes(times=None), "promised")],
    ids=["absent", "wrong"],
)
def test_a_promise_that_can_not_be_downloaded_stays_one_if_upstream_has_it(
    syncer: Syncer, upstream: Channel, fault: faults.Fault, expected: str | None
) -> None:
    upstream.publish(A, B)
    sync(syncer)
    syncer.upstream.script(f"*/{A.filename}", fault)
    sync(syncer, INCLUDE="a", expect="partial")
    assert home(syncer, A) == expected
    syncer.upstream.heal()
    sync(syncer, INCLUDE="a", day=100)
    assert home(syncer, A) == "channels"


def test_a_lost_state_forgets_no_promise(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B, C)
    sync(syncer)
    keep(syncer, B)
    index(syncer)
    shutil.rmtree(syncer.volumes.state_dir)
    syncer.volumes.state_dir.mkdir()
    upstream.publish(NEW_A)
    sync(syncer, options=TAKE_OVER)
    assert (home(syncer, B), home(syncer, C)) == ("channels", "promised")
    assert home(syncer, NEW_A) == "replaced"  # the snapshot promises others
    index(syncer)
    sync(syncer)
    before = syncer.upstream.count(ARTIFACTS)
    assert keep(syncer, C)
    assert syncer.upstream.count(ARTIFACTS) == before


def test_verify_looks_for_no_promised_bytes(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B)
    sync(syncer, INCLUDE="a")
    report = syncer.verify()
    assert (report.looked_at, report.damaged, report.exit_code) == (1, [], 0)


def test_a_record_without_a_hash_is_not_promised(syncer: Syncer, upstream: Channel) -> None:
    bare = hotfixed(A, sha256=None, md5=None)
    upstream.publish(B)
    upstream.put_record("linux-64", A.filename, bare.record)
    sync(syncer, expect="partial")
    assert syncer.volumes.promised() == names([B])


def test_adoption_takes_over_what_would_be_promised(syncer: Syncer, upstream: Channel) -> None:
    other = syncer.volumes.mirror_dir.parent / "other" / "conda-forge" / "linux-64"
    other.mkdir(parents=True)
    (other / A.filename).write_bytes(A.data)
    upstream.publish(A, B)
    answer = syncer.command("adopt", str(other.parents[1]))
    assert answer.code in {0, 3}, answer
    assert set(syncer.volumes.served()) == names([A])
    sync(syncer)
    assert syncer.volumes.promised() == names([B])
    assert syncer.upstream.count(ARTIFACTS) == 0


def test_status_and_explain_say_what_is_promised(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B)
    sync(syncer, INCLUDE="a")
    status = syncer.command("status").out
    assert f"2 artifacts, {(A.record['size'] + B.record['size']) / 1000:.1f} kB" in status
    assert "of these 1," in status and "are fetched when asked for" in status
    answer = syncer.command("--once", "--dry-run", "--explain", "b", INCLUDE="a")
    assert f"{B.filename}: promised, downloaded when somebody asks" in answer.out


def test_a_canary_can_be_installed_of_what_is_promised(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B)
    sync(syncer, CANARY="a", CANARY_BLOCKS="yes")
    upstream.publish(C)
    sync(syncer, CANARY="a", CANARY_BLOCKS="yes")
    assert syncer.run(CANARY="a").canaries == []


def test_the_doctor_asks_for_nothing_that_is_promised(syncer: Syncer, upstream: Channel) -> None:
    upstream.publish(A, B)
    sync(syncer, INCLUDE="b")
    index(syncer)
    with syncer.volumes.ledger() as ledger:
        serial = ledger.serial
    found = _any_artifact(syncer.volumes.state, "conda-forge", "linux-64", serial)
    assert found is not None and found.filename == B.filename
