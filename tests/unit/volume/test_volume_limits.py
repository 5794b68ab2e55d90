"""Limits that real channels are far from, and hostile text is not."""

import pytest

from volume.limits import SHARD, DocumentLimit, spec_problem, version_problem


@pytest.mark.parametrize(
    "text",
    [
        "python",
        "google-api-core-grpc >=1.34.1,<3.0.0dev,!=2.0.*,!=2.1.*,!=2.2.*,!=2.3.*,!=2.4.*,!=2.5.*,"
        "!=2.6.*,!=2.7.*,!=2.8.*,!=2.9.*,!=2.10.*",
        "libcblas   3.11.0   1*_openblas",
        "numpy (((>=1,<2)|3.*)|4)",
        "x[when=\"python >=3.8 and (__unix or (__win and y))\", extras=[a,b]]",
    ],
)  # fmt: skip
def test_what_people_write_passes(text: str) -> None:
    assert spec_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y " + "(" * 6000 + "1" + ")" * 6000, "12,003 characters"),
        ("y " + "(" * 17 + "1" + ")" * 17, "brackets more than 16 deep"),
        ("y" + "[" * 17, "brackets more than 16 deep"),
        ("y" + " " * 20_000, "20,001 characters"),
        ("y " + "|".join(["1"] * 200_000), "400,001 characters"),
        ("b " + "*a" * 51, "51 wildcards"),
    ],
)
def test_hostile_text_breaks_a_limit(text: str, said: str) -> None:
    problem = spec_problem(text)
    assert problem is not None and said in problem
    assert len(problem) < 200


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    assert spec_problem("y " + "|".join(["(1)"] * 100)) is None


def test_a_version_has_a_length() -> None:
    assert version_problem("4.0.0rc1.dev3440+0f9b36e") is None
    assert version_problem("1." * 200) is not None


def test_what_a_body_may_become_depends_on_its_size() -> None:
    assert SHARD.unpacked_from(33_000) == 64 << 20
    assert SHARD.unpacked_from(2 << 20) == 200 << 20
    assert DocumentLimit(sent=10, unpacked=20).unpacked_from(10) == 20
