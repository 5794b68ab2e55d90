"""What a name stands for: a row of a ledger, which promises bytes, or has them.

Guaranteed: nothing but what a ledger says; reading waits for nobody. A ledger that was exchanged or
moved away is seen at the next look.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from syncer.settings.settings import Settings
from syncer.upstream import location
from syncer.upstream.fetched import origin_of
from volume.errors import NameRefusedError
from volume.layout import State
from volume.ledger.artifact import Artifact
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises
from volume.ledger.ungiven import Ungiven, UngivenTable
from volume.names import check_channel, check_subdir, parse_artifact


@dataclass(frozen=True, slots=True)
class Name:
    """One artifact, as it is asked for."""

    channel: str
    subdir: str
    filename: str

    def __str__(self) -> str:
        return f"{self.channel}/{self.subdir}/{self.filename}"


def name_of(path: str) -> Name | None:
    """The artifact that the path of a URL names; None if it names none."""
    try:
        plain = unquote(path.partition("?")[0], errors="strict")
        channel, subdir, filename = plain.lstrip("/").rsplit("/", 2)
        check_channel(channel)
        check_subdir(subdir)
        parse_artifact(filename)
    except (ValueError, NameRefusedError):
        return None
    return Name(channel, subdir, filename)


@dataclass(slots=True)
class _Open:
    ledger: Ledger
    inode: tuple[int, int]


class Promised:
    """The ledgers of the channels that are configured. Each thread has its own connections."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._local = threading.local()

    def find(self, name: Name) -> Artifact | None:
        """The row of an artifact, promised or here; None if none is listed.

        Raises:
            StateError: the ledger is damaged.
            VolumeError: the state volume refuses.
        """
        ledger = self._ledger(name.channel)
        return None if ledger is None else ledger.artifact(name.subdir, name.filename)

    def ungiven(self, name: Name) -> Ungiven | None:
        """What is noted of an artifact that upstream did not give.

        Raises:
            StateError: the ledger is damaged.
        """
        ledger = self._ledger(name.channel)
        if ledger is None:
            return None
        return UngivenTable(ledger).find(name.subdir, name.filename)

    def urls(self, name: Name) -> Sequence[str]:
        """Where upstream has an artifact, best first.

        Raises:
            UpstreamError: upstream's word on it leads where nobody goes.
        """
        bases = [base.rstrip("/") for base in self._settings.channel_urls(name.channel)]
        ledger = self._ledger(name.channel)
        if ledger is None:
            return ()
        origin = Promises(ledger).origin(name.subdir)
        own = next((base for base in bases if origin_of(base) == origin.base), None)
        if own is None:  # configured anew since the last sync
            return location.artifact_urls(bases, bases[0], name.subdir, name.filename, None)
        base_url = origin.base_url or None
        return location.artifact_urls(bases, own, name.subdir, name.filename, base_url)

    def close(self) -> None:
        """Close this thread's connections."""
        for one in self._opened.values():
            one.ledger.close()
        self._opened.clear()

    @property
    def _opened(self) -> dict[str, _Open]:
        found: dict[str, _Open] | None = getattr(self._local, "opened", None)
        if found is None:
            found = self._local.opened = {}
        return found

    def _ledger(self, channel: str) -> Ledger | None:
        if channel not in self._settings.policies:
            return None
        path = self._state.ledger(channel)
        try:
            status = path.stat()
        except OSError:
            return None
        inode = (status.st_dev, status.st_ino)
        known = self._opened.get(channel)
        if known is not None and known.inode == inode:
            return known.ledger
        if known is not None:
            known.ledger.close()
            del self._opened[channel]
        ledger = Ledger.read(path)
        if ledger is not None:
            self._opened[channel] = _Open(ledger, inode)
        return ledger
