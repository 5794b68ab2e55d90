"""What was asked for, by artifact and day, in a small database on the state volume.

Guaranteed: what a part of the log says and how far it was read are noted in one transaction, so a
line is counted once. A damaged database begins anew, and ``since`` says from when it knows: what
was not watched counts as used. Bounded, as clients choose what they ask for: names that are not
here and programs are counted up to a number of them, in the order in which they come.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer.usage.request import OTHER, ClientRequest
from volume.disk import database
from volume.errors import StateError
from volume.usage import Program

_SCHEMA = 1
_TABLES = """
CREATE TABLE watched (
    only INTEGER PRIMARY KEY CHECK (only = 1), since REAL NOT NULL, log TEXT NOT NULL,
    position INTEGER NOT NULL);
CREATE TABLE artifact (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, subdir TEXT NOT NULL, filename TEXT NOT NULL,
    is_missing INTEGER NOT NULL, last REAL NOT NULL,
    UNIQUE (channel, subdir, filename, is_missing));
CREATE TABLE day (
    artifact INTEGER NOT NULL, day INTEGER NOT NULL, requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (artifact, day)) WITHOUT ROWID;
CREATE TABLE program (
    day INTEGER NOT NULL, program TEXT NOT NULL, requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (day, program)) WITHOUT ROWID;
CREATE TABLE client (
    artifact INTEGER NOT NULL, client TEXT NOT NULL, last REAL NOT NULL,
    PRIMARY KEY (artifact, client)) WITHOUT ROWID;
CREATE INDEX day_day ON day (day)
"""
_MOST_MISSING = 100_000  # names that are not here
_MOST_PROGRAMS = 500  # of one day


@dataclass(frozen=True, slots=True)
class Place:
    """How far the log was read: which file, by its inode, and how many bytes of it."""

    log: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    """An artifact that was asked for; ``last`` in seconds since the epoch."""

    channel: str
    subdir: str
    filename: str
    requests: int
    bytes: int
    last: float


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    bytes: int = 0
    last: float = 0.0
    clients: dict[str, float] = field(default_factory=dict)

    def add(self, request: ClientRequest) -> None:
        self.requests += 1
        self.bytes += request.sent
        self.last = max(self.last, request.moment)
        if request.client is not None:
            self.clients[request.client] = max(
                self.clients.get(request.client, 0.0), request.moment
            )


class Counts:
    """The database, open."""

    def __init__(self, path: Path, *, now: float) -> None:
        """Open it; one that is not there begins ``now``.

        Raises:
            VolumeError: the state volume refuses.
        """
        self._path = path
        self._connection = database.open_cache(
            path, schema=_SCHEMA, tables=_TABLES, probe="SELECT 1 FROM watched"
        )
        self._connection.execute("INSERT OR IGNORE INTO watched VALUES (1, ?, '', 0)", (now,))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Counts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def since(self) -> float:
        """When watching began, in seconds since the epoch."""
        return float(self._one("SELECT since FROM watched"))

    @property
    def place(self) -> Place:
        """How far the log was read."""
        ((log, position),) = self._ask("SELECT log, position FROM watched")
        return Place(log, position)

    def add(self, requests: Iterable[ClientRequest], place: Place) -> None:
        """Count requests, and note that the log was read up to ``place``.

        Raises:
            VolumeError: the state volume refuses.
        StateError: the database is damaged.
        """
        artifacts: dict[tuple[str, str, str, bool], dict[int, _Sum]] = {}
        programs: dict[tuple[int, str], _Sum] = {}
        for request in requests:
            if request.was_served:
                programs.setdefault((request.day, request.program), _Sum()).add(request)
            if request.artifact and (request.was_served or request.is_missing):
                key = (request.channel, request.subdir, request.artifact, request.is_missing)
                artifacts.setdefault(key, {}).setdefault(request.day, _Sum()).add(request)
        with self._transaction("count requests"):
            missing = int(self._one("SELECT count(*) FROM artifact WHERE is_missing"))
            for key, days in artifacts.items():
                missing += self._add_artifact(key, days, has_room=missing < _MOST_MISSING)
            self._add_programs(programs)
            self._connection.execute(
                "UPDATE watched SET log = ?, position = ?", (place.log, place.position)
            )

    def _add_artifact(
        self, key: tuple[str, str, str, bool], days: dict[int, _Sum], *, has_room: bool
    ) -> int:
        """Add to an artifact's counts; return how many missing ones are new by it."""
        execute = self._connection.execute
        where = "channel = ? AND subdir = ? AND filename = ? AND is_missing = ?"
        row = execute(f"SELECT id FROM artifact WHERE {where}", key).fetchone()  # noqa: S608
        is_missing = key[3]
        if row is None and is_missing and not has_room:
            return 0
        if row is None:
            added = execute("INSERT INTO artifact VALUES (NULL, ?, ?, ?, ?, 0)", key)
            number = added.lastrowid
        else:
            (number,) = row
        for day, found in days.items():
            execute(
                "INSERT INTO day VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " requests = requests + excluded.requests, bytes = bytes + excluded.bytes",
                (number, day, found.requests, found.bytes),
            )
            execute("UPDATE artifact SET last = max(last, ?) WHERE id = ?", (found.last, number))
            self._connection.executemany(
                "INSERT INTO client VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
                [(number, client, last) for client, last in found.clients.items()],
            )
        return int(row is None and is_missing)

    def _add_programs(self, programs: dict[tuple[int, str], _Sum]) -> None:
        known: Counter[int] = Counter()
        for day in {day for day, _ in programs}:
            known[day] = int(self._one("SELECT count(*) FROM program WHERE day = ?", day))
        for (day, program), found in programs.items():
            is_known = self._connection.execute(
                "SELECT 1 FROM program WHERE day = ? AND program = ?", (day, program)
            ).fetchone()
            name = program if is_known or known[day] < _MOST_PROGRAMS else OTHER
            known[day] += not is_known
            self._connection.execute(
                "INSERT INTO program VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " requests = requests + excluded.requests, bytes = bytes + excluded.bytes",
                (day, name, found.requests, found.bytes),
            )

    def forget(self, before: int) -> None:
        """Forget the days before one, and who asked for what until then; last uses stay.

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("forget old days"):
            for table in ("day", "program"):
                self._connection.execute(f"DELETE FROM {table} WHERE day < ?", (before,))  # noqa: S608
            self._connection.execute("DELETE FROM client WHERE last < ?", (before * 86400.0,))
            self._connection.execute(
                "DELETE FROM artifact WHERE is_missing AND last < ?", (before * 86400.0,)
            )

    def forget_clients(self) -> None:
        """Forget every client's address.

        Raises:
            VolumeError: the state volume refuses.
        """
        with self._transaction("forget clients"):
            self._connection.execute("DELETE FROM client")

    @contextlib.contextmanager
    def _transaction(self, name: str) -> Iterator[None]:
        try:
            with database.transaction(self._connection, name, self._path):
                yield
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    # -- questions -------------------------------------------------------------------------------

    def used(self, channel: str, *, since: int) -> Iterator[Used]:
        """What was served of a channel since a day, most asked for first."""
        return self._asked(channel, since, is_missing=False)

    def missing(self, channel: str, *, since: int) -> Iterator[Used]:
        """What was asked for since a day and was not here, most asked for first."""
        return self._asked(channel, since, is_missing=True)

    def _asked(self, channel: str, since: int, *, is_missing: bool) -> Iterator[Used]:
        rows = self._ask(
            "SELECT channel, subdir, filename, sum(requests), sum(bytes), last FROM artifact"
            " JOIN day ON artifact = id WHERE channel = ? AND is_missing = ? AND day >= ?"
            " GROUP BY id ORDER BY 4 DESC, 2, 3",
            channel, is_missing, since,
        )  # fmt: skip
        return (Used(*row) for row in rows)

    def last_use(self, channel: str, subdir: str) -> dict[str, float]:
        """When each artifact was last asked for, here or not, by filename."""
        return dict(
            self._ask(
                "SELECT filename, max(last) FROM artifact WHERE channel = ? AND subdir = ?"
                " GROUP BY filename",
                channel, subdir,
            )
        )  # fmt: skip

    def has_any(self, *, since: int) -> bool:
        """Whether anything at all was asked for since a day."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM day WHERE day >= ?)", since))

    def channels(self) -> list[str]:
        """Every channel of which anything was asked for."""
        rows = self._ask("SELECT DISTINCT channel FROM artifact ORDER BY 1")
        return [channel for (channel,) in rows]

    def programs(self, *, since: int) -> list[Program]:
        """By which programs since a day, most requests first."""
        rows = self._ask(
            "SELECT program, sum(requests), sum(bytes) FROM program WHERE day >= ?"
            " GROUP BY program ORDER BY 2 DESC, 1",
            since,
        )
        return [Program(*row) for row in rows]

    def clients(self, filename: str) -> list[tuple[str, str, str, float]]:
        """Who was served a file: channel, subdir, client and when last."""
        return list(
            self._ask(
                "SELECT channel, subdir, client, client.last FROM artifact"
                " JOIN client ON artifact = id WHERE filename = ? AND NOT is_missing"
                " ORDER BY 4 DESC",
                filename,
            )
        )

    def _ask(self, query: str, *values: object) -> Iterator[Any]:
        try:
            yield from self._connection.execute(query, values)
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _one(self, query: str, *values: object) -> int | float:
        ((found,),) = self._ask(query, *values)
        value: int | float = found
        return value

    def _damaged(self, error: sqlite3.DatabaseError) -> StateError:
        return StateError(f"{self._path} is damaged ({error}); remove it: counting begins anew")
