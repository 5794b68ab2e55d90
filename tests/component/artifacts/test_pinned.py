"""What a pinned generation lists stays on the volume, however long ago it left upstream."""

from pathlib import Path

from indexer.base.settings import read
from indexer.base.volumes import Volumes
from indexer.generations import generation
from indexer.generations.chosen import pin
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream.packages import package
from volume import generations
from volume.program.stop import Stop

CHANNEL = "conda-forge"
DAY = 86_400.0
STAYS, GONE = package("stays"), package("gone")


def places(syncer: Syncer) -> list[Path]:
    return list(syncer.volumes.mirror_dir.rglob(GONE.filename))


def test_a_pin_keeps_the_artifacts_and_its_release_lets_them_go(syncer: Syncer) -> None:
    mirror, state = syncer.volumes.mirror, syncer.volumes.state
    volumes = Volumes(mirror, state, read({}), Stop())
    upstream = syncer.upstream.channel(CHANNEL)
    upstream.publish(STAYS, GONE)
    assert syncer.run(now=lambda: 0.0).status == "success"
    first = publish(syncer.volumes)
    pin(volumes, CHANNEL, str(first))
    upstream.remove("linux-64", GONE.filename)
    assert syncer.run(now=lambda: DAY).status == "success"
    latest = publish(syncer.volumes)
    generation.prune(mirror, CHANNEL, 1)
    assert [one.number for one in generations.kept(mirror, CHANNEL)] == [first, latest]
    for day in (2, 400):
        moment = day * DAY
        assert syncer.run(now=lambda: moment).status == "success"  # noqa: B023
        assert broken_promises(syncer.volumes) == []
    assert [path.relative_to(mirror.root).parts[0] for path in places(syncer)] == ["retired"]
    pin(volumes, CHANNEL, str(first), release=True)
    generation.prune(mirror, CHANNEL, 1)
    assert syncer.run(now=lambda: 401 * DAY).status == "success"
    assert places(syncer) == []
    assert broken_promises(syncer.volumes) == []
