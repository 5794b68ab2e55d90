"""Local artifacts: the files that people add to a channel themselves, in ``local/``.

Guaranteed: whatever lies there, each file is decided on by itself, and what can't be taken is named
with a reason; nothing is opened here, so no link is followed and no pipe waited for.
Not guaranteed: that a file is whole; opening it says that (``engines.conda_index.opening``).
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.base import channels
from indexer.records.record_cache import LocalFile, LocalRecord, RecordCache
from volume.disk.files import volume_error
from volume.errors import NameRefusedError
from volume.layout import Mirror
from volume.ledger.ledger import Ledger
from volume.names import SUBDIRS, escaped, likely_subdir, parse_artifact

SETTLED_SECONDS = 5.0
"""A file that was changed less than this ago may still be being written."""

OVERRIDDEN = (
    "upstream has a package of this name, and that one is served; give yours another build string"
    " (or version), or remove it"
)
NO_ROOM = "there is no room for a copy of it on the mirror volume"
"""How the reason of such a file begins; it is looked at again when there is."""
_MISNAMED = "its name is not name-version-build (CEP 26); rename it"
_NO_FILE = "it is not a regular file; copy the package itself here"


@dataclass(frozen=True, slots=True)
class Look:
    """What differs from what is remembered, and which files are not settled yet.

    ``changed`` are to be opened; ``refused`` are decided on already.
    """

    changed: tuple[LocalFile, ...]
    refused: tuple[LocalRecord, ...]
    gone: tuple[LocalFile, ...]
    pending: tuple[LocalFile, ...]
    subdirs: tuple[str, ...]

    @property
    def is_news(self) -> bool:
        return bool(self.changed or self.refused or self.gone)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One file as it lies there; ``refused`` is why it is not even opened."""

    file: LocalFile
    is_settled: bool
    refused: str | None


def look(
    mirror: Mirror,
    channel: str,
    cache: RecordCache,
    ledger: Ledger | None,
    *,
    now: float | None = None,
) -> Look:
    """Compare what lies in a channel's ``local/`` with what is remembered.

    Raises:
        VolumeError: a folder can't be read.
    """
    moment = time.time() if now is None else now
    known = {(record.file.subdir, record.file.filename): record for record in cache.decided()}
    changed: list[LocalFile] = []
    refused: list[LocalRecord] = []
    pending: list[LocalFile] = []
    gone = dict(known)
    free = free_space(mirror)
    for seen in _all(mirror, channel, ledger, moment):
        key = seen.file.subdir, seen.file.filename
        before = known.get(key)
        if seen.refused is not None:
            gone.pop(key, None)
            if before is None or (before.file, before.refused) != (seen.file, seen.refused):
                refused.append(LocalRecord(seen.file, seen.refused))
        elif before is not None and before.file == seen.file and not _is_out_of_date(before, free):
            gone.pop(key, None)
        elif seen.is_settled:
            gone.pop(key, None)
            changed.append(seen.file)
        else:
            pending.append(seen.file)
            gone.pop(key, None)  # the old state stays meanwhile
    return Look(
        changed=tuple(changed),
        refused=tuple(refused),
        gone=tuple(record.file for _, record in sorted(gone.items())),
        pending=tuple(pending),
        subdirs=tuple(channels.subdirs(mirror.local_folder(channel))),
    )


def free_space(mirror: Mirror) -> int:
    """Bytes free on the mirror volume.

    Raises:
        VolumeError: there is no such volume.
    """
    try:
        return shutil.disk_usage(mirror.root).free
    except OSError as error:
        raise volume_error(error, "look at", mirror.root) from error


def _is_out_of_date(before: LocalRecord, free: int) -> bool:
    """Whether a file was left out for what is no longer so."""
    reason = before.refused or ""
    return reason == OVERRIDDEN or (reason.startswith(NO_ROOM) and before.file.size <= free)


def _all(mirror: Mirror, channel: str, ledger: Ledger | None, now: float) -> Iterator[_Seen]:
    root = mirror.local_folder(channel)
    for name in channels.packages(root):
        if seen := _see(root / name, ".", now, "it lies beside the subdirs; move it into one"):
            yield seen
    for folder in sorted(channels.folders(root)):
        if folder in SUBDIRS:
            yield from _in_subdir(root / folder, folder, ledger, now)
        elif not channels.subdirs(root / folder):
            for name in channels.packages(root / folder):
                if seen := _see(root / folder / name, escaped(folder), now, _misspelt(folder)):
                    yield seen


def _in_subdir(folder: Path, subdir: str, ledger: Ledger | None, now: float) -> Iterator[_Seen]:
    names = channels.packages(folder)
    committed = ledger.committed_among(subdir, names) if ledger is not None and names else set()
    for name in names:
        refused = OVERRIDDEN if name in committed else _refusal(name)
        if seen := _see(folder / name, subdir, now, refused):
            yield seen


def _refusal(filename: str) -> str | None:
    try:
        parse_artifact(filename)
    except NameRefusedError:
        return _MISNAMED
    return None


def _misspelt(folder: str) -> str:
    meant = likely_subdir(folder)
    hint = f"did you mean {meant}?" if meant else "linux-64, noarch or another one is wanted"
    return f"its folder is no subdir that conda knows; {hint}"


def _see(path: Path, subdir: str, now: float, refused: str | None) -> _Seen | None:
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise volume_error(error, "look at", path) from error
    if refused is None and not stat.S_ISREG(status.st_mode):
        refused = _NO_FILE
    file = LocalFile(subdir, escaped(path.name), status.st_size, status.st_mtime_ns)
    # ctime can't be set by rsync or cp -p; an mtime in the future says nothing.
    changed = max(status.st_ctime, status.st_mtime if status.st_mtime <= now else 0.0)
    return _Seen(file, now - changed >= SETTLED_SECONDS, refused)


def fingerprint(files: Iterable[LocalFile]) -> str:
    """A short text that is equal for equal sets of files; empty for none."""
    digest = hashlib.sha256()
    has_any = False
    for file in files:
        has_any = True
        digest.update(f"{file.subdir}/{file.filename} {file.size} {file.mtime_ns}\n".encode())
    return digest.hexdigest()[:32] if has_any else ""


def is_unchanged(path: Path, file: LocalFile) -> bool:
    """Whether the file at ``path`` still is what it was when it was looked at."""
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
