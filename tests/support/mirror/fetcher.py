"""The fetcher in a process of its own, asked as nginx asks it.

Guaranteed: `Fetcher.get` returns what came of one answer, whole or cut; the process is ended with
its block. It stands between no other program and the volumes.
"""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.mirror.sync_harness import REPOSITORY, Syncer

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Got:
    """An answer; `body` is what came of it, `is_cut` says that there should be more."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_cut: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def kept(self) -> str | None:
        """Where nginx is sent."""
        return self.headers.get("x-accel-redirect")


@dataclass
class Fetcher:
    """A running fetcher."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    threads: list[threading.Thread] = field(default_factory=list)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Got:
        """Ask once; `if_range=...` is If-Range."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            return _got(connection.getresponse())
        except http.client.RemoteDisconnected:
            return Got(0, {}, b"", is_cut=True)
        finally:
            connection.close()

    def said(self) -> str:
        return self.log.read_text()


def _got(response: http.client.HTTPResponse) -> Got:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body, is_cut = b"", False
    try:
        while block := response.read1(1 << 16):
            body += block
        is_cut = response.length not in {None, 0}
    except http.client.IncompleteRead as error:
        body, is_cut = body + error.partial, True
    except (ConnectionError, http.client.HTTPException):
        is_cut = True
    return Got(response.status, headers, body, is_cut)


@contextlib.contextmanager
def fetching(
    syncer: Syncer, *, program: tuple[str, ...] = (), **settings: str
) -> Iterator[Fetcher]:
    """A fetcher beside a syncer, on its volumes."""
    folder = syncer.volumes.mirror_dir.parent
    with started(folder, {**syncer.environment, **settings}, program=program) as running:
        yield running


@contextlib.contextmanager
def started(
    folder: Path, environment: Mapping[str, str], *, program: tuple[str, ...] = ()
) -> Iterator[Fetcher]:
    """A fetcher with these settings; its log is in ``folder``."""
    port = free_port()
    log = folder / f"fetcher-{port}.log"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *(program or ("syncer",)), "fetcher",
             "--listen", f"127.0.0.1:{port}"],
            cwd=REPOSITORY, stdout=stream, stderr=stream,
            env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        )  # fmt: skip
    try:
        wait_until_up(process, port, log)
        yield Fetcher(port, process, log)
    finally:
        process.kill()
        process.wait()


def wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
