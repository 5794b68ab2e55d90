"""Which package names a policy can reach at all, so that only these need to be read. Pure."""

from __future__ import annotations

from syncer.conda.spec import SpecSet
from syncer.settings.policy import Policy


class Reach:
    """Whether records of a name may be wanted, or have to be looked at.

    ``text`` says which in a form that can be kept: ``Reach(text)`` is the same.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._specs = SpecSet.of(filter(None, text.split("\n")))

    def __call__(self, name: str) -> bool:
        return self._specs.may_match(name)


def reach_of(policy: Policy) -> Reach | None:
    """The reach of a policy; None if that may be any name.

    Dependencies can lead anywhere, and so does a policy that includes or promises everything.
    """
    if policy.on_demand or not policy.include or policy.specs or policy.spec_files:
        return None
    if policy.newest_versions or policy.newest_builds:
        return None
    pinned = [name.lower() for name, _ in policy.pins]
    return Reach("\n".join([*policy.include, *policy.keep, *pinned]))
