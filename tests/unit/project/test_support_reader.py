"""The faithful reader notices every way in which a published channel can be wrong."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.clients.faithful_reader import FaithfulReader, Inconsistent, decompress_zst
from tests.support.mirror.generation import publish
from tests.support.upstream.channel import compress_zst
from tests.support.upstream.directory_upstream import DirectoryUpstream
from tests.support.upstream.http_messages import Request, Response
from tests.support.upstream.http_server import HttpServer
from tests.support.upstream.packages import package

PACKAGES = [
    package("zlib", "1.3", run_exports={"weak": ["zlib"]}),
    package("zlib", "1.3", extension=".tar.bz2"),
    package("tool", "2.0", depends=("zlib",)),
]
FIRST = PACKAGES[0]


Document = dict[str, Any]


class Server:
    """Serves one generation; a test may look over its shoulder at each request."""

    def __init__(self, mirror: Path) -> None:
        self.generation = publish(mirror, "conda-forge", PACKAGES)
        self.folder = self.generation / "linux-64"
        self.on_request: Callable[[str], object] = lambda path: None
        self._index = DirectoryUpstream(mirror / "index/conda-forge/current")
        self._artifacts = DirectoryUpstream(mirror / "channels/conda-forge")
        self.http = HttpServer(self._answer)

    def _answer(self, request: Request) -> Response:
        self.on_request(request.path)
        inner = request.path.removeprefix("/conda-forge")
        place = self._artifacts if inner.endswith((".conda", ".tar.bz2")) else self._index
        return place(Request(request.method, inner, request.headers, request.connection))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    running.http.start()
    yield running
    running.http.close()


@pytest.fixture
def reader(server: Server) -> Iterator[FaithfulReader]:
    made = FaithfulReader(server.http.url)
    with made.session:
        yield made


def test_a_right_channel_passes(reader: FaithfulReader) -> None:
    index = reader.read("conda-forge", "linux-64")
    assert index.records == {made.filename: made.record for made in PACKAGES}
    assert index.shard_names.keys() == {"zlib", "tool"}
    assert reader.check_artifacts(index) == 3
    assert reader.read("conda-forge", "noarch").records == {}
    assert reader.reads > 10


def rewrite_json(path: Path, change: Callable[[Document], object]) -> None:
    is_packed = path.suffix == ".zst"
    data = path.read_bytes()
    document = json.loads(decompress_zst(data) if is_packed else data)
    change(document)
    data = json.dumps(document).encode()
    path.write_bytes(compress_zst(data) if is_packed else data)


def drop_dependency(document: Document) -> None:
    document["packages.conda"]["tool-2.0-0.conda"]["depends"] = []


def drop_record(document: Document) -> None:
    del document["packages.conda"]["tool-2.0-0.conda"]


def lead_away(document: Document) -> None:
    document["info"]["base_url"] = "https://elsewhere.invalid/"


def lead_all_away(folder: Path) -> None:
    for name in ("repodata.json", "repodata.json.zst"):
        rewrite_json(folder / name, lead_away)


def unpack(path: Path) -> Document:
    return dict(msgspec.msgpack.decode(decompress_zst(path.read_bytes())))


def shard_of(folder: Path, name: str) -> Path:
    index = unpack(folder / "repodata_shards.msgpack.zst")
    return folder / f"{index['shards'][name].hex()}.msgpack.zst"


def change_shard_and_index(folder: Path) -> None:
    """A shard that is right by its hash but has another record than repodata.json."""
    index_path = folder / "repodata_shards.msgpack.zst"
    index = unpack(index_path)
    shard = unpack(shard_of(folder, "tool"))
    shard["packages.conda"]["tool-2.0-0.conda"]["depends"] = []
    data = compress_zst(msgspec.msgpack.encode(shard))
    index["shards"]["tool"] = hashlib.sha256(data).digest()
    (folder / f"{hashlib.sha256(data).hexdigest()}.msgpack.zst").write_bytes(data)
    index_path.write_bytes(compress_zst(msgspec.msgpack.encode(index)))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "zst differs": lambda folder: rewrite_json(folder / "repodata.json.zst", drop_dependency),
    "zst cut": lambda folder: (folder / "repodata.json.zst").write_bytes(
        (folder / "repodata.json.zst").read_bytes()[:-20]
    ),
    "bz2 is no bz2": lambda folder: (folder / "repodata.json.bz2").write_bytes(b"<html>"),
    "bz2 missing": lambda folder: (folder / "repodata.json.bz2").unlink(),
    "json is no json": lambda folder: (folder / "repodata.json").write_bytes(b"<html>"),
    "json missing": lambda folder: (folder / "repodata.json").unlink(),
    "json lists less": lambda folder: rewrite_json(folder / "repodata.json", drop_record),
    "current differs": lambda folder: rewrite_json(
        folder / "current_repodata.json", drop_dependency
    ),
    "current lacks a name": lambda folder: rewrite_json(
        folder / "current_repodata.json", drop_record
    ),
    "run_exports differ": lambda folder: rewrite_json(folder / "run_exports.json.zst", drop_record),
    "shard index missing": lambda folder: (folder / "repodata_shards.msgpack.zst").unlink(),
    "shard missing": lambda folder: shard_of(folder, "zlib").unlink(),
    "shard empty": lambda folder: shard_of(folder, "zlib").write_bytes(b""),
    "shard of an older record": change_shard_and_index,
    "base_url": lead_all_away,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed(
    server: Server, reader: FaithfulReader, damage: Callable[[Path], object]
) -> None:
    damage(server.folder)
    with pytest.raises(Inconsistent):
        reader.read("conda-forge", "linux-64")


def test_optional_variants_may_be_missing(server: Server, reader: FaithfulReader) -> None:
    (server.folder / "repodata.json.bz2").unlink()
    (server.folder / "repodata_shards.msgpack.zst").unlink()
    reader.required = {"repodata.json.zst"}
    assert reader.read("conda-forge", "linux-64").shard_names == {}


@pytest.mark.parametrize("content", [None, FIRST.data[:-1], bytes(len(FIRST.data))])
def test_a_wrong_artifact_is_noticed(
    server: Server, reader: FaithfulReader, content: bytes | None
) -> None:
    index = reader.read("conda-forge", "linux-64")
    artifact = server.generation.parents[2] / f"channels/conda-forge/linux-64/{FIRST.filename}"
    artifact.unlink()
    if content is not None:
        artifact.write_bytes(content)
    with pytest.raises(Inconsistent, match=FIRST.filename):
        reader.check_artifact(index, FIRST.filename)


def test_a_publication_while_reading_is_no_inconsistency(
    server: Server, reader: FaithfulReader, tmp_path: Path
) -> None:
    replacement = package("zlib", "1.3", padding_bytes=99)
    seen: list[str] = []

    def publish_once(path: str) -> None:
        seen.append(path)
        if len(seen) == 3:
            publish(tmp_path, "conda-forge", [replacement], number=2)

    old = reader.read("conda-forge", "linux-64")
    server.on_request = publish_once
    new = reader.read("conda-forge", "linux-64")
    assert new.records == {replacement.filename: replacement.record}
    assert seen.count("/conda-forge/linux-64/repodata.json") == 4, "it looked twice"
    assert reader.check_artifact(new, replacement.filename)
    # The old index named other bytes; that it is outdated explains the difference.
    assert not reader.check_artifact(old, replacement.filename)
