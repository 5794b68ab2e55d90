"""The ledger's tables of what upstream publishes beside its records.

Guaranteed: run_exports are those of committed artifacts, and channeldata is that of names of which
an artifact is committed; what is changed for others is left out. All that writes is called inside
``transaction``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from syncer.artifacts.writable_ledger import WritableLedger
from volume.names import package_name

_IS_COMMITTED = "EXISTS (SELECT 1 FROM artifact WHERE subdir = ?1 AND filename = ?2)"


class SupplementLedger(WritableLedger):
    """A ledger, open for writing what belongs to its artifacts."""

    def committed(self, subdir: str) -> Iterator[str]:
        """The filename of every committed artifact of a subdir."""
        rows = self._connection.execute("SELECT filename FROM artifact WHERE subdir = ?", (subdir,))
        return (row[0] for row in rows)

    def names(self) -> set[str]:
        """The package names of committed artifacts."""
        rows = self._connection.execute("SELECT filename FROM artifact")
        return {package_name(row[0]) for row in rows}

    def replace_carried(self, subdir: str, sections: dict[str, str]) -> bool:
        """Set a subdir's other sections; return whether anything changed."""
        if self.carried(subdir) == sections:
            return False
        self._connection.execute("DELETE FROM carried WHERE subdir = ?", (subdir,))
        self._connection.executemany(
            "INSERT INTO carried VALUES (?, ?, ?)",
            [(subdir, key, value) for key, value in sections.items()],
        )
        return True

    def _drop_entries(self, left: Iterable[tuple[str, str]]) -> None:
        """Drop what was said of artifacts, given as (subdir, filename), as far as they are gone."""
        names: set[str] = set()
        for subdir, filename in left:
            self._connection.execute(
                "DELETE FROM run_exports WHERE subdir = ?1 AND filename = ?2"  # noqa: S608
                f" AND NOT {_IS_COMMITTED}",
                (subdir, filename),
            )
            names.add(package_name(filename))
        gone = [(name,) for name in names - self._committed_of(names)]
        self._connection.executemany("DELETE FROM channeldata WHERE name = ?", gone)

    # -- run_exports -----------------------------------------------------------------------------

    def lacks_run_exports(self, subdir: str, *, after_serial: int) -> bool:
        """Whether an artifact that was committed since has none."""
        row = self._connection.execute(
            # The plus keeps SQLite from going by subdir, through all that is committed.
            "SELECT EXISTS (SELECT 1 FROM artifact a WHERE a.serial > ?2 AND +a.subdir = ?1"
            " AND NOT EXISTS (SELECT 1 FROM run_exports r"
            " WHERE r.subdir = ?1 AND r.filename = a.filename))",
            (subdir, after_serial),
        )
        return bool(row.fetchone()[0])

    def change_run_exports(self, subdir: str, difference: Mapping[str, str | None]) -> bool:
        """Write JSON texts by filename, None deletes; return whether any row changed."""
        before = self._connection.total_changes
        self._connection.executemany(
            "DELETE FROM run_exports WHERE subdir = ? AND filename = ?",
            [(subdir, filename) for filename, text in difference.items() if text is None],
        )
        self._connection.executemany(
            f"INSERT INTO run_exports SELECT ?1, ?2, ?3 WHERE {_IS_COMMITTED}"
            " ON CONFLICT DO UPDATE SET run_exports = excluded.run_exports"
            " WHERE run_exports.run_exports != excluded.run_exports",
            ((subdir, filename, text) for filename, text in difference.items() if text is not None),
        )
        return self._connection.total_changes > before

    def drop_strange_run_exports(self, subdir: str) -> bool:
        """Delete those of artifacts that are not committed; return whether there were any.

        Earlier versions left some.
        """
        done = self._connection.execute(
            "DELETE FROM run_exports WHERE subdir = ?1 AND filename NOT IN"
            " (SELECT filename FROM artifact WHERE subdir = ?1)",
            (subdir,),
        )
        return done.rowcount > 0

    # -- channeldata -----------------------------------------------------------------------------

    def lacks_channeldata(self, names: Iterable[str], *, after_serial: int) -> bool:
        """Whether one of these names has none, or one of what was committed since."""
        rows = self._connection.execute(
            "SELECT filename FROM artifact WHERE serial > ?", (after_serial,)
        )
        select = "SELECT 1 FROM channeldata WHERE name = ?"
        return any(
            self._connection.execute(select, (name,)).fetchone() is None
            for name in {*names, *(package_name(row[0]) for row in rows)}
        )

    def change_channeldata(self, difference: Mapping[str, str | None]) -> bool:
        """Write JSON texts by package name, None deletes; return whether any row changed."""
        before = self._connection.total_changes
        self._connection.executemany(
            "DELETE FROM channeldata WHERE name = ?",
            [(name,) for name, text in difference.items() if text is None],
        )
        committed = self._committed_of(difference)
        self._connection.executemany(
            "INSERT INTO channeldata VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET data = excluded.data WHERE data != excluded.data",
            [
                (name, text)
                for name, text in difference.items()
                if text is not None and name in committed
            ],
        )
        return self._connection.total_changes > before

    def drop_strange_channeldata(self) -> bool:
        """Delete that of names of which nothing is committed; return whether there was any.

        Earlier versions left some.
        """
        names = self.names()
        gone = [(name,) for name, _ in self.channeldata_rows() if name not in names]
        self._connection.executemany("DELETE FROM channeldata WHERE name = ?", gone)
        return bool(gone)

    def _committed_of(self, names: Iterable[str]) -> set[str]:
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
                for row in self._connection.execute(select, (subdir, f"{name}-", f"{name}."))
            )
        }
