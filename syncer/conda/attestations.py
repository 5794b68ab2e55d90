"""What records promise of the attestations beside an artifact (CEP 50). Pure.

``attestations_sha256`` is the field of the CEP. Its drafts had ``attestations``, a hash or an
object with ``sha256`` and ``size``; channels of that time have them still.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from volume import limits

NEWEST = ".sigs"
"""Behind an artifact's filename: the newest attestations; with ``.<sha256>`` behind it, those."""
PREVIEW = ".v0.sigs"
"""Where they were before the CEP; no record speaks of them."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESSED = re.compile(r"(?P<filename>.+)\.sigs\.(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Promise:
    """A document that a record promises; ``size`` is in bytes, None if the record does not say."""

    sha256: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class PromisedAttestations:
    """What an artifact's records promise, the first one's promise first; and what is wrong."""

    promises: tuple[Promise, ...] = ()
    problem: str | None = None

    def __bool__(self) -> bool:
        return bool(self.promises or self.problem)


_NOTHING = PromisedAttestations()


class _Fields(msgspec.Struct):
    attestations_sha256: Any = None
    attestations: Any = None


_decode = msgspec.json.Decoder(_Fields).decode


def promised(*records: str | None) -> PromisedAttestations:
    """What the records of one artifact promise, as JSON texts."""
    found: dict[str, Promise] = {}
    problem = None
    for record in records:
        if record is None or not may_promise(record):
            continue
        try:
            fields = _decode(record)
        except (ValueError, RecursionError):
            continue  # what is no record is named where it is read
        for promise in (_of_cep(fields.attestations_sha256), _of_draft(fields.attestations)):
            if isinstance(promise, Promise):
                found.setdefault(promise.sha256, promise)
            else:
                problem = problem or promise
    return PromisedAttestations(tuple(found.values()), problem) if found or problem else _NOTHING


def may_promise(record: str) -> bool:
    """A quick look: nearly no record does. A key's letters may be escaped."""
    return "attestations" in record or "\\u" in record


def addressed(filename: str, sha256: str) -> str:
    """The name of the document of that hash beside an artifact."""
    return f"{filename}{NEWEST}.{sha256}"


def taken_apart(name: str) -> tuple[str, str | None] | None:
    """The artifact that a document's name belongs to, and its hash if that is in the name."""
    if (found := _ADDRESSED.fullmatch(name)) is not None:
        return found["filename"], found["sha256"]
    for ending in (PREVIEW, NEWEST):
        if name.endswith(ending):
            return name.removesuffix(ending), None
    return None


def check_bundles(content: bytes | bytearray) -> None:
    """See if a document that nothing vouches for is what it should be.

    Raises:
        ValueError: it is not a JSON array of one or more objects.
    """
    try:
        found = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise ValueError("it is no JSON array of Sigstore bundles")


def _of_cep(value: object) -> Promise | str | None:
    if value is None:
        return None
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return Promise(value)
    return f"its record gives a malformed attestations_sha256: {limits.shown(str(value))}"


def _of_draft(value: object) -> Promise | str | None:
    if isinstance(value, str):
        return Promise(value) if _SHA256.fullmatch(value) else None
    if not isinstance(value, dict):
        return None  # nothing that a draft had
    sha256, size = value.get("sha256"), value.get("size")
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        return f"its record gives a malformed sha256 of attestations: {limits.shown(str(sha256))}"
    if size is not None and (type(size) is not int or size <= 0):
        return f"its record gives an impossible size of attestations: {limits.shown(str(size))}"
    if size is not None and size > limits.SIDECAR:
        return (
            f"its record gives {size:,} bytes of attestations, and {limits.SIDECAR:,} are the most"
        )
    return Promise(sha256, size)
