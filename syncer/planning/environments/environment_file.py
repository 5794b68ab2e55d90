"""environment.yml, as conda, mamba and conda-lock read it. Pure.

Taken in are ``dependencies``, ``platforms`` and selectors: conda-lock's (a comment such as
``# [linux64]``) and micromamba's (``sel(win): package``). ``channels`` is for information: a
channel that is not mirrored is noted. ``pip:`` sections are noted and left out; the rest
(``name``, ``prefix``, ``variables``) says nothing about packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from syncer.conda.written import check_request
from syncer.planning.environments import yaml_document
from syncer.planning.environments.request import MOST_PROBLEMS, Channels, Request
from syncer.planning.environments.yaml_document import shown
from volume.limits import SPEC_LENGTH

_ENTRY = re.compile(
    r"(?P<indent>\s*)-\s+(?P<spec>(?:[^:#]|:(?=\S))*[^:#\s])\s*#\s*\[(?P<selector>[^\]]*)\]\s*"
)
_SELECTOR = re.compile(r"sel\(([^)]*)\)")
_NUMBER = re.compile(r"[0-9.]*")
_FAMILIES = {"linux": ("linux", "unix"), "osx": ("osx", "unix"), "win": ("win",)}
_WORDS = frozenset(
    [
        "unix",
        "linux",
        "osx",
        "win",
        "linux32",
        "linux64",
        "osx64",
        "win32",
        "win64",
        "arm64",
        "aarch64",
        "ppc64le",
        "s390x",
    ]
)


def words(subdir: str) -> frozenset[str]:
    """What selectors call a subdir: ``linux-64`` is linux, unix and linux64."""
    family, _, processor = subdir.partition("-")
    return frozenset((*_FAMILIES.get(family, ()), f"{family}{processor}", processor)) & _WORDS


def parse(name: str, text: str, subdirs: Sequence[str], channels: Channels) -> Request:
    """Understand an environment.yml.

    Args:
        name: the file's name, for messages.
        subdirs: the mirrored ones, without noarch.

    Raises:
        ValueError: with one problem in each of its arguments.
    """
    problems: list[str] = []
    notes: dict[str, None] = {}
    document = _load(name, _marked(text))
    if not isinstance(document, dict) or not isinstance(document.get("dependencies"), list):
        keys = f"its keys are {_listed(document)}" if isinstance(document, dict) else ""
        raise ValueError(
            f"{name} has no list of 'dependencies', {keys or 'it has no keys at all'};"
            " an environment.yml, a conda-lock.yml, a pixi.lock or an @EXPLICIT list can be read"
        )
    wanted = _platforms(name, document, subdirs, problems, notes)
    specs: dict[str, list[str]] = {subdir: [] for subdir in wanted}
    for item in document["dependencies"]:
        try:
            for selector, written in _entries(name, item, notes):
                spec = check_request(_without_namespace(name, written, notes))
                for subdir, chosen in specs.items():
                    if not selector or selector in words(subdir):
                        chosen.append(spec)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            if len(problems) >= MOST_PROBLEMS:
                break
    if problems:
        raise ValueError(*problems)
    _note_channels(name, document, channels, notes)
    found = {subdir: tuple(chosen) for subdir, chosen in specs.items()}
    return Request(file=name, specs=found, notes=tuple(notes))


def _listed(keys: Iterable[str]) -> str:
    first = [shown(key) for key in islice(keys, 11)]
    return ", ".join(first[:10]) + ", ..." * (len(first) > 10)


_KEY = re.compile(r"([A-Za-z_][\w-]*)\s*:")


def top_level_keys(text: str) -> frozenset[str]:
    """The keys of a YAML mapping in block style, without the cost of loading it."""
    return frozenset(found[1] for line in text.splitlines() if (found := _KEY.match(line)))


def _load(name: str, text: str) -> Any:
    try:
        return yaml_document.load(text)
    except ValueError as error:
        raise ValueError(f"{name} is not YAML: {error}") from error


def _marked(text: str) -> str:
    """conda-lock's selectors are comments; make values of them, which YAML keeps."""
    lines = []
    for line in text.splitlines():
        found = _ENTRY.fullmatch(line) if len(line) <= SPEC_LENGTH else None
        marked = (
            f"{found['indent']}- sel({found['selector'].strip()}): {found['spec']}" if found else ""
        )
        lines.append(marked or line)
    return "\n".join(lines)


def _entries(name: str, item: object, notes: dict[str, None]) -> Iterator[tuple[str, str]]:
    """Each spec of an entry, with its selector."""
    if isinstance(item, dict):
        for key, value in item.items():
            if key == "pip":
                count = len(value) if isinstance(value, list) else 1
                notes[f"{name}: {count} pip packages are left out: this mirrors conda channels"] = (
                    None
                )
            elif (found := _SELECTOR.fullmatch(key)) is not None:
                selector = found.group(1).strip()
                if selector not in _WORDS:
                    raise ValueError(
                        f"{shown(item)}: {selector!r} is not a selector: write one of"
                        f" {', '.join(sorted(_WORDS))}"
                    )
                for spec in value if isinstance(value, list) else [value]:
                    yield selector, _text(spec)
            else:
                raise ValueError(f"{shown(item)}: {shown(key)!r} is neither 'pip' nor 'sel(...)'")
    else:
        yield "", _text(item)


def _text(item: object) -> str:
    """A spec; what YAML takes for a number is none."""
    if not isinstance(item, str) or _NUMBER.fullmatch(item):
        raise ValueError(f"{shown(item)} is not a MatchSpec; write a name, and a version behind it")
    return item


_NAMESPACE = re.compile(r"(?P<before>[A-Za-z0-9_./-]+):(?P<spec>[A-Za-z0-9_*][^:]*)")


def _without_namespace(name: str, spec: str, notes: dict[str, None]) -> str:
    """``bioconda:samtools`` is ``samtools`` for conda, whatever its author meant."""
    found = _NAMESPACE.fullmatch(spec)
    if found is None or "[" in found["before"]:
        return spec
    notes[
        f"{name}: {spec}: conda passes over what stands before a single colon; if a channel is"
        f" meant, write {found['before']}::{found['spec']}"
    ] = None
    return found["spec"]


def _platforms(
    name: str,
    document: Mapping[str, Any],
    subdirs: Sequence[str],
    problems: list[str],
    notes: dict[str, None],
) -> list[str]:
    """The mirrored subdirs that the file is for; without ``platforms`` it is for all of them."""
    given = document.get("platforms")
    if not given:
        return list(subdirs)
    theirs = [shown(one) for one in given] if isinstance(given, list) else [shown(given)]
    chosen = [subdir for subdir in subdirs if subdir in theirs]
    if not chosen:
        problems.append(other_platforms(name, theirs, subdirs))
    elif others := [one for one in theirs if one not in subdirs and one != "noarch"]:
        notes[f"{name}: not mirrored, so left out: {', '.join(others)}"] = None
    return chosen


def other_platforms(name: str, theirs: Sequence[str], ours: Sequence[str]) -> str:
    """What to say when a file is for other platforms than the mirror."""
    return (
        f"{name} is for {_listed(theirs) or 'no platform'}, and {', '.join(ours)} is mirrored;"
        " add a subdir to SUBDIRS, or take the file out"
    )


def _note_channels(
    name: str, document: Mapping[str, Any], channels: Channels, notes: dict[str, None]
) -> None:
    given = document.get("channels") or []
    for channel in given if isinstance(given, list) else [given]:
        text = shown(channel).rstrip("/")
        short = text.rpartition("://")[2].partition("/")[2] if "://" in text else text
        known = text in channels or any(short.endswith(one) for one in channels)
        if (
            not known
            and text != "nodefaults"
            and not (text == "defaults" and "pkgs/main" in channels)
        ):
            notes[f"{name}: its channel {text} is not mirrored"] = None
