"""One channel that can't be read hides no other from ``status``, in either program."""

import json

import pytest

from indexer.ops import commands
from tests.support.mirror.indexed import volumes
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import publish
from tests.support.upstream.packages import package

CHANNELS = "conda-forge bioconda"


def with_damage(syncer: Syncer) -> None:
    """Two channels, both published; a document of the first one is damaged."""
    for name in ("conda-forge", "bioconda"):
        syncer.upstream.channel(name).publish(package("a"))
    syncer.environment["CHANNELS"] = CHANNELS
    syncer.run()
    for name in ("conda-forge", "bioconda"):
        publish(syncer.volumes, name)
    syncer.volumes.mirror.generation_document("conda-forge", 1).write_text("{")


def test_of_the_syncer(syncer: Syncer) -> None:
    with_damage(syncer)
    said = syncer.command("status")
    assert said.code == 1
    assert "conda-forge: can't be read:" in said.out and "gen-000001" in said.out
    assert "bioconda: published" in said.out
    told = json.loads(syncer.command("status", "--json").out)["channels"]
    assert [bool(one["trouble"]) for one in told] == [True, False]


def test_of_the_indexer(syncer: Syncer, capsys: pytest.CaptureFixture[str]) -> None:
    with_damage(syncer)
    place = syncer.volumes
    made = volumes(place.mirror, place.state, "no-conda", engine="own", clock=lambda: 0.0)
    assert commands.status(made, None, as_json=False) == 1
    said = capsys.readouterr().out
    assert "conda-forge: can't be read:" in said
    assert "bioconda: generation 1" in said
    assert commands.status(made, None, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["channel"] for one in told["channels"]] == ["bioconda"]
    assert list(told["unread"]) == ["conda-forge"]
