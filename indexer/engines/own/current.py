"""The choice of ``current_repodata.json``: the newest version of each name and what that needs.

The same choice as conda-index's (``conda_index/index/current_repodata.py`` of 0.13, which asks
conda's ``Resolve``): of each name all builds of the newest version; for each of their dependencies
that none of these satisfies, all builds of the newest version that does; and where builds have
features, the newest one without. One level deep, as there. Pure. Tested for equality.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rattler import Version

from indexer.base.matchspec import Dependency, MalformedError, is_of_series, parse, version_order
from indexer.base.repodata import CURRENT

log = logging.getLogger("indexer.engines.own.current")

_LAST_SECOND = 253402300799  # of the year 9999: timestamps above it are in milliseconds


@dataclass(frozen=True, slots=True)
class CurrentCandidate:
    """What the choice needs to know of an artifact. ``timestamp`` is in seconds."""

    filename: str
    name: str
    version: str
    build: str
    build_number: int
    timestamp: float
    has_features: bool
    depends: tuple[str, ...]

    @property
    def order(self) -> tuple[Version, int, float, str]:
        return version_order(self.version), self.build_number, self.timestamp, self.build


def candidate(filename: str, record: Mapping[str, Any]) -> CurrentCandidate:
    """An artifact by its record; what only ranks or explains it may be odd, and counts as none.

    Raises:
        MalformedError: the record lacks what the choice is made by.
    """
    name, version, build = (record.get(key) for key in ("name", "version", "build"))
    number = record.get("build_number") or 0
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(build, str)):
        raise MalformedError(f"the record of {filename} is odd: name, version or build is no text")
    if not isinstance(number, int) or number < 0:
        raise MalformedError(f"the record of {filename} is odd: its build number is {number!r:.40}")
    version_order(version)
    return CurrentCandidate(
        filename=filename,
        name=name,
        version=version,
        build=build,
        build_number=number,
        timestamp=_seconds(record.get("timestamp")),
        has_features=any(_words(record.get(key)) for key in ("track_features", "features")),
        depends=tuple(_texts(record.get("depends"))),
    )


def candidates(records: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[CurrentCandidate]:
    """Artifacts by filename and record; those that nothing can be chosen by are left out."""
    for filename, record in records:
        try:
            yield candidate(filename, record)
        except MalformedError as error:
            log.info("it is not in %s: %s", CURRENT, error)


def _seconds(timestamp: Any) -> float:
    if not isinstance(timestamp, int | float):
        return 0
    return timestamp / 1000 if timestamp > _LAST_SECOND else timestamp


def _words(features: Any) -> list[str]:
    words = features.replace(" ", ",").split(",") if isinstance(features, str) else features
    return [word for word in _texts(words) if word.strip()]


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def ranked(artifacts: Iterable[CurrentCandidate]) -> list[CurrentCandidate]:
    """All artifacts of one name, newest first; a ``.tar.bz2`` beside its ``.conda`` is left out."""
    found = sorted(artifacts, key=lambda one: (not one.filename.endswith(".conda"), one.filename))
    stems = {one.filename.removesuffix(".conda") for one in found}
    one_each = {
        (one.version, one.build_number, one.build): one
        for one in found
        if one.filename.removesuffix(".tar.bz2") not in stems
    }
    # Versions are compared once for each text, as a name has many builds of each.
    versions = sorted({one.version for one in one_each.values()}, key=version_order)
    place: dict[str, int] = {}
    for before, version in itertools.pairwise(["", *versions]):
        is_same = before and version_order(before) == version_order(version)
        place[version] = place[before] if is_same else len(place)
    return sorted(
        one_each.values(),
        key=lambda one: (place[one.version], one.build_number, one.timestamp, one.build),
        reverse=True,
    )


def newest(group: Sequence[CurrentCandidate]) -> list[CurrentCandidate]:
    """All builds of the newest version of one name; ``group`` is ranked."""
    return _series(group, group[0].version) if group else []


def answer(group: Sequence[CurrentCandidate], text: str) -> list[CurrentCandidate]:
    """All builds of the newest version that satisfies a dependency; ``group`` is ranked."""
    wanted = parse(text)
    matches = _fitting(group, wanted)
    return _series(group, matches[0].version) if matches else []


def featureless(group: Sequence[CurrentCandidate], version: str) -> list[CurrentCandidate]:
    """The newest build without features, of this version or an older one; ``group`` is ranked."""
    limit = version_order(version)
    older = (one for one in group if not one.has_features and version_order(one.version) <= limit)
    return list(itertools.islice(older, 1))


Ask = Callable[[str, str], Sequence[CurrentCandidate]]
"""Asks something of all artifacts of a name: the name, and a dependency or a version."""


def choose(
    newest_ones: Mapping[str, Sequence[CurrentCandidate]], ask: Ask, ask_older: Ask
) -> set[str]:
    """The filenames that a subdir's ``current_repodata.json`` lists.

    A dependency that is not understood needs nothing.

    Args:
        newest_ones: by name, what ``newest`` said.
        ask: says what ``answer`` says of all artifacts of a name.
        ask_older: says what ``featureless`` says of them.
    """
    chosen = {name: {one.filename: one for one in group} for name, group in newest_ones.items()}
    texts = {text for group in newest_ones.values() for one in group for text in one.depends}
    # By name: whoever answers has to do with one name at a time.
    for name, text in sorted(_named(texts)):
        if name in newest_ones and not _fitting(newest_ones[name], parse(text)):
            chosen[name].update({one.filename: one for one in ask(name, text)})
    for name, group in chosen.items():
        if any(one.has_features for one in group.values()):
            latest = max(group.values(), key=lambda one: one.order)
            group.update({one.filename: one for one in ask_older(name, latest.version)})
    return {filename for group in chosen.values() for filename in group}


def _named(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        with contextlib.suppress(MalformedError):
            yield parse(text).name, text


def _series(group: Iterable[CurrentCandidate], version: str) -> list[CurrentCandidate]:
    return [one for one in group if is_of_series(one.version, version)]


def _fitting(group: Iterable[CurrentCandidate], wanted: Dependency) -> list[CurrentCandidate]:
    return [one for one in group if wanted.fits(one.name, one.version, one.build, one.build_number)]
