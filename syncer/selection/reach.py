"""Which package names a policy can reach at all, so that only these need to be read. Pure."""

from __future__ import annotations

from collections.abc import Callable

from syncer.policy import Policy
from syncer.selection.spec import SpecSet


def names_of(policy: Policy) -> Callable[[str], bool] | None:
    """Whether a policy may want, or has to look at, records of a name; None if that may be any.

    Dependencies can lead anywhere, and so does a policy that includes everything.
    """
    if not policy.include or policy.specs or policy.spec_files:
        return None
    if policy.newest_versions or policy.newest_builds:
        return None
    asked = SpecSet.of([*policy.include, *policy.keep])
    pinned = frozenset(name.lower() for name, _ in policy.pins)
    return lambda name: asked.may_match(name) or name.lower() in pinned
