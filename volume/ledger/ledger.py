"""The ledger: one SQLite file per channel that says what is committed.

The syncer is its only writer (``syncer/artifacts/ledger_writer.py``); the indexer and the status
pages read. It is the one place that knows the channel's serial, so "committed" can't disagree with
itself, and the cost of a commit follows the change, not the size of the channel.
``volume/ledger/schema.py`` has its tables, ``volume/ledger/artifact.py`` what their rows say.

Guaranteed: every transaction is atomic and durable (WAL, synchronous=FULL).
Not guaranteed: that the files are there; that is the order of ``volume``'s docstring.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from volume.errors import StateError
from volume.ledger import migrations
from volume.ledger.artifact import (
    Artifact,
    Compared,
    Event,
    Known,
    Placed,
    Retired,
    Settled,
    Unproven,
    WrongMd5,
)
from volume.ledger.schema import (
    COLUMNS,
    CURE,
    NAMES,
    REFUSALS,
    RETIRED_COLUMNS,
    UNPROVEN,
    connect,
    refusal,
)
from volume.names import package_name


class Ledger:
    """A ledger, open for reading. The syncer's ``LedgerWriter`` adds the writing.

    ``connection`` is for tables that have a module of their own.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path

    @classmethod
    def read(cls, path: Path) -> Ledger | None:
        """Open for reading, or None if the channel was never committed.

        Raises:
            StateError: it was written by another version, or is damaged.
        """
        if not path.exists():
            return None
        ledger = cls(connect(path), path)
        with ledger._opening():
            if migrations.version_of(ledger.connection) == 0:
                ledger.close()  # created, and stopped before its first transaction
                return None
            migrations.upgrade(ledger.connection, path)
            ledger.connection.execute("PRAGMA query_only = 1")
        return ledger

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        """Close the file again if it can't be used.

        Raises:
            StateError: it is damaged.
        """
        try:
            yield
        except REFUSALS as error:
            self.close()
            raise refusal(error, "open", self.path) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.close()
        if isinstance(error, REFUSALS):
            raise refusal(error, "read", self.path) from error

    # -- reading ---------------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """The number of the last commit; 0 before the first."""
        return int(self._of_channel("serial"))

    @property
    def identity(self) -> str:
        """Another one for each ledger that a channel had; empty for one of 0.1.0."""
        return str(self._of_channel("identity"))

    @property
    def settled(self) -> Settled:
        """What a clean run has dealt with; nothing since something was committed."""
        inputs, due = self.connection.execute("SELECT settled, due FROM channel").fetchone()
        return Settled(inputs, due)

    @property
    def scrubbed(self) -> str:
        """How far the last scrub of retired bytes came."""
        return str(self._of_channel("scrubbed"))

    @property
    def kept(self) -> str:
        """What is here although upstream dropped it, as a JSON text; empty if nothing was noted."""
        return str(self._of_channel("kept"))

    @property
    def is_restoring(self) -> bool:
        """Whether a lost or older state is being made whole: what is published stays till then."""
        return bool(self._of_channel("restoring"))

    def _of_channel(self, column: str) -> str | float:
        row: tuple[str | float, ...] | None = self.connection.execute(
            f"SELECT {column} FROM channel"  # noqa: S608
        ).fetchone()
        if row is None:
            raise StateError(f"{self.path} is damaged (it lacks its row of the channel); {CURE}")
        return row[0]

    def compared(self, document: str) -> Compared | None:
        """Which content of a document its table was last compared with, if ever."""
        row = self.connection.execute(
            "SELECT digest, serial FROM compared WHERE document = ?", (document,)
        ).fetchone()
        return Compared(*row) if row else None

    def swept(self, subdir: str) -> int | None:
        """When the folder of a subdir last changed, in ns, as all its files were known; or None."""
        row = self.connection.execute(
            "SELECT mtime_ns FROM swept WHERE subdir = ?", (subdir,)
        ).fetchone()
        return row[0] if row else None

    def unproven(self) -> list[Unproven]:
        """Rows that are not what was written, as a failing disk may do it: not to be published.

        Reads every row of what is published: 80,000 take a third of a second.
        """
        return [
            Unproven(table, b"/".join(row).decode(errors="replace"))
            for table, names in NAMES.items()
            for row in self.connection.execute(
                f"SELECT {', '.join(f'CAST({name} AS BLOB)' for name in names)}"  # noqa: S608
                f" FROM {table} WHERE {UNPROVEN[table]}"
            )
        ]

    def known(self, subdir: str) -> dict[str, Known]:
        """Every committed artifact of a subdir, by filename.

        Raises:
            StateError: a row is damaged.
        """
        rows = self.connection.execute(
            "SELECT filename, size, sha256, digest, md5, home = 'promised' FROM artifact"
            " WHERE subdir = ?",
            (subdir,),
        )
        try:
            return {row[0]: Known(*row[1:]) for row in rows}
        except (ValueError, OverflowError, TypeError) as error:  # no hex, no size, no text
            raise StateError(f"{self.path} is damaged ({error}); {CURE}") from error

    def artifacts(self, subdir: str, *, after_serial: int = 0) -> Iterator[Artifact]:
        """Committed artifacts of a subdir that changed after ``after_serial``."""
        rows = self.connection.execute(
            f"SELECT {COLUMNS} FROM artifact WHERE subdir = ? AND serial > ? ORDER BY filename",  # noqa: S608
            (subdir, after_serial),
        )
        return (Artifact(*row) for row in rows)

    def artifact(self, subdir: str, filename: str) -> Artifact | None:
        """One committed artifact."""
        row = self.connection.execute(
            f"SELECT {COLUMNS} FROM artifact WHERE subdir = ? AND filename = ?",  # noqa: S608
            (subdir, filename),
        ).fetchone()
        return Artifact(*row) if row else None

    def artifacts_of(self, name: str) -> Iterator[Artifact]:
        """Committed artifacts of a package name."""
        for subdir in self.subdirs():
            # From "name-" to "name.": "." follows "-". Those of "name-other" are among them.
            rows = self.connection.execute(
                f"SELECT {COLUMNS} FROM artifact WHERE subdir = ? AND filename > ?"  # noqa: S608
                " AND filename < ? ORDER BY filename",
                (subdir, f"{name}-", f"{name}."),
            )
            yield from (Artifact(*row) for row in rows if package_name(row[1]) == name)

    def incoming(self) -> list[Artifact]:
        """Rows of a commit that was not finished."""
        return [
            Artifact(*row)
            for row in self.connection.execute(f"SELECT {COLUMNS} FROM incoming")  # noqa: S608
        ]

    def retired(self, subdir: str | None = None, filename: str | None = None) -> list[Retired]:
        """Bytes that are out of the index and still on the volume."""
        return [
            Retired(*row)
            for row in self.connection.execute(
                f"SELECT {RETIRED_COLUMNS} FROM retired"  # noqa: S608
                " WHERE (?1 IS NULL OR subdir = ?1) AND (?2 IS NULL OR filename = ?2)"
                " ORDER BY subdir, filename, serial",
                (subdir, filename),
            )
        ]

    def retired_names(self) -> set[tuple[str, str]]:
        """(subdir, filename) of all retired bytes."""
        return set(self.connection.execute("SELECT subdir, filename FROM retired").fetchall())

    def replaced(self) -> list[tuple[str, str, str]]:
        """(subdir, filename, sha256) of committed artifacts that are not in ``channels/``."""
        return self.connection.execute(
            "SELECT subdir, filename, sha256 FROM artifact WHERE home = 'replaced'"
        ).fetchall()

    def subdirs(self) -> list[str]:
        """Subdirs that upstream offers or that hold artifacts."""
        # From one subdir to the next by the primary key; DISTINCT would look at every row.
        rows = self.connection.execute(
            "WITH RECURSIVE found(subdir) AS (SELECT min(subdir) FROM artifact UNION ALL"
            " SELECT (SELECT min(subdir) FROM artifact a WHERE a.subdir > found.subdir)"
            " FROM found WHERE found.subdir IS NOT NULL)"
            " SELECT subdir FROM found WHERE subdir IS NOT NULL"
            " UNION SELECT subdir FROM carried WHERE subdir != '' ORDER BY 1"
        )
        return [row[0] for row in rows]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Artifacts and bytes by subdir, what is promised among them."""
        rows = self.connection.execute(
            "SELECT subdir, count(*), sum(size) FROM artifact GROUP BY subdir ORDER BY subdir"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def twins(self) -> dict[str, int]:
        """How many artifacts have two records, by subdir; those that have none are not in it."""
        return dict(
            self.connection.execute(
                "SELECT subdir, count(twin) FROM artifact GROUP BY subdir HAVING count(twin) > 0"
            ).fetchall()
        )

    def other_keys(self, subdir: str) -> dict[str, str]:
        """Upstream's other sections as JSON texts; an ``info`` key is named ``info.<key>``.

        Documents beside the repodata are in it too: ``DOCUMENT`` and the filename.
        """
        rows = self.connection.execute("SELECT key, value FROM carried WHERE subdir = ?", (subdir,))
        return dict(rows.fetchall())

    def said_of(self, key: str) -> dict[str, str]:
        """What upstream says under one of those keys, by subdir; what is damaged is not told."""
        query = "SELECT subdir, value FROM carried WHERE key = ? AND"
        rows = self.connection.execute(f"{query} ({UNPROVEN['carried']}) IS NOT TRUE", (key,))
        return dict(rows.fetchall())

    def stored(self) -> Iterator[str]:
        """The sha256 of all bytes that are here: what came last first, then what is retired."""
        rows = self.connection.execute(
            "SELECT sha256 FROM (SELECT sha256 FROM artifact WHERE home != 'promised'"
            " ORDER BY entered DESC) UNION ALL SELECT sha256 FROM retired"
        )
        return (row[0] for row in rows)

    def filenames(self, subdir: str) -> set[str]:
        """Every name in a subdir that is the syncer's business: committed, incoming or retired."""
        rows = self.connection.execute(
            "SELECT filename FROM artifact WHERE subdir = ?1"
            " UNION SELECT filename FROM incoming WHERE subdir = ?1"
            " UNION SELECT filename FROM retired WHERE subdir = ?1",
            (subdir,),
        )
        return {row[0] for row in rows}

    def committed(self, subdir: str) -> Iterator[str]:
        """The filename of every committed artifact of a subdir."""
        rows = self.connection.execute("SELECT filename FROM artifact WHERE subdir = ?", (subdir,))
        return (row[0] for row in rows)

    def names(self) -> set[str]:
        """The package names of committed artifacts."""
        rows = self.connection.execute("SELECT filename FROM artifact")
        return {package_name(row[0]) for row in rows}

    def committed_of(self, names: Iterable[str]) -> set[str]:
        """Those package names of which an artifact is committed."""
        subdirs = self.subdirs()
        select = "SELECT filename FROM artifact WHERE subdir = ? AND filename > ? AND filename < ?"
        return {
            name
            for name in names
            if any(
                package_name(row[0]) == name
                for subdir in subdirs
                # From "name-" to "name.": "." follows "-". Those of "name-other" are among them.
                for row in self.connection.execute(select, (subdir, f"{name}-", f"{name}."))
            )
        }

    def committed_among(self, subdir: str, filenames: Iterable[str]) -> set[str]:
        """Which of these names, whatever is in them, are those of committed artifacts."""
        names = json.dumps([name for name in filenames if name.isascii()])
        rows = self.connection.execute(
            "SELECT filename FROM artifact WHERE subdir = ?"
            " AND filename IN (SELECT value FROM json_each(?))",
            (subdir, names),
        )
        return {row[0] for row in rows}

    def homed(self, subdir: str) -> set[str]:
        """Every name that a subdir's folder in ``channels/`` has by a row."""
        rows = self.connection.execute(
            "SELECT filename FROM artifact WHERE subdir = ?1 AND home = 'channels'"
            " UNION ALL SELECT filename FROM incoming WHERE subdir = ?1 AND home = 'channels'"
            " UNION ALL SELECT filename FROM retired WHERE subdir = ?1 AND home = 'channels'",
            (subdir,),
        )
        return {row[0] for row in rows}

    def is_homed(self, subdir: str, filename: str) -> bool:
        """Whether a name in ``channels/`` is that of a row, or is about to be."""
        row = self.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM artifact WHERE subdir = ?1 AND filename = ?2"
            " AND home = 'channels' UNION ALL SELECT 1 FROM incoming WHERE subdir = ?1"
            " AND filename = ?2 AND home = 'channels' UNION ALL SELECT 1 FROM retired"
            " WHERE subdir = ?1 AND filename = ?2 AND home = 'channels')",
            (subdir, filename),
        ).fetchone()
        return bool(row[0])

    def run_exports_rows(self, subdir: str) -> Iterator[tuple[str, str]]:
        """Upstream's run_exports as JSON texts, with the filename before each."""
        select = "SELECT filename, run_exports FROM run_exports WHERE subdir = ?"
        return self.connection.execute(select, (subdir,))

    def run_exports(self, subdir: str) -> dict[str, str]:
        """The same by filename."""
        return dict(self.run_exports_rows(subdir))

    def channeldata_rows(self) -> Iterator[tuple[str, str]]:
        """Upstream's channeldata as JSON texts, with the package name before each."""
        return self.connection.execute("SELECT name, data FROM channeldata")

    def channeldata(self) -> dict[str, str]:
        """The same by package name."""
        return dict(self.channeldata_rows())

    def history(self, pattern: str = "*", *, since: float = 0.0) -> Iterator[Event]:
        """What happened to artifacts whose filename matches ``pattern`` (with ``*``), in order."""
        rows = self.connection.execute(
            "SELECT moment, event, subdir, filename, sha256, size, source, started, policy"
            " FROM history JOIN run ON run.id = history.run"
            " WHERE filename GLOB ? AND moment >= ? ORDER BY history.rowid",
            (pattern, since),
        )
        return (Event(*row) for row in rows)

    @property
    def events(self) -> int:
        """How many events the history has."""
        row = self.connection.execute("SELECT max(rowid) FROM history").fetchone()
        return row[0] or 0

    def first_event(self) -> float | None:
        """When the channel's history begins, in seconds since the epoch."""
        row = self.connection.execute("SELECT moment FROM history ORDER BY rowid LIMIT 1")
        found = row.fetchone()
        return found[0] if found else None

    def growth(self, since: float) -> int:
        """Bytes that came in since a moment, less those that were deleted."""
        row = self.connection.execute(
            "SELECT sum(CASE WHEN event IN ('entered', 'fetched') THEN size"
            " WHEN event IN ('expired', 'evicted') THEN -size ELSE 0 END) FROM history"
            " WHERE moment >= ?",
            (since,),
        )
        return row.fetchone()[0] or 0

    def record(self, subdir: str, filename: str) -> str | None:
        """The committed record of an artifact, as upstream sent it."""
        row = self.connection.execute(
            "SELECT record FROM artifact WHERE subdir = ? AND filename = ?", (subdir, filename)
        ).fetchone()
        return row[0] if row else None

    def placed(self) -> Iterator[Placed]:
        """All bytes that the mirror vouches for, those verified longest ago first."""
        rows = self.connection.execute(
            "SELECT subdir, filename, sha256, size, home, md5, verified FROM artifact"
            " WHERE home != 'promised' UNION ALL"
            " SELECT subdir, filename, sha256, size, home, NULL, left FROM retired ORDER BY 7, 1, 2"
        )
        return (Placed(*row[:6]) for row in rows.fetchall())

    def wrong_md5(self) -> list[WrongMd5]:
        """Committed records whose md5 is known not to be that of their bytes."""
        if not (noted := dict(self.connection.execute("SELECT sha256, md5 FROM other_md5"))):
            return []
        rows = self.connection.execute(
            "SELECT subdir, filename, md5, sha256 FROM artifact"
            " WHERE sha256 IN (SELECT sha256 FROM other_md5) AND md5 IS NOT NULL ORDER BY 1, 2"
        )
        return [
            WrongMd5(subdir, filename, md5, noted[sha256])
            for subdir, filename, md5, sha256 in rows
            if md5 != noted[sha256]
        ]
