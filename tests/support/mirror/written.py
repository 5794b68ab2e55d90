"""A channel whose generations a test writes by hand, and the indexer's command line over it.

Guaranteed: documents and folders as the indexer leaves them; no conda is needed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from indexer.generations import difference
from indexer.generations.difference import Difference
from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.generation import publish
from tests.support.upstream.packages import Package
from volume import generations
from volume.generations import Generation, Published


class Written:
    """A channel whose generations a test writes, and the indexer's command line."""

    def __init__(self, folder: Path, channel: str = "conda-forge") -> None:
        self.committed = CommittedMirror.below(folder)
        self.mirror, self.state = self.committed.mirror, self.committed.state
        self.channel = channel

    def write(self, *packages: Package) -> Generation:
        """The next generation; it lists these packages."""
        number = len(generations.kept(self.mirror, self.channel)) + 1
        publish(self.mirror.root, self.channel, packages, number=number)
        subdirs = {"noarch", *(one.subdir for one in packages)}
        made = Generation(
            number=number,
            serial=number,
            local="",
            snapshot=f"2026010{number}T000000Z",
            created=float(number),
            engine="test",
            subdirs={
                name: Published(sum(one.subdir == name for one in packages), 1) for name in subdirs
            },
        )
        generations.write(self.mirror, self.channel, made)
        return made

    def compare(self, older: Generation, newer: Generation) -> dict[str, Difference]:
        found = difference.compare(self.mirror, self.channel, older, newer)
        return {one.subdir: one for one in found}

    def run(self, *arguments: str, expected: int = 0) -> str:
        environment = {
            **os.environ,
            "MIRROR_DIR": str(self.mirror.root),
            "STATE_DIR": str(self.state.root),
        }
        done = subprocess.run(
            [sys.executable, "-m", "indexer", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == expected, done
        return done.stderr if expected else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def path(self, made: Generation) -> Path:
        return self.mirror.generation(self.channel, made.number)
