"""Newest versions and builds, and that what is kept can be installed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, key
from syncer.planning.selection.installable import installable
from syncer.planning.selection.newest import limit, variant
from tests.support.upstream.candidates import candidate, stems


def kept(records: list[Candidate], *, versions: int = 0, builds: int = 0) -> list[str]:
    by_subdir: dict[str, list[Candidate]] = {}
    for one in records:
        by_subdir.setdefault(one.subdir, []).append(one)
    dropped = limit(by_subdir, versions=versions, builds=builds).dropped
    return stems(key(one) for one in records if key(one) not in dropped)


def test_versions_have_condas_order_and_equal_ones_are_one() -> None:
    versions = ["1.9", "1.10", "1.10.0", "1.10rc1", "1.2!x"]
    records = [candidate(f"a-{version}-0") for version in versions]
    assert kept(records, versions=1) == ["a-1.10-0", "a-1.10.0-0"]
    assert kept(records, versions=2) == ["a-1.10-0", "a-1.10.0-0", "a-1.10rc1-0"]
    assert len(kept(records, versions=9)) == 5


def test_what_is_dropped_says_which_are_newer() -> None:
    records = [candidate(f"a-{version}-0") for version in ("1", "2", "3")]
    found = limit({"linux-64": records}, versions=2, builds=0)
    assert [str(out) for out in found.dropped.values()] == [
        "an older version: newest_versions = 2: 3, 2"
    ]


def test_a_subdir_and_noarch_are_counted_together() -> None:
    records = [
        candidate("a-1-0"),
        candidate("a-2-py_0", subdir="noarch"),
        candidate("b-1-py_0", subdir="noarch"),
        candidate("b-2-0", subdir="linux-64"),
        candidate("b-1-0", subdir="win-64"),
    ]
    # On linux-64 b 2 is newer than noarch's b 1, on win-64 b 1 is the newest, from wherever.
    assert kept(records, versions=1) == ["a-2-py_0", "b-1-0", "b-1-py_0", "b-2-0"]


def test_the_newest_build_of_each_variant_stays() -> None:
    records = [
        candidate("a-1-py311h0000001_0", "python >=3.11,<3.12.0a0"),
        candidate("a-1-py311h0000002_1", "python >=3.11,<3.12.0a0", build_number=1),
        candidate("a-1-py312h0000001_0", "python >=3.12,<3.13.0a0"),
        candidate("a-1-cuda120_py311h0000001_0", "python >=3.11,<3.12.0a0"),
        candidate("b-1-h000000a_1", "openssl >=1.1,<2", build_number=1),
        candidate("b-1-h000000b_1", "openssl >=3,<4", build_number=1),
        candidate("b-1-h000000c_0", "openssl >=1.0,<1.1"),
        candidate("c-1-0"),
        candidate("c-1-1", build_number=1),
    ]
    assert kept(records, builds=1) == [
        "a-1-cuda120_py311h0000001_0", "a-1-py311h0000002_1", "a-1-py312h0000001_0",
        "b-1-h000000a_1", "b-1-h000000b_1", "c-1-1",
    ]  # fmt: skip
    assert len(kept(records, builds=2)) == 9


@pytest.mark.parametrize(
    ("older", "newer", "same"),
    [
        ("py311h0123456_0", "py311habcdef0_12", True),
        ("py311_0", "py312_0", False),
        ("0", "17", True),
        ("h0123456_0_cpython", "habcdef0_1_cpython", False),  # cautious: the number is not last
        ("mpi_openmpi_h0123456_0", "nompi_h0123456_0", False),
        ("cuda_112h0123456_0", "cuda_120h0123456_0", False),
    ],
)
def test_a_variant_is_a_build_string_without_hash_and_number(
    older: str, newer: str, same: bool
) -> None:
    one, other = candidate(f"a-1-{older}").facts, candidate(f"a-1-{newer}").facts
    assert (variant(one) == variant(other)) is same


def test_builds_that_hide_their_python_are_variants_by_what_they_depend_on() -> None:
    one = candidate("a-1-custom_0", "python >=3.11,<3.12.0a0", "zlib >=1,<2").facts
    other = candidate("a-1-custom_1", "python >=3.12,<3.13.0a0", "zlib >=1,<3").facts
    same = candidate("a-1-custom_2", "python >=3.11,<3.12.0a0", "zlib >=1.3,<4").facts
    assert variant(one) != variant(other)
    assert variant(one) == variant(same)
    assert variant(candidate("a-1-0", "python >=3.8").facts) == variant(
        candidate("a-1-1", "python >=3.9").facts
    )


def test_what_the_newest_need_stays_though_it_is_older() -> None:
    records = [
        candidate("app-2-0", "lib <2"),
        candidate("app-1-0", "lib <2"),
        candidate("lib-1.0-0"),
        candidate("lib-1.1-0"),
        candidate("lib-2-0"),
    ]
    found = limit({"linux-64": records}, versions=1, builds=0)
    assert kept(records, versions=1) == ["app-2-0", "lib-1.1-0", "lib-2-0"]
    assert list(found.added.values()) == ["needed by app-2-0: lib <2"]


def test_the_newest_that_can_be_installed_stays() -> None:
    records = [
        candidate("app-2-0", "lib >=9"),  # nothing here matches
        candidate("app-1-0", "lib"),
        candidate("app-0-0", "lib"),
        candidate("lib-1-0", "__glibc >=2.17", "elsewhere >=3"),
    ]
    found = limit({"linux-64": records}, versions=1, builds=0)
    assert kept(records, versions=1) == ["app-1-0", "app-2-0", "lib-1-0"]
    assert list(found.added.values()) == ["newest that can be installed of app"]


def test_an_artifact_of_two_records_is_counted_once() -> None:
    records = [
        candidate("a-1-0"),
        candidate("a-2-0", twin={}),
        candidate("a-3-0", is_v3=True),
        candidate("a-3-1", build_number=1, twin={"build_number": 1}),
    ]
    assert kept(records, versions=2) == ["a-2-0", "a-3-0", "a-3-1"]
    assert kept(records, versions=1, builds=1) == ["a-3-1"]


def test_builds_of_both_revisions_compete_within_a_variant() -> None:
    records = [
        candidate("a-1-0", "python >=3.11,<3.12.0a0"),
        candidate("a-1-1", 'python[version=">=3.11,<3.12.0a0"]', is_v3=True, build_number=1),
        candidate("a-1-2", 'python[version=">=3.12,<3.13.0a0"]', is_v3=True),
        candidate("a-1-3", 'python[version=">=3.12",when="__win"]', is_v3=True),
    ]
    assert kept(records, builds=1) == ["a-1-1", "a-1-2", "a-1-3"]


def test_what_clients_of_either_revision_can_install_stays() -> None:
    records = [
        candidate("app-3-0", "gone >=9", twin={"depends": []}),
        candidate("gone-1-0"),
        candidate("app-2-0", twin={"depends": ['gone[version=">=9"]']}),
        candidate("app-1-0", "lib <2", twin={"depends": ['dep[version="<2"]']}),
        *(candidate(f"{name}-{version}-0") for name in ("lib", "dep") for version in "12"),
    ]
    assert kept(records, versions=1) == [
        "app-1-0", "app-3-0", "dep-1-0", "dep-2-0", "gone-1-0", "lib-1-0", "lib-2-0",
    ]  # fmt: skip


def test_what_the_newest_need_under_a_condition_stays_where_it_can_hold() -> None:
    app = candidate(
        "app-1-0",
        'lib[version="<2",when="__win"]',
        is_v3=True,
        subdir="noarch",
        extra_depends={"x": ['dep[version="<2"]']},
    )
    libs = [
        candidate(f"{name}-{version}-0", subdir=subdir)
        for name in ("lib", "dep")
        for version in "12"
        for subdir in ("linux-64", "win-64")
    ]
    by_subdir = {
        "noarch": [app],
        **{place: [one for one in libs if one.subdir == place] for place in ("linux-64", "win-64")},
    }
    found = limit(by_subdir, versions=1, builds=0)
    assert sorted((subdir, filename) for _, subdir, filename in found.dropped) == [
        ("linux-64", "lib-1-0.conda"),
    ]


def test_installable_is_the_largest_set_that_needs_nothing_else() -> None:
    records = [
        candidate("ring-1-0", "gnir"),
        candidate("gnir-1-0", "ring"),
        candidate("a-1-0", "b"),
        candidate("b-1-0", "c >=2"),
        candidate("c-1-0"),
        candidate("d-1-0", "c"),
        candidate("d-2-0", "a"),
        candidate("e-1-0", "d"),
    ]
    catalog = Catalog(records)
    found = stems(key(catalog.records[position]) for position in installable(catalog))
    assert found == ["c-1-0", "d-1-0", "e-1-0", "gnir-1-0", "ring-1-0"]


NAMES = ["a", "b", "c", "d"]
DEPENDENCY = st.builds(
    "{} {}".format,
    st.sampled_from([*NAMES, "__unix", "elsewhere"]),
    st.sampled_from(["", ">=2", "<2", "<3", "1.*", ">=9"]),
)
RECORD = st.builds(
    lambda name, version, build, subdir, depends: candidate(
        f"{name}-{version}-{build}", *depends, subdir=subdir, build_number=int(build)
    ),
    st.sampled_from(NAMES),
    st.sampled_from(["1", "1.1", "2", "3"]),
    st.sampled_from(["0", "1"]),
    st.sampled_from(["linux-64", "win-64", "noarch"]),
    st.lists(DEPENDENCY, max_size=2),
)
RECORDS = st.lists(RECORD, max_size=24, unique_by=key)


def _limited(records: list[Candidate], versions: int, builds: int) -> list[Candidate]:
    by_subdir: dict[str, list[Candidate]] = {"linux-64": [], "win-64": [], "noarch": []}
    for one in records:
        by_subdir[one.subdir].append(one)
    dropped = limit(by_subdir, versions=versions, builds=builds).dropped
    return [one for one in records if key(one) not in dropped]


def _installable(records: list[Candidate], subdir: str) -> dict[str, set[tuple[str, str, str]]]:
    """What can be installed on a platform, by name."""
    catalog = Catalog(one for one in records if one.subdir in {subdir, "noarch"})
    found: dict[str, set[tuple[str, str, str]]] = {}
    for position in installable(catalog):
        one = catalog.records[position]
        found.setdefault(one.facts.name, set()).add(key(one))
    return found


@settings(max_examples=200)
@given(records=RECORDS, versions=st.integers(0, 2), builds=st.integers(0, 1))
def test_every_name_that_could_be_installed_still_can_be(
    records: list[Candidate], versions: int, builds: int
) -> None:
    limited = _limited(records, versions, builds)
    for subdir in ("linux-64", "win-64"):
        before, after = _installable(records, subdir), _installable(limited, subdir)
        assert after.keys() == before.keys()
        # What can be installed before and is kept can be installed after: it is closed.
        names = {key(one) for one in limited if one.subdir in {subdir, "noarch"}}
        for name, keys in before.items():
            assert {one for one in keys & names if one[1] == subdir} <= after[name]


@settings(max_examples=200)
@given(records=RECORDS, versions=st.integers(0, 2), builds=st.integers(0, 1), seed=st.integers())
def test_limiting_is_idempotent_and_the_order_does_not_matter(
    records: list[Candidate], versions: int, builds: int, seed: int
) -> None:
    once = _limited(records, versions, builds)
    assert _limited(once, versions, builds) == once
    shuffled = random.Random(seed).sample(records, len(records))
    assert sorted(map(key, _limited(shuffled, versions, builds))) == sorted(map(key, once))
