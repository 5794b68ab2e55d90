"""A plan divides what is wanted, whatever upstream and the volume hold."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.conda.repodata import Index, parse
from syncer.planning.plan import Amount, SubdirPlan, plan_subdir, totals
from syncer.planning.selection.outcome import LeftOut, Reason, SubdirSelection
from volume.ledger.artifact import Known

Record = dict[str, Any]


def record(number: int = 0, **fields: Any) -> Record:
    made = {
        "name": "a",
        "version": "1",
        "build": "0",
        "size": 10 + number,
        "sha256": f"{number:064x}",
        "md5": f"{number:032x}",
    }
    return {key: value for key, value in {**made, **fields}.items() if value is not None}


def index(records: dict[str, Any], order: int = 0) -> Index:
    names = list(records)
    random.Random(order).shuffle(names)
    sections: dict[str, Record] = {"packages": {}, "packages.conda": {}}
    for name in names:
        section = "packages" if name.endswith(".tar.bz2") else "packages.conda"
        own = records[name]
        if isinstance(own, dict) and "name" in own:
            own = {**own, "name": name.partition("-")[0]}
        sections[section][name] = own
    return parse(json.dumps({"info": {"subdir": "noarch"}, **sections}).encode(), "noarch")


def committed(records: dict[str, Any], known: dict[str, Known] | None = None) -> dict[str, Known]:
    """What the ledger knows once a plan for these records was carried out."""
    known = dict(known or {})
    plan = plan_subdir(index(records), known)
    for artifact in (*plan.new, *plan.replaced, *plan.hotfixed):
        sha256 = artifact.sha256 or f"{int(artifact.md5 or '0', 16):064x}"
        known[artifact.filename] = Known(artifact.size or 7, sha256, artifact.digest, artifact.md5)
    for name in plan.retired:
        del known[name]
    return known


def names(plan: SubdirPlan) -> dict[str, list[str]]:
    return {
        "new": [artifact.filename for artifact in plan.new],
        "replaced": [artifact.filename for artifact in plan.replaced],
        "hotfixed": [artifact.filename for artifact in plan.hotfixed],
        "retired": list(plan.retired),
        "refused": [artifact.filename for artifact in plan.refused],
    }


def change(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[str]]:
    found = names(plan_subdir(index(after), committed(before)))
    return {kind: named for kind, named in found.items() if named}


NAME = "a-1-0.conda"


def test_what_upstream_adds_is_new_and_what_it_drops_is_retired() -> None:
    assert change({}, {NAME: record()}) == {"new": [NAME]}
    assert change({NAME: record()}, {}) == {"retired": [NAME]}
    assert change({NAME: record()}, {NAME: record()}) == {}


def test_other_bytes_under_a_name_are_a_replacement() -> None:
    assert change({NAME: record()}, {NAME: record(1)}) == {"replaced": [NAME]}
    assert change({NAME: record()}, {NAME: record(size=11)}) == {"replaced": [NAME]}


def test_another_record_of_the_same_bytes_is_a_hotfix() -> None:
    assert change({NAME: record()}, {NAME: record(depends=["x"])}) == {"hotfixed": [NAME]}
    assert change({NAME: record()}, {NAME: record(md5=None)}) == {"hotfixed": [NAME]}


def test_without_sha256_the_md5_decides() -> None:
    old = record(sha256=None)
    assert change({NAME: old}, {NAME: {**old, "depends": []}}) == {"hotfixed": [NAME]}
    assert change({NAME: old}, {NAME: record(1, sha256=None, size=10)}) == {"replaced": [NAME]}
    assert change({NAME: old}, {NAME: record()}) == {"hotfixed": [NAME]}


def test_without_size_the_hash_decides() -> None:
    old = record(size=None)
    assert change({NAME: old}, {NAME: {**old, "depends": []}}) == {"hotfixed": [NAME]}


def test_a_record_that_turned_bad_does_not_take_the_good_one_down() -> None:
    assert change({NAME: record()}, {NAME: {"size": "?"}}) == {"refused": [NAME]}
    assert change({}, {NAME: {"size": "?"}}) == {"refused": [NAME]}


def test_both_formats_are_two_artifacts() -> None:
    both = {NAME: record(), "a-1-0.tar.bz2": record(1)}
    assert sorted(change({}, both)["new"]) == sorted(both)


def test_what_is_not_selected_is_retired() -> None:
    selection = SubdirSelection(wanted={}, left_out={}, held={})
    plan = plan_subdir(index({NAME: record()}), committed({NAME: record()}), selection=selection)
    assert plan.retired == (NAME,)
    assert plan.retired_size == 10
    assert plan.new == ()


RECORDS = st.builds(
    record,
    st.integers(0, 3),
    size=st.sampled_from([None, 10, 11, 0, "?"]),
    sha256=st.sampled_from([None, "1" * 64, "2" * 64, "x"]),
    depends=st.sampled_from([None, [], ["x"]]),
)
FILENAMES = st.sampled_from(
    [f"{name}-1-0{extension}" for name in "abcd" for extension in (".conda", ".tar.bz2")]
    + ["../a-1-0.conda", "a"]
)
CHANNELS = st.dictionaries(FILENAMES, RECORDS, max_size=10)


@settings(deadline=None)
@given(CHANNELS, CHANNELS)
def test_a_plan_divides_the_desired_and_the_present(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    known = committed(before)
    plan = plan_subdir(index(after), known)
    found = names(plan)
    changed = [*found["new"], *found["replaced"], *found["hotfixed"]]
    assert len(changed) == len(set(changed))
    assert set(changed) <= after.keys()
    assert set(found["new"]).isdisjoint(known)
    assert set(found["retired"]) == known.keys() - after.keys()
    assert set(found["retired"]).isdisjoint(found["refused"])
    # Everything that is there stays, is replaced, or leaves; nothing is counted twice.
    assert plan.kept + len(plan.replaced) + len(plan.retired) == len(known)
    present = known.keys() - set(found["retired"]) - set(found["replaced"])
    assert plan.kept_size == sum(known[name].size for name in present)
    assert plan.kept - len(plan.hotfixed) + len(changed) + len(
        [name for name in found["refused"] if name not in known]
    ) == len(after)


@settings(deadline=None)
@given(CHANNELS, CHANNELS)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    known = committed(after, committed(before))
    assert plan_subdir(index(after), known).changes_nothing


@settings(deadline=None)
@given(CHANNELS, CHANNELS, st.integers(0, 5))
def test_the_order_of_records_does_not_matter(
    before: dict[str, Any], after: dict[str, Any], order: int
) -> None:
    known = committed(before)
    one = names(plan_subdir(index(after), known))
    two = names(plan_subdir(index(after, order), known))
    assert {key: sorted(value) for key, value in one.items()} == {
        key: sorted(value) for key, value in two.items()
    }


def test_totals_add_up() -> None:
    plan = plan_subdir(
        index({NAME: record(depends=[]), "b-1-0.conda": record(2), "c-1-0.conda": record(3)}),
        committed({NAME: record(), "b-1-0.conda": record(1), "d-1-0.conda": record(4)}),
    )
    found = totals("c", plan)
    assert (found.kept, found.new, found.replaced, found.hotfixed, found.retired) == (1, 1, 1, 1, 1)
    assert (found.kept_size, found.new_size, found.replaced_size, found.retired_size) == (
        10, 13, 12, 14,
    )  # fmt: skip
    assert found.offered == 3


def test_what_is_kept_anyway_does_not_retire() -> None:
    selection = SubdirSelection(wanted={NAME: "kept: keep = a"}, left_out={}, held={})
    plan = plan_subdir(index({}), committed({NAME: record()}), selection=selection)
    assert plan.kept_anyway == (NAME,) and plan.retired == ()
    assert plan.kept == 1 and plan.changes_nothing


def test_bytes_in_their_cooldown_wait_while_a_hotfix_does_not() -> None:
    here = committed({NAME: record(size=10, sha256="1" * 64)})
    selection = SubdirSelection(wanted={NAME: "included"}, left_out={}, held={NAME: 99.0})
    replaced = plan_subdir(
        index({NAME: record(size=11, sha256="2" * 64)}), here, selection=selection
    )
    assert replaced.kept == 1 and replaced.changes_nothing
    hotfix = record(size=10, sha256="1" * 64, depends=["x"])
    assert len(plan_subdir(index({NAME: hotfix}), here, selection=selection).hotfixed) == 1


def test_what_is_held_back_and_denied_is_counted_with_its_bytes() -> None:
    records = {NAME: record(size=10), "b-1-0.conda": record(size=7)}
    denied = LeftOut(Reason.DENIED, "deny = b")
    selection = SubdirSelection(wanted={}, left_out={"b-1-0.conda": denied}, held={NAME: 99.0})
    plan = plan_subdir(index(records), {}, selection=selection)
    assert (plan.held, plan.denied) == (Amount(1, 10), Amount(1, 7))
    found = totals("c", plan)
    assert (found.held, found.held_size, found.denied, found.denied_size) == (1, 10, 1, 7)
