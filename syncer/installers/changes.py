"""Wanted against present: what one run does to one kind of installers. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from syncer.errors import GuardError
from syncer.installers.installer_filter import InstallerFilter
from syncer.installers.listings.listed import InstallerListing, ListedInstaller, RefusedRow
from volume.installers import Installer
from volume.run_document import Totals

# A listing may always lose so many rows: a share of a handful says nothing.
_FEW = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What changes. ``downloads`` has each content once, under the first name that needs it.

    ``kept`` names stay as they are; ``linked`` are new names of bytes that are here, as (row, name
    that has them); ``replaced`` are the names among all of these whose bytes change.
    """

    offered: int
    kept: tuple[str, ...]
    linked: tuple[tuple[ListedInstaller, str], ...]
    downloads: tuple[tuple[ListedInstaller, ...], ...]
    replaced: frozenset[str]
    unwanted: frozenset[str]
    refused: tuple[RefusedRow, ...]


def plan(
    listing: InstallerListing, filtered: InstallerFilter, present: Mapping[str, Installer]
) -> Plan:
    """Compare what upstream lists and we want with what is published."""
    refused = {row.filename: row for row in listing.refused if filtered.wants(row.filename)}
    rows = {row.filename: row for row in listing.installers}
    chosen = filtered.choose([*rows, *refused])
    by_bytes: dict[str, str] = {}
    for name, installer in present.items():
        by_bytes.setdefault(installer.sha256, name)
        by_bytes.setdefault(installer.md5, name)
    kept: list[str] = []
    linked: list[tuple[ListedInstaller, str]] = []
    groups: dict[bytes, list[ListedInstaller]] = {}
    replaced: set[str] = set()
    for row in listing.installers:
        name = row.filename
        if name not in chosen:
            continue
        if name in present and is_same(row, present[name]):
            kept.append(name)
            continue
        if name in present:
            replaced.add(name)
        here = by_bytes.get(row.sha256 or row.md5 or "")
        if here is not None and is_same(row, present[here]):
            linked.append((row, here))
        else:
            groups.setdefault(row.digest, []).append(row)
    # A row that turned bad does not take the good installer down that we have.
    kept.extend(name for name in refused if name in present)
    return Plan(
        offered=listing.rows,
        kept=tuple(kept),
        linked=tuple(linked),
        downloads=tuple(tuple(group) for group in groups.values()),
        replaced=frozenset(replaced),
        unwanted=frozenset(present.keys() - chosen - refused.keys()),
        refused=tuple(refused[name] for name in sorted(chosen & refused.keys())),
    )


def is_same(row: ListedInstaller, installer: Installer) -> bool:
    """Whether upstream's row speaks of the bytes that we have."""
    if row.sha256 is not None:
        return row.sha256 == installer.sha256
    return row.md5 == installer.md5


def totals(
    kind: str, plan: Plan, present: Mapping[str, Installer], dropped: Container[str]
) -> Totals:
    """Count a plan.

    Args:
        dropped: what was unwanted before; it leaves when its time is over.
    """
    retired = [name for name in plan.unwanted if name not in dropped]
    new = [row for group in plan.downloads for row in group if row.filename not in plan.replaced]
    new += [row for row, _ in plan.linked if row.filename not in plan.replaced]
    changed = sum(group[0].about for group in plan.downloads if _replaces(plan, group))
    return Totals(
        channel=kind,
        subdir="installers",
        offered=plan.offered,
        kept=len(plan.kept),
        kept_size=sum(present[name].size for name in plan.kept),
        new=len(new),
        new_size=sum(group[0].about for group in plan.downloads) - changed,
        replaced=len(plan.replaced),
        replaced_size=changed,
        hotfixed=0,
        retired=len(retired),
        retired_size=sum(present[name].size for name in retired),
        refused=len(plan.refused),
    )


def _replaces(plan: Plan, group: tuple[ListedInstaller, ...]) -> bool:
    return all(row.filename in plan.replaced for row in group)


def check_rows(kind: str, rows: int, before: int, percent: float) -> None:
    """Refuse a listing that lost more than ``percent`` of its rows since the last one.

    Raises:
        GuardError: it did.
    """
    lost = before - rows
    if lost <= _FEW or 100 * lost <= percent * before:
        return
    raise GuardError(
        f"{kind}: upstream's listing has {rows:,} installers, the last one had {before:,}: it lost"
        f" {100 * lost / before:.0f} %, more than WIPE_GUARD_PERCENT={percent:g} allows. Nothing"
        f" was changed; if it is right, run 'syncer --once --allow-wipe {kind}'"
    )
