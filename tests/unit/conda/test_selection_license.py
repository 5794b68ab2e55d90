"""Licence patterns against what records say of their licence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.license import Licenses, holds


@pytest.mark.parametrize(
    ("license", "taken"),
    [
        ("MIT", True),
        ("mit", True),
        ("Apache-2.0", False),
        ("MIT OR Apache-2.0", True),
        ("MIT AND Apache-2.0", False),
        ("MIT AND BSD-3-Clause", True),
        ("(Apache-2.0 OR BSD-3-Clause) AND MIT", True),
        ("Apache-2.0 OR BSD-3-Clause AND GPL-3.0-only", False),
        ("Apache-2.0 OR GPL-3.0-only AND MIT OR MIT", True),
        ("(MIT)", True),
        ("MIT WITH some-exception", True),
        ("MITx", False),
        ("BSD 3-Clause", True),
        ("MIT or GPL", False),  # no SPDX operator: the name of one licence
        ("MIT AND (BSD", False),  # no expression
        ("MIT OR", False),
        ("", False),
        (None, False),
    ],
)
def test_a_licence_is_taken_by_name_or_expression(license: str | None, taken: bool) -> None:
    licenses = Licenses(taken=("mit", "BSD*"))
    assert (licenses.objection(license) is None) is taken
    assert (licenses.objection(license) is None) is taken  # from memory


@pytest.mark.parametrize(
    ("license", "taken"),
    [
        ("GPL-3.0-only", False),
        ("GPL-2.0 WITH GCC-exception-3.1", False),
        ("GPL-3.0-only OR MIT", True),  # taken as MIT
        ("GPL-3.0-only AND MIT", False),
        ("LGPL-3.0-only", True),
        ("MIT", True),
        (None, True),
    ],
)
def test_a_licence_is_refused_if_no_alternative_remains(license: str | None, taken: bool) -> None:
    assert (Licenses(refused=("GPL*",)).objection(license) is None) is taken


def test_each_alternative_must_be_taken_and_not_refused() -> None:
    licenses = Licenses(("*-2.0", "MIT"), ("GPL*",))
    assert licenses.objection("GPL-2.0 OR Apache-2.0") is None
    assert licenses.objection("GPL-2.0 OR BSD") is not None


def test_an_objection_names_the_setting_and_the_licence() -> None:
    assert Licenses(("MIT", "BSD*")).objection("GPL") == "licenses = MIT BSD*: its licence is 'GPL'"
    assert Licenses(("MIT",)).objection(None) == "licenses = MIT: its record names no licence"
    assert Licenses((), ("GPL*",)).objection("GPL-2") == (
        "exclude_licenses = GPL*: its licence is 'GPL-2'"
    )


EXPRESSIONS = st.recursive(
    st.sampled_from(["yes", "no"]),
    lambda inner: st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map(
        lambda parts: f"({''.join(parts)})"
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_expressions_mean_what_python_says(expression: str) -> None:
    python = expression.replace("AND", "and").replace("OR", "or")
    expected = eval(python.replace("yes", "True").replace("no", "False"))
    assert holds(expression, lambda name: name == "yes") is expected


@given(st.text(alphabet="ANDOR() x", max_size=40))
def test_no_text_is_a_stumbling_block(text: str) -> None:
    assert holds(text, lambda name: True) is True
