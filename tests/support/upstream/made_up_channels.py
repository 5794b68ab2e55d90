"""Small channels of revision 3 (CEP 43-45, 48), made up at random: what solvers can trip over."""

from random import Random
from typing import Any

from syncer.conda.record import Candidate
from tests.support.upstream.candidates import candidate

PLATFORMS = ("linux-64", "osx-arm64", "win-64")
_NAMES = "abcdefg"
_GROUPS = ("x", "y", "z")
_FLAGS = ("cuda", "blas:mkl", "blas:open", "debug")
_VIRTUAL = ("__unix", "__linux", "__osx", "__win", "__glibc >=2.20", "__glibc >=2.99", "__cuda")
_VERSIONS: tuple[str, ...] = ("", "", "", "", ">=2", "<3", "1.*|2.*", ">=2,<3", "==3")


def made_up_channel(seed: int) -> list[Candidate]:
    """The artifacts of a channel: of one record, in either revision, or of two."""
    random = Random(seed)
    found = {}
    for name in _NAMES:
        for _ in range(random.randint(2, 5)):
            one = _artifact(random, f"{name}-{random.randint(1, 3)}-{random.randint(0, 1)}")
            found[one.subdir, one.filename] = one
    for series in ("3.11", "3.12"):
        one = candidate(f"python-{series}.1-0", is_v3=random.random() < 0.5)
        found[one.subdir, one.filename] = one
    return list(found.values())


def made_up_specs(seed: int) -> list[str]:
    """What somebody asks of such a channel for."""
    random = Random(seed)
    specs = [_spec(random, name) for name in random.sample(_NAMES, random.randint(1, 3))]
    if random.random() < 0.4:
        specs.append(random.choice(["python 3.11.*", "python 3.12.*", "python"]))
    return specs


def _artifact(random: Random, stem: str) -> Candidate:
    is_v3 = random.random() < 0.6
    record = _of_v3(random)
    record["build_number"] = number = int(stem[-1])  # which of two builds is chosen is no chance
    if is_v3:
        return candidate(stem, is_v3=True, **record)
    twin = record if random.random() < 0.4 else None
    depends = [_old(random) for _ in range(random.randint(0, 2))]
    subdir = random.choice(["linux-64", "noarch"])
    return candidate(stem, *depends, twin=twin, subdir=subdir, build_number=number)


def _of_v3(random: Random) -> dict[str, Any]:
    depends = [_dependency(random) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    record: dict[str, Any] = {"depends": depends}
    if random.random() < 0.5:
        groups = random.sample(_GROUPS, random.randint(1, 2))
        record["extra_depends"] = {
            group: [_dependency(random) for _ in range(random.randint(0, 2))] for group in groups
        }
    if random.random() < 0.5:
        record["flags"] = random.sample(_FLAGS, random.randint(1, 3))
    if random.random() < 0.2:
        record["constrains"] = [_spec(random, random.choice(_NAMES), is_plain=True)]
    return record


def _old(random: Random) -> str:
    return " ".join(filter(None, (_name(random), random.choice(_VERSIONS))))


def _name(random: Random) -> str:
    names: list[str] = [*_NAMES, *_NAMES, "python", "python", "nosuch"]
    return random.choice(names)


def _dependency(random: Random) -> str:
    if random.random() < 0.1:
        return random.choice(["__unix", '__linux[version=">=3"]', '__win[when="__win"]'])
    name = _name(random)
    if name == "python":
        return random.choice(["python", 'python[version=">=3.12"]', 'python[version="3.11.*"]'])
    return _spec(random, name)


def _spec(random: Random, name: str, *, is_plain: bool = False) -> str:
    """A MatchSpec in brackets, in one of several ways to write it."""
    parts = []
    if version := random.choice(_VERSIONS):
        parts.append(f'version="{version}"')
    if not is_plain and random.random() < 0.3:
        groups = ",".join(random.sample(_GROUPS, random.randint(1, 2)))
        parts.append(random.choice([f"extras=[{groups}]", f"extras='{groups}'"]))
    if not is_plain and random.random() < 0.2:
        flag = random.choice(["cuda", "'blas:*'", '"*:mkl"', "de*g"])
        parts.append(random.choice([f"flags=[{flag}]", f"flags=[{flag}, *]"]))
    if not is_plain and random.random() < 0.35:
        parts.append(f'when="{_condition(random, 3)}"')
    random.shuffle(parts)
    return f"{name}[{random.choice([',', ', ']).join(parts)}]" if parts else name


def _condition(random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.5:
        if random.random() < 0.5:
            return random.choice(_VIRTUAL)
        name = _name(random)
        return random.choice([name, f"{name}>=2", f"{name}[version='<3']", f"{name} 1.*"])
    parts = (_condition(random, depth - 1) for _ in range(random.randint(2, 3)))
    joined = random.choice([" and ", " or "]).join(parts)
    return f"({joined})" if random.random() < 0.6 else joined
