"""Locks: flock(2) on permanent files.

The kernel frees a lock with its last holder, also after SIGKILL and across PID namespaces, so
there is nothing to detect and nothing to clean up. The file is never unlinked: unlinking would
let two holders lock two files of one name. The holder's note is for people; nothing decides by it.
A child keeps its parent's lock if the descriptor is passed on (``pass_fds``), so a killed parent
does not free what its child still writes.
Not guaranteed: exclusion between hosts. The state volume is local for that reason.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from volume.disk.files import volume_error
from volume.errors import LockBusyError, StateError

_POLL_SECONDS = 0.1


class Held:
    """A lock that is held inside a ``with`` block; entering gives its descriptor, for children.

    Args:
        role: who we are, for the note that people read.
        wait_seconds: how long to wait for another holder; 0 does not wait.
        on_wait: told once who holds the lock, before the first wait.

    Entering raises:
        LockBusyError: somebody else still holds it after ``wait_seconds``.
        VolumeError: the lock file can't be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        role: str,
        wait_seconds: float = 0.0,
        on_wait: Callable[[str], None] = lambda holder: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._role = role
        self._wait_seconds = wait_seconds
        self._on_wait = on_wait
        self._sleep = sleep
        self._descriptor = -1

    def __enter__(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o660)
        except OSError as error:
            raise volume_error(error, "open lock", self._path) from error
        try:
            _acquire(self._descriptor, self._path, self._wait_seconds, self._on_wait, self._sleep)
            self._leave_note()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def _leave_note(self) -> None:
        note = json.dumps(
            {
                "role": self._role,
                "host": socket.gethostname(),
                "command": " ".join(sys.argv)[:200],
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its note
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, note.encode() + b"\n", 0)


def _acquire(
    descriptor: int,
    path: Path,
    wait_seconds: float,
    on_wait: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = describe_holder(path)
            if time.monotonic() >= deadline:
                raise LockBusyError(path.stem, holder) from None
            if not told:
                on_wait(holder)
                told = True
            sleep(_POLL_SECONDS)


def describe_holder(path: Path) -> str:
    """The last holder's note, in words. It may be out of date; ``is_held`` tells."""
    try:
        note = json.loads(path.read_text())
        return f"{note['role']} ({note['command']}) on {note['host']} since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "somebody who left no note"


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock at this moment. For people and status pages only."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise volume_error(error, "open lock", path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


_NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"})


def check_local(path: Path, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Refuse a state volume on a network filesystem, where flock and SQLite can't be trusted.

    Raises:
        StateError: ``path`` lies on a network filesystem.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return  # not Linux: nothing to ask, and no container either
    resolved = path.resolve()
    best = ("", "")
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        folder = Path(point.replace("\\040", " "))
        if resolved.is_relative_to(folder) and len(point) >= len(best[0]):
            best = (point, kind)
    if best[1] in _NETWORK_FILESYSTEMS:
        raise StateError(
            f"the state volume {path} is on {best[1]}, where locks can't be trusted;"
            " keep it on a local disk (only the mirror volume may be remote)"
        )
