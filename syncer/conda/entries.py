"""Upstream's word on each artifact (run_exports, CEP 12) or name (channeldata, CEP 38). Pure.

A large channel has a million entries, and a day changes few of them: they stay undecoded until they
are compared, and only what differs from the ledger is kept.

All functions raise ValueError for what is not as they expect: msgspec's errors, text that is no
UTF-8. RecursionError is for what is nested absurdly deep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from volume.sections import OLD_SECTIONS, V3, V3_SECTIONS, WHEELS, filename_of

Difference = dict[str, str | None]
"""New JSON texts by filename or name; None: upstream says nothing of it any more."""

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def check(content: bytes | bytearray) -> None:
    """Refuse what is no JSON object."""
    _decode(content)


def channeldata(content: bytes | bytearray) -> dict[str, msgspec.Raw]:
    """The entries of a channeldata.json by package name."""
    return _decode(_decode(content).get("packages", b"{}"))


def run_exports(content: bytes | bytearray) -> dict[str, msgspec.Raw]:
    """The entries of a run_exports.json by filename.

    They are of artifacts: whether one is named in a section of repodata's first revision or of the
    third (CEP 48) is the same; where it is in both, the first one counts. A wheel exports nothing.
    """
    document = _decode(content)
    found: dict[str, msgspec.Raw] = {}
    if V3 in document:
        formats = _decode(document[V3])
        for section in V3_SECTIONS.keys() - {WHEELS}:
            extension = V3_SECTIONS[section]
            listed = _decode(formats.get(extension[1:], b"{}"))
            found.update((filename_of(section, key), entry) for key, entry in listed.items())
    for section in OLD_SECTIONS:
        found |= _decode(document.get(section, b"{}"))
    return found


class _RunExportsEntry(msgspec.Struct, gc=False):
    run_exports: msgspec.Raw = msgspec.Raw(b"")


_decode_entry = msgspec.json.Decoder(_RunExportsEntry).decode


def run_exports_text(entry: msgspec.Raw) -> str | None:
    """The run_exports of an entry; None if it says nothing of them."""
    try:
        said = _decode_entry(entry).run_exports
    except msgspec.DecodeError:
        return None  # not an object: says nothing about this artifact
    return str(said, "utf-8") or None


def text(entry: msgspec.Raw) -> str:
    """An entry as it is."""
    return str(entry, "utf-8")


_T = TypeVar("_T")


def difference(
    rows: Iterable[tuple[str, str]],
    said: dict[str, _T],
    relevant: Iterable[str],
    text_of: Callable[[_T], str | None],
) -> Difference:
    """What has to be written, so that the ledger says of what is relevant what upstream says.

    Args:
        rows: the ledger's keys and texts.
        said: upstream's entries; they are used up.
        relevant: keys that are to be there if upstream has them, besides those of ``rows``.
    """
    found: Difference = {}
    shared: dict[str, str] = {}  # nearly all say one of a few things
    for key, before in rows:
        entry = said.pop(key, None)
        after = text_of(entry) if entry is not None else None
        if after != before:
            found[key] = after if after is None else shared.setdefault(after, after)
    for key in relevant:
        if not said:
            break  # as nearly always where all of a channel is mirrored
        entry = said.pop(key, None)
        if entry is not None and (after := text_of(entry)) is not None:
            found[key] = shared.setdefault(after, after)
    return found
