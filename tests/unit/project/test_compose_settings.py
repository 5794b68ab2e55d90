"""Every setting that the programs know reaches them through docker-compose.yml."""

from pathlib import Path

import pytest
import yaml

from indexer.base.settings import Settings as IndexerSettings
from syncer.settings.settings import Settings as SyncerSettings
from volume.program.settings import definitions

COMPOSE = Path(__file__).resolve().parents[3] / "docker-compose.yml"
FIXED_BY_THE_IMAGES = {
    "CONFIG_DIR", "MIRROR_DIR", "STATE_DIR", "USAGE_DIR", "CONDA_EXE", "TUNASYNC_WORKING_DIR",
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "settings"), [("syncer", SyncerSettings), ("indexer", IndexerSettings)]
)
def test_compose_passes_every_setting_on(service: str, settings: type) -> None:
    names = {
        name
        for definition in definitions(settings)
        for name in (definition.name, *definition.aliases)
    }
    passed_on = yaml.safe_load(COMPOSE.read_text())["services"][service]["environment"]
    assert names - FIXED_BY_THE_IMAGES - passed_on.keys() == set()
    # The programs know the defaults: none is repeated here.
    assert {name: value for name, value in passed_on.items() if value is not None} == {}
