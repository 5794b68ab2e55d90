"""Freshness: from "upstream changed" to "a client sees it", for a day's change of a large channel.

    .venv/bin/python -m benchmarks.freshness [--records 80000] [--rounds 3]

The indexer runs as in the appliance, looking for work every few seconds (INDEX_POLL_SECONDS, its
default); a sync begins at the moment in which upstream has published; a client asks nginx for the
index until it is another one. Nothing waits for a schedule here: add SYNC_SCHEDULE's interval, and
the 60 s for which clients may use the index that they have.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.daily import CHANNEL, sync
from benchmarks.support.listed import Listed
from benchmarks.support.process import REPOSITORY, machine
from benchmarks.support.upstream import served
from tests.support.clients.clients import conda_client
from tests.support.clients.nginx import serving
from tests.support.mirror.committed import CommittedMirror

_LONGEST = 1800.0
_LOOK = 0.1


@contextmanager
def indexer(committed: CommittedMirror, conda: Path, log: Path) -> Iterator[None]:
    """The indexer, at work until the end of the block."""
    environment = {
        **os.environ, "MIRROR_DIR": str(committed.mirror.root),
        "STATE_DIR": str(committed.state.root), "CONDA_EXE": str(conda),
    }  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "indexer"],
            cwd=REPOSITORY, env=environment, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


class Client:
    """Asks for an index again and again."""

    def __init__(self, url: str, log: Path) -> None:
        self._url = url
        self._log = log
        self._seen: str | None = None

    def wait(self) -> None:
        """Until there is another index than the last time.

        Raises:
            SystemExit: there is none for half an hour; with what the indexer said.
        """
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            answer = requests.head(self._url, timeout=30)
            tag = answer.headers.get("ETag")
            if answer.status_code == 200 and tag != self._seen:
                self._seen = tag
                return
            time.sleep(_LOOK)
        raise SystemExit(f"no new index:\n{self._log.read_text(errors='replace')[-4000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=80_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    conda = conda_client()
    if conda is None:
        raise SystemExit("no conda with conda-index here; ./test engine makes one")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="bench-freshness-") as name:
        root = Path(name)
        root.chmod(0o755)
        committed = CommittedMirror.below(root, CHANNEL)
        listed = Listed(root / "upstream" / CHANNEL)
        listed.fill(options.records)
        listed.seed(committed, places=True)
        log = root / "indexer.txt"
        with (
            served(root / "upstream") as url,
            serving(committed.mirror.root) as nginx,
            indexer(committed, conda, log),
        ):
            client = Client(f"{nginx.url}/{CHANNEL}/linux-64/repodata.json.zst", log)
            client.wait()
            sync(committed, url)
            syncs, totals = [], []
            changes = (0, 0, 0)
            for _ in range(options.rounds):
                changes = listed.spend_a_day()
                begin = time.perf_counter()
                spent, _, _ = sync(committed, url)
                client.wait()
                totals.append(time.perf_counter() - begin)
                syncs.append(spent.seconds)
    print("{:,} records; a day: {:,} new, {:,} removed, {:,} hotfixed".format(
        options.records, *changes))  # fmt: skip
    sync_seconds, total = statistics.median(syncs), statistics.median(totals)
    print(
        f"from upstream's change to a client's sight of it: {total:.1f} s ({min(totals):.1f} to"
        f" {max(totals):.1f}): sync {sync_seconds:.1f} s, the rest is the indexer's"
    )


if __name__ == "__main__":
    main()
