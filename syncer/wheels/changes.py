"""Wanted against present: what one run does to the wheels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from syncer.errors import GuardError
from syncer.planning.environments.request import Request
from syncer.planning.guard import share_of
from syncer.wheels import filename as names
from syncer.wheels.metadata import specifier
from volume.program.sizes import amount
from volume.run_document import Totals
from volume.wheels import PYPI, Wheel, listed

SUBDIR = "wheels"
"""What stands in a plan where a channel's has a subdir."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class WantedWheel:
    """A wheel that lock files name; ``urls`` may hold credentials, so they are not for people."""

    filename: str
    project: str
    version: str
    sha256: str
    urls: tuple[str, ...] = field(repr=False)
    size: int | None = None
    requires_python: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.sha256, self.filename

    @property
    def is_sdist(self) -> bool:
        return not self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True)
class AskedWheels:
    """What all lock files together name.

    ``refused`` is what should have been a wheel, as (name, why); ``notes`` is for people.
    """

    wanted: tuple[WantedWheel, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What changes. ``downloads`` has each content once, under the first name that needs it.

    ``kept`` stay, as they are to be listed from now on; ``linked`` are new names of bytes that are
    here, with what has them; ``unwanted`` are here and named by no lock file.
    """

    kept: tuple[Wheel, ...]
    linked: tuple[tuple[WantedWheel, Wheel], ...]
    downloads: tuple[tuple[WantedWheel, ...], ...]
    unwanted: tuple[Wheel, ...]

    @property
    def retired(self) -> list[Wheel]:
        """What leaves the index."""
        return listed(self.unwanted)


def asked(requests: Iterable[Request]) -> AskedWheels:
    """What files ask for, each content and name once."""
    wanted: dict[tuple[str, str], WantedWheel] = {}
    refused: dict[str, str] = {}
    notes: dict[str, None] = {}
    for request in requests:
        left_out = []
        for one in request.no_wheels:
            if one.is_refused:
                refused.setdefault(one.name, f"{one.why} ({request.file})")
            else:
                left_out.append(f"{one.name} ({one.why})")
        if left_out:
            more = f" and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
            notes[
                f"{request.file}: not from an index, so left out: {', '.join(left_out[:_SHOWN])}"
                + more
            ] = None
        for locked in request.wheels:
            try:
                project, version = names.parse(locked.filename)
            except ValueError as error:
                refused.setdefault(locked.filename, f"{error} ({request.file})")
                continue
            one_more = WantedWheel(
                locked.filename, project, version, locked.sha256, (locked.url,), locked.size,
                specifier(locked.requires_python),
            )  # fmt: skip
            known = wanted.setdefault(one_more.key, one_more)
            if locked.url not in known.urls:
                wanted[known.key] = replace(known, urls=(*known.urls, locked.url))
    hashes: dict[str, set[str]] = {}
    for sha256, filename in wanted:
        hashes.setdefault(filename, set()).add(sha256)
    for filename in sorted(name for name, several in hashes.items() if len(several) > 1):
        notes[
            f"{filename} is locked with {len(hashes[filename])} hashes: each is here, and who asks"
            " for it by name alone gets either"
        ] = None
    return AskedWheels(
        tuple(wanted[key] for key in sorted(wanted)), tuple(sorted(refused.items())), tuple(notes)
    )


def plan(wanted: Iterable[WantedWheel], present: Mapping[str, Wheel]) -> Plan:
    """Compare what lock files name with what is published."""
    here = {(one.sha256, one.filename): one for one in present.values()}
    by_bytes = {one.sha256: one for one in present.values()}
    kept: list[Wheel] = []
    linked: list[tuple[WantedWheel, Wheel]] = []
    groups: dict[str, list[WantedWheel]] = {}
    for one in wanted:
        known = here.pop(one.key, None)
        if known is not None:
            says = one.requires_python if one.is_sdist else ""
            kept.append(replace(known, dropped=None, requires_python=says or known.requires_python))
        elif one.sha256 in by_bytes:
            linked.append((one, by_bytes[one.sha256]))
        else:
            groups.setdefault(one.sha256, []).append(one)
    return Plan(
        kept=tuple(kept),
        linked=tuple(linked),
        downloads=tuple(tuple(group) for group in groups.values()),
        unwanted=tuple(here.values()),
    )


def totals(asked: AskedWheels, plan: Plan, sizes: Mapping[str, int]) -> Totals:
    """Count a plan.

    Args:
        sizes: about how many bytes a download has, by sha256.
    """
    new = sum(len(group) for group in plan.downloads) + len(plan.linked)
    return Totals(
        channel=PYPI,
        subdir=SUBDIR,
        offered=len(asked.wanted) + len(asked.refused),
        kept=len(plan.kept),
        kept_size=sum(one.size for one in plan.kept),
        new=new,
        new_size=sum(sizes.get(group[0].sha256, 0) for group in plan.downloads),
        retired=len(plan.retired),
        retired_size=sum(one.size for one in plan.retired),
        refused=len(asked.refused),
    )


def check_wipe(plan: Plan, percent: float) -> None:
    """Refuse a plan by which more than ``percent`` of the wheels leave the index.

    Raises:
        GuardError: they do.
    """
    gone, stay = plan.retired, plan.kept
    size = sum(one.size for one in gone)
    share = share_of(len(gone), size, len(gone) + len(stay), size + sum(one.size for one in stay))
    if share > percent:
        raise GuardError(
            f"{PYPI}: this run would retire {len(gone):,} of {len(gone) + len(stay):,} wheels"
            f" ({amount(size)}, {share:.0f} %), more than WIPE_GUARD_PERCENT={percent:g} allows: no"
            " lock file in SPEC_FILES names them any more. Nothing was changed; if it is right, run"
            f" 'syncer --once --allow-wipe {PYPI}'"
        )
