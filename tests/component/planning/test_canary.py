"""The canary: what must be installable from what will be published, alone."""

from syncer.planning.canary import Canary, Failure, check, of_environment, of_policy
from syncer.planning.environments.request import Locked, Request
from syncer.settings.policy import Environment, Policy
from tests.support.upstream.candidates import candidate

RECORDS = [
    candidate("numpy-1.26-0", "python >=3.12", "libblas", sha256="a" * 64),
    candidate("python-3.12.4-0", "__glibc >=2.17"),
    candidate("libblas-3.9-0"),
    candidate("pure-1-0", "python", subdir="noarch"),
    candidate("extra-1-0", "numpy", channel="team"),
]


def sings(canary: Canary, **retired: str) -> list[Failure]:
    known = {("conda-forge", "linux-64", f"{name}-1-0.conda"): one for name, one in retired.items()}
    return check([canary], RECORDS, retired=known)


def test_what_has_a_solution_does_not_fail() -> None:
    assert sings(Canary("a", ("conda-forge",), "linux-64", ("numpy", "pure"))) == []


def test_what_has_none_fails_with_the_solvers_words() -> None:
    (failure,) = sings(Canary("science", ("conda-forge",), "linux-64", ("numpy >=2", "pure")))
    assert str(failure) == (
        "science can't be installed on linux-64 from this mirror:\n"
        "No candidates were found for numpy >=2."
    )


def test_only_the_channels_of_the_canary_count() -> None:
    assert sings(Canary("a", ("team",), "linux-64", ("extra",))) != []
    assert sings(Canary("a", ("team", "conda-forge"), "linux-64", ("extra",))) == []


def test_a_dependency_that_went_missing_is_noticed() -> None:
    left = [one for one in RECORDS if one.facts.name != "libblas"]
    (failure,) = check([Canary("a", ("conda-forge",), "linux-64", ("numpy",))], left)
    assert "libblas" in failure.why


def test_locked_artifacts_must_be_there_with_their_bytes() -> None:
    def locked(filename: str, sha256: str) -> Locked:
        return Locked("u", "conda-forge", "linux-64", filename, sha256=sha256)

    canary = Canary(
        "lock",
        ("conda-forge",),
        "linux-64",
        locked=(
            locked("numpy-1.26-0.conda", "b" * 64),
            locked("gone-1-0.conda", "c" * 64),
            locked("old-1-0.conda", "d" * 64),
        ),
    )
    (failure,) = sings(canary, old="d" * 64)
    assert failure.why == (
        "linux-64/numpy-1.26-0.conda of conda-forge has other bytes now\n"
        "linux-64/gone-1-0.conda of conda-forge is not on the mirror"
    )


def test_a_policys_canaries_are_each_spec_on_each_subdir() -> None:
    policy = Policy(subdirs=("linux-64", "win-64", "noarch"), canary=("numpy", "pure"))
    assert of_policy("conda-forge", policy) == [
        Canary("numpy", ("conda-forge",), "linux-64", ("numpy",)),
        Canary("pure", ("conda-forge",), "linux-64", ("pure",)),
        Canary("numpy", ("conda-forge",), "win-64", ("numpy",)),
        Canary("pure", ("conda-forge",), "win-64", ("pure",)),
    ]


def test_an_environments_specs_go_together_and_each_file_for_itself() -> None:
    environment = Environment("ml", ("team", "conda-forge"), ("linux-64",), ("numpy", "extra"))
    files = [Request("a.yml", {"linux-64": ("pure",), "win-64": ("other",)})]
    channels = ("team", "conda-forge")
    assert of_environment(environment, files) == [
        Canary("ml", channels, "linux-64", ("numpy", "extra")),
        Canary("ml (a.yml)", channels, "linux-64", ("pure",)),
    ]
