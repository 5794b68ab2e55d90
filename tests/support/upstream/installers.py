"""Installers upstream, as Anaconda's folders and a release of miniforge have them, and what is
published here.

Guaranteed: `broken_installers` reads what is on disk by itself: hashes are of the bytes, paths are
joined as DESIGN.md has them.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.simulator import ChannelSimulator

DAY = 86_400.0
LATEST = "Miniconda3-latest-Linux-x86_64.sh"
OLD = "Miniconda3-py312_24.1.2-0-Linux-x86_64.sh"
NEW = "Miniconda3-py312_24.11.1-0-Linux-x86_64.sh"
WINDOWS = "Miniconda3-latest-Windows-x86_64.exe"


def content(text: str, size: int = 3000) -> bytes:
    """Bytes of an installer, which a short text tells from others."""
    return b"".join(
        hashlib.sha256(f"{text}{block}".encode()).digest() for block in range(size // 32)
    )


@dataclass
class Folder:
    """A folder of installers at the simulated upstream; `put` then `list_*`."""

    upstream: ChannelSimulator
    kind: str = "miniconda"
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, **contents: bytes) -> None:
        for name, data in contents.items():
            self.files[name] = data
            self.upstream.put_file(f"/{self.kind}/{name}", data)

    def drop(self, *names: str) -> None:
        for name in names:
            del self.files[name]

    def list_json(self, **changes: object) -> None:
        """Write .files.json; `changes` replace entries."""
        entries: dict[str, object] = {
            name: {
                "md5": hashlib.md5(data).hexdigest(),
                "mtime": 1_700_000_000.5,
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
            for name, data in self.files.items()
        }
        entries |= {"index.json": {"md5": "0" * 32, "mtime": 1.0, "sha256": "0" * 64, "size": 1}}
        entries |= changes
        self.upstream.put_file(f"/{self.kind}/.files.json", json.dumps(entries).encode())

    def list_page(self, kind: str = "sha256") -> None:
        """Write the page, as of 2018 (md5) or 2023 (sha256)."""
        rows = "".join(
            f'<tr><td><a href="{name}">{name}</a></td><td class="s">{len(data) / 1024:.1f}K</td>'
            f"<td>2023-07-13 13:55:52</td><td>{hashlib.new(kind, data).hexdigest()}</td></tr>\n"
            for name, data in self.files.items()
        )
        folder = '<tr><td><a href=".winzip/">.winzip/</a></td><td>-</td><td></td><td></td></tr>'
        head = (
            f"<tr><th>Filename</th><th>Size</th><th>Last Modified</th><th>{kind.upper()}</th></tr>"
        )
        page = f"<html><body><table>{head}{folder}{rows}</table></body></html>"
        self.upstream.put_file(f"/{self.kind}/", page.encode())


def published(mirror_dir: Path, kind: str = "miniconda") -> dict[str, bytes]:
    """The installers that a client can have, by name."""
    current = mirror_dir / "installers" / kind / "current"
    if not current.exists():
        return {}
    return {
        path.name: path.read_bytes()
        for path in sorted(current.iterdir())
        if path.suffix in {".sh", ".exe", ".pkg"}
    }


def broken_installers(mirror_dir: Path, kind: str = "miniconda") -> list[str]:
    """What is wrong with what is published at this instant; empty at any instant."""
    current = mirror_dir / "installers" / kind / "current"
    if not current.exists():
        return []
    installers = published(mirror_dir, kind)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in installers.items()}
    listed = json.loads((current / ".files.json").read_text())
    problems = []
    if {name: entry["sha256"] for name, entry in listed.items()} != hashes:
        problems.append(".files.json differs from the files")
    for name, entry in listed.items():
        data = installers.get(name, b"")
        if (entry["size"], entry["md5"]) != (len(data), hashlib.md5(data).hexdigest()):
            problems.append(f".files.json: {name} has another size or md5")
    lines = (current / "SHA256SUMS").read_text().splitlines()
    sums = {name: hashed for hashed, _, name in (line.partition("  ") for line in lines)}
    if sums != hashes:
        problems.append("SHA256SUMS differs from the files")
    page = (current / "index.html").read_text()
    rows = re.findall(r'<td><a href="([^"]+)">.*?<td>([0-9a-f]{64})</td>', page, re.DOTALL)
    if dict(rows) != hashes:
        problems.append("index.html differs from the files")
    return problems


def outcome(mirror_dir: Path, kinds: tuple[str, ...] = ("miniconda",)) -> Mapping[str, object]:
    """What a run leaves of installers, apart from numbers and inodes."""
    return {kind: published(mirror_dir, kind) for kind in kinds}


def sync_installers(syncer: Syncer, *, now: float = 0.0, **settings: str) -> ChannelResult:
    """Sync once; what became of the installers, which must be whole whatever became of them."""
    syncer.environment |= settings
    run = syncer.run(now=lambda: now)
    (result,) = run.installers
    assert broken_installers(syncer.volumes.mirror_dir) == []
    return result


def here(syncer: Syncer) -> dict[str, bytes]:
    return published(syncer.volumes.mirror_dir)


def wanted(folder: Folder, *names: str) -> dict[str, bytes]:
    return {name: folder.files[name] for name in names}
