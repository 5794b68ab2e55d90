"""What a file asks for: specs, or exact artifacts; and where an artifact's URL belongs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from syncer.planning.environments.locked_wheel import LockedWheel, NoWheel
from volume.errors import NameRefusedError
from volume.names import check_subdir, parse_artifact
from volume.program.log import redact
from volume.sections import is_wheel

MOST_PROBLEMS = 100
"""Of one file that are told; whoever has more of them has one reason for all."""

Channels = Mapping[str, Sequence[str]]
"""Our channels' names, each with the base URLs that it comes from."""

_TOKEN = re.compile(r"^/t/[^/]+(?=/)")
# Before the channel's name on hosts that mirror it: Anaconda's and this appliance's (its snapshots
# included), TUNA's layout, Quetz. The hash tells whether it is the same artifact.
_LAYOUT = re.compile(r"(/anaconda)?(/cloud)?/|/get/|/snapshots/[^/]+/(cloud/)?")


@dataclass(frozen=True, slots=True)
class Locked:
    """An artifact that a lock file names exactly. ``size`` is in bytes; None is not given.

    ``channel`` is empty if the address is no channel's here: the hash tells whose it is.
    """

    url: str
    channel: str
    subdir: str
    filename: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None

    def difference(self, sha256: str | None, md5: str | None) -> str:
        """Which hash tells its bytes from others; empty if none does."""
        for kind, ours, theirs in (("sha256", self.sha256, sha256), ("md5", self.md5, md5)):
            if ours and theirs:
                return "" if ours == theirs.lower() else f"{kind} {theirs.lower()}, not {ours}"
        return ""


@dataclass(frozen=True, slots=True)
class Request:
    """What one file asks for.

    ``specs`` are by subdir, to be installed together; ``wheels`` is what it names of a Python
    package index, ``no_wheels`` what of that can't be mirrored; ``channel_wheels`` has the sha256
    of each wheel that it names of a conda channel; ``notes`` is what was not
    understood as a person may expect: what the mirror can't have.
    """

    file: str
    specs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    locked: tuple[Locked, ...] = ()
    wheels: tuple[LockedWheel, ...] = ()
    no_wheels: tuple[NoWheel, ...] = ()
    channel_wheels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class NoArtifactError(ValueError):
    """It is not the URL of a conda artifact."""


def locate(url: str, channels: Channels, *, is_hashed: bool = False) -> tuple[str, str, str]:
    """The channel, subdir and filename of an artifact's URL; credentials in it don't matter.

    Args:
        is_hashed: the artifact's hash is known. Then a host that is none of our upstreams may be a
            proxy with paths of its own; the channel is the one that the path ends with, or empty.

    Raises:
        NoArtifactError: it is no artifact's URL.
        ValueError: its channel is not mirrored.
    """
    parts = _split(url)
    folder, _, filename = unquote(parts.path).rpartition("/")
    base, _, subdir = folder.rpartition("/")
    try:
        check_subdir(subdir)
        if is_wheel(filename):
            raise NameRefusedError(filename)
        parse_artifact(filename)
    except NameRefusedError as error:
        raise NoArtifactError(
            f"{redact(url)} is not the URL of an artifact: write it as https://host/channel/subdir/name-version-build.conda"
        ) from error
    base = _TOKEN.sub("", base)
    host = parts.hostname or ""
    for channel, bases in channels.items():
        if any((host, base) == _place(known) for known in bases):
            return channel, subdir, filename
    for channel in channels:
        if base.endswith(channel) and _LAYOUT.fullmatch(base.removesuffix(channel)):
            return channel, subdir, filename
    hosts = {urlsplit(known).hostname for bases in channels.values() for known in bases}
    if is_hashed and host not in hosts:
        ending = [channel for channel in channels if base.endswith(f"/{channel}")]
        return max(ending, key=len, default=""), subdir, filename
    shown = f"{parts.scheme}://{host}{base}"
    raise ValueError(
        f"{filename} is from {shown}, which is not mirrored (mirrored are"
        f" {', '.join(sorted(channels)) or 'no channels'}); add that channel, or say in"
        " CHANNEL_ALIASES which one this address stands for"
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.hostname  # reading it checks it
    except ValueError as error:
        raise NoArtifactError(f"{redact(url)} is not a URL: {error}") from error
    return parts


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.hostname or "", _TOKEN.sub("", unquote(parts.path).rstrip("/"))
