"""Containers are killed, paused and restarted while clients read: they see whole indexes only.

The programs' own torture is tests/engine/appliance/test_torture.py; this is about what Docker does
to them.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.stack.compose import Stack, started
from tests.support.clients.faithful_reader import FaithfulReader, Inconsistent
from tests.support.clients.nginx import free_port
from tests.support.upstream.demo_channel import demo_packages, write_channel
from tests.support.upstream.packages import Package, package

ROUNDS = 9
STAYS = demo_packages()


def offered(number: int) -> list[Package]:
    """What upstream has in a round: something new, something replaced, something gone."""
    return [
        *STAYS,
        package("changes", padding_bytes=1000 * number),
        *(package(f"round{one}") for one in range(max(0, number - 2), number + 1)),
    ]


class Clients:
    """Threads that read everything again and again; a server that is away is waited for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._done = threading.Event()
        self.reads = 0
        self.away = 0
        self.inconsistent: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=(seed,)) for seed in range(2)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _read(self, seed: int) -> None:
        choose = random.Random(seed)
        reader = FaithfulReader(self._url)
        while not self._done.is_set():
            try:
                index = reader.read("conda-forge", "linux-64")
                for filename in choose.sample(sorted(index.records), 5):
                    reader.check_artifact(index, filename)
            except requests.RequestException:
                self.away += 1
                self._done.wait(0.05)
            except Inconsistent as problem:
                self.inconsistent.append(str(problem))
        self.reads += reader.reads


@pytest.fixture
def upstream() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        Path(folder).chmod(0o755)
        write_channel(Path(folder) / "conda-forge", offered(0))
        yield Path(folder)


def kill_run(stack: Stack) -> None:
    """SIGKILL the container of `docker compose run`, if it is (still) there."""
    filters = (f"label=com.docker.compose.project={stack.project}", "name=syncer-run")
    command = ["docker", "ps", "--quiet"]
    for each in filters:
        command += ["--filter", each]
    for container in subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split():
        subprocess.run(["docker", "kill", container], capture_output=True, check=False)


def disturb(stack: Stack, kind: int) -> None:
    """One of the things that happen to containers."""
    if kind == 0:
        stack.must("kill", "--signal", "KILL", "indexer")
        stack.must("start", "indexer")
    elif kind == 1:
        stack.must("pause", "indexer")
        stack.must("unpause", "indexer")
    elif kind == 2:
        kill_run(stack)
    elif kind == 3:
        stack.must("restart", "--timeout", "1", "nginx")
    else:
        stack.must("restart", "--timeout", "1", "syncer", "indexer")


def test_clients_see_whole_indexes_whatever_happens_to_the_containers(
    images: None, upstream: Path
) -> None:
    choose = random.Random(11)
    bind = f"127.0.0.1:{free_port()}"
    with started(UPSTREAM_DIR=str(upstream), MIRROR_BIND=bind, INCLUDE="*") as stack:
        assert stack.syncer("--once").code == 0
        stack.wait_published()
        with Clients(f"http://{bind}") as clients:
            for number in range(1, ROUNDS + 1):
                write_channel(upstream / "conda-forge", offered(number))
                with stack.popen("run", "--rm", "--no-TTY", "syncer", "--once") as running:
                    disturb(stack, number % 5 if number < 6 else choose.randrange(5))
                    running.communicate(timeout=120)
            stack.must("up", "--detach", "--wait", "upstream", "syncer", "indexer", "nginx")
            assert stack.syncer("--once", "--wait").code == 0
            stack.wait_published()
        assert clients.inconsistent == []
        assert clients.reads > 100
        index = FaithfulReader(f"http://{bind}").read("conda-forge", "linux-64")
        expected = {one.filename for one in offered(ROUNDS) if one.subdir == "linux-64"}
        assert set(index.records) == expected
        print(f"{clients.reads} reads, {clients.away} while the server was away")
