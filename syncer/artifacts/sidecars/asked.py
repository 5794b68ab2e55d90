"""One document beside an artifact that is to be had, and what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from syncer.conda.attestations import NEWEST, PREVIEW, PromisedAttestations, addressed
from volume.errors import MirrorError


@dataclass(frozen=True, slots=True)
class Asked:
    """A document of an artifact, by the ``ending`` that its name has behind the artifact's.

    ``sha256`` is what a record promises, None of one that none promises; ``size`` is in bytes, if
    the record says. ``is_newest`` ones get the name of the newest as well. ``problem`` says why it
    can't be asked for at all.
    """

    subdir: str
    filename: str
    ending: str
    sha256: str | None = None
    size: int | None = None
    is_newest: bool = False
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.filename + self.ending

    @property
    def names(self) -> tuple[str, ...]:
        """All names that its bytes get."""
        return (self.name, self.filename + NEWEST) if self.is_newest else (self.name,)

    @property
    def endings(self) -> tuple[str, ...]:
        """Where upstream may have it, behind the artifact's URL, best first."""
        return (self.ending, NEWEST) if self.is_newest else (self.ending,)

    @property
    def is_promised(self) -> bool:
        return self.sha256 is not None or self.problem is not None


@dataclass(frozen=True, slots=True)
class Found:
    """It is here; ``is_staged`` if not yet under its name."""

    asked: Asked
    sha256: str
    size: int
    is_staged: bool


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It could not be had, and why."""

    asked: Asked
    error: MirrorError


@dataclass(frozen=True, slots=True)
class Nothing:
    """No record promises it, and upstream does not have it."""

    asked: Asked


Outcome = Found | Unavailable | Nothing


def of_promises(subdir: str, filename: str, promised: PromisedAttestations) -> tuple[Asked, ...]:
    """What an artifact's records promise. What the first one promises is the newest."""
    asked = [
        Asked(subdir, filename, addressed("", one.sha256), one.sha256, one.size, number == 0)
        for number, one in enumerate(promised.promises)
    ]
    if promised.problem is not None:
        asked.append(Asked(subdir, filename, NEWEST, problem=promised.problem))
    return tuple(asked)


def of_probe(subdir: str, filename: str, promised: PromisedAttestations) -> tuple[Asked, ...]:
    """What may be there although no record promises it."""
    endings = (PREVIEW,) if promised else (NEWEST, PREVIEW)
    return tuple(Asked(subdir, filename, ending) for ending in endings)
