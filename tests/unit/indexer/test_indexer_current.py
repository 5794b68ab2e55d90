"""The choice of current_repodata.json, and what it is made of: versions and dependencies."""

import itertools
from typing import Any

import pytest

from indexer.base.matchspec import MalformedError, is_of_series, parse, version_order
from indexer.engines.own.channeldata import entry, facts, newest_builds
from indexer.engines.own.current import answer, candidate, choose, featureless, newest, ranked

# From the docstring of conda's VersionOrder, smallest first; equal ones together.
ORDER = [
    ["0.4", "0.4.0"], ["0.4.1.rc", "0.4.1.RC"], ["0.4.1"], ["0.5a1"], ["0.5b3"], ["0.5C1"], ["0.5"],
    ["0.9.6"], ["0.960923"], ["1.0"], ["1.1dev1"], ["1.1_"], ["1.1a1"],
    ["1.1.0dev1", "1.1.dev1"], ["1.1.a1"], ["1.1.0rc1"], ["1.1.0", "1.1"],
    ["1.1.0post1", "1.1.post1"], ["1.1post1"], ["1996.07.12"], ["1!0.4.1"], ["1!3.1.1.6"],
    ["2!0.4.1"],
]  # fmt: skip


def test_versions_are_in_condas_order() -> None:
    for group in ORDER:
        assert all(version_order(one) == version_order(group[0]) for one in group)
    for smaller, larger in itertools.pairwise(ORDER):
        assert version_order(smaller[0]) < version_order(larger[0]), (smaller, larger)
        assert version_order(larger[0]) > version_order(smaller[0])


@pytest.mark.parametrize(
    "text", ["", "*", "1..2", "a b", "1!2!3", "x!1", "1+2+3", "+1", "1.0+", "1" * 300]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        version_order(text)


@pytest.mark.parametrize(
    ("spec", "fitting", "others"),
    [
        (">=1.2,<2.0a0", ["1.2", "1.9.9"], ["1.1", "2.0a0", "2"]),
        ("1.2.*|>=3", ["1.2", "1.2.9", "3.0"], ["1.20", "2"]),
        ("[version='(1.0|1.1),!=1.1']", ["1.0"], ["1.1", "1.2"]),
        ("~=1.4.2", ["1.4.2", "1.4.9"], ["1.5", "1.4.1"]),
        ("!=1.5.*", ["1.6"], ["1.5", "1.5.1"]),
        ("1*.2", ["1.2", "10.2"], ["2.2"]),
        ("2.*mkl*", ["2.1mkl_2"], ["2.1", "3.0mkl"]),
        ("1.*.3 0", ["1.2.3"], ["1.2"]),
        ("1.*.3 x*", [], ["1.2.3"]),
        ("^1\\.\\d$", ["1.5"], ["1.50"]),
        ("*", ["1", "anything"], []),
    ],
)
def test_version_constraints(spec: str, fitting: list[str], others: list[str]) -> None:
    wanted = parse(f"a{' ' * (spec[0] != '[')}{spec}")
    assert [text for text in (*fitting, *others) if wanted.fits("a", text, "0", 0)] == fitting


@pytest.mark.parametrize(
    "text", ["", "*", "py*", "a >=", "a ~=", "a (1|2", "a[x=1]", "a[version=1][build=2]",
             "a-1-0.conda", "feature@", "a 1|", "a ^1",
             "a 1.*.3|2", "a 1.*.3\"", "<img x>", "a " + "(" * 6000 + "1" + ")" * 6000],
)  # fmt: skip
def test_what_is_no_dependency_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse(text)


@pytest.mark.parametrize("spec", ["a {}", "a * {}", "a[build='{}']"])
def test_wildcards_cost_nothing(spec: str) -> None:
    """Python's expressions take years for this one."""
    wanted = parse(spec.format("*a" * 14 + "*b"))
    assert not wanted.fits("a", "1" + "a" * 200, "a" * 200, 0)


def test_a_series_is_condas() -> None:
    fitting = ["1.2.0", "1.2.0.1", "1.2.0rc1", "1.2", "1.2.0.0", "1.2.00x"]
    others = ["1.2rc2", "1.2.1", "1.20"]
    assert [one for one in (*fitting, *others) if is_of_series(one, "1.2.0")] == fitting


def record(version: str, build: str = "0", **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", "a")
    return {"name": name, "version": version, "build": build, "build_number": 0, **fields}


def group(*records: dict[str, Any], end: str = ".conda") -> list[Any]:
    return ranked(
        candidate(f"{one['name']}-{one['version']}-{one['build']}{end}", one) for one in records
    )


def test_the_newest_version_comes_with_all_its_builds() -> None:
    found = group(record("1.9"), record("1.10", "x"), record("1.10", "y"), record("1.9.1"))
    assert {one.filename for one in newest(found)} == {"a-1.10-x.conda", "a-1.10-y.conda"}


def test_the_order_is_version_then_number_then_time() -> None:
    old = record("1.0", "z", timestamp=1_600_000_000_000)
    late = record("1.0", "a", timestamp=1_700_000_000)  # in seconds
    rebuilt = record("1.0.0", "b", build_number=1)
    assert [one.build for one in group(old, rebuilt, late)] == ["b", "a", "z"]


def test_a_twin_is_left_out() -> None:
    both = ranked([candidate(f"a-1-0{end}", record("1")) for end in (".tar.bz2", ".conda")])
    assert [one.filename for one in both] == ["a-1-0.conda"]


def test_what_the_newest_need_is_chosen_too() -> None:
    everything = {
        "a": group(record("2", depends=["b <2", "c", "gone >=1"])),
        "b": group(*(record(version, name="b") for version in ("1.0", "1.5", "2.0"))),
        "c": group(record("1", name="c", features="mkl"), record("0.9", name="c")),
    }
    chosen = choose(
        {name: newest(found) for name, found in everything.items()},
        lambda name, text: answer(everything[name], text),
        lambda name, version: featureless(everything[name], version),
    )
    assert chosen == {
        "a-2-0.conda", "b-2.0-0.conda", "b-1.5-0.conda", "c-1-0.conda", "c-0.9-0.conda",
    }  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [{"version": None}, {"name": 1}, {"build": []}, {"build_number": -1}, {"build_number": "1"}],
)
def test_an_odd_record_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match=r"the record of a\.conda is odd"):
        candidate("a.conda", {**record("1"), **odd})


@pytest.mark.parametrize(
    "odd", [{"depends": [1]}, {"depends": 5}, {"timestamp": "now"}, {"features": 7},
            {"track_features": [None]}, {"timestamp": {}}, {"build_number": None}],
)  # fmt: skip
def test_what_only_ranks_or_explains_may_be_odd(odd: dict[str, Any]) -> None:
    assert candidate("a.conda", {**record("1"), **odd}) == candidate("a.conda", record("1"))


def test_a_dependency_that_nobody_reads_needs_nothing() -> None:
    everything = {"a": group(record("2", depends=["<img x>", "b <2", "b *" + "a*" * 99]))}
    everything["b"] = group(*(record(version, name="b") for version in ("1.0", "2.0")))
    chosen = choose(
        {name: newest(found) for name, found in everything.items()},
        lambda name, text: answer(everything[name], text),
        lambda name, version: featureless(everything[name], version),
    )
    assert chosen == {"a-2-0.conda", "b-2.0-0.conda", "b-1.0-0.conda"}


# -- channeldata.json ----------------------------------------------------------------------------


def test_the_newest_build_of_each_version_speaks() -> None:
    builds = [
        ("a-1-0.conda", record("1", timestamp=5)),
        ("a-1-1.conda", record("1", "1", timestamp=7)),
        ("a-1-1.tar.bz2", record("1", "1", timestamp=9)),
        ("a-2-0.tar.bz2", record("2")),
    ]
    assert newest_builds(builds) == ["a-1-1.conda", "a-2-0.tar.bz2"]


def test_newer_versions_win_field_by_field() -> None:
    old = facts({**record("1"), "license": "A", "timestamp": 10}, {"weak": ["a"]}, [{"home": "h"}])
    new = facts({**record("2"), "license": "B", "timestamp": 20_000_000_000_000}, {}, [])
    made = entry({"noarch": [old], "linux-64": [new, old]})
    assert made is not None
    assert made["version"] == "2"
    assert (made["license"], made["home"]) == ("B", "h")
    assert made["subdirs"] == ["linux-64", "noarch"]
    assert made["run_exports"] == {"1": {"weak": ["a"]}}
    assert made["pre_link"] is False


def test_what_is_too_odd_gets_no_entry() -> None:
    assert entry({"noarch": [facts({**record("1..2")}, {}, [])]}) is None
