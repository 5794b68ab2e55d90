"""The long-running syncer: supercronic runs the syncs and the nightly look at what is stored.

This process stays the parent, because supercronic does not pass SIGTERM on to its jobs: on SIGTERM
it asks every job to stop (they commit what they have) and waits for them.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from syncer.ops.schedule.supercronic import free_port
from syncer.ops.schedule.watch import Watch
from syncer.ops.status import stale
from syncer.settings.settings import Settings
from syncer.transport import network as environment
from volume import run_document
from volume.errors import ConfigError, MirrorError, StateError
from volume.layout import State

_LOG = logging.getLogger(__name__)
_USAGE_SCHEDULE = "*/5 * * * *"  # so often nginx's log of requests is counted, and given back
_GRACE_SECONDS = 50.0  # below the Compose file's stop_grace_period


def run(settings: Settings) -> int:
    """Run the schedule until SIGTERM; return the exit code.

    Raises:
        ConfigError: supercronic does not understand SYNC_SCHEDULE, or secrets, a proxy or the CA
            bundle can't be used.
        MirrorError: supercronic is missing or ended by itself.
    """
    environment.read(settings)  # said now, and not in the night
    supercronic = shutil.which("supercronic")
    if supercronic is None:
        raise MirrorError(
            "supercronic is not installed, and it runs the schedule: use the container image,"
            " install it, or call 'syncer --once' from a scheduler of your own"
        )
    with tempfile.TemporaryDirectory(prefix="syncer-") as folder:
        crontab = Path(folder) / "crontab"
        crontab.write_text(_crontab(settings))
        test = subprocess.run(
            [supercronic, "-test", str(crontab)], capture_output=True, text=True, check=False
        )
        if test.returncode != 0:
            raise ConfigError(
                [
                    f"SYNC_SCHEDULE={settings.schedule!r} or"
                    f" SCRUB_SCHEDULE={settings.scrub_schedule!r} is not understood:"
                    f" {_last(test.stderr)}"
                ]
            )
        return _supervise(settings, supercronic, crontab)


def _crontab(settings: Settings) -> str:
    program = f"{sys.executable} -m syncer"
    lines = [f"{settings.schedule} {program} {_once(settings)} --offset"]
    lines.append(f"{_USAGE_SCHEDULE} {program} usage --collect{_machine_words(settings)}")
    if settings.scrub_days:
        # After a sync that is still running, never instead of one.
        lines.append(
            f"{settings.scrub_schedule} {program} verify --rolling --wait --scheduled"
            f"{_machine_words(settings)}"
        )
    return "\n".join(lines) + "\n"


def _once(settings: Settings) -> str:
    return f"--once --scheduled{_machine_words(settings)}"


def _machine_words(settings: Settings) -> str:
    """Who wants the log in JSON gets the outcome in it too."""
    return " --json" if settings.log_format == "json" else ""


def _last(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "no reason given"


def _supervise(settings: Settings, supercronic: str, crontab: Path) -> int:
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    port = free_port()
    options = ["-passthrough-logs", "-no-reap", "-prometheus-listen-address", f"127.0.0.1:{port}"]
    if settings.log_format == "json":
        options.append("-json")
    children = [subprocess.Popen([supercronic, *options, str(crontab)])]
    Watch(settings, port).start()
    _LOG.info("syncing on the schedule %r", settings.schedule)
    if settings.sync_at_start and (why := _why_now(settings)):
        _LOG.info("syncing now: %s", why)
        command = [sys.executable, "-m", "syncer", *_once(settings).split()]
        children.append(subprocess.Popen(command))
    while not stopping:
        if children[0].poll() is not None:
            raise MirrorError(
                f"supercronic ended by itself with exit code {children[0].returncode};"
                " see its lines above"
            )
        time.sleep(0.2)
    return _stop(children)


def _why_now(settings: Settings) -> str | None:
    """Why not to wait for the schedule, if there is a reason."""
    try:
        last = run_document.recall(State(settings.state_dir))
    except StateError as error:
        return f"how the last sync ended can't be read ({error})"
    if last is None:
        return "there was none yet"
    if last.status != "success":
        return f"the last one ended: {last.status}"
    # After days without power: else people are told of a silence that the next sync ends.
    return stale(settings, time.time())


def _stop(children: list[subprocess.Popen[bytes]]) -> int:
    """Ask every process that we or supercronic started to stop, and wait for them."""
    _LOG.info("stopping: waiting for running jobs to commit what they have")
    children[0].terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    asked: set[int] = set()
    while time.monotonic() < deadline:
        jobs = _descendants(os.getpid())
        for process in jobs - asked:
            asked.add(process)
            try:
                os.kill(process, signal.SIGTERM)
            except ProcessLookupError:
                continue
        for child in children:
            child.poll()
        if not _descendants(os.getpid()):
            return 0
        time.sleep(0.1)
    return 1


def _descendants(parent: int) -> set[int]:
    """Processes below ``parent``, by /proc."""
    below: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            below.setdefault(int(fields[1]), set()).add(int(entry.name))
    found: set[int] = set()
    queue = [parent]
    while queue:
        for process in below.get(queue.pop(), set()) - found:
            found.add(process)
            queue.append(process)
    return found
