"""Which installers are chosen, and what a run would do with them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from syncer.errors import GuardError
from syncer.installers.changes import check_rows, plan
from syncer.installers.installer_filter import InstallerFilter
from syncer.installers.listings import table
from syncer.installers.listings.listed import (
    InstallerListing,
    ListedInstaller,
    RefusedRow,
    collect,
    listed,
)
from syncer.installers.product import parse, version_key
from syncer.settings.installer_settings import check_pattern
from volume.installers import Installer

LINUX = ("linux-64", "noarch")


def sha256(number: int) -> str:
    return f"{number:064x}"


def rows(**hashes: str) -> InstallerListing:
    return collect(listed(name, [hashed], size=10) for name, hashed in hashes.items())


def installer(name: str, number: int) -> Installer:
    return Installer(name, sha256(number), f"{number:032x}", 10, 1.0)


@pytest.mark.parametrize(
    ("name", "product", "changes", "platform"),
    [
        ("Miniconda3-py312_24.1.2-0-Linux-x86_64.sh", "Miniconda3-py312", False, "Linux x86_64 sh"),
        ("Miniconda3-4.12.0-MacOSX-arm64.pkg", "Miniconda3", False, "MacOSX arm64 pkg"),
        ("Miniconda-3.9.1-Windows-x86.exe", "Miniconda", False, "Windows x86 exe"),
        ("Miniconda3-latest-Linux-s390x.sh", "Miniconda3", True, "Linux s390x sh"),
        ("Anaconda3-2026.07-1-Windows-x86_64.exe", "Anaconda3", False, "Windows x86_64 exe"),
        ("Miniforge3-Linux-aarch64.sh", "Miniforge3", True, "Linux aarch64 sh"),
        ("Miniforge3-26.1.0-0-Linux-aarch64.sh", "Miniforge3", False, "Linux aarch64 sh"),
    ],
)
def test_a_name_is_taken_apart(name: str, product: str, changes: bool, platform: str) -> None:
    found = parse(name)
    assert found is not None
    assert (found.product, found.version is None) == (product, changes)
    assert f"{found.system} {found.machine} {found.ending}" == platform


def test_a_name_of_another_kind_has_no_product() -> None:
    assert parse("Miniconda3-uninstaller-patch-win-1.2.3.exe") is None


def test_versions_have_their_order() -> None:
    ordered = (
        "1.9.1", "2.0rc1", "2.0", "4.7.12", "4.7.12.1", "4.12.0", "24.1.2-0", "24.1.2-1",
        "2023.03-1", "2024.02-1", "2024.10-1", "2024.10-2",
    )  # fmt: skip
    for older, newer in itertools.pairwise(ordered):
        assert version_key(older) < version_key(newer), (older, newer)


def test_the_newest_of_each_line_and_what_is_called_latest() -> None:
    names = [
        "Miniconda3-latest-Linux-x86_64.sh",
        "Miniconda3-py312_24.1.2-0-Linux-x86_64.sh",
        "Miniconda3-py312_24.11.1-0-Linux-x86_64.sh",
        "Miniconda3-py311_24.9.0-0-Linux-x86_64.sh",
        "Miniconda3-py312_24.11.1-0-Linux-aarch64.sh",
        "Miniconda3-latest-Windows-x86_64.exe",
        "Miniconda3-uninstaller-patch-win-1.2.3.exe",
    ]
    assert InstallerFilter(LINUX).choose(names) == {names[0], names[2], names[3]}
    assert InstallerFilter(LINUX, newest=0).choose(names) == set(names[:4])
    assert InstallerFilter(LINUX, ("*-Windows-*", "*uninstaller*")).choose(names) == {
        names[5],
        names[6],
    }
    assert InstallerFilter(("noarch",)).choose(names) == frozenset()


def test_the_platforms_of_a_real_page(realdata: Path) -> None:
    page = (realdata / "html" / "miniconda-2023-07-14.html").read_bytes()
    names = [one.filename for one in table.parse(page, "here").installers]
    chosen = InstallerFilter(("linux-64", "win-64", "osx-arm64", "noarch")).choose(names)
    assert "Miniconda3-py311_23.5.2-0-Linux-x86_64.sh" in chosen
    assert "Miniconda3-py311_23.5.1-0-Linux-x86_64.sh" not in chosen
    assert {name for name in chosen if "-latest-" in name} == {
        "Miniconda2-latest-Linux-x86_64.sh", "Miniconda3-latest-Linux-x86_64.sh",
        "Miniconda2-latest-Windows-x86_64.exe", "Miniconda3-latest-Windows-x86_64.exe",
        "Miniconda3-latest-MacOSX-arm64.sh", "Miniconda3-latest-MacOSX-arm64.pkg",
    }  # fmt: skip
    ends = r"(Linux-x86_64\.sh|Windows-x86_64\.exe|MacOSX-arm64\.(sh|pkg))$"
    assert all(re.search(ends, name) for name in chosen)
    every = InstallerFilter(("linux-64", "win-64", "osx-arm64", "noarch"), newest=0).choose(names)
    assert every == {name for name in names if re.search(ends, name)}


def test_names_of_a_release_follow_the_platforms() -> None:
    assert InstallerFilter(("linux-64", "win-64", "osx-arm64")).derived("Miniforge3") == (
        "Miniforge3-Linux-x86_64.sh",
        "Miniforge3-MacOSX-arm64.sh",
        "Miniforge3-MacOSX-arm64.pkg",
        "Miniforge3-Windows-x86_64.exe",
    )
    assert InstallerFilter((), ("*-aarch64.sh",)).derived("Miniforge3") == (
        "Miniforge3-Linux-aarch64.sh",
    )


def test_a_pattern_must_be_able_to_match() -> None:
    assert check_pattern("Miniconda3-*-Linux-x86_64.sh")
    with pytest.raises(ValueError, match="is not a pattern of installer names"):
        check_pattern("../x")


OLD, NEW, LATEST = (
    "Anaconda3-2024.02-1-Linux-x86_64.sh",
    "Anaconda3-2024.10-1-Linux-x86_64.sh",
    "Anaconda3-latest-Linux-x86_64.sh",
)


def test_a_content_with_two_names_is_downloaded_once() -> None:
    planned = plan(rows(**{NEW: sha256(2), LATEST: sha256(2)}), InstallerFilter(LINUX), {})
    assert [[row.filename for row in group] for group in planned.downloads] == [[NEW, LATEST]]


def test_a_content_that_is_here_is_not_downloaded_for_another_name() -> None:
    present = {NEW: installer(NEW, 2), LATEST: installer(LATEST, 1)}
    planned = plan(rows(**{NEW: sha256(2), LATEST: sha256(2)}), InstallerFilter(LINUX), present)
    assert planned.downloads == ()
    assert [(row.filename, here) for row, here in planned.linked] == [(LATEST, NEW)]
    assert planned.kept == (NEW,)
    assert planned.replaced == {LATEST}


def test_md5_is_compared_where_upstream_has_no_sha256() -> None:
    same, other = f"{1:032x}", f"{2:032x}"
    present = {OLD: installer(OLD, 1)}
    assert plan(rows(**{OLD: same}), InstallerFilter(LINUX), present).kept == (OLD,)
    assert plan(rows(**{OLD: other}), InstallerFilter(LINUX), present).replaced == {OLD}


def test_older_versions_become_unwanted_and_bad_rows_do_not() -> None:
    present = {OLD: installer(OLD, 1), LATEST: installer(LATEST, 1)}
    listing = collect(
        [listed(NEW, [sha256(2)], size=10), listed(OLD, [sha256(1)]), RefusedRow(LATEST, "bad")]
    )
    planned = plan(listing, InstallerFilter(LINUX), present)
    assert planned.unwanted == {OLD}
    assert planned.kept == (LATEST,)
    assert [one.filename for one in planned.refused] == [LATEST]


def test_a_row_of_md5_and_sha256_has_the_digest_of_its_sha256() -> None:
    both = listed(NEW, [sha256(1), f"{1:032x}"])
    one = listed(NEW, [sha256(1)])
    assert isinstance(both, ListedInstaller) and isinstance(one, ListedInstaller)
    assert both.digest == one.digest


def test_a_listing_that_lost_most_rows_is_refused() -> None:
    check_rows("archive", 85, 100, 20.0)
    check_rows("archive", 1, 11, 20.0)  # a share of a handful says nothing
    with pytest.raises(GuardError) as caught:
        check_rows("archive", 50, 100, 20.0)
    assert str(caught.value) == (
        "archive: upstream's listing has 50 installers, the last one had 100: it lost 50 %, more"
        " than WIPE_GUARD_PERCENT=20 allows. Nothing was changed; if it is right, run"
        " 'syncer --once --allow-wipe archive'"
    )
