"""Lock files: pixi.lock (version 1 to 7) and conda-lock.yml (version 1). Pure.

Guaranteed: the conda artifacts of all environments and categories for the mirrored platforms, or
every problem found with one of them; and the wheels and sdists beside them, whatever is wrong with
those. Whatever else stands there costs nothing but a note: sources, virtual packages, what no
version of these tools has written yet. This is why they are read here: rattler's reader refuses a
whole file for one entry that it can't parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from syncer.planning.environments import yaml_document
from syncer.planning.environments.environment_file import other_platforms
from syncer.planning.environments.given_hash import check_hash
from syncer.planning.environments.locked_wheel import LockedWheel, NoWheel, understand
from syncer.planning.environments.request import (
    MOST_PROBLEMS,
    Channels,
    Locked,
    NoArtifactError,
    Request,
    locate,
)
from syncer.planning.environments.yaml_document import shown
from volume.names import WHEEL
from volume.program.log import redact

_PIXI_VERSIONS = range(4, 8)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOTHING = frozenset({"", "null", "~"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """One package of one platform: a conda artifact's URL and what is said of it, or neither.

    Where ``is_python`` it is a wheel's or an sdist's.
    """

    subdir: str
    url: str
    said: Mapping[str, Any]
    is_python: bool = False


def is_lock(keys: frozenset[str]) -> bool:
    """Whether a file with these keys is such a lock."""
    return "version" in keys and bool(keys & {"environments", "package"})


def parse(name: str, text: str, subdirs: Sequence[str], channels: Channels) -> Request:
    """Understand a pixi.lock or conda-lock.yml.

    Args:
        name: the file's name, for messages.
        subdirs: the mirrored ones, without noarch.

    Raises:
        ValueError: with one problem in each of its arguments.
    """
    try:
        entries = list(_entries(yaml_document.load(text), frozenset({*subdirs, "noarch"})))
    except ValueError as error:
        raise ValueError(f"{name} can't be read as a lock file: {error}") from error
    platforms = {entry.subdir for entry in entries} - {"noarch"}
    problems: list[str] = []
    notes: list[str] = []
    if entries and not platforms.intersection(subdirs) and "noarch" not in subdirs:
        problems.append(other_platforms(name, sorted(platforms), subdirs))
    elif left_out := sorted(platforms.difference(subdirs)):
        notes.append(f"{name}: not mirrored, so left out: {', '.join(left_out)}")
    locked: dict[str, Locked] = {}
    wheels: dict[LockedWheel | NoWheel, None] = {}
    of_channels: dict[str, None] = {}
    others: set[str] = set()
    for entry in entries:
        if entry.subdir not in {*subdirs, "noarch"}:
            continue
        if entry.is_python:
            wheels[understand(entry.said.get("name"), entry.url, entry.said)] = None
            continue
        if len(problems) >= MOST_PROBLEMS:
            problems.append(f"{name}: and more; lock the environment again")
            break
        if (sha256 := _wheel_of_channel(entry)) is not None:
            of_channels[sha256] = None
            continue
        try:
            one = _locked(entry, channels)
        except NoArtifactError:
            others.add(entry.url)
        except ValueError as error:
            problems.append(f"{name}{_place(text, entry)}: {error}")
        else:
            locked.setdefault(entry.url, one)
    if others:
        notes.append(f"{name}: {len(others)} packages are from no conda channel and left out")
    if problems:
        raise ValueError(*dict.fromkeys(problems))
    return Request(
        name,
        locked=tuple(locked[url] for url in sorted(locked)),
        wheels=tuple(one for one in wheels if isinstance(one, LockedWheel)),
        no_wheels=tuple(one for one in wheels if isinstance(one, NoWheel)),
        channel_wheels=tuple(of_channels),
        notes=tuple(notes),
    )


def _wheel_of_channel(entry: _Entry) -> str | None:
    """The sha256 of a wheel that is locked as a channel's package; None if it is none."""
    if not urlsplit(entry.url.partition("#")[0]).path.endswith(WHEEL):
        return None
    sha256 = _text(entry.said.get("sha256")).lower()
    return sha256 if _SHA256.fullmatch(sha256) else None


def _entries(document: Any, subdirs: frozenset[str]) -> Iterator[_Entry]:
    """Every package, with the subdir that it is locked for."""
    if not isinstance(document, dict):
        raise ValueError("it is no mapping")
    if "environments" not in document:
        yield from _of_conda_lock(document)
    elif (version := _number(document.get("version"))) not in _PIXI_VERSIONS:
        raise ValueError(f"its version is {version}; 4 to 7 can be read")
    else:
        yield from _of_pixi(document, subdirs)


def _of_conda_lock(document: Mapping[str, Any]) -> Iterator[_Entry]:
    """Also of the pixi.lock before version 4, which has the same shape."""
    packages = document.get("package")
    if not isinstance(packages, list):
        raise ValueError("its 'package' is no list")
    for package in packages:
        if not isinstance(package, dict):
            yield _Entry("noarch", "", {})
            continue
        hashes = package.get("hash")
        url = _text(package.get("url"))
        manager = package.get("manager") or "conda"
        said = (
            hashes if isinstance(hashes, dict) else dict([_text(hashes).split(":", 1)[:2]])
            if ":" in _text(hashes) else {}
        )  # fmt: skip
        subdir = _text(package.get("platform")) or url.rpartition("/")[0].rpartition("/")[2]
        if manager == "pip":
            yield _Entry(subdir, url, {**said, "name": package.get("name")}, is_python=True)
        else:
            known = url if manager == "conda" else f"{shown(manager)} {shown(package.get('name'))}"
            yield _Entry(subdir, known, said)


def _of_pixi(document: Mapping[str, Any], subdirs: frozenset[str]) -> Iterator[_Entry]:
    described = _described(document, "conda")
    wheels = _described(document, "pypi")
    platforms = {
        _text(one.get("name")): _text(one.get("subdir"))
        for one in _items(document.get("platforms"))
    }
    environments = document["environments"]
    seen: set[tuple[str, int]] = set()  # an alias may stand in many places
    for environment in environments.values() if isinstance(environments, dict) else ():
        packages = environment.get("packages") if isinstance(environment, dict) else None
        for platform, listed in packages.items() if isinstance(packages, dict) else ():
            subdir = platforms.get(platform) or platform
            if (subdir, id(listed)) in seen:
                continue
            seen.add((subdir, id(listed)))
            if subdir not in subdirs:
                yield _Entry(subdir, "", {})
                continue
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, dict) and isinstance(wheel := one.get("pypi"), str):
                    yield _Entry(subdir, wheel, wheels.get(wheel, {}), is_python=True)
                    continue
                url = one.get("conda") if isinstance(one, dict) else None
                if isinstance(url, str) and "://" in url and url not in described:
                    raise ValueError(f"{redact(url)} is not described in its 'packages'")
                if not isinstance(url, str):
                    url = shown(one)
                yield _Entry(subdir, url, described.get(url, {}))


def _described(document: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """What is said of packages of a kind, by their addresses; before version 6 under ``url``."""
    found: dict[str, Mapping[str, Any]] = {}
    for package in _items(document.get("packages")):
        url = package.get(kind) or (package.get("url") if package.get("kind") == kind else None)
        if isinstance(url, str):
            found.setdefault(url, package)
    return found


def _locked(entry: _Entry, channels: Channels) -> Locked:
    if not _URL.match(entry.url):
        raise NoArtifactError(entry.url)
    given = {
        kind: value
        for kind in ("sha256", "md5")
        if (value := _text(entry.said.get(kind))) not in _NOTHING
    }
    channel, subdir, filename = locate(entry.url, channels, is_hashed=bool(given))
    hashes = {kind: check_hash(kind, value) for kind, value in given.items()}
    return Locked(
        url=redact(entry.url),
        channel=channel,
        subdir=subdir,
        filename=filename,
        sha256=hashes.get("sha256"),
        md5=hashes.get("md5"),
        size=_number(entry.said.get("size")),
    )


def _place(text: str, entry: _Entry) -> str:
    """The line of a malformed hash."""
    for kind in ("sha256", "md5"):
        value = _text(entry.said.get(kind))
        try:
            check_hash(kind, value or "0" * (32 if kind == "md5" else 64))
        except ValueError:
            if (at := text.find(value)) >= 0:
                return f":{text.count(chr(10), 0, at) + 1}"
    return ""


def _items(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
