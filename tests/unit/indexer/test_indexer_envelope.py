"""What repodata holds beside the records."""

import json

import pytest

from indexer.base.errors import EngineError
from indexer.engines.envelope import compact, envelope, frame, put_around

LISTED = {"a-1-0.conda", "b-1-0.tar.bz2"}
PLAIN = {"info": {"subdir": "noarch"}, "repodata_version": 1, "removed": []}


def other_keys(**sections: object) -> dict[str, str]:
    return {key.replace("__", "."): json.dumps(value) for key, value in sections.items()}


def test_nothing_carried_is_the_engines_own_envelope() -> None:
    output = b'{"info":{"subdir":"noarch"},"packages":{},"packages.conda":{"x":1},"removed":[],"repodata_version":1}'  # noqa: E501
    assert envelope({}, "noarch", LISTED) == PLAIN
    assert put_around(output, "noarch", frame(PLAIN)) == output


def test_everything_is_put_around_the_records() -> None:
    wanted = envelope(
        other_keys(info__created_at="x", removed=["r"], signatures={"a-1-0.conda": 1}, z=[1]),
        "noarch",
        LISTED,
    )
    output = b'{"info":{"subdir":"noarch"},"packages":{"p":1},"packages.conda":{},"removed":[],"repodata_version":1}'  # noqa: E501
    assert json.loads(put_around(output, "noarch", frame(wanted))) == {
        "info": {"subdir": "noarch", "created_at": "x"},
        "packages": {"p": 1},
        "packages.conda": {},
        "removed": ["r"],
        "repodata_version": 1,
        "signatures": {"a-1-0.conda": 1},
        "z": [1],
    }


@pytest.mark.parametrize("key", ["info.base_url", "info.shards_base_url", "info.subdir"])
def test_no_address_comes_through(key: str) -> None:
    assert envelope({key: '"https://elsewhere.invalid"'}, "noarch", LISTED) == PLAIN


def test_what_speaks_of_artifacts_is_cut_down_to_those_listed() -> None:
    found = envelope(
        other_keys(
            removed=["a-1-0.conda", "gone-1-0.conda"],
            signatures={"a-1-0.conda": 1, "gone-1-0.conda": 2},
            v3={"conda": {"a-1-0": 1}, "whl": {"w": 4}},  # records are no part of it
        ),
        "noarch",
        LISTED,
    )
    assert found["removed"] == ["gone-1-0.conda"]
    assert found["signatures"] == {"a-1-0.conda": 1}
    assert "v3" not in found


def test_records_of_revision_3_are_put_in_their_place() -> None:
    wanted = envelope(other_keys(a=1, z=[1]), "noarch", LISTED)
    output = b'{"info":{"subdir":"noarch"},"packages":{},"packages.conda":{"x":1},"removed":[],"repodata_version":1}'  # noqa: E501
    made = put_around(output, "noarch", frame(wanted, has_v3=True), b'"y":2', b"")
    assert json.loads(made)["v3"] == {"conda": {"y": 2}, "tar.bz2": {}}
    assert list(json.loads(made)) == [
        "info", "packages", "packages.conda", "a", "removed", "repodata_version", "v3", "z",
    ]  # fmt: skip


def test_unknown_sections_of_packages_are_not_ours_to_list() -> None:
    assert envelope(other_keys(**{"packages.whl": {"w": 1}}), "noarch", LISTED) == PLAIN


@pytest.mark.parametrize("output", [b"", b"{}", b'{"info":{},"packages":{}}'])
def test_an_unknown_form_is_refused(output: bytes) -> None:
    with pytest.raises(EngineError, match="unknown form"):
        put_around(output, "noarch", frame(PLAIN))


def test_compact_is_what_the_engine_writes() -> None:
    assert compact({"b": "ü", "a": [1, None]}) == '{"a":[1,null],"b":"\\u00fc"}'
