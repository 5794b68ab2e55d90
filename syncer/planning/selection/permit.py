"""What a policy permits at all: for what is included and for what environments need. Pure.

In this order: deny, exclude, pins, licences, size, age, cooldown. The first objection is given.
What a record does not tell is held against it only where said so: no licence is refused by
``licenses``, no timestamp counts as old, and an unknown size passes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from syncer.conda.license import Licenses
from syncer.conda.record import Candidate, Facts
from syncer.conda.spec import Spec, SpecSet
from syncer.planning.selection.pin import pins_of
from syncer.planning.selection.reason import LeftOut, Reason, day
from syncer.settings.policy import Policy
from volume.errors import NameRefusedError
from volume.ledger.artifact import Known
from volume.names import parse_artifact
from volume.program.sizes import amount

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
        for pin in self._pins:
            if (why := pin.objection(facts)) is not None:
                return LeftOut(Reason.PINNED, why)
        if self._licenses and (why := self._licenses.objection(facts.license)) is not None:
            return LeftOut(Reason.LICENSE, why)
        largest, size = self._policy.max_size, facts.size or 0
        if largest and size > largest:
            return LeftOut(Reason.TOO_LARGE, f"max_size = {amount(largest)}: it has {amount(size)}")
        return self._object_to_age(facts.built)

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

        A record's timestamp is in the hands of who built it, so it counts from the moment when
        the artifact was first seen at upstream if that is later, and if the record claims to be
        from the future. What has neither counts as old.
        """
        if not self._cooldown:
            return None
        published = candidate.facts.published
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
