"""Settings, Compose file, .env.example and documentation say the same."""

from __future__ import annotations

import re

import yaml

from docs.generate import (
    REPOSITORY,
    configuration,
    env_example,
    every_definition,
    mirror_toml_example,
)

COMPOSE = "".join(
    (REPOSITORY / name).read_text() for name in ("docker-compose.yml", "docker-compose.tls.yml")
)
INSIDE = {"CONFIG_DIR", "MIRROR_DIR", "STATE_DIR", "USAGE_DIR", "CONDA_EXE"}  # the images set them


def passed_to(service: str) -> set[str]:
    path = REPOSITORY / "docker-compose.yml"
    environment = yaml.safe_load(path.read_text())["services"][service]["environment"]
    return set(environment)


def test_the_generated_files_are_up_to_date() -> None:
    stale = "stale: run python -m docs.generate"
    assert (REPOSITORY / ".env.example").read_text() == env_example(), stale
    example = REPOSITORY / "config" / "mirror.toml.example"
    assert example.read_text() == mirror_toml_example(), stale
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == configuration(), stale


def test_every_variable_of_the_compose_file_is_documented() -> None:
    named = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE)) | passed_to("syncer") | passed_to("indexer")
    known = {
        name for definition in every_definition() for name in (definition.name, *definition.aliases)
    }
    assert named <= known


def test_every_documented_setting_is_in_the_compose_file() -> None:
    for definition in every_definition():
        if definition.name not in {*INSIDE, "COMPOSE_PROJECT_NAME"}:
            assert definition.name in COMPOSE
