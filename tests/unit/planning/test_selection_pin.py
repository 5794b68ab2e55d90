"""Pins: which builds go with the pinned versions."""

import random
import re
from pathlib import Path

import pytest
from rattler import MatchSpec

from syncer.planning.selection.permit import VersionPin
from tests.support.upstream.candidates import candidate, real


@pytest.mark.parametrize(
    ("depends", "stays"),
    [
        ((), True),
        (("python",), True),
        (("python >=3.8",), True),
        (("python >=3.11,<3.12.0a0",), True),
        (("python >=3.11.4,<3.12.0a0",), True),
        (("python 3.12.*",), True),
        (("python 3.11.4",), True),
        (("python >=3.12.0rc2,<3.13.0a0", "python_abi 3.12.* *_cp312"), True),
        (("python >=3.10,<3.11.0a0",), False),
        (("python 2.7.*",), False),
        (("python <3.11",), False),
        (("python >=3.13",), False),
        (("python >=3.8", "python <3.10"), False),  # each alone would do
        (("python_abi 3.10.* *_cp310",), True),  # not recognised, see the module
        (("pythonnet <3",), True),
        (("python-dateutil <3",), True),
        (("python.app <3",), True),
        (("Python <3",), False),
        (("python >>nonsense",), True),
        (("python <3[when='__win']",), True),
        (("numpy", "python[version='<3']"), False),
    ],
)
def test_a_build_stays_if_a_pinned_version_can_go_with_it(
    depends: tuple[str, ...], stays: bool
) -> None:
    pin = VersionPin("python", ("3.11", "3.12"), ())
    objection = pin.objection(candidate("x-1-0", *depends).facts)
    assert (objection is None) is stays


@pytest.mark.parametrize(
    ("version", "stays"), [("3.11", True), ("3.11.9", True), ("3.12.0rc1", True), ("3.1", False)]
)
def test_of_the_pinned_package_only_its_versions_stay(version: str, stays: bool) -> None:
    pin = VersionPin("python", ("3.11", "3.12.*"), ())
    assert (pin.objection(candidate(f"python-{version}-0").facts) is None) is stays


def test_listed_versions_count_beyond_the_sampled_ones() -> None:
    depends = candidate("x-1-0", "date 2024.123456").facts
    assert VersionPin("date", ("2024",), ()).objection(depends) is not None
    assert VersionPin("date", ("2024",), ("2024.123456", "2025.1")).objection(depends) is None


def test_letters_make_releases_and_prereleases_let_nothing_pass() -> None:
    pin = VersionPin("openssl", ("1.1.1",), ("1.1.1a", "1.1.1w"))
    assert pin.objection(candidate("x-1-0", "openssl >=1.1.1w,<1.1.2a").facts) is None
    assert pin.objection(candidate("x-1-0", "openssl 1.1.1a").facts) is None
    assert pin.objection(candidate("x-1-0", "openssl >=3,<4").facts) is not None
    pin = VersionPin("python", ("3.12",), ("3.12.0rc1", "3.12.0"))
    assert pin.objection(candidate("x-1-0", "python <3.12").facts) is not None


def test_an_objection_names_the_pin_and_the_dependency() -> None:
    pin = VersionPin("python", ("3.11", "3.12"), ())
    assert pin.objection(candidate("x-1-0", "python 2.7.*").facts) == (
        "pins: python = 3.11, 3.12: it depends on python 2.7.*"
    )
    assert pin.objection(candidate("python-2.7-0").facts) == (
        "pins: python = 3.11, 3.12: it is 2.7"
    )


def test_real_builds_go_with_the_python_that_their_build_string_names(realdata: Path) -> None:
    records = real(realdata / "repodata" / "composite", "composite", "linux-64")
    pin = VersionPin("python", ("3.8",), ())
    checked = 0
    for one in random.Random(1).sample(records, 20_000):
        texts = [text for text in one.facts.depends if text.split(" ")[0] == "python"]
        found = re.match(r"(?:.*_)?py(27|3\d{1,2})(?![0-9])", one.facts.build)
        if len(texts) == 1 and found and MatchSpec(texts[0]).version and "<" in texts[0]:
            named = f"{found[1][0]}.{found[1][1:]}"
            accepts = pin.objection(one.facts) is None
            if one.facts.name != "python" and _bounds(texts[0]) == named:
                assert accepts is (named == "3.8"), one.filename
                checked += 1
    assert checked > 1000


def _bounds(text: str) -> str | None:
    """The one series that a dependency such as `python >=3.8,<3.9.0a0` takes."""
    found = re.fullmatch(r"python >=(\d+)\.(\d+)(?:\.\d+)?,<(\d+)\.(\d+)(?:\.0a0)?", text)
    if found and found[1] == found[3] and int(found[4]) == int(found[2]) + 1:
        return f"{found[1]}.{found[2]}"
    return None


def test_all_dependencies_must_go_with_one_and_the_same_version() -> None:
    both = candidate("a-1-0", "python <3.12", "python >=3.12")
    either = candidate("b-1-0", "python <3.12", "python >=3.10")
    pin = VersionPin("python", ("3.11", "3.12"), ())
    assert pin.objection(both.facts) == "pins: python = 3.11, 3.12: it depends on python >=3.12"
    assert pin.objection(either.facts) is None
