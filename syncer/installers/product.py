"""What an installer's name says: product, version, platform, ending. Pure.

Miniconda3-py312_24.1.2-0-Linux-x86_64.sh   product Miniconda3-py312, version 24.1.2-0
Miniconda3-latest-MacOSX-arm64.pkg          product Miniconda3, a name whose bytes change
Miniforge3-Windows-x86_64.exe               product Miniforge3, likewise
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"(?P<product>[A-Za-z]+\d?)(?:-(?P<version>[A-Za-z0-9._+-]+?))?"
    r"-(?P<system>Linux|MacOSX|Windows)-(?P<machine>[A-Za-z0-9_]+)\.(?P<ending>sh|exe|pkg)"
)
_PYTHON = re.compile(r"(py\d+)_(.+)")

# Which installers a subdir's machines can use: system and machine as the names have them.
PLATFORMS = {
    "linux-32": ("Linux", "x86"),
    "linux-64": ("Linux", "x86_64"),
    "linux-aarch64": ("Linux", "aarch64"),
    "linux-armv7l": ("Linux", "armv7l"),
    "linux-ppc64le": ("Linux", "ppc64le"),
    "linux-riscv64": ("Linux", "riscv64"),
    "linux-s390x": ("Linux", "s390x"),
    "osx-64": ("MacOSX", "x86_64"),
    "osx-arm64": ("MacOSX", "arm64"),
    "win-32": ("Windows", "x86"),
    "win-64": ("Windows", "x86_64"),
    "win-arm64": ("Windows", "arm64"),
}
ENDINGS = {"Linux": ("sh",), "MacOSX": ("sh", "pkg"), "Windows": ("exe",)}

Version = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """An installer's name, taken apart; ``version`` is None for a name whose bytes change."""

    product: str
    version: Version | None
    system: str
    machine: str
    ending: str

    @property
    def line(self) -> tuple[str, str, str, str]:
        """What it is the newest or an older one of."""
        return (self.product, self.system, self.machine, self.ending)


def parse(filename: str) -> Product | None:
    """Take a name apart, or None if it is not made like that."""
    match = _NAME.fullmatch(filename)
    if match is None:
        return None
    product, version = match["product"], match["version"]
    if version is not None and (python := _PYTHON.fullmatch(version)):
        product, version = f"{product}-{python[1]}", python[2]
    changes = version is None or version.lower() == "latest"
    return Product(
        product,
        None if version is None or changes else version_key(version),
        match["system"],
        match["machine"],
        match["ending"],
    )


def version_key(version: str) -> Version:
    """Sorts versions: numbers as numbers, letters (``rc``) before the end, the end before numbers.

    ``4.7.12`` < ``4.7.12.1``, ``4.8rc1`` < ``4.8``, ``2024.02-1`` < ``2024.10-1``.
    """
    parts = re.findall(r"\d+|[A-Za-z]+", version)
    key = [(1, int(part), "") if part.isdecimal() else (-1, 0, part.lower()) for part in parts]
    return (*key, (0, 0, ""))
