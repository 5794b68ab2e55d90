"""Who may import whom."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def imported(package: str) -> Iterator[tuple[Path, str]]:
    """(file, top-level module) of every import in a package, also those inside functions."""
    for path in sorted((REPOSITORY / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute"
                yield path, str(node.module).partition(".")[0]


def test_volume_imports_only_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"volume"}
    assert [(path.name, name) for path, name in imported("volume") if name not in allowed] == []


@pytest.mark.parametrize(("package", "other"), [("syncer", "indexer"), ("indexer", "syncer")])
def test_the_programs_do_not_know_each_other(package: str, other: str) -> None:
    assert [path.name for path, name in imported(package) if name == other] == []


def test_nothing_imports_the_tests() -> None:
    for package in ("volume", "syncer", "indexer"):
        assert [path.name for path, name in imported(package) if name == "tests"] == []
