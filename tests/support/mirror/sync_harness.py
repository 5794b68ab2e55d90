"""A syncer with an upstream and two volumes of its own.

Guaranteed: `run` is one sync in this process, `command` is the real command line in another one;
both see only the settings given here, and neither needs more than loopback.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer.ops import once, verify
from syncer.settings import settings as configuration
from syncer.sync import session as sync
from syncer.sync.run import ChannelResult, Run
from syncer.sync.scrub import Scope
from tests.support.mirror.answer import Answer
from tests.support.mirror.tree import Volumes
from tests.support.upstream.simulator import ChannelSimulator
from volume.identity import Word
from volume.program.stop import Stop
from volume.run_document import Totals

REPOSITORY = Path(__file__).resolve().parents[3]
SECONDS = 60.0

TAKE_OVER = sync.Options(word=Word(take_over=True))
"""What a person says after the state volume was lost."""


@dataclass
class Syncer:
    """One appliance's syncer; `environment` may be changed between runs."""

    upstream: ChannelSimulator
    volumes: Volumes
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {
            "CHANNELS": "conda-forge",
            "CONDA_CLOUD_URL": self.upstream.url,
            "CONDA_REPO_URL": self.upstream.url,
            "MIRROR_DIR": str(self.volumes.mirror_dir),
            "STATE_DIR": str(self.volumes.state_dir),
            "MIN_FREE": "0",
            "SYNC_TRIES": "2",
            **self.environment,
        }

    def configure(self, mirror_toml: str, **files: str) -> None:
        """Write mirror.toml, and files beside it: `lab="..."` is lab.txt."""
        folder = self.volumes.mirror_dir.parent / "config"
        folder.mkdir(exist_ok=True)
        self.environment["CONFIG_DIR"] = str(folder)
        (folder / "mirror.toml").write_text(mirror_toml)
        for name, text in files.items():
            (folder / f"{name}.txt").write_text(text)

    def run(
        self,
        *,
        stop: Stop | None = None,
        options: sync.Options | None = None,
        now: Callable[[], float] = time.time,
        **environment: str,
    ) -> Run:
        """Sync once, in this process."""
        settings = configuration.read({**self.environment, **environment})
        plans: list[Sequence[Totals]] = []
        return once.sync(
            settings, options or sync.Options(), stop or Stop(), show_plan=plans.append, now=now
        )

    def channel(self, **settings: Any) -> ChannelResult:
        """Sync once, in this process, and look at the only channel."""
        (result,) = self.run(**settings).channels
        return result

    def verify(
        self,
        *,
        rolling: bool = False,
        share: float = 1.0,
        stop: Stop | None = None,
        now: Callable[[], float] = time.time,
        **environment: str,
    ) -> verify.Report:
        """Look at what is stored, in this process."""
        return verify.verify(
            configuration.read({**self.environment, **environment}),
            Scope(share, rolling),
            sync.Options(),
            stop or Stop(),
            show_plan=lambda plans: None,
            now=now,
        )

    def command(self, *arguments: str, **environment: str) -> Answer:
        """Run the command line to its end."""
        process = subprocess.run(
            [sys.executable, "-m", "syncer", *arguments],
            cwd=REPOSITORY,
            env=self._process_environment(environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(process.returncode, process.stdout, process.stderr)

    @contextlib.contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start the command line; it is killed at the end of the block if it is still there."""
        with subprocess.Popen(
            [sys.executable, "-m", "syncer", *arguments],
            cwd=REPOSITORY,
            env=self._process_environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _process_environment(self, environment: dict[str, str]) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE"}
        }
        return {**inherited, "PYTHONPATH": str(REPOSITORY), **self.environment, **environment}


def answer_of(process: subprocess.Popen[str]) -> Answer:
    """Wait for a started command's end."""
    out, err = process.communicate(timeout=SECONDS)
    return Answer(process.returncode, out, err)


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 20.0) -> None:
    """Poll until `condition` holds; fail, saying `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
