"""The engine: the one module that starts ``conda index``.

Guaranteed: a run ends with the engine's exit, also when we are asked to stop or are killed; it ends
by itself when it takes more memory or time than its records can need; the
engine inherits the channel's lock, so nobody takes it while the engine still writes; its output is
kept in a log; its failure becomes an ``EngineError`` that quotes the end of that log.
Not guaranteed: that exit 0 means that everything was indexed. It doesn't; ``verify`` counts.

conda-index has no lock since 0.11 and no promise of a stable cache schema: its version is pinned
here and what we rely on is tested (``tests/engine/index/test_engine_facts.py``).
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.base.errors import EngineError, EngineStoppedError
from volume.program.sizes import amount
from volume.program.stop import Stop

log = logging.getLogger("indexer.engines.conda_index.engine")

KNOWN_VERSION = "0.13"
STAGE = "mirror"
"""The stage of the engine's cache that decides what is listed."""

# What a run may take, many times what one of so many records, or so many bytes, was seen to take
# (docs/performance.md). Our own writer, or the file's refusal, is what follows if it takes more.
_MEMORY, _RECORD_MEMORY = 2 << 30, 64 << 10  # bytes
_SECONDS, _RECORD_SECONDS = 120.0, 0.02
_BYTES_PER_SECOND = 500_000

_QUOTED_LINES = 8
_PR_SET_PDEATHSIG = 1
# Of our own Python, or of a conda environment that happens to be active: not the engine's business.
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")


@dataclass(frozen=True, slots=True)
class Engine:
    """A conda with conda-index. ``output`` is the file that
    keeps what the last run said; ``lock`` is the descriptor that its runs inherit."""

    executable: str
    stop: Stop
    output: Path
    lock: int | None = None

    def create_caches(self, root: Path, subdirs: Iterable[str]) -> None:
        """Let conda-index create its caches, empty, with its own schema.

        Raises:
            EngineError: it failed.
        """
        self._run(
            [str(root), *_choose(subdirs), *_CACHE_DECIDES, "--no-write-monolithic"], _Bounds()
        )

    def index(
        self, root: Path, output: Path, subdirs: Sequence[str], channel: str, *, records: int = 0
    ) -> None:
        """Write a channel's index from the caches below ``root`` to ``output``.

        Nothing is listed and no package is opened: the rows of stage ``mirror`` decide.

        Raises:
            EngineStoppedError: it was killed, or lacked disk.
            EngineError: it failed; one odd record is enough for that (``features: null`` is one).
        """
        self._run(
            [
                *(str(root), "--output", str(output), "--channel-name", channel),
                *_choose(subdirs),
                *_CACHE_DECIDES,
                *_OUTPUTS,
            ],
            _Bounds(_MEMORY + records * _RECORD_MEMORY, _SECONDS + records * _RECORD_SECONDS),
        )

    def extract(self, root: Path, subdirs: Iterable[str]) -> None:
        """Open the packages in the folders below ``root`` and cache their metadata there.

        Raises:
            EngineError: it failed; one malformed package is enough for that.
        """
        size = sum(path.stat().st_size for path in root.glob("*/*") if path.is_file())
        self._run(
            [str(root), *_choose(subdirs), "--no-write-monolithic"],
            _Bounds(_MEMORY, _SECONDS + size / _BYTES_PER_SECOND),
        )

    def version(self) -> str:
        """The version of conda-index, which must be one that we know.

        Raises:
            EngineError: conda or conda-index is missing, or of another version.
        """
        python = self._python()
        command = "import importlib.metadata as m; print(m.version('conda-index'))"
        found = subprocess.run(
            [python, "-I", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
        )
        version = found.stdout.strip()
        if found.returncode != 0:
            raise EngineError(
                f"{self.executable} has no conda-index; install conda-index {KNOWN_VERSION} there"
                " or point CONDA_EXE to a conda that has it"
            )
        if version.split(".")[:2] != KNOWN_VERSION.split("."):
            raise EngineError(
                f"conda-index {version} is installed and this indexer knows {KNOWN_VERSION};"
                " use the image as built, or run tests/engine before changing KNOWN_VERSION"
            )
        return version

    def _python(self) -> Path:
        found = shutil.which(self.executable)
        if found is None:
            raise EngineError(
                f"CONDA_EXE={self.executable} is not a program on this machine;"
                " point it to a conda with conda-index"
            )
        beside = Path(found).resolve().parent
        for candidate in (beside / "python", beside.parent / "bin" / "python"):
            if candidate.is_file():
                return candidate
        raise EngineError(f"no python beside {found}; point CONDA_EXE to conda's own bin folder")

    def _run(self, arguments: Sequence[str], bounds: _Bounds | None = None) -> None:
        bounds = bounds or _Bounds()
        # One process: a pool only pays where packages are opened, and those are few here.
        argv = [self.executable, "index", *arguments, "--threads", "1"]
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            try:
                child = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=() if self.lock is None else (self.lock,),
                    env=_environment(),
                    start_new_session=True,
                    preexec_fn=bounds.enter,  # noqa: PLW1509 - one thread when we fork
                )
            except OSError as error:
                raise EngineError(
                    f"can't start {self.executable}: {error.strerror};"
                    " point CONDA_EXE to a conda with conda-index"
                ) from error
            try:
                status = self._wait(child)
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
        if status == -signal.SIGXCPU:
            raise EngineError(
                f"conda index was busy for {bounds.seconds:.0f} s and was ended: a record or"
                " package keeps it busy"
            )
        if status < 0:
            raise EngineStoppedError(
                f"conda index was ended by {signal.Signals(-status).name}; if nobody did that, it"
                " lacked memory: see the kernel's log"
            )
        if status != 0:
            said = self._last_lines()
            if _MEMORY_ERROR.match(said):
                raise EngineError(
                    f"conda index needed more than {amount(bounds.memory)} of memory and was ended:"
                    " a record or package is far larger than it looks"
                )
            kind = EngineStoppedError if _MACHINE.match(said) else EngineError
            raise kind(
                f"conda index ended with status {status}: {said};"
                f" its whole output is in {self.output}"
            )

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return child.wait(timeout=0.25)
            except subprocess.TimeoutExpired:
                self.stop.check()

    def _last_lines(self) -> str:
        lines = self.output.read_text(errors="replace").splitlines()
        exceptions = [match[1] for line in lines if (match := _EXCEPTION.fullmatch(line))]
        if exceptions:
            return exceptions[-1][:500]
        said = [line.strip() for line in lines if line.strip()]
        return " | ".join(said[-_QUOTED_LINES:])[-2000:] or "it said nothing"


_OUTPUTS = (
    "--write-shards", "--run-exports", "--current-repodata", "--channeldata", "--no-rss",
    "--no-zst", "--no-bz2",
)  # fmt: skip
_EXCEPTION = re.compile(r"\s*((?:\w+\.)*\w*(?:Error|Exception|BadZipFile)\b.*)")
# Of a run that opens no package: the disk or the cache, never a record.
_MACHINE = re.compile(r"(?:\w+\.)*(?:OSError|PermissionError|OperationalError)\b")
_MEMORY_ERROR = re.compile(r"(?:\w+\.)*MemoryError\b")

# Membership comes from the rows of our stage; no folder is listed and no package is opened.
_CACHE_DECIDES = ("--no-update-cache", "--upstream-stage", STAGE)


def _choose(subdirs: Iterable[str]) -> list[str]:
    return [argument for subdir in sorted(subdirs) for argument in ("--subdir", subdir)]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "PYTHONUNBUFFERED": "1", "CONDA_INDEX_DBURL": ""}


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a run may take: bytes of memory, and seconds of the processor's time."""

    memory: float = _MEMORY
    seconds: float = _SECONDS

    def enter(self) -> None:
        """In the child, before it is the engine."""
        _die_with_parent()
        for kind, most in (
            (resource.RLIMIT_AS, int(self.memory)),
            (resource.RLIMIT_CPU, math.ceil(self.seconds)),
        ):
            _, allowed = resource.getrlimit(kind)
            if allowed == resource.RLIM_INFINITY or most < allowed:
                resource.setrlimit(kind, (most, allowed))


def _die_with_parent() -> None:
    """In the child: be killed when the indexer is, however it ends (Linux)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
