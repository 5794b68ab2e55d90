"""Small real conda packages, built in memory.

Guaranteed: conda, mamba, rattler and `conda index` accept what `build` makes; equal specs give
equal bytes; a package's record is what an upstream without hotfixes publishes for it. Not
guaranteed: prefix replacement, link scripts or `noarch: python`, which no test needs.

`python -m tests.support.upstream.packages DIRECTORY` writes the demo's upstream (see
`demo_channel`); it needs nothing but Python and zstandard.
"""

import bz2
import hashlib
import io
import json
import random
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zstandard

Record = dict[str, Any]
"""One package record, as JSON has it: the wire format itself, so not a class."""

Files = Mapping[str, tuple[bytes, int]]
"""Payload of a package: path in the prefix -> (content, mode)."""

FIXED_TIME = 1_600_000_000
PLATFORMS = {
    "linux-64": ("x86_64", "linux"),
    "linux-aarch64": ("aarch64", "linux"),
    "osx-64": ("x86_64", "osx"),
    "osx-arm64": ("arm64", "osx"),
    "win-64": ("x86_64", "win"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSpec:
    """What a package shall be; `build` makes it."""

    name: str
    version: str = "1.0"
    build: str = "0"
    build_number: int = 0
    subdir: str = "linux-64"
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    run_exports: Mapping[str, list[str]] | None = None
    extension: str = ".conda"
    files: Files = field(default_factory=dict)
    padding_bytes: int = 0
    timestamp: int = FIXED_TIME * 1000
    license: str = "MIT"

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def filename(self) -> str:
        return self.stem + self.extension


@dataclass(frozen=True, slots=True)
class Package:
    """An artifact with the record that its upstream publishes for it."""

    filename: str
    data: bytes
    record: Record
    subdir: str
    run_exports: Mapping[str, list[str]] | None = None

    @property
    def section(self) -> str:
        return section_of(self.filename)


def section_of(filename: str) -> str:
    """The section of repodata.json that lists this file name."""
    return "packages" if filename.endswith(".tar.bz2") else "packages.conda"


def package(name: str, version: str = "1.0", **fields: Any) -> Package:
    """Shorthand for `build(PackageSpec(name=..., version=..., ...))`."""
    return build(PackageSpec(name=name, version=version, **fields))


def build(spec: PackageSpec) -> Package:
    """Build the artifact and its record."""
    index = index_json(spec)
    payload = payload_of(spec)
    if spec.extension == ".conda":
        data = conda_archive(spec.stem, info_files(spec, index, payload), payload)
    elif spec.extension == ".tar.bz2":
        data = bz2.compress(tar({**info_files(spec, index, payload), **payload}), 1)
    else:
        raise ValueError(f"no such package format: {spec.extension}")
    record = {**index, **fingerprint(data)}
    return Package(spec.filename, data, record, spec.subdir, spec.run_exports)


def hotfixed(original: Package, **changes: Any) -> Package:
    """The same artifact with another record, as after an upstream hotfix; None removes a field."""
    merged = {**original.record, **changes}
    return replace(
        original, record={key: value for key, value in merged.items() if value is not None}
    )


def fingerprint(data: bytes) -> Record:
    """The fields of a record that the bytes alone decide."""
    return {
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def index_json(spec: PackageSpec) -> Record:
    """The package's own info/index.json."""
    index: Record = {
        "name": spec.name,
        "version": spec.version,
        "build": spec.build,
        "build_number": spec.build_number,
        "depends": list(spec.depends),
        "license": spec.license,
        "subdir": spec.subdir,
        "timestamp": spec.timestamp,
    }
    if spec.constrains:
        index["constrains"] = list(spec.constrains)
    if spec.subdir == "noarch":
        return {**index, "noarch": "generic", "arch": None, "platform": None}
    architecture, platform = PLATFORMS.get(spec.subdir, (spec.subdir, spec.subdir))
    return {**index, "arch": architecture, "platform": platform}


def payload_of(spec: PackageSpec) -> dict[str, tuple[bytes, int]]:
    """The files to install: those asked for, plus incompressible padding."""
    # Every package has a file of its own, as an empty package is a special case to many tools.
    payload = {f"share/{spec.name}/version": (f"{spec.version}\n".encode(), 0o644), **spec.files}
    if spec.padding_bytes:
        noise = random.Random(spec.filename).randbytes(spec.padding_bytes)
        payload[f"share/{spec.name}/padding.bin"] = (noise, 0o644)
    return payload


def info_files(spec: PackageSpec, index: Record, payload: Files) -> dict[str, tuple[bytes, int]]:
    """The info/ folder: metadata that clients and `conda index` read."""
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, (content, _) in sorted(payload.items())
    ]
    about = {
        "home": f"https://{spec.name}.invalid",
        "license": spec.license,
        "summary": f"{spec.name}, made for tests",
    }
    documents: dict[str, Any] = {
        "info/index.json": index,
        "info/about.json": about,
        "info/paths.json": {"paths": paths, "paths_version": 1},
    }
    if spec.run_exports is not None:
        documents["info/run_exports.json"] = dict(spec.run_exports)
    files = {
        path: (json.dumps(document, indent=2, sort_keys=True).encode(), 0o644)
        for path, document in documents.items()
    }
    files["info/files"] = ("".join(f"{path}\n" for path in sorted(payload)).encode(), 0o644)
    return files


def conda_archive(stem: str, info: Files, payload: Files) -> bytes:
    """A .conda file: an uncompressed zip around two zstd tars."""
    compressor = zstandard.ZstdCompressor(level=1)
    members = {
        "metadata.json": b'{"conda_pkg_format_version": 2}',
        f"pkg-{stem}.tar.zst": compressor.compress(tar(payload)),
        f"info-{stem}.tar.zst": compressor.compress(tar(info)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def tar(files: Files) -> bytes:
    """An uncompressed tar with fixed times and owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, (content, mode) in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(content), mode, FIXED_TIME
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


if __name__ == "__main__":
    from tests.support.upstream.demo_channel import write_demo_upstream

    write_demo_upstream(Path(sys.argv[1]))
