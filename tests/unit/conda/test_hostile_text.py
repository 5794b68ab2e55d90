"""No text from elsewhere crashes or hangs a parser: each is read, or refused by a limit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.conda.repodata import Refused, parse
from syncer.conda.wanted import wanted
from volume import limits

# Run in a process of its own: what is looked for here would take the tests along.
READS = """
import contextlib, json, sys
from syncer.conda.matchspec import channel_of, parse, version_of
from syncer.conda.repodata import Entry, Refused, parse as parse_repodata
from syncer.conda.wanted import wanted
from syncer.conda.written import check_request, check_spec
from syncer.conda.record import candidate
from syncer.conda.spec import Spec
from syncer.planning.selection.catalog import Catalog
from syncer.planning.selection.closure import close
from syncer.planning.selection.installable import installable
from syncer.planning.selection.permit import VersionPin
from syncer.planning.selection.solve import solve

pin = VersionPin("y", ("1",), ())
for text in json.load(sys.stdin):
    asked = Spec("x")
    version_of(text)
    for read in (check_spec, check_request, channel_of, parse):
        with contextlib.suppress(ValueError):
            read(text)
    with contextlib.suppress(ValueError):
        check_spec(text)
        asked = Spec(text)
    records = {
        f"{name}-1-0.conda": {
            "name": name, "version": "1", "build": "0", "build_number": 0, "depends": depends,
            "constrains": depends, "sha256": "0" * 64, "size": 1,
        }
        for name, depends in (("x", [text]), ("y", []), ("a" * 60, []))
    }
    in_v3 = {
        "x-1-0": {
            **records["x-1-0.conda"], "flags": [text], "extra_depends": {"g": [text]},
            "depends": [f'y[when="{text}"]', f"y[flags=[{text}]]", f"y[extras=[{text}]]"],
        }
    }
    document = {"packages.conda": records, "v3": {"conda": in_v3}}
    index = parse_repodata(json.dumps(document).encode(), "noarch")
    read = [candidate("c", "noarch", entry) for entry in index.entries]
    catalog = Catalog(read, "linux-64")
    for specs in (["x"], ["x[extras=[g]]"], ["x[flags=['*']]"]):
        close(catalog, specs)
        solve(catalog, specs, channels=["c"], virtual={"__unix": "0"})
    installable(catalog)
    for one in read:
        asked.matches(one)
        pin.objection(one.facts)
        wanted(one.entry, "noarch")
"""
PIECES = ["y", " ", "(", ")", "[", "]", "|", ",", "*", "a", "1", ".", "=", ">=", "^", "$", "'",
          '"', ";", " if ", "when=", "::", "\\", "!", "~", "build=", "\u00fc", "\0", "+",
          "a*", "build_number=", "9", ")+", " and ", " or ", "extras=[", "flags=[", ":", "__win",
          "y[when='", "(y or "]  # fmt: skip
COUNTS = st.sampled_from([1, 2, 15, 40, 900, 6_000, 20_000])
HOSTILE = st.lists(st.tuples(st.sampled_from(PIECES), COUNTS), min_size=1, max_size=5).map(
    lambda parts: "".join(piece * count for piece, count in parts)
)
AFTER_A_NAME = HOSTILE.map(lambda text: f"y {text}")


def read_all(texts: list[str]) -> None:
    """Read texts in every way, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READS],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_was_seen_to_crash_or_hang() -> None:
    read_all(
        [
            "y " + "(" * 6000 + "1" + ")" * 6000,
            "y " + "[" * 20_000,
            "y" + " " * 1_000_000,
            "y" + " " * 20_000 + ">=1",
            "y; if " + " " * 40_000 + "x",
            "y " + "|".join(["1"] * 200_000),
            "b *a*a*a*a*a*a*a*a*a*a*a*a*a*ab",
            "*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
            "y[build='" + "*a" * 49 + "']",
            "y * ^(a*)*(a*)*(a*)*b$",
            "^(y+)+(y+)+(y+)+(y+)+b$",
            "^(a+)+b$",
            "y[build_number=99999999999999999999]",
            "y[build_number='>=1,<0000000018446744073709551616']",
            'y[ build_number = ">=1|99999999999999999999" ]',
            'y[when="' + "(" * 400 + "a" + ")" * 400 + '"]',
            'y[when="' + "a or (" * 160 + "a" + ")" * 160 + '"]',
            'y[when="' + " and ".join(["a"] * 140) + '"]',
            'y[when="' + " and ".join(["a*"] * 140) + '"]',
            'y[when="' + "y[when='" * 100 + "a",
            "y[extras=[" + ",".join(f"g{number}" for number in range(5000)) + "]]",
            "y[flags=['" + "*a" * 49 + "b']]",
            "*a" * 40,
        ]
    )


@settings(
    max_examples=8, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(st.one_of(HOSTILE, AFTER_A_NAME), min_size=20, max_size=60))
def test_any_text_is_read_or_refused(texts: list[str]) -> None:
    read_all(texts)


def record(**fields: object) -> dict[str, object]:
    return {
        "name": "x", "version": "1", "build": "0", "sha256": "0" * 64, "size": 1, **fields
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"depends": ["y " + "(" * 6000 + "1" + ")" * 6000]}, r"depends: .y \(\(\(\(.*characters"),
        ({"constrains": ["y " + "*a" * 51]}, "constrains: .* 51 wildcards"),
        ({"depends": ["y"] * 10_001}, "depends has 10,001 entries"),
        ({"extra_depends": {"test": ["y" + " " * 2_000]}}, "extra_depends: .* characters"),
        ({"depends": ["y[build_number='>99999999999999999999']"]}, "depends: .* 19 digits"),
        ({"summary": " " * limits.RECORD_SIZE}, "its record has .* bytes"),
    ],
)
def test_a_record_that_breaks_a_limit_is_left_out_and_named(
    fields: dict[str, object], reason: str
) -> None:
    content = {"packages.conda": {"x-1-0.conda": record(**fields), "z-1-0.conda": record(name="z")}}
    index = parse(json.dumps(content).encode(), "noarch")
    found = [wanted(entry, "noarch") for entry in index.entries]
    refused = [*index.refused, *(one for one in found if isinstance(one, Refused))]
    assert [one.filename for one in found if not isinstance(one, Refused)] == ["z-1-0.conda"]
    assert [one.filename for one in refused] == ["x-1-0.conda"]
    assert re.search(reason, refused[0].reason)


def test_what_is_too_large_to_carry_along_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "BESIDE_SIZE", 100)
    content = {"packages": {}, "info": {"subdir": "noarch", "x": "a" * 200}, "x": "b" * 200}
    index = parse(json.dumps(content).encode(), "noarch")
    assert [one.filename for one in index.refused] == ["x", "info.x"]
    assert index.other_keys == {}
    assert parse(json.dumps({"info": {}, "x": "b"}).encode(), "noarch").other_keys == {"x": '"b"'}


def test_a_limit_is_broken_by_what_a_text_means_not_by_how_it_is_escaped() -> None:
    content = json.dumps({"packages.conda": {"x-1-0.conda": record(depends=["y ~"])}})
    hostile = content.replace("~", "\\u0028" * 20 + "1").encode()
    (entry,) = parse(hostile, "noarch").entries
    found = wanted(entry, "noarch")
    assert isinstance(found, Refused) and "brackets more than 16 deep" in found.reason
