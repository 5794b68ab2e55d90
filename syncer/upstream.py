"""What an upstream offers of one channel: its indexes, fetched conditionally and remembered.

The body of each index is kept on the state volume as it was sent, with its validators. So an
unchanged upstream costs one request for each subdir, and a run that has to look again (after a
failure, or because the selection changed) does not download it again.

Guaranteed: an index that is cut, malformed, or older than the remembered one (Last-Modified, as a
stale proxy or CDN edge sends it) is rejected and what is remembered stays.
"""

from __future__ import annotations

import bz2
import hashlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, urljoin

import zstandard

from syncer.errors import HttpStatusError, IndexRejectedError
from syncer.fetch import Document, Fetcher, Validators
from volume import documents
from volume.errors import StateError
from volume.files import make_directory, replace, unlink, volume_error
from volume.log import redact

# Smallest first. A variant that is missing is asked for again when the remembered one vanishes.
VARIANTS = ("repodata.json.zst", "repodata.json.bz2", "repodata.json")
_LARGEST_BODY = 2 << 30  # bytes; conda-forge's largest is 0.5 GB uncompressed in 2026
_LARGEST_INDEX = 8 << 30


@dataclass(frozen=True, slots=True)
class Fetched:
    """One fetched document: ``digest`` identifies its content; ``changed`` since the last time."""

    name: str
    digest: str
    changed: bool
    document: Document | None


class ChannelUpstream:
    """One channel at its upstream, and what we remember of it under ``memory``."""

    def __init__(self, fetcher: Fetcher, base: str, memory: Path) -> None:
        self.base = base.rstrip("/")
        self._fetcher = fetcher
        self._memory = memory

    @property
    def shown(self) -> str:
        """The channel's address, for people: without credentials."""
        return redact(self.base)

    def artifact_url(self, subdir: str, filename: str, base_url: str | None) -> str:
        """Where an artifact is; ``base_url`` is upstream's own word on it (CEP 15)."""
        folder = f"{self.base}/{subdir}/"
        if base_url is not None:
            folder = urljoin(folder, base_url.rstrip("/") + "/")
        return folder + quote(filename, safe="!+~*._-")

    def fetch_index(self, subdir: str) -> Fetched | None:
        """The subdir's index in the smallest variant, or None if upstream has none.

        Raises:
            UpstreamError: it can't be had, or is older than the remembered one.
        """
        remembered = self._remembered(f"{subdir}.index")
        first = remembered["variant"] if remembered else VARIANTS[0]
        for variant in (first, *(name for name in VARIANTS if name != first)):
            found = self._fetch(
                f"{self.base}/{subdir}/{variant}",
                f"{subdir}.index",
                remembered if remembered and variant == remembered["variant"] else None,
            )
            if found is not None:
                if found.document is not None and found.changed:
                    self._refuse_older(found.document, remembered)
                return Fetched(variant, found.digest, found.changed, found.document)
        return None

    def fetch_optional(self, path: str, name: str) -> Fetched | None:
        """A document that channels need not have, such as ``channeldata.json``.

        Raises:
            UpstreamError: it can't be had although it may be there.
        """
        return self._fetch(f"{self.base}/{path}", name, self._remembered(name))

    def content(self, fetched: Fetched, name: str) -> bytes | bytearray:
        """The uncompressed content of a fetched document.

        Raises:
            IndexRejectedError: it is cut or damaged.
        """
        body = fetched.document.body if fetched.document else self._recall(fetched, name)
        where = f"{self.shown}: {fetched.name} ({name})"
        return decompress(body, fetched.name, where)

    def _recall(self, fetched: Fetched, name: str) -> bytes:
        """The body that we kept, if it still is what we kept."""
        path = self._body(name)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise volume_error(error, "read", path) from error
        if _digest(body) != fetched.digest:
            self.forget(name)
            raise IndexRejectedError(
                f"{path} was damaged and is forgotten; the next run fetches it again"
            )
        return body

    def remember(self, fetched: Fetched, name: str) -> None:
        """Keep a document's body and validators for the next run.

        Raises:
            VolumeError: the state volume refused.
        """
        if fetched.document is None:
            return
        make_directory(self._memory)
        # The digest in the document tells whether the body beside it is the one it speaks of.
        replace(self._body(name), fetched.document.body, is_durable=False)
        documents.write(
            self._memory / f"{name}.json",
            {
                "variant": fetched.name,
                "digest": fetched.digest,
                "etag": fetched.document.validators.etag,
                "last_modified": fetched.document.validators.last_modified,
            },
            is_durable=False,
        )

    def forget(self, name: str) -> None:
        """Drop what is remembered under ``name``."""
        unlink(self._memory / f"{name}.json")
        unlink(self._body(name))

    def _body(self, name: str) -> Path:
        return self._memory / f"{name}.body"

    def _remembered(self, name: str) -> dict[str, str] | None:
        """The remembered document, if its body is still the one that it speaks of."""
        try:
            found = documents.read(self._memory / f"{name}.json")
        except StateError:
            return None  # only a cache: fetched again in full
        if found is None or not self._body(name).is_file():
            return None
        if self._body(name).stat().st_size == 0:
            return None
        return found

    def _fetch(self, url: str, name: str, remembered: dict[str, str] | None) -> Fetched | None:
        validators = (
            Validators(remembered["etag"], remembered["last_modified"])
            if remembered
            else Validators()
        )
        variant = url.rpartition("/")[2]
        try:
            document = self._fetcher.document(url, validators, limit=_LARGEST_BODY)
        except HttpStatusError as error:
            if error.status in {403, 404, 410}:
                return None
            raise
        if document is None:
            if remembered is None:
                raise IndexRejectedError(
                    f"{redact(url)} answered 304 to a request without conditions"
                )
            return Fetched(variant, remembered["digest"], changed=False, document=None)
        digest = _digest(document.body)
        changed = remembered is None or remembered["digest"] != digest
        return Fetched(variant, digest, changed, document)

    def _refuse_older(self, document: Document, remembered: dict[str, str] | None) -> None:
        ours = remembered.get("last_modified") if remembered else None
        theirs = document.validators.last_modified
        if not ours or not theirs:
            return
        try:
            older = parsedate_to_datetime(theirs) < parsedate_to_datetime(ours)
        except (ValueError, TypeError):
            return
        if older:
            raise IndexRejectedError(
                f"{redact(document.url)} is of {theirs}, older than the {ours} that we have: a"
                " stale proxy or mirror. The published index stays; it heals when upstream does"
            )


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def decompress(body: bytes, variant: str, where: str) -> bytes | bytearray:
    """Uncompress a body by its name's ending, whole and bounded.

    Raises:
        IndexRejectedError: it is cut, damaged or absurdly large.
    """
    try:
        if variant.endswith(".zst"):
            return _unzstd(body)
        if variant.endswith(".bz2"):
            return _unbz2(body)
    except (zstandard.ZstdError, OSError, EOFError, ValueError) as error:
        raise IndexRejectedError(
            f"{where} is cut or damaged ({error}); the published index stays as it is"
        ) from error
    if not body:
        raise IndexRejectedError(f"{where} is empty; the published index stays as it is")
    return body


def _unzstd(body: bytes) -> bytes | bytearray:
    size = zstandard.frame_content_size(body)
    if 0 <= size <= _LARGEST_INDEX:
        # One allocation of the right size, unless more frames follow the first.
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        data = decompressor.decompress(body)
        if decompressor.eof and not decompressor.unused_data:
            return data
    # Frames without a size in their header are read in bounded steps: they may be bombs. A cut
    # stream just ends here; the JSON in it then does too, and is refused for that.
    whole = bytearray()
    reader = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True)
    while piece := reader.read(1 << 22):
        whole += piece
        if len(whole) > _LARGEST_INDEX:
            raise ValueError(f"more than {_LARGEST_INDEX:,} bytes uncompressed")
    return whole


def _unbz2(body: bytes) -> bytes:
    whole = b""
    while True:  # pbzip2 writes several streams
        decompressor = bz2.BZ2Decompressor()
        piece = decompressor.decompress(body, max_length=_LARGEST_INDEX - len(whole) + 1)
        whole = whole + piece if whole else piece
        if len(whole) > _LARGEST_INDEX:
            raise ValueError(f"more than {_LARGEST_INDEX:,} bytes uncompressed")
        if not decompressor.eof:
            raise EOFError("the compressed stream ends early")
        body = decompressor.unused_data
        if not body:
            return whole
