"""Selection against rattler's solver: what solves on a whole channel solves on the closure."""

import random
import tempfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings

from syncer.conda.record import Candidate
from syncer.planning.selection.catalog import Catalog, key
from syncer.planning.selection.closure import close
from syncer.planning.selection.platform import virtual_packages
from syncer.planning.selection.solve import NoSolution, Solution, solve
from tests.support.clients.solver import WholeChannel
from tests.support.upstream.candidates import candidate, real, stems
from tests.support.upstream.made_up_channels import PLATFORMS, made_up_channel, made_up_specs
from tests.unit.planning.test_selection_closure import asked_for, channels

LINUX = virtual_packages("linux-64")
CHANNEL = ["conda-forge"]


@given(channels, asked_for)
@settings(max_examples=60)
def test_a_made_up_channel_solves_on_the_closure_if_it_solves_at_all(
    candidates: list[Candidate], specs: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = WholeChannel(Path(folder), candidates).solve(specs)
    selected = close(candidates, specs).selected
    kept = [one for one in candidates if key(one) in selected]
    found = solve(kept, specs, channels=CHANNEL, virtual=LINUX)
    assert isinstance(found, Solution) == (whole is not None)
    directly = solve(candidates, specs, channels=CHANNEL, virtual=LINUX)
    assert isinstance(directly, Solution) == (whole is not None)


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_a_made_up_channel_of_revision_3_loses_nothing_that_a_client_needs(first: int) -> None:
    """`python -m benchmarks.closure` does it for 500 channels."""
    solved = 0
    for seed in range(first, first + 10):
        candidates = made_up_channel(seed)
        with tempfile.TemporaryDirectory() as new, tempfile.TemporaryDirectory() as old:
            clients = (
                WholeChannel(Path(new), candidates),
                WholeChannel(Path(old), candidates, is_old=True),
            )
            for platform, number in product(PLATFORMS, range(2)):
                specs = made_up_specs(2 * seed + number)
                selected = close(Catalog(candidates, platform), specs).selected
                have = {filename for _, _, filename in selected}
                for whole in clients:
                    expected = whole.solve(specs, platform)
                    assert have.issuperset(expected or ()), (seed, specs, platform)
                    solved += expected is not None
                kept = Catalog((one for one in candidates if key(one) in selected), platform)
                found = solve(kept, specs, channels=CHANNEL, virtual=virtual_packages(platform))
                expected = clients[0].solve(specs, platform)
                assert isinstance(found, Solution) == (expected is not None), (seed, specs)
    assert solved


@pytest.fixture(scope="module")
def real_catalog(realdata: Path) -> Catalog:
    """conda-forge of December 2017, put in order once for all closures."""
    folder = realdata / "repodata" / "conda-forge-2017-12"
    return Catalog(real(folder, "conda-forge", "linux-64", "noarch"))


@pytest.fixture(scope="module")
def real_channel(real_catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> WholeChannel:
    return WholeChannel(tmp_path_factory.mktemp("whole"), real_catalog.records)


@pytest.mark.parametrize("pin", ["", "python 3.5.*", "python 3.6.*"])
def test_real_names_solve_on_their_closure_if_they_solve_at_all(
    real_catalog: Catalog, real_channel: WholeChannel, pin: str
) -> None:
    """`python -m benchmarks.closure` does it for 200 names."""
    candidates, whole = real_catalog.records, real_channel
    names = sorted({one.facts.name for one in candidates})
    solved = 0
    for name in random.Random(2017).sample(names, 40 if not pin else 20):
        specs = [name, pin] if pin else [name]
        expected = whole.solve(specs)
        selected = close(real_catalog, specs).selected
        kept = [one for one in candidates if key(one) in selected]
        found = solve(kept, specs, channels=CHANNEL, virtual=LINUX)
        assert isinstance(found, Solution) == (expected is not None), (specs, found)
        if expected is not None:
            assert isinstance(found, Solution)
            # The very same solution: nothing that the solver would rather have is missing.
            assert sorted(filename for _, _, filename in found.records) == expected
            solved += 1
    assert solved > 3


def test_a_solution_is_given_by_channel_subdir_and_filename() -> None:
    found = solve(
        [
            candidate("a-1-0", "b <2", "__glibc >=2.17"),
            candidate("b-1-0", subdir="noarch"),
            candidate("b-2-0", subdir="noarch"),
            candidate("b-1-0", channel="pkgs/main"),
            candidate("unrelated-1-0"),
        ],
        ["a"],
        channels=["conda-forge", "pkgs/main"],
        virtual=LINUX,
    )
    assert found == Solution(
        (
            ("conda-forge", "linux-64", "a-1-0.conda"),
            ("conda-forge", "noarch", "b-1-0.conda"),
        )
    )


def test_earlier_channels_have_priority_and_a_spec_can_name_one() -> None:
    both = [candidate("a-1-0"), candidate("a-2-0", channel="pkgs/main")]

    def chosen(spec: str, *order: str) -> list[str]:
        found = solve(both, [spec], channels=order, virtual=LINUX)
        assert isinstance(found, Solution)
        return stems(found.records)

    assert chosen("a", "conda-forge", "pkgs/main") == ["a-1-0"]
    assert chosen("a", "pkgs/main", "conda-forge") == ["a-2-0"]
    assert chosen("conda-forge::a", "conda-forge", "pkgs/main") == ["a-1-0"]
    assert chosen("pkgs/main::a", "pkgs/main", "conda-forge") == ["a-2-0"]


def test_what_has_no_solution_is_explained() -> None:
    candidates = [
        candidate("a-1-0", "b >=2"),
        candidate("b-1-0"),
        candidate("cuda-thing-1-0", "__cuda >=12"),
    ]
    found = solve(candidates, ["a"], channels=CHANNEL, virtual=LINUX)
    assert isinstance(found, NoSolution)
    assert "b >=2" in found.why and "no candidates were found" in found.why
    nothing = solve(candidates, ["nosuch"], channels=CHANNEL, virtual=LINUX)
    assert nothing == NoSolution("No candidates were found for nosuch *.")
    pattern = solve(candidates, ["b*"], channels=CHANNEL, virtual=LINUX)
    assert pattern == NoSolution("b*: a pattern can't be solved; write names")
    assert isinstance(
        solve(candidates, ["cuda-thing"], channels=CHANNEL, virtual=LINUX), NoSolution
    )
    with_cuda = virtual_packages("linux-64", __cuda="12.4")
    found_cuda = solve(candidates, ["cuda-thing"], channels=CHANNEL, virtual=with_cuda)
    assert isinstance(found_cuda, Solution)


@pytest.mark.parametrize(
    ("subdir", "virtual"),
    [
        (
            "linux-64",
            {"__unix": "0", "__linux": "4.18", "__glibc": "2.28", "__archspec": "1=x86_64"},
        ),
        ("osx-arm64", {"__unix": "0", "__osx": "13.0", "__archspec": "1=m1"}),
        ("win-64", {"__win": "10.0", "__archspec": "1=x86_64"}),
        ("emscripten-wasm32", {}),
    ],
)
def test_virtual_packages_are_those_of_the_platform(subdir: str, virtual: dict[str, str]) -> None:
    assert virtual_packages(subdir) == virtual


def test_a_malformed_record_does_not_hide_the_others() -> None:
    odd = [candidate("a-1-0"), candidate("a-2-0", size=-1), candidate("a-3-0", "b ][")]
    found = solve(odd, ["a <3"], channels=CHANNEL, virtual=LINUX)
    assert isinstance(found, Solution)
    assert stems(found.records) == ["a-1-0"]


def test_a_solution_is_that_of_a_client_that_reads_revision_3() -> None:
    candidates = [
        candidate("a-1-0", "old-dep", twin={"depends": ['b[extras=[x],when="__unix"]', "c"]}),
        candidate("b-1-0", is_v3=True, extra_depends={"x": ['d[flags=["gpu:*"]]']}),
        candidate("c-1-0", 'e[when="__win"]', is_v3=True, extension=".tar.bz2"),
        candidate("d-1-0", flags=["gpu:cuda"], is_v3=True),
        candidate("d-2-0"),
        candidate("e-1-0"),
        candidate("old-dep-1-0"),
    ]

    def chosen(platform: str, *specs: str) -> list[str]:
        catalog = Catalog(candidates, platform)
        found = solve(catalog, specs, channels=CHANNEL, virtual=virtual_packages(platform))
        assert isinstance(found, Solution), found
        return [filename for _, _, filename in found.records]

    linux = ["a-1-0.conda", "b-1-0.conda", "c-1-0.tar.bz2", "d-1-0.conda"]
    assert chosen("linux-64", "a") == linux
    assert chosen("win-64", "a") == ["a-1-0.conda", "c-1-0.tar.bz2", "e-1-0.conda"]
    assert chosen("linux-64", "c", 'b[when="__win"]') == ["c-1-0.tar.bz2"]
    assert chosen("linux-64", "conda-forge::b[extras=[x]]") == ["b-1-0.conda", "d-1-0.conda"]


def test_a_solver_that_breaks_off_has_no_solution() -> None:
    """py-rattler 0.28 fails where it is to say why this one has none."""
    found = solve(made_up_channel(140), made_up_specs(282), channels=CHANNEL, virtual=LINUX)
    assert isinstance(found, NoSolution)
