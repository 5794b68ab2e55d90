"""Whether one index is older than another one of the same subdir, judged by what they list. Pure.

Mirrors date their copies as they like, so between two upstreams a date proves nothing. The rule
looks at what only one of the two indexes lists (``removed`` excuses a record that is missing):

- each lists something that the other does not: the index whose newest such record is older is the
  older one. What a lagging mirror has more is what upstream removed since, and that is older than
  what upstream added since;
- it only lacks records: older if it comes from another upstream, for a mirror that lags looks just
  like that; from the same upstream these were removed;
- it only has more records: newer.

Not guaranteed: that a mirror that lags by changes to records alone (hotfixes) is noticed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from syncer.conda.repodata import Entry, Index

_MILLISECONDS = 253_402_300_799  # conda: what is larger can't be seconds


class _Times(msgspec.Struct):
    timestamp: float | None = None
    indexed_timestamp: float | None = None


_decode = msgspec.json.Decoder(_Times).decode
_decode_names = msgspec.json.Decoder(list[str]).decode


def is_older(
    index: Index, known: Index, *, from_other: bool, names: Callable[[str], bool] | None = None
) -> bool:
    """Whether ``index`` is older than the ``known`` one.

    Args:
        from_other: the two come from different upstreams.
        names: look at these package names only.
    """
    ours = _by_filename(known, names)
    theirs = _by_filename(index, names)
    removed = _removed(index)
    missing = [entry for name, entry in ours.items() if name not in theirs and name not in removed]
    added = [entry for name, entry in theirs.items() if name not in ours]
    if not missing:
        return False
    if not added:
        return from_other
    return newest(added) < newest(missing)


def lists_more(index: Index, known: Index) -> bool:
    """Whether ``index`` has a record that ``known`` has not."""
    return not {entry.filename for entry in index.entries} <= {
        entry.filename for entry in known.entries
    }


def newest(entries: Iterable[Entry]) -> float:
    """The latest time that any of these records gives, in seconds since the epoch; 0 for none."""
    return max((_time(raw) for entry in entries for raw in entry.records), default=0.0)


def _time(record: msgspec.Raw) -> float:
    try:
        times = _decode(record)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0.0  # says nothing that can be understood
    found = (_seconds(value) for value in (times.timestamp, times.indexed_timestamp) if value)
    return max(found, default=0.0)


def _seconds(value: float) -> float:
    return value / 1000 if value > _MILLISECONDS else value


def _by_filename(index: Index, names: Callable[[str], bool] | None) -> dict[str, Entry]:
    return {
        entry.filename: entry for entry in index.entries if names is None or names(entry.name.name)
    }


def _removed(index: Index) -> frozenset[str]:
    try:
        return frozenset(_decode_names(index.other_keys.get("removed", "[]")))
    except (msgspec.MsgspecError, ValueError):
        return frozenset()
