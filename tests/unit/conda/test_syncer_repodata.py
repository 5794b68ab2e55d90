"""What upstream sends is taken apart without trust."""

import gc
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.conda.repodata import Index, Refused, empty, parse
from syncer.conda.wanted import Wanted, _check_values, wanted
from syncer.errors import IndexRejectedError
from syncer.planning.plan import plan_subdir
from volume.names import parse_artifact

GOOD: dict[str, Any] = {
    "name": "a",
    "version": "1",
    "build": "0",
    "size": 10,
    "sha256": "a" * 64,
    "md5": "b" * 32,
    "depends": ["x"],
}


def index(**sections: Any) -> Index:
    return parse(json.dumps(sections).encode(), "noarch")


def decide(record: Any, filename: str = "a-1-0.conda") -> Wanted | Refused:
    (entry,) = index(**{"packages.conda": {filename: record}}).entries
    return wanted(entry, "noarch")


def test_both_sections_are_read_and_everything_else_is_kept() -> None:
    found = index(
        info={"subdir": "noarch", "base_url": "https://x/", "license": 1},
        packages={"a-1-0.tar.bz2": GOOD},
        **{"packages.conda": {"a-1-0.conda": GOOD}},
        removed=["b-1-0.conda"],
        signatures={"a-1-0.conda": {"k": {}}},
        v3={"conda": {}},
        repodata_version=2,
    )
    assert {entry.filename: entry.section for entry in found.entries} == {
        "a-1-0.tar.bz2": "packages",
        "a-1-0.conda": "packages.conda",
    }
    assert found.base_url == "https://x/"
    assert {key: json.loads(text) for key, text in found.other_keys.items()} == {
        "removed": ["b-1-0.conda"],
        "signatures": {"a-1-0.conda": {"k": {}}},
        "info.license": 1,
    }


def test_a_record_is_kept_as_the_text_that_was_sent() -> None:
    text = '{"name":"a", "version":"1","build":"0",  "size":10,"sha256":"%s","z":1.50}' % ("a" * 64)
    found = parse(b'{"packages.conda": {"a-1-0.conda": ' + text.encode() + b"}}", "noarch")
    artifact = wanted(found.entries[0], "noarch")
    assert isinstance(artifact, Wanted)
    assert artifact.record == text
    assert artifact.digest == found.entries[0].digest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"<html>maintenance</html>",
        b"\x28\xb5\x2f\xfd",
        b"\xff\xfe",
        b'{"packages": []}',
        b'{"packages": null}',
        b'{"packages.conda": 5}',
        b'{"info": []}',
        b'{"packages": {}} trailing',
        b'{"packages": {"\xff-1-0.conda": {}}}',
        b'{"\xff": 1, "packages": {}}',
        b'{"info": {"x": "\xff"}, "packages": {}}',
        b'{"info": {"base_url": "\xff"}, "packages": {}}',
        b'{"x": "\xff", "packages": {}}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"packages": {"a-1-0.tar.bz2": ' + b'{"x":' * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_what_is_not_repodata_is_rejected(data: bytes) -> None:
    with pytest.raises(IndexRejectedError) as rejected:
        parse(data, "noarch")
    assert "noarch" in str(rejected.value)
    assert "stays as it is" in str(rejected.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 0}, "impossible size"),
        ({"size": -1}, "impossible size"),
        ({"size": 1 << 50}, "impossible size"),
        ({"size": "10"}, "malformed"),
        ({"sha256": "a" * 63}, "malformed sha256"),
        ({"sha256": "g" * 64}, "malformed sha256"),
        ({"sha256": ["a" * 64]}, "malformed"),
        ({"md5": "../x"}, "malformed md5"),
        ({"sha256": None, "md5": None}, "neither sha256 nor md5"),
        ({"name": None}, "malformed"),
    ],
)
def test_a_bad_field_leaves_the_record_out(change: dict[str, Any], reason: str) -> None:
    refused = decide({**GOOD, **change})
    assert isinstance(refused, Refused)
    assert reason in refused.reason


@pytest.mark.parametrize("record", [None, 5, "x", [], {}, [GOOD]])
def test_a_record_of_another_shape_is_left_out(record: Any) -> None:
    assert isinstance(decide(record), Refused)


def test_a_record_that_is_not_utf8_is_left_out_and_the_rest_stays() -> None:
    good = json.dumps(GOOD).encode()
    found = parse(
        b'{"packages.conda": {"a-1-0.conda": {"summary": "\xff", '
        + good[1:]
        + b', "b-1-0.conda": '
        + good.replace(b'"a"', b'"b"', 1)
        + b"}}",
        "noarch",
    )
    plan = plan_subdir(found, {})
    assert [one.filename for one in plan.refused] == ["a-1-0.conda"]
    assert [one.filename for one in plan.new] == ["b-1-0.conda"]


def test_hostile_names_are_left_out_and_the_rest_stays() -> None:
    names = ["../x-1-0.conda", "/x-1-0.conda", "x\0-1-0.conda", "\u202ex-1-0.conda", "", "a" * 999]
    found = index(**{"packages.conda": {"a-1-0.conda": GOOD, **dict.fromkeys(names, GOOD)}})
    assert [entry.filename for entry in found.entries] == ["a-1-0.conda"]
    assert len(found.refused) == len(names)
    # They are printed: no control characters, no mirrored text, no endless lines.
    assert all(one.filename.isprintable() and len(one.filename) <= 210 for one in found.refused)


@pytest.mark.parametrize(
    "filename",
    ["a-1-0.conda", "a-b-1!2.0_x-py_0.conda", "a-1-0.tar.bz2.conda", "a-1-0.conda.tar.bz2"],
)
def test_an_entry_is_named_as_its_filename_says(filename: str) -> None:
    section = "packages.conda" if filename.endswith(".conda") else "packages"
    (entry,) = index(**{section: {filename: GOOD}}).entries
    assert entry.name == parse_artifact(filename)


def test_entries_are_no_work_for_the_garbage_collector() -> None:
    (entry,) = index(**{"packages.conda": {"a-1-0.conda": GOOD}}).entries
    assert not gc.is_tracked(entry) and not gc.is_tracked(entry.raw)


def test_a_name_belongs_to_the_section_of_its_format() -> None:
    other = {**GOOD, "sha256": "c" * 64}
    found = index(packages={"a-1-0.conda": other}, **{"packages.conda": {"a-1-0.conda": GOOD}})
    assert [json.loads(bytes(entry.raw)) for entry in found.entries] == [GOOD]
    assert [one.reason for one in found.refused] == [
        "it is listed under 'packages', which is for the other format"
    ]


@pytest.mark.parametrize("value", [1 << 70, -(1 << 70), 1e300, json.loads("[" * 40 + "]" * 40)])
def test_a_record_that_the_engine_would_stumble_over_is_refused(value: object) -> None:
    refused = decide({**GOOD, "odd": value})
    assert isinstance(refused, Refused)
    assert "malformed" in refused.reason


def test_upper_case_hashes_are_the_same_hashes() -> None:
    artifact = decide({**GOOD, "sha256": "A" * 64})
    assert isinstance(artifact, Wanted)
    assert artifact.sha256 == "a" * 64


def test_the_digest_follows_the_text() -> None:
    digests = {
        index(**{"packages.conda": {"a-1-0.conda": record}}).entries[0].digest
        for record in (GOOD, {**GOOD, "depends": []}, GOOD)
    }
    assert len(digests) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
NAMES = st.text(max_size=20) | st.sampled_from(["a-1-0.conda", "a-1-0.tar.bz2", "../a-1-0.conda"])
RECORDS = JSON | st.fixed_dictionaries(
    {}, optional={key: JSON | st.just(value) for key, value in GOOD.items()}
)
SECTIONS = st.dictionaries(NAMES, RECORDS, max_size=4) | JSON


@pytest.mark.parametrize("data", [b"{}", b'{"packages": {}, "packages.conda": {}}'])
def test_an_empty_object_is_an_index_that_says_nothing(data: bytes) -> None:
    """conda's own message tells people to write it into an empty noarch."""
    assert parse(data, "noarch") == empty("noarch")
    assert parse(data, "noarch").says_nothing


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={"packages": SECTIONS, "packages.conda": SECTIONS, "info": JSON, "removed": JSON},
)


def take_apart(data: bytes) -> None:
    """Everything that a run does with an index before it asks for artifacts."""
    try:
        found = parse(data, "noarch")
    except IndexRejectedError:
        return
    plan = plan_subdir(found, {})
    for artifact in plan.new:
        assert artifact.sha256 or artifact.md5
        json.loads(artifact.record)
    for refused in plan.refused:
        refused.filename.encode()


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS)
def test_any_document_is_read_or_rejected(document: Any) -> None:
    take_apart(json.dumps(document).encode())


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.data())
def test_any_damage_is_survived(document: Any, data: st.DataObject) -> None:
    raw = bytearray(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    take_apart(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    take_apart(data)


def decide_text(text: str) -> Wanted | Refused:
    """What is decided of a record with ``z``, whose text is this."""
    record = json.dumps(GOOD)[:-1] + f', "z": {text}}}'
    (entry,) = parse(
        f'{{"packages.conda": {{"a-1-0.conda": {record}}}}}'.encode(), "noarch"
    ).entries
    return wanted(entry, "noarch")


NUMBERS = {
    "largest": (str(2**63 - 1), True),
    "too large": (str(2**63), False),
    "smallest": (str(-(2**63)), True),
    "too small": (str(-(2**63) - 1), False),
    "in a list": (f"[1, 2,{2**63}]", False),
    "in an object": (f'{{"a":{{"b":{2**64}}}}}', False),
    "behind a line's end": (f"[\n{2**63}]", False),
    "a large float": ("1e19", False),
    "a large float in small letters": ("[1.0E+19]", False),
    "a small float": ("1.5e3", True),
    "an infinite one": ("1e400", False),
    "many digits": ("0." + "1" * 40, True),
    "in a text": (f'":1e400, {2**64}"', True),
}


@pytest.mark.parametrize(("text", "is_good"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_beyond_64_bits_is_refused(text: str, is_good: bool) -> None:
    assert isinstance(decide_text(text), Wanted) is is_good


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("[" * 14 + "]" * 14, True),
        ("[" * 17 + "]" * 17, False),
        ('{"a":' * 17 + "1" + "}" * 17, False),
        ('"' + "[{" * 40 + '"', True),
        ("[" + "[]," * 40 + "[]]", True),
    ],
)
def test_an_absurd_depth_is_refused_and_brackets_are_not(text: str, is_good: bool) -> None:
    assert isinstance(decide_text(text), Wanted) is is_good


@given(
    st.recursive(
        st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
        | st.text()
        | st.booleans()
        | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=9,
    )
)
def test_a_look_at_the_text_misses_nothing(value: object) -> None:
    """The quick look lets nothing through that a look at each value refuses."""
    text = json.dumps(value)
    found = decide_text(text)
    try:
        _check_values(msgspec.json.decode(text))
    except ValueError:
        assert isinstance(found, Refused)
    else:
        assert isinstance(found, Wanted)


_SAID = json.dumps(GOOD, separators=(",", ":"))[1:]


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"z",' + _SAID,
        '{"name" : "z",\n' + _SAID,
        '{"n\\u0061me":"z",' + _SAID,
        '{"url":"https://evil.invalid/x","url":"a-1-0.conda",' + _SAID,
        '{"extra_depends":{"x":["a:b"],"x":[]},' + _SAID,
        '{"invented":[{},[{"x":1,"x":1}]],' + _SAID,
    ],
)
def test_a_record_that_says_a_thing_twice_is_left_out(text: str) -> None:
    found = decide_text(text)
    assert isinstance(found, Refused)
    assert "twice" in found.reason


@given(st.recursive(
    st.one_of(st.text(st.sampled_from('":,{}[]\\ a')), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.sampled_from('":{ \\ab')), inner, max_size=3),
    ),
))  # fmt: skip
def test_no_record_that_says_each_thing_once_is_taken_for_another(value: object) -> None:
    for separators in ((",", ":"), (", ", ": "), (" , ", " : ")):
        text = json.dumps({**GOOD, "invented": value}, separators=separators)
        assert isinstance(decide_text(text), Wanted)
