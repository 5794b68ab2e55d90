"""Drives docker-compose.yml with tests/compose.test.yml on top, as an admin would from a shell.

Guaranteed: a project of its own (nothing else on the machine is touched), no `.env`, the upstream
inside the stack, and everything removed at the end. Waiting always ends: at the deadline with the
logs of the service that is late.
"""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ("docker-compose.yml", "tests/compose.test.yml")
SERVICES = ("upstream", "syncer", "indexer", "nginx")
COMMAND_SECONDS = 300
PUBLISH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Stack:
    """One running appliance."""

    settings: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = FILES
    project: str = field(default_factory=lambda: f"conda-mirror-test-{uuid.uuid4().hex[:8]}")

    # -- commands -----------------------------------------------------------------------------

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `docker compose ARGUMENTS`."""
        command = ["docker", "compose", "--progress", "quiet", "--project-name", self.project]
        command += ["--env-file", os.devnull]
        for file in self.files:
            command += ["--file", file]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Finished:
        """Run `docker compose ARGUMENTS`."""
        with self.popen(*arguments) as process:
            try:
                out, err = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Finished(process.returncode, out, err)

    def must(self, *arguments: str) -> str:
        """Run a command that has to succeed; return what it printed."""
        finished = self.run(*arguments)
        if finished.code != 0:
            raise AssertionError(f"docker compose {' '.join(arguments)}: {finished}")
        return finished.out

    def syncer(self, *arguments: str, **settings: str) -> Finished:
        """`docker compose run --rm syncer ARGUMENTS`."""
        given = [word for item in settings.items() for word in ("-e", "=".join(item))]
        return self.run("run", "--rm", "--no-TTY", *given, "syncer", *arguments)

    def client(self, script: str) -> str:
        """Run a script in a container that knows only the mirror, with a real conda."""
        return self.must("run", "--rm", "--no-TTY", "--no-deps", "client", script)

    def inspect(self, service: str) -> dict[str, Any]:
        """What the Engine says about a service's container."""
        container = self.must("ps", "--all", "--quiet", service).strip()
        output = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        ).stdout
        found: dict[str, Any] = json.loads(output)[0]
        return found

    def requests_upstream(self) -> list[list[str]]:
        """Every request that upstream has answered: method, path, status, conditional or plain."""
        lines = self.must("logs", "--no-log-prefix", "upstream").splitlines()
        return [line.split() for line in lines if line.startswith(("GET ", "HEAD "))]

    # -- over HTTP ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the mirror listens; a restart may move it."""
        return f"http://{self.must('port', 'nginx', '8080').strip()}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=30)

    # -- waiting ------------------------------------------------------------------------------

    def wait(self, what: str, condition: Callable[[], bool], seconds: float, service: str) -> None:
        """Poll until it is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = self.must("logs", "--tail", "60", service)
                raise AssertionError(f"not within {seconds:g} s: {what}\n{logs}")
            time.sleep(0.2)

    def committed(self, channel: str = "conda-forge") -> bool:
        """Whether the index holds everything that has been committed."""
        command = ("python3", "-m", "syncer", "status", "--json")
        shown = self.must("exec", "-T", "-e", f"CHANNELS={channel}", "syncer", *command)
        found = json.loads(shown)["channels"][0]
        return bool(found["committed_serial"]) and (
            found["committed_serial"] == found["published_serial"]
        )

    def wait_published(self, channel: str = "conda-forge") -> None:
        """Wait until the newest commit is what clients see."""
        self.wait(
            f"{channel} published", lambda: self.committed(channel), PUBLISH_SECONDS, "indexer"
        )


@contextmanager
def started(*more_files: str, **settings: str) -> Iterator[Stack]:
    """An appliance that is up and healthy; removed at the end, with its volumes."""
    stack = Stack(settings, (*FILES, *more_files))
    try:
        finished = stack.run("up", "--detach", "--wait", "--wait-timeout", "120", *SERVICES)
        if finished.code != 0:
            raise AssertionError(f"not up: {finished.err}\n{stack.run('logs').out}")
        yield stack
    finally:
        stack.run("--profile", "client", "down", "--volumes", "--remove-orphans", "--timeout", "5")
