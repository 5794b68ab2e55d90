"""What repodata holds beside the records."""

import json

import pytest

from indexer.base.errors import EngineError
from indexer.engines.envelope import compact, envelope, frame, info_of, put_around
from indexer.engines.revisions import LONGEST_MESSAGE, Tally

CHANNEL = "bioconda"
LISTED = {"a-1-0.conda", "b-1-0.tar.bz2"}
PLAIN = {"info": {"subdir": "noarch"}, "repodata_version": 1, "removed": []}


def other_keys(**sections: object) -> dict[str, str]:
    return {key.replace("__", "."): json.dumps(value) for key, value in sections.items()}


def test_nothing_carried_is_the_engines_own_envelope() -> None:
    output = b'{"info":{"subdir":"noarch"},"packages":{},"packages.conda":{"x":1},"removed":[],"repodata_version":1}'  # noqa: E501
    assert envelope({}, CHANNEL, "noarch", LISTED) == PLAIN
    assert put_around(output, "noarch", frame(PLAIN, Tally())) == output


def test_everything_is_put_around_the_records() -> None:
    wanted = envelope(
        other_keys(info__created_at="x", removed=["r"], signatures={"a-1-0.conda": 1}, z=[1]),
        CHANNEL,
        "noarch",
        LISTED,
    )
    output = b'{"info":{"subdir":"noarch"},"packages":{"p":1},"packages.conda":{},"removed":[],"repodata_version":1}'  # noqa: E501
    assert json.loads(put_around(output, "noarch", frame(wanted, Tally()))) == {
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
    assert envelope({key: '"https://elsewhere.invalid"'}, CHANNEL, "noarch", LISTED) == PLAIN


def test_what_speaks_of_artifacts_is_cut_down_to_those_listed() -> None:
    found = envelope(
        other_keys(
            removed=["a-1-0.conda", "gone-1-0.conda"],
            signatures={"a-1-0.conda": 1, "gone-1-0.conda": 2},
            v3={"conda": {"a-1-0": 1}, "whl": {"w": 4}},  # records are no part of it
        ),
        CHANNEL,
        "noarch",
        LISTED,
    )
    assert found["removed"] == ["gone-1-0.conda"]
    assert found["signatures"] == {"a-1-0.conda": 1}
    assert "v3" not in found


def test_records_of_revision_3_are_put_in_their_place() -> None:
    wanted = envelope(other_keys(a=1, z=[1]), CHANNEL, "noarch", LISTED)
    output = b'{"info":{"subdir":"noarch"},"packages":{},"packages.conda":{"x":1},"removed":[],"repodata_version":1}'  # noqa: E501
    made = put_around(output, "noarch", frame(wanted, Tally(1)), b'"y":2', b"", b'"w":3')
    assert json.loads(made)["v3"] == {"conda": {"y": 2}, "tar.bz2": {}, "whl": {"w": 3}}
    assert list(json.loads(made)) == [
        "info", "packages", "packages.conda", "a", "removed", "repodata_version", "v3", "z",
    ]  # fmt: skip


def test_unknown_sections_of_packages_are_not_ours_to_list() -> None:
    assert envelope(other_keys(**{"packages.whl": {"w": 1}}), CHANNEL, "noarch", LISTED) == PLAIN


@pytest.mark.parametrize("output", [b"", b"{}", b'{"info":{},"packages":{}}'])
def test_an_unknown_form_is_refused(output: bytes) -> None:
    with pytest.raises(EngineError, match="unknown form"):
        put_around(output, "noarch", frame(PLAIN, Tally()))


def test_compact_is_what_the_engine_writes() -> None:
    assert compact({"b": "ü", "a": [1, None]}) == '{"a":[1,null],"b":"\\u00fc"}'


# -- revisions and relations -----------------------------------------------------------------------


def tally(*times: int | None) -> Tally:
    made = Tally()
    for time in times:
        made.add(time)
    return made


def info(key: str, value: object, counted: Tally) -> dict[str, object]:
    """What is said beside the subdir."""
    found = info_of(envelope({f"info.{key}": json.dumps(value)}, CHANNEL, "noarch", ()), counted)
    assert found.pop("subdir") == "noarch"
    return found


def test_revisions_are_counted_for_what_is_here() -> None:
    said = {"message": "m", "n_packages": 99, "oldest": 1, "newest": 2, "more": [1]}
    assert info("repodata_revisions", {"v3": said}, tally(7, None, 5)) == {
        "repodata_revisions": {
            "v3": {"message": "m", "more": [1], "n_packages": 3, "oldest": 5, "newest": 7}
        }
    }
    assert info("repodata_revisions", {"v3": said, "v4": said}, tally()) == {
        "repodata_revisions": {
            name: {"message": "m", "more": [1], "n_packages": 0} for name in ("v3", "v4")
        }
    }
    assert info("z", 1, tally(None)) == {"z": 1, "repodata_revisions": {"v3": {"n_packages": 1}}}
    assert info("z", 1, tally()) == {"z": 1}


@pytest.mark.parametrize(
    ("value", "kept", "named"),
    [
        ([{"revision": 3, "n_packages": 1}], {}, "no map"),
        (5, {}, "no map"),
        (None, {}, "no map"),
        ({"v3": 5, "v5": None}, {}, "v3 is no map"),
        ({"v2": {}, "x": {}, "v03": {}, "v3 ": {}}, {}, "is no revision"),
        ({"v3": {"message": 5}}, {"v3": {"n_packages": 0}}, "message of v3 is no text"),
        ({"v3": {"message": "x" * 8193}}, {"v3": {"n_packages": 0}}, "has 8,193 bytes"),
        ({"v3": {"message": "ü" * 4097}}, {"v3": {"n_packages": 0}}, "has 8,194 bytes"),
    ],
)
def test_malformed_revisions_are_left_out_and_named(
    value: object, kept: object, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = {"repodata_revisions": kept} if kept else {}
    assert info("repodata_revisions", value, tally()) == expected
    assert named in caplog.text
    assert "bioconda/noarch" in caplog.text


@pytest.mark.parametrize("message", ["x" * LONGEST_MESSAGE, "", None])
def test_a_message_is_carried(message: str | None, caplog: pytest.LogCaptureFixture) -> None:
    said = {"v3": {"message": message}}
    assert info("repodata_revisions", said, tally()) == {
        "repodata_revisions": {"v3": {"message": message, "n_packages": 0}}
    }
    assert not caplog.text


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("bioconda", {"base": "../conda-forge"}),
        ("bioconda", {"base": "../conda-forge", "overrides": "../mine/"}),
        ("conda-forge/label/rc", {"overrides": "../.."}),
        ("conda-forge/label/rc", {"overrides": "../../label/dev"}),
        ("pkgs/main", {"base": "../free"}),
    ],
)
def test_relations_are_carried(
    channel: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = envelope({"info.channel_relations": json.dumps(value)}, channel, "noarch", ())
    assert found["info"]["channel_relations"] == value
    assert not caplog.text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("../conda-forge", {}),
        (["../conda-forge"], {}),
        (None, {}),
        ({"base": 5}, {}),
        ({"base": "https://elsewhere.invalid/x"}, {}),
        ({"base": "//elsewhere.invalid/x"}, {}),
        ({"base": "/conda-forge"}, {}),
        ({"base": "conda-forge"}, {}),
        ({"base": ".."}, {}),
        ({"base": "../"}, {}),
        ({"base": "../../conda-forge"}, {}),
        ({"base": "../../../etc"}, {}),
        ({"base": "../https://elsewhere.invalid"}, {}),
        ({"base": "..//elsewhere.invalid"}, {}),
        ({"base": "../a/../../b"}, {}),
        ({"base": "../conda-forge?x"}, {}),
        ({"base": "../conda%2fforge"}, {}),
        ({"base": "../conda-forge/noarch"}, {}),
        ({"base": "../."}, {}),
        ({"base": "../" * 5000}, {}),
        ({"base": "../bioconda"}, {}),
        ({"base": "../bioconda/"}, {}),
        ({"base": "../x", "overrides": "../y/../x"}, {}),
        ({"base": "../x", "mirrors": ["https://elsewhere.invalid"]}, {"base": "../x"}),
        ({"base": "../bioconda", "overrides": "../x"}, {"overrides": "../x"}),
    ],
)
def test_relations_that_lead_out_are_left_out_and_named(
    value: object, kept: object, caplog: pytest.LogCaptureFixture
) -> None:
    expected = {"channel_relations": kept} if kept else {}
    assert info("channel_relations", value, tally()) == expected
    assert "info.channel_relations" in caplog.text
