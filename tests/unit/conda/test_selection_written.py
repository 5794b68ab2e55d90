"""What people may write as a MatchSpec, and what they are told if it is none."""

import pytest

from syncer.conda.written import (
    check_denied,
    check_pin,
    check_request,
    check_spec,
    split_specs,
)


@pytest.mark.parametrize(
    "text",
    [
        "numpy", "lib*", "*", "_libgcc_mutex", "^lib.*$", "numpy 1.26", "numpy=1.26",
        "python>=3.11,<3.13", "python 3.11.*|3.12.*", "python 3.11|3.12", "numpy >=1.26.*",
        "numpy 1.26.* *cuda*", "numpy=*=py311*", "numpy==master", "conda-forge::numpy",
        "numpy[version='>=1.2',license=MIT]", "numpy[build_number='>=2']", "numpy (>=1,<2)|3.*",
        "pkgs/main::numpy", "numpy[subdir=linux-64,fn=numpy-1-0.conda]",
        'pytorch[version=">=3.1", flags=["cuda", "blas:*"]]', "numpy >=2[flags=[cuda]]",
        "numpy[flags='*:*']",
    ],
)  # fmt: skip
def test_match_specs_are_taken_as_they_are(text: str) -> None:
    assert check_spec(text) == text
    assert check_request(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ray[extras=[tune,serve]]", 'ray[extras="tune"]', "ray >=2[extras=['tune', \"serve\" ]]",
        'numpy>=2[when="python>=3.10"]', "tool[when='__unix and (python <3.9 or __osx)']",
        'conda-forge::a[version="1.*",build="py*",build_number=">=2",extras=[x],flags=[y],when="z"]',
    ],
)  # fmt: skip
def test_what_is_installed_may_have_extras_and_a_condition(text: str) -> None:
    assert check_request(text) == text
    with pytest.raises(ValueError, match="belongs into SPECS, an environment or a dependency"):
        check_spec(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a[extras=[Plot]]", "position 3: extras are names in small letters"),
        ("a[extras=[]]", "position 3: extras are names in small letters"),
        ("a[extras=[x y]]", "position 3: extras are names in small letters"),
        ("a[flags=[~cuda]]", "position 3: flags are words in small letters"),
        ("a[flags=['!cuda']]", "position 3: flags are words in small letters"),
        ("a[version='>1', flags=[a:b:c]]", "position 17: flags are words in small letters"),
        ("a[when='not __win']", "position 3: a condition is made of MatchSpecs"),
        ("a[when='b AND c']", "position 3: a condition is made of MatchSpecs"),
        ("a[when='b and']", "position 3: a condition is made of MatchSpecs"),
        ("a[when='(b']", "position 3: a condition is made of MatchSpecs"),
        ("a[when='b[when=c]']", "position 3: a condition is made of MatchSpecs"),
        ("a[when='']", "position 3: a condition is made of MatchSpecs"),
        ("a[extra=[x]]", "license_family, track_features, flags, extras, when"),
        ("a[extras=[x]", "position 2: the brackets are not"),
        ("a[when='" + "(" * 50 + "b" + ")" * 50 + "']", "has brackets more than 16 deep"),
    ],
)
def test_a_mistake_in_extras_flags_and_conditions_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"position|deep") as caught:
        check_request(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("numpy >>1", "numpy >>1: position 7: it is not a version"),
        ("numpy >=1,<", "position 7: it is not a version"),
        ("nu mpy >=", "nu mpy >=: position 8: '>=' is not a build string"),
        ("numpy scipy", "position 7: 'scipy' is not a version: write two specs"),
        ("numpy 1.2 py* extra", "position 11: 'py* extra' is not a build string"),
        ("python=3.11,3.12", "position 13: '3.12' means exactly this version here"),
        ("python=3.11|3.12", "for one or the other series for example 3.11.*|3.12.*"),
        ("numpy # pinned", "position 7: a MatchSpec has no comment"),
        ("x:numpy", "position 2: a namespace is not supported"),
        ("numpy[foo=1]", "position 7: this key is not known; known are version, build"),
        ("numpy[version='>=1'", "position 6: the brackets are not"),
        ("numpy[sha256=abc]", "position 7: the hash is not made of hexadecimal digits"),
        ("numpy[build_number=x]", "position 7: build_number is a whole number"),
        (
            "numpy[when='python >3']",
            "position 7: a condition belongs into SPECS, an environment or",
        ),
        ("numpy[url='http://x/y']", "position 7: a URL can't be selected by"),
        ("numpy-1.26.4-py311_0.conda", "position 1: that is a filename; write numpy==1.26.4=py31"),
        ("numpy 1.*.2", "position 9: a * stands at the end of a version only"),
        ("=1.2", "position 1: the package's name is missing"),
        ("", "position 1: the package's name is missing"),
        ("n\u00fcmpy", "position 2: it is not a package name"),
        ("lib(a", "position 4: it is not a package name"),
        ("^lib(.*$", "position 1: it is not a regular expression"),
        ("^a{2,1}$", "position 1: it is not a regular expression"),
        (
            "*[license=GPL*]",
            "position 3: a licence is compared as a whole; LICENSES and EXCL",
        ),
        ("x[version='>=1', fn='x-*.conda']", "position 18: a filename is compared as a whole"),
        ("x[subdir=linux-*]", "position 3: a subdir is compared as a whole"),
        ("x[license_family=*GPL]", "position 3: it is compared as a whole"),
        ("y " + "(" * 6000 + "1" + ")" * 6000, "12,003 characters"),
        ("a::b::c", "position 1: the channel before :: is not one"),
    ],
)
def test_a_mistake_is_named_with_its_position(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"position|characters") as caught:
        check_spec(text)
    assert message in str(caught.value)


def test_what_is_denied_may_be_a_hash() -> None:
    assert check_denied("sha256:" + "A" * 64) == "sha256:" + "a" * 64
    assert check_denied("evil <2") == "evil <2"
    with pytest.raises(ValueError, match="write sha256: and 64 hexadecimal digits"):
        check_denied("sha256:abc")


def test_a_pin_is_a_name_and_the_beginnings_of_versions() -> None:
    assert check_pin("python", ("3.11", "3.12.*", "2*")) == ("3.11", "3.12.*", "2*")
    with pytest.raises(ValueError, match="'>=3' is not the beginning of a version"):
        check_pin("python", (">=3",))
    with pytest.raises(ValueError, match="name at least one version"):
        check_pin("python", ())
    with pytest.raises(ValueError, match=r"'py\*' is not a package name"):
        check_pin("py*", ("3",))


def test_a_line_is_split_where_no_version_follows() -> None:
    assert split_specs("numpy, lib*,python>=3.11,<3.13 scipy[build='a,b'],tk") == [
        "numpy", "lib*", "python>=3.11,<3.13", "scipy[build='a,b']", "tk",
    ]  # fmt: skip


def test_blanks_and_commas_in_brackets_split_nothing() -> None:
    texts = ["a[extras=[x, y]]", 'b[version=">=1, <2", when="c and d"]', "e", "f[flags=['g:*', h]]"]
    assert split_specs(" ".join(texts)) == texts
    assert split_specs(", ".join(texts)) == texts
    assert split_specs("a] b, c[x") == ["a]", "b", "c[x"]
