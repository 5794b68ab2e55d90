"""Noting what upstream lists and did not give, and that it came after all.

Guaranteed: a note names the records that it is about, so it says nothing of others that follow
them; each time that upstream still lacks an artifact it is asked later, from ten minutes to a week.
What writes is called inside ``transaction``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.task import Failed
from syncer.errors import IntegrityError, ManyUpstreamsError, says_absent
from volume.ledger.ungiven import ABSENT, WRONG, UngivenTable

_FIRST_SECONDS = 600.0
_MOST_SECONDS = 7 * 86_400.0
_MOST = 10_000  # notes of one channel


def kind_of(error: BaseException) -> str:
    """What an error says of an artifact, for a note; empty if it says nothing of it. Pure."""
    if says_absent(error):
        return ABSENT
    if isinstance(error, ManyUpstreamsError):
        return WRONG if any(kind_of(one) == WRONG for one in error.errors) else ""
    return WRONG if isinstance(error, IntegrityError) else ""


def patience(tries: int) -> float:
    """Seconds after which to ask again what was not given so often. Pure."""
    return min(_MOST_SECONDS, _FIRST_SECONDS * 4.0 ** min(tries - 1, 10))


class UngivenWriter(UngivenTable):
    """Those of one channel, from its ledger that is open for writing."""

    def __init__(self, ledger: LedgerWriter) -> None:
        super().__init__(ledger)
        self._ledger = ledger

    def note(
        self, subdir: str, filename: str, digest: bytes, *, kind: str, reason: str, moment: float
    ) -> None:
        """Note that an artifact was not given, once more if these records had a note before."""
        before = self.find(subdir, filename)
        if before is not None and (before.digest, before.kind) != (digest, kind):
            before = None
        tries = before.tries + 1 if before else 1
        self._connection.execute(
            "INSERT OR REPLACE INTO ungiven VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                subdir, filename, digest, kind, reason, before.since if before else moment, moment,
                tries, moment + patience(tries),
            ),
        )  # fmt: skip
        self._connection.execute(
            "DELETE FROM ungiven WHERE (subdir, filename) IN (SELECT subdir, filename FROM ungiven"
            " ORDER BY last DESC, subdir, filename LIMIT -1 OFFSET ?)",
            (_MOST,),
        )

    def note_promised(
        self, subdir: str, filename: str, digest: bytes, *, kind: str, reason: str, moment: float
    ) -> None:
        """The same, if it is promised with just these records; the next sync looks at it."""
        row = self._ledger.artifact(subdir, filename)
        if row is None or row.home != "promised" or row.digest != digest:
            return
        self.note(subdir, filename, digest, kind=kind, reason=reason, moment=moment)
        if kind == ABSENT:
            self._ledger.unsettle()

    def note_failed(self, failures: Sequence[Failed], *, moment: float) -> list[Failed]:
        """Note what a sync met of what is promised, or has a note; return what upstream lacks."""
        noted: list[Failed] = []
        for failed in failures:
            kind, one = kind_of(failed.error), failed.task.artifact
            if not kind:
                continue
            row = self._ledger.artifact(one.subdir, one.filename)
            is_promised = row is not None and row.home == "promised"
            if not is_promised and self.find(one.subdir, one.filename) is None:
                continue
            self.note(
                one.subdir, one.filename, one.digest,
                kind=kind, reason=str(failed.error), moment=moment,
            )  # fmt: skip
            if kind == ABSENT:
                noted.append(failed)
        return noted

    def forget(self, names: Iterable[tuple[str, str]]) -> None:
        """Drop the notes of some (subdir, filename)."""
        self._connection.executemany(
            "DELETE FROM ungiven WHERE subdir = ? AND filename = ?", list(names)
        )

    def forget_given(self) -> None:
        """Drop the notes of what is here."""
        self._connection.execute(
            "DELETE FROM ungiven WHERE EXISTS (SELECT 1 FROM artifact a WHERE a.subdir ="
            " ungiven.subdir AND a.filename = ungiven.filename AND a.home != 'promised')"
        )
