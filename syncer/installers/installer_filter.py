"""Which of the listed installers are mirrored. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from syncer.installers.product import ENDINGS, PLATFORMS, Product, parse


@dataclass(frozen=True, slots=True)
class InstallerFilter:
    """What a person wants of installers.

    Without patterns the platforms of ``subdirs`` decide; patterns (of whole filenames, ``*`` is a
    wildcard) replace them. ``newest`` versions of each product, platform and ending are taken, 0
    means all; names whose bytes change (``-latest-``) are always taken.
    """

    subdirs: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    newest: int = 1

    def wants(self, filename: str) -> bool:
        """Whether a name is wanted, whatever its version."""
        if self.patterns:
            return any(fnmatch.fnmatchcase(filename, pattern) for pattern in self.patterns)
        found = parse(filename)
        return found is not None and (found.system, found.machine) in self._platforms()

    def choose(self, filenames: Iterable[str]) -> frozenset[str]:
        """Those that are wanted, of each line the newest."""
        chosen: set[str] = set()
        lines: dict[tuple[str, str, str, str], list[tuple[Product, str]]] = {}
        for filename in filenames:
            if not self.wants(filename):
                continue
            found = parse(filename)
            if found is None or found.version is None or self.newest == 0:
                chosen.add(filename)
            else:
                lines.setdefault(found.line, []).append((found, filename))
        for line in lines.values():
            line.sort(key=lambda one: (one[0].version or (), one[1]), reverse=True)
            chosen.update(filename for _, filename in line[: self.newest])
        return frozenset(chosen)

    def derived(self, product: str) -> tuple[str, ...]:
        """The names that a release without a listing may have: ``Miniforge3-Linux-x86_64.sh``."""
        names = (
            f"{product}-{system}-{machine}.{ending}"
            for system, machine in PLATFORMS.values()
            for ending in ENDINGS[system]
        )
        return tuple(name for name in names if self.wants(name))

    @property
    def fingerprint(self) -> str:
        """Changes when what is mirrored may."""
        return f"{sorted(self.subdirs)} {sorted(self.patterns)} {self.newest}"

    def _platforms(self) -> set[tuple[str, str]]:
        return {PLATFORMS[subdir] for subdir in self.subdirs if subdir in PLATFORMS}
