"""The landing page, status.json, the search data's format and the client configuration."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from indexer.site import assets, clients, page, status_json
from indexer.site.facts import Channel, Installers, Site, Sync, Wheels, sync_of
from indexer.site.search import Search, buckets, search_json
from indexer.site.search.buckets import Build
from volume.generations import Generation, Published, UnindexedFile
from volume.ledger.promises import Standing
from volume.relations import Relation, Relations
from volume.run_document import of
from volume.snapshots import Span
from volume.usage import Asked, ChannelUsage, Program, Usage

BOTH = ["bioconda", "conda-forge", "conda-forge/label/rc", "pkgs/free", "pkgs/main"]
NOW = 1_795_343_400.0
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "status.schema.json").read_text())


def channel(name: str, **changes: object) -> Channel:
    values: dict[str, object] = {
        "name": name,
        "path": clients.url_path(name),
        "generation": Generation(
            number=1,
            serial=1,
            local="",
            snapshot="20261122T103000Z",
            created=NOW,
            engine="test",
            subdirs={"noarch": Published(1, 999), "linux-64": Published(1234567, 5_300_000_000)},
        ),
        "example": "jq",
        "names": 2,
        "snapshots": (
            Span(1, "20261122103000", "20261124103000"),
            Span(7, "20261128000000", None),
        ),
        "pinned": frozenset({1}),
        **changes,
    }
    return Channel(**values)  # type: ignore[arg-type]


def site(*channels: Channel, **fields: object) -> Site:
    return Site(written=NOW, channels=channels, **fields)  # type: ignore[arg-type]


RUNNING = {
    "status": "running",
    "started": NOW - 60,
    "finished": None,
    "last_success": None,
    "last_sync": None,
    "failing_since": NOW - 60,
    "channels": [
        {"channel": "bioconda", "status": "success", "downloaded": 1, "downloaded_size": 5},
        {
            "channel": "conda-forge",
            "status": "success",
            "progress": {
                "artifacts": 3, "artifacts_total": 10, "received": 250_000_000,
                "size": 1_000_000_000, "rate": 5_000_000.0,
            },
        },
    ],
}  # fmt: skip

PARTIAL = {
    "status": "partial",
    "started": NOW - 300,
    "finished": NOW,
    "last_success": NOW - 86400,
    "last_sync": NOW,
    "failing_since": None,
    "health_hours": 50.0,
    "channels": [
        {
            "channel": "conda-forge",
            "status": "partial",
            "failed": 30,
            "failures": [
                {"subdir": "linux-64", "filename": f"x{number}-{EVIL}.conda", "reason": EVIL}
                for number in range(25)
            ],
            "warnings": [EVIL],
        },
        {"channel": "bioconda", "status": "failed", "error": f"no {EVIL}"},
    ],
    "canaries": [{"name": "python-3.12", "subdir": "linux-64", "why": EVIL}],
    "error": EVIL,
}


class Tags(HTMLParser):
    """Which elements and attributes a browser would make of a page; ``shape`` is all but texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.shape: list[object] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self.shape.append((tag, [name for name, _ in attrs]))
        self.texts.extend(value or "" for _, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(tag)

    def handle_comment(self, data: str) -> None:
        self.shape.append(("comment", data))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><script>alert(1)</script><img src=x onerror=alert(2)>',
    "' autofocus onfocus='alert(1)",
    "--><svg onload=alert(1)>",
    "</textarea></title></style></code></pre><a href=javascript:alert(1)>",
    "{{ 7 * 7 }}{% raw %}{# x #}",
    "&lt;b&gt;\x00\u2028\ud800",
]


def texts_in(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Where a text stands in plain facts; the keys of mappings, too."""
    if isinstance(value, str):
        yield path
    elif is_dataclass(value):
        for one in fields(value):
            yield from texts_in(getattr(value, one.name), (*path, one.name))
    elif isinstance(value, tuple):
        for at, one in enumerate(value):
            yield from texts_in(one, (*path, at))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield (*path, (key,))
            yield from texts_in(one, (*path, key))


def with_text(value: Any, path: tuple[Any, ...], text: str) -> Any:
    """The same facts with another text in one place."""
    if not path:
        return text
    step, *others = path
    rest = tuple(others)
    if is_dataclass(value):
        return replace(value, **{step: with_text(getattr(value, step), rest, text)})  # type: ignore[type-var]
    if isinstance(value, tuple):
        return (*value[:step], with_text(value[step], rest, text), *value[step + 1 :])
    if isinstance(step, tuple):
        return {text if key == step[0] else key: one for key, one in value.items()}
    return {key: with_text(one, rest, text) if key == step else one for key, one in value.items()}


def everything() -> Site:
    """A site in which every field that holds a text has one."""
    left_out = (UnindexedFile("noarch", "x-1-0.conda", 1, 1, "why"),)
    found = channel("ours", status="failed", error="why", upstream={"noarch": NOW})
    generation = replace(found.generation, left_out=left_out)
    sync = sync_of(of({**PARTIAL, "error": "why"}), NOW)
    run = replace(sync.runs[0], failures=sync.runs[0].failures[:1])
    return site(
        replace(found, generation=generation), channel("conda-forge"),
        sync=replace(sync, runs=(run, *sync.runs[1:])), installers=(Installers("miniforge", 1, 2),),
    )  # fmt: skip


PLACES = list(texts_in(everything()))


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
        text = clients.condarc(BOTH)
        found = yaml.safe_load(text)
        assert found["channels"] == ["conda-forge", "defaults"]
        assert found["default_channels"] == ["http://mirror.invalid/pkgs/main"]
        assert found["custom_channels"] == {
            "pkgs/free": "http://mirror.invalid",
            "pkgs/main": "http://mirror.invalid",
        }
        assert "# also here: bioconda, conda-forge/label/rc, pkgs/free\n" in text

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

    def test_pixi_asks_here_for_python_packages_where_there_are_some(self) -> None:
        mirrors = tomllib.loads(clients.pixi(BOTH, with_wheels=True))["mirrors"]
        assert {place for (place,) in mirrors.values()} == {
            "http://mirror.invalid/cloud",
            "http://mirror.invalid/pkgs",
            "http://mirror.invalid/pypi/simple",
            "http://mirror.invalid/pypi/packages",
        }
        assert not any("pypi" in line for line in clients.pixi(BOTH).splitlines())
        text = clients.setup_script(assets.text("setup.sh"), BOTH, "x", with_wheels=True)
        assert text.count("/pypi/simple") == text.count("/pypi/packages") == 2

    def test_pixi_knows_no_defaults(self) -> None:
        found = tomllib.loads(clients.pixi(["pkgs/main"]))
        assert found["default-channels"] == ["https://repo.anaconda.com/pkgs/main"]
        assert clients.pixi_channel_word("pkgs/main", ["pkgs/main"]) is None
        assert clients.pixi_channel_word("pkgs/main", BOTH) == "https://repo.anaconda.com/pkgs/main"
        assert clients.pixi_channel_word("bioconda", BOTH) == "bioconda"

    def test_pixi_is_led_to_the_name_mapping_if_it_is_here(self) -> None:
        found = tomllib.loads(clients.pixi(["conda-forge"], maps_names=True))["mirrors"]
        assert found["https://conda-mapping.prefix.dev"] == [f"{clients.ADDRESS}/mapping"]
        older = "https://raw.githubusercontent.com/prefix-dev/parselmouth/main/files"
        assert found[older] == [f"{clients.ADDRESS}/mapping/compressed-v0"]
        assert "mapping" not in clients.pixi(["conda-forge"])
        script = clients.setup_script(
            assets.text("setup.sh"), ["conda-forge"], "true", maps_names=True
        )
        assert script.count("https://conda-mapping.prefix.dev") == 2
        assert "/mapping" in page.page(site(channel("conda-forge"), maps_names=True))

    def test_mambarc_lists_every_channel(self) -> None:
        found = yaml.safe_load(clients.mambarc(["conda-forge", "pkgs/main"]))
        assert found["repodata_has_zst"] == [
            "http://mirror.invalid/cloud/conda-forge",
            "http://mirror.invalid/pkgs/main",
        ]

    def test_the_setup_script_has_all_of_it(self) -> None:
        text = clients.setup_script(assets.text("setup.sh"), BOTH, "conda create -n try jq")
        assert clients.condarc(BOTH) in text
        assert clients.pixi(BOTH) in text
        assert f"mirrored='{' '.join(BOTH)} defaults'" in text
        assert 'say "Try: conda create -n try jq"' in text
        assert not re.search(r"@[A-Z]+@", text)

    def test_nothing_tells_people_to_overwrite_their_configuration(self) -> None:
        shown = page.page(site(*(channel(name) for name in BOTH)))
        assert "-o ~/.condarc" not in shown
        assert "-o ~/.pixi" not in shown


class TestPage:
    def test_it_shows_channels_sizes_and_freshness(self) -> None:
        sync = Sync("success", NOW - 90, NOW, NOW, NOW)
        kinds = (Installers("miniforge", 3, 270_000_000),)
        changed = {"linux-64": NOW - 7200}
        text = page.page(
            site(channel("conda-forge", upstream=changed), channel("pkgs/main"),
                 sync=sync, installers=kinds)
        )  # fmt: skip
        assert "/cloud/conda-forge" in text
        assert "/pkgs/main" in text
        assert "1,234,567" in text
        assert "5.3\u00a0GB" in text
        assert "Last good sync <time" in text
        assert "2026-11-22 10:30 UTC" in text
        assert "2026-11-22 08:30 UTC" in text
        assert "(took 2 min)" in text
        assert '<a href="/miniforge/">miniforge</a>' in text

    def test_the_example_is_of_the_channel_that_is_searched_first(self) -> None:
        found = site(channel("bioconda", example="samtools"), channel("conda-forge", example="jq"))
        text = page.page(found)
        assert "conda create -n try jq" in text
        assert "--override-channels -c http://mirror.invalid/cloud/conda-forge jq" in text
        assert "samtools" not in text
        assert text.index('<th scope="rowgroup">conda-forge') < text.index(
            '<th scope="rowgroup">bioconda'
        )

    def test_before_anything_is_published_it_looks_again_by_itself(self) -> None:
        text = page.page(site(sync=sync_of(of(RUNNING), NOW)))
        assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in text
        assert "Nothing is published yet." in text
        assert "setup.sh" not in text
        assert "25%" in text
        assert 'value="0.2500"' in text
        words = "3 of 10 packages, 250\u00a0MB of 1.0\u00a0GB, 5.0\u00a0MB/s, about 2 min left"
        assert words in text
        assert "1 new package (5\u00a0B)" in text
        assert "Nothing was synced yet" in page.page(site())

    def test_a_base_that_is_not_here_is_a_problem(self) -> None:
        related = Relations((Relation("base", "../conda-forge", "conda-forge"),))
        bioconda = channel("bioconda", relations=related)
        assert "bioconda: it builds on conda-forge (base" in page.page(site(bioconda))
        both = site(bioconda, channel("conda-forge"))
        assert "builds on" not in page.page(both)

    def test_the_times_that_are_kept_have_a_page(self) -> None:
        text = page.snapshots_page(site(channel("conda-forge"), channel("pkgs/main")))
        assert "/snapshots/TIME/cloud/conda-forge" in text
        assert "/snapshots/TIME/pkgs/main" in text
        assert "<td>2026-11-22T10:30:00Z</td><td>2026-11-24T10:30:00Z</td>" in text
        assert "1 (pinned)" in text
        assert "<td>2026-11-28T00:00:00Z</td><td>now</td>" in text
        assert "<script" not in text
        assert page.snapshots_page(site())

    def test_it_says_which_python_packages_are_here(self) -> None:
        text = page.page(site(channel("conda-forge"), wheels=Wheels(1_200, 1, 5_000_000)))
        assert "1,200 files of 1 project, 5.0\u00a0MB" in text
        assert "no others" in text.replace("\n", " ")
        assert "--index-url http://mirror.invalid/pypi/simple/" in text
        assert "http://mirror.invalid/pypi/packages" in text, "pixi's configuration"
        assert "pypi" not in page.page(site(channel("conda-forge")))

    def test_it_says_what_is_wrong(self) -> None:
        one = channel("conda-forge", is_held=True, status="failed", error="disk full")
        left_out = (UnindexedFile("noarch", "<x>", 1, 1, "why"),)
        broken = channel("ours", generation=replace(one.generation, left_out=left_out))
        text = page.page(site(one, broken, sync=sync_of(of(PARTIAL), NOW)))
        assert "conda-forge: rolled back to generation 1" in text
        assert "conda-forge: the last attempt to renew the index failed: disk full" in text
        assert "ours: 1 file could not be indexed" in text
        assert "Not everything came" in text
        assert "linux-64/x0-" in text
        assert "linux-64/x20-" not in text
        assert "and 10 more: see" in text
        assert "<code>python-3.12</code> can't be installed on linux-64: " in text
        assert "The last complete sync ended <time" in text

    def test_what_upstream_says_is_never_markup(self) -> None:
        found = channel("conda-forge", example=EVIL, error=EVIL, status="failed")
        odd = replace(found.generation, subdirs={EVIL: Published(1, 1)})
        text = page.page(site(replace(found, generation=odd), sync=sync_of(of(PARTIAL), NOW)))
        tags = Tags(text)
        assert "alert(1)" in text
        assert tags.names.count("script") == 1
        assert "img" not in tags.names
        assert not [name for name in tags.attributes if name.startswith("on")]

    @pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
    def test_no_value_changes_what_a_page_is_made_of(self, place: tuple[object, ...]) -> None:
        tame = Tags(page.page(with_text(everything(), place, "tame")))
        for evil in HOSTILE:
            assert Tags(page.page(with_text(everything(), place, evil))).shape == tame.shape, evil

    def test_every_kind_of_value_is_tried(self) -> None:
        names = {str(place[-1]) for place in PLACES}
        assert {"name", "error", "why", "reason", "filename", "subdir", "kind", "example"} <= names
        assert {"status", "path", "('noarch',)", "('linux-64',)"} <= names

    @pytest.mark.parametrize("name", ["$(reboot)", "x;reboot", "`reboot`", "-c", "", "a b"])
    def test_only_a_plain_name_gets_into_a_command(self, name: str) -> None:
        found = site(channel("conda-forge", example=name))
        for tool in clients.TOOLS:
            assert page.example_command(tool, found).endswith(" PACKAGE")
            assert clients.single_command(tool, "/cloud/x", name).count("PACKAGE") == 1
        assert "reboot" not in page.page(found)

    def test_it_needs_nothing_from_outside_and_nothing_inline(self) -> None:
        text = page.page(site(channel("conda-forge"), sync=sync_of(of(PARTIAL), NOW)))
        assert "<style" not in text
        assert " style=" not in text
        assert re.findall(r"<script[^>]*></script>", text) == [
            f'<script defer src="/site/{assets.script_name()}"></script>'
        ]
        addresses = re.findall(r"(?:href|src)=\"([^\"]+)\"", text)
        assert all(one.startswith(("/", "data:,")) for one in addresses)
        style = assets.text("page.css")
        assert "@import" not in style
        assert "url(" not in style
        assert "prefers-color-scheme: dark" in style

    def test_a_document_of_another_syncer_is_shown_as_far_as_it_is_understood(self) -> None:
        odd = {"status": 7, "started": "soon", "channels": [3, {"failures": [1, {}]}, {}], "x": 1}
        found = sync_of(of(odd), None)
        assert found.status == "unknown"
        assert found.started is None
        assert [run.name for run in found.runs] == ["?", "?"]
        assert "unknown" in page.page(site(channel("conda-forge"), sync=found))


class TestStatus:
    @pytest.mark.parametrize(
        "found",
        [
            site(),
            site(sync=sync_of(of(RUNNING), NOW), next_report_seconds=300.0),
            site(
                channel("conda-forge", upstream={"linux-64": NOW}),
                sync=sync_of(of(PARTIAL), NOW),
            ),
            site(channel("conda-forge", error="x"), installers=(Installers("miniforge", 1, 2),)),
            site(channel("conda-forge"), wheels=Wheels(3, 2, 5_000)),
            site(sync=sync_of(of({}), None)),
        ],
    )
    def test_it_is_as_its_schema_says(self, found: Site) -> None:
        jsonschema.validate(json.loads(status_json.text(found)), SCHEMA)

    def test_it_has_what_the_badge_needs(self) -> None:
        found = status_json.document(
            site(sync=sync_of(of(PARTIAL), NOW - 5), next_report_seconds=300.0)
        )
        assert (found["written"], found["next_report_seconds"]) == (NOW, 300.0)
        assert found["sync"]["reported"] == NOW - 5
        assert found["sync"]["health_hours"] == 50.0
        assert found["sync"]["channels"][0]["failures"][0]["reason"] == EVIL
        assert status_json.document(site(sync=sync_of(of(RUNNING), NOW)))["sync"]["channels"][1][
            "progress"
        ] == {
            "artifacts": 3, "artifacts_total": 10, "received": 250_000_000,
            "size": 1_000_000_000, "rate": 5_000_000.0, "seconds_left": 150.0,
        }  # fmt: skip


class TestCatalog:
    def test_builds_are_sorted_newest_first(self) -> None:
        builds = [
            Build("linux-64", f"x-{version}-{number}.conda",
                  {"version": version, "build": str(number), "build_number": number}, None)
            for version, number in (
                ("1.9", 0), ("1.10", 0), ("1.10", 2), ("1.10rc1", 9), ("2!0.1", 0), ("?", 0))
        ]  # fmt: skip
        found = [(row[0], row[1]) for row in buckets.entry(builds, "")["builds"]]
        assert found == [
            ("2!0.1", "0"), ("1.10", "2"), ("1.10", "0"), ("1.10rc1", "9"), ("1.9", "0"),
            ("?", "0"),
        ]  # fmt: skip

    def test_a_row_has_what_the_page_shows(self) -> None:
        record = {
            "version": "1.0", "build": "h1_0", "size": 5, "license": "MIT",
            "timestamp": 1_700_000_000_123, "depends": ["x"],
        }  # fmt: skip
        build = Build("noarch", "x-1.0-h1_0.tar.bz2", record, 1_795_343_400.5)
        found = buckets.entry([build], "A thing")
        assert found == {
            "summary": "A thing",
            "builds": [
                ["1.0", "h1_0", "noarch", ".tar.bz2", 5, "MIT", 1_700_000_000, 1_795_343_400]
            ],
            "more": 0,
        }

    def test_records_that_lack_everything_or_lie_about_types(self) -> None:
        record = {"version": 3, "size": "big", "license": ["MIT"], "timestamp": None}
        found = buckets.entry([Build("noarch", "x", record, None)], "")
        assert found["builds"] == [["", "", "noarch", "", 0, "", 0, 0]]
        assert buckets.newest(found) == ("", 1)

    @pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan"), 10**400, -1, True])
    def test_numbers_that_are_none(self, odd: float) -> None:
        record = {"timestamp": odd, "size": odd, "build_number": odd, "version": "1"}
        found = buckets.entry([Build("noarch", "x-1-0.conda", record, None)], "")
        json.loads(buckets.bucket({"x": found}), parse_constant=pytest.fail)

    def test_a_name_with_very_many_builds_is_cut_and_says_so(self) -> None:
        builds = [
            Build("linux-64", f"x-1.{number}-0.conda", {"version": f"1.{number}"}, None)
            for number in range(buckets.MOST_BUILDS + 7)
        ]
        found = buckets.entry(builds, "")
        assert len(found["builds"]) == buckets.MOST_BUILDS
        assert found["more"] == 7
        assert buckets.newest(found) == (f"1.{buckets.MOST_BUILDS + 6}", buckets.MOST_BUILDS + 7)

    @pytest.mark.parametrize(("builds", "count"), [(0, 16), (4000, 16), (4001, 64), (10**9, 4096)])
    def test_buckets_grow_with_the_channel(self, builds: int, count: int) -> None:
        assert buckets.bucket_count(builds) == count

    def test_buckets_are_chosen_as_in_the_script(self) -> None:
        # FNV-1a's own test values: http://www.isthe.com/chongo/tech/comp/fnv/
        assert buckets.bucket_of("", 2**32) == 0x811C9DC5
        assert buckets.bucket_of("foobar", 2**32) == 0xBF9CF968

    def test_half_a_character_does_not_end_it(self) -> None:
        found = buckets.bucket({"x": buckets.entry([], "half: \ud800")})
        assert json.loads(found)["names"]["x"]["summary"].startswith("half: ")

    def test_the_example_is_a_tool_that_many_know(self) -> None:
        assert buckets.well_known({"abc", "zstd", "jq"}) == "jq"
        assert buckets.well_known({"abc"}) is None


class TestSearchIndex:
    def test_it_is_read_as_it_was_written(self) -> None:
        found = {
            name: Search(4, "20261122T103000Z", "names-0.json", 5, None, {"names-1.json": 2.0})
            for name in BOTH
        }
        text = search_json.text(found)
        assert search_json.read(text.encode()) == found
        listed = json.loads(text)["channels"]
        assert [one["name"] for one in listed][:2] == ["conda-forge", "pkgs/main"]
        words = {one["name"]: (one["install"], one["pixi"]) for one in listed}
        assert words["conda-forge"] == (None, None)
        assert words["pkgs/main"] == (None, "https://repo.anaconda.com/pkgs/main")
        assert words["bioconda"] == ("bioconda", "bioconda")

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema": 99, "channels": []}', b'"x"'])
    def test_one_that_can_not_be_understood_counts_as_none(self, data: bytes) -> None:
        assert search_json.read(data) == {}


class TestUsage:
    def used(self, *missing: Asked) -> Usage:
        used = (Asked("python", 1204, 5_000_000_000, 7, NOW), Asked("numpy", 3, 9, 1, NOW))
        return Usage(
            NOW - 9e6, 30, (ChannelUsage("conda-forge", True, 1207, 5_000_000_009, used, missing),),
            (Program("pixi/0.77.0", 1207, 5_000_000_009),),
        )  # fmt: skip

    def test_the_page_and_the_document_show_it(self) -> None:
        found = site(channel("conda-forge"), usage=self.used(Asked("polars", 12, 0, 2, NOW)))
        shown = page.page(found)
        assert "What this LAN uses" in shown and "1,207 requests" in shown
        assert shown.index(">python<") < shown.index(">numpy<")
        assert "polars (12)" in shown
        document = json.loads(status_json.text(found))
        jsonschema.validate(document, SCHEMA)
        assert document["usage"]["channels"][0]["used"][0]["name"] == "python"

    def test_nothing_is_shown_before_anything_is_used(self) -> None:
        for usage in (None, Usage(NOW, 30)):
            found = site(channel("conda-forge"), usage=usage)
            assert "What this LAN uses" not in page.page(found)
            jsonschema.validate(json.loads(status_json.text(found)), SCHEMA)

    def test_a_name_is_never_markup(self) -> None:
        found = site(channel("conda-forge"), usage=self.used(Asked(EVIL, 1, 0, 1, NOW)))
        assert EVIL not in page.page(found)


def test_what_is_promised_is_told_apart_from_what_is_here() -> None:
    waiting = {"linux-64": Standing(1_234_000, 5_000_000_000)}
    shown = site(channel("conda-forge", promised=waiting), channel("bioconda"))
    document = status_json.document(shown)
    jsonschema.validate(document, SCHEMA)
    ours, other = document["channels"]
    assert (ours["promised"], ours["promised_size"]) == (1_234_000, 5_000_000_000)
    assert ours["size"] == 5_300_000_999
    assert ours["subdirs"]["linux-64"]["promised"] == 1_234_000
    assert ours["subdirs"]["noarch"]["promised"] == other["promised"] == 0
    text = re.sub(r"[ \n]+", " ", page.page(shown))
    summary = re.search(r'id="summary".*?</p>', text)
    assert summary is not None
    assert "5.6\u00a0GB here" in summary[0] and "5.0\u00a0GB when asked for" in summary[0]
    assert "1,234,000, 5.0\u00a0GB" in text and "300\u00a0MB" in text
    for row in re.findall(r"<tr.*?</tr>", text.split('id="channels"')[1].split("</table>")[0]):
        assert len(re.findall(r"<t[hd][ >]", row)) == 6, row


def test_a_mirror_that_promises_nothing_says_nothing_of_it() -> None:
    assert "when asked for" not in page.page(site(channel("conda-forge")))


def test_no_more_is_promised_than_is_listed() -> None:
    assert Standing(5, 500).within(3, 400) == Standing(3, 400)
