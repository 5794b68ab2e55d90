"""The IO of an upstream: documents and shards from base URLs, over HTTP or from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncer.errors import (
    HostStoppedError,
    HttpStatusError,
    IntegrityError,
    ManyUpstreamsError,
    TransferError,
    UpstreamError,
)
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Fetcher
from syncer.transport.reachability import Reachability
from syncer.transport.transfer import Transfers
from syncer.upstream import folder
from syncer.upstream.location import is_folder
from volume import limits
from volume.errors import MirrorError
from volume.program.log import redact
from volume.program.stop import Stop


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads from upstreams; ``workers`` is how many shards are asked for at a time."""

    fetcher: Fetcher
    transfers: Transfers
    stop: Stop
    reachability: Reachability
    workers: int

    def document(self, url: str, validators: Validators) -> Document | None:
        """A whole document, or None if it is unchanged.

        Raises:
            UpstreamError: it can't be had; ``says_absent`` tells whether there is none.
        """
        if is_folder(url):
            return folder.document(url, validators, limit=limits.INDEX.sent)
        try:
            found = self.fetcher.document(url, validators, limit=limits.INDEX.sent)
        except (TransferError, HostStoppedError):
            # Documents are asked for one after the other: once is enough.
            self.reachability.failed(url, for_good=True)
            raise
        except HttpStatusError:
            self.reachability.answered(url)
            raise
        self.reachability.answered(url)
        return found

    def shards(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, bytes]]:
        """Shards, each with its hash, as they come.

        Args:
            wanted: the URLs of each, best first, by sha256 in hex.

        Raises:
            UpstreamError: one can't be had anywhere with the right hash.
        """
        from concurrent.futures import ThreadPoolExecutor  # not all channels have shards

        self.transfers.rest()  # the pool's connections are all that there may be
        pool = ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="shard")
        try:
            jobs = [pool.submit(self._shard, sha256, urls) for sha256, urls in wanted.items()]
            for job in jobs:
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _shard(self, sha256: str, urls: Sequence[str]) -> tuple[str, bytes]:
        errors: list[MirrorError] = []
        for url in self.reachability.order(urls):
            body = _Body()
            try:
                if is_folder(url):
                    folder.receive(url, body, self.stop)
                else:
                    self.transfers.receive(url, body)
                data = body.data
                if hashlib.sha256(data).hexdigest() == sha256:
                    return sha256, data
                raise IntegrityError(
                    f"{redact(url)} is not the shard that its name and the index promise"
                )
            except UpstreamError as error:
                self.reachability.note(url, error, brought_bytes=body.position > 0)
                errors.append(error)
        raise errors[0] if len(errors) == 1 else ManyUpstreamsError(errors)


class _Body:
    """A body in memory."""

    is_large = False

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def position(self) -> int:
        return len(self._data)

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def write(self, chunk: bytes) -> None:
        if len(self._data) + len(chunk) > limits.SHARD.sent:
            raise IntegrityError(f"a shard has more than {limits.SHARD.sent:,} bytes; refused")
        self._data += chunk

    def restart(self) -> None:
        self._data.clear()
