"""Compiled MatchSpecs say what py-rattler says."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rattler import BuildString, MatchSpec, PackageRecord

from syncer.conda.record import Candidate
from syncer.conda.spec import Spec, SpecSet
from tests.support.upstream.candidates import candidate, real

SPECS = (
    "numpy", "NumPy", "num*", "*", "*py", "^(numpy|scipy)$", "numpy 1.26", "numpy=1.26", "numpy=1",
    "numpy ==1.26.0", "numpy >=1.20,<1.26.4", "numpy >=1.26|1.20.*", "numpy !=1.26.4", "num* >=1.3",
    "numpy ~=1.26.0", "* 1.26.* py311*", "numpy=*=PY311*", "numpy * *_0", "numpy 1.26.4 py311_0",
    "* * ^py.*_1$", "numpy[build_number='>=1']", "*[license=MIT]", "*[version='>=1.26']",
    "*[license_family=BSD]", "*[track_features=mkl]", f"*[sha256={'ab' * 32}]",
    f"*[md5={'cd' * 16}]", "*[build=py311_0]",
)  # fmt: skip


def reference(text: str, one: Candidate) -> bool:
    facts = one.facts
    record = PackageRecord(
        facts.name,
        facts.version,
        BuildString.new_unchecked(facts.build),
        facts.build_number,
        one.subdir,
        license=facts.license,
        sha256=bytes.fromhex(facts.sha256) if facts.sha256 else None,
        md5=bytes.fromhex(facts.md5) if facts.md5 else None,
    )
    # Glob patterns of names are ours to make lower case; rattler does so for plain names.
    return bool(MatchSpec(text.lower() if "Num" in text else text, exact_names_only=False)
                .matches(record))  # fmt: skip


@given(
    name=st.sampled_from(["numpy", "scipy", "numba", "py"]),
    version=st.sampled_from(["1.26.4", "1.26", "1.26.0", "1.20.1", "1.3rc1", "2.0", "1!1.26"]),
    build=st.sampled_from(["py311_0", "py311h0123456_1", "0", "mkl_py39_0"]),
    number=st.integers(0, 2),
    more=st.fixed_dictionaries(
        {},
        optional={
            "license": st.sampled_from(["MIT", "BSD"]),
            "sha256": st.sampled_from(["ab" * 32, "00" * 32]),
            "md5": st.just("cd" * 16),
        },
    ),
)
@pytest.mark.parametrize("text", SPECS)
def test_the_fast_ways_agree_with_the_reference(
    text: str, name: str, version: str, build: str, number: int, more: dict[str, Any]
) -> None:
    one = candidate(f"{name}-{version}-{build}", build_number=number, **more)
    spec = Spec(text)
    expected = reference(text, one)
    assert spec.matches(one) is expected
    assert (SpecSet((spec,)).find(one) is spec) is expected
    assert not expected or spec.matches_name(name)


def test_the_fast_ways_agree_with_the_reference_on_real_records(realdata: Path) -> None:
    records = real(realdata / "repodata" / "composite", "composite", "linux-64")
    texts = ("numpy >=1.15,<1.20", "lib* >=2", "py*", "* 1.0.*", "r-* * r3*", "*[license=MIT]",
             "python 2.7.*|3.6.*", "* * *_0", "*[build_number='>3']")  # fmt: skip
    for text in texts:
        spec = Spec(text)
        found = 0
        for one in random.Random(text).sample(records, 4000):
            expected = reference(text, one)
            found += expected
            assert spec.matches(one) is expected, (text, one.filename)
        assert found, text


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("conda-forge::numpy", True),
        ("bioconda::numpy", False),
        ("conda-forge/linux-64::numpy", True),
        ("conda-forge/noarch::numpy", False),
        ("numpy[subdir=linux-64]", True),
        ("numpy[subdir=win-64]", False),
        ("numpy[fn=numpy-1.26-0.conda]", True),
        ("numpy[fn=numpy-1.26-0.tar.bz2]", False),
        ("conda-forge::num*", True),
        ("NUM*", True),
        ("*[license_family=BSD]", True),
        ("*[license_family=GPL]", False),
        ("*[track_features=mkl]", True),
        ("*[track_features=blas]", False),
    ],
)
def test_channel_subdir_and_filename_are_looked_at_too(text: str, matches: bool) -> None:
    one = candidate("numpy-1.26-0", license_family="BSD", track_features="mkl other")
    assert Spec(text).matches(one) is matches


def test_a_version_that_is_none_matches_names_only() -> None:
    broken = candidate("numpy-1..2-0")
    assert Spec("numpy").matches(broken)
    assert not Spec("numpy >=0").matches(broken)
    assert not Spec("numpy * *").matches(broken)
    assert not Spec("numpy[license=MIT]").matches(broken)


def test_a_name_decides_before_other_specs_are_asked() -> None:
    specs = SpecSet.of(["numpy >=99", "numpy", "scipy >=1"])
    found = specs.find(candidate("numpy-1.26-0"))
    assert found is not None and found.text == "numpy"
    assert specs.may_match("scipy") and not specs.may_match("tk")
    assert specs.find(candidate("scipy-0.9-0")) is None
