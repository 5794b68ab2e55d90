"""An upstream that is out of proportion, or out to confuse."""

from __future__ import annotations

import json

import pytest

from syncer.conda.repodata import parse
from syncer.planning.plan import plan_subdir
from syncer.planning.selection.outcome import SubdirSelection
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.packages import package

HASH = "0" * 64


def test_one_malformed_record_of_a_million_is_left_out_and_the_others_are_planned() -> None:
    def record(number: int) -> str:
        size = "true" if number == 777_777 else "9"
        return (
            f'"p{number}-1-0.conda":{{"name":"p{number}","version":"1","build":"0",'
            f'"size":{size},"sha256":"{HASH}"}}'
        )

    text = '{"packages.conda":{' + ",".join(record(number) for number in range(1_000_000)) + "}}"
    index = parse(text.encode(), "linux-64")
    wanted = {one.filename: "" for one in index.entries if one.name.name.startswith("p77")}
    plan = plan_subdir(index, {}, selection=SubdirSelection(wanted, left_out={}, held={}))
    assert [one.filename for one in plan.refused] == ["p777777-1-0.conda"]
    assert len(plan.new) == 11_110  # 77, 77?, ... 77????, without the malformed one
    assert plan.offered == 1_000_000


def test_names_that_differ_only_by_case_are_two_artifacts(syncer: Syncer) -> None:
    lower, upper = package("readme"), package("README")
    syncer.upstream.channel("conda-forge").publish(lower, upper)
    assert syncer.run().status == "success"
    served = syncer.volumes.served()
    assert served[f"linux-64/{lower.filename}"] == lower.record["sha256"]
    assert served[f"linux-64/{upper.filename}"] == upper.record["sha256"]


def test_of_a_key_that_comes_twice_the_last_counts_as_for_every_client(syncer: Syncer) -> None:
    good, bad = package("a"), package("a", padding_bytes=9)
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(good)
    text = (
        f'{{"packages.conda": {{"{good.filename}": {json.dumps(bad.record)},'
        f' "{good.filename}": {json.dumps(good.record)}}}}}'
    )
    assert json.loads(text)["packages.conda"][good.filename] == good.record
    for name in ("repodata.json", "repodata.json.zst", "repodata.json.bz2"):
        channel.variants.discard(name)
    syncer.upstream.put_file("/conda-forge/linux-64/repodata.json", text.encode())
    syncer.upstream.put_file("/conda-forge/noarch/repodata.json", b'{"packages": {}, "info": {}}')
    run = syncer.run()
    assert run.status == "success", run.document()
    assert syncer.volumes.served() == {f"linux-64/{good.filename}": good.record["sha256"]}
    assert broken_promises(syncer.volumes) == []


@pytest.mark.parametrize("claimed", [1, 10**12])
def test_an_absurd_size_is_no_reason_to_fill_the_disk(syncer: Syncer, claimed: int) -> None:
    lying = package("a", padding_bytes=5000)
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(lying, package("b"))
    channel.hotfix("linux-64", lying.filename, size=claimed)
    run = syncer.run(MIN_FREE="0")
    assert run.status in {"partial", "failed"}  # left out, or refused because it can't fit
    assert f"linux-64/{lying.filename}" not in syncer.volumes.served()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETag", '"\xff\xfe"'),
        ("ETag", '"' + "a" * 50_000 + '"'),
        ("Last-Modified", "\xff"),
        ("Content-Type", "text/\xffhtml"),
    ],
)
def test_headers_of_other_letters_cost_nothing(syncer: Syncer, name: str, value: str) -> None:
    """Not the next run either: what can't be sent back is no validator."""
    syncer.upstream.channel("conda-forge").publish(package("a"))
    syncer.upstream.script("*", faults.extra_header(name, value))
    assert syncer.run().status == "success"
    syncer.upstream.channel("conda-forge").publish(package("b"))
    assert syncer.run().status == "success"
    assert len(syncer.volumes.committed()) == 2


@pytest.mark.parametrize(
    "to", ["http://\xe2\x91\xa0.0.0.1/x", "http://[::1/x", "https://repo.anac%6fnda.com/x"]
)
@pytest.mark.parametrize("hop", ["*/repodata.json*", "*.conda", "*/channeldata.json"])
def test_a_redirect_that_is_no_address_is_one_failure(syncer: Syncer, to: str, hop: str) -> None:
    syncer.upstream.channel("conda-forge").publish(package("a"))
    syncer.upstream.script(hop, faults.redirect(to))
    told = str(syncer.run().document().plain())
    refusals = ("no address of a web server", "no web address", "ANACONDA_TERMS_ACCEPTED")
    assert any(one in told for one in refusals)
