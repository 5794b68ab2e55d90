"""The wheels that channels list themselves and lock files name (``v3.whl``, draft CEP 145).

Guaranteed: a channel offers those of its own environments' lock files, and no others, for the whole
run. Whether a lock file names one as a channel's or as of a Python package index does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncer.conda.record import facts
from syncer.conda.repodata import Entry
from syncer.planning.offer import Offers
from volume.program.sizes import counted
from volume.sections import WHEELS

if TYPE_CHECKING:
    from syncer.planning.selections import RequestedEnvironment

LOCKED = "a lock file names this wheel"
"""Why one is wanted."""


class LockedWheels:
    """Those of all channels of a run, or none if they are not mirrored."""

    def __init__(
        self, requested: Sequence[RequestedEnvironment], offers: Offers, *, mirrors: bool
    ) -> None:
        self._requested = requested if mirrors else ()
        self._offers = offers
        found: dict[str, set[str]] = {}
        for asked in self._requested:
            locked = {one.sha256 for request in asked.requests for one in request.wheels}
            locked.update(one for request in asked.requests for one in request.channel_wheels)
            for channel in asked.environment.channels:
                found.setdefault(channel, set()).update(locked)
        offers.wheels = found

    def fingerprint(self, channel: str) -> list[str]:
        """Changes when those that a channel may offer do."""
        return sorted(self._offers.wheels.get(channel, ()))

    def listed(self, channel: str) -> list[tuple[str, Entry]]:
        """Those that a channel lists, with their subdirs.

        Raises:
            UpstreamError: an index can't be had or trusted.
        """
        if not self._offers.wheels.get(channel):
            return []
        return [
            (subdir, entry)
            for subdir, index in self._offers.of(channel).indexes.items()
            for entry in index.entries
            if entry.section == WHEELS
        ]

    def problems(self, channel: str) -> list[str]:
        """What is said of those that lock files name of channels, and none of them lists.

        Each environment is spoken of with its first channel.

        Raises:
            UpstreamError: an index can't be had or trusted.
        """
        found: list[str] = []
        for asked in self._requested:
            channels = asked.environment.channels
            wanted = {one for request in asked.requests for one in request.channel_wheels}
            if channels[0] != channel or not wanted:
                continue
            listed = {facts(entry).sha256 for peer in channels for _, entry in self.listed(peer)}
            if count := len(wanted - listed):
                found.append(
                    f"{asked.environment.name}: its lock file names {counted(count, 'wheel')} of"
                    " conda channels that none of its channels lists: not mirrored"
                )
        return found
