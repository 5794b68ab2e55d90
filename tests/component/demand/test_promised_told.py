"""What is promised is told apart from what is here, by the indexer's commands as by the page."""

from pathlib import Path

from tests.support.mirror.appliance import Appliance
from tests.support.mirror.fetch_once import fetch_once
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package

HERE, WAITING, LATER = package("here"), package("waiting"), package("later")


def test_the_indexer_tells_what_is_fetched_when_asked_for(syncer: Syncer) -> None:
    syncer.environment |= {"ON_DEMAND": "yes", "INCLUDE": "here"}
    syncer.upstream.channel("conda-forge").publish(HERE, WAITING, LATER)
    assert syncer.run().status == "success"
    volumes = syncer.volumes
    settings = {"INDEX_ENGINE": "own"}
    appliance = Appliance(
        volumes.mirror_dir, volumes.state_dir, syncer.upstream.url, Path("none"), settings
    )
    assert appliance.indexer("--once").code == 0
    syncer.upstream.channel("conda-forge").hotfix(HERE.subdir, HERE.filename, depends=["x"])
    assert syncer.run().status == "success"
    assert appliance.indexer("--once").code == 0
    (row,) = appliance.indexer("status", "--json").document["channels"]
    size = len(WAITING.data) + len(LATER.data)
    assert (row["promised"], row["promised_size"]) == (2, size)
    assert "of these 2" in appliance.indexer("status").out
    older, newest = appliance.indexer("generations", "--json").document
    assert (older["promised"], newest["promised"]) == (None, 2)
    listed = appliance.indexer("generations").out.splitlines()
    assert "fetched when asked for" in listed[-1] and "fetched" not in listed[0]
    path = f"/conda-forge/{WAITING.subdir}/{WAITING.filename}"
    assert fetch_once(syncer, path).outcome == "kept"
    (row,) = appliance.indexer("status", "--json").document["channels"]
    assert (row["promised"], row["promised_size"]) == (1, len(LATER.data))
