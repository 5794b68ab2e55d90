import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, key
from syncer.planning.selection.closure import Closure, Unavailable, close, complete
from tests.support.upstream.candidates import candidate, stems

PYTHONS = [candidate("python-3.11.9-0"), candidate("python-3.12.4-0")]


def closed(candidates: list[Candidate], *specs: str) -> list[str]:
    return stems(close(candidates, specs).selected)


def test_what_is_asked_for_and_what_it_needs_is_selected_with_why() -> None:
    found = close(
        [
            candidate("scipy-1.11-py_0", "numpy >=1.22", "__glibc >=2.17"),
            candidate("numpy-1.26-0"),
            candidate("numpy-1.20-0"),
            candidate("other-1-0"),
        ],
        ["scipy >=1.10"],
    )
    assert {filename: why for (_, _, filename), why in found.selected.items()} == {
        "scipy-1.11-py_0.conda": "asked for: scipy >=1.10",
        "numpy-1.26-0.conda": "needed by scipy-1.11-py_0: numpy >=1.22",
    }
    assert found.unavailable == ()


def test_what_nothing_matches_is_reported_with_who_needs_it() -> None:
    found = close(
        [
            candidate("a-1-0", "gone >=2"),
            candidate("a-2-0", "gone >=2", "lost"),
            candidate("b-1-0"),
        ],
        ["a", "b >=7", "nosuch"],
    )
    assert tuple(map(str, found.unavailable)) == (
        "b >=7: asked for, and nothing matches",
        "nosuch: asked for, and nothing matches",
        "gone >=2: needed by a-1-0 and 1 more, and nothing matches",
        "lost: needed by a-2-0, and nothing matches",
    )
    assert stems(found.selected) == ["a-1-0", "a-2-0"]


def test_a_version_that_is_none_fulfils_no_version() -> None:
    found = close([candidate("a-1..2-0"), candidate("b-1-0", "a >=0")], ["b"])
    assert stems(found.selected) == ["b-1-0"]
    assert [one.spec for one in found.unavailable] == ["a >=0"]


def test_an_expression_of_an_upstream_does_not_hold_a_sync_up() -> None:
    """With Python's own this takes longer than a life."""
    candidates = [
        candidate("a-1-0", "b * ^(x+)+$"),
        candidate("b-1-" + "x" * 40),
        candidate("b-2-" + "x" * 40 + "_"),
        candidate("c-1-0", "^(d+)+$"),
        candidate("d" * 40 + "_-1-0"),
    ]
    found = close(candidates, ["a", "c"])
    assert stems(found.selected) == ["a-1-0", "b-1-" + "x" * 40, "c-1-0"]


def test_builds_for_another_version_of_what_is_asked_for_are_left_out() -> None:
    candidates = [
        *PYTHONS,
        candidate("numpy-1.26-py311_0", "python >=3.11,<3.12.0a0"),
        candidate("numpy-1.26-py312_0", "python >=3.12,<3.13.0a0"),
        # It takes the other python only, one record away.
        candidate("scipy-1.11-py311_0", "numpy 1.26 py311_0"),
        candidate("scipy-1.11-py312_0", "numpy 1.26 py312_0"),
        candidate("pure-1-0", "python", subdir="noarch"),
    ]
    assert closed(candidates, "python 3.12.*", "scipy", "pure") == [
        "numpy-1.26-py312_0", "pure-1-0", "python-3.12.4-0", "scipy-1.11-py312_0",
    ]  # fmt: skip
    assert closed(candidates, "scipy", "pure") == sorted(stems(map(key, candidates)))


def test_specs_that_contradict_each_other_by_their_records_are_named() -> None:
    candidates = [*PYTHONS, candidate("old-1-0", "python <3.12")]
    found = close(candidates, ["python 3.12.*", "old"])
    assert tuple(map(str, found.unavailable)) == (
        "old: asked for, and what matches it does not go with the other specs",
    )
    assert stems(found.selected) == ["python-3.12.4-0"]


def test_two_versions_of_one_name_are_alternatives() -> None:
    candidates = [*PYTHONS, candidate("python-3.10.1-0"), candidate("tool-1-0", "python")]
    assert closed(candidates, "python 3.11.*", "python 3.12.*", "tool") == [
        "python-3.11.9-0", "python-3.12.4-0", "tool-1-0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "linux", "osx", "win"),
    [
        ("__unix", True, True, False),
        ("__linux", True, False, False),
        ("__osx", False, True, False),
        ("__win", False, False, True),
        ("__WIN >=10", False, False, True),
        ("__glibc >=2.99", True, False, False),
        ("__cuda >=12", True, True, True),  # a client of each may have it
        ("__archspec", True, True, True),
        ("__unix and __osx", False, True, False),
        ("__win or (__linux and __cuda)", True, False, True),
        ("(__win or __osx) and (__win or __linux)", False, False, True),
        ("python >=3.12", True, True, True),
        ("python >=3.12 and __unix", True, True, False),
        ("python <3.11", False, False, False),  # all that there is are 3.11 and later
        ("python[version='>=3.12'] and python[build='nosuch*']", False, False, False),
        ("nosuch", True, True, True),  # another channel may have it
        ("nosuch*", True, True, True),
        ("pandoc and oracle or __win", True, True, True),
        ("python[flags=[debug]]", False, False, False),
    ],
)
def test_what_is_conditional_is_left_out_where_its_condition_cannot_hold(
    condition: str, linux: bool, osx: bool, win: bool
) -> None:
    candidates = [*PYTHONS, candidate("a-1-0", f'b[when="{condition}"]'), candidate("b-1-0")]
    platforms = {"linux-64": linux, "linux-aarch64": linux, "osx-arm64": osx, "win-64": win}
    platforms |= dict.fromkeys(("", "noarch", "emscripten-wasm32"), linux or osx or win)
    for platform, expected in platforms.items():
        found = close(Catalog(candidates, platform), ["a"])
        assert ("b-1-0" in stems(found.selected)) is expected, platform
        assert not found.unavailable


def test_a_condition_that_the_specs_rule_out_cannot_hold() -> None:
    candidates = [
        *PYTHONS,
        candidate("a-1-0", 'b[when="python >=3.12"]', "c; if python <3.12", "d[when='e']"),
        candidate("b-1-0"),
        candidate("c-1-0"),
        candidate("d-1-0"),
        candidate("e-1-0", "python 3.12.*"),
    ]
    python, others = "python-3.11.9-0", ["a-1-0", "c-1-0"]
    assert closed(candidates, "a", "python 3.11.*") == [*others, "d-1-0", python]
    # e can't be installed with that python, which is seen where e is asked for or needed.
    assert closed([*candidates, candidate("f-1-0", "e")], "a", "f", "python 3.11.*") == [
        *others, python,
    ]  # fmt: skip
    assert closed(candidates, "a") == ["a-1-0", "b-1-0", "c-1-0", "d-1-0"]


def test_what_a_condition_leaves_out_is_known_with_whose_it_is() -> None:
    candidates = [
        candidate("a-1-0", 'b[when="__win"]', twin={"depends": ['c[when="__win and __unix"]']}),
        candidate("d-1-0", 'c[when="__osx"]', "e[when='__linux']", extra_depends={"x": ["f"]}),
        *(candidate(f"{name}-1-0") for name in "bcef"),
    ]
    found = close(Catalog(candidates, "linux-64"), ["a", "d"])
    assert {filename: why for (_, _, filename), why in found.idle.items()} == {
        "b-1-0.conda": 'needed by a-1-0: b[when="__win"], and that can\'t hold on linux-64',
        "c-1-0.conda": 'needed by a-1-0 (v3.conda): c[when="__win and __unix"], and that can\'t'
        " hold on linux-64",
    }
    assert not close(Catalog(candidates, "linux-64"), ["a", "d", "b", "c"]).idle


def test_a_spec_with_a_condition_is_asked_for_where_it_can_hold() -> None:
    candidates = [candidate("a-1-0"), candidate("a-2-0"), candidate("b-1-0", "a 1")]
    specs = ['a[version="2",when="__win"]', "b"]
    linux = close(Catalog(candidates, "linux-64"), specs)
    assert stems(linux.selected) == ["a-1-0", "b-1-0"] and not linux.unavailable
    assert stems(close(Catalog(candidates, "win-64"), specs).selected) == [
        "a-1-0",
        "a-2-0",
        "b-1-0",
    ]


def test_extras_are_followed_from_whoever_asks_for_them() -> None:
    extras = {"plot": ["d", "e[extras=[fast]]"], "docs": ["f"], "test": ["missing"]}
    candidates = [
        candidate("a-1-0", "b[extras=[docs]]"),
        candidate("b-1-0", extra_depends=extras),
        candidate("b-2-0", extra_depends={"plot": ['g[when="__win"]']}),
        candidate("c-1-0", 'b[version="<2",extras=["plot", nosuch]]'),
        candidate("e-1-0", extra_depends={"fast": ["h"], "slow": ["i"]}),
        *(candidate(f"{name}-1-0") for name in "dfghi"),
    ]
    assert closed(candidates, "b") == ["b-1-0", "b-2-0"]
    assert closed(candidates, "a") == ["a-1-0", "b-1-0", "b-2-0", "f-1-0"]
    plot = ["b-1-0", "d-1-0", "e-1-0", "h-1-0"]
    assert closed(candidates, "c") == ["b-1-0", "c-1-0", *plot[1:]]
    assert closed(candidates, "a", "c") == [
        "a-1-0", "b-1-0", "b-2-0", "c-1-0", "d-1-0", "e-1-0", "f-1-0", "h-1-0",
    ]  # fmt: skip
    found = close(Catalog(candidates, "linux-64"), ["b[extras=[plot,test]]"])
    assert stems(found.selected) == ["b-1-0", "b-2-0", *plot[1:]]
    assert found.selected["conda-forge", "linux-64", "h-1-0.conda"] == "needed by e-1-0[fast]: h"
    assert tuple(map(str, found.unavailable)) == (
        "missing: needed by b-1-0[test], and nothing matches",
    )


def test_a_record_without_the_flags_that_are_asked_for_is_left_out() -> None:
    candidates = [
        candidate("a-1-0", 'b[flags=["gpu:*", release]]'),
        candidate("b-1-0", flags=["gpu:cuda", "release"]),
        candidate("b-2-0", flags=["gpu:rocm"]),
        candidate("b-3-0", flags=["release", "gpus:cuda"]),
        candidate("b-4-0"),
        candidate("b-5-0", flags="gpu:cuda"),  # no list: not given
    ]
    assert closed(candidates, "a") == ["a-1-0", "b-1-0"]
    assert closed(candidates, "b[flags=[release]]") == ["b-1-0", "b-3-0"]
    assert closed(candidates, "b[version='>1',flags='*cuda']") == ["b-3-0"]


def test_the_dependencies_of_both_records_of_an_artifact_are_taken_in() -> None:
    candidates = [
        candidate("a-1-0", "b", "python 3.11.*", twin={"depends": ['c[version=">=1"]', "python"]}),
        *(candidate(f"{name}-1-0") for name in "bc"),
        *PYTHONS,
    ]
    found = close(candidates, ["a"])
    assert stems(found.selected) == [
        "a-1-0",
        "b-1-0",
        "c-1-0",
        "python-3.11.9-0",
        "python-3.12.4-0",
    ]
    c = ("conda-forge", "linux-64", "c-1-0.conda")
    assert found.selected[c] == 'needed by a-1-0 (v3.conda): c[version=">=1"]'
    # The old record goes with the other python alone: only what the new one needs is left.
    assert closed(candidates, "a", "python 3.12.*") == ["a-1-0", "c-1-0", "python-3.12.4-0"]


def test_the_flags_of_either_record_count() -> None:
    one = candidate("a-1-0", "b", twin={"depends": ["c"], "flags": ["cuda"]})
    candidates = [one, candidate("b-1-0"), candidate("c-1-0")]
    assert closed(candidates, "a[flags=[cuda]]") == ["a-1-0", "c-1-0"]


def test_completing_follows_all_extras_and_what_may_apply() -> None:
    root = candidate(
        "a-1-0", 'b[when="__win"]', extra_depends={"x": ["c"], "y": ["nosuch"]}, is_v3=True
    )
    candidates = [root, candidate("b-1-0"), candidate("c-1-0")]
    found = complete(Catalog(candidates, "linux-64"), [key(root)], newest=1)
    assert stems(found.selected) == ["c-1-0"]
    assert [str(one) for one in found.unavailable] == [
        "nosuch: needed by a-1-0[y] (v3.conda), and nothing matches"
    ]


def test_a_spec_with_a_channel_is_of_that_channel() -> None:
    candidates = [candidate("a-1-0"), candidate("a-2-0", channel="pkgs/main")]
    assert closed(candidates, "conda-forge::a") == ["a-1-0"]
    assert closed(candidates, "defaults::a") == ["a-2-0"]
    assert closed(candidates, "a") == ["a-1-0", "a-2-0"]


@pytest.mark.parametrize(
    ("spec", "matching"),
    [
        ("a", ["a-1.0-py_0", "a-1.0-py_1", "a-2.0-h_0"]),
        ("a 1.*", ["a-1.0-py_0", "a-1.0-py_1"]),
        ("a 1.0 py_0", ["a-1.0-py_0"]),
        ("a * py*", ["a-1.0-py_0", "a-1.0-py_1"]),
        ("a * ^h.*$", ["a-2.0-h_0"]),
        ("a=1.0=py_1", ["a-1.0-py_1"]),
        ("a[build_number=1]", ["a-1.0-py_1"]),
        ("a[md5=900150983cd24fb0d6963f7d28e17f72]", ["a-2.0-h_0"]),
        ("a 1.*py*", ["a-1.0-py_0", "a-1.0-py_1", "a-2.0-h_0"]),  # rattler can't: by name
        ("A", ["a-1.0-py_0", "a-1.0-py_1", "a-2.0-h_0"]),
        ("*", ["a-1.0-py_0", "a-1.0-py_1", "a-2.0-h_0", "ab-1-0"]),
        ("a*", ["a-1.0-py_0", "a-1.0-py_1", "a-2.0-h_0", "ab-1-0"]),
    ],
)
def test_what_a_spec_matches(spec: str, matching: list[str]) -> None:
    catalog = Catalog(
        [
            candidate("a-1.0-py_0"),
            candidate("a-1.0-py_1", build_number=1),
            candidate("a-2.0-h_0", md5="900150983cd24fb0d6963f7d28e17f72"),
            candidate("ab-1-0"),
        ]
    )
    assert stems(key(catalog.records[at]) for at in catalog.matching(spec)) == matching


def test_chosen_records_are_completed_with_the_newest_of_what_they_miss() -> None:
    candidates = [
        candidate("a-1-0", "b", "c <3"),
        candidate("b-1-0"),
        *(candidate(f"c-{version}-{build}", "d") for version in ("1", "2", "10") for build in "01"),
        candidate("d-1-0"),
    ]
    chosen = [key(candidates[0]), key(candidates[1]), ("conda-forge", "linux-64", "c-10-0.conda")]
    found = complete(candidates, chosen, newest=1)
    assert stems(found.selected) == ["c-2-0", "c-2-1", "d-1-0"]
    assert found.selected["conda-forge", "linux-64", "c-2-0.conda"] == "needed by a-1-0: c <3"
    everything = complete(candidates, chosen, newest=0)
    assert stems(everything.selected) == ["c-1-0", "c-1-1", "c-2-0", "c-2-1", "d-1-0"]


def test_completing_reports_what_nothing_matches() -> None:
    root = candidate("a-1-0", "gone")
    found = complete([root], [key(root)], newest=1)
    assert found == Closure({}, (Unavailable("gone", "needed by a-1-0", "nothing matches"),))


# -- properties ------------------------------------------------------------------------------------

NAMES = "abcdef"
spec_texts = st.builds(
    lambda name, tail: name + tail,
    st.sampled_from(NAMES),
    st.sampled_from(["", " 1.*", " >=2", " <2", " ==3", " * x*", " >=2,<3", " 9.*"]),
)
records = st.builds(
    lambda name, version, build, depends: candidate(f"{name}-{version}-{build}", *depends),
    st.sampled_from(NAMES),
    st.sampled_from(["1", "1.5", "2", "3"]),
    st.sampled_from(["x_0", "y_0"]),
    st.lists(spec_texts, max_size=3),
)
channels = st.lists(records, max_size=24, unique_by=key)
asked_for = st.lists(spec_texts, min_size=1, max_size=3)


@given(channels, asked_for, st.randoms(use_true_random=False))
def test_a_closure_is_the_same_in_any_order_and_done_again(
    candidates: list[Candidate], specs: list[str], order: random.Random
) -> None:
    found = close(candidates, specs)
    shuffled, turned = list(candidates), list(specs)
    order.shuffle(shuffled)
    order.shuffle(turned)
    assert close(shuffled, turned) == found
    assert list(close(shuffled, turned).selected) == list(found.selected)
    again = close([one for one in candidates if key(one) in found.selected], specs)
    assert again.selected == found.selected


@given(channels, asked_for)
def test_all_that_a_selected_record_needs_is_selected_or_reported(
    candidates: list[Candidate], specs: list[str]
) -> None:
    found = close(candidates, specs)
    selected = Catalog(one for one in candidates if key(one) in found.selected)
    reported = {one.spec for one in found.unavailable}
    for record in selected.records:
        for spec in record.facts.depends:
            assert selected.matching(spec) or spec in reported
    for spec in specs:
        assert selected.matching(spec) or spec in reported


@given(channels, st.data(), st.integers(0, 2))
def test_a_completed_choice_misses_nothing_and_nothing_more(
    candidates: list[Candidate], data: st.DataObject, newest: int
) -> None:
    roots = [key(one) for one in candidates if data.draw(st.booleans())]
    found = complete(candidates, roots, newest=newest)
    assert not found.selected.keys() & set(roots)
    chosen = Catalog(one for one in candidates if key(one) in {*roots, *found.selected})
    reported = {one.spec for one in found.unavailable}
    for record in chosen.records:
        for spec in record.facts.depends:
            assert chosen.matching(spec) or spec in reported
    again = complete(candidates, [*roots, *found.selected], newest=newest)
    assert again.selected == {}
    assert complete(candidates[::-1], roots[::-1], newest=newest) == found
