"""run_exports and channeldata follow upstream's documents, entry by entry, of what is committed."""

import json
from collections.abc import Callable

import pytest

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.conda import entries
from syncer.sync.channel.beside_index import BesideIndex
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.channel import Channel, compress_zst
from tests.support.upstream.packages import package
from volume.errors import VolumeError

A = package("a", run_exports={"weak": ["a >=1"]})
B = package("b", run_exports={"weak": ["b >=1"]})
N = package("n", subdir="noarch", run_exports={"noarch": ["n"]})
C = package("c")
EXPORTS, CHANNELDATA = "linux-64/run_exports.json", "channeldata.json"


@pytest.fixture
def channel(syncer: Syncer) -> Channel:
    """A, B and N are mirrored."""
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(A, B, N)
    clean(syncer)
    return channel


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which documents are read from here on."""
    found: list[str] = []
    for name in ("run_exports", "channeldata"):
        original = getattr(entries, name)

        def spy(
            content: bytes, name: str = name, original: Callable[[bytes], object] = original
        ) -> object:
            found.append(name)
            return original(content)

        monkeypatch.setattr(entries, name, spy)
    return found


def clean(syncer: Syncer) -> int:
    """One sync without failures and warnings; the serial after it."""
    result = syncer.channel()
    assert (result.status, result.warnings) == ("success", [])
    with syncer.volumes.ledger() as ledger:
        return ledger.serial


def exports(syncer: Syncer, subdir: str = "linux-64") -> dict[str, object]:
    with syncer.volumes.ledger() as ledger:
        return {name: json.loads(text) for name, text in ledger.run_exports(subdir).items()}


def summaries(syncer: Syncer) -> dict[str, str]:
    with syncer.volumes.ledger() as ledger:
        return {name: json.loads(text)["summary"] for name, text in ledger.channeldata().items()}


def put_exports(channel: Channel, **said: str) -> None:
    """Let the document name these, by package name."""
    packages = {
        f"{name}-1.0-0.conda": {"run_exports": {"weak": [what]}} for name, what in said.items()
    }
    document = json.dumps({"packages.conda": packages}).encode()
    channel.put_file(f"{EXPORTS}.zst", compress_zst(document))


def put_channeldata(channel: Channel, **summary: str) -> None:
    packages = {name: {"summary": text} for name, text in summary.items()}
    channel.put_file(CHANNELDATA, json.dumps({"packages": packages}).encode())


def weak(**said: str) -> dict[str, object]:
    return {f"{name}-1.0-0.conda": {"weak": [what]} for name, what in said.items()}


def test_entries_change_go_and_come_and_others_stay(syncer: Syncer, channel: Channel) -> None:
    put_exports(channel, a="a >=1", c="c", elsewhere="e")
    put_channeldata(channel, a="A", b="B", elsewhere="E")
    channel.publish(package("x"))
    before = clean(syncer)
    assert exports(syncer) == weak(a="a >=1")  # b's is gone
    assert summaries(syncer) == {"a": "A", "b": "B"}  # n's is gone
    put_exports(channel, a="a >=2", b="b", c="c", elsewhere="e")
    put_channeldata(channel, a="A", b="other", c="C", n="N")
    channel.publish(C)
    assert clean(syncer) > before
    assert exports(syncer) == weak(a="a >=2", b="b", c="c")
    assert summaries(syncer) == {"a": "A", "b": "other", "c": "C", "n": "N"}


def test_a_run_that_changes_nothing_beside_the_records_does_not_raise_the_serial(
    syncer: Syncer, channel: Channel
) -> None:
    before = clean(syncer)
    channel.put_section("linux-64", "v4", {})  # the index changes, and with it what is carried
    after = clean(syncer)
    assert after == before + 1
    put_channeldata(channel, a="a, made for tests")
    channel.put_record("linux-64", "refused-1-0.conda", {"name": "else"})
    result = syncer.channel()  # what a refused record changes is not ours
    assert result.status == "partial"
    with syncer.volumes.ledger() as ledger:
        assert ledger.serial == after + 1  # channeldata's
    channel.put_record("linux-64", "refused-1-0.conda", {"name": "other"})
    syncer.channel()
    with syncer.volumes.ledger() as ledger:
        assert ledger.serial == after + 1


def test_what_retires_leaves_with_its_entries_and_they_come_back_with_it(
    syncer: Syncer, channel: Channel, decoded: list[str]
) -> None:
    put_exports(channel, a="a", b="b")
    put_channeldata(channel, a="A", b="B", n="N")
    channel.remove("linux-64", B.filename)
    clean(syncer)
    assert exports(syncer) == weak(a="a")
    assert summaries(syncer) == {"a": "A", "n": "N"}
    decoded.clear()
    channel.publish(B)  # the documents are the same ones
    clean(syncer)
    assert exports(syncer) == weak(a="a", b="b")
    assert summaries(syncer) == {"a": "A", "b": "B", "n": "N"}
    assert sorted(decoded) == ["channeldata", "run_exports"]  # not those of noarch


def test_documents_that_can_say_nothing_new_are_not_read(
    syncer: Syncer, channel: Channel, decoded: list[str]
) -> None:
    put_exports(channel, a="a", b="b")
    put_channeldata(channel, a="A", b="B", n="N")
    channel.hotfix("linux-64", A.filename, depends=["b"])
    clean(syncer)
    decoded.clear()
    channel.hotfix("linux-64", B.filename, depends=["x"])
    clean(syncer)
    channel.publish(package("b", padding_bytes=7))  # other bytes under a known name
    clean(syncer)
    assert decoded == []
    assert exports(syncer) == weak(a="a", b="b")


@pytest.mark.parametrize("is_kept", [True, False], ids=["remembered", "forgotten"])
def test_a_run_that_was_stopped_before_its_documents_is_made_whole(
    syncer: Syncer, channel: Channel, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    put_exports(channel, a="a", b="b", c="c")
    put_channeldata(channel, a="A", b="B", c="C")
    channel.hotfix("linux-64", A.filename, depends=["b"])
    clean(syncer)
    assert exports(syncer) == weak(a="a", b="b")

    def stopped(_: BesideIndex) -> None:
        raise VolumeError("stopped")

    channel.publish(C)
    if not is_kept:  # the documents change too
        put_exports(channel, a="a", c="d")
        put_channeldata(channel, a="A", c="D")
    with monkeypatch.context() as patch:
        patch.setattr(BesideIndex, "commit", stopped)
        assert syncer.channel().error is not None
    assert f"linux-64/{C.filename}" in syncer.volumes.committed()
    assert exports(syncer) == weak(a="a", b="b")
    clean(syncer)
    if is_kept:
        assert exports(syncer) == weak(a="a", b="b", c="c")
        assert summaries(syncer) == {"a": "A", "b": "B", "c": "C"}
    else:
        assert exports(syncer) == weak(a="a", c="d")
        assert summaries(syncer) == {"a": "A", "c": "D"}


@pytest.mark.parametrize(
    "fault",
    [faults.status(401, times=None), faults.status(501, times=None),
     faults.replaced_body(b"no zstd", times=None)],
    ids=["401", "501", "damaged"],
)  # fmt: skip
def test_a_variant_that_is_no_use_is_named_and_the_plain_document_read(
    syncer: Syncer, channel: Channel, fault: faults.Fault
) -> None:
    syncer.upstream.script(f"*/{EXPORTS}.zst", fault)
    channel.hotfix("linux-64", A.filename, depends=["b"])
    result = syncer.channel()
    assert result.status == "success"
    assert exports(syncer)["a-1.0-0.conda"] == {"weak": ["a >=1"]}
    assert f"{EXPORTS} is read, because a smaller variant can't be" in str(result.warnings)


def test_a_document_that_vanished_or_is_damaged_leaves_what_there_was(
    syncer: Syncer, channel: Channel
) -> None:
    put_exports(channel, a="a", b="b")
    put_channeldata(channel, a="A", b="B")
    channel.hotfix("linux-64", A.filename, depends=["b"])
    clean(syncer)
    damaged = b'{"packages.conda": {"a-1.0-0.conda": {"run_exports": "\xff"}}}'
    channel.put_file(f"{EXPORTS}.zst", compress_zst(damaged))
    channel.put_file(EXPORTS, damaged)
    channel.put_file(CHANNELDATA, b'{"packages": {"a": {"summary": "X"}, "b": "\xff"}}')
    channel.publish(C)
    result = syncer.channel()
    assert result.status == "success"
    assert [warning.partition(" ")[0] for warning in result.warnings] == [EXPORTS, CHANNELDATA]
    assert exports(syncer) == weak(a="a", b="b")
    assert summaries(syncer) == {"a": "A", "b": "B"}
    channel.serves_run_exports = channel.serves_channeldata = False
    channel.drop_file(f"{EXPORTS}.zst")
    channel.drop_file(EXPORTS)
    channel.drop_file(CHANNELDATA)
    channel.remove("linux-64", B.filename)
    clean(syncer)
    assert exports(syncer) == weak(a="a")  # what left has left, all else stays
    assert summaries(syncer) == {"a": "A"}
    put_exports(channel, a="a", b="b", c="c")  # and one that comes back is read
    put_channeldata(channel, a="A", b="B", c="C")
    channel.hotfix("linux-64", A.filename, depends=["c"])
    clean(syncer)
    assert exports(syncer) == weak(a="a", c="c")
    assert summaries(syncer) == {"a": "A", "c": "C"}


def test_a_ledger_that_is_made_anew_gets_them_although_the_documents_are_remembered(
    syncer: Syncer, channel: Channel
) -> None:
    before = exports(syncer), exports(syncer, "noarch"), summaries(syncer)
    assert all(before)
    for path in syncer.volumes.state.ledger("conda-forge").parent.glob("ledger.db*"):
        path.unlink()
    clean(syncer)
    assert (exports(syncer), exports(syncer, "noarch"), summaries(syncer)) == before


def test_what_a_checkpoint_committed_gets_its_entries_at_the_end(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    many = [package(f"p{number}", run_exports={"weak": [f"p{number}"]}) for number in range(6)]
    channel.publish(*many)
    result = syncer.channel(CHECKPOINT_SIZE="1B", SYNC_CONNECTIONS="1")
    assert result.status == "success"
    assert set(exports(syncer)) == {one.filename for one in many}
    assert set(summaries(syncer)) == {f"p{number}" for number in range(6)}


def test_a_document_that_comes_back_as_it_was_wins_over_what_came_with_shards(
    syncer: Syncer,
) -> None:
    channel = syncer.upstream.channel("conda-forge")
    channel.serves_shards, channel.variants = True, set()
    channel.publish(A)
    put_exports(channel, a="of the document")
    clean(syncer)
    assert exports(syncer) == weak(a="of the document")
    channel.serves_run_exports = False
    channel.drop_file(f"{EXPORTS}.zst")
    channel.publish(package("x"))
    clean(syncer)
    assert exports(syncer)[A.filename] == A.run_exports
    put_exports(channel, a="of the document")
    channel.hotfix("linux-64", A.filename, depends=["x"])
    clean(syncer)
    assert exports(syncer) == weak(a="of the document")


def test_entries_that_an_earlier_version_left_of_others_are_swept(
    syncer: Syncer, channel: Channel
) -> None:
    path = syncer.volumes.state.ledger("conda-forge")
    with LedgerWriter.create(path) as ledger, ledger.transaction("as an earlier version"):
        stray = ("linux-64", "x-1.0-0.conda", "{}")
        ledger.connection.execute("INSERT INTO run_exports VALUES (?, ?, ?, NULL)", stray)
        ledger.connection.execute("INSERT INTO channeldata VALUES ('x', '{}', NULL)")
        ledger.connection.execute("DELETE FROM compared")
    put_exports(channel, a="a", b="b", x="not mirrored")
    put_channeldata(channel, a="A", b="B", x="not mirrored")
    channel.hotfix("linux-64", A.filename, depends=["b"])
    clean(syncer)
    assert exports(syncer) == weak(a="a", b="b")
    assert summaries(syncer) == {"a": "A", "b": "B"}
