"""Wheels and sdists upstream, lock files that name them, and what is published here.

Guaranteed: pip and uv install what `wheel` makes; `broken_wheels` reads what is on disk by itself:
hashes are of the bytes, and paths and addresses are joined as the specifications have them.
"""

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

DAY = 86_400.0
_TIME = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class File:
    """One file of an index; ``path`` is where the public index has it."""

    filename: str
    data: bytes
    requires_python: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def place(self) -> str:
        """Where it is in the collection."""
        digest = hashlib.blake2b(self.data, digest_size=32).hexdigest()
        return f"packages/{digest}/{self.filename}"

    @property
    def path(self) -> str:
        digest = hashlib.blake2b(self.data, digest_size=32).hexdigest()
        return f"packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.filename}"


def metadata(name: str, version: str, requires_python: str = ">=3.8") -> bytes:
    """METADATA of a wheel."""
    return (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        f"Requires-Python: {requires_python}\n\nWhat it is.\n"
    ).encode()


def wheel(
    name: str, version: str = "1.0", *, text: str = "", requires_python: str = ">=3.8"
) -> File:
    """A wheel of pure Python."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}/__init__.py": f"WORD = {text!r}\n".encode(),
        f"{info}/METADATA": metadata(name, version, requires_python),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in members) + f"{info}/RECORD,,\n"
    return File(
        f"{name}-{version}-py3-none-any.whl",
        zipped({**members, f"{info}/RECORD": record.encode()}),
        requires_python,
    )


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, _TIME), data, compress_type=method)
    return buffer.getvalue()


def sdist(name: str, version: str = "1.0") -> File:
    """A source archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        data = metadata(name, version)
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    import gzip

    return File(f"{name}-{version}.tar.gz", gzip.compress(buffer.getvalue(), mtime=0), ">=3.8")


@dataclass
class Index:
    """Files at the simulated upstream, and a lock file that names them."""

    upstream: ChannelSimulator
    files: dict[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.zlib = package("zlib")
        self.upstream.channel("conda-forge").publish(self.zlib)
        self.lock()

    def url(self, file: File) -> str:
        return f"{self.upstream.url}/{file.path}"

    def put(self, *files: File) -> None:
        """Serve files, and lock these and no others."""
        for file in files:
            self.upstream.put_file(file.path, file.data)
        self.files = {file.sha256: file for file in files}
        self.lock(*(self.entry(file) for file in files))

    def entry(self, file: File, **changes: object) -> dict[str, object]:
        """What a lock file says of a file."""
        said: dict[str, object] = {
            "pypi": self.url(file),
            "name": file.filename.partition("-")[0],
            "version": file.filename.split("-")[1].removesuffix(".tar.gz"),
            "sha256": file.sha256,
        }
        if file.requires_python:
            said["requires_python"] = file.requires_python
        return {key: value for key, value in {**said, **changes}.items() if value is not None}

    def lock(self, *entries: dict[str, object], version: int = 6) -> None:
        """Write the lock file."""
        url = f"{self.upstream.url}/conda-forge/linux-64/{self.zlib.filename}"
        conda = {"conda": url, "sha256": self.zlib.record["sha256"]}
        environment = {
            "channels": [{"url": f"{self.upstream.url}/conda-forge/"}],
            "packages": {"linux-64": [{"conda": url}, *({"pypi": one["pypi"]} for one in entries)]},
        }
        text = json.dumps({
            "environments": {"default": environment}, "packages": [conda, *entries],
        })  # fmt: skip
        # JSON is YAML; the kind of file is told by keys at the beginning of lines.
        text = f"version: {version}\n" + "\n".join(
            f"{key}: {json.dumps(value)}" for key, value in json.loads(text).items()
        )
        self.upstream.put_file("/files/pixi.lock", text.encode())

    def lock_conda(self, url: str, sha256: str) -> None:
        """Write a conda-lock.yml in its place that names a wheel as a channel's package."""
        row = {
            "name": "wheel", "version": "1.0", "manager": "conda", "platform": "linux-64",
            "url": url, "hash": {"sha256": sha256},
        }  # fmt: skip
        self.upstream.put_file(
            "/files/pixi.lock", f"version: 1\npackage: {json.dumps([row])}\n".encode()
        )

    def conda_lock(self, *files: File) -> None:
        """Write a conda-lock.yml in its place."""
        rows: list[dict[str, object]] = [
            {
                "name": "zlib", "version": "1.0", "manager": "conda", "platform": "linux-64",
                "url": f"{self.upstream.url}/conda-forge/linux-64/{self.zlib.filename}",
                "hash": {"sha256": self.zlib.record["sha256"]},
            },
            *(
                dict[str, object]({
                    "name": file.filename.partition("-")[0], "manager": "pip",
                    "platform": "linux-64", "url": self.url(file),
                    "hash": {"sha256": file.sha256},
                })
                for file in files
            ),
        ]  # fmt: skip
        text = f"version: 1\npackage: {json.dumps(rows)}\n"
        self.upstream.put_file("/files/pixi.lock", text.encode())

    @property
    def settings(self) -> dict[str, str]:
        return {"SPEC_FILES": f"{self.upstream.url}/files/pixi.lock", "WHEELS": "locked"}


def sync_wheels(syncer: Syncer, *, now: float = 0.0, **settings: str) -> ChannelResult:
    """Sync once; what became of the wheels, which must be whole whatever became of them."""
    syncer.environment |= settings
    (result,) = syncer.run(now=lambda: now).wheels
    assert broken_wheels(syncer.volumes.mirror_dir) == []
    return result


def published(mirror_dir: Path) -> dict[str, bytes]:
    """The files that a client can have, by place."""
    current = mirror_dir / "pypi/current"
    return {
        str(path.relative_to(current)): path.read_bytes()
        for path in sorted(current.glob("packages/*/*"))
        if not path.name.endswith(".metadata")
    }


def paths(*files: File) -> dict[str, bytes]:
    return {file.place: file.data for file in files}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append({name: value or "" for name, value in attributes})


def links(page: str) -> list[dict[str, str]]:
    """The attributes of each link of a page."""
    parser = _Links()
    parser.feed(page)
    return parser.links


def listed(mirror_dir: Path) -> dict[str, list[str]]:
    """The filenames that the index lists, by project."""
    current = mirror_dir / "pypi/current/simple"
    if not current.exists():
        return {}
    projects = json.loads((current / "_.json").read_text())["projects"]
    return {
        one["name"]: [
            file["filename"]
            for file in json.loads((current / f"{one['name']}.json").read_text())["files"]
        ]
        for one in projects
    }


def broken_wheels(mirror_dir: Path) -> list[str]:
    """What is wrong with what is published at this instant; empty at any instant."""
    current = mirror_dir / "pypi/current"
    if not current.exists():
        return []
    problems: list[str] = []
    here = published(mirror_dir)
    for path, data in here.items():
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        if path.split("/")[1] != digest:
            problems.append(f"{path} has other bytes than its address says")
    rows = json.loads((current / ".wheels.json").read_text())["wheels"]
    if {row["sha256"] for row in rows} != {
        hashlib.sha256(one).hexdigest() for one in here.values()
    }:
        problems.append(".wheels.json differs from the files")
    simple = current / "simple"
    names = [one["name"] for one in json.loads((simple / "_.json").read_text())["projects"]]
    linked = [one["href"] for one in links((simple / "_.html").read_text())]
    if linked != [f"{name}/" for name in names] or sorted(names) != sorted(
        path.stem for path in simple.glob("*.html") if path.stem != "_"
    ):
        problems.append(f"the list of projects is {names} and {linked}")
    for name in names:
        problems += _broken_project(simple, name)
    return problems


def _broken_project(folder: Path, name: str) -> Iterable[str]:
    document = json.loads((folder / f"{name}.json").read_text())
    found = links((folder / f"{name}.html").read_text())
    if [one["href"].partition("#")[0] for one in found] != [
        one["url"] for one in document["files"]
    ]:
        yield f"{name}: its two forms differ"
    for link, one in zip(found, document["files"], strict=True):
        _, _, packages, *digits, filename = re.sub("%2B", "+", one["url"]).split("/")
        path = folder.parent / packages / "".join(digits) / filename
        data = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(data).hexdigest() != one["hashes"]["sha256"] or len(data) != one["size"]:
            yield f"{one['filename']} has other bytes"
        if link["href"].partition("#sha256=")[2] != one["hashes"]["sha256"]:
            yield f"{one['filename']} has another hash in the page"
        beside = path.with_name(f"{path.name}.metadata")
        if bool(one["core-metadata"]) != beside.exists():
            yield f"{one['filename']}: METADATA is listed or there, not both"
        if one["core-metadata"]:
            hashed = hashlib.sha256(beside.read_bytes()).hexdigest()
            if {"sha256": hashed} != one["core-metadata"] or (
                link["data-core-metadata"] != f"sha256={hashed}"
            ):
                yield f"{one['filename']}: METADATA has another hash"
