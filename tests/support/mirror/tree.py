"""What is on the two volumes, for comparison and for the invariants.

Guaranteed: nothing here goes through the ledger's or the layout's own code where a mistake in it
would hide itself: hashes are of the bytes on disk, paths are joined as DESIGN.md has them.
`publish` stands in for the indexer: it writes what the syncer looks at (document, link), plus a
listing of its own, so that a later moment can be checked against what clients were promised.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncer.artifacts.ledger_writer import LedgerWriter
from volume import generations
from volume.generations import Generation
from volume.layout import Mirror, State, slug
from volume.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Volumes:
    """A mirror volume and its state volume."""

    mirror_dir: Path
    state_dir: Path

    @property
    def mirror(self) -> Mirror:
        return Mirror(self.mirror_dir)

    @property
    def state(self) -> State:
        return State(self.state_dir)

    def ledger(self, channel: str = "conda-forge") -> Ledger:
        """The channel's ledger, open for reading."""
        ledger = Ledger.read(self.state.ledger(channel))
        assert ledger is not None, f"{channel} has no ledger"
        return ledger

    def writing(self, channel: str = "conda-forge") -> LedgerWriter:
        """The same, open for writing."""
        return LedgerWriter.create(self.state.ledger(channel))

    def committed(self, channel: str = "conda-forge") -> dict[str, str]:
        """`subdir/filename` -> sha256 of what the ledger lists."""
        if not self.state.ledger(channel).exists():
            return {}
        with self.ledger(channel) as ledger:
            return {
                f"{subdir}/{row.filename}": row.sha256
                for subdir in ledger.subdirs()
                for row in ledger.artifacts(subdir)
            }

    def promised(self, channel: str = "conda-forge") -> set[str]:
        """`subdir/filename` of what the ledger lists and what is not here."""
        if not self.state.ledger(channel).exists():
            return set()
        with self.ledger(channel) as ledger:
            return {
                f"{subdir}/{filename}"
                for subdir in ledger.subdirs()
                for filename, known in ledger.known(subdir).items()
                if known.is_promised
            }

    def served(self, channel: str = "conda-forge") -> dict[str, str]:
        """`subdir/filename` -> sha256 of what is in channels/."""
        return files(self.mirror_dir / "channels" / channel)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file below a folder; a link's target for a link."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = sha256(path)
    return found


def snapshot(*folders: Path) -> dict[str, tuple[int, int, str]]:
    """Everything that a program may change below folders: inode, mode and content of each file."""
    found = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            status = path.lstat()
            # A lock file says who had it last, and since which second.
            is_content = path.is_file() and not path.is_symlink() and path.suffix != ".lock"
            content = sha256(path) if is_content else ""
            found[str(path)] = (status.st_ino, status.st_mode, content)
    return found


def publish(volumes: Volumes, channel: str = "conda-forge", *, created: float = 0.0) -> int:
    """Do what the indexer does, as far as the syncer can tell; return the generation's number."""
    mirror = volumes.mirror
    number = max((one.number for one in generations.kept(mirror, channel)), default=0) + 1
    folder = mirror.generation(channel, number)
    folder.mkdir(parents=True)
    with volumes.ledger(channel) as ledger:
        serial = ledger.serial
        for subdir, filename, digest in ledger.replaced():
            link = folder / subdir / filename
            link.parent.mkdir(exist_ok=True)
            source = volumes.mirror_dir / "replaced" / channel / subdir / digest
            os.link(source / filename, link)
        _write_repodata(folder, ledger)
    listing = volumes.committed(channel)
    (folder / "listing.json").write_text(json.dumps(listing))
    (folder / "promised.json").write_text(json.dumps(sorted(volumes.promised(channel))))
    generation = Generation(
        number=number,
        serial=serial,
        local="",
        snapshot=f"{number}",
        created=created,
        engine="test",
        subdirs={},
    )
    generations.write(mirror, channel, generation)
    current = mirror.current(channel)
    current.unlink(missing_ok=True)
    current.symlink_to(folder.name)
    return number


def _write_repodata(folder: Path, ledger: Ledger) -> None:
    for subdir in ledger.subdirs():
        v3: dict[str, dict[str, object]] = {"tar.bz2": {}, "conda": {}}
        document: dict[str, object] = {"packages": {}, "packages.conda": {}, "v3": v3}
        places = {**document, "v3.tar.bz2": v3["tar.bz2"], "v3.conda": v3["conda"]}
        for row in ledger.artifacts(subdir):
            stem, in_v3 = row.filename.removesuffix(".conda"), "v3.conda"
            if stem == row.filename:
                stem, in_v3 = row.filename.removesuffix(".tar.bz2"), "v3.tar.bz2"
            key = stem if row.section == in_v3 else row.filename
            places[row.section][key] = json.loads(row.record)  # type: ignore[index]
            if row.twin is not None:
                places[in_v3][stem] = json.loads(row.twin)  # type: ignore[index]
        (folder / subdir).mkdir(exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(document))


def drop_generation(volumes: Volumes, number: int, channel: str = "conda-forge") -> None:
    """Forget a kept generation, document first, as the indexer does."""
    volumes.mirror.generation_document(channel, number).unlink()
    folder = volumes.mirror.generation(channel, number)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def broken_promises(
    volumes: Volumes, channel: str = "conda-forge", *, ignored: frozenset[str] = frozenset()
) -> list[str]:
    """What is wrong on the volumes at this instant; empty at any instant, also after a crash.

    Args:
        ignored: files that a person put into channels/, or took out of sidecars/.
    """
    return [
        *ledger_problems(volumes, channel, ignored=ignored),
        *_unresolved(volumes, channel),
    ]


def ledger_problems(
    volumes: Volumes, channel: str = "conda-forge", *, ignored: frozenset[str] = frozenset()
) -> list[str]:
    """Where the files and the ledger's rows contradict each other."""
    mirror_dir = volumes.mirror_dir
    problems = []
    rows = _rows(volumes, channel)
    known: dict[str, set[str]] = {}
    for table, home, subdir, filename, digest in rows:
        known.setdefault(f"{subdir}/{filename}", set()).add(digest)
        if table == "artifact" and home != "promised":
            path = mirror_dir / home / channel / subdir
            path = path / digest / filename if home == "replaced" else path / filename
            if not path.is_file():
                problems.append(f"the ledger lists {path}, which is not there")
            elif sha256(path) != digest:
                problems.append(f"the ledger lists {path} with another sha256")
    for name, digest in files(mirror_dir / "channels" / channel).items():
        if name in ignored:
            continue
        if name not in known:
            problems.append(f"channels/{name} has no row")
        elif digest not in known[name]:
            problems.append(f"channels/{name} has bytes that no row knows")
    whole = {digest for _, _, _, _, digest in rows}
    for name, digest in files(mirror_dir / "retired" / channel).items():
        if digest not in whole:
            problems.append(f"retired/{name} has bytes that no row knows")
    for name, digest in files(mirror_dir / "replaced" / channel).items():
        if Path(name).parts[1] != digest:
            problems.append(f"replaced/{name} is not what its folder says")
    return problems + _sidecar_problems(volumes, channel, ignored)


def _sidecar_problems(volumes: Volumes, channel: str, ignored: frozenset[str]) -> list[str]:
    """Where what lies beside artifacts is not what its row, its name or a record says."""
    found = files(volumes.mirror_dir / "sidecars" / channel)
    problems = [
        f"sidecars/{name} has other bytes than its name says"
        for name, digest in found.items()
        if ".sigs." in name and not name.endswith(f".sigs.{digest}") and not name.endswith(".tmp")
    ]
    rows = _select(volumes, channel, "sidecar", "subdir, name, sha256, missing IS NULL")
    for subdir, name, digest, is_here in rows:
        is_promised = is_here and f"{subdir}/{name}" not in ignored
        if is_promised and found.get(f"{subdir}/{name}") != digest:
            problems.append(f"the ledger lists sidecars/{subdir}/{name}, which is not there")
    known = {f"{subdir}/{name}" for subdir, name, _, _ in rows} | found.keys()
    for subdir, filename, record, home in _select(volumes, channel, "artifact", _PROMISING):
        if home == "promised":
            continue  # they come after their artifact
        promised = json.loads(record).get("attestations_sha256")
        is_hash = isinstance(promised, str) and re.fullmatch("[0-9a-f]{64}", promised)
        if is_hash and f"{subdir}/{filename}.sigs.{promised}" not in known:
            problems.append(f"{subdir}/{filename} is committed, and nobody looked for {promised}")
    return problems


_PROMISING = "subdir, filename, record, home"


def _select(volumes: Volumes, channel: str, table: str, columns: str) -> list[Any]:
    """The rows of a table of the ledger; none if there is no such table yet."""
    path = volumes.state_dir / "channels" / slug(channel) / "ledger.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,))
        if not found.fetchone()[0]:
            return []
    return _ask(volumes, channel, f"SELECT {columns} FROM {table}")


def _ask(volumes: Volumes, channel: str, query: str) -> list[Any]:
    path = volumes.state_dir / "channels" / slug(channel) / "ledger.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def _unresolved(volumes: Volumes, channel: str) -> list[str]:
    """I1 for every kept generation, resolved as nginx does; a promise may still be one."""
    problems = []
    evicted = _evicted(volumes, channel)
    for generation in generations.kept(volumes.mirror, channel):
        folder = volumes.mirror.generation(channel, generation.number)
        promised = json.loads((folder / "promised.json").read_text())
        for name, digest in json.loads((folder / "listing.json").read_text()).items():
            places = (folder, *(volumes.mirror_dir / home / channel for home in _SERVED))
            found = next((place / name for place in places if (place / name).is_file()), None)
            if found is None and (name in promised or (name, digest) in evicted):
                continue
            if found is None:
                problems.append(f"generation {generation.number} lists {name}: 404")
            elif sha256(found) != digest:
                problems.append(f"generation {generation.number} lists {name}: other bytes")
    return problems


def _evicted(volumes: Volumes, channel: str) -> set[tuple[str, str]]:
    """What gave up its bytes, as the history says, and is promised, or was until lately."""
    gone = "history WHERE event = 'evicted'"
    waiting = (
        "(SELECT subdir, filename, sha256 FROM artifact WHERE home = 'promised'"
        " UNION SELECT subdir, filename, sha256 FROM unkept)"
    )
    if not _select(volumes, channel, "unkept", "count(*)"):
        return set()
    found = [
        {(f"{subdir}/{filename}", sha256) for subdir, filename, sha256 in rows}
        for rows in (
            _ask(volumes, channel, f"SELECT subdir, filename, sha256 FROM {source}")
            for source in (gone, waiting)
        )
    ]
    return found[0] & found[1]


_SERVED = ("channels", "retired")


def _rows(volumes: Volumes, channel: str) -> list[tuple[str, str, str, str, str]]:
    path = volumes.state_dir / "channels" / slug(channel) / "ledger.db"
    if not path.exists():
        return []
    found = []
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return []
        for table in ("artifact", "incoming", "retired"):
            select = f"SELECT ?, home, subdir, filename, sha256 FROM {table}"
            found.extend(connection.execute(select, (table,)).fetchall())
    finally:
        connection.close()
    return found


def outcome(volumes: Volumes, channel: str = "conda-forge") -> dict[str, object]:
    """What a run leaves, apart from times, serials and inodes: for comparing two histories."""
    result: dict[str, object] = {
        folder: files(volumes.mirror_dir / folder / channel)
        for folder in ("channels", "replaced", "retired", "sidecars", "staging")
    }
    path = volumes.state_dir / "channels" / slug(channel) / "ledger.db"
    connection = sqlite3.connect(path)
    try:
        for table, columns in _COMPARED.items():
            select = f"SELECT {columns} FROM {table} ORDER BY {columns}"
            result[table] = connection.execute(select).fetchall()
    finally:
        connection.close()
    return result


_COMPARED = {
    "artifact": "subdir, filename, section, size, sha256, hex(digest), record, twin, home, md5",
    "incoming": "subdir, filename",
    "unkept": "subdir, filename, sha256",
    "origin": "subdir, base, base_url",
    "needed": "subdir, filename",
    "pruned": "subdir, filename, size",
    "retired": "subdir, filename, sha256, size, home, reason",
    "carried": "subdir, key, value",
    "refused": "subdir, filename, reason",
    "run_exports": "subdir, filename, run_exports",
    "channeldata": "name, data",
    "sidecar": "subdir, name, filename, sha256, size, missing",
}


def copy_volumes(source: Path, folder: Path) -> Volumes:
    """The volumes below ``source`` at another place, hard links included."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(folder)], check=True)
    return Volumes(folder / "mirror", folder / "state")
