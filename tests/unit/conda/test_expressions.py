"""Conditions of dependencies are read as rattler reads them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.conda.expression import Grammar, may_hold, specs_of
from syncer.conda.matchspec import parse

LEAVES = {
    "a": "a", "b": "b >=1,<2|>=3", "android": "android", "or-tools": "or-tools",
    "__win": "__win", "f": "f[flags=[and, 'x:or']]", "v": "v[version='>=1,(<2|>=3)']",
    "q": "q[build='x and (y or z)']",
}  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """A condition, by what it must mean."""

    operator: str
    parts: tuple[Tree, ...] = ()

    def text(self, within: str = "") -> str:
        if not self.parts:
            return LEAVES[self.operator]
        joined = f" {self.operator} ".join(part.text(self.operator) for part in self.parts)
        needs_brackets = within == "and" and self.operator == "or"
        return f"({joined})" if needs_brackets else joined

    def holds(self, present: frozenset[str]) -> bool:
        if not self.parts:
            return self.operator in present
        found = [part.holds(present) for part in self.parts]
        return all(found) if self.operator == "and" else any(found)


leaves = st.sampled_from(sorted(LEAVES)).map(Tree)
trees = st.recursive(
    leaves,
    lambda parts: st.builds(
        Tree, st.sampled_from(["and", "or"]), st.lists(parts, min_size=2, max_size=3).map(tuple)
    ),
    max_leaves=7,
)


def read(text: str) -> str:
    """As rattler writes what it has read."""
    condition = parse(f'x[when="{text}"]').condition
    assert condition is not None
    return str(condition)


@given(trees, st.sets(st.sampled_from(sorted(LEAVES))).map(frozenset), st.booleans())
def test_a_condition_means_what_rattler_reads(
    tree: Tree, present: frozenset[str], is_raw: bool
) -> None:
    text = tree.text()
    asked: list[str] = []

    def holds(spec: str) -> bool:
        asked.append(str(parse(spec).name.normalized))
        return asked[-1] in present

    assert may_hold(text if is_raw else read(text), holds) is tree.holds(present)
    assert set(asked) <= LEAVES.keys()


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("a and(b or(c))", ["a", "b", "c"]),
        ("(a)and(b)", ["a", "b"]),
        ("  a   or\tb ", ["a", "b"]),
        ("pandoc and oracle", ["pandoc", "oracle"]),
        ("python >=3.12 or foobar [version='3.12.*']", None),
        ("a[build='] and ('] or b", ["a[build='] and (']", "b"]),
    ],
)
def test_what_a_condition_is_made_of(text: str, specs: list[str] | None) -> None:
    assert specs_of(text) == (specs or ["python >=3.12", "foobar [version='3.12.*']"])


@pytest.mark.parametrize("text", ["", "(", "a b or", "and", "a)", "(a", "a (b)", "(" * 2000 + "a"])
def test_a_condition_that_nobody_can_read_may_hold(text: str) -> None:
    assert may_hold(text, lambda spec: False)


def test_and_binds_closer_than_or() -> None:
    grammar = Grammar(both="&", either="|")
    for values in product((False, True), repeat=3):
        a, b, c = values
        given_ = dict(zip("abc", values, strict=True))
        assert grammar.holds("a|b&c", given_.__getitem__) is (a or (b and c))
        assert grammar.holds("a&b|c", given_.__getitem__) is ((a and b) or c)
        assert grammar.holds("(a|b)&c", given_.__getitem__) is ((a or b) and c)
