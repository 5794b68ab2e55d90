"""What is selected of each channel in one run: policies and environments meet upstream's records.

An environment may span channels, so choosing for one channel may look at the indexes of others.
Guaranteed: what an environment needs is worked out once for the same indexes, and ``fingerprint``
changes whenever a selection may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from syncer.conda.record import Facts, facts
from syncer.errors import PeerError, UpstreamError
from syncer.planning.cooldown import Listed
from syncer.planning.environments.remote import RemoteFiles
from syncer.planning.environments.request import Locked, Request
from syncer.planning.environments.spec_file import Remote
from syncer.planning.locked_artifacts import Standing, compare, placed
from syncer.planning.locked_wheels import LOCKED, LockedWheels
from syncer.planning.offer import Offer, Offers
from syncer.planning.selection.outcome import Selected
from syncer.planning.unused import Unused
from syncer.settings.policy import Environment
from syncer.settings.settings import Settings
from syncer.upstream.cache import Cache
from volume.layout import Mirror, State
from volume.ledger.artifact import Known
from volume.ledger.ledger import Ledger
from volume.program.sizes import counted

# A run that finds nothing changed does not choose, and most mirrors have no environments: what
# either needs is imported where it begins.
if TYPE_CHECKING:
    from syncer.planning.needs import Needs
    from syncer.planning.selection.outcome import LeftOut
    from syncer.planning.selection.permit import Permit
    from syncer.planning.selection.select import Present, Selector


@dataclass(frozen=True, slots=True)
class RequestedEnvironment:
    """An environment, and what its files ask for."""

    environment: Environment
    requests: tuple[Request, ...]


class Selections:
    """Chooses for every channel of a run.

    Raises:
        ConfigError: a spec file can't be read or understood.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        offers: Offers,
        *,
        approved: Collection[str] = (),
        now: Callable[[], float],
        writes: bool,
    ) -> None:
        self.unused = Unused(settings, state, now=now)
        self._settings = settings
        self._state = state
        self._offers = offers
        self._approved = tuple(approved)
        self._now = now
        self._writes = writes
        remote = RemoteFiles(offers.fetch, Cache(state.spec_files), writes=writes)
        self.requested = read_requested(settings, remote.read)
        self._wheels = LockedWheels(self.requested, offers, mirrors=settings.mirrors_wheels)
        self._placed: dict[Environment, tuple[str, tuple[Request, ...]]] = {}
        self._needs: dict[Environment, tuple[str, Needs]] = {}
        self._selectors: dict[str, tuple[str, Selector]] = {}
        self._barriers: dict[str, Permit] = {}
        self._met: set[str] = set()

    @property
    def unmet(self) -> list[str]:
        """Those of ``--approve`` that match nothing of any channel that was chosen of."""
        return [one for one in self._approved if one not in self._met]

    def notes(self, channel: str) -> list[str]:
        """What in spec files a person may expect, and the mirror can't have; said once."""
        return [
            note
            for asked in self.requested
            if asked.environment.channels[0] == channel
            for request in asked.requests
            for note in (*request.notes, *self._no_wheels(request))
        ]

    def _no_wheels(self, request: Request) -> list[str]:
        count = len(request.wheels) + len(request.no_wheels) + len(request.channel_wheels)
        if self._settings.mirrors_wheels or not count:
            return []
        return [
            f"{request.file}: left out: {counted(count, 'Python package')}; WHEELS=locked mirrors"
            " those that it names with an address and a hash"
        ]

    def fingerprint(self, channel: str) -> str:
        """Changes when what is chosen of a channel may, but for the channel's own offer.

        Raises:
            UpstreamError: a channel that shares an environment with it can't be asked.
        """
        policy = self._settings.policy(channel)
        parts = [policy.fingerprint, *self._approved]
        if policy.prune_unused_days:
            parts.append(self.unused.of(channel).digest)
        parts += self._wheels.fingerprint(channel)
        for asked in self.requested:
            if channel in asked.environment.channels:
                parts.append(repr(asked.environment))
                parts += [
                    repr(replace(request, wheels=(), no_wheels=(), channel_wheels=(), notes=()))
                    for request in asked.requests
                ]
                for peer in asked.environment.channels:
                    if peer != channel:
                        parts.append(self._settings.policy(peer).fingerprint)
                        parts.append(self._digest_of(peer, asked.environment))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _digest_of(self, peer: str, environment: Environment) -> str:
        try:
            return self._offers.of(peer).digest
        except UpstreamError as error:
            raise PeerError(peer, environment.name, error) from error

    def choose(self, channel: str, present: Present) -> Selected:
        """What is selected of a channel, by subdir.

        Args:
            present: what is committed of it, by subdir and filename.

        Raises:
            UpstreamError: an index can't be had or trusted.
            NoSolutionError: an environment that is to be solved has no solution.
        """
        selector = self._selector(channel, present)
        needed: dict[str, dict[str, str]] = {}
        idle: dict[str, dict[str, str]] = {}
        missing: list[str] = []
        peers: set[str] = set()
        for asked in self.requested:
            if channel in asked.environment.channels:
                needs = self._needs_of(asked)
                missing += needs.missing
                peers.update(asked.environment.channels)
                for (of, subdir, filename), why in needs.wanted.items():
                    if of == channel:
                        needed.setdefault(subdir, {}).setdefault(filename, why)
                for (of, subdir, filename), why in needs.idle.items():
                    if of == channel:
                        idle.setdefault(subdir, {}).setdefault(filename, why)
        for subdir, entry in self._wheels.listed(channel):
            needed.setdefault(subdir, {}).setdefault(entry.filename, LOCKED)
        missing += self._wheels.problems(channel)
        selected = selector.select(needed, idle)
        self._met |= selected.approved
        warnings = (*selected.warnings, *dict.fromkeys(missing))
        dues = [due for peer in sorted(peers) if (due := self._selector(peer).due)]
        return replace(selected, warnings=warnings, due=min(dues, default=0.0))

    def locked(self, channel: str) -> list[Locked]:
        """What lock files name of a channel, but for what deny and exclude forbid."""
        named = self._named(channel)
        return [one for one in named if self._barred(one) is None] if named else []

    def _named(self, channel: str) -> list[Locked]:
        return [
            locked
            for asked in self.requested
            if channel in asked.environment.channels
            for request in self._requests(asked)
            for locked in request.locked
            if locked.channel == channel
        ] + [
            locked
            for asked in self.requested
            if channel not in asked.environment.channels
            for request in asked.requests
            for locked in request.locked
            if locked.channel == channel
        ]

    def _requests(self, asked: RequestedEnvironment) -> tuple[Request, ...]:
        """What an environment's files ask for; its hash has told whose an artifact is.

        Raises:
            UpstreamError: an index can't be had or trusted.
        """
        unplaced = {
            (one.subdir, one.filename)
            for request in asked.requests
            for one in request.locked
            if not one.channel
        }
        if not unplaced:
            return asked.requests
        environment = asked.environment
        digest = self._digest(environment)
        known = self._placed.get(environment)
        if known is None or known[0] != digest:
            listed: dict[tuple[str, str], list[tuple[str, Facts]]] = {}
            for channel in environment.channels:
                for subdir, index in self._offers.of(channel).indexes.items():
                    for entry in index.entries:
                        if (place := (subdir, entry.filename)) in unplaced:
                            listed.setdefault(place, []).append((channel, facts(entry)))
            requests = tuple(
                replace(
                    request, locked=tuple(one if one.channel else placed(one, listed)
                                          for one in request.locked)
                )
                for request in asked.requests
            )  # fmt: skip
            known = self._placed[environment] = (digest, requests)
        return known[1]

    def _digest(self, environment: Environment) -> str:
        return "\n".join(self._offers.of(peer).digest for peer in environment.channels)

    def standing(self, channel: str) -> Standing:
        """How what lock files name of a channel stands to what upstream lists of it.

        Raises:
            UpstreamError: an index can't be had or trusted.
        """
        named = self._named(channel)
        names = {(one.subdir, one.filename) for one in named}
        indexes = self._offers.of(channel).indexes if named else {}
        listed = {
            (subdir, entry.filename): facts(entry)
            for subdir, index in indexes.items()
            for entry in index.entries
            if (subdir, entry.filename) in names
        }
        barred = {one: out for one in named if (out := self._barred(one)) is not None}
        standing = compare([one for one in named if one not in barred], listed)
        forbidden = (
            f"{one.subdir}/{one.filename} of {channel} is locked, and the policy forbids it:"
            f" {out.detail}"
            for one, out in barred.items()
            if (one.subdir, one.filename) not in listed  # else it is said as of what is listed
        )
        return replace(standing, problems=(*standing.problems, *dict.fromkeys(forbidden)))

    def _barred(self, locked: Locked) -> LeftOut | None:
        """What deny or exclude have against what a lock file names; they win over it."""
        from syncer.conda.filename import unlisted
        from syncer.planning.selection.permit import barrier

        permit = self._barriers.get(locked.channel)
        if permit is None:
            permit = barrier(self._settings.policy(locked.channel))
            self._barriers[locked.channel] = permit
        known = Known(locked.size or 0, locked.sha256 or "", b"", locked.md5)
        candidate = unlisted(locked.channel, locked.subdir, locked.filename, known)
        return permit.bar(candidate) if candidate is not None else None

    def _needs_of(self, asked: RequestedEnvironment) -> Needs:
        from syncer.planning.needs import needs_of

        environment = asked.environment
        digest = self._digest(environment)
        known = self._needs.get(environment)
        if known is None or known[0] != digest:
            selectors = [self._selector(channel) for channel in environment.channels]

            def refused(
                specs: Collection[str], subdirs: Collection[str]
            ) -> dict[str, list[LeftOut]]:
                found: dict[str, list[LeftOut]] = {}
                for selector in selectors if specs else ():
                    for spec, outs in selector.objections.of(specs, subdirs).items():
                        found.setdefault(spec, []).extend(outs)
                return found

            requests = self._requests(asked)
            names = {(one.subdir, one.filename) for request in requests for one in request.locked}
            needs = needs_of(
                environment,
                requests,
                permitted=(one for selector in selectors for one in selector.permitted()),
                lockable=(
                    one for selector in selectors for one in selector.objections.judged(names)
                ),
                refused=refused,
            )
            lost = tuple(
                f"{one.subdir}/{one.filename} is locked by {environment.name} at {one.url}, which"
                " is no channel's address here, and no channel of it lists these bytes; say in"
                " CHANNEL_ALIASES which channel that address stands for"
                for request in requests
                for one in request.locked
                if not one.channel
            )
            needs = replace(needs, missing=(*needs.missing, *dict.fromkeys(lost)))
            known = self._needs[environment] = (digest, needs)
        return known[1]

    def release(self, channel: str) -> None:
        """Free what was worked out of a channel, unless others may still ask for it."""
        if not any(
            channel in environment.channels and len(environment.channels) > 1
            for environment in self._settings.environments
        ):
            self._selectors.pop(channel, None)
            self._offers.of(channel).release()

    def _selector(self, channel: str, present: Present | None = None) -> Selector:
        offer = self._offers.of(channel)
        known = self._selectors.get(channel)
        if known is not None and known[0] == offer.digest:
            return known[1]
        from syncer.planning.selection.select import Selector

        policy = self._settings.policy(channel)
        selector = Selector(
            policy,
            channel,
            offer.indexes,
            now=self._now(),
            present=self._present(channel, offer) if present is None else present,
            first_seen=self._first_seen(channel, offer) if policy.cooldown_days else {},
            unused=self.unused.of(channel).names,
            approved=self._approved,
            only_needed=any(
                channel in environment.channels for environment in self._settings.environments
            ),
        )
        self._selectors[channel] = (offer.digest, selector)
        return selector

    def _present(self, channel: str, offer: Offer) -> Present:
        ledger = Ledger.read(self._state.ledger(channel))
        if ledger is None:
            return {}
        with ledger:
            return {subdir: ledger.known(subdir) for subdir in offer.indexes}

    def _first_seen(self, channel: str, offer: Offer) -> dict[tuple[str, str], float]:
        mirror = Mirror(self._settings.mirror_dir)
        listed = Listed(self._state.listed(channel), mirror.listed(channel))
        found: dict[tuple[str, str], float] = {}
        for subdir, index in offer.indexes.items():
            contents = {
                entry.filename: (read := facts(entry)).sha256 or read.md5 or ""
                for entry in index.entries
            }
            seen = listed.first_seen(
                subdir, contents, now=self._now(), writes=self._writes, reach=offer.reach(subdir)
            )
            found.update(((subdir, filename), moment) for filename, moment in seen.items())
        return found


def read_requested(settings: Settings, remote: Remote) -> tuple[RequestedEnvironment, ...]:
    """The environments with their files.

    Raises:
        ConfigError: a file can't be read or understood.
    """
    if not settings.environments:
        return ()
    from syncer.planning.environments import spec_file

    channels = {channel: settings.channel_addresses(channel) for channel in settings.channels}
    return tuple(
        RequestedEnvironment(
            environment,
            tuple(
                spec_file.read(
                    Path(settings.config_dir), environment.spec_files,
                    subdirs=environment.subdirs, channels=channels, remote=remote,
                )
            ),
        )
        for environment in settings.environments
    )  # fmt: skip
