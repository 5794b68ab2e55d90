"""Nothing that is published leads a client off this mirror, whoever wrote it.

Upstream's word is left out, or says where the bytes are here; what stands in a finished generation
all the same is not published.
"""

import bz2
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from indexer.base.errors import VerificationError
from indexer.engines import complete as completion
from indexer.engines.own.writer import Writer, Written
from indexer.generations import shards
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import IndexedMirror, unpack, volumes
from tests.support.upstream.packages import package
from volume.program.stop import Stop
from volume.sections import v3_section_of

SUBDIR = "linux-64"
EVIL = "https://evil.invalid/x"
A, B, C = (f"{name}-1.0-0.conda" for name in "abc")


@pytest.fixture
def indexed(tmp_path: Path) -> IndexedMirror:
    """A published channel; `b` has a record in each revision, `c` one in the new one alone."""
    committed = CommittedMirror.below(tmp_path)
    made = IndexedMirror(
        committed,
        volumes(committed.mirror, committed.state, "no conda", engine="own", clock=time.time),
    )
    records = {name: package(name[0]).record for name in (A, B)}
    committed.commit_records(SUBDIR, records, twins={B: records[B]})
    committed.commit_records(SUBDIR, {C: package("c").record}, section_of=v3_section_of)
    made.index()
    return made


# -- what upstream says ----------------------------------------------------------------------------


@pytest.mark.parametrize("url", [EVIL, "//evil.invalid", "http:evil", "sub/a", "", None, [EVIL]])
def test_a_record_says_where_its_bytes_are_here(tmp_path: Path, url: Any) -> None:
    committed = CommittedMirror.below(tmp_path)
    made = volumes(committed.mirror, committed.state, "no conda", engine="own", clock=time.time)
    indexed = IndexedMirror(committed, made)
    records = {name: {**package(name[0]).record, "url": url} for name in (A, B)}
    committed.commit_records(SUBDIR, records, twins={B: records[B]})
    c = {**package("c").record, "url": url}
    committed.commit_records(SUBDIR, {C: c}, section_of=v3_section_of)
    assert indexed.index().is_new
    here = {name: {**package(name[0]).record, "url": name} for name in (A, B, C)}
    for variant in ("repodata.json", "repodata.json.zst", "repodata.json.bz2",
                    "current_repodata.json"):  # fmt: skip
        document = indexed.repodata(SUBDIR, variant)
        assert document["packages.conda"] == {A: here[A], B: here[B]}
        assert document["v3"]["conda"] == {"b-1.0-0": here[B], "c-1.0-0": here[C]}
    for name, digest in shards.read_index(indexed.current / SUBDIR).shards.items():
        shard = shards.read(indexed.current / SUBDIR, digest, check_hash=True)
        for section in (shard["packages.conda"], shard.get("v3", {}).get("conda", {})):
            assert {record["url"] for record in section.values()} <= {f"{name}-1.0-0.conda"}
    assert not indexed.index().is_new


def test_an_address_does_not_hide_before_the_right_one(indexed: IndexedMirror) -> None:
    """Of a key that is there twice some clients take the first value."""
    text = json.dumps({**package("a").record, "url": A}, separators=(",", ":"))
    indexed.committed.say(SUBDIR, A, f'{{"url":"{EVIL}",{text[1:]}')
    assert indexed.index().is_new
    for variant in ("repodata.json", "current_repodata.json"):
        assert b"evil" not in (indexed.current / SUBDIR / variant).read_bytes()
    assert indexed.repodata(SUBDIR)["packages.conda"][A] == json.loads(text)


@pytest.mark.parametrize(
    "key",
    ["info.base_url", "info.shards_base_url", "info.run_exports_base_url", "info.mirrors",
     "info.invented", "base_url", "run_exports_base_url", "invented"],
)  # fmt: skip
def test_what_stands_beside_the_records_is_left_out_and_named(
    indexed: IndexedMirror, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    indexed.committed.carry(SUBDIR, {key: json.dumps(EVIL), "info.license": '"MIT"'})
    assert indexed.index().is_new
    for name in ("repodata.json", "current_repodata.json"):
        assert "evil" not in json.dumps(indexed.repodata(SUBDIR, name))
        assert indexed.repodata(SUBDIR, name)["info"]["license"] == "MIT"
    assert f"upstream's {key} is left out: it would lead clients off this mirror" in caplog.text


def test_a_revision_keeps_its_message_and_no_address(indexed: IndexedMirror) -> None:
    said = {"v3": {"message": EVIL, "later": 1}}
    indexed.committed.carry(SUBDIR, {"info.repodata_revisions": json.dumps(said)})
    indexed.index()
    found = indexed.repodata(SUBDIR)["info"]["repodata_revisions"]["v3"]
    assert found == {"message": EVIL, "later": 1, "n_packages": 2}
    said["v3"]["invented"] = {"message": EVIL}
    indexed.committed.carry(SUBDIR, {"info.repodata_revisions": json.dumps(said)})
    indexed.index()
    found = indexed.repodata(SUBDIR)["info"]["repodata_revisions"]["v3"]
    assert found == {"n_packages": 2}


def test_relations_and_removed_names_go_one_by_one(indexed: IndexedMirror) -> None:
    relations = {"base": "../other", "overrides": EVIL}
    carried = {"info.channel_relations": relations, "removed": ["x-1-0.conda", EVIL, 7]}
    indexed.committed.carry(SUBDIR, {key: json.dumps(value) for key, value in carried.items()})
    indexed.index()
    document = indexed.repodata(SUBDIR)
    assert document["info"]["channel_relations"] == {"base": "../other"}
    assert document["removed"] == ["x-1-0.conda"]


def test_channeldata_keeps_what_is_for_people(indexed: IndexedMirror) -> None:
    theirs = {"home": EVIL, "dev_url": EVIL, "url": EVIL, "base_url": EVIL, "invented": "//evil",
              "reference_package": EVIL, "later": {"x": 1}}  # fmt: skip
    indexed.committed.give_channeldata({"a": json.dumps(theirs)})
    indexed.index()
    entry = json.loads((indexed.current / "channeldata.json").read_bytes())["packages"]["a"]
    assert entry.keys() & theirs.keys() == {"home", "dev_url", "later"}


# -- what stands in a finished generation ----------------------------------------------------------

Damage = Callable[[Path], None]


def put(path: Path, data: bytes) -> None:
    path.unlink()  # it may be a link to what is published
    path.write_bytes(data)


def edit(name: str, change: Callable[[Any], None]) -> Damage:
    def damage(folder: Path) -> None:
        document = json.loads((folder / name).read_bytes())
        change(document)
        put(folder / name, json.dumps(document, sort_keys=True, separators=(",", ":")).encode())

    return damage


def packed(document: object) -> bytes:
    return zstandard.ZstdCompressor().compress(msgpack.packb(document))


def edit_index(change: Callable[[Any], None]) -> Damage:
    def damage(folder: Path) -> None:
        document = msgpack.unpackb(unpack((folder / shards.INDEX).read_bytes()))
        change(document)
        put(folder / shards.INDEX, packed(document))

    return damage


def edit_shard(name: str, change: Callable[[Any], None]) -> Damage:
    """A whole shard, with the hash in its name, that its index names."""

    def damage(folder: Path) -> None:
        index = msgpack.unpackb(unpack((folder / shards.INDEX).read_bytes()))
        old = index["shards"][name].hex()
        document = msgpack.unpackb(unpack((folder / f"{old}{shards.SUFFIX}").read_bytes()))
        change(document)
        digest = hashlib.sha256(data := packed(document))
        (folder / f"{digest.hexdigest()}{shards.SUFFIX}").write_bytes(data)
        index["shards"][name] = digest.digest()
        put(folder / shards.INDEX, packed(index))

    return damage


def set_in(*path: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document.setdefault(key, {})
        document[path[-1]] = EVIL

    return change


BESIDE = [
    ("info", "base_url"), ("info", "shards_base_url"), ("info", "run_exports_base_url"),
    ("info", "url"), ("info", "invented"), ("info", "invented", "deep"), ("base_url",),
    ("invented",), ("info", "channel_relations", "base"),
    ("info", "repodata_revisions", "v3", "invented"),
]  # fmt: skip
RECORD = ("packages.conda", A, "url")
TWIN = ("v3", "conda", "b-1.0-0", "url")
PLANTED: dict[str, Damage] = {
    **{
        f"{name}: {'.'.join(path)}": edit(name, set_in(*path))
        for name in ("repodata.json", "current_repodata.json", "run_exports.json")
        for path in BESIDE
    },
    **{
        f"{name}: {'.'.join(path)}": edit(name, set_in(*path))
        for name in ("repodata.json", "current_repodata.json")
        for path in (RECORD, TWIN)
    },
    "run_exports.json: record": edit("run_exports.json", set_in(*RECORD)),
    **{f"shard index: {'.'.join(path)}": edit_index(set_in(*path)) for path in BESIDE},
    "shard: record": edit_shard("a", set_in(*RECORD)),
    "shard: twin": edit_shard("b", set_in(*TWIN)),
    **{f"shard: {'.'.join(path)}": edit_shard("c", set_in(*path)) for path in BESIDE},
}
CHANNELDATA = [("url",), ("packages", "a", "url"), ("packages", "a", "base_url"),
               ("packages", "c", "invented")]  # fmt: skip


@pytest.mark.parametrize("place", PLANTED)
def test_what_is_planted_in_a_generation_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Also where everything else of the file is what is published already."""
    indexed.committed.commit(package("n", subdir="noarch"))
    write = Writer.write

    def write_wrongly(self: Writer, now: float) -> Written:
        written = write(self, now)
        PLANTED[place](self._draft.folder / SUBDIR)
        return written

    complete = completion.complete

    def complete_wrongly(draft: Draft, listing: Listing, stop: Stop) -> None:
        complete(draft, listing, stop)
        PLANTED[place](draft.folder / SUBDIR)

    before = indexed.current
    for name, replacement in (("Writer.write", write_wrongly), ("complete", complete_wrongly)):
        with monkeypatch.context() as patched:
            if name == "complete":
                patched.setattr(completion, "complete", replacement)
            else:
                patched.setattr(Writer, "write", replacement)
            with pytest.raises(VerificationError, match=f"conda-forge/{SUBDIR}: .*"):
                indexed.index()
        assert indexed.current == before
    assert indexed.index().is_new


@pytest.mark.parametrize("path", CHANNELDATA)
def test_what_is_planted_in_channeldata_is_not_published(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]
) -> None:
    indexed.committed.commit(package("n", subdir="noarch"))
    complete = completion.complete

    def complete_wrongly(draft: Draft, listing: Listing, stop: Stop) -> None:
        complete(draft, listing, stop)
        edit("channeldata.json", set_in(*path))(draft.folder)

    with monkeypatch.context() as patched:
        patched.setattr(completion, "complete", complete_wrongly)
        with pytest.raises(
            VerificationError, match=r"channeldata\.json leads clients elsewhere by"
        ):
            indexed.index()
    assert indexed.index().is_new


@pytest.mark.parametrize("ending", [".zst", ".bz2"])
@pytest.mark.parametrize("name", ["repodata.json", "current_repodata.json"])
def test_a_compressed_variant_has_nothing_of_its_own(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch, name: str, ending: str
) -> None:
    indexed.committed.commit(package("d"))
    complete = completion.complete

    def complete_wrongly(draft: Draft, listing: Listing, stop: Stop) -> None:
        complete(draft, listing, stop)
        document = json.loads((draft.folder / SUBDIR / name).read_bytes())
        set_in(*RECORD)(document)
        data = json.dumps(document).encode()
        compressor = zstandard.ZstdCompressor()
        wrong = compressor.compress(data) if ending == ".zst" else bz2.compress(data)
        put(draft.folder / SUBDIR / (name + ending), wrong)

    monkeypatch.setattr(completion, "complete", complete_wrongly)
    with pytest.raises(VerificationError, match="differs from"):
        indexed.index()


def test_what_an_older_version_published_goes(
    indexed: IndexedMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation of before, whose record leads away, is the base of the next one."""
    record = {**package("a").record, "url": EVIL}
    with monkeypatch.context() as patched:
        patched.setattr("indexer.records.published_record.may_have_address", lambda *_: False)
        patched.setattr("indexer.base.addresses.may_have_address", lambda *_: False)
        indexed.committed.hotfix(SUBDIR, A, record)
        indexed.index()
    assert indexed.records(SUBDIR)[A]["url"] == EVIL
    indexed.committed.commit(package("n", subdir="noarch"))
    indexed.index()
    assert indexed.records(SUBDIR)[A]["url"] == A
    assert indexed.shards(SUBDIR)[A]["url"] == A
