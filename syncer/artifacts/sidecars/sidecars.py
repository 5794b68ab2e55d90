"""The sidecars of one channel in a run: which are to be had, their commit, and what is left.

The order is expect, place, accept: a row is written before its file gets its name, so a file that a
crash leaves is never one that nobody knows. A run asks ``of_artifact`` for what it downloads and
``late`` for what is here already, calls ``commit`` before it commits the records, and ``conclude``
when those are committed. Callers hold the channel lock for all that writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.sidecars.asked import (
    Asked,
    Found,
    Nothing,
    Outcome,
    Unavailable,
    of_probe,
    of_promises,
)
from syncer.artifacts.sidecars.store import SidecarStore
from syncer.artifacts.sidecars.table import Sidecar, SidecarWriter
from syncer.conda.attestations import PromisedAttestations, promised, taken_apart
from syncer.conda.wanted import Wanted
from syncer.errors import HostStoppedError, is_upstreams_own
from syncer.planning.plan import SubdirPlan
from volume.errors import MirrorError
from volume.sections import is_wheel

PROBES = 2000
"""Artifacts that upstream is asked about again in one run, with ``probe``."""
PROBE_SECONDS = 7 * 86_400.0
"""How long an answer to a probe is good for."""
_UNANSWERED_SECONDS = 86_400.0  # and no answer

_UNFINISHED = "its commit was interrupted"


@dataclass(frozen=True, slots=True)
class Missing:
    """What a record promises and is not here; ``error`` is what this run met, if it asked."""

    row: Sidecar
    error: MirrorError | None

    @property
    def reason(self) -> str:
        return self.row.missing or ""


class Sidecars:
    """Those of one channel.

    Args:
        mode: ``promised``, ``probe`` or ``no``, as ``SIDECARS`` says.
        is_part: whether this run only takes over another mirror: what it lacks is not missing.
    """

    def __init__(
        self,
        store: SidecarStore,
        ledger: LedgerWriter,
        *,
        mode: str,
        now: Callable[[], float],
        is_part: bool = False,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._table = SidecarWriter(ledger)
        self._mode = mode
        self._now = now
        self._is_part = is_part
        self._errors: dict[tuple[str, str], MirrorError] = {}
        self._absent: set[tuple[str, str]] = set()
        self.refused: list[Unavailable] = []
        """What no record promises, and upstream has in a form that is not mirrored."""

    # -- which -------------------------------------------------------------------------------------

    def of_artifact(self, artifact: Wanted) -> tuple[Asked, ...]:
        """What is to be fetched together with an artifact."""
        if self._mode == "no" or is_wheel(artifact.filename):
            return ()
        found = promised(artifact.record, artifact.twin)
        asked = self._lacking(artifact.subdir, artifact.filename, found) if found else ()
        if self._mode == "probe" and not self._is_part:
            asked += of_probe(artifact.subdir, artifact.filename, found)
        return asked

    def late(self, plans: Sequence[SubdirPlan]) -> list[tuple[Asked, ...]]:
        """What is to be had for artifacts that are here already, by artifact.

        Their records promise it since now, or since before, and it is not here; or it is time to
        ask again.
        """
        if self._mode == "no":
            return []
        found: dict[tuple[str, str], tuple[Asked, ...]] = {}
        for plan in plans:
            for artifact in plan.hotfixed:
                key = (plan.subdir, artifact.filename)
                found[key] = self._lacking(*key, promised(artifact.record, artifact.twin))
            # What leaves needs none; what is replaced gets them with its new bytes.
            leaving = (*plan.retired, *(artifact.filename for artifact in plan.replaced))
            found.update(((plan.subdir, filename), ()) for filename in leaving)
        for subdir, filename, *records in self._table.promising(self._table.looked_at(self._mode)):
            if (subdir, filename) not in found:
                found[subdir, filename] = self._lacking(subdir, filename, promised(*records))
        for row in self._table.missing():
            key = (row.subdir, row.filename)
            if key not in found:
                found[key] = self._lacking(*key, self._promised(*key))
                if self._is_open(row):
                    found[key] += of_probe(*key, self._promised(*key))
        if self._mode == "probe" and not self._is_part:
            for key in self._due():
                found[key] = found.get(key, ()) + of_probe(*key, self._promised(*key))
        return [
            tuple(dict.fromkeys(asked))
            for (_, filename), asked in found.items()
            if asked and not is_wheel(filename)
        ]

    def _due(self) -> list[tuple[str, str]]:
        with self._ledger.transaction("expect probes"):
            self._table.expect_probes(self._table.looked_at(self._mode))
        return self._table.due(before=self._now() - PROBE_SECONDS, most=PROBES)

    def _promised(self, subdir: str, filename: str) -> PromisedAttestations:
        """What the committed records of an artifact promise."""
        return promised(*self._table.records(subdir, filename))

    def _lacking(
        self, subdir: str, filename: str, found: PromisedAttestations
    ) -> tuple[Asked, ...]:
        """What is promised, and not here under all of its names."""
        if not found:
            return ()
        rows = self._table.of(subdir, filename)

        def is_here(asked: Asked) -> bool:
            present = (rows.get(name) for name in asked.names)
            return all(
                row is not None and row.missing is None and row.sha256 == asked.sha256
                for row in present
            )

        return tuple(
            one
            for one in of_promises(subdir, filename, found)
            # What was refused is not asked for twice in a run.
            if not is_here(one) and (subdir, one.name) not in self._errors
        )

    @property
    def due(self) -> float:
        """When upstream is to be asked again, in seconds since the epoch; 0 for never."""
        first = self._table.first_probe if self._mode == "probe" else None
        return 0.0 if first is None else first + PROBE_SECONDS

    # -- commit ------------------------------------------------------------------------------------

    def commit(self, outcomes: Iterable[Outcome]) -> None:
        """Make part of the channel what was found, and note what was not.

        Raises:
            VolumeError: a volume refused.
        """
        every = list(outcomes)
        found = [one for one in every if isinstance(one, Found)]
        rows = [row for one in found for row in _rows(one)]
        if rows:
            with self._ledger.transaction("expect sidecars"):
                self._table.note(replace(row, missing=_UNFINISHED) for row in rows)
            self._store.place(found)
        unavailable = [one for one in every if isinstance(one, Unavailable)]
        if self._is_part:
            unavailable = []
        refused = [one for one in unavailable if one.asked.is_promised]
        missing = [_missing_row(one) for one in refused if not _was_stopped(one.error)]
        unasked = [_missing_row(one) for one in refused if _was_stopped(one.error)]
        probed = {_artifact(one.asked) for one in every if not one.asked.is_promised}
        if not (rows or refused or probed):
            return
        open_ones = [one for one in unavailable if not one.asked.is_promised]
        unanswered = {_artifact(one.asked) for one in open_ones if not is_upstreams_own(one.error)}
        now = self._now()
        with self._ledger.transaction("sidecars"):
            self._table.note(rows, moment=now)
            self._table.note(missing, moment=now)
            self._table.note(unasked)  # which are the first next time
            self._table.note_probes(probed - unanswered, now)
            self._table.note_probes(unanswered, now - PROBE_SECONDS + _UNANSWERED_SECONDS)
        self._errors.update(((one.asked.subdir, one.asked.name), one.error) for one in refused)
        self._absent.update(
            (one.asked.subdir, one.asked.name) for one in every if isinstance(one, Nothing)
        )
        self.refused += open_ones

    def conclude(self) -> list[Missing]:
        """What records promise and is not here, when all records of a run are committed.

        What they do not promise any more is forgotten.

        Raises:
            VolumeError: a volume refused.
        """
        missing = self._table.missing()
        left = [row for row in missing if not self._is_wanted(row)]
        if left:
            # Other names of the same artifact may have bytes that a record promised once.
            self._store.remove(left)
        with self._ledger.transaction("look at sidecars"):
            self._table.drop(left)
            self._table.set_looked_at(self._mode)
        gone = {(row.subdir, row.name) for row in left}
        return [
            Missing(row, self._errors.get((row.subdir, row.name)))
            for row in sorted(missing, key=lambda row: (row.subdir, row.name))
            if (row.subdir, row.name) not in gone
        ]

    def _is_wanted(self, row: Sidecar) -> bool:
        if self._mode == "no":
            return False
        found = self._promised(row.subdir, row.filename)
        asked = of_promises(row.subdir, row.filename, found)
        if any(row.name in one.names for one in asked):
            return True
        return self._is_open(row) and (row.subdir, row.name) not in self._absent

    def _is_open(self, row: Sidecar) -> bool:
        """Whether a probe may find it: no record need promise it."""
        apart = taken_apart(row.name)
        return self._mode == "probe" and apart is not None and apart[1] is None


def _artifact(asked: Asked) -> tuple[str, str]:
    return asked.subdir, asked.filename


def _rows(found: Found) -> list[Sidecar]:
    asked = found.asked
    return [
        Sidecar(asked.subdir, name, asked.filename, found.sha256, found.size)
        for name in asked.names
    ]


def _missing_row(one: Unavailable) -> Sidecar:
    asked = one.asked
    reason = str(one.error)
    return Sidecar(asked.subdir, asked.name, asked.filename, asked.sha256 or "", 0, reason)


def _was_stopped(error: MirrorError) -> bool:
    """Whether a host was not asked, as it had refused many."""
    return any(isinstance(one, HostStoppedError) for one in (error, *getattr(error, "errors", ())))
