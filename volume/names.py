"""Names that may become paths: channels, subdirs, artifacts (CEP 26, CEP 35), installers, wheels.

Everything that comes from an upstream or from a person passes here before it is joined to a path,
so an upstream can't write outside its folder. Nothing is normalised: a name is right or refused.
"""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import dataclass

from volume.errors import NameRefusedError

PACKAGE_EXTENSIONS = (".conda", ".tar.bz2")
"""Of conda's own packages: what people's own ones have, too."""
WHEEL = ".whl"
"""Of a wheel that a channel lists (``volume/channel_wheels.py``)."""
EXTENSIONS = (*PACKAGE_EXTENSIONS, WHEEL)
"""Of every artifact."""

# conda's KNOWN_SUBDIRS. An upstream's subdir outside this list is refused rather than guessed.
SUBDIRS = frozenset(
    [
        "emscripten-wasm32",
        "freebsd-64",
        "linux-32",
        "linux-64",
        "linux-aarch64",
        "linux-armv6l",
        "linux-armv7l",
        "linux-ppc64",
        "linux-ppc64le",
        "linux-riscv32",
        "linux-riscv64",
        "linux-s390x",
        "noarch",
        "osx-64",
        "osx-arm64",
        "wasi-wasm32",
        "win-32",
        "win-64",
        "win-arm64",
        "zos-z",
    ]
)

# A channel's first segment must not look like a fixed path of the web server or of a client.
RESERVED_CHANNELS = frozenset(
    {"archive", "miniconda", "miniforge", "installers", "pypi", "snapshots", "cloud", "site"}
)

# What installers are: a shell script, a Windows program, a macOS package.
INSTALLER_EXTENSIONS = (".sh", ".exe", ".pkg")

# Of a Python package index: a wheel, and what an sdist may be packed as.
WHEEL_EXTENSIONS = (".whl", ".tar.gz", ".zip")

_CHANNEL_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LONGEST_CHANNEL = 200  # its slug becomes one path segment, with a few letters around it
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")  # old channels have upper case
_VERSION = re.compile(r"[a-zA-Z0-9_.+!~*]{1,128}")
_BUILD = re.compile(r"[a-zA-Z0-9_.+]{1,128}")
_INSTALLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}")
_LONGEST = 211  # CEP 26: name-version-build plus extension; also below every NAME_MAX


@dataclass(frozen=True, slots=True)
class ArtifactName:
    """An artifact's filename, taken apart: ``<name>-<version>-<build><extension>``."""

    name: str
    version: str
    build: str
    extension: str


def parse_artifact(filename: str) -> ArtifactName:
    """Take an artifact's filename apart.

    Raises:
        NameRefusedError: the filename is not a distribution string plus a known extension.
    """
    for extension in EXTENSIONS:
        if filename.endswith(extension):
            parts = filename[: -len(extension)].rsplit("-", 2)
            if (
                len(parts) == 3
                and len(filename) <= _LONGEST
                and _NAME.fullmatch(parts[0])
                and _VERSION.fullmatch(parts[1])
                and _BUILD.fullmatch(parts[2])
            ):
                # Interned: a large channel has each name and version many times.
                name, version = sys.intern(parts[0]), sys.intern(parts[1])
                return ArtifactName(name, version, parts[2], extension)
            break
    raise NameRefusedError(
        f"artifact name {filename[:200]!r} is not name-version-build with"
        f" {' or '.join(EXTENSIONS)} (CEP 26); it is left out"
    )


def package_name(filename: str) -> str:
    """The package's name in a filename that ``parse_artifact`` takes."""
    return filename.rsplit("-", 2)[0]


def check_installer_name(filename: str) -> str:
    """Return ``filename`` if an installer may be called so: ``Miniforge3-Linux-x86_64.sh``.

    Raises:
        NameRefusedError: it is not one plain path segment, or has no installer's ending.
    """
    if not _INSTALLER.fullmatch(filename) or not filename.endswith(INSTALLER_EXTENSIONS):
        raise NameRefusedError(
            f"installer name {filename[:200]!r} is not made of letters, digits, '.', '_', '+' and"
            f" '-' with {', '.join(INSTALLER_EXTENSIONS)} at its end; it is left out"
        )
    return filename


def check_wheel_name(filename: str) -> str:
    """Return ``filename`` if a wheel or an sdist may be called so.

    Raises:
        NameRefusedError: it is not one plain path segment, or has no ending of theirs.
    """
    if not _WHEEL.fullmatch(filename) or not filename.endswith(WHEEL_EXTENSIONS):
        raise NameRefusedError(
            f"{filename[:200]!r} is no name of a wheel or an sdist: letters, digits, '.', '_', '+',"
            f" '!' and '-', up to 200, with {', '.join(WHEEL_EXTENSIONS)} at its end; it is left"
            " out"
        )
    return filename


def check_channel(channel: str) -> str:
    """Return ``channel`` if it is a channel name such as ``conda-forge`` or ``pkgs/main``.

    Raises:
        NameRefusedError: it can't be a channel name, or would hide a path of the web server.
    """
    segments = channel.split("/")
    if len(channel) > _LONGEST_CHANNEL:
        raise NameRefusedError(
            f"channel name {channel[:40]!r}... is longer than {_LONGEST_CHANNEL} characters"
        )
    if not all(_CHANNEL_SEGMENT.fullmatch(segment) for segment in segments):
        raise NameRefusedError(
            f"channel name {channel!r} is not made of letters, digits, '.', '_', '-' and '/'"
        )
    if segments[0] in RESERVED_CHANNELS or channel == "pkgs":
        raise NameRefusedError(f"channel name {channel!r} begins with a path that is reserved here")
    if any(segment in SUBDIRS or segment.startswith("gen-") for segment in segments):
        raise NameRefusedError(f"channel name {channel!r} contains a subdir or generation name")
    if segments[-1] in {"current", "snapshots"}:
        raise NameRefusedError(f"channel name {channel!r} ends in a name that is reserved here")
    return channel


def likely_subdir(name: str) -> str | None:
    """The subdir that was meant by a name that is none: ``linux-64`` for ``linux64``."""
    close = difflib.get_close_matches(name.lower(), sorted(SUBDIRS), n=1, cutoff=0.75)
    return close[0] if close else None


def escaped(name: str) -> str:
    """A file's name as people and documents get it; another one for each name.

    What can't be printed, is no UTF-8, or is a backslash, is escaped. A name that nothing is wrong
    with stays as it is.
    """
    return "".join(
        letter if letter.isprintable() and letter != "\\" else _escape(letter) for letter in name
    )


def _escape(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # how Python shows a byte that is no UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if letter <= "\x1f" or letter == "\x7f":
        return f"\\x{ord(letter):02x}"
    return "\\\\" if letter == "\\" else f"\\u{{{ord(letter):x}}}"


def check_subdir(subdir: str) -> str:
    """Return ``subdir`` if conda knows it.

    Raises:
        NameRefusedError: it is not one of conda's known subdirs.
    """
    if subdir not in SUBDIRS:
        import difflib  # who makes no mistake does not pay for it

        nearest = difflib.get_close_matches(subdir, sorted(SUBDIRS), n=1, cutoff=0.75)
        hint = f"; did you mean {nearest[0]}? Known are" if nearest else ":"
        raise NameRefusedError(
            f"subdir {subdir[:40]!r} is not one that conda knows{hint} {', '.join(sorted(SUBDIRS))}"
        )
    return subdir
