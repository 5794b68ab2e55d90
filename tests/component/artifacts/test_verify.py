"""`syncer verify`: damaged bytes leave the index and the served folders, and are fetched again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from syncer.errors import GuardError
from tests.support.mirror.damage import flip, quarantined, remove, served_rot, truncate
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, drop_generation, publish, snapshot
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package

DAY = 86_400.0
ALL = (
    package("a", padding_bytes=3000),
    package("b", extension=".tar.bz2"),
    package("c", padding_bytes=500),
    package("n", subdir="noarch"),
)
A, B, C, N = ALL
GOOD = {one.record["sha256"] for one in ALL}


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    """A mirror of four artifacts, published; its upstream's log is empty."""
    syncer.upstream.channel("conda-forge").publish(*ALL)
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    syncer.upstream.reset_log()
    return syncer


def stored(syncer: Syncer, one: Package, folder: str = "channels") -> Path:
    return syncer.volumes.mirror_dir / folder / "conda-forge" / one.subdir / one.filename


def replaced(syncer: Syncer, one: Package) -> Path:
    folder = syncer.volumes.mirror_dir / "replaced" / "conda-forge" / one.subdir
    return folder / str(one.record["sha256"]) / one.filename


def name_of(one: Package) -> str:
    return f"{one.subdir}/{one.filename}"


def is_whole(syncer: Syncer) -> bool:
    """Every artifact is committed and in its place."""
    expected = {name_of(one): one.record["sha256"] for one in ALL}
    return syncer.volumes.committed() == syncer.volumes.served() == expected


def test_nothing_damaged_is_0_and_asks_nobody(synced: Syncer) -> None:
    before = snapshot(synced.volumes.mirror_dir)
    answer = synced.command("verify")
    assert answer.code == 0, answer
    assert "Looked at 4 artifacts" in answer.out
    assert "none damaged" in answer.out
    assert synced.upstream.log == []
    assert snapshot(synced.volumes.mirror_dir) == before


def test_a_mirror_without_anything_is_verified_in_no_time(syncer: Syncer) -> None:
    answer = syncer.command("verify")
    assert (answer.code, answer.out.strip()) == (0, "Looked at 0 artifacts, 0 B: none damaged.")


@pytest.mark.parametrize(
    ("hurt", "words"),
    [(flip, "has sha256"), (truncate, "bytes instead of"), (remove, "is missing")],
)
def test_what_is_damaged_is_quarantined_and_fetched_again(
    synced: Syncer, hurt: Callable[[Path], None], words: str
) -> None:
    path = stored(synced, A)
    hurt(path)
    rotten = path.read_bytes() if path.exists() else None
    answer = synced.command("verify")
    assert answer.code == 3, answer
    assert f"conda-forge/{name_of(A)} " in answer.out
    assert words in answer.out
    assert "1 artifacts committed" in answer.out
    assert "Looked at 4 artifacts" in answer.out
    assert is_whole(synced)
    assert broken_promises(synced.volumes) == []
    assert synced.upstream.count("*.conda") == 1
    assert synced.upstream.count(f"*/{A.filename}") == 1
    folder = synced.volumes.mirror_dir / "quarantine/conda-forge/linux-64"
    kept = [one.read_bytes() for one in folder.iterdir()] if folder.exists() else []
    assert kept == ([rotten] if rotten is not None else [])
    assert synced.command("verify").code == 0


def test_what_can_not_be_fetched_is_left_out_until_the_next_sync(synced: Syncer) -> None:
    flip(stored(synced, A))
    truncate(stored(synced, B))
    synced.upstream.script("*", faults.status(404, times=None))
    report = synced.verify()
    assert report.exit_code == 3
    assert {one.filename for one in report.damaged} == {A.filename, B.filename}
    assert report.repair is not None and report.repair.status == "failed"
    left = {name_of(one): one.record["sha256"] for one in (C, N)}
    assert synced.volumes.committed() == synced.volumes.served() == left
    assert len(quarantined(synced.volumes)) == 2
    again = synced.verify()
    assert (again.looked_at, again.damaged, again.exit_code) == (2, [], 0)
    synced.upstream.heal()
    synced.upstream.reset_log()
    assert synced.run().status == "success"
    assert is_whole(synced)
    assert broken_promises(synced.volumes) == []
    assert synced.upstream.count("*.conda") + synced.upstream.count("*.tar.bz2") == 2


def test_what_upstream_delivers_no_more_is_left_out_and_named(synced: Syncer) -> None:
    flip(stored(synced, A))
    synced.upstream.channel("conda-forge").drop_artifact("linux-64", A.filename)
    answer = synced.command("verify")
    assert answer.code == 3
    assert f"left out: {name_of(A)}" in answer.out
    assert name_of(A) not in synced.volumes.committed()
    assert served_rot(synced.volumes, GOOD) == []


@pytest.mark.parametrize("moved", [True, False])
def test_retired_bytes_are_quarantined_and_not_fetched(synced: Syncer, moved: bool) -> None:
    synced.upstream.channel("conda-forge").remove("linux-64", A.filename)
    assert synced.run().status == "success"
    if moved:
        publish(synced.volumes)
        assert synced.run().status == "success"
    path = stored(synced, A, "retired" if moved else "channels")
    flip(path)
    synced.upstream.reset_log()
    report = synced.verify()
    assert [(one.filename, one.channel) for one in report.damaged] == [(A.filename, "conda-forge")]
    assert served_rot(synced.volumes, GOOD) == []
    assert len(quarantined(synced.volumes)) == 1
    assert synced.upstream.count("*.conda") == 0
    with synced.volumes.ledger() as ledger:
        assert ledger.retired() == []
    assert synced.verify().exit_code == 0


def test_damaged_replaced_content_has_no_served_name_and_comes_back(synced: Syncer) -> None:
    new = package("a", padding_bytes=4000)
    synced.upstream.channel("conda-forge").publish(new)
    assert synced.run().status == "success"
    latest = publish(synced.volumes)
    name = synced.volumes.mirror.generation("conda-forge", latest) / name_of(new)
    assert name.samefile(replaced(synced, new))
    flip(replaced(synced, new))
    report = synced.verify()
    assert [one.filename for one in report.damaged] == [new.filename]
    assert not name.exists()
    assert served_rot(synced.volumes, GOOD | {new.record["sha256"]}) == []
    assert synced.volumes.committed()[name_of(new)] == new.record["sha256"]
    assert replaced(synced, new).read_bytes() == new.data
    publish(synced.volumes)
    drop_generation(synced.volumes, latest)
    assert broken_promises(synced.volumes) == []


def test_older_content_of_a_replaced_name_is_verified_too(synced: Syncer) -> None:
    new = package("a", padding_bytes=4000)
    synced.upstream.channel("conda-forge").publish(new)
    assert synced.run().status == "success"
    publish(synced.volumes)
    flip(stored(synced, A))
    synced.upstream.reset_log()
    assert [one.filename for one in synced.verify().damaged] == [A.filename]
    assert served_rot(synced.volumes, GOOD | {new.record["sha256"]}) == []
    assert synced.volumes.committed()[name_of(new)] == new.record["sha256"]
    assert synced.upstream.count("*.conda") == 0


def test_settled_content_is_replaced_for_every_generation(synced: Syncer) -> None:
    """A generation from before the content got its proper name has a name of its own for it."""
    new = package("a", padding_bytes=4000)
    synced.upstream.channel("conda-forge").publish(new)
    assert synced.run(now=lambda: 0.0).status == "success"
    second = publish(synced.volumes)
    drop_generation(synced.volumes, 1)
    assert synced.run(now=lambda: 20 * DAY).status == "success"
    name = synced.volumes.mirror.generation("conda-forge", second) / name_of(new)
    assert name.samefile(stored(synced, new))
    flip(stored(synced, new))
    assert synced.verify().exit_code == 3
    assert served_rot(synced.volumes, GOOD | {new.record["sha256"]}) == []
    assert broken_promises(synced.volumes) == []


def test_a_second_name_with_other_bytes_is_left_alone(synced: Syncer) -> None:
    """The damage came by copying over: the generation's file is another one, and right."""
    new = package("a", padding_bytes=4000)
    synced.upstream.channel("conda-forge").publish(new)
    assert synced.run().status == "success"
    latest = publish(synced.volumes)
    path = replaced(synced, new)
    path.unlink()
    path.write_bytes(b"rot")
    assert synced.verify().exit_code == 3
    name = synced.volumes.mirror.generation("conda-forge", latest) / name_of(new)
    assert name.read_bytes() == new.data


class TestGuard:
    MANY = tuple(package(f"p{number}") for number in range(12))

    @pytest.fixture
    def broken(self, synced: Syncer) -> Syncer:
        """A second channel with twelve damaged artifacts, and one damaged in the first."""
        synced.environment["CHANNELS"] = "conda-forge bioconda"
        synced.upstream.channel("bioconda").publish(*self.MANY)
        assert synced.run().status == "success"
        for one in self.MANY:
            flip(self.path(synced, one))
        flip(stored(synced, A))
        synced.upstream.reset_log()
        return synced

    def path(self, syncer: Syncer, one: Package) -> Path:
        return syncer.volumes.mirror_dir / "channels/bioconda" / one.subdir / one.filename

    def test_so_much_damage_is_a_broken_disk_and_changes_nothing(self, broken: Syncer) -> None:
        before = snapshot(broken.volumes.mirror_dir)
        committed = [broken.volumes.committed(name) for name in ("conda-forge", "bioconda")]
        with pytest.raises(GuardError, match="bioconda: 12 of 12 artifacts") as caught:
            broken.verify()
        assert caught.value.exit_code == 1
        assert snapshot(broken.volumes.mirror_dir) == before
        assert [broken.volumes.committed(name) for name in ("conda-forge", "bioconda")] == committed
        assert broken.upstream.log == []
        answer = broken.command("verify")
        assert answer.code == 1
        assert "Nothing was changed" in answer.err
        assert f"{name_of(A)}: has sha256" in answer.err  # what was found is told all the same
        machine = broken.command("verify", "--json")
        assert (machine.code, machine.document["status"]) == (1, "failed")

    def test_the_guard_is_a_setting(self, broken: Syncer) -> None:
        report = broken.verify(WIPE_GUARD_PERCENT="100")
        assert len(report.damaged) == 13
        assert report.repair is not None and report.repair.status == "success"
        assert broken.verify().exit_code == 0

    def test_a_few_may_be_all_there_are(self, broken: Syncer) -> None:
        for one in self.MANY[:2]:
            flip(self.path(broken, one))  # back to what it was
        assert len(broken.verify(CHANNELS="bioconda", WIPE_GUARD_PERCENT="1").damaged) == 10


def test_machines_read_what_was_found_and_what_became_of_it(synced: Syncer) -> None:
    clean = synced.command("verify", "--json").document
    assert clean == {
        "looked_at": 4,
        "size": sum(len(one.data) for one in ALL),
        "damaged": [],
        "strays": [],
        "unproven": [],
        "wrong_md5": [],
        "repair": None,
    }
    truncate(stored(synced, A))
    answer = synced.command("verify", "--json")
    assert answer.code == 3
    (damage,) = answer.document["damaged"]
    problem = damage.pop("problem")
    assert problem == f"has {len(A.data) // 2:,} bytes instead of {len(A.data):,}"
    assert damage == {"channel": "conda-forge", "subdir": "linux-64", "filename": A.filename}
    assert answer.document["repair"]["status"] == "success"
    written = json.loads((synced.volumes.state_dir / "sync-run.json").read_text())
    assert written["channels"][0]["downloaded"] == 1
