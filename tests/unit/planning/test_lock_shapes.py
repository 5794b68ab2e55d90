"""Whatever else stands in a lock file, its conda artifacts are found; the rest costs nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.planning.environments.request import Locked, Request
from syncer.planning.environments.spec_file import parse

CHANNELS = {
    "conda-forge": ("https://conda.anaconda.org/conda-forge",),
    "bioconda": ("https://conda.anaconda.org/bioconda",),
}
URL = "https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda"
SHA256 = "ab" * 32


def read(text: str | bytes, *subdirs: str) -> Request:
    content = text.encode() if isinstance(text, str) else text
    return parse("file", content, subdirs or ("linux-64",), CHANNELS)


def names(request: Request) -> list[str]:
    return [one.filename for one in request.locked]


def pixi(*entries: Any, packages: Any = None, version: int = 6) -> str:
    """As JSON, which is YAML."""
    listed = {"linux-64": [{"conda": URL}, *entries]}
    environments = json.dumps({"default": {"channels": [], "packages": listed}})
    described = json.dumps([{"conda": URL, "sha256": SHA256, "size": 5}, *(packages or ())])
    return f"version: {version}\nenvironments: {environments}\npackages: {described}"


def conda_lock(*entries: Any, channels: Any = "conda-forge") -> str:
    good = {
        "name": "a", "version": "1", "manager": "conda", "platform": "linux-64",
        "dependencies": {}, "url": URL, "hash": {"sha256": SHA256}, "category": "main",
    }  # fmt: skip
    return (
        "version: 1\n"
        + "metadata: "
        + json.dumps({"channels": channels, "platforms": ["linux-64"]})
        + "\npackage: "
        + json.dumps([good, *entries])
    )


PIP = {"name": "b", "manager": "pip", "platform": "linux-64", "url": "https://x/b.whl"}
STRANGE = [
    {**PIP, "dependencies": {"c": ">=2.0.2,<3.0.5 || >3.0.5"}, "hash": {"sha256": "no hash"}},
    {**PIP, "url": "git+https://host/b.git@main", "version": "===weird @ file:///x"},
    {**PIP, "manager": "conda", "name": "__glibc", "url": ""},
    {**PIP, "manager": "conda", "url": "./local/b-1-0.conda"},
    {**PIP, "manager": "npm", "url": 5},
    {"manager": ["conda"], "platform": {"linux-64": 1}},
    "a text", 7, None, [], {},
]  # fmt: skip


@pytest.mark.parametrize("entry", STRANGE)
def test_an_entry_that_is_no_artifact_costs_nothing_but_a_note(entry: Any) -> None:
    found = read(conda_lock(entry))
    assert [(one.filename, one.sha256) for one in found.locked] == [("a-1-0.conda", SHA256)]


@pytest.mark.parametrize(
    "entry",
    [
        {"conda_source": "inner[aaaaaaaa] @ git+https://example.com/inner.git?tag=v1#00"},
        {"pypi": "./."}, {"pypi": "https://x/b.whl"}, {"conda": "./b-1-0.conda"},
        {"conda": "https://host/x/linux-64/not-an-artifact.zip"}, {"uv": {"x": [1]}}, "text", None,
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [4, 5, 6, 7])
def test_a_source_or_wheel_of_a_pixi_lock_costs_nothing(entry: Any, version: int) -> None:
    described = [entry, {"kind": "pypi", "name": 3}, "x", None]
    found = read(pixi(entry, packages=described, version=version))
    assert found.locked == (
        Locked(URL, "conda-forge", "linux-64", "a-1-0.conda", sha256=SHA256, size=5),
    )


@pytest.mark.parametrize("channels", ["conda-forge", ["conda-forge"], [{"url": "x"}], [], None, 3])
def test_channels_of_a_lock_are_of_no_interest(channels: Any) -> None:
    assert names(read(conda_lock(channels=channels))) == ["a-1-0.conda"]


def test_a_hash_of_digits_is_text() -> None:
    digits = "1234567890" * 3 + "12"
    (found,) = read(conda_lock().replace(f'{{"sha256": "{SHA256}"}}', f"{{md5: {digits}}}")).locked
    assert found.md5 == digits


def test_an_older_shape_without_manager_platform_and_hashes_by_kind() -> None:
    text = f"version: 1\npackage:\n- name: a\n  url: {URL}\n  hash: sha256:{SHA256}\n"
    (found,) = read(text).locked
    assert (found.subdir, found.sha256) == ("linux-64", SHA256)


def test_a_platform_of_pixi_may_have_a_name_of_its_own() -> None:
    text = pixi(version=7).replace('"linux-64": [', '"gpu": [')
    text += '\nplatforms: [{"name": "gpu", "subdir": "linux-64"}]'
    assert names(read(text)) == ["a-1-0.conda"]


@pytest.mark.parametrize(
    "text", [pixi(), conda_lock(), f"@EXPLICIT\n{URL}\n", "dependencies: [zstd]\n"]
)
def test_a_byte_order_mark_is_of_no_interest(text: str) -> None:
    assert read(b"\xef\xbb\xbf" + text.encode()) == read(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "? " * 10_000, "a: *b", "a: 1\n---\nb: 2"],
)
def test_hostile_yaml_is_refused(text: str) -> None:
    for begin in ("version: 6\nenvironments: ", "version: 1\npackage: ", "dependencies: "):
        with pytest.raises(ValueError, match="file"):
            read(begin + text)


def test_an_alias_a_thousand_times_is_read_once() -> None:
    one = f"{{conda: '{URL}'}}"
    listed = f"&x [{', '.join([one] * 1000)}]"
    places = "".join(f"  e{n}: {{packages: {{linux-64: *x}}}}\n" for n in range(20_000))
    text = (
        f"version: 6\nenvironments:\n  d: {{packages: {{linux-64: {listed}}}}}\n{places}"
        f"packages: [{one}]\n"
    )
    assert names(read(text)) == ["a-1-0.conda"]


@pytest.mark.parametrize(
    ("base", "channel"),
    [
        ("https://acme.example/artifactory/api/conda/conda-forge", "conda-forge"),
        ("https://nexus.example/repository/bioconda", "bioconda"),
        ("https://mirror.example/anaconda-extra/cloud/conda-forge", "conda-forge"),
        ("https://nexus.example/repository/conda-proxy", ""),  # whose it is the hash tells
    ],
)
def test_behind_a_proxy_the_hash_says_what_it_is(base: str, channel: str) -> None:
    (found,) = read(f"@EXPLICIT\n{base}/linux-64/a-1-0.conda#sha256:{SHA256}\n").locked
    assert found.channel == channel
    with pytest.raises(ValueError, match="say in CHANNEL_ALIASES"):
        read(f"@EXPLICIT\n{base}/linux-64/a-1-0.conda\n")


def test_a_single_colon_in_an_environment_file_is_said() -> None:
    found = read("channels: [conda-forge]\ndependencies: ['bioconda:bcftools=1.20']\n")
    assert found.specs == {"linux-64": ("bcftools=1.20",)}
    assert found.notes == (
        "file: bioconda:bcftools=1.20: conda passes over what stands before a single colon; if a"
        " channel is meant, write bioconda::bcftools=1.20",
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(URL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["conda", "pypi", "url", "hash", "manager", "platform", "sha256", "kind"])
        | st.text(max_size=5), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JUNK, max_size=4), st.lists(JUNK, max_size=4), st.sampled_from([4, 5, 6, 7]))
def test_no_shape_of_a_pixi_lock_costs_its_good_entries(
    listed: list[Any], described: list[Any], version: int
) -> None:
    try:
        found = read(pixi(*listed, packages=described, version=version))
    except ValueError as error:  # an artifact of a channel that is not mirrored, a malformed hash
        assert all(str(problem).startswith("file") for problem in error.args)
    else:
        assert "a-1-0.conda" in names(found)


@given(st.lists(JUNK, max_size=5), JUNK)
def test_no_shape_of_a_conda_lock_costs_its_good_entries(entries: list[Any], channels: Any) -> None:
    try:
        found = read(conda_lock(*entries, channels=channels))
    except ValueError as error:
        assert all(str(problem).startswith("file") for problem in error.args)
    else:
        assert "a-1-0.conda" in names(found)


REAL = {
    "bom/explicit.txt": ["zlib-1.2.13-hd590300_5.conda"],
    "bom/pixi.lock": ["build-tool-1.0.0-h0.conda"],
    "behind-a-proxy/artifactory.txt": ["zlib-1.2.13-hd590300_5.conda"],
    "behind-a-proxy/nexus.txt": ["zlib-1.2.13-hd590300_5.conda"],
    "behind-a-proxy/sustech.txt": ["zlib-1.2.13-hd590300_5.conda"],
    "conda-lock-channel-strings/conda-lock.yml": ["_libgcc_mutex-0.1-conda_forge.tar.bz2"],
    "conda-lock-pip-or/conda-lock.yml": ["_libgcc_mutex-0.1-conda_forge.tar.bz2"],
    "pixi-v7-git-source/pixi.lock": ["build-tool-1.0.0-h0.conda"],
    "namespace-colon/environment.yml": [],
    "nodefaults.yml": [],
}


@pytest.mark.parametrize("path", REAL)
def test_what_people_reported_is_read(realdata: Path, path: str) -> None:
    found = read((realdata / "spec-files" / path).read_bytes())
    assert names(found) == REAL[path]
    assert {one.channel for one in found.locked} <= {"conda-forge"}
    assert found.locked or found.specs["linux-64"]


# Aliases of aliases: thirty lines that stand for more than any memory holds.
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)
PLACES = [
    "dependencies: [python]\nchannels: [*a29]\n",
    "dependencies: [python]\nplatforms: [*a29]\n",
    *(f"dependencies: [python, {one}]\n" for one in ("*a29", "{x: *a29}", "{*a29 : x}")),
    *(f"dependencies: [python, {one}]\n" for one in ("{sel(linux): *a29}", "{sel(x): *a29}")),
    "dependencies: [python]\n"
    + "b0: &b0 {k: v}\n"
    + "".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * 10)}]}}\n" for n in range(1, 30)),
    "version: 6\nenvironments: {d: {packages: {linux-64: *a29}}}\npackages: *a29\n",
    "version: 6\nenvironments: {d: {packages: {linux-64: [*a29, {x: *a29}]}}}\npackages: []\n",
    "version: 1\npackage: [{manager: *a29, name: *a29, platform: linux-64, url: x}, *a29]\n",
]


@pytest.mark.parametrize("text", PLACES)
def test_what_aliases_stand_for_is_never_written_out(text: str) -> None:
    try:
        told: tuple[object, ...] = read(BOMB + text).notes
    except ValueError as error:
        told = error.args
    assert all(len(str(one)) < 1_000 for one in told)


@pytest.mark.parametrize(
    "text",
    [
        "dependencies:\n" + "- a >=1,,\n" * 1_000,
        "@EXPLICIT\n" + "https://x/y\n" * 1_000,
        "version: 1\npackage:\n" + "".join(
            f"- {{url: 'https://x/{n}/linux-64/a-1-0.conda', platform: linux-64}}\n"
            for n in range(1_000)
        ),
    ],
)  # fmt: skip
def test_a_file_s_problems_are_not_without_end(text: str) -> None:
    with pytest.raises(ValueError, match="file") as found:
        read(text)
    assert len(found.value.args) <= 101


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
        | st.sampled_from(["conda-forge", "python", "linux-64", "c::a", "sel(linux)", "pip"]),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["pip", "sel(linux)", "sel(x)", "<<", "x", ""]), inner, max_size=4
        ),
        max_leaves=12,
    ),
    st.sampled_from(["dependencies", "channels", "platforms", "name", "variables"]),
)  # fmt: skip
def test_any_shape_of_an_environment_file_is_read_or_refused(value: Any, key: str) -> None:
    document = {"dependencies": ["python"], key: value}
    try:
        found = read("\n".join(f"{name}: {json.dumps(one)}" for name, one in document.items()))
    except ValueError as error:
        assert error.args and all(str(one).startswith("file") for one in error.args)
    else:
        assert found.specs
