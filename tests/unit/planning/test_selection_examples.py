"""The examples of docs/selection.md, executed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from docs.generate import REPOSITORY
from syncer.conda.record import Candidate
from syncer.planning.selection.closure import close
from syncer.planning.selection.select import Selector
from syncer.settings import mirror_toml
from syncer.settings.policy import Policy
from tests.support.upstream.candidates import candidate
from tests.unit.planning.test_selection_select import indexes
from volume.ledger.artifact import Known
from volume.program import settings

DOCUMENT = (REPOSITORY / "docs" / "selection.md").read_text()
NOW = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
# No filters, and what other documents have an example of.
ELSEWHERE = {
    "subdirs", "spec_files", "solve", "canary", "canary_blocks", "wipe_guard_percent", "on_demand",
    "sidecars", "prune_unused_days",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    toml: str
    mirrored: tuple[str, ...]
    warnings: tuple[str, ...]


def examples() -> list[Example]:
    found = []
    for toml, following in re.findall(r"```toml\n(.*?)```\n(.*?)(?=\n```|\Z)", DOCUMENT, re.DOTALL):
        outcome = re.match(r"\nMirrored: ((?:.+\n)+)", following)
        assert outcome, f"no outcome follows {toml!r}"
        warnings = re.findall(r"^Warning: `(.*)`$", following, re.MULTILINE)
        found.append(Example(toml, tuple(re.findall(r"`(.*?)`", outcome[1])), tuple(warnings)))
    return found


EXAMPLES = examples()


def table() -> list[dict[str, str]]:
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip().strip("`") for cell in line[1:-1].split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


def record(row: dict[str, str]) -> Candidate:
    subdir, _, filename = row["artifact"].partition("/")
    extension = ".tar.bz2" if filename.endswith(".tar.bz2") else ".conda"
    stem = filename.removesuffix(extension)
    more: dict[str, Any] = {"size": int(row["size"].removesuffix(" MB")) * 10**6}
    if row["built"]:
        more["timestamp"] = int(datetime.fromisoformat(f"{row['built']}T00Z").timestamp() * 1000)
    if row["licence"]:
        more["license"] = row["licence"]
    denied = stem == "numpy-2.1.0-py312h1234567_0"
    return candidate(
        stem, *filter(None, [row["depends"]]), subdir=subdir, extension=extension,
        build_number=int(stem.rpartition("_")[2][-1]), sha256=("5" if denied else "0") * 64, **more,
    )  # fmt: skip


RECORDS = [record(row) for row in table()]
PRESENT: dict[str, dict[str, Known]] = {"linux-64": {}, "noarch": {}}
for _row, _record in zip(table(), RECORDS, strict=True):
    if _row["here"]:
        PRESENT[_record.subdir][_record.filename] = Known(1, "0" * 64, b"")
PRESENT["noarch"]["old-1.0-0.conda"] = Known(1, "0" * 64, b"")


def understood(toml: str) -> Policy:
    common = settings.read(Policy, {})
    understood = mirror_toml.understand(tomllib.loads(toml), common)
    assert not understood.problems
    return replace(common, **understood.defaults)


def needed(policy: Policy, permitted: list[Candidate]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for (_, subdir, filename), why in close(permitted, policy.specs).selected.items():
        found.setdefault(subdir, {})[filename] = why
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.toml.strip() for one in EXAMPLES])
def test_an_example_does_what_the_document_says(example: Example) -> None:
    policy = understood(example.toml)
    selector = Selector(policy, "conda-forge", indexes(RECORDS), now=NOW, present=PRESENT)
    selected = selector.select(needed(policy, selector.permitted()))
    wanted = [
        filename for selection in selected.by_subdir.values() for filename in selection.wanted
    ]
    assert sorted(wanted) == sorted(example.mirrored)
    assert set(example.warnings) <= set(selected.warnings)
    assert bool(example.warnings) == bool(selected.warnings)


def test_every_filter_has_an_example() -> None:
    shown = {key for one in EXAMPLES for key in tomllib.loads(one.toml)}
    assert shown == {field.name for field in fields(Policy)} - ELSEWHERE
