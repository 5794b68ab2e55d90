"""Locked artifacts that upstream's index does not list: placed, kept, and safe against crashes."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.artifacts.downloads.download import Downloads
from syncer.artifacts.downloads.progress import Progress
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.locked import LockedArtifacts
from syncer.artifacts.retire import Retirement
from syncer.artifacts.store.store import Store
from syncer.artifacts.task import Failed, Staged, Task
from syncer.conda.record import Facts
from syncer.planning.environments.request import Locked
from syncer.planning.locked_artifacts import Standing, compare, missing, stays
from syncer.settings import settings
from syncer.sync import session as sync
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes, broken_promises, files, publish
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume import generations
from volume.disk import faults
from volume.program.stop import Stop

CHANNEL = "conda-forge"
DAY = 86_400.0
BYTES = {"a-1-0.conda": b"the bytes of a", "b-1-0.tar.bz2": b"the bytes of b"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def locked(filename: str, *, has_sha256: bool = True) -> Locked:
    content = BYTES.get(filename, filename.encode())
    return Locked(
        url=f"https://upstream.invalid/{CHANNEL}/linux-64/{filename}",
        channel=CHANNEL,
        subdir="linux-64",
        filename=filename,
        sha256=sha256(content) if has_sha256 else None,
        md5=hashlib.md5(content).hexdigest(),
    )


LOCKED = [locked("a-1-0.conda"), locked("b-1-0.tar.bz2", has_sha256=False)]


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    found = Volumes(tmp_path / "mirror", tmp_path / "state")
    found.mirror_dir.mkdir()
    return found


def opened(volumes: Volumes) -> LedgerWriter:
    return LedgerWriter.create(volumes.state.ledger(CHANNEL))


def run(volumes: Volumes, *, now: float = 0.0) -> list[str]:
    """What a sync does about them, the download apart; returns the problems."""
    with opened(volumes) as ledger:
        store = LockedArtifacts(Store(volumes.mirror, CHANNEL), ledger, now=lambda: now)
        store.finish()
        wanted, problems = missing(volumes.mirror, CHANNEL, ledger, LOCKED)
        staged = []
        for artifact in wanted:
            content = BYTES[artifact.filename]
            path = volumes.mirror.staged(
                CHANNEL, artifact.subdir, artifact.filename, artifact.digest
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            task = Task(CHANNEL, artifact, ())
            staged.append(Staged(task, sha256(content), len(content), "https://up.invalid/x"))
        store.place(staged)
    return problems


def rows(volumes: Volumes) -> list[tuple[str, str, str, str]]:
    with volumes.ledger() as ledger:
        return [(row.filename, row.sha256, row.home, row.reason) for row in ledger.retired()]


PLACED = [(name, sha256(content), "retired", "locked") for name, content in BYTES.items()]


def test_they_are_placed_where_nginx_looks_and_no_index_lists_them(volumes: Volumes) -> None:
    assert run(volumes) == []
    assert files(volumes.mirror_dir / "retired" / CHANNEL) == {
        f"linux-64/{name}": sha256(content) for name, content in BYTES.items()
    }
    assert rows(volumes) == PLACED
    assert volumes.committed() == {}
    with volumes.ledger() as ledger:
        assert ledger.serial == 0  # nothing to index
        assert [(event.event, event.filename, event.source) for event in ledger.history()] == [
            ("locked", name, "https://up.invalid/x") for name in BYTES
        ]


def test_what_is_there_is_not_fetched_again(volumes: Volumes) -> None:
    run(volumes)
    with opened(volumes) as ledger:
        assert missing(volumes.mirror, CHANNEL, ledger, LOCKED) == ([], [])


def test_a_served_name_keeps_its_bytes(volumes: Volumes) -> None:
    folder = volumes.mirror.artifacts(CHANNEL, "linux-64")
    folder.mkdir(parents=True)
    (folder / "a-1-0.conda").write_bytes(b"somebody's own")
    assert run(volumes) == [
        "linux-64/a-1-0.conda of conda-forge is locked, but this mirror serves other bytes under"
        " that name; it can be had when they have expired"
    ]
    assert rows(volumes) == PLACED[1:]


def test_they_stay_while_they_are_locked_and_then_for_the_grace_period(volumes: Volumes) -> None:
    run(volumes, now=0.0)
    publish(volumes)

    def expire(day: float, named: list[Locked]) -> int:
        with opened(volumes) as ledger:
            return (
                Retirement(Store(volumes.mirror, CHANNEL), ledger)
                .expire(
                    generations.kept(volumes.mirror, CHANNEL),
                    now=day * DAY,
                    grace_seconds=14 * DAY,
                    stays=stays(named),
                )
                .artifacts
            )

    assert expire(100, LOCKED) == 0
    assert expire(110, LOCKED[:1]) == 0  # b's grace period began on day 100
    assert expire(115, LOCKED[:1]) == 1
    assert rows(volumes) == PLACED[:1]
    assert [path.name for path in volumes.mirror.retired(CHANNEL, "linux-64").iterdir()] == [
        "a-1-0.conda"
    ]


def test_a_file_that_vanished_is_fetched_again(volumes: Volumes) -> None:
    run(volumes)
    (volumes.mirror.retired(CHANNEL, "linux-64") / "a-1-0.conda").unlink()
    assert run(volumes) == []
    assert sorted(rows(volumes)) == PLACED
    assert broken_promises(volumes) == []


def test_how_locked_artifacts_stand_to_the_index() -> None:
    def facts(**hashes: str) -> Facts:
        return Facts("x", "1", "0", **hashes)  # type: ignore[arg-type]

    same, other, gone = (locked(f"{name}-1-0.conda") for name in ("same", "other", "gone"))
    bare = Locked("u", CHANNEL, "linux-64", "bare-1-0.conda")
    listed_bare = Locked("u", CHANNEL, "linux-64", "listed-1-0.conda")
    assert same.sha256 is not None
    found = compare(
        [same, other, gone, bare, listed_bare],
        {
            ("linux-64", same.filename): facts(sha256=same.sha256.upper()),
            ("linux-64", other.filename): facts(sha256="0" * 64),
            ("linux-64", listed_bare.filename): facts(sha256="1" * 64),
        },
    )
    assert found == Standing(
        listed=frozenset({("linux-64", same.filename), ("linux-64", listed_bare.filename)}),
        unlisted=(gone,),
        problems=(
            "linux-64/other-1-0.conda of conda-forge has other bytes upstream than locked: sha256"
            f" {'0' * 64}, not {other.sha256}",
            "linux-64/bare-1-0.conda of conda-forge is not in upstream's index any more and its"
            " lock file gives no hash to verify it by; lock the environment again",
        ),
    )


def test_two_locks_that_disagree_are_named() -> None:
    one = locked("gone-1-0.conda")
    two = Locked("u", CHANNEL, "linux-64", "gone-1-0.conda", sha256="0" * 64)
    found = compare([one, two], {})
    assert found.unlisted == (one,)
    assert found.problems == (
        "linux-64/gone-1-0.conda of conda-forge is locked twice, with different hashes: sha256"
        f" {one.sha256}, not {'0' * 64}",
    )


def test_what_upstream_still_serves_is_downloaded_and_verified(
    simulator: ChannelSimulator, volumes: Volumes
) -> None:
    """The link to the rest of a sync: tasks for `Downloads`, and what it staged for `place`."""
    whole, swapped = package("whole"), package("swapped", padding_bytes=7)
    channel = simulator.channel(CHANNEL)
    channel.publish(whole, package("swapped"))
    for one in (whole, swapped):
        channel.remove("linux-64", one.filename, keep_artifact=True)
    locks = [
        Locked("u", CHANNEL, "linux-64", one.filename, sha256=sha256(one.data))
        for one in (whole, swapped)
    ]
    stop = Stop()
    with opened(volumes) as ledger:
        wanted, problems = missing(volumes.mirror, CHANNEL, ledger, locks)
        assert problems == []
        url = f"{simulator.url}/{CHANNEL}/linux-64"
        tasks = [Task(CHANNEL, one, (f"{url}/{one.filename}",)) for one in wanted]
        shared = sync.tools(
            settings.read(Syncer(simulator, volumes).environment),
            sync.Options(),
            stop,
            show_plan=lambda plans: None,
        )
        progress = Progress(CHANNEL, artifacts=len(tasks), size=0, bars=False)
        on_disk = Store(volumes.mirror, CHANNEL)
        downloads = Downloads(shared.fetch, on_disk, stop, workers=1, meter=progress)
        outcomes = list(downloads.run(tasks))
        store = LockedArtifacts(on_disk, ledger, now=lambda: 0.0)
        store.place([one for one in outcomes if isinstance(one, Staged)])
    (failed,) = (one for one in outcomes if isinstance(one, Failed))
    assert failed.task.artifact.filename == swapped.filename
    assert "sha256" in str(failed.error)
    assert rows(volumes) == [(whole.filename, sha256(whole.data), "retired", "locked")]
    assert broken_promises(volumes) == []


# -- crashes ---------------------------------------------------------------------------------------


def in_fork(work: Callable[[], object], point: int | None) -> tuple[int, int]:
    """Do it in a fork, killed at this announcement; its exit status and how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def plan(moment: str, operation: str) -> None:
            nonlocal count
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

        code = 1
        try:
            faults.install(plan)
            work()
            os.write(writing, json.dumps(count).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        count = json.loads(stream.read() or "0")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), count


def test_killed_at_any_point_nothing_is_broken_and_the_next_run_makes_it_whole(
    tmp_path: Path,
) -> None:
    def fresh(name: str) -> Volumes:
        found = Volumes(tmp_path / name / "mirror", tmp_path / name / "state")
        found.mirror_dir.mkdir(parents=True)
        return found

    undisturbed = fresh("undisturbed")
    code, points = in_fork(lambda: run(undisturbed), None)
    assert code == 0 and points >= 10  # ledger, folder, journal, two renames: before and after
    expected = files(undisturbed.mirror_dir)
    for point in range(points):
        volumes = fresh(f"point-{point}")
        code, _ = in_fork(lambda volumes=volumes: run(volumes), point)  # type: ignore[misc]
        assert code == -signal.SIGKILL
        assert broken_promises(volumes) == [], point
        code, _ = in_fork(lambda volumes=volumes: run(volumes), points // 2)  # type: ignore[misc]
        assert broken_promises(volumes) == [], point  # a recovery may be killed too
        assert run(volumes) == []
        assert broken_promises(volumes) == [], point
        assert sorted(rows(volumes)) == PLACED, point
        found = {
            name: digest
            for name, digest in files(volumes.mirror_dir).items()
            if not name.startswith("staging/")  # swept at the end of a whole run
        }
        assert found == {k: v for k, v in expected.items() if not k.startswith("staging/")}, point
