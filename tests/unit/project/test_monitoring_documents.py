"""Dashboard, alerts and documentation speak of metrics that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from indexer.ops.metrics import _GAUGES
from syncer.settings.notify_settings import EVENTS
from syncer.sync import metrics
from syncer.sync.failure import KINDS
from tests.unit.sync.test_syncer_metrics import a_run

DOCS = Path(__file__).resolve().parents[3] / "docs"
MONITORING = DOCS / "monitoring"


def known() -> set[str]:
    """Every metric of ours."""
    run = a_run().document()
    verification = {"finished": 1.0, "looked_at": 1, "size": 1, "damaged": 1}
    found = metrics.families(run, verification, {}, health_seconds=1.0)
    names = {family.name for family in found} | {f"conda_mirror_{name}" for name in _GAUGES}
    return names | {"conda_mirror_schedule_timestamp_seconds"}


def expressions(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key in {"expr", "query"} and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(document, list):
        for value in document:
            yield from expressions(value)


@pytest.mark.parametrize("name", ["alerts.yml", "grafana.json"])
def test_only_metrics_that_there_are_are_asked_for(name: str) -> None:
    text = (MONITORING / name).read_text()
    document = yaml.safe_load(text) if name.endswith("yml") else json.loads(text)
    asked = {
        metric
        for expression in expressions(document)
        for metric in re.findall(r"conda_mirror_\w+", expression)
    }
    assert len(asked) > 8
    assert asked <= known()


def test_every_metric_is_documented() -> None:
    text = (DOCS / "monitoring.md").read_text()
    for metric in known() - {"conda_mirror_info"}:
        assert f"`{metric.removeprefix('conda_mirror_')}`" in text, metric


def test_every_event_and_kind_is_documented() -> None:
    text = (DOCS / "monitoring.md").read_text()
    assert [event for event in EVENTS if f"| `{event}` |" not in text] == []
    assert [kind for kind in KINDS if kind not in text] == []


def test_alerts_are_complete() -> None:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    names = [rule["alert"] for rule in rules]
    assert len(names) == len(set(names)) > 8
    for rule in rules:
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]
