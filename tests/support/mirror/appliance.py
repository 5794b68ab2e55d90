"""The whole appliance without containers: both programs as people run them, and our nginx.

Guaranteed: the programs run as processes of their own with only the settings given here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.mirror.answer import Answer

REPOSITORY = Path(__file__).resolve().parents[3]
SECONDS = 300


@dataclass
class Appliance:
    """Two volumes and the programs that work on them."""

    mirror: Path
    state: Path
    upstream_url: str
    conda_exe: Path
    settings: dict[str, str] = field(default_factory=dict)

    def syncer(self, *arguments: str, **settings: str) -> Answer:
        """Run the syncer's command line to its end."""
        return self._run("syncer", arguments, settings)

    def indexer(self, *arguments: str, **settings: str) -> Answer:
        """Run the indexer's command line to its end."""
        return self._run("indexer", arguments, settings)

    def update(self, **settings: str) -> None:
        """Sync and publish; both must end well."""
        for outcome in (self.syncer("--once", **settings), self.indexer("--once")):
            if outcome.code != 0:
                raise AssertionError(f"exit {outcome.code}: {outcome.out}\n{outcome.err}")

    def environment(self) -> dict[str, str]:
        """What both programs see."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **inherited,
            "PYTHONPATH": str(REPOSITORY),
            "MIRROR_DIR": str(self.mirror),
            "STATE_DIR": str(self.state),
            "CHANNELS": "conda-forge",
            "CONDA_CLOUD_URL": self.upstream_url,
            "CONDA_REPO_URL": self.upstream_url,
            "CONDA_EXE": str(self.conda_exe),
            "MIN_FREE": "0",
            **self.settings,
        }

    def _run(self, program: str, arguments: tuple[str, ...], settings: dict[str, str]) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", program, *arguments],
            cwd=REPOSITORY,
            env={**self.environment(), **settings},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)
