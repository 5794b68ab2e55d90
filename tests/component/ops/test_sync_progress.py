"""What the run document says while a sync runs."""

from __future__ import annotations

from typing import Any

import pytest

from syncer.artifacts.downloads import progress
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package
from volume.disk import documents


def test_the_document_says_how_far_a_download_is_and_forgets_it_afterwards(
    syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = [package(f"p{number}") for number in range(3)]
    syncer.upstream.channel("conda-forge").publish(*packages)
    monkeypatch.setattr(progress, "_REPORT_SECONDS", 0.0)
    written: list[dict[str, Any]] = []
    write = documents.write

    def noted(path: Any, document: dict[str, Any], **options: Any) -> None:
        if path.name == "sync-run.json":
            written.append(document)
        write(path, document, **options)

    monkeypatch.setattr(documents, "write", noted)
    assert syncer.run().status == "success"
    (last,) = written[-1]["channels"]
    assert last["progress"] is None
    assert written[-1]["health_hours"] == 50.0
    reports = [
        one["progress"] for document in written for one in document["channels"] if one["progress"]
    ]
    size = sum(len(one.data) for one in packages)
    assert {(one["artifacts_total"], one["size"]) for one in reports} == {(3, size)}
    assert reports[-1]["received"] == size
