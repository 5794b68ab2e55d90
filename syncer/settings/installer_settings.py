"""What can be set of installers; a part of the syncer's settings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from syncer.settings.address import check_url
from volume.installers import KINDS
from volume.program import parsers
from volume.program.settings import setting

_PATTERN = re.compile(r"[A-Za-z0-9._+*?-]+")


def check_pattern(pattern: str) -> str:
    """Return ``pattern`` if it can match an installer's name.

    Raises:
        ValueError: it contains anything that such a name can't.
    """
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{pattern!r} is not a pattern of installer names such as Miniconda3-*-Linux-x86_64.sh:"
            " letters, digits, '.', '_', '+', '-', and '*' and '?' as wildcards"
        )
    return pattern


def _kind(value: str) -> str:
    if value.lower() not in KINDS:
        raise ValueError(f"there is no {value!r}; write one or more of: {', '.join(KINDS)}")
    return value.lower()


@dataclass(frozen=True)  # no slots: ``Settings`` has another base with some
class InstallerSettings:
    """Which installers to mirror, and where miniforge comes from."""

    installers: tuple[str, ...] = setting(
        "INSTALLERS", "", parsers.Words(_kind),
        "Installers to mirror beside the channels: miniforge, and (under the terms of pkgs/*)"
        " miniconda and archive, which has Anaconda Distribution.",
        section="Installers",
    )  # fmt: skip
    installer_include: tuple[str, ...] = setting(
        "INSTALLER_INCLUDE", "", parsers.Words(check_pattern),
        "Names of installers to mirror, * is a wildcard: Miniconda3-*-Linux-x86_64.sh; empty means"
        " those for the platforms of SUBDIRS.",
        section="Installers",
    )  # fmt: skip
    installer_newest: int = setting(
        "INSTALLER_NEWEST", "1", parsers.whole_number(0, 1000),
        "How many versions of each installer to mirror, newest first; 0 means all. Names such as"
        " Miniconda3-latest-* always come along.",
        section="Installers",
    )  # fmt: skip
    miniforge_urls: tuple[str, ...] = setting(
        "MINIFORGE_URL", "https://github.com/conda-forge/miniforge/releases/latest/download",
        parsers.Words(check_url, str.split),
        "Where miniforge comes from: the folder with Miniforge3-Linux-x86_64.sh and the like, each"
        " with a .sha256 beside it; one address, or several.",
        section="Installers",
    )  # fmt: skip
