"""The main job on real input: 77 real packages, mirrored, indexed, served and installed."""

import json
import subprocess
import time
from pathlib import Path

import pytest
import requests
import zstandard

from tests.stack.compose import Stack
from tests.stack.conftest import SUBDIRS
from tests.support.clients.clients import Variant, rattler_install, rattler_solve

CHANNEL = "/cloud/conda-forge"
# They have a solution only with upstream's own records (shared/realdata/README.md).
REQUESTS = (
    ("linux-64", ("libmamba",)),
    ("linux-64", ("libarchive", "zstd", "krb5")),
    ("linux-aarch64", ("libcurl",)),
)


def upstream_repodata(realdata: Path, subdir: str) -> dict[str, dict[str, object]]:
    path = realdata / "upstream" / "conda-forge" / subdir / "repodata.json"
    found: dict[str, dict[str, object]] = json.loads(path.read_text())
    return found


def test_every_served_record_equals_upstreams(real_mirror: Stack, realdata: Path) -> None:
    compared = 0
    for subdir in SUBDIRS:
        upstream = upstream_repodata(realdata, subdir)
        path = f"{CHANNEL}/{subdir}/repodata.json"
        served = real_mirror.get(path).json()
        compressed = real_mirror.get(f"{path}.zst").content
        assert json.loads(zstandard.ZstdDecompressor().decompressobj().decompress(compressed)) == (
            served
        )
        for section in ("packages", "packages.conda"):
            assert served[section] == upstream[section]
            compared += len(served[section])
    assert compared == 77


def test_every_artifact_is_served_as_its_record_says(real_mirror: Stack, realdata: Path) -> None:
    url = real_mirror.url
    for subdir in SUBDIRS:
        folder = realdata / "upstream" / "conda-forge" / subdir
        for artifact in [*folder.glob("*.conda"), *folder.glob("*.tar.bz2")]:
            answer = subprocess.run(
                ["cmp", "-", artifact],
                input=_download(f"{url}{CHANNEL}/{subdir}/{artifact.name}"),
                check=False,
            )
            assert answer.returncode == 0, artifact


def _download(url: str) -> bytes:
    answer = requests.get(url, timeout=30)
    answer.raise_for_status()
    return answer.content


@pytest.mark.parametrize("variant", ["shards", "zst", "json"])
@pytest.mark.parametrize(("subdir", "specs"), REQUESTS)
def test_py_rattler_solves(
    real_mirror: Stack, subdir: str, specs: tuple[str, ...], variant: Variant
) -> None:
    result = rattler_solve(f"{real_mirror.url}{CHANNEL}", subdir, specs, variant=variant)
    assert result.error is None
    assert result.files


def test_py_rattler_installs_what_then_runs(real_mirror: Stack, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    result = rattler_install(
        f"{real_mirror.url}{CHANNEL}", "linux-64", ("libarchive", "zstd", "krb5"), prefix
    )
    assert result.error is None
    shown = subprocess.run(
        [prefix / "bin" / "zstd", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert "1.5.6" in shown


@pytest.mark.parametrize("use_zst", ["true", "false"])
def test_conda_installs_what_then_runs(real_mirror: Stack, use_zst: str) -> None:
    shown = real_mirror.client(
        f"export CONDA_REPODATA_USE_ZST={use_zst}; "
        "conda create --yes --quiet --prefix /tmp/env --override-channels"
        f" --channel http://nginx:8080{CHANNEL} libarchive zstd krb5 >&2;"
        " /tmp/env/bin/zstd --version; /tmp/env/bin/bsdtar --version"
    )
    assert "1.5.6" in shown
    assert "3.7.7" in shown


def test_second_sync_makes_conditional_requests_only(real_mirror: Stack) -> None:
    before = len(real_mirror.requests_upstream())
    started = time.monotonic()
    finished = real_mirror.syncer("--once", "--json")
    elapsed = time.monotonic() - started
    assert finished.code == 0, finished
    made = real_mirror.requests_upstream()[before:]
    assert [line for line in made if line[2] == "200"] == []
    assert {line[3] for line in made if line[2] == "304"} == {"conditional"}
    assert elapsed < 15  # container start included
