"""Reads the log of requests from where it was read last, and gives back what was read.

nginx holds the file open and appends to it, and never hears of us: so the file is not renamed, and
what was read is given back to the disk by a hole at its beginning. Its size grows on for ever, and
its space does not. Guaranteed: each whole line is counted once, over a kill at any point.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from syncer.usage.counts import Counts, Place
from syncer.usage.request import parse
from volume.disk.files import volume_error
from volume.program.stop import Stop

_LOG = logging.getLogger(__name__)
_CHUNK = 8 << 20  # bytes that are counted in one transaction
_PUNCH = 1 << 20  # bytes that are worth a hole
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Collected:
    """``lines`` were read, ``requests`` of them ask for files of channels."""

    lines: int = 0
    requests: int = 0


class Collector:
    """Folds one log into counts."""

    def __init__(self, log: Path, counts: Counts, stop: Stop) -> None:
        self._log = log
        self._counts = counts
        self._stop = stop

    def collect(self) -> Collected:
        """Count what is new; a log that is not there has nothing to say.

        Raises:
            VolumeError: the log can't be read, or the state volume refuses.
            StateError: the counts are damaged.
            InterruptedRunError: asked to stop; what was counted stays counted.
        """
        try:
            descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return Collected()
        except OSError as error:
            raise volume_error(error, "open", self._log) from error
        try:
            begin = self._begin(descriptor)
            lines, requests = 0, 0
            position = begin.position
            for data in self._chunks(descriptor, begin.position):
                self._stop.check()
                whole = data.split(b"\n")[:-1]
                found = [one for one in map(parse, whole) if one is not None]
                position += len(data)
                self._counts.add(found, Place(begin.log, position))
                lines, requests = lines + len(whole), requests + len(found)
            self._give_back(position)
            return Collected(lines, requests)
        except OSError as error:
            raise volume_error(error, "read", self._log) from error
        finally:
            os.close(descriptor)

    def _begin(self, descriptor: int) -> Place:
        """Where to go on: a file that is another one, or was cut, is read from its beginning."""
        status = os.fstat(descriptor)
        inode, known = str(status.st_ino), self._counts.place
        if known.log == inode and known.position <= status.st_size:
            return known
        try:
            return Place(inode, os.lseek(descriptor, 0, os.SEEK_DATA))
        except OSError:  # nothing but a hole, or nothing at all
            return Place(inode, status.st_size)

    def _chunks(self, descriptor: int, position: int) -> Iterator[bytes]:
        """What is there in pieces of whole lines; a line without an end is still being written."""
        while data := os.pread(descriptor, _CHUNK, position):
            end = data.rfind(b"\n") + 1
            if not end and len(data) < _CHUNK:
                return
            data = data[:end] if end else data[:-1] + b"\n"  # no line of ours: given up
            position += len(data)
            yield data

    def _give_back(self, position: int) -> None:
        """Free the space of what was read, as far as whole blocks go."""
        length = position // _BLOCK * _BLOCK
        if self._log.stat().st_blocks * 512 < _PUNCH:
            return
        done = subprocess.run(
            ["fallocate", "--punch-hole", "--offset", "0", "--length", str(length),
             str(self._log)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            _LOG.warning(
                "%s keeps the space of what was read: %s; its filesystem or its owner forbids it."
                " Stop nginx, remove the file, start nginx",
                self._log, done.stderr.strip(),
            )  # fmt: skip


def space(log: Path) -> int:
    """Bytes that the log takes on its disk; 0 if it is not there."""
    try:
        return log.stat().st_blocks * 512
    except OSError:
        return 0
