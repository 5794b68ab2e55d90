"""A whole document costs what is new in it."""

import json
from pathlib import Path
from typing import cast

import pytest
import zstandard

from syncer.conda.body import decompress
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Fetch
from syncer.upstream import monolithic
from syncer.upstream.cache import Cache
from syncer.upstream.monolithic import Monolithic

BASE = "https://upstream.invalid/c"


class Upstream:
    """Answers every request with the same body, whatever its conditions."""

    def __init__(self, filename: str) -> None:
        self.publish(filename)

    def publish(self, filename: str) -> None:
        content = json.dumps({"packages.conda": {filename: {}}}).encode()
        self.body = zstandard.ZstdCompressor().compress(content)

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        return Document(url, self.body, Validators())


@pytest.fixture
def uncompressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The variants that were uncompressed, in order."""
    seen: list[str] = []

    def noted(body: bytes, variant: str, where: str) -> bytes | bytearray:
        seen.append(variant)
        return decompress(body, variant, where)

    monkeypatch.setattr(monolithic, "decompress", noted)
    return seen


def test_an_index_is_uncompressed_once_and_one_that_is_known_not_at_all(
    tmp_path: Path, uncompressed: list[str]
) -> None:
    upstream, cache = Upstream("a-1-0.conda"), Cache(tmp_path)
    channel = Monolithic(cast(Fetch, upstream), cache, pytest.fail)
    found = channel.fetch(BASE, "noarch")
    assert found is not None and found.document is not None and found.index is not None
    assert [entry.filename for entry in found.index.entries] == ["a-1-0.conda"]
    assert uncompressed == ["repodata.json.zst"]
    cache.keep("noarch.index", found.cached, found.document.body)
    again = channel.fetch(BASE, "noarch")
    assert again is not None and again.index is None and again.digest == found.digest
    assert uncompressed == ["repodata.json.zst"]
    upstream.publish("b-1-0.conda")
    changed = channel.fetch(BASE, "noarch")
    assert changed is not None and changed.index is not None
    assert [entry.filename for entry in changed.index.entries] == ["b-1-0.conda"]
    assert uncompressed == ["repodata.json.zst"] * 2


def test_the_same_content_in_other_bytes_is_the_same_index(tmp_path: Path) -> None:
    upstream, cache = Upstream("a-1-0.conda"), Cache(tmp_path)
    channel = Monolithic(cast(Fetch, upstream), cache, pytest.fail)
    found = channel.fetch(BASE, "noarch")
    assert found is not None and found.document is not None
    cache.keep("noarch.index", found.cached, found.document.body)
    content = decompress(upstream.body, "repodata.json.zst", "here")
    upstream.body = zstandard.ZstdCompressor(write_checksum=True).compress(content)
    assert upstream.body != found.document.body
    again = channel.fetch(BASE, "noarch")
    assert again is not None and again.index is None and again.digest == found.digest
