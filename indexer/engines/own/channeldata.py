"""``channeldata.json`` (CEP 38): one entry for each package name, from its records. Pure.

The same entries as conda-index's (``ChannelIndex._update_channeldata`` of 0.13): of each version
the newest build speaks, newer versions win field by field. Tested for equality. Where conda-index
takes builds in no order (``.tar.bz2``), here they are in the order of their names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from indexer.base.matchspec import MalformedError, version_order

VERSION = 1

_NEWEST_WINS = (
    "description", "dev_url", "doc_url", "doc_source_url", "home", "license", "source_url",
    "source_git_url", "summary", "icon_url", "icon_hash", "tags", "identifiers", "keywords",
    "recipe_origin", "version",
)  # fmt: skip
_ANY_IS_TRUE = (
    "binary_prefix", "text_prefix", "activate.d", "deactivate.d", "pre_link", "post_link",
    "pre_unlink",
)  # fmt: skip
_TOLD = frozenset((*_NEWEST_WINS, *_ANY_IS_TRUE, "run_exports", "timestamp"))
_LAST_SECOND = 253402300799  # of the year 9999: timestamps above it are in milliseconds

Facts = dict[str, Any]
"""What one build says of its package."""


def facts(
    record: Mapping[str, Any], run_exports: Mapping[str, Any], inside: Iterable[Mapping[str, Any]]
) -> Facts:
    """What a build says.

    Args:
        inside: the recipe, ``about.json`` and ``post_install.json`` of a package that was opened.
    """
    told: Facts = {}
    for document in (*inside, record):
        if isinstance(document, dict):
            told.update(document)
    if isinstance(source := told.get("source"), dict):
        told.update({f"source_{key}": value for key, value in source.items()})
    for key in ("description", "summary"):
        if isinstance(value := told.get(key), str | list):
            told[key] = "".join(map(str, value)).strip().replace("\n", " ")
    told["run_exports"] = run_exports
    told.update(record)
    if not isinstance(told.get("timestamp", 0), int | float):
        del told["timestamp"]
    return {key: told[key] for key in told if key in _TOLD}


def newest_builds(builds: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Of each version of one name the filename of its newest build; ``.conda`` first, as there."""
    ordered = sorted(builds, key=lambda item: (not item[0].endswith(".conda"), item[0]))
    stems = {filename.removesuffix(".conda") for filename, _ in ordered}
    newest: dict[str, tuple[str, float]] = {}
    for filename, record in ordered:
        if filename.removesuffix(".tar.bz2") in stems:
            continue
        version, timestamp = record.get("version"), record.get("timestamp", 0)
        if not isinstance(version, str):
            continue
        if not isinstance(timestamp, int | float):
            timestamp = 0
        if version not in newest or newest[version][1] < timestamp:
            newest[version] = filename, timestamp
    return [filename for filename, _ in newest.values()]


def entry(by_subdir: Mapping[str, Iterable[Facts]]) -> Facts | None:
    """The entry of one name, from what the newest builds of its versions say, by subdir.

    What is too odd for conda-index's rules says nothing; None if nothing is left.
    """
    made: Facts = {}
    for subdir in sorted(by_subdir):
        for told in by_subdir[subdir]:
            with contextlib.suppress(MalformedError, TypeError, ValueError, AttributeError):
                made = _merge(made, told, subdir)
    return {key: value for key, value in made.items() if value is not None} or None


def _merge(before: Facts, told: Facts, subdir: str) -> Facts:
    version, known = told.get("version", "0"), before.get("version") or "0"
    is_newer = version_order(version) > version_order(known) or (
        version == known and _seconds(told.get("timestamp", 0)) > before.get("timestamp", 0)
    )
    made: Facts = {}
    for key in _NEWEST_WINS:
        takes = told.get(key) and (is_newer or not before.get(key))
        made[key] = told[key] if takes else before.get(key)
    for key in _ANY_IS_TRUE:
        made[key] = bool(told.get(key) or before.get(key))
    made["subdirs"] = sorted({*before.get("subdirs", ()), subdir})
    made["run_exports"] = dict(before.get("run_exports", {}))
    if exports := told.get("run_exports"):
        made["run_exports"][version] = exports
    made["timestamp"] = _seconds(max(told.get("timestamp", 0), 0))
    return made


def _seconds(timestamp: float) -> int:
    whole = int(timestamp)
    return whole // 1000 if whole > _LAST_SECOND else whole
