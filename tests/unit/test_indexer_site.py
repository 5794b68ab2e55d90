"""The landing page and the client configuration."""

import re
import tomllib
from dataclasses import replace

import yaml

from indexer import clients, landing
from indexer.site import Channel, Sync
from volume.generations import Generation, LeftOut, Published

BOTH = ["bioconda", "conda-forge", "conda-forge/label/rc", "pkgs/free", "pkgs/main"]


def channel(name: str, **fields: object) -> Channel:
    values: dict[str, object] = {
        "name": name,
        "path": clients.url_path(name),
        "generation": Generation(
            number=1,
            serial=1,
            local="",
            snapshot="20261122T103000Z",
            created=1_795_343_400.0,
            engine="test",
            subdirs={"noarch": Published(1, 999), "linux-64": Published(1234567, 5_300_000_000)},
        ),
        "is_held": False,
        "status": "success",
        **fields,
    }
    return Channel(**values)  # type: ignore[arg-type]


class TestClients:
    def test_condarc_names_only_what_is_here(self) -> None:
        found = yaml.safe_load(clients.condarc(["conda-forge"]))
        assert found == {
            "channels": ["conda-forge"],
            "channel_alias": "http://mirror.invalid/cloud",
            "migrated_channel_aliases": ["https://conda.anaconda.org"],
            "show_channel_urls": True,
        }

    def test_defaults_need_pkgs(self) -> None:
        found = yaml.safe_load(clients.condarc(BOTH))
        assert found["channels"] == ["conda-forge", "defaults"]
        assert found["default_channels"] == ["http://mirror.invalid/pkgs/main"]
        assert found["custom_channels"] == {
            "pkgs/free": "http://mirror.invalid",
            "pkgs/main": "http://mirror.invalid",
        }

    def test_without_conda_forge_the_first_is_taken(self) -> None:
        assert yaml.safe_load(clients.condarc(["our/dev", "ours"]))["channels"] == ["ours"]
        assert yaml.safe_load(clients.condarc(["pkgs/main"]))["channels"] == ["defaults"]

    def test_pixi_is_toml(self) -> None:
        found = tomllib.loads(clients.pixi(BOTH))
        assert found["default-channels"] == ["conda-forge"]
        assert found["mirrors"] == {
            "https://conda.anaconda.org": ["http://mirror.invalid/cloud"],
            "https://repo.anaconda.com/pkgs": ["http://mirror.invalid/pkgs"],
        }
        assert list(tomllib.loads(clients.pixi(["ours"]))["mirrors"]) == [
            "https://conda.anaconda.org"
        ]

    def test_mambarc_lists_every_channel(self) -> None:
        found = yaml.safe_load(clients.mambarc(["conda-forge", "pkgs/main"]))
        assert found["repodata_has_zst"] == [
            "http://mirror.invalid/cloud/conda-forge",
            "http://mirror.invalid/pkgs/main",
        ]


class TestLanding:
    def test_it_shows_channels_sizes_and_freshness(self) -> None:
        page = landing.page(
            [channel("conda-forge"), channel("pkgs/main")],
            Sync("success", 1_795_343_400.0, 1_795_343_400.0),
        )
        assert "conda-forge" in page
        assert "/pkgs/main" in page
        assert "1,234,567" in page
        assert "5.3 GB" in page
        assert "Last sync 2026-11-22" in page
        assert clients.ADDRESS in page

    def test_it_needs_nothing_from_outside(self) -> None:
        page = landing.page([channel("conda-forge")], None)
        assert not re.search(r"<(script|link|img|iframe)\b", page)
        assert "@import" not in page
        assert "url(" not in page
        assert 'name="viewport"' in page
        assert "prefers-color-scheme: dark" in page

    def test_it_says_what_is_wrong(self) -> None:
        one = channel("conda-forge", is_held=True, status="failed")
        left_out = (LeftOut("noarch", "<x>", 1, 1, "why"),)
        broken = channel("b<b>", generation=replace(one.generation, left_out=left_out))
        page = landing.page([one, broken], Sync("failed", 1.0, None))
        assert "Rolled back" in page
        assert "attempt to renew the index failed" in page
        assert "1 file could not be indexed" in page
        assert ": failed" in page
        assert "b<b>" not in page
