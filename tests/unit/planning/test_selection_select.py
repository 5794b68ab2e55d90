"""A policy applied to a channel: every filter, their order, and what is said about it."""

import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.record import Candidate
from syncer.conda.repodata import Index
from syncer.planning.selection.outcome import Selected
from syncer.planning.selection.select import Selector
from syncer.settings.policy import Policy
from tests.support.upstream.candidates import candidate
from volume.ledger.artifact import Known
from volume.program import settings

NOW = 1_800_000_000.0  # January 2027
DAY = 86_400.0


def policy(**written: str) -> Policy:
    """A policy as a person writes it in .env."""
    return settings.read(Policy, {key.upper(): value for key, value in written.items()})


def indexes(records: Iterable[Candidate]) -> dict[str, Index]:
    by_subdir: dict[str, list[Candidate]] = {"linux-64": [], "noarch": []}
    for one in records:
        by_subdir.setdefault(one.subdir, []).append(one)
    return {
        subdir: Index(subdir, tuple(one.entry for one in ones), (), {}, None)
        for subdir, ones in by_subdir.items()
    }


def selected(
    records: Iterable[Candidate],
    needed: Mapping[str, Mapping[str, str]] | None = None,
    *,
    present: Mapping[str, Mapping[str, Known]] | None = None,
    first_seen: Mapping[tuple[str, str], float] | None = None,
    approved: tuple[str, ...] = (),
    only_needed: bool = False,
    **written: str,
) -> Selected:
    return Selector(
        policy(**written), "conda-forge", indexes(records), now=NOW, present=present,
        first_seen=first_seen, approved=approved, only_needed=only_needed,
    ).select(needed)  # fmt: skip


def wanted(records: Iterable[Candidate], *args: Any, **more: Any) -> list[str]:
    selections = selected(records, *args, **more).by_subdir
    return sorted(name.removesuffix(".conda") for one in selections.values() for name in one.wanted)


def reasons(records: Iterable[Candidate], *args: Any, **more: Any) -> dict[str, str]:
    selections = selected(records, *args, **more).by_subdir
    return {
        name.removesuffix(".conda"): str(out)
        for one in selections.values()
        for name, out in one.left_out.items()
    }


def known(sha256: str = "ab" * 32) -> Known:
    return Known(size=1, sha256=sha256, digest=b"")


NUMPY = [candidate(f"numpy-{version}-0") for version in ("1.20", "1.26", "2.0")]
SCIPY = candidate("scipy-1.11-0")


def test_without_a_word_everything_is_wanted() -> None:
    selection = selected([*NUMPY, SCIPY]).by_subdir["linux-64"]
    assert set(selection.wanted.values()) == {"everything is included"}
    assert len(selection.wanted) == 4
    assert not selection.left_out and not selection.held


def test_include_names_what_is_wanted_and_says_so() -> None:
    found = selected([*NUMPY, SCIPY], include="numpy>=1.26 tk*").by_subdir["linux-64"]
    assert found.wanted == {
        "numpy-1.26-0.conda": "include = numpy>=1.26",
        "numpy-2.0-0.conda": "include = numpy>=1.26",
    }
    assert {str(out) for out in found.left_out.values()} == {
        "not included: no spec of include matches it"
    }


def test_exclude_wins_over_include_and_over_what_is_needed() -> None:
    needed = {"linux-64": {"scipy-1.11-0.conda": "asked for: scipy"}}
    found = selected([*NUMPY, SCIPY], needed, include="numpy", exclude="numpy<1.26 scipy")
    assert sorted(found.by_subdir["linux-64"].wanted) == ["numpy-1.26-0.conda", "numpy-2.0-0.conda"]
    left = found.by_subdir["linux-64"].left_out
    assert str(left["numpy-1.20-0.conda"]) == "excluded: exclude = numpy<1.26"
    assert found.warnings == (
        "linux-64/scipy-1.11-0.conda is left out although asked for: scipy:"
        " excluded: exclude = scipy",
    )


@pytest.mark.parametrize("word", ["numpy", "n*", "numpy>=1", "sha256:" + "ab" * 32])
def test_deny_always_wins(word: str) -> None:
    one = candidate("numpy-1.26-0", sha256="ab" * 32)
    everything: dict[str, Any] = {
        "include": "numpy", "keep": "numpy", "present": {"linux-64": {one.filename: known()}},
        "cooldown_days": "7", "cooldown_exempt": "numpy", "approved": ("numpy", one.filename),
    }  # fmt: skip
    needed = {"linux-64": {one.filename: "asked for: numpy"}}
    assert wanted([one], needed, **everything) == ["numpy-1.26-0"]
    assert wanted([one], needed, deny=word, **everything) == []
    assert reasons([one], needed, deny=word, **everything) == {
        "numpy-1.26-0": f"denied: deny = {word}"
    }
    # Nor does keep keep it once upstream has dropped it.
    assert wanted([], **{**everything, "include": ""}) == ["numpy-1.26-0"]
    assert wanted([], deny=word, **{**everything, "include": ""}) == []


def test_pins_drop_builds_for_others() -> None:
    records = [
        candidate("a-1-py311_0", "python >=3.11,<3.12.0a0"),
        candidate("a-1-py310_0", "python >=3.10,<3.11.0a0"),
        candidate("b-1-py_0", "python >=3.6", subdir="noarch"),
        candidate("python-3.11.4-0"),
        candidate("python-3.10.1-0"),
    ]
    assert wanted(records, pins="python=3.11,3.12") == [
        "a-1-py311_0",
        "b-1-py_0",
        "python-3.11.4-0",
    ]
    assert reasons(records, pins="python=3.11")["a-1-py310_0"] == (
        "built for another version of a pinned package: pins: python = 3.11: it depends on"
        " python >=3.10,<3.11.0a0"
    )


def test_licence_size_and_age() -> None:
    records = [
        candidate("a-1-0", license="MIT", size=10_000_000, timestamp=1_700_000_000_000),
        candidate("b-1-0", license="GPL-3.0-only", size=10_000_001, timestamp=1_600_000_000),
        candidate("c-1-0"),
    ]
    assert wanted(records, licenses="MIT") == ["a-1-0"]
    assert wanted(records, exclude_licenses="GPL*") == ["a-1-0", "c-1-0"]
    assert wanted(records, max_size="10MB") == ["a-1-0", "c-1-0"]
    assert wanted(records, newer_than="2023-11-14") == ["a-1-0"]
    assert wanted(records, newer_than="2023-11-15") == []
    assert wanted(records, older_than="2023-11-14") == ["b-1-0", "c-1-0"]
    assert reasons(records, max_size="10MB") == {
        "b-1-0": "too large: max_size = 10.0 MB: it has 10.0 MB"
    }
    assert reasons(records, newer_than="2021-01-01") == {
        "b-1-0": "too old: newer_than = 2021-01-01: it was built on 2020-09-13",
        "c-1-0": "too old: newer_than = 2021-01-01: its record has no timestamp",
    }


def test_the_old_format_is_left_out_if_the_new_one_is_wanted() -> None:
    old = candidate("a-1-0", extension=".tar.bz2", size=1)
    new = candidate("a-1-0", size=100)
    lonely = candidate("b-1-0", extension=".tar.bz2")
    assert wanted([old, new, lonely], prefer_conda="yes") == ["a-1-0", "b-1-0.tar.bz2"]
    # If the .conda is not to be had, the old one stays.
    assert wanted([old, new], prefer_conda="yes", max_size="50B") == ["a-1-0.tar.bz2"]


def test_newest_is_counted_among_what_the_other_filters_leave() -> None:
    assert wanted([*NUMPY, SCIPY], newest_versions="1", exclude="numpy=2") == [
        "numpy-1.26-0", "scipy-1.11-0",
    ]  # fmt: skip
    # What an environment needs is not limited.
    needed = {"linux-64": {"numpy-1.20-0.conda": "asked for: numpy<1.26"}}
    assert wanted(NUMPY, needed, newest_versions="1") == ["numpy-1.20-0", "numpy-2.0-0"]


def test_environments_alone_select_only_what_they_need() -> None:
    needed = {"linux-64": {"scipy-1.11-0.conda": "asked for: scipy"}}
    alternatives: tuple[dict[str, Any], ...] = ({"specs": "scipy"}, {"spec_files": "x.yml"})
    for words in alternatives:
        assert wanted([*NUMPY, SCIPY], needed, **words) == ["scipy-1.11-0"]
    assert wanted([*NUMPY, SCIPY], needed, only_needed=True) == ["scipy-1.11-0"]
    assert reasons([*NUMPY], needed, only_needed=True)["numpy-2.0-0"] == (
        "not included: no environment needs it"
    )
    assert wanted([*NUMPY, SCIPY], needed, only_needed=True, include="numpy=2") == [
        "numpy-2.0-0", "scipy-1.11-0",
    ]  # fmt: skip


# -- records of revision 3 (CEP 48) -------------------------------------------------------------

OLD_AND_NEW: dict[str, Any] = {"license": "MIT", "timestamp": 1_600_000_000_000}


def test_an_artifact_of_revision_3_alone_is_selected_like_any_other() -> None:
    records = [
        candidate("a-1-0", license="MIT", is_v3=True),
        candidate("a-2-0", license="GPL", is_v3=True),
        candidate("a-3-0", extension=".tar.bz2", is_v3=True, license="MIT"),
    ]
    assert wanted(records) == ["a-1-0", "a-2-0", "a-3-0.tar.bz2"]
    assert wanted(records, licenses="MIT") == ["a-1-0", "a-3-0.tar.bz2"]
    assert wanted(records, exclude="a=1", newest_versions="1") == ["a-3-0.tar.bz2"]


@pytest.mark.parametrize(
    ("twin", "words", "why"),
    [
        (
            {"license": "GPL"}, {"licenses": "MIT"},
            "licence: licenses = MIT: its licence is 'GPL' (its record in v3.conda)",
        ),
        (
            {"license": "GPL"}, {"exclude_licenses": "GPL"},
            "licence: exclude_licenses = GPL: its licence is 'GPL' (its record in v3.conda)",
        ),
        (
            {"timestamp": 1_400_000_000_000}, {"newer_than": "2018-01-01"},
            "too old: newer_than = 2018-01-01: it was built on 2014-05-13 (its record in v3.conda)",
        ),
        (
            {"timestamp": 1_700_000_000_000}, {"older_than": "2022-01-01"},
            "too new: older_than = 2022-01-01: it was built on 2023-11-14 (its record in v3.conda)",
        ),
        ({"flags": ["debug"]}, {"exclude": "*[flags=[debug]]"}, "excluded: exclude = *[flags="),
        ({"flags": ["debug"]}, {"deny": "a[flags=['de*']]"}, "denied: deny = a[flags=['de*']]"),
        ({"sha256": "ef" * 32}, {"deny": f"sha256:{'ef' * 32}"}, "denied: deny = sha256:efef"),
        ({"size": 2_000_000}, {"max_size": "1MB"}, "too large: max_size = 1.0 MB: it has 2.0 MB"),
    ],
)  # fmt: skip
def test_an_artifact_is_left_out_for_what_either_of_its_records_says(
    twin: dict[str, Any], words: dict[str, str], why: str
) -> None:
    one = candidate("a-1-0", **OLD_AND_NEW, twin=twin, size=None if "size" in twin else 1)
    other = candidate("b-1-0", **OLD_AND_NEW, twin={})
    assert wanted([one, other], **words) == ["b-1-0"]
    assert reasons([one, other], **words)["a-1-0"].startswith(why)
    turned = candidate("a-1-0", **{**OLD_AND_NEW, **twin}, twin=OLD_AND_NEW | dict.fromkeys(twin))
    assert wanted([turned, other], **words) == ["b-1-0"]


def test_an_artifact_stays_if_a_pinned_version_goes_with_one_of_its_records() -> None:
    new = {"depends": ['python[version=">=3.11,<3.12.0a0"]']}
    records = [
        candidate("a-1-0", "python 3.10.*", twin=new),
        candidate("b-1-0", "python 3.10.*", twin={"depends": ['python[version="<3"]']}),
        candidate("c-1-0", 'python[version="3.10.*"]', is_v3=True),
        candidate("d-1-0", 'python[version="3.10.*",when="__win"]', is_v3=True),
    ]
    assert wanted(records, pins="python=3.11") == ["a-1-0", "d-1-0"]


def test_either_record_is_enough_to_be_included_or_kept() -> None:
    one = candidate("a-1-0", twin={"flags": ["cuda"]}, sha256="cd" * 32)
    assert wanted([one, SCIPY], include="a[flags=[cuda]]") == ["a-1-0"]
    assert wanted([one, SCIPY], include="a[flags=[rocm]]") == []
    here = {"linux-64": {"a-1-0.conda": known("cd" * 32)}}
    assert wanted([one], present=here, keep="a[flags=[cuda]]", include="b") == ["a-1-0"]


@pytest.mark.parametrize(
    "odd",
    [
        {"timestamp": "yesterday"}, {"indexed_timestamp": "soon"}, {"build_number": None},
        {"depends": {"a": 1}}, {"size": [1]}, {"md5": 5},
    ],
)  # fmt: skip
def test_an_odd_field_hides_nothing_else_of_a_record_from_the_policy(odd: dict[str, Any]) -> None:
    one = candidate("a-1-0", license="GPL", **{"sha256": "ef" * 32, **odd})
    assert wanted([one]) == ["a-1-0"]
    assert wanted([one], exclude_licenses="GPL*") == []
    assert wanted([one], deny=f"sha256:{'ef' * 32}") == []


# -- cooldown -----------------------------------------------------------------------------------

FRESH = candidate("a-1-0", timestamp=int((NOW - 2 * DAY) * 1000), sha256="cd" * 32)


def test_a_fresh_artifact_is_held_until_its_cooldown_ends() -> None:
    selection = selected([FRESH], cooldown_days="7").by_subdir["linux-64"]
    assert not selection.wanted
    assert selection.held == {"a-1-0.conda": NOW + 5 * DAY}
    assert str(selection.left_out["a-1-0.conda"]) == (
        "in its cooldown: cooldown_days = 7: it is held until 2027-01-20"
    )
    assert wanted([FRESH], cooldown_days="2") == ["a-1-0"]
    assert wanted([FRESH], cooldown_days="7", cooldown_exempt="a>=1") == ["a-1-0"]
    assert wanted([FRESH], cooldown_days="7", approved=("a-1-0.conda",)) == ["a-1-0"]
    assert wanted([FRESH], cooldown_days="7", approved=("a=1",)) == ["a-1-0"]


@pytest.mark.parametrize(
    ("timestamp", "seen", "held_until"),
    [
        (NOW - 900 * DAY, NOW - 1 * DAY, NOW + 6 * DAY),  # its builder dated it back
        (NOW - 1 * DAY, NOW - 30 * DAY, NOW + 6 * DAY),
        (NOW + 900 * DAY, NOW - 1 * DAY, NOW + 6 * DAY),  # a record from the future
        (NOW + 900 * DAY, NOW - 9 * DAY, None),
        (0, NOW - 1 * DAY, NOW + 6 * DAY),
        (0, None, None),  # what has neither counts as old
        (NOW - 900 * DAY, None, None),
    ],
)
def test_a_cooldown_counts_from_when_it_was_first_seen(
    timestamp: float, seen: float | None, held_until: float | None
) -> None:
    one = candidate("a-1-0", timestamp=int(timestamp * 1000))
    first_seen = {} if seen is None else {("linux-64", "a-1-0.conda"): seen}
    selection = selected([one], cooldown_days="7", first_seen=first_seen).by_subdir["linux-64"]
    assert selection.held.get("a-1-0.conda") == held_until


def held_since(**more: Any) -> float | None:
    """Since when, in days ago, an artifact counts as public; None if it counts as old."""
    one = candidate("a-1-0", **more)
    held = selected([one], cooldown_days="1000").by_subdir["linux-64"].held.get("a-1-0.conda")
    return None if held is None else round((NOW + 1000 * DAY - held) / DAY, 3)


def milliseconds(days_ago: float) -> int:
    return int((NOW - days_ago * DAY) * 1000)


BUILT = milliseconds(90)


@pytest.mark.parametrize(
    ("indexed", "since"),
    [
        (milliseconds(3), 3),
        (milliseconds(3) / 1000, 3),  # in seconds
        (milliseconds(3) + 0.5, 3),  # no whole number
        (milliseconds(200), 200),  # before it was built, says the channel
        (milliseconds(-0.01), -0.01),  # clocks differ
        (milliseconds(-10), 90),  # the future: the builder's word holds
        (milliseconds(-100_000), 90),
        (1_000_000_000_000, 90),  # before there was conda
        (0, 90), (-1, 90), (milliseconds(3) * -1, 90), (1, 90),
        (2**62, 90), (2**64, 90), (10**30, 90), (10**400, 90), (-(10**400), 90), (1e300, 90),
        ("2027-01-01", 90), (str(milliseconds(3)), 90), (None, 90), ([], 90), ({}, 90), (True, 90),
    ],
)  # fmt: skip
def test_a_cooldown_counts_from_when_the_channel_listed_it(indexed: Any, since: float) -> None:
    assert held_since(timestamp=BUILT, indexed_timestamp=indexed) == since
    assert held_since(timestamp=BUILT, is_v3=True, indexed_timestamp=indexed) == since
    # Of two records the later word counts.
    assert held_since(timestamp=BUILT, twin={"indexed_timestamp": indexed}) == min(since, 90)
    later = {"timestamp": milliseconds(1), "indexed_timestamp": indexed}
    assert held_since(timestamp=BUILT, indexed_timestamp=milliseconds(50), twin=later) == min(
        since if since != 90 else 1, 50
    )


def test_first_seen_wins_against_a_channel_that_dates_back() -> None:
    one = candidate("a-1-0", timestamp=BUILT, indexed_timestamp=milliseconds(80))
    seen = {("linux-64", "a-1-0.conda"): NOW - DAY}
    selection = selected([one], cooldown_days="7", first_seen=seen).by_subdir["linux-64"]
    assert selection.held == {"a-1-0.conda": NOW + 6 * DAY}
    fresh = candidate("a-1-0", timestamp=BUILT, indexed_timestamp=milliseconds(1))
    seen = {("linux-64", "a-1-0.conda"): NOW - 30 * DAY}  # and listed anew since then
    selection = selected([fresh], cooldown_days="7", first_seen=seen).by_subdir["linux-64"]
    assert selection.held == {"a-1-0.conda": NOW + 6 * DAY}


def test_a_cooldown_throws_nothing_out_and_lets_no_new_bytes_in() -> None:
    here = {"linux-64": {"a-1-0.conda": known("cd" * 32)}}
    selection = selected([FRESH], cooldown_days="7", present=here).by_subdir["linux-64"]
    assert selection.wanted == {"a-1-0.conda": "everything is included"}
    assert not selection.held
    other = {"linux-64": {"a-1-0.conda": known("ef" * 32)}}
    selection = selected([FRESH], cooldown_days="7", present=other).by_subdir["linux-64"]
    assert selection.wanted == {
        "a-1-0.conda": "everything is included; it is here, what upstream has instead is held"
    }
    assert selection.held == {"a-1-0.conda": NOW + 5 * DAY}


def test_an_environment_draws_from_what_is_permitted_only() -> None:
    records = [
        *NUMPY, FRESH, SCIPY, candidate("t-1-0"), candidate("t-1-0", extension=".tar.bz2"),
        candidate("gpl-1-0", license="GPL"),
    ]  # fmt: skip
    words = policy(
        include="nothing", exclude="scipy", deny="numpy=2", cooldown_days="7", prefer_conda="yes",
        exclude_licenses="GPL", newest_versions="1",
    )  # fmt: skip
    permitted = Selector(words, "conda-forge", indexes(records), now=NOW).permitted()
    assert sorted(one.filename for one in permitted) == [
        "numpy-1.20-0.conda", "numpy-1.26-0.conda", "t-1-0.conda",
    ]  # fmt: skip


# -- keep ---------------------------------------------------------------------------------------


def test_keep_keeps_what_is_here_and_fetches_nothing() -> None:
    here = {"linux-64": {"numpy-1.20-0.conda": known(), "numpy-1.0-0.conda": known()}}
    found = selected(NUMPY, present=here, keep="numpy<1.26", newest_versions="1", pins="x=1")
    assert found.by_subdir["linux-64"].wanted == {
        "numpy-1.20-0.conda": "kept: keep = numpy<1.26",
        "numpy-1.0-0.conda": "kept: keep = numpy<1.26; upstream does not list it",
        "numpy-2.0-0.conda": "everything is included",
    }
    assert wanted(NUMPY, present=here, keep="numpy<1.26", exclude="numpy=1.0", include="x") == [
        "numpy-1.20-0"
    ]


# -- what is said ---------------------------------------------------------------------------------


def test_specs_without_effect_are_reported() -> None:
    found = selected([*NUMPY, SCIPY], include="numpyy numpy>=3 scipy numpy=2", exclude="tk scipy")
    assert found.warnings == (
        "include = numpyy matches nothing that upstream lists; did you mean numpy?",
        "include = numpy>=3 matches nothing that upstream lists; there are other"
        " versions or builds of it",
        "include = scipy and exclude = scipy contradict each other: all that it"
        " matches is excluded, nothing of it is mirrored",
        "exclude = tk matches nothing that upstream lists",
    )


def test_a_spec_that_another_one_covers_is_no_mistake() -> None:
    assert selected(NUMPY, include="numpy numpy>=2", exclude="numpy=1.20").warnings == ()


# -- properties -----------------------------------------------------------------------------------

RECORDS = st.lists(
    st.builds(
        lambda name, version, build, extension, python, license, size: candidate(
            f"{name}-{version}-{build}", f"python {python}", extension=extension,
            build_number=int(build), license=license, size=size,
        ),
        st.sampled_from(["a", "b", "libc"]), st.sampled_from(["1", "1.5", "2"]),
        st.sampled_from(["0", "1"]), st.sampled_from([".conda", ".tar.bz2"]),
        st.sampled_from([">=3.8", "3.11.*", "<3"]), st.sampled_from([None, "MIT", "GPL"]),
        st.integers(1, 3),
    ),
    max_size=20, unique_by=lambda one: one.filename,
)  # fmt: skip
WORDS = st.fixed_dictionaries(
    {},
    optional={
        "include": st.sampled_from(["a", "a>=1.5 b", "lib* a<2", "*[build_number=1]"]),
        "exclude": st.sampled_from(["b", "a=1", "lib*"]),
        "deny": st.sampled_from(["a=2", "libc * 0"]),
        "pins": st.just("python=3.11"),
        "exclude_licenses": st.just("GPL"),
        "max_size": st.just("2"),
        "prefer_conda": st.just("yes"),
        "newest_versions": st.sampled_from(["1", "2"]),
        "newest_builds": st.just("1"),
    },
)


@given(records=RECORDS, words=WORDS, seed=st.integers())
def test_selection_is_idempotent_and_the_order_does_not_matter(
    records: list[Candidate], words: dict[str, Any], seed: int
) -> None:
    selection = selected(records, **words).by_subdir["linux-64"]
    assert selection.wanted.keys() | selection.left_out.keys() == {one.filename for one in records}
    assert not selection.wanted.keys() & selection.left_out.keys()
    shuffled = random.Random(seed).sample(records, len(records))
    assert selected(shuffled, **words).by_subdir["linux-64"] == selection
    again = [one for one in records if one.filename in selection.wanted]
    assert selected(again, **words).by_subdir["linux-64"].wanted.keys() == selection.wanted.keys()


@given(records=RECORDS, words=WORDS)
def test_newest_brings_nothing_in(records: list[Candidate], words: dict[str, Any]) -> None:
    unlimited = {key: value for key, value in words.items() if not key.startswith("newest")}
    assert set(wanted(records, **words)) <= set(wanted(records, **unlimited))


def promised(records: Iterable[Candidate], *args: Any, **more: Any) -> list[str]:
    selections = selected(records, *args, on_demand="yes", **more).by_subdir
    found = [name for one in selections.values() for name in one.promised or ()]
    for one in selections.values():
        assert one.promised is not None
        assert not one.promised & (one.wanted.keys() | one.left_out.keys())
    return sorted(name.removesuffix(".conda") for name in found)


def test_on_demand_what_nothing_asks_for_is_promised() -> None:
    everything = sorted(one.filename.removesuffix(".conda") for one in [*NUMPY, SCIPY])
    assert promised([*NUMPY, SCIPY]) == everything
    assert promised([*NUMPY, SCIPY], include="numpy") == ["scipy-1.11-0"]
    assert promised([*NUMPY, SCIPY], only_needed=True) == everything
    assert promised([*NUMPY, SCIPY], newest_versions="1") == ["numpy-1.20-0", "numpy-1.26-0"]
    assert promised([*NUMPY, SCIPY], exclude="numpy<2") == ["numpy-2.0-0", "scipy-1.11-0"]
    needed = {"linux-64": {"scipy-1.11-0.conda": "asked for: scipy"}}
    assert promised([*NUMPY, SCIPY], needed) == everything[:-1]


@pytest.mark.parametrize("more", [{}, {"exclude": "x"}, {"keep": "scipy"}])
def test_on_demand_what_is_here_stays_and_a_promise_is_not_here(more: dict[str, str]) -> None:
    here = {"linux-64": {"scipy-1.11-0.conda": Known(1, "ab" * 32, b"")}}
    assert "scipy-1.11-0" in wanted([SCIPY], present=here, on_demand="yes", **more)
    gone = {"linux-64": {"scipy-1.11-0.conda": Known(1, "ab" * 32, b"", is_promised=True)}}
    assert promised([SCIPY], present=gone, **more) == ["scipy-1.11-0"]
    assert wanted([], present=gone, on_demand="yes", **more) == []  # upstream dropped it


def test_on_demand_the_twin_in_the_old_format_is_not_promised() -> None:
    old = candidate("scipy-1.11-0", extension=".tar.bz2")
    assert promised([SCIPY, old], prefer_conda="yes") == ["scipy-1.11-0"]
