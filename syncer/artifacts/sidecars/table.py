"""The ledger's tables of sidecars: what lies beside which artifact, and what should.

All that writes is called inside a transaction of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from syncer.artifacts.ledger_writer import LedgerWriter
from syncer.artifacts.sidecars.asked import of_promises
from syncer.conda.attestations import PromisedAttestations
from volume.ledger.artifact import Compared, Placed
from volume.ledger.ledger import Ledger
from volume.sections import IS_WHEEL

_COLUMNS = "subdir, name, filename, sha256, size, missing"
_ESCAPED = "\\u"
# Those of an artifact that is fetched when somebody asks for it are fetched after it.
_HAS_BYTES = "home != 'promised'"
_WITHOUT = "its artifact was fetched without it; the next sync gets it"

# An artifact that is here, or about to be, in whichever home.
_HAS_ARTIFACT = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} a WHERE a.subdir = s.subdir AND a.filename = s.filename)"  # noqa: S608
    for table in ("artifact", "incoming", "retired")
)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A document beside an artifact; ``missing`` says why it is not here, None if it is."""

    subdir: str
    name: str
    filename: str
    sha256: str
    size: int
    missing: str | None = None


class SidecarTable:
    """The sidecars of one channel, as they are noted."""

    def __init__(self, ledger: Ledger) -> None:
        self._execute = ledger.connection.execute

    def of(self, subdir: str, filename: str) -> dict[str, Sidecar]:
        """Those of an artifact, by name."""
        # Their names begin with the artifact's and a dot; "/" follows ".".
        return {
            row.name: row
            for row in self._rows(
                "subdir = ? AND name > ? AND name < ?", (subdir, f"{filename}.", f"{filename}/")
            )
        }

    def names(self, subdir: str, *, here: bool = False) -> set[str]:
        """The names of a subdir's, of those that are here or of all."""
        condition = " AND missing IS NULL" if here else ""
        select = f"SELECT name FROM sidecar WHERE subdir = ?{condition}"  # noqa: S608
        return {row[0] for row in self._execute(select, (subdir,))}

    def here(self) -> list[Sidecar]:
        """All that are here, those verified longest ago first."""
        return list(self._rows("missing IS NULL ORDER BY verified, subdir, name"))

    def placed(self) -> list[Placed]:
        """The same, as bytes that the mirror vouches for."""
        return [
            Placed(row.subdir, row.name, row.sha256, row.size, "sidecars") for row in self.here()
        ]

    def missing(self) -> list[Sidecar]:
        """Those that records promise and that are not here, those asked for longest ago first."""
        return list(self._rows("missing IS NOT NULL ORDER BY verified, subdir, name"))

    def orphans(self, *, every: bool) -> list[Sidecar]:
        """Those whose artifact is gone: of all, or of those that the ledger let go with it."""
        among = "" if every else "missing IS NOT NULL AND "
        select = f"SELECT {_COLUMNS} FROM sidecar s WHERE {among}NOT ({_HAS_ARTIFACT})"  # noqa: S608
        return [Sidecar(*row) for row in self._execute(select)]

    def has_artifact(self, subdir: str, filename: str) -> bool:
        """Whether there is, or is about to be, an artifact of that name."""
        select = f"SELECT {_HAS_ARTIFACT} FROM (SELECT ? subdir, ? filename) s"  # noqa: S608
        return bool(self._execute(select, (subdir, filename)).fetchone()[0])

    def promising(self, after_serial: int) -> Iterator[tuple[str, str, str, str | None]]:
        """(subdir, filename, record, twin) of what was committed later and may promise some."""
        texts = " OR ".join(
            f"instr({column}, {text}) > 0"
            for column in ("record", "ifnull(twin, '')")
            for text in ("'attestations'", f"'{_ESCAPED}'")
        )
        select = (
            "SELECT subdir, filename, record, twin FROM artifact"  # noqa: S608
            f" WHERE serial > ? AND {_HAS_BYTES} AND ({texts})"
        )
        return iter(self._execute(select, (after_serial,)).fetchall())

    def records(self, subdir: str, filename: str) -> tuple[str | None, str | None]:
        """The records of a committed artifact; None, None of one that is not."""
        row = self._execute(
            "SELECT record, twin FROM artifact WHERE subdir = ? AND filename = ?",
            (subdir, filename),
        ).fetchone()
        return row or (None, None)

    def due(self, *, before: float, most: int) -> list[tuple[str, str]]:
        """(subdir, filename) of artifacts whose upstream was last asked before a moment."""
        return self._execute(
            "SELECT subdir, filename FROM probe WHERE moment < ? ORDER BY moment LIMIT ?",
            (before, most),
        ).fetchall()

    @property
    def first_probe(self) -> float | None:
        """When upstream was asked longest ago, in seconds since the epoch; None without any."""
        moment: float | None = self._execute("SELECT min(moment) FROM probe").fetchone()[0]
        return moment

    def _rows(self, condition: str, values: tuple[object, ...] = ()) -> Iterator[Sidecar]:
        select = f"SELECT {_COLUMNS} FROM sidecar WHERE {condition}"  # noqa: S608
        return (Sidecar(*row) for row in self._execute(select, values))


class SidecarWriter(SidecarTable):
    """The same, open for writing."""

    def __init__(self, ledger: LedgerWriter) -> None:
        super().__init__(ledger)
        self._ledger = ledger
        self._many = ledger.connection.executemany

    def note(self, rows: Iterable[Sidecar], *, moment: float = 0.0) -> None:
        """Write rows; ``moment`` is when their bytes were verified, or last asked for in vain."""
        self._many(
            "INSERT OR REPLACE INTO sidecar"
            " (subdir, name, filename, sha256, size, missing, verified) VALUES (?,?,?,?,?,?,?)",
            [
                (row.subdir, row.name, row.filename, row.sha256, row.size, row.missing, moment)
                for row in rows
            ],
        )

    def want(self, subdir: str, filename: str, found: PromisedAttestations) -> None:
        """Let the next run fetch what the records of an artifact promise that came without it."""
        rows = [
            (subdir, name, filename, one.sha256 or "", _WITHOUT)
            for one in of_promises(subdir, filename, found)
            for name in one.names
        ]
        self._many(
            "INSERT OR IGNORE INTO sidecar"
            " (subdir, name, filename, sha256, size, verified, missing) VALUES (?,?,?,?,0,0,?)",
            rows,
        )
        if rows:
            self._ledger.unsettle()

    def note_missing(self, rows: Iterable[Sidecar]) -> None:
        """Note that what should be here is not, and why."""
        self._many(
            "UPDATE sidecar SET missing = ? WHERE subdir = ? AND name = ?",
            [(row.missing, row.subdir, row.name) for row in rows],
        )

    def set_verified(self, placed: Iterable[Placed], moment: float) -> None:
        """Note that bytes were looked at and are right, those of them that are sidecars."""
        self._many(
            "UPDATE sidecar SET verified = ? WHERE subdir = ? AND name = ? AND sha256 = ?",
            [
                (moment, one.subdir, one.filename, one.sha256)
                for one in placed
                if one.home == "sidecars"
            ],
        )

    def drop(self, rows: Iterable[Sidecar]) -> None:
        """Drop rows."""
        self._many(
            "DELETE FROM sidecar WHERE subdir = ? AND name = ?",
            [(row.subdir, row.name) for row in rows],
        )

    def note_probes(self, artifacts: Iterable[tuple[str, str]], moment: float) -> None:
        """Note when upstream was asked for what lies beside these artifacts; 0 asks again soon."""
        self._many(
            "INSERT OR REPLACE INTO probe VALUES (?, ?, ?)", [(*one, moment) for one in artifacts]
        )

    def expect_probes(self, after_serial: int) -> None:
        """Let upstream be asked for those of what was committed later and never asked for."""
        self._execute(
            "INSERT OR IGNORE INTO probe SELECT subdir, filename, 0 FROM artifact"  # noqa: S608
            f" WHERE serial > ? AND {_HAS_BYTES} AND NOT {IS_WHEEL}",
            (after_serial,),
        )

    def drop_probes(self, *, every: bool) -> None:
        """Forget when upstream was asked of artifacts that it lists no more, or of all."""
        gone = "SELECT subdir, filename FROM probe EXCEPT SELECT subdir, filename FROM artifact"
        condition = "" if every else f" WHERE (subdir, filename) IN ({gone})"
        self._execute(f"DELETE FROM probe{condition}")  # noqa: S608

    def looked_at(self, mode: str) -> int:
        """The commit up to which records were looked through in this mode; 0 if never."""
        noted = self._ledger.compared("sidecars")
        return noted.serial if noted is not None and noted.digest == mode else 0

    def set_looked_at(self, mode: str) -> None:
        """Note that all that is committed was looked through."""
        self._ledger.set_compared("sidecars", Compared(mode, self._ledger.serial))
