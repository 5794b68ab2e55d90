"""What lies beside artifacts (CEP 50): fetched with them, proven, kept as long as they are here."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.promises import Arrived, PromisesWriter
from syncer.artifacts.sidecars import sidecars
from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import TAKE_OVER, Syncer
from tests.support.mirror.tree import broken_promises, files, publish
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from tests.support.upstream.proxies import ForwardProxy
from volume import limits

DAY = 86_400.0
TODAY = 1_800_000_000.0
NAME = "signed-1.0-0.conda"


def bundles(*words: str) -> bytes:
    """A sidecar as upstreams have it, with an attestation for each word."""
    return json.dumps(
        [{"mediaType": "application/x-bundle", "word": word} for word in words]
    ).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def named(data: bytes, filename: str = NAME) -> str:
    return f"{filename}.sigs.{sha256(data)}"


@pytest.fixture
def channel(syncer: Syncer) -> Channel:
    return syncer.upstream.channel("conda-forge")


def sign(channel: Channel, one: Package, data: bytes, *, is_served: bool = True) -> None:
    """Publish an artifact's sidecar, and promise it."""
    with channel.editing():
        if is_served:
            channel.put_artifact(one.subdir, named(data, one.filename), data)
            channel.put_artifact(one.subdir, f"{one.filename}.sigs", data)
        channel.hotfix(one.subdir, one.filename, attestations_sha256=sha256(data))


def here(syncer: Syncer, subdir: str = "linux-64") -> dict[str, bytes]:
    folder = syncer.volumes.mirror_dir / "sidecars/conda-forge" / subdir
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def sync(syncer: Syncer, status: str = "success", **settings: object) -> ChannelResult:
    result = syncer.channel(**settings)
    assert result.status == status, (result.error, result.failures)
    assert broken_promises(syncer.volumes) == []
    return result


def said(result: ChannelResult) -> list[str]:
    return [f"{one.filename}: {one.reason}" for one in result.failures]


SIGNED = package("signed")
ONE, TWO = bundles("one"), bundles("one", "two")


def test_what_a_record_promises_comes_with_its_artifact(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED, package("plain"))
    sign(channel, SIGNED, ONE)
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    asked = [one.path for one in syncer.upstream.requests("*sigs*")]
    assert asked == [f"/conda-forge/linux-64/{named(ONE)}"]  # nothing that no record promises
    syncer.upstream.reset_log()
    assert sync(syncer).unchanged
    assert syncer.upstream.count("*sigs*") == 0


def test_attestations_that_are_added_later_come_with_the_changed_record(
    syncer: Syncer, channel: Channel
) -> None:
    channel.publish(SIGNED)
    sync(syncer)
    assert here(syncer) == {}
    sign(channel, SIGNED, ONE)
    sync(syncer)
    sign(channel, SIGNED, TWO)
    syncer.upstream.reset_log()
    sync(syncer)
    # What an older index names stays, as long as the artifact does (CEP 50).
    assert here(syncer) == {f"{NAME}.sigs": TWO, named(ONE): ONE, named(TWO): TWO}
    assert syncer.upstream.count("*.conda") == 0
    sign(channel, SIGNED, ONE)
    syncer.upstream.reset_log()
    sync(syncer)
    assert here(syncer)[f"{NAME}.sigs"] == ONE
    assert syncer.upstream.count("*.sigs*") == 0  # it was here


def test_what_is_promised_and_not_there_is_named_and_asked_for_again(
    syncer: Syncer, channel: Channel
) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE, is_served=False)
    result = sync(syncer, "partial")
    (line,) = said(result)
    assert line.startswith(f"{named(ONE)}: ")
    assert "404" in line
    assert result.failure_kinds == {"absent": 1}
    record = syncer.volumes.committed()[f"linux-64/{NAME}"]
    assert record  # the artifact is here all the same
    with syncer.volumes.ledger() as ledger:
        text = ledger.record("linux-64", NAME)
    assert text is not None
    assert json.loads(text)["attestations_sha256"] == sha256(ONE)
    sync(syncer, "partial")  # named by every run
    assert named(ONE) in syncer.command("doctor").out
    assert here(syncer) == {}
    channel.put_artifact("linux-64", named(ONE), ONE)
    sync(syncer)  # though its index did not change
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    assert sync(syncer).unchanged


def test_a_promise_that_upstream_takes_back_is_forgotten(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE, is_served=False)
    sync(syncer, "partial")
    channel.hotfix("linux-64", NAME, attestations_sha256=None)
    syncer.upstream.reset_log()
    sync(syncer)
    assert syncer.upstream.count("*sigs*") == 0
    sign(channel, SIGNED, ONE, is_served=False)
    sync(syncer, "partial")
    sign(channel, SIGNED, TWO)  # another one in its place
    syncer.upstream.reset_log()
    sync(syncer)
    assert syncer.upstream.count(f"*{named(ONE)}") == 0
    assert here(syncer) == {f"{NAME}.sigs": TWO, named(TWO): TWO}


def test_the_draft_s_field_and_its_place_are_understood(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    with channel.editing():
        channel.put_artifact("linux-64", f"{NAME}.sigs", ONE)  # no name with a hash, then
        channel.hotfix("linux-64", NAME, attestations={"sha256": sha256(ONE), "size": len(ONE)})
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}


def test_both_records_of_an_artifact_promise(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    with channel.editing():
        sign(channel, SIGNED, ONE)
        channel.put_artifact("linux-64", named(TWO), TWO)
        record = {**SIGNED.record, "attestations_sha256": sha256(TWO)}
        channel.put_v3("linux-64", NAME, record)
    sync(syncer)
    # The newest is what the first one, which every client reads, says.
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE, named(TWO): TWO}
    only = package("only")
    with channel.editing():
        channel.publish(only, revision=3)
        channel.put_v3(
            "linux-64", only.filename, {**only.record, "attestations_sha256": sha256(ONE)}
        )
        channel.put_artifact("linux-64", named(ONE, only.filename), ONE)
    sync(syncer)
    assert named(ONE, only.filename) in here(syncer)


def test_a_channel_with_shards_and_a_base_url(syncer: Syncer, channel: Channel) -> None:
    channel.serves_shards = True
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer, INCLUDE="signed")
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    other = syncer.upstream.channel("elsewhere")
    other.publish(package("moved"))
    moved = package("moved")
    sign(other, moved, TWO)
    with channel.editing():
        channel.publish(moved)
        channel.hotfix("linux-64", moved.filename, attestations_sha256=sha256(TWO))
        channel.put_section(
            "linux-64", "info",
            {"subdir": "linux-64", "base_url": f"{syncer.upstream.url}/elsewhere/linux-64/"},
        )  # fmt: skip
        channel.shard_info["base_url"] = f"{syncer.upstream.url}/elsewhere/linux-64/"
    sync(syncer)
    assert here(syncer)[named(TWO, moved.filename)] == TWO


def test_a_folder_is_an_upstream_too(syncer: Syncer, tmp_path: Path) -> None:
    folder = tmp_path / "disk/conda-forge/linux-64"
    folder.mkdir(parents=True)
    record = {**SIGNED.record, "attestations_sha256": sha256(ONE)}
    document = {"packages.conda": {NAME: record}, "packages": {}}
    (folder / "repodata.json").write_text(json.dumps(document))
    (folder / NAME).write_bytes(SIGNED.data)
    settings = {"CONDA_CLOUD_URL": (tmp_path / "disk").as_uri()}
    result = sync(syncer, "partial", **settings)
    assert named(ONE) in said(result)[0]
    (folder / named(ONE)).write_bytes(ONE)
    sync(syncer, **settings)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}


def test_a_host_that_has_none_of_many_is_not_asked_for_all(
    syncer: Syncer, channel: Channel
) -> None:
    many = [package(f"p{number}") for number in range(60)]
    channel.publish(*many)
    with channel.editing():
        for one in many:
            sign(channel, one, ONE, is_served=False)
    result = sync(syncer, "partial", SYNC_CONNECTIONS="1")
    assert len(result.failures) == 60  # each is named
    assert len(syncer.volumes.committed()) == 60  # and no artifact is less
    # After a hundred refusals it is left alone: two for each, as drafts had another place.
    assert syncer.upstream.count("*sigs*") == 100
    # And begins with the others the next time: those have their turn, however many lack.
    asked = {one.path.partition(".sigs")[0] for one in syncer.upstream.requests("*sigs*")}
    lucky = next(one for one in many if not any(one.filename in path for path in asked))
    channel.put_artifact("linux-64", named(ONE, lucky.filename), ONE)
    sync(syncer, "partial", SYNC_CONNECTIONS="1")
    assert here(syncer).keys() == {f"{lucky.filename}.sigs", named(ONE, lucky.filename)}


WRONG: dict[str, dict[str, object]] = {
    "no hash": {"attestations_sha256": "../../../etc/passwd"},
    "capitals": {"attestations_sha256": "AB" * 32},
    "a number": {"attestations_sha256": 7},
    "a list": {"attestations_sha256": ["ab" * 32]},
    "a line end": {"attestations_sha256": "ab" * 32 + "\n"},
    "no size": {"attestations": {"sha256": "ab" * 32, "size": -1}},
    "a truth": {"attestations": {"sha256": "ab" * 32, "size": True}},
    "too large": {"attestations": {"sha256": "ab" * 32, "size": limits.SIDECAR + 1}},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG)
def test_a_malformed_promise_is_named_and_asked_for_nowhere(
    syncer: Syncer, channel: Channel, fields: dict[str, object]
) -> None:
    channel.publish(SIGNED)
    channel.hotfix("linux-64", NAME, **fields)
    result = sync(syncer, "partial")
    assert "attestations" in said(result)[0]
    assert syncer.upstream.count("*sigs*") == 0
    sync(syncer, "partial")
    channel.hotfix("linux-64", NAME, attestations_sha256=None, attestations=None)
    sync(syncer)


HOSTILE = {
    "other bytes": b"[{}]",
    "a page": b"<!DOCTYPE html><html><body>sign in</body></html>",
    "too many bytes": b"[" + b" " * limits.SIDECAR + b"]",
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_the_promised_bytes_is_named_and_not_kept(
    syncer: Syncer, channel: Channel, content: bytes
) -> None:
    other = package("other")
    channel.publish(SIGNED, other)
    with channel.editing():
        sign(channel, SIGNED, ONE, is_served=False)
        sign(channel, other, TWO)
        channel.put_artifact("linux-64", named(ONE), content)
    result = sync(syncer, "partial", SYNC_CONNECTIONS="1")
    (line,) = said(result)
    assert named(ONE) in line
    # The host is asked on, and nothing else is harmed.
    assert here(syncer).keys() == {named(TWO, other.filename), f"{other.filename}.sigs"}
    assert len(syncer.volumes.committed()) == 2
    assert files(syncer.volumes.mirror_dir / "staging") == {}


def test_an_artifact_s_name_may_leave_no_room_for_a_hash(syncer: Syncer, channel: Channel) -> None:
    long = package("l" * 120, "1." + "0" * 70)
    channel.publish(long)
    sign(channel, long, ONE)
    result = sync(syncer, "partial")
    assert "255 bytes" in said(result)[0]
    assert len(syncer.volumes.committed()) == 1


def test_they_stay_as_long_as_their_artifact_and_no_longer(
    syncer: Syncer, channel: Channel
) -> None:
    channel.publish(SIGNED, *(package(f"p{number}") for number in range(9)))
    sign(channel, SIGNED, ONE)
    sync(syncer, now=lambda: 0.0)
    publish(syncer.volumes)
    channel.remove("linux-64", NAME)
    sync(syncer, now=lambda: DAY)
    publish(syncer.volumes)
    sync(syncer, now=lambda: 2 * DAY)
    assert (syncer.volumes.mirror_dir / "retired/conda-forge/linux-64" / NAME).exists()
    assert here(syncer).keys() == {f"{NAME}.sigs", named(ONE)}
    sync(syncer, now=lambda: 40 * DAY, RETIRE_DAYS="14")
    for number in (1,):
        folder = syncer.volumes.mirror.generation("conda-forge", number)
        syncer.volumes.mirror.generation_document("conda-forge", number).unlink()
        shutil.rmtree(folder)
    result = sync(syncer, now=lambda: 60 * DAY, RETIRE_DAYS="14")
    assert result.expired == 1
    assert here(syncer) == {}
    with syncer.volumes.ledger() as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM sidecar").fetchone() == (0,)


def test_new_bytes_have_sidecars_of_their_own(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer)
    publish(syncer.volumes)
    again = package("signed", padding_bytes=500)
    with channel.editing():
        channel.publish(again)
        sign(channel, again, TWO)
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": TWO, named(ONE): ONE, named(TWO): TWO}


def test_a_lost_state_costs_no_request_for_what_is_here(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer)
    sign(channel, SIGNED, TWO)
    sync(syncer)
    publish(syncer.volumes)
    before = here(syncer)
    shutil.rmtree(syncer.volumes.state_dir)
    syncer.volumes.state_dir.mkdir()
    syncer.upstream.reset_log()
    sync(syncer, options=TAKE_OVER)
    assert syncer.upstream.count("*.conda*") == 0
    assert here(syncer) == before
    assert files(syncer.volumes.mirror_dir / "quarantine") == {}
    with syncer.volumes.ledger() as ledger:
        rows = ledger.connection.execute("SELECT name FROM sidecar WHERE missing IS NULL")
        assert {row[0] for row in rows} == before.keys()


def test_a_file_that_nobody_knows_is_not_served_on(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer)
    folder = syncer.volumes.mirror_dir / "sidecars/conda-forge/linux-64"
    strange = {
        "gone-1-0.conda.sigs": ONE,  # of no artifact
        f"{NAME}.sigs.{'ab' * 32}": ONE,  # not what its name says
        f"{NAME}.v0.sigs": ONE,  # nothing vouches for it
        "other.txt": b"x",
    }
    for name, data in strange.items():
        (folder / name).write_bytes(data)
    (folder / named(TWO)).write_bytes(TWO)  # its name proves it
    (folder / f".{NAME}.sigs.0123456789abcdef.tmp").write_bytes(b"")  # a link that was stopped
    assert set(syncer.verify().strays) >= {f"conda-forge/linux-64/{name}" for name in strange}
    result = sync(syncer)
    assert result.unchanged
    assert here(syncer).keys() == {f"{NAME}.sigs", named(ONE), named(TWO)}
    quarantine = files(syncer.volumes.mirror_dir / "quarantine/conda-forge/linux-64")
    assert quarantine.keys() == strange.keys()


def test_what_was_taken_away_is_fetched_again(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer)
    folder = syncer.volumes.mirror_dir / "sidecars/conda-forge/linux-64"
    (folder / named(ONE)).unlink()
    (folder / f"{NAME}.sigs").unlink()
    (folder / f"{NAME}.sigs").mkdir()  # in its way
    result = sync(syncer)
    assert any("asked for again" in warning for warning in result.warnings)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    shutil.rmtree(folder)
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}


def test_verify_finds_damage_and_fetches_again(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    sync(syncer)
    path = syncer.volumes.mirror_dir / "sidecars/conda-forge/linux-64" / named(ONE)
    path.write_bytes(b"x" * len(ONE))
    report = syncer.verify()
    assert {one.filename for one in report.damaged} == {named(ONE), f"{NAME}.sigs"}
    assert report.exit_code == 3
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    assert f"linux-64/{NAME}" in syncer.volumes.committed()  # its artifact was never out
    assert syncer.verify().exit_code == 0
    assert syncer.verify(rolling=True, SCRUB_DAYS="1").looked_at == 3


def test_no_sidecars_is_a_policy(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    channel.put_artifact("linux-64", f"{NAME}.v0.sigs", ONE)
    syncer.configure('[channels."conda-forge"]\nsidecars = "no"\n')
    assert syncer.channel().status == "success"
    assert here(syncer) == {}
    assert syncer.upstream.count("*sigs*") == 0
    syncer.configure('[channels."conda-forge"]\nsidecars = "promised"\n')
    sync(syncer)  # looked for now, though the index did not change
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}


class TestProbe:
    """SIDECARS=probe: what no record promises."""

    @pytest.fixture(autouse=True)
    def probes(self, syncer: Syncer) -> None:
        syncer.environment["SIDECARS"] = "probe"

    def test_each_artifact_is_asked_about_once_and_then_now_and_then(
        self, syncer: Syncer, channel: Channel
    ) -> None:
        plain = package("plain")
        channel.publish(SIGNED, plain)
        channel.put_artifact("linux-64", f"{NAME}.v0.sigs", ONE)
        sync(syncer, now=lambda: TODAY)
        assert here(syncer) == {f"{NAME}.v0.sigs": ONE}
        assert syncer.upstream.count("*sigs*") == 4
        syncer.upstream.reset_log()
        assert sync(syncer, now=lambda: TODAY + 6 * DAY).unchanged
        assert syncer.upstream.count("*sigs*") == 0
        channel.put_artifact("linux-64", f"{plain.filename}.sigs", TWO)
        channel.put_artifact("linux-64", f"{NAME}.v0.sigs", TWO)
        sync(syncer, now=lambda: TODAY + 8 * DAY)
        assert here(syncer) == {f"{NAME}.v0.sigs": TWO, f"{plain.filename}.sigs": TWO}
        # What upstream does not have any more stays: attestations are only ever added to.
        channel.drop_artifact("linux-64", f"{NAME}.v0.sigs")
        sync(syncer, now=lambda: TODAY + 16 * DAY)
        assert f"{NAME}.v0.sigs" in here(syncer)

    def test_a_run_asks_about_a_bounded_number(
        self, syncer: Syncer, channel: Channel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sidecars, "PROBES", 2)
        channel.publish(*(package(f"p{number}") for number in range(5)))
        sync(syncer, now=lambda: TODAY, SIDECARS="promised")
        asked = []
        for _ in range(4):
            syncer.upstream.reset_log()
            sync(syncer, now=lambda: TODAY + DAY)
            asked.append(syncer.upstream.count("*sigs*"))
        assert asked == [4, 4, 2, 0]

    @pytest.mark.parametrize("content", [*HOSTILE.values(), b"{}", b"[]", b"[1]", b"[" * 5000])
    def test_what_is_no_array_of_bundles_is_named_and_not_kept(
        self, syncer: Syncer, channel: Channel, content: bytes
    ) -> None:
        if content == b"[{}]":
            pytest.skip("nothing says that these are wrong")
        channel.publish(SIGNED)
        channel.put_artifact("linux-64", f"{NAME}.v0.sigs", content)
        result = sync(syncer)
        (warning,) = [one for one in result.warnings if f"{NAME}.v0.sigs" in one]
        assert "no JSON" in warning or "more than" in warning
        assert here(syncer) == {}

    def test_none_is_none_behind_a_proxy_too(self, syncer: Syncer, channel: Channel) -> None:
        odd = package("odd", "1!2.0+g1", extension=".tar.bz2")
        channel.publish(SIGNED, odd)
        sign(channel, odd, ONE)
        with ForwardProxy() as proxy:
            answer = syncer.command("--once", HTTP_PROXY=proxy.url, NO_PROXY="nowhere")
        assert answer.code == 0
        assert "warning" not in answer.out
        assert here(syncer) == {f"{odd.filename}.sigs": ONE, named(ONE, odd.filename): ONE}

    def test_after_a_lost_state_it_is_asked_for_again(
        self, syncer: Syncer, channel: Channel
    ) -> None:
        channel.publish(SIGNED)
        channel.put_artifact("linux-64", f"{NAME}.v0.sigs", ONE)
        sync(syncer)
        publish(syncer.volumes)
        shutil.rmtree(syncer.volumes.state_dir)
        syncer.volumes.state_dir.mkdir()
        sync(syncer, options=TAKE_OVER)
        sync(syncer)
        assert here(syncer) == {f"{NAME}.v0.sigs": ONE}
        assert sync(syncer).unchanged


def test_those_of_what_is_on_demand_come_after_it(syncer: Syncer, channel: Channel) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    syncer.environment["ON_DEMAND"] = "yes"
    assert sync(syncer).downloaded == 0
    assert syncer.upstream.count("*sigs*") == 0
    folder = syncer.volumes.mirror_dir / "channels/conda-forge/linux-64"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(SIGNED.data)  # as the fetcher does it
    arrived = Arrived("linux-64", NAME, sha256(SIGNED.data), None, len(SIGNED.data), "")
    path = syncer.volumes.state.ledger("conda-forge")
    with LedgerWriter.create(path) as ledger, ledger.transaction("keep"):
        assert PromisesWriter(ledger).keep(arrived, moment=1.0)
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    assert sync(syncer).unchanged


def test_another_mirror_s_are_taken_over(syncer: Syncer, channel: Channel, tmp_path: Path) -> None:
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    old = tmp_path / "old/conda-forge/linux-64"
    old.mkdir(parents=True)
    (old / NAME).write_bytes(SIGNED.data)
    (old / f"{NAME}.sigs").write_bytes(ONE)
    syncer.upstream.reset_log()
    answer = syncer.command("adopt", str(tmp_path / "old"))
    assert answer.code == 0, answer
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
    assert syncer.upstream.count("*.conda*") == 0
    sync(syncer)


def test_two_upstreams_one_of_which_has_it(syncer: Syncer, channel: Channel) -> None:
    other = syncer.upstream.channel("second/conda-forge")
    for one in (channel, other):
        one.publish(SIGNED)
        sign(one, SIGNED, ONE, is_served=one is other)
    sync(syncer, CONDA_CLOUD_URL=f"{syncer.upstream.url} {syncer.upstream.url}/second")
    assert here(syncer)[named(ONE)] == ONE


def test_what_was_committed_without_them_gets_them(syncer: Syncer, channel: Channel) -> None:
    """As a ledger of an earlier version has it."""
    channel.publish(SIGNED)
    sign(channel, SIGNED, ONE)
    assert syncer.channel(SIDECARS="no").status == "success"
    sync(syncer)
    assert here(syncer) == {f"{NAME}.sigs": ONE, named(ONE): ONE}
