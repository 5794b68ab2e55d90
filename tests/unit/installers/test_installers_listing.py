"""Installer listings of every kind, the real pages among them: all rows, and none but them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from syncer.errors import ListingRejectedError
from syncer.installers.listings import checksums, files_json, table
from syncer.installers.listings.listed import InstallerListing
from tests.conftest import REPOSITORY

CORPUS = REPOSITORY / "tests" / "corpus" / "listing"
SHA256 = "ab" * 32
LINUX = "Miniconda3-latest-Linux-x86_64.sh"


def row(name: str, hashed: str, size: str = "73.2M") -> str:
    link = f'<a href="{name}">{name}</a>'
    return f"<tr><td>{link}</td><td>{size}</td><td>2023-07-13 13:55:52</td><td>{hashed}</td></tr>"


def page(*rows: str, heading: str = "SHA256") -> bytes:
    head = f"<tr><th>Filename</th><th>Size</th><th>Last Modified</th><th>{heading}</th></tr>"
    return f"<html><table>{head}{''.join(rows)}</table></html>".encode()


def named(listing: InstallerListing) -> dict[str, str | None]:
    return {one.filename: one.sha256 or one.md5 for one in listing.installers}


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("miniconda-2018-06-25.html", 376, "md5"),
        ("miniconda-2023-07-14.html", 799, "sha256"),
        ("archive-rows-2026-08-17.fragment.html", 2, "sha256"),
    ],
)
def test_every_row_of_a_real_page_and_none_invented(
    realdata: Path, name: str, count: int, kind: str
) -> None:
    text = (realdata / "html" / name).read_text()
    # Read in another way: line by line, as the pages happen to be written.
    expected = {}
    for body in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", body, re.DOTALL)
        if cells and "directory" not in cells[3]:
            expected[re.sub(r"<[^>]+>", "", cells[0])] = cells[3]
    listing = table.parse(text.encode(), name)
    assert len(expected) == count
    assert named(listing) == expected
    assert listing.refused == ()
    assert all(getattr(one, kind) and one.mtime and one.about for one in listing.installers)
    assert all(one.size is None for one in listing.installers), "rounded sizes are never exact"


def test_files_json_has_exact_sizes_and_no_other_documents() -> None:
    document = {
        LINUX: {"md5": "c" * 32, "mtime": 1700000000.5, "sha256": SHA256, "size": 123},
        "index.json": {"md5": "c" * 32, "mtime": 1.0, "sha256": SHA256, "size": 5},
    }
    listing = files_json.parse(json.dumps(document).encode(), "here")
    (one,) = listing.installers
    assert (one.filename, one.size, one.about, one.sha256, one.md5, one.mtime) == (
        LINUX, 123, 123, SHA256, "c" * 32, 1700000000.5,
    )  # fmt: skip
    assert listing.refused == ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"size": 1}, "lists no hash"),
        ({"size": 1, "sha256": "ab"}, "neither a sha256 nor an md5"),
        ({"size": 0, "sha256": SHA256}, "has 0 bytes"),
        ({"size": "big", "sha256": SHA256}, "can't be understood"),
        (None, "can't be understood"),
    ],
)
def test_an_entry_that_turned_bad_is_refused_and_the_others_are_read(
    entry: object, reason: str
) -> None:
    document = {"Miniconda3-1.0-Linux-x86.sh": entry, LINUX: {"size": 1, "sha256": SHA256}}
    listing = files_json.parse(json.dumps(document).encode(), "here")
    assert [one.filename for one in listing.installers] == [LINUX]
    (refused,) = listing.refused
    assert reason in refused.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"<html></html>",
        b'{"a.sh": {"size": 1',
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
    ],
)
def test_what_is_no_files_json_is_rejected(data: bytes) -> None:
    with pytest.raises(ListingRejectedError, match=r"stay as\s+they are"):
        files_json.parse(data, "here")


def test_names_that_lead_elsewhere_are_refused_and_said() -> None:
    hostile = [
        "../../etc/x.sh", "/x.sh", "a b.sh", ".x.sh", "x%2f..%2fy.sh", "https://other/x.sh",
        "x.sh?a.sh", "-x.sh", "x\u202e.sh", "a" * 300 + ".sh",
    ]  # fmt: skip
    listing = table.parse(page(*(row(name, SHA256) for name in (*hostile, LINUX))), "here")
    assert [one.filename for one in listing.installers] == [LINUX]
    assert len(listing.refused) == len(hostile)
    assert all("is left out" in one.reason for one in listing.refused)


def test_columns_are_found_by_their_headings() -> None:
    data = f"""<table><tr><th>SHA-256</th><th>Date</th><th>Name</th></tr>
        <tr><td>{SHA256}</td><td>2023-07-13 13:55:52</td><td><a href="./{LINUX}">Mini...</a></td>
        </tr></table>""".encode()
    (one,) = table.parse(data, "here").installers
    assert (one.filename, one.sha256, one.mtime) == (LINUX, SHA256, 1689256552.0)


def test_a_name_that_comes_twice_needs_one_hash() -> None:
    other = "Miniconda3-1.0-Linux-x86.sh"
    listing = table.parse(
        page(row(LINUX, SHA256), row(LINUX, "cd" * 32), row(other, SHA256), row(other, SHA256)), ""
    )
    assert named(listing) == {other: SHA256}
    assert [(one.filename, one.reason) for one in listing.refused] == [
        (LINUX, "listed twice, with different hashes")
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((CORPUS / "login.html").read_bytes(), "perhaps a login page"),
        (b"", "no table of installers"),
        (b"<!-- -->", "is not an HTML page"),
        (page(row(LINUX, "ab" * 20), heading="SHA1"), "none of its 1 rows has a hash"),
        (page(row(LINUX, SHA256), row("a.sh", SHA256))[:-90], "is cut"),
        (page(), "no table of installers"),
    ],
)
def test_a_page_that_is_no_listing_is_rejected_with_the_next_step(data: bytes, said: str) -> None:
    with pytest.raises(ListingRejectedError) as caught:
        table.parse(data, "https://upstream/miniconda/")
    assert said in str(caught.value)
    assert "https://upstream/miniconda/" in str(caught.value)
    assert "the installers that are here stay as they are" in str(caught.value)


NAME = "Miniforge3-Linux-x86_64.sh"


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA256}  ./{NAME}\n",
        f"{SHA256.upper()} *{NAME}",
        f"{SHA256}",
        f"{SHA256}  ./Miniforge3-26.1.0-0-Linux-x86_64.sh\n",
    ],
)
def test_a_checksum_is_read(text: str) -> None:
    one = checksums.parse(text.encode(), NAME, "here")
    assert (one.filename, one.sha256, one.size) == (NAME, SHA256, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a sha256 and a name"),
        ("<html>Not found</html>", "is not a sha256 and a name"),
        ("ab" * 16 + "  " + NAME, "is not a sha256 and a name"),
        (SHA256 + "  Miniforge3-Linux-aarch64.sh", "which is another file"),
        (SHA256 + "  ../../x.sh", "which is another file"),
        (f"{SHA256}  {NAME}" + " " * 2000, "is not a sha256 and a name"),
    ],
)
def test_what_is_no_checksum_is_rejected(text: str, said: str) -> None:
    with pytest.raises(ListingRejectedError, match=said):
        checksums.parse(text.encode(), NAME, "here")
