"""A Content-Encoding that nobody asked for is taken off, within limits (RFC 9110 section 8.4)."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace

import pytest

from syncer.errors import TransferError
from syncer.transport import answers
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.faults import Fault
from tests.support.upstream.http_messages import (
    Request,
    Resource,
    Response,
    body_bytes,
    respond,
)
from tests.support.upstream.packages import package
from volume import limits

ZLIB = package("zlib", "1.3")
BIG = package("big", padding_bytes=3_000_000)


def coded(coding: str = "gzip", *, times: int | None = None) -> Fault:
    """Answers are encoded, and say so; ranges are of the encoded body."""

    def answer(request: Request, resource: Resource | None) -> Response:
        response = respond(request, resource)
        if response.status != 200:
            return response
        data = body_bytes(response.body)
        data = zlib.compress(data) if coding == "deflate" else gzip.compress(data)
        return replace(
            response, body=data, headers=(*response.headers, ("Content-Encoding", coding))
        )

    return Fault(f"coded as {coding}", answer, times)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_an_index_that_is_coded_is_read(syncer: Syncer, coding: str) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.upstream.script("*.json*", coded(coding))
    assert syncer.channel().status == "success"
    assert set(syncer.volumes.served()) == {f"linux-64/{ZLIB.filename}"}
    assert syncer.channel().unchanged


def test_artifacts_that_are_coded_are_stored_as_they_are(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB, BIG)
    syncer.upstream.script("*.conda", coded())
    assert syncer.channel().status == "success"
    assert syncer.volumes.served() == syncer.volumes.committed()
    assert all("identity" in one.headers["accept-encoding"] for one in syncer.upstream.log)


def test_a_name_that_says_so_itself_is_left_as_it_is() -> None:
    headers = {"content-encoding": "gzip"}
    assert answers.decoder("http://a/x.gz", headers) is None
    assert answers.decoder("http://a/x.json", {"content-encoding": "bzip2"}) is None
    assert answers.decoder("http://a/x.json", headers) is not None


def test_what_a_few_bytes_become_meets_the_limit(syncer: Syncer) -> None:
    bomb = gzip.compress(b" " * 600_000_000, compresslevel=1)
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.upstream.put_file("conda-forge/notices.json", bomb)
    syncer.upstream.script("*/notices.json", faults.extra_header("Content-Encoding", "gzip"))
    syncer.upstream.script(f"*/{ZLIB.filename}", bombed(bomb))
    result = syncer.channel()
    assert result.status == "partial"
    assert "sends more than" in str(result.failures)


def bombed(bomb: bytes) -> Fault:
    headers = (("Content-Encoding", "gzip"),)
    return Fault("a bomb", lambda *_: Response(200, headers, bomb), None)


def test_pieces_are_bounded_and_members_joined() -> None:
    stream = answers.Decoder("http://a/x")
    data = gzip.compress(b"a" * 1_000_000) + gzip.compress(b"b" * 10)
    pieces = [piece for at in range(0, len(data), 7) for piece in stream.feed(data[at : at + 7])]
    assert b"".join(pieces) == b"a" * 1_000_000 + b"b" * 10
    assert max(map(len, pieces)) <= stream.PIECE
    assert stream.is_complete
    cut = answers.Decoder("http://a/x")
    assert list(cut.feed(data[:-20])) and not cut.is_complete


def test_a_bomb_of_gzip_is_stopped_while_it_unpacks() -> None:
    """Also one of many members, and one that comes in many chunks."""
    member = gzip.compress(b" " * (1 << 20))
    found = answers.Decoder("http://x/y")
    unpacked = 0
    with pytest.raises(TransferError, match="uncompresses to more than"):
        for _ in range(4_000):
            unpacked += sum(map(len, found.feed(member)))
    assert unpacked <= limits.in_proportion(4_000 * len(member))
