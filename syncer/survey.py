"""A survey: what upstream offers of one channel at this moment, against what is committed.

Guaranteed: looking changes nothing. ``check`` refuses plans that the guards refuse, before anything
is done about them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from syncer.download import staged_path
from syncer.errors import IndexRejectedError, UpstreamError
from syncer.guard import check_space, check_wipe
from syncer.plan import SubdirPlan, Totals, plan_subdir, totals
from syncer.repodata import Index, Wanted, empty, parse
from syncer.settings import Settings
from syncer.upstream import ChannelUpstream, Fetched
from volume.files import volume_error
from volume.layout import Mirror
from volume.ledger import Ledger

Fetches = dict[str, Fetched | None]


@dataclass(slots=True)
class Survey:
    """What upstream offers, by subdir, and what that means for us."""

    channel: str
    fetched: Fetches
    indexes: dict[str, Index] = field(default_factory=dict)
    plans: list[SubdirPlan] = field(default_factory=list)

    @property
    def totals(self) -> list[Totals]:
        """The plans in numbers."""
        return [totals(self.channel, plan) for plan in self.plans]


class Surveyor:
    """Surveys one channel."""

    def __init__(
        self,
        channel: str,
        upstream: ChannelUpstream,
        settings: Settings,
        mirror: Mirror,
        warn: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._upstream = upstream
        self._settings = settings
        self._mirror = mirror
        self._warn = warn

    def fetch(self) -> Fetches:
        """Ask upstream for its indexes; unchanged ones are not sent.

        Raises:
            UpstreamError: one can't be had, or there is none at all.
        """
        fetched = {subdir: self._upstream.fetch_index(subdir) for subdir in self._settings.subdirs}
        if not any(fetched.values()):
            raise IndexRejectedError(
                f"{self._upstream.shown} has none of {', '.join(fetched)}: no repodata.json there."
                f" Is {self._channel!r} spelt right, and is it a channel of this upstream?"
            )
        return fetched

    def inputs(self, fetched: Fetches) -> str:
        """Changes when the outcome of a clean run may."""
        parts = [f"{subdir}={found and found.digest}" for subdir, found in sorted(fetched.items())]
        parts.append(self._settings.selection.fingerprint)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def has_moved(self, survey: Survey) -> bool:
        """Whether upstream published since; then a missing artifact is no fault of its own."""
        try:
            return self.inputs(self.fetch()) != self.inputs(survey.fetched)
        except UpstreamError:
            return False

    def survey(self, ledger: Ledger | None, fetched: Fetches) -> Survey:
        """Compare the indexes with what is committed.

        Raises:
            UpstreamError: one can't be trusted.
        """
        survey = Survey(self._channel, fetched)
        selection = self._settings.selection
        for subdir, found in fetched.items():
            known = ledger.known(subdir) if ledger else {}
            if found is None:
                if known:
                    raise IndexRejectedError(
                        f"{self._upstream.shown}/{subdir} is gone, and {len(known):,} artifacts of"
                        " it are mirrored: they stay as they are. If it is gone for good, take"
                        f" {subdir} out of SUBDIRS"
                    )
                self._warn(f"upstream has no {subdir}: nothing to mirror there")
                survey.indexes[subdir] = empty(subdir)
            else:
                content = self._upstream.content(found, f"{subdir}.index")
                survey.indexes[subdir] = parse(content, subdir)
                del content
            survey.plans.append(plan_subdir(survey.indexes[subdir], selection, known))
        for subdir in ledger.subdirs() if ledger else []:
            if subdir not in fetched and ledger:
                # SUBDIRS was narrowed: everything in it leaves, as the wipe guard allows.
                survey.plans.append(plan_subdir(empty(subdir), selection, ledger.known(subdir)))
        return survey

    def remember(self, survey: Survey) -> None:
        """Keep the indexes for the next run; call this once ``check`` has accepted them.

        Raises:
            VolumeError: the state volume refused.
        """
        for subdir, found in survey.fetched.items():
            if found is not None:
                self._upstream.remember(found, f"{subdir}.index")

    def check(self, survey: Survey, *, allow_wipe: bool) -> None:
        """Ask the guards.

        Raises:
            GuardError, NoSpaceError: the plan is refused.
            VolumeError: the mirror volume can't be looked at.
        """
        if not allow_wipe:
            check_wipe(self._channel, survey.plans, self._settings.wipe_guard_percent)
        free = free_space(self._mirror)
        needed = sum(plan.download_size for plan in survey.plans)
        if needed + self._settings.min_free > free:
            needed -= sum(
                self._present_size(artifact) for plan in survey.plans for artifact in plan.downloads
            )
        check_space(needed, free, self._settings.min_free)

    def _present_size(self, artifact: Wanted) -> int:
        """Bytes of a download that are here already, in part or (state lost) as a whole."""
        mirror, subdir, filename = self._mirror, artifact.subdir, artifact.filename
        for folder in (
            mirror.artifacts(self._channel, subdir),
            mirror.retired(self._channel, subdir),
        ):
            if (found := _size(folder / filename)) == artifact.size:
                return found
        staged = staged_path(mirror, self._channel, subdir, filename, artifact.digest)
        return min(_size(staged), artifact.size or 0)


def free_space(mirror: Mirror) -> int:
    """Bytes free on the mirror volume.

    Raises:
        VolumeError: there is no such volume.
    """
    try:
        return shutil.disk_usage(mirror.root).free
    except OSError as error:
        raise volume_error(error, "look at", mirror.root) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
