"""What a run of one channel does about the past: before it plans, and after it has committed.

Before: what was interrupted is finished, a lost state is made whole, damaged rows and rows without
bytes are let go, so that they are asked for again. After: what retired moves, what is due is
deleted, what nobody knows is moved to quarantine. Upstream is not asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from syncer.artifacts.commit import Committer
from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.locked import LockedArtifacts
from syncer.artifacts.recovery.restore import Restoration
from syncer.artifacts.recovery.strays import Stray, Sweep
from syncer.artifacts.retire import Retirement
from syncer.artifacts.store.store import Store
from syncer.planning.locked_artifacts import stays
from syncer.sync.tools import Tools
from volume import generations
from volume.locks import Held
from volume.program.sizes import counted

_LOG = logging.getLogger(__name__)
_SHOWN = 20  # names in one message
_DAY = 86400.0


class Upkeep:
    """That of one channel.

    Args:
        ledger: the channel's, open for writing.
        warn: is told what a person should know.
    """

    def __init__(
        self,
        tools: Tools,
        channel: str,
        store: Store,
        ledger: LedgerWriter,
        warn: Callable[[str], None],
    ) -> None:
        self._tools = tools
        self._channel = channel
        self._store = store
        self._ledger = ledger
        self._warn = warn

    def recover(self, committer: Committer, retirement: Retirement) -> None:
        """Finish what an interrupted run left. Callers hold the channel lock.

        Raises:
            VolumeError: a volume refused.
        """
        if recovered := committer.finish():
            _LOG.info(
                "%s: finished a commit of %s that was interrupted",
                self._channel, counted(recovered, "artifact"),
            )  # fmt: skip
        LockedArtifacts(self._store, self._ledger, now=self._tools.now).finish()
        retirement.quarantine()
        # A file that was half moved must be where its row says before its name is wanted again.
        retirement.move(self._published())

    def restore(self) -> None:
        """Make whole what a lost or older ledger lacks, before anything is planned by it."""
        tools = self._tools
        if self._ledger.is_behind or self._ledger.is_restoring:
            restoration = Restoration(
                tools.mirror,
                self._channel,
                self._ledger,
                tools.stop,
                lock=self._locked,
                now=tools.now,
            )
            if count := restoration.restore():
                self._warn(
                    "the state volume knew less than is published: hashed and taken over again"
                    f" {counted(count, 'artifact')}"
                )

    def heal(self, is_settled: Callable[[], bool]) -> None:
        """Let damaged rows be taken from upstream again, before the indexer meets them.

        Args:
            is_settled: whether a clean run has dealt with just what this one is about.
        """
        kept = generations.kept(self._tools.mirror, self._channel)
        # The indexer looked at each row, and says of each damaged one that it left it out.
        is_sound = bool(kept) and kept[-1].serial == self._ledger.serial and not kept[-1].met_damage
        if is_sound and is_settled():
            return
        damaged = self._ledger.unproven()
        if not damaged:
            return
        with self._locked(), self._ledger.transaction("forget damaged rows"):
            self._ledger.raise_serial()
            self._ledger.forget_unproven(moment=self._tools.now())
        self._warn(
            f"the ledger had {counted(len(damaged), 'damaged row')}, taken from upstream again:"
            f" {_named(damaged)}; look at the state volume's disk"
        )

    def compare(self) -> None:
        """Let the ledger and the folders agree on what is here, before a plan is made of it."""
        sweep = self._sweeper()
        with self._locked():
            self._name_strays(sweep.clear())
            lost = sweep.forget_lost()
        if lost:
            self._warn(
                f"{len(lost):,} artifacts were not in channels/{self._channel} any more, and are"
                f" asked for again: {_named([f'{row.subdir}/{row.filename}' for row in lost])}"
            )
        with self._locked():
            away = self._tools.sidecar_sweep(self._channel, self._ledger).compare()
        if away:
            self._warn(
                f"{counted(len(away), 'file')} of sidecars/{self._channel} were not there any more,"
                f" and are asked for again: {_named([f'{one.subdir}/{one.name}' for one in away])}"
            )

    def expire(self, retirement: Retirement) -> int:
        """Move what retired and delete what is due; return how many artifacts are gone for good.

        Callers hold the channel lock.
        """
        tools = self._tools
        retirement.move(self._published())
        expired = retirement.expire(
            generations.kept(tools.mirror, self._channel),
            now=tools.now(),
            grace_seconds=tools.settings.retire_days * _DAY,
            stays=stays(tools.selections.locked(self._channel)),
        )
        return expired.artifacts

    def expire_sidecars(self, *, is_thorough: bool) -> None:
        """Delete what lies beside artifacts that are gone. Callers hold the channel lock.

        Args:
            is_thorough: whether to look at each: half a million take a second.
        """
        sweep = self._tools.sidecar_sweep(self._channel, self._ledger)
        sweep.expire(is_thorough=is_thorough)

    def sweep(self) -> None:
        """Move what nobody knows to quarantine. Callers hold the channel lock."""
        if self._tools.adoption is None:
            # Else it is a part of a sync: what is wanted may not all have been looked for.
            self._name_strays(self._sweeper().sweep())
            strange = self._tools.sidecar_sweep(self._channel, self._ledger).sweep()
            if strange:
                self._warn(
                    f"sidecars/{self._channel} had {counted(len(strange), 'file')} that nobody"
                    f" knows, moved to quarantine/{self._channel}: {_named(strange)}"
                )

    def _name_strays(self, strays: Sequence[Stray]) -> None:
        if strays:
            self._warn(
                f"channels/{self._channel} had {counted(len(strays), 'file')} that nobody knows,"
                f" moved to quarantine/{self._channel}: {_named(strays)}; packages of your own"
                f" belong in local/{self._channel}"
            )

    def _sweeper(self) -> Sweep:
        return Sweep(
            self._tools.mirror, self._channel, self._store, self._ledger, now=self._tools.now
        )

    def _published(self) -> generations.Generation | None:
        return generations.published(self._tools.mirror, self._channel)

    def _locked(self) -> Held:
        return self._tools.channel_lock(self._channel)


def _named(things: Sequence[object]) -> str:
    """The first few, by name."""
    shown = ", ".join(str(thing) for thing in things[:_SHOWN])
    return f"{shown} and {len(things) - _SHOWN:,} more" if len(things) > _SHOWN else shown
