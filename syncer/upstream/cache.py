"""What we remember of a channel's upstreams, on the state volume: bodies, validators, shards.

Guaranteed: what is recalled is what was kept, byte for byte, or it counts as forgotten. It is a
cache: losing it costs downloads, and the sign by which an older index is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from syncer.conda.body import digest as digest_of
from syncer.errors import IndexRejectedError
from syncer.transport.document import Validators
from volume.disk import documents
from volume.disk.files import make_directory, replace, unlink, volume_error
from volume.errors import StateError


@dataclass(frozen=True, slots=True)
class Cached:
    """One document. ``digest`` is of its content, ``body`` of the bytes that are kept.

    ``origin`` is the base URL that it came from, without credentials: the validators mean
    something to that one only.
    """

    variant: str
    origin: str
    digest: str
    body: str
    validators: Validators


class Cache:
    """What is remembered of one channel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> Cached | None:
        """The document that is remembered under ``name``, if its body is there."""
        try:
            found = documents.read(self._folder / f"{name}.json")
        except StateError:
            return None  # only a cache: fetched again in full
        path = self._body(name)
        if found is None or not path.is_file() or path.stat().st_size == 0:
            return None
        try:
            validators = Validators(found["etag"], found["last_modified"])
            return Cached(
                found["variant"], found["origin"], found["digest"], found["body"], validators
            )
        except KeyError:
            return None  # of an earlier version of this program

    def body(self, name: str, remembered: Cached) -> bytes:
        """The body that was kept.

        Raises:
            IndexRejectedError: it was damaged; it is forgotten now.
            VolumeError: the state volume refused.
        """
        path = self._body(name)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise volume_error(error, "read", path) from error
        if digest_of(body) != remembered.body:
            self.forget(name)
            raise IndexRejectedError(
                f"{path} was damaged and is forgotten; the next run fetches it again"
            )
        return body

    def keep(self, name: str, remembered: Cached, body: bytes) -> None:
        """Remember a document.

        Raises:
            VolumeError: the state volume refused.
        """
        make_directory(self._folder)
        # The digest in the document tells whether the body beside it is the one it speaks of.
        replace(self._body(name), body, is_durable=False)
        documents.write(
            self._folder / f"{name}.json",
            {
                "variant": remembered.variant,
                "origin": remembered.origin,
                "digest": remembered.digest,
                "body": remembered.body,
                "etag": remembered.validators.etag,
                "last_modified": remembered.validators.last_modified,
            },
            is_durable=False,
        )

    def compared(self, subdir: str, origin: str) -> float:
        """When the variants of an index were last compared, in seconds since the epoch; 0: never.

        Args:
            origin: the upstream that they are of, without credentials.
        """
        try:
            found = documents.read(self._folder / f"{subdir}.compared.json") or {}
            return float(found["at"]) if found["origin"] == origin else 0.0
        except (StateError, KeyError, TypeError, ValueError):
            return 0.0

    def keep_compared(self, subdir: str, origin: str, at: float) -> None:
        """Remember that variants were compared.

        Raises:
            VolumeError: the state volume refused.
        """
        make_directory(self._folder)
        path = self._folder / f"{subdir}.compared.json"
        documents.write(path, {"origin": origin, "at": at}, is_durable=False)

    def forget(self, name: str) -> None:
        """Drop what is remembered under ``name``."""
        unlink(self._folder / f"{name}.json")
        unlink(self._body(name))

    def _body(self, name: str) -> Path:
        return self._folder / f"{name}.body"

    # -- shards: content-addressed, so they need no validators -----------------------------------

    def shard(self, subdir: str, sha256: str) -> bytes | None:
        """A shard that was kept, or None."""
        try:
            data = self._shard(subdir, sha256).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def has_shard(self, subdir: str, sha256: str) -> bool:
        """Whether a shard was kept; what it is now is seen when it is read."""
        return self._shard(subdir, sha256).is_file()

    def keep_shard(self, subdir: str, sha256: str, data: bytes) -> None:
        """Remember a shard.

        Raises:
            VolumeError: the state volume refused.
        """
        path = self._shard(subdir, sha256)
        make_directory(path.parent)
        replace(path, data, is_durable=False)

    def forget_shards(self, subdir: str, but: Collection[str]) -> None:
        """Drop the shards of a subdir but these."""
        folder = self._folder / "shards" / subdir
        for path in sorted(folder.glob("*/*")) if folder.is_dir() else ():
            if path.name not in but:
                unlink(path)

    def _shard(self, subdir: str, sha256: str) -> Path:
        # Spread over folders: a channel has tens of thousands.
        return self._folder / "shards" / subdir / sha256[:2] / sha256
