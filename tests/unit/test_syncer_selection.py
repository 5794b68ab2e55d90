"""Which packages are wanted."""

import pytest

from syncer.selection import Selection, check_pattern


@pytest.mark.parametrize(
    ("include", "exclude", "name", "wanted"),
    [
        ((), (), "numpy", True),
        (("numpy",), (), "numpy", True),
        (("numpy",), (), "numpy-base", False),
        (("num*",), (), "numpy-base", True),
        (("*",), ("numpy",), "numpy", False),
        ((), ("lib*",), "libzlib", False),
        (("NumPy",), (), "numpy", True),
        (("r-*",), (), "R-base", True),
        (("a.c",), (), "abc", False),
    ],
)
def test_wildcards_include_and_exclude(
    include: tuple[str, ...], exclude: tuple[str, ...], name: str, wanted: bool
) -> None:
    selection = Selection(include, exclude)
    assert selection.wants(name) is wanted
    assert selection.wants(name) is wanted  # from memory


def test_the_fingerprint_follows_the_choice_and_not_its_order() -> None:
    assert Selection(("a", "b")).fingerprint == Selection(("b", "a")).fingerprint
    assert Selection(("a",)).fingerprint != Selection((), ("a",)).fingerprint
    assert Selection(("a",)).fingerprint != Selection(("a", "b")).fingerprint


@pytest.mark.parametrize("pattern", ["numpy>=1", "a b", "[ab]", "a?", "../a", ""])
def test_a_pattern_is_a_name_with_wildcards(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a package name"):
        check_pattern(pattern)
