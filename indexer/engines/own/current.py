"""The choice of ``current_repodata.json``: the newest version of each name and what that needs.

The same choice as conda-index's (``conda_index/index/current_repodata.py`` of 0.13, which asks
conda's ``Resolve``): of each name all builds of the newest version; for each of their dependencies
that none of these satisfies, all builds of the newest version that does; and where builds have
features, the newest one without. One level deep, as there. Pure. Tested for equality.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rattler import Version

from indexer.base.matchspec import Dependency, MalformedError, is_of_series, parse, version_order

_LAST_SECOND = 253402300799  # of the year 9999: timestamps above it are in milliseconds


@dataclass(frozen=True, slots=True)
class Candidate:
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


def candidate(filename: str, record: Mapping[str, Any]) -> Candidate:
    """An artifact by its record.

    Raises:
        MalformedError: the record is too odd.
    """
    try:
        timestamp = record.get("timestamp") or 0
        return Candidate(
            filename=filename,
            name=_text(record["name"]),
            version=_text(record["version"]),
            build=_text(record["build"]),
            build_number=int(record.get("build_number") or 0),
            timestamp=timestamp / 1000 if timestamp > _LAST_SECOND else timestamp,
            has_features=any(_features(record.get(key)) for key in ("track_features", "features")),
            depends=tuple(map(_text, record.get("depends") or ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"the record of {filename} is odd: {error!r}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _features(value: Any) -> list[str]:
    words = value.replace(" ", ",").split(",") if isinstance(value, str) else list(value or ())
    return [word for word in words if word.strip()]


def ranked(artifacts: Iterable[Candidate]) -> list[Candidate]:
    """All artifacts of one name, newest first; a ``.tar.bz2`` beside its ``.conda`` is left out.

    Raises:
        MalformedError: a version is none.
    """
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


def newest(group: Sequence[Candidate]) -> list[Candidate]:
    """All builds of the newest version of one name; ``group`` is ranked.

    Raises:
        MalformedError: the version is too odd to be asked for.
    """
    return _series(group, group[0].version) if group else []


def answer(group: Sequence[Candidate], text: str) -> list[Candidate]:
    """All builds of the newest version of a name that satisfies a dependency; ``group`` is ranked.

    Raises:
        MalformedError: the dependency is not understood, or a version is none.
    """
    wanted = parse(text)
    matches = _fitting(group, wanted)
    return _series(group, matches[0].version) if matches else []


def featureless(group: Sequence[Candidate], version: str) -> list[Candidate]:
    """The newest build without features, of this version or an older one; ``group`` is ranked.

    Raises:
        MalformedError: a version is none.
    """
    limit = version_order(version)
    older = (one for one in group if not one.has_features and version_order(one.version) <= limit)
    return list(itertools.islice(older, 1))


Ask = Callable[[str, str], Sequence[Candidate]]
"""Asks something of all artifacts of a name: the name, and a dependency or a version."""


def choose(newest_ones: Mapping[str, Sequence[Candidate]], ask: Ask, ask_older: Ask) -> set[str]:
    """The filenames that a subdir's ``current_repodata.json`` lists.

    Args:
        newest_ones: by name, what ``newest`` said.
        ask: says what ``answer`` says of all artifacts of a name.
        ask_older: says what ``featureless`` says of them.

    Raises:
        MalformedError: a dependency is not understood, or a version is none.
    """
    chosen = {name: {one.filename: one for one in group} for name, group in newest_ones.items()}
    texts = {text for group in newest_ones.values() for one in group for text in one.depends}
    # By name: whoever answers has to do with one name at a time.
    for name, text in sorted((parse(text).name, text) for text in texts):
        if name in newest_ones and not _fitting(newest_ones[name], parse(text)):
            chosen[name].update({one.filename: one for one in ask(name, text)})
    for name, group in chosen.items():
        if any(one.has_features for one in group.values()):
            latest = max(group.values(), key=lambda one: one.order)
            group.update({one.filename: one for one in ask_older(name, latest.version)})
    return {filename for group in chosen.values() for filename in group}


def _series(group: Iterable[Candidate], version: str) -> list[Candidate]:
    return [one for one in group if is_of_series(one.version, version)]


def _fitting(group: Iterable[Candidate], wanted: Dependency) -> list[Candidate]:
    return [one for one in group if wanted.fits(one.name, one.version, one.build, one.build_number)]
