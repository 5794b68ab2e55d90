"""Pins: builds that no pinned version of a package can go with are left out. Pure.

``python = 3.11, 3.12`` means the series 3.11.* and 3.12.*. Of python itself only these versions
stay. Of everything else a build stays unless it depends on python in a way that none of these
versions fulfils: what takes any of them (most of noarch) stays, and so does what does not depend on
python. A build that tells its python only by another package (``python_abi 3.11.*`` and nothing
else) is not recognised.

A series has no end, so its versions are sampled: X, X.0 to X.99, and those that the channel lists.
Prereleases don't count: 3.12.0rc1 is in 3.12.*, and would let everything pass that takes <3.12. A
dependency that takes only others of that series counts as impossible; none such is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from syncer.conda.matchspec import parse, version_of
from syncer.conda.record import Facts


class Pin:
    """One pinned package and its versions."""

    def __init__(self, name: str, versions: tuple[str, ...], listed: Iterable[str]) -> None:
        from rattler import VersionSpec

        self.name = name.lower()
        self.text = f"pins: {name} = {', '.join(versions)}"
        series = [version.removesuffix("*").removesuffix(".") for version in versions]
        self._specs = [VersionSpec(f"{version}.*") for version in series]
        # "python", and then no letter that would make it another name
        self._depends = re.compile(rf"{re.escape(self.name)}(?![A-Za-z0-9_.-])", re.IGNORECASE)
        tried = {f"{version}{tail}" for version in series for tail in _TAILS}
        tried.update(version for version in listed if not _PRERELEASE.search(version))
        known = (version_of(text) for text in sorted(tried))
        self._versions = [version for version in known if version and self._is_pinned(version)]
        self._all = (1 << len(self._versions)) - 1
        self._fitting: dict[str, int] = {}
        self._pinned: dict[str, bool] = {}

    def objection(self, facts: Facts) -> str | None:
        """Why a record is of no use with this pin, None if it is."""
        if facts.name.lower() == self.name:
            if self._is_pinned_text(facts.version):
                return None
            return f"{self.text}: it is {facts.version}"
        fitting = self._all
        for text in facts.depends:
            found = self._fitting.get(text)
            if found is None:
                found = self._fitting[text] = self._compare(text)
            fitting &= found
            if not fitting:
                return f"{self.text}: it depends on {text}"
        return None

    def _compare(self, depends: str) -> int:
        """Which of the versions go with a dependency, as bits."""
        if not self._depends.match(depends):
            return self._all
        from rattler import VersionSpec

        try:
            spec = parse(depends)
        except ValueError:
            return self._all  # what can't be read excludes nothing
        if spec.version is None or spec.condition is not None:
            return self._all
        wanted = VersionSpec(spec.version)
        return sum(1 << bit for bit, one in enumerate(self._versions) if wanted.matches(one))

    def _is_pinned_text(self, text: str) -> bool:
        found = self._pinned.get(text)
        if found is None:
            version = version_of(text)
            found = self._pinned[text] = version is not None and self._is_pinned(version)
        return found

    def _is_pinned(self, version: Any) -> bool:
        return any(spec.matches(version) for spec in self._specs)


_TAILS = ("", *(f".{number}" for number in range(100)))
_PRERELEASE = re.compile(r"(a|b|c|rc|alpha|beta|dev|pre)\.?\d", re.IGNORECASE)


def pins_of(
    pins: Iterable[tuple[str, tuple[str, ...]]], listed: Mapping[str, Iterable[str]]
) -> tuple[Pin, ...]:
    """A policy's pins.

    Args:
        listed: the versions that the channel has, by name, of the pinned names.
    """
    return tuple(Pin(name, versions, listed.get(name.lower(), ())) for name, versions in pins)
