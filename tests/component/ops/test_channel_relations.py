"""Channels that build on others (CEP 42): who says so if the others are not mirrored."""

from pathlib import Path

import pytest

from syncer.ops.doctor import examination
from syncer.settings.settings import read
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package

NOTE = "it builds on conda-forge (base ../conda-forge, CEP 42), which is not mirrored"
STEP = "add conda-forge to CHANNELS"


@pytest.fixture
def bioconda(syncer: Syncer) -> Syncer:
    channel = syncer.upstream.channel("bioconda")
    channel.publish(package("samtools"))
    for subdir in ("linux-64", "noarch"):
        channel.put_info(subdir, channel_relations={"base": "../conda-forge"})
    syncer.environment["CHANNELS"] = "bioconda"
    return syncer


def warnings_of(syncer: Syncer, **environment: str) -> list[str]:
    found = examination.examine(read({**syncer.environment, **environment}))
    return [one.line for one in found if one.state == "warning"]


def test_a_base_that_is_not_mirrored_is_named_with_the_word_to_add(bioconda: Syncer) -> None:
    plan = bioconda.command("--once", "--dry-run")
    assert f"bioconda: {NOTE}: {STEP}" in plan.out
    assert plan.out.count(NOTE) == 1
    run = bioconda.run()
    assert run.status == "success"
    assert f"{NOTE}: {STEP}" in bioconda.command("status").out
    (line,) = [line for line in warnings_of(bioconda) if "CEP 42" in line]
    assert NOTE in line
    assert STEP in line


def test_nothing_is_said_once_it_is_mirrored(bioconda: Syncer) -> None:
    bioconda.upstream.channel("conda-forge").publish(package("zlib"))
    bioconda.environment["CHANNELS"] = "bioconda conda-forge"
    assert "CEP 42" not in bioconda.command("--once", "--dry-run").out
    assert bioconda.run().status == "success"
    assert "CEP 42" not in bioconda.command("status").out
    assert not [line for line in warnings_of(bioconda) if "CEP 42" in line]


def test_a_channel_with_an_address_of_its_own_needs_one_for_the_other(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("team/tools")
    channel.publish(package("samtools"))
    channel.put_info("linux-64", channel_relations={"overrides": "../base"})
    syncer.environment["CHANNELS"] = f"tools={syncer.upstream.url}/team/tools"
    said = syncer.command("--once", "--dry-run").out
    assert "it overrides base (overrides ../base, CEP 42), which is not mirrored" in said
    assert f"add base={syncer.upstream.url}/team/base to CHANNELS" in said


def test_relations_that_lead_out_or_in_a_circle_are_named_and_harm_nothing(
    syncer: Syncer, tmp_path: Path
) -> None:
    one, other = syncer.upstream.channel("one"), syncer.upstream.channel("other")
    for channel in (one, other):
        channel.publish(package("samtools"))
    one.put_info("linux-64", channel_relations={"base": "../other"})
    one.put_info("noarch", channel_relations={"base": "https://elsewhere.example/x"})
    other.put_info("linux-64", channel_relations={"base": "../one", "overrides": "../other"})
    other.put_info("noarch", channel_relations="../one")
    syncer.environment["CHANNELS"] = "one other"
    run = syncer.run()
    assert run.status == "success"
    lines = "\n".join(warnings_of(syncer))
    assert "base is 'https://elsewhere.example/x', and no path that begins with ../" in lines
    assert "overrides is '../other', the channel itself" in lines
    assert "it is no map" in lines
    assert "lead in a circle, on which clients end: one -> other -> one" in lines
