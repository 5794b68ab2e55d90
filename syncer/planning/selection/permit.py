"""What a policy permits at all: for what is included and for what environments need. Pure.

In this order: deny, exclude, pins, licences, size, age, cooldown. The first objection is given.
What a record does not tell is held against it only where said so: no licence is refused by
``licenses``, no timestamp counts as old, and an unknown size passes. An artifact with two records
(CEP 48) is left out for what either says, but for pins: there a client may read the other one.

Pins: builds that no pinned version of a package can go with are left out.

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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from syncer.conda.license import Licenses
from syncer.conda.matchspec import parse, version_of
from syncer.conda.record import Candidate, Facts, candidate
from syncer.conda.repodata import Index
from syncer.conda.spec import Spec, SpecSet
from syncer.planning.selection.catalog import Catalog, key, read
from syncer.planning.selection.outcome import LeftOut, Reason, day
from syncer.settings.policy import Policy
from volume.errors import NameRefusedError
from volume.ledger.artifact import Known
from volume.names import parse_artifact
from volume.program.sizes import amount
from volume.sections import v3_section_of

_DAY = 86_400  # seconds
_SHA256 = "sha256:"


class Permit:
    """A policy, ready to be asked about a channel's records."""

    def __init__(
        self,
        policy: Policy,
        *,
        listed: Mapping[str, Iterable[str]],
        first_seen: Mapping[tuple[str, str], float],
        approved: Collection[str],
        now: float,
    ) -> None:
        self._policy = policy
        self._deny = SpecSet.of(one for one in policy.deny if not one.startswith(_SHA256))
        self._deny_hashes = denied_hashes(policy)
        self.exclude = SpecSet.of(policy.exclude)
        self._pins = pins_of(policy.pins, listed)
        self._licenses = Licenses(policy.licenses, policy.exclude_licenses)
        self._not_before, self._before = policy.not_before, policy.before
        self._cooldown = policy.cooldown_days * _DAY
        self._first_seen = first_seen
        self._approved = {one for one in approved if is_filename(one)}
        specs = [one for one in approved if one not in self._approved]
        self._exempt = SpecSet.of([*policy.cooldown_exempt, *specs])
        self._now = now
        self._said: dict[tuple[str, Spec], LeftOut] = {}

    @property
    def reads_records(self) -> bool:
        """Whether names, versions and builds don't decide all."""
        policy = self._policy
        return bool(
            self._deny_hashes or self._pins or self._licenses or policy.max_size
            or self._not_before or self._before or self._cooldown
            or self._deny.reads_records or self.exclude.reads_records
        )  # fmt: skip

    @property
    def bars(self) -> bool:
        """Whether deny or exclude has anything in it."""
        return bool(self._deny_hashes or self._deny or self.exclude)

    def may_bar(self, name: str) -> bool:
        """Whether deny or exclude may have something against a record of this name."""
        return bool(self._deny_hashes) or self._deny.may_match(name) or self.exclude.may_match(name)

    def bar(self, candidate: Candidate) -> LeftOut | None:
        """What always wins: deny, then exclude."""
        sha256 = (candidate.facts.sha256 or "").lower()
        if sha256 in self._deny_hashes:
            return LeftOut(Reason.DENIED, f"deny = {_SHA256}{sha256}")
        if (spec := self._deny.find(candidate)) is not None:
            return self._say(Reason.DENIED, "deny", spec)
        if (spec := self.exclude.find(candidate)) is not None:
            return self._say(Reason.EXCLUDED, "exclude", spec)
        return None

    def object(self, candidate: Candidate) -> LeftOut | None:
        """What the policy has against this build itself: pins, licence, size, age."""
        facts = candidate.facts
        twin = None if candidate.entry.twin is None else candidate.twin
        why = self._object_to_depends(facts) if self._pins else None
        if why is not None and (twin is None or self._object_to_depends(twin) is not None):
            return LeftOut(Reason.PINNED, why)
        out = self._object(facts)
        if out is None and twin is not None and (out := self._object(twin)) is not None:
            place = v3_section_of(candidate.filename)
            return LeftOut(out.reason, f"{out.detail} (its record in {place})")
        return out

    def _object_to_depends(self, facts: Facts) -> str | None:
        for pin in self._pins:
            if (why := pin.objection(facts)) is not None:
                return why
        return None

    def _object(self, facts: Facts) -> LeftOut | None:
        if self._licenses and (why := self._licenses.objection(facts.license)) is not None:
            return LeftOut(Reason.LICENSE, why)
        largest, size = self._policy.max_size, facts.size or 0
        if largest and size > largest:
            return LeftOut(Reason.TOO_LARGE, f"max_size = {amount(largest)}: it has {amount(size)}")
        has_limit = self._not_before or self._before is not None
        return self._object_to_age(facts.built) if has_limit else None

    def _object_to_age(self, built: float) -> LeftOut | None:
        if self._not_before and built < self._not_before:
            was = f"it was built on {day(built)}" if built else "its record has no timestamp"
            return LeftOut(Reason.TOO_OLD, f"newer_than = {self._policy.newer_than}: {was}")
        if self._before is not None and built >= self._before:
            was = f"it was built on {day(built)}"
            return LeftOut(Reason.TOO_NEW, f"older_than = {self._policy.older_than}: {was}")
        return None

    def held_until(self, candidate: Candidate) -> float | None:
        """When its cooldown ends, in seconds since the epoch; None if it is over or has none.

        A record's timestamps are in the hands of who built it, or of who runs the channel, so it
        counts from the moment when the artifact was first seen at upstream if that is later, and if
        the record claims to be from the future. What has neither counts as old.
        """
        if not self._cooldown:
            return None
        published = candidate.facts.published(self._now)
        if candidate.twin is not None:
            published = max(published, candidate.twin.published(self._now))
        seen = self._first_seen.get((candidate.subdir, candidate.filename), 0.0)
        since = seen if seen and published > self._now else max(seen, published)
        until = since + self._cooldown
        if not since or until <= self._now or candidate.filename in self._approved:
            return None
        return until if self._exempt.find(candidate) is None else None

    def hold(self, candidate: Candidate, until: float) -> LeftOut:
        """The words for an artifact that is held."""
        days = f"{self._policy.cooldown_days:g}"
        return LeftOut(Reason.COOLDOWN, f"cooldown_days = {days}: it is held until {day(until)}")

    def _say(self, reason: Reason, key: str, spec: Spec) -> LeftOut:
        said = self._said.get((key, spec))
        if said is None:
            said = self._said[key, spec] = LeftOut(reason, f"{key} = {spec.text}")
        return said


def denied_hashes(policy: Policy) -> frozenset[str]:
    """The sha256 that ``deny`` names."""
    found = (one.removeprefix(_SHA256) for one in policy.deny if one.startswith(_SHA256))
    return frozenset(map(str.lower, found))


def barrier(policy: Policy) -> Permit:
    """Deny and exclude alone, which no index is needed for."""
    return Permit(policy, listed={}, first_seen={}, approved=(), now=0.0)


def has_these_bytes(facts: Facts, known: Known) -> bool:
    """Whether a committed artifact is what the record describes, as far as hashes tell."""
    if facts.sha256:
        return facts.sha256.lower() == known.sha256
    return not facts.md5 or facts.md5.lower() == known.md5


def is_filename(text: str) -> bool:
    """Whether a text is an artifact's filename, and no MatchSpec."""
    try:
        parse_artifact(text)
    except NameRefusedError:
        return False
    return True


class VersionPin:
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
) -> tuple[VersionPin, ...]:
    """A policy's pins.

    Args:
        listed: the versions that the channel has, by name, of the pinned names.
    """
    return tuple(
        VersionPin(name, versions, listed.get(name.lower(), ())) for name, versions in pins
    )


class Objections:
    """The objections of one channel's policy.

    Args:
        indexes: by subdir.
        objection: what the policy has against a record; None for nothing.
    """

    def __init__(
        self,
        channel: str,
        indexes: Mapping[str, Index],
        objection: Callable[[Candidate], LeftOut | None],
    ) -> None:
        self._channel = channel
        self._indexes = indexes
        self._objection = objection

    def judged(
        self, names: Collection[tuple[str, str]]
    ) -> Iterator[tuple[Candidate, LeftOut | None]]:
        """What upstream lists of these (subdir, filename), and what the policy has against it."""
        for subdir, index in self._indexes.items() if names else ():
            for entry in index.entries:
                if (subdir, entry.filename) in names:
                    found = candidate(self._channel, subdir, entry)
                    yield found, self._objection(found)

    def of(self, specs: Collection[str], subdirs: Collection[str]) -> dict[str, list[LeftOut]]:
        """The objections to what specs match, of those where there is one.

        Args:
            specs: as environments and dependencies have them; name patterns are passed over.
        """
        wanted = {spec: read(spec) for spec in specs}
        names = {one.name for one in wanted.values() if not one.is_pattern}
        artifacts = [
            candidate(self._channel, subdir, entry)
            for subdir, index in self._indexes.items()
            if names and subdir in subdirs
            for entry in index.entries
            if entry.name.name.lower() in names
        ]
        named = Catalog(artifacts)
        whole = {key(one): one for one in artifacts}  # the catalog has each record for itself
        found: dict[str, list[LeftOut]] = {}
        for spec, one in wanted.items():
            for position in () if one.is_pattern else named.matching(spec):
                if (out := self._objection(whole[key(named.records[position])])) is not None:
                    found.setdefault(spec, []).append(out)
        return found
