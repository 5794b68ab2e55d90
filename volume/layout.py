"""Every path on the two volumes. Nothing else in the project joins path segments of its own.

Paths are computed, never looked up: no function here touches the disk.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from volume.names import check_channel

# The folders that exist before anything else does; made by ``volume-init`` or by the first run.
MIRROR_FOLDERS = (
    "channels", "local", "replaced", "sidecars", "staging", "retired", "quarantine", "index",
    "installers", "pypi", "mapping", "site",
)  # fmt: skip
STATE_FOLDERS = ("locks", "channels")

# In the place of a channel's name, where installers share a folder with artifacts.
INSTALLERS = "installers"
NAME_MAPPING = "name-mapping"
"""What the name mapping is called in a run and in messages, beside channels' names."""


def slug(channel: str) -> str:
    """One path segment for a channel. ``~`` can't be in a channel name, so this is reversible."""
    return check_channel(channel).replace("/", "~")


def channel_of(channel_slug: str) -> str:
    """The channel that ``slug`` made this of."""
    return channel_slug.replace("~", "/")


class HasPlace(Protocol):
    """What every row of the ledger says of its bytes: which they are, and where."""

    @property
    def subdir(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def home(self) -> str: ...


def staged_name(filename: str, digest: bytes) -> str:
    """The name of a staged file."""
    return f"{filename}.{digest.hex()[:16]}.part"


@functools.lru_cache(maxsize=4096)
def _folder(root: Path, *parts: str) -> Path:
    """Joined once: a commit asks for the same few folders once for each artifact."""
    return root.joinpath(*parts)


@dataclass(frozen=True, slots=True)
class Collection:
    """Paths of what is published whole, beside the channels: one kind of installers, say.

    ``staging`` is for what is on its way in, ``quarantine`` for what was found damaged.
    """

    root: Path
    staging: Path
    quarantine: Path

    def generation(self, number: int) -> Path:
        return self.root / f"gen-{number:06d}"

    @property
    def current(self) -> Path:
        """The link to what is published."""
        return self.root / "current"


@dataclass(frozen=True, slots=True)
class NameMapping:
    """Of conda's names to PyPI's, as its service has it: for names, and for each artifact."""

    root: Path
    staging: Path

    @property
    def names(self) -> Path:
        return self.root / "compressed-v0" / "compressed_mapping.json"

    @property
    def artifacts(self) -> Path:
        return self.root / "hash-v0"

    def of(self, sha256: str) -> Path:
        """An artifact's document."""
        return self.artifacts / sha256


@dataclass(frozen=True, slots=True)
class Mirror:
    """Paths on the mirror volume. Names are checked by whoever read them (``volume.names``)."""

    root: Path

    @property
    def owner(self) -> Path:
        return self.root / "owner.json"

    def artifacts(self, channel: str, subdir: str) -> Path:
        return _folder(self.root, "channels", channel, subdir)

    def retired(self, channel: str, subdir: str) -> Path:
        return _folder(self.root, "retired", channel, subdir)

    def replaced(self, channel: str, subdir: str, sha256: str) -> Path:
        return self.root / "replaced" / channel / subdir / sha256

    def sidecars(self, channel: str, subdir: str) -> Path:
        """What lies beside artifacts upstream, wherever their bytes are here."""
        return _folder(self.root, "sidecars", channel, subdir)

    def staging(self, channel: str, subdir: str) -> Path:
        return _folder(self.root, "staging", channel, subdir)

    def staged(self, channel: str, subdir: str, filename: str, digest: bytes) -> Path:
        """Where a download is staged: its record's digest keeps contents of one name apart."""
        return self.staging(channel, subdir) / staged_name(filename, digest)

    def home(self, channel: str, placed: HasPlace) -> Path:
        """Where bytes are that the ledger has a row of."""
        return self.home_folder(channel, placed) / placed.filename

    def home_folder(self, channel: str, placed: HasPlace) -> Path:
        """The folder that they are in."""
        if placed.home == "replaced":
            return self.replaced(channel, placed.subdir, placed.sha256)
        if placed.home == "retired":
            return self.retired(channel, placed.subdir)
        folder = self.sidecars if placed.home == "sidecars" else self.artifacts
        return folder(channel, placed.subdir)

    def quarantine(self, channel: str, subdir: str) -> Path:
        return _folder(self.root, "quarantine", channel, subdir)

    def channel_folder(self, channel: str) -> Path:
        return self.root / "channels" / channel

    def local(self, channel: str, subdir: str) -> Path:
        """What people add themselves; only a generation's copies of it are served."""
        return _folder(self.root, "local", channel, subdir)

    def local_folder(self, channel: str) -> Path:
        return self.root / "local" / channel

    def index(self, channel: str) -> Path:
        return self.root / "index" / channel

    def generation(self, channel: str, number: int) -> Path:
        return self.index(channel) / f"gen-{number:06d}"

    def generation_document(self, channel: str, number: int) -> Path:
        """What a generation says of itself; the web server hides it, as all dotfiles."""
        return self.generation(channel, number) / ".generation.json"

    def listed(self, channel: str) -> Path:
        """A copy of ``State.listed``, for when that is lost."""
        return self.index(channel) / ".listed.db.gz"

    def first_published(self, channel: str) -> Path:
        """Since when people's own packages are published; the indexer's."""
        return self.index(channel) / ".first-published.json"

    def rollback(self, channel: str) -> Path:
        """A rollback that lasts until something newer is committed, or until it is released."""
        return self.index(channel) / ".hold.json"

    def current(self, channel: str) -> Path:
        return self.index(channel) / "current"

    def snapshots(self, channel: str) -> Path:
        return self.index(channel) / "snapshots"

    def times(self, channel: str) -> Path:
        """Where the web server looks a time up; see ``volume.snapshots``."""
        return self.index(channel) / ".times"

    def installers(self, kind: str) -> Collection:
        # No channel can be named so (volume.names), so these are nobody else's folders.
        return self._collection(INSTALLERS, kind)

    @property
    def wheels(self) -> Collection:
        return self._collection("pypi")

    @property
    def name_mapping(self) -> NameMapping:
        return NameMapping(self.root / "mapping", self.root / "staging" / "mapping")

    def _collection(self, *names: str) -> Collection:
        return Collection(
            _folder(self.root, *names),
            _folder(self.root, "staging", *names),
            _folder(self.root, "quarantine", *names),
        )

    @property
    def site(self) -> Path:
        return self.root / "site"

    def search(self, channel: str) -> Path:
        """The landing page's search data of one channel."""
        return self.site / "search" / slug(channel)


@dataclass(frozen=True, slots=True)
class State:
    """Paths on the state volume."""

    root: Path

    @property
    def instance(self) -> Path:
        return self.root / "instance.json"

    @property
    def sync_lock(self) -> Path:
        return self.root / "locks" / "sync.lock"

    @property
    def identity_lock(self) -> Path:
        """Held for moments at start; never while another lock is waited for."""
        return self.root / "locks" / "identity.lock"

    def channel_lock(self, channel: str) -> Path:
        return self.root / "locks" / f"channel-{slug(channel)}.lock"

    def claims(self, channel: str) -> Path:
        """A byte of this file is locked for each artifact that somebody stages."""
        return self.root / "locks" / f"staging-{slug(channel)}.lock"

    @property
    def index_lock(self) -> Path:
        return self.root / "locks" / "index.lock"

    @property
    def site_lock(self) -> Path:
        return self.root / "locks" / "site.lock"

    @property
    def sync_left_out(self) -> Path:
        """What the last sync left out, one artifact a line; the run document has the first."""
        return self.root / "sync-left-out.txt"

    @property
    def sync_run(self) -> Path:
        return self.root / "sync-run.json"

    @property
    def index_run(self) -> Path:
        return self.root / "index-run.json"

    @property
    def usage(self) -> Path:
        """What clients asked for; only the syncer's ``usage`` knows its tables."""
        return self.root / "usage.db"

    @property
    def usage_document(self) -> Path:
        """What the page and /metrics show of it."""
        return self.root / "usage.json"

    @property
    def usage_lock(self) -> Path:
        return self.root / "locks" / "usage.lock"

    @property
    def sync_metrics(self) -> Path:
        return self.root / "sync-metrics.json"

    @property
    def schedule_metrics(self) -> Path:
        return self.root / "schedule-metrics.json"

    @property
    def notices(self) -> Path:
        """What people were told, so that they are not told again."""
        return self.root / "notices.json"

    @property
    def notices_lock(self) -> Path:
        return self.root / "locks" / "notices.lock"

    @property
    def channels(self) -> Path:
        return self.root / "channels"

    def channel(self, channel: str) -> Path:
        return self.channels / slug(channel)

    def installers(self, kind: str) -> Path:
        """What the syncer remembers of the listing of one kind of installers."""
        return self.root / "installers" / f"{kind}.json"

    def ledger(self, channel: str) -> Path:
        return self.channel(channel) / "ledger.db"

    def upstream(self, channel: str) -> Path:
        return self.channel(channel) / "upstream"

    def upstream_index(self, channel: str, subdir: str) -> Path:
        """What the syncer remembers of upstream's index of one subdir."""
        return self.upstream(channel) / f"{subdir}.index.json"

    @property
    def name_mapping(self) -> Path:
        """What the syncer remembers of the name mapping's service; a cache."""
        return self.root / "name-mapping.db"

    @property
    def spec_files(self) -> Path:
        """What the syncer remembers of SPEC_FILES that are addresses; a cache."""
        return self.root / "spec-files"

    def listed(self, channel: str) -> Path:
        """Since when upstream lists what it lists; for cooldowns."""
        return self.channel(channel) / "listed.db"

    def former_generations(self, channel: str) -> Path:
        """Where 0.1.0 kept the documents of generations."""
        return self.channel(channel) / "generations"

    def engine(self, channel: str) -> Path:
        return self.channel(channel) / "engine"

    def record_cache(self, channel: str) -> Path:
        """What the indexer remembers between runs; a cache."""
        return self.channel(channel) / "index-memory.db"

    def former_rollback(self, channel: str) -> Path:
        """Where 0.1.0 kept a rollback that is in force."""
        return self.channel(channel) / "hold.json"

    @property
    def index_heartbeat(self) -> Path:
        """Touched by the running indexer, so that its age tells whether it lives."""
        return self.root / "index-heartbeat"
