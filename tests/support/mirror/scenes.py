"""Mirrors in the states that the landing page must show well: for its tests and its pictures.

Guaranteed: the site is written by the indexer's own code from generations and run documents as the
programs leave them. The packages' names are real, their records are not.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexer.base.volumes import Volumes
from indexer.site import site_files
from indexer.site.search import Search, buckets, search_json
from indexer.site.search.buckets import Build
from tests.support.mirror.committed import CommittedMirror, row
from tests.support.mirror.indexed import volumes
from tests.support.mirror.published import Records, by_filename, publish, record
from tests.support.upstream.packages import Record
from volume.disk import documents
from volume.identity import claim
from volume.installers import Installer, files_json
from volume.layout import Mirror, State

HOUR = 3600.0
PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")

TOOLS = {
    "bat": "a cat clone with syntax highlighting and Git integration",
    "fd-find": "A simple, fast and user-friendly alternative to find",
    "fzf": "A command-line fuzzy finder",
    "jq": "A command-line JSON processor.",
    "just": "Just a command runner",
    "micromamba": "Micromamba is a tiny version of mamba, the fast conda package installer.",
    "ninja": "A small build system with a focus on speed",
    "ripgrep": "ripgrep recursively searches directories for a regex pattern",
    "shellcheck": "ShellCheck, a static analysis tool for shell scripts",
    "zstd": "Zstandard - Fast real-time compression algorithm",
}
LIBRARIES = (
    "bzip2 libgcc libgcc-ng libgomp liblzma libstdcxx libstdcxx-ng libzlib lz4-c make oniguruma"
    " openssl xz zlib"
)
BIOLOGY = [
    "bcftools",
    "bedtools",
    "blast",
    "bowtie2",
    "bwa",
    "fastqc",
    "htslib",
    "minimap2",
    "samtools",
    "seqkit",
    "star",
]


@dataclass(frozen=True, slots=True)
class Scene:
    """Both volumes, and what the indexer works with."""

    volumes: Volumes

    @classmethod
    def below(cls, folder: Path) -> Scene:
        """New volumes in a folder that the web server may enter."""
        mirror, state = Mirror(folder / "mirror"), State(folder / "state")
        mirror.root.mkdir(parents=True)
        claim(mirror, state)
        mirror.site.mkdir(exist_ok=True)
        return cls(volumes(mirror, state, "conda", clock=time.time))

    @property
    def mirror(self) -> Mirror:
        return self.volumes.mirror

    def publish(
        self,
        channel: str,
        records: Records,
        summaries: Mapping[str, str] | None = None,
        *,
        number: int = 1,
        hours_ago: float = 2.0,
    ) -> None:
        """Publish a generation."""
        publish(
            self.mirror, self.volumes.state, channel, records,
            number=number, created=time.time() - hours_ago * HOUR, summaries=summaries,
        )  # fmt: skip
        rows = [
            replace(row(subdir, filename, one), entered=time.time() - hours_ago * HOUR)
            for subdir, found in records.items()
            for filename, one in found.items()
        ]
        CommittedMirror(self.mirror, self.volumes.state, channel).commit_rows(rows)
        for subdir in records:
            moment = time.gmtime(time.time() - (hours_ago + 1) * HOUR)
            documents.write(
                self.volumes.state.upstream_index(channel, subdir),
                {"last_modified": time.strftime("%a, %d %b %Y %H:%M:%S GMT", moment)},
            )

    def run(self, **document: Any) -> None:
        """Write the syncer's document on its last run."""
        documents.write(self.volumes.state.sync_run, document)

    def install(self, kind: str, *filenames: str) -> None:
        """Publish installers."""
        collection = self.mirror.installers(kind)
        folder = collection.generation(1)
        folder.mkdir(parents=True)
        found = {name: Installer(name, "0" * 64, "0" * 32, 90_000_000, 0.0) for name in filenames}
        (folder / ".files.json").write_text(files_json(found))
        collection.current.symlink_to(folder.name)

    def write(self) -> None:
        """Bring the site up to date, as the running indexer does."""
        site_files.write(self.volumes, next_report_seconds=300.0)


def records(names: list[str], subdirs: tuple[str, ...]) -> dict[str, dict[str, Record]]:
    """A few versions and builds of each name in each subdir."""
    found: dict[str, dict[str, Record]] = {subdir: {} for subdir in (*subdirs, "noarch")}
    for subdir in subdirs:
        for name in names:
            seed = int(hashlib.sha256(f"{name} {subdir}".encode()).hexdigest()[:8], 16)
            for number in range(seed % 4 + 1):
                version = f"{seed % 3 + 1}.{number + seed % 7}.{seed % 5}"
                build = hashlib.sha256(f"{name}{subdir}{version}".encode()).hexdigest()[:7]
                fields = {"size": 60_000 + seed % 4_000_000, "license": "MIT OR Apache-2.0"}
                one = record(name, version, f"h{build}_{number}", **fields)
                found[subdir] |= by_filename(one)
    found["noarch"] |= by_filename(record("ca-certificates", "2026.10.5", "hbd8a1cb_0"))
    found["noarch"] |= by_filename(record("tzdata", "2026b", "h8577fbf_0"))
    return found


def result(channel: str, **fields: Any) -> dict[str, Any]:
    """What a run says of one channel."""
    return {"channel": channel, "status": "success", "downloaded": 0, "failures": [], **fields}


def complete(folder: Path) -> Scene:
    """All is well, two hours after a sync of two channels and some installers."""
    scene = Scene.below(folder)
    scene.publish("conda-forge", records([*TOOLS, *LIBRARIES.split()], PLATFORMS), TOOLS)
    scene.publish("bioconda", records(BIOLOGY, PLATFORMS[:3]), hours_ago=26)
    scene.install(
        "miniforge", "Miniforge3-Linux-x86_64.sh", "Miniforge3-MacOSX-arm64.sh",
        "Miniforge3-Windows-x86_64.exe",
    )  # fmt: skip
    _run_that_ended(
        scene, 2.0, "success",
        [result("conda-forge", downloaded=14, downloaded_size=41_300_000, retired=3),
         result("bioconda")],
    )  # fmt: skip
    scene.write()
    return scene


def failed(folder: Path) -> Scene:
    """The last sync left things out, and one channel could not be had at all."""
    scene = complete(folder)
    failures = [
        ("linux-64", "ripgrep-14.1.1-h8fae777_1.conda",
         "https://conda.example.org/conda-forge/linux-64/ripgrep-14.1.1-h8fae777_1.conda has"
         " another sha256 than its record says; it was downloaded twice"),
        ("win-64", "shellcheck-0.10.0-h57928b3_2.conda",
         "conda.example.org answers 404 Not Found"),
    ]  # fmt: skip
    _run_that_ended(
        scene, 1.2, "partial",
        [result("conda-forge", status="partial", downloaded=6, downloaded_size=9_100_000,
                failed=2, failures=[dict(zip(("subdir", "filename", "reason"), one, strict=True))
                                    for one in failures]),
         result("bioconda", status="failed",
                error="conda.example.org: connection refused, 5 times in 40 s; is it up, and is"
                " the proxy right? The next sync tries again")],
        last_sync=26.0,
    )  # fmt: skip
    scene.write()
    return scene


def first_sync(folder: Path) -> Scene:
    """Nothing is published yet, and the first download runs."""
    scene = Scene.below(folder)
    now = time.time()
    scene.run(
        status="running", started=now - 190, finished=None, last_success=None, last_sync=None,
        failing_since=now - 190, health_hours=50.0, error=None,
        channels=[result("conda-forge", progress={
            "artifacts": 312, "artifacts_total": 1204, "received": 1_230_000_000,
            "size": 4_480_000_000, "rate": 23_400_000.0})],
    )  # fmt: skip
    scene.write()
    return scene


def never_synced(folder: Path) -> Scene:
    """The indexer runs, and no sync ever did."""
    scene = Scene.below(folder)
    scene.write()
    return scene


def many_names(folder: Path, count: int) -> Scene:
    """A channel to search that has many names; as files only, nothing of it is published."""
    scene = Scene.below(folder)
    scene.publish("conda-forge", {"noarch": by_filename(record("jq"))})
    scene.write()
    parts = ["py", "lib", "r", "data", "tool", "net", "image", "graph", "text", "math"]
    filled: list[dict[str, Any]] = [{} for _ in range(buckets.bucket_count(count))]
    rows: list[tuple[str, str, int]] = []
    for number in range(count):
        digits = [int(digit) for digit in f"{number:05d}"]
        name = "-".join(parts[digit] for digit in digits[:3]) + f"{number}"
        one = record(name, f"{digits[4]}.{digits[3]}.{number % 97}")
        entry = buckets.entry([Build("linux-64", f"{name}-0.conda", one, None)], "")
        filled[buckets.bucket_of(name, len(filled))][name] = entry
        rows.append((name, *buckets.newest(entry)))
    target = scene.mirror.search("conda-forge")
    digests = [f"{number:016x}" for number in range(len(filled))]
    for digest, entries in zip(digests, filled, strict=True):
        (target / f"bucket-{digest}.json").write_bytes(buckets.bucket(entries))
    (target / "names-0000000000000000.json").write_bytes(buckets.names(digests, rows))
    made = Search(1, "made by hand", "names-0000000000000000.json", count, None, {})
    (scene.mirror.site / "search.json").write_text(search_json.text({"conda-forge": made}))
    return scene


def _run_that_ended(
    scene: Scene,
    hours_ago: float,
    status: str,
    channels: list[dict[str, Any]],
    last_sync: float | None = None,
) -> None:
    now = time.time()
    finished = now - hours_ago * HOUR
    good = finished if last_sync is None else now - last_sync * HOUR
    scene.run(
        status=status, started=finished - 170, finished=finished, last_success=good,
        last_sync=good, failing_since=None if last_sync is None else finished - 170,
        health_hours=50.0, error=None, channels=channels,
    )  # fmt: skip


def status_of(scene: Scene) -> dict[str, Any]:
    """What the site says for machines."""
    document: dict[str, Any] = json.loads((scene.mirror.site / "status.json").read_bytes())
    return document
