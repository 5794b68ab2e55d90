"""Local artifacts: the files that people put into a channel's folders themselves.

A file is local if the ledger does not know its name. Looking is cheap: a folder is listed only if
its time or the ledger's serial changed; known files are looked at one by one, as they may have been
changed in place.

Guaranteed: one bad file harms itself only; what is indexed is a hard link in the generation, so the
published bytes stay when the file is removed or replaced by a rename.
Not guaranteed: anything about a file that is written to in place while it is published, as a hard
link shares its bytes. Move files in, or copy them under another name first.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from indexer.base import channels
from indexer.records.memory import LocalFile, Memory
from volume.disk.files import volume_error
from volume.layout import Mirror
from volume.ledger.ledger import Ledger
from volume.names import EXTENSIONS

SETTLED_SECONDS = 5.0
"""A file that was changed less than this ago may still be being written."""

_RACY_SECONDS = 2.0  # a folder may change again within one tick of its clock


@dataclass(frozen=True, slots=True)
class Look:
    """What differs from what is remembered, and which files are not settled yet."""

    changed: tuple[LocalFile, ...]
    gone: tuple[LocalFile, ...]
    pending: tuple[LocalFile, ...]
    subdirs: tuple[str, ...]

    @property
    def is_news(self) -> bool:
        return bool(self.changed or self.gone)


def look(
    mirror: Mirror, channel: str, memory: Memory, ledger: Ledger | None, *, now: float | None = None
) -> Look:
    """Compare a channel's folders with what is remembered.

    Raises:
        VolumeError: a folder can't be read.
    """
    moment = time.time() if now is None else now
    serial = ledger.serial if ledger else 0
    known = {(file.subdir, file.filename): file for file in memory.local_files()}
    listed = memory.folders()
    present: dict[tuple[str, str], LocalFile] = {}
    pending: list[LocalFile] = []
    subdirs = channels.subdirs(mirror, channel)
    for subdir in subdirs:
        folder = mirror.artifacts(channel, subdir)
        mtime_ns = _folder_time(folder)
        is_quiet = mtime_ns < (moment - _RACY_SECONDS) * 1e9
        names: Collection[str]
        if listed.get(subdir) == (mtime_ns, serial):
            names = [filename for where, filename in known if where == subdir]
        else:
            names = _names(folder) - _committed(ledger, subdir)
        for name in names:
            file, is_settled = _look_at(folder / name, subdir, moment)
            if file is None:
                continue
            before = known.get((subdir, name))
            is_quiet = is_quiet and file == before
            if is_settled or file == before:
                present[subdir, name] = file
            else:
                pending.append(file)
                if before is not None:  # its old state is not there any more
                    present[subdir, name] = before
        # Only a listing of nothing but known files may be relied on next time.
        if is_quiet and listed.get(subdir) != (mtime_ns, serial):
            with memory.transaction():
                memory.set_folder(subdir, mtime_ns, serial)
    return Look(
        changed=tuple(file for key, file in sorted(present.items()) if known.get(key) != file),
        gone=tuple(file for key, file in sorted(known.items()) if key not in present),
        pending=tuple(pending),
        subdirs=tuple(subdirs),
    )


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


def _folder_time(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError as error:
        raise volume_error(error, "look at", folder) from error


def _names(folder: Path) -> set[str]:
    try:
        return {
            name
            for name in os.listdir(folder)  # noqa: PTH208 - names are all we need of a million
            if name.endswith(EXTENSIONS) and not name.startswith(".")
        }
    except OSError as error:
        raise volume_error(error, "list", folder) from error


def _committed(ledger: Ledger | None, subdir: str) -> set[str]:
    return ledger.filenames(subdir) if ledger else set()


def _look_at(path: Path, subdir: str, now: float) -> tuple[LocalFile | None, bool]:
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None, False
    except OSError as error:
        raise volume_error(error, "look at", path) from error
    if stat.S_ISDIR(status.st_mode):
        return None, False
    file = LocalFile(subdir, path.name, status.st_size, status.st_mtime_ns)
    # ctime can't be set by rsync or cp -p; an mtime in the future says nothing.
    changed = max(status.st_ctime, status.st_mtime if status.st_mtime <= now else 0.0)
    return file, now - changed >= SETTLED_SECONDS
