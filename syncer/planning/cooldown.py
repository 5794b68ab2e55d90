"""When upstream first listed what it lists: what a cooldown counts from.

A record's own timestamp is in the hands of whoever built it. So from the first look on, every name
and content that appears is noted with the moment at which it did; what was there at the first look
has only its record's word.

Of a sharded index only the names are looked at that a policy can reach; what is found of a name
that was not looked at before was there at the first look.

Guaranteed: content that vanishes and comes back counts as new. The mirror volume holds a copy of
the memory, written durably whenever it changes; one that is lost or damaged goes on from there.
Not guaranteed: if both are lost, it begins again with a first look.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import sqlite3
import zlib
from collections.abc import Mapping
from pathlib import Path

from syncer.settings.reach import Reach
from volume.disk import database
from volume.disk.files import make_directory, replace, unlink, volume_error
from volume.errors import VolumeError
from volume.names import package_name

_LOG = logging.getLogger(__name__)
_TABLES = """
CREATE TABLE IF NOT EXISTS listed (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, content TEXT NOT NULL, moment REAL NOT NULL,
    PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS looked (subdir TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reach (subdir TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""


class Listed:
    """What one channel's upstream listed, and since when.

    Args:
        copy: where its copy is, on the mirror volume.
        patience: seconds to wait while another program is at it.
    """

    def __init__(self, path: Path, copy: Path, *, patience: float = 30.0) -> None:
        self._path = path
        self._copy = copy
        self._patience = patience

    def first_seen(
        self,
        subdir: str,
        contents: Mapping[str, str],
        *,
        now: float,
        writes: bool,
        reach: Reach | None = None,
    ) -> dict[str, float]:
        """Note what upstream lists now; return when each filename's content appeared.

        Filenames that were there at the first look are not in the answer.

        Args:
            contents: a hash of the content by filename.
            now: seconds since the epoch.
            writes: whether to note it; a dry run does not.
            reach: the names that were looked at; None means all.

        Raises:
            VolumeError: the state volume refused.
        """
        if not writes and not self._path.exists():
            return {}
        if not self._path.exists():
            self._take_copy()
        try:
            return self._look(subdir, contents, now, reach, writes=writes)
        except sqlite3.OperationalError as error:
            # In use, or the volume refuses: what is remembered is not lost, and must not be.
            raise VolumeError(
                f"can't read {self._path}: {error}; is the state volume full, read-only, or is"
                " another sync at work?"
            ) from error
        except sqlite3.DatabaseError as error:
            if not writes:
                _LOG.warning("%s is damaged (%s): the next sync begins it anew", self._path, error)
                return {}
            _LOG.warning("%s is damaged (%s): going on from its copy", self._path, error)
            unlink(self._path)
            self._take_copy()
            return self._look(subdir, contents, now, reach, writes=True)

    def _is_copy_older(self) -> bool:
        """Also if a run was stopped between the two."""
        try:
            return self._copy.stat().st_mtime_ns < self._path.stat().st_mtime_ns
        except OSError:
            return True

    def _take_copy(self) -> None:
        try:
            content = gzip.decompress(self._copy.read_bytes())
        except FileNotFoundError:
            return
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            _LOG.warning("%s is damaged (%s): the cooldown begins anew", self._copy, error)
            return
        except OSError as error:
            raise volume_error(error, "read", self._copy) from error
        make_directory(self._path.parent)
        replace(self._path, content)

    def _look(
        self,
        subdir: str,
        contents: Mapping[str, str],
        now: float,
        reach: Reach | None,
        *,
        writes: bool,
    ) -> dict[str, float]:
        make_directory(self._path.parent)
        connection = sqlite3.connect(self._path, self._patience, isolation_level=None)
        with contextlib.closing(connection):
            connection.executescript(_TABLES)
            known = {
                row[0]: (row[1], row[2])
                for row in connection.execute(
                    "SELECT filename, content, moment FROM listed WHERE subdir = ?", (subdir,)
                )
            }
            before = _before(connection, subdir)
            appeared = [
                (subdir, filename, content, now if _is_in(before, filename) else 0.0)
                for filename, content in contents.items()
                if known.get(filename, (None,))[0] != content
            ]
            gone = [
                (subdir, filename)
                for filename in known.keys() - contents.keys()
                if _is_in(reach, filename)
            ]
            is_other = _text(before) != _text(reach)
            if writes and (appeared or gone or is_other):
                with database.transaction(connection, "cooldown", self._path):
                    connection.executemany(
                        "DELETE FROM listed WHERE subdir = ? AND filename = ?", gone
                    )
                    connection.executemany(
                        "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)", appeared
                    )
                    connection.execute("INSERT OR REPLACE INTO looked VALUES (?)", (subdir,))
                    connection.execute("DELETE FROM reach WHERE subdir = ?", (subdir,))
                    if reach is not None:
                        connection.execute("INSERT INTO reach VALUES (?, ?)", (subdir, reach.text))
            if writes and self._is_copy_older():
                make_directory(self._copy.parent)
                replace(self._copy, gzip.compress(connection.serialize(), 1))
        seen = {
            filename: since
            for filename, (content, since) in known.items()
            if since and contents.get(filename) == content
        }
        seen.update((filename, moment) for _, filename, _, moment in appeared if moment)
        return seen


_NOTHING = Reach("")


def _before(connection: sqlite3.Connection, subdir: str) -> Reach | None:
    """The names that the last look was at; None means all."""
    if not connection.execute("SELECT 1 FROM looked WHERE subdir = ?", (subdir,)).fetchone():
        return _NOTHING
    found = connection.execute("SELECT text FROM reach WHERE subdir = ?", (subdir,)).fetchone()
    return Reach(found[0]) if found else None


def _is_in(reach: Reach | None, filename: str) -> bool:
    return reach is None or reach(package_name(filename))


def _text(reach: Reach | None) -> str | None:
    return None if reach is None else reach.text
