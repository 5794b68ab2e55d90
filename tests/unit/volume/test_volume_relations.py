"""Relations of channels: what is understood, what is refused, where they lead."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume import relations
from volume.names import check_channel
from volume.relations import Relation, Relations


def of(channel: str, *values: Any) -> Relations:
    texts = {f"subdir-{number}": json.dumps(value) for number, value in enumerate(values)}
    return relations.read(channel, texts)


@pytest.mark.parametrize(
    ("channel", "reference", "expected"),
    [
        ("bioconda", "../conda-forge", "conda-forge"),
        ("conda-forge/label/rc", "../..", "conda-forge"),
        ("conda-forge/label/rc", "../../", "conda-forge"),
        ("pkgs/main", "../r", "pkgs/r"),
        ("pkgs/main", "../../conda-forge", "conda-forge"),
    ],
)
def test_a_reference_is_a_path_from_the_channel(
    channel: str, reference: str, expected: str
) -> None:
    found = of(channel, {"base": reference})
    assert found.sound == (Relation("base", reference, expected),)
    assert found.problems == ()
    assert found.missing({channel}) == found.sound
    assert found.missing({channel, expected}) == ()


@pytest.mark.parametrize(
    "value",
    [
        None, 1, "../conda-forge", ["../conda-forge"], {"base": None}, {"base": 7},
        {"base": ["../conda-forge"]}, {"base": {"../conda-forge": 1}}, {"base": ""},
        {"base": "conda-forge"}, {"base": "/conda-forge"}, {"base": "//elsewhere.example/x"},
        {"base": "https://elsewhere.example/x"}, {"base": ".."}, {"base": "../"},
        {"base": "../.."}, {"base": "../../x"}, {"base": "../../../x"}, {"base": "../bioconda"},
        {"base": "../x/../bioconda"}, {"base": "../x?y=1"}, {"base": "../x#y"},
        {"base": "../%2e%2e/x"}, {"base": "../x\\y"}, {"base": "..//x"}, {"base": "../x\n"},
        {"base": "../https://elsewhere.example"}, {"base": "../snapshots"}, {"base": "../noarch"},
        {"base": "../" + "x" * 300}, {"base": "../" * 100_000 + "x"}, {"other": "../conda-forge"},
        {"base": "../x", "overrides": "../x"}, {"base": "../x", "overrides": "../y/../x"},
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_what_leads_elsewhere_or_nowhere_is_refused_and_named(value: Any) -> None:
    found = of("bioconda", value)
    assert found.sound == ()
    assert found.problems
    assert all(len(problem) < 700 and problem.isprintable() for problem in found.problems)


def test_what_is_no_json_is_named_and_spoils_nothing() -> None:
    texts = {"a": "{", "b": "[" * 100_000, "c": '{"base": "../conda-forge"}'}
    found = relations.read("bioconda", texts)
    assert [one.channel for one in found.sound] == ["conda-forge"]
    assert len(found.problems) == 2


def test_each_relation_is_told_once_whatever_subdirs_say_it() -> None:
    same = {"base": "../conda-forge", "overrides": "../hotfixes"}
    found = of("bioconda", same, same, {"base": "../other"})
    assert [one.channel for one in found.sound] == ["conda-forge", "hotfixes", "other"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
references = st.lists(st.sampled_from(["..", "x", "label", "", ".", "noarch", "https:"])).map(
    lambda parts: "../" + "/".join(parts)
)


@given(
    st.sampled_from(["bioconda", "a/b", "conda-forge/label/rc"]),
    json_values | st.dictionaries(st.sampled_from(["base", "overrides"]), json_values | references),
)
def test_what_is_carried_is_always_a_path_to_another_channel(channel: str, value: Any) -> None:
    for one in of(channel, value).sound:
        assert one.reference.startswith("../")
        assert check_channel(one.channel) != channel


@pytest.mark.parametrize(
    ("url", "reference", "expected"),
    [
        ("https://h.example/conda/team", "../other", "https://h.example/conda/other"),
        ("https://h.example/team/", "../../other", None),
        ("file:///mnt/channels/team", "../other", "file:///mnt/channels/other"),
    ],
)
def test_the_address_beside_one(url: str, reference: str, expected: str | None) -> None:
    assert relations.beside(url, reference) == expected


class TestCircle:
    def test_none(self) -> None:
        found = {
            "mine": of("mine", {"base": "../bioconda", "overrides": "../hotfixes"}),
            "bioconda": of("bioconda", {"base": "../conda-forge"}),
            "conda-forge": of("conda-forge"),
        }
        assert relations.circle(found) is None

    def test_bases_of_each_other(self) -> None:
        found = {name: of(name, {"base": f"../{other}"}) for name, other in ("ab", "bc", "ca")}
        circle = relations.circle(found)
        assert circle is not None
        assert circle[0] == circle[-1]
        assert {*circle} == {"a", "b", "c"}

    def test_a_base_that_overrides_what_builds_on_it_is_one_edge_and_no_circle(self) -> None:
        found = {"a": of("a", {"base": "../b"}), "b": of("b", {"overrides": "../a"})}
        assert relations.circle(found) is None

    def test_two_that_override_each_other(self) -> None:
        found = {"a": of("a", {"overrides": "../b"}), "b": of("b", {"overrides": "../a"})}
        assert relations.circle(found) == ("a", "b", "a")
