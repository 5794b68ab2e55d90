"""What is to be fetched ahead, once: of what this mirror lists, what files and specs ask for.

Reads ledgers and changes nothing; upstream is not asked. What the policy of a channel keeps out is
not listed, so it is among what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncer.conda.record import Candidate
from syncer.planning.environments.request import Locked, Request
from syncer.planning.listed import reachable
from syncer.planning.needs import needs_of
from syncer.planning.plan import Amount
from syncer.planning.selection.catalog import Key, key
from syncer.settings.policy import Environment
from volume.ledger.artifact import Artifact
from volume.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is asked for: ``fetch`` by channel, what is ``here``, what is ``missing`` and why."""

    fetch: Mapping[str, Sequence[Artifact]] = field(default_factory=dict)
    here: Mapping[str, Amount] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to fetch, as far as records tell."""
        return sum(one.size for rows in self.fetch.values() for one in rows)


def plan(
    ledgers: Mapping[str, Ledger], environment: Environment, requests: Sequence[Request]
) -> Ahead:
    """What an environment and its files ask for of what these channels list."""
    rows: dict[Key, Artifact] = {}
    missing: list[str] = []
    for request in requests:
        for one in request.locked:
            found = _locked(ledgers, one)
            if isinstance(found, str):
                missing.append(f"{request.file}: {found}")
            else:
                channel, row = found
                rows[channel, row.subdir, row.filename] = row
    asked = [replace(request, locked=()) for request in requests]
    for place in _needed(ledgers, environment, asked, missing):
        channel, subdir, filename = place
        needed = ledgers[channel].artifact(subdir, filename)
        if needed is not None:
            rows[place] = needed
    fetch: dict[str, list[Artifact]] = {}
    here: dict[str, Amount] = {}
    for (channel, _, _), row in sorted(rows.items()):
        if row.home == "promised":
            fetch.setdefault(channel, []).append(row)
        else:
            before = here.get(channel, Amount())
            here[channel] = Amount(before.count + 1, before.size + row.size)
    return Ahead(fetch, here, tuple(dict.fromkeys(missing)))


def _needed(
    ledgers: Mapping[str, Ledger],
    environment: Environment,
    requests: Sequence[Request],
    missing: list[str],
) -> Iterable[Key]:
    specs = {*environment.specs}
    specs.update(one for request in requests for of in request.specs.values() for one in of)
    if not specs:
        return ()
    records: list[Candidate] = reachable(ledgers.items(), specs)
    needs = needs_of(environment, requests, records)
    missing += needs.missing
    listed = set(map(key, records))
    return [place for place in needs.wanted if place in listed]


def _locked(ledgers: Mapping[str, Ledger], one: Locked) -> tuple[str, Artifact] | str:
    """The row of an artifact that a lock file names, or why there is none."""
    shown = f"{one.subdir}/{one.filename} of {one.channel or one.url}"
    differs = ""
    for channel in [one.channel] if one.channel else ledgers:
        ledger = ledgers.get(channel)
        row = ledger.artifact(one.subdir, one.filename) if ledger is not None else None
        if row is None:
            continue
        differs = one.difference(row.sha256 or None, row.md5)
        is_known = bool((one.sha256 and row.sha256) or (one.md5 and row.md5))
        if not differs and (one.channel or is_known):
            return channel, row
    if differs:
        return f"{shown} is listed here with other bytes: {differs}"
    return (
        f"{shown} is not listed here: its channel has it no more, or has had it since the last"
        " sync, or the policy leaves it out (SPEC_FILES keeps what its channel lists no more)"
    )
