"""Compose's own settings reach containers and images: `docker compose config`, no engine."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
TLS = "docker-compose.yml:docker-compose.tls.yml"
PROGRAMS = ("syncer", "indexer", "nginx")


def resolved(**settings: str) -> Any:
    """The Compose file with these settings and no .env."""
    if shutil.which("docker") is None:
        pytest.skip("no docker on this machine")
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        pytest.skip("no docker compose on this machine: tests/machine/compose.sh")
    done = subprocess.run(
        ["docker", "compose", "--env-file", os.devnull, "config", "--format", "json"],
        cwd=REPOSITORY,
        env={**base, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mounts(service: Any) -> dict[str, str]:
    return {mount["target"]: mount["source"] for mount in service["volumes"]}


def ports(service: Any) -> list[tuple[str | None, str, int]]:
    return [(p.get("host_ip"), p["published"], p["target"]) for p in service["ports"]]


def test_where_it_listens() -> None:
    assert ports(resolved()["services"]["nginx"]) == [(None, "8080", 8080)]
    found = resolved(MIRROR_BIND="127.0.0.1:81", TLS_BIND="444", COMPOSE_FILE=TLS)
    assert ports(found["services"]["nginx"]) == [("127.0.0.1", "81", 8080), (None, "444", 8443)]


def test_tls() -> None:
    assert "TLS" not in resolved()["services"]["nginx"]["environment"]
    settings = {"TLS_DIR": "/certificates", "TLS_REDIRECT": "yes", "TLS_BIND": "444"}
    nginx = resolved(COMPOSE_FILE=TLS, **settings)["services"]["nginx"]
    assert mounts(nginx)["/etc/conda-mirror/tls"] == "/certificates"
    plain = resolved()["services"]["nginx"]
    assert "user" not in plain and "cap_add" not in plain
    assert (nginx["user"], nginx["cap_drop"]) == ("0:0", ["ALL"])
    told = {name: nginx["environment"][name] for name in ("TLS", "TLS_REDIRECT", "TLS_BIND")}
    assert told == {"TLS": "yes", "TLS_REDIRECT": "yes", "TLS_BIND": "444"}


def test_whose_files_and_where() -> None:
    found = resolved(PUID="7", PGID="8", MIRROR_DATA="/data/conda", UPSTREAM_SECRETS="/hidden")
    services = found["services"]
    for name in ("syncer", "indexer"):
        assert services[name]["user"] == "7:8"
    assert services["volume-init"]["environment"] == {"PUID": "7", "PGID": "8"}
    for name in ("volume-init", *PROGRAMS):
        assert mounts(services[name])["/srv/mirror"] == "/data/conda"
    assert mounts(services["syncer"])["/run/upstream-secrets"] == "/hidden"
    assert mounts(resolved()["services"]["nginx"])["/srv/mirror"] == "mirror"


def test_memory_has_room_for_the_largest_channel_that_is_promised() -> None:
    services = resolved()["services"]
    sizing = (REPOSITORY / "docs/sizing.md").read_text()
    for name in ("syncer", "indexer"):
        row = re.search(rf"\| memory of the {name}[^|]*\| ([\d.]+) GB \|", sizing)
        temporary = re.search(r"size=(\d+)(m|g)", services[name]["tmpfs"][0])
        assert row and temporary
        tmpfs = int(temporary[1]) * {"m": 2**20, "g": 2**30}[temporary[2]]
        assert int(services[name]["mem_limit"]) >= float(row[1]) * 1e9 + tmpfs
    assert 0 < int(services["volume-init"]["mem_limit"]) <= 2**28
    # The page cache of what nginx serves would count.
    assert not int(services["nginx"].get("mem_limit", 0))
    given = {"SYNCER_MEMORY": "5g", "INDEXER_MEMORY": "600m", "NGINX_MEMORY": "1g"}
    found = resolved(**given)["services"]
    limits = [int(found[name]["mem_limit"]) for name in PROGRAMS]
    assert limits == [5 * 2**30, 600 * 2**20, 2**30]


def test_an_instance_of_another_name_shares_nothing() -> None:
    for name in ("conda-mirror", "second"):
        found = resolved(COMPOSE_PROJECT_NAME=name)
        assert found["name"] == name
        assert {one["name"] for one in found["volumes"].values()} == {
            f"{name}_mirror",
            f"{name}_state",
            f"{name}_usage",
        }


def test_the_time_zone_reaches_every_program() -> None:
    services = resolved(TZ="Europe/Berlin")["services"]
    assert {services[name]["environment"]["TZ"] for name in PROGRAMS} == {"Europe/Berlin"}


def test_names_and_labels_of_images() -> None:
    services = resolved(IMAGE_PREFIX="registry.lan/x", VERSION="1.2", REVISION="abc")["services"]
    for name in PROGRAMS:
        assert services[name]["image"] == f"registry.lan/x/{name}:1.2"
        arguments = services[name]["build"]["args"]
        assert (arguments["VERSION"], arguments["REVISION"]) == ("1.2", "abc")
        text = (REPOSITORY / name / "Dockerfile").read_text()
        assert 'version="${VERSION}"' in text and 'revision="${REVISION}"' in text


def test_what_images_are_built_from_and_through() -> None:
    settings = {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:2", "NO_PROXY": "lan"}
    found = resolved(BUILD_CA_BUNDLE="/ca.pem", BASE_IMAGE="base", CONDA_BASE="conda",
                     CONDA_CHANNEL="http://m/cloud/conda-forge", **settings)  # fmt: skip
    for name in PROGRAMS:
        arguments = found["services"][name]["build"]["args"]
        assert {key: arguments[key] for key in settings} == settings
        own = "CONDA_BASE" if name == "indexer" else "BASE_IMAGE"
        assert arguments[own] == ("conda" if name == "indexer" else "base")
        text = (REPOSITORY / name / "Dockerfile").read_text()
        assert f"FROM ${{{own}}}" in text or f"FROM ${own}" in text
        assert name == "nginx" or "--mount=type=secret,id=ca" in text  # nginx's needs no TLS
    pinned = resolved(NGINX_VERSION="1.26.3", SUPERCRONIC_VERSION="0.2.45")["services"]
    for name, version in (("nginx", "1.26.3"), ("syncer", "0.2.45")):
        program = "nginx" if name == "nginx" else "supercronic"
        argument = f"{program.upper()}_VERSION"
        assert pinned[name]["build"]["args"][argument] == version
        text = (REPOSITORY / name / "Dockerfile").read_text()
        assert f"dpkg-query -W -f '${{Version}}' {program}" in text
        assert f'case "$found" in "${argument}"' in text
    channel = found["services"]["indexer"]["build"]["args"]["CONDA_CHANNEL"]
    assert channel == "http://m/cloud/conda-forge"
    assert '-c "${CONDA_CHANNEL}"' in (REPOSITORY / "indexer/Dockerfile").read_text()
    assert found["secrets"]["ca"]["file"] == "/ca.pem"
