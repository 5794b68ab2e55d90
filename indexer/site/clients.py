"""Ready client configuration for the channels that are here. Pure.

The address is a placeholder, which the web server replaces by the name that the client used.
Community channels are below ``/cloud``, Anaconda's own below ``/pkgs``, as on public mirrors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ADDRESS = "http://mirror.invalid"

CONDARC_PLACE = ".conda/condarc.d/conda-lan-mirror.yml"
"""Where the set-up puts conda's configuration: a file of its own, which conda and mamba read beside
what the user has, and which no other tool writes. Relative to the home folder."""

# What clients have in their files and specs; rewritten there, never contacted from here.
_COMMUNITY_URL = "https://conda.anaconda.org"
_PKGS_URL = "https://repo.anaconda.com/pkgs"
# The same: pixi's [mirrors] maps whole addresses, and these stand in its lock files and manifests.
_INDEX_URL = "https://pypi.org/simple"
_INDEX_FILES_URL = "https://files.pythonhosted.org/packages"

# Where pixi asks for the mapping of conda's names to PyPI's: the service of its makers; until 2026
# it had one of the documents from another place. Its mirrors hold for both.
_MAPPING_URLS = {
    "https://conda-mapping.prefix.dev": "mapping",
    "https://raw.githubusercontent.com/prefix-dev/parselmouth/main/files": "mapping/compressed-v0",
}

TOOLS = ("conda", "mamba", "pixi")
"""The clients that the set-up knows."""

# A name is what a package calls itself, and stands in commands that people copy and scripts print.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PACKAGE = "PACKAGE"  # when nothing is known that could be installed

_DEFAULTS = ("pkgs/main", "pkgs/r", "pkgs/msys2")
_PREFERRED = "conda-forge"


def url_path(channel: str) -> str:
    """A channel's path on this mirror."""
    return f"/{channel}" if channel.startswith("pkgs/") else f"/cloud/{channel}"


def first_channels(channels: Sequence[str]) -> list[str]:
    """What a client searches without being told: conda-forge, else what there is."""
    community = [name for name in channels if not name.startswith("pkgs/") and "/" not in name]
    first = [_PREFERRED] if _PREFERRED in community else community[:1]
    return first + (["defaults"] if _defaults(channels) else [])


def searched(channels: Sequence[str]) -> list[str]:
    """The mirrored channels behind ``first_channels``, in order."""
    found: list[str] = []
    for name in first_channels(channels):
        found += _defaults(channels) if name == "defaults" else [name]
    return found


def ranked(channels: Sequence[str]) -> list[str]:
    """All channels, those first that clients search first."""
    return list(dict.fromkeys([*searched(channels), *channels]))


def channel_word(channel: str, first: Sequence[str]) -> str | None:
    """What to say to conda's ``-c`` for this channel; None if it is searched anyway."""
    is_default = channel in _DEFAULTS and "defaults" in first
    return None if channel in first or is_default else channel


def _defaults(channels: Sequence[str]) -> list[str]:
    return [name for name in _DEFAULTS if name in channels]


def condarc(channels: Sequence[str], *, with_channels: bool = True) -> str:
    """For a file below ``~/.conda/condarc.d`` or ``/etc/conda/condarc.d``; conda and mamba read it.

    Without ``with_channels`` the user's own list of channels stays what it is.
    """
    lines = [f"# {ADDRESS}/condarc"]
    if with_channels:
        lines.append(f"channels: [{', '.join(first_channels(channels))}]")
    others = [name for name in channels if name not in searched(channels)]
    if others:
        lines.append(f"# also here: {', '.join(others)}")
    if _defaults(channels):
        lines.append("default_channels:")
        lines += [f"  - {ADDRESS}/{name}" for name in _defaults(channels)]
    lines += [
        f"channel_alias: {ADDRESS}/cloud",
        "migrated_channel_aliases:",
        f"  - {_COMMUNITY_URL}",
    ]
    pkgs = [name for name in channels if name.startswith("pkgs/")]
    if pkgs:
        lines.append("custom_channels:")
        lines += [f"  {name}: {ADDRESS}" for name in pkgs]
    lines.append("show_channel_urls: true")
    lines.append("# over https, with a CA of your own: ssl_verify: /path/to/ca.pem")
    return "\n".join(lines) + "\n"


def mambarc(channels: Sequence[str]) -> str:
    """For ~/.mambarc, beside the condarc: saves mamba two questions per command."""
    lines = [
        f"# {ADDRESS}/mambarc",
        "# Optional, beside the condarc: its lines belong into ~/.mambarc",
        "repodata_shards_ttl: 3600",
    ]
    if channels:
        lines.append("repodata_has_zst:")
        lines += [f"  - {ADDRESS}{url_path(name)}" for name in channels]
    return "\n".join(lines) + "\n"


def pixi(channels: Sequence[str], *, maps_names: bool = False, with_wheels: bool = False) -> str:
    """For ~/.pixi/config.toml: URLs in manifests and lock files stay upstream's.

    Args:
        maps_names: whether the mapping of conda's names to PyPI's is here.
        with_wheels: whether pixi asks here for Python packages too, and nobody else.
    """
    quoted = ", ".join(f'"{name}"' for name in _pixi_first(channels))
    mirrors = pixi_mirrors(channels, maps_names=maps_names, with_wheels=with_wheels)
    return f"# {ADDRESS}/pixi.toml\ndefault-channels = [{quoted}]\n\n{mirrors}"


def _pixi_first(channels: Sequence[str]) -> list[str]:
    """What pixi searches; it knows no `defaults`: written out if there is nothing else."""
    first = [name for name in first_channels(channels) if name != "defaults"]
    return first or [_pixi_channel(name) for name in _defaults(channels)]


def _pixi_channel(channel: str) -> str:
    return f"{_PKGS_URL}{channel.removeprefix('pkgs')}" if channel.startswith("pkgs/") else channel


def pixi_channel_word(channel: str, channels: Sequence[str]) -> str | None:
    """How a pixi workspace names this channel; None if it is searched anyway."""
    word = _pixi_channel(channel)
    return None if word in _pixi_first(channels) else word


def pixi_mirrors(
    channels: Sequence[str], *, maps_names: bool = False, with_wheels: bool = False
) -> str:
    """The part of pixi's configuration that can stand at the end of any."""
    lines = ["[mirrors]", f'"{_COMMUNITY_URL}" = ["{ADDRESS}/cloud"]']
    if any(name.startswith("pkgs/") for name in channels):
        lines.append(f'"{_PKGS_URL}" = ["{ADDRESS}/pkgs"]')
    if maps_names:
        lines += [f'"{url}" = ["{ADDRESS}/{path}"]' for url, path in _MAPPING_URLS.items()]
    if with_wheels:
        lines.append("# Python packages: those that the mirror's lock files name, and no others")
        lines.append(f'"{_INDEX_URL}" = ["{ADDRESS}/pypi/simple"]')
        lines.append(f'"{_INDEX_FILES_URL}" = ["{ADDRESS}/pypi/packages"]')
    return "\n".join(lines) + "\n"


def example_command(tool: str, package: str | None) -> str:
    """Something that works once the client is set up; a name that is no plain word is not used."""
    if tool == "pixi":
        return f"pixi init try && cd try && pixi add {_plain(package)}"
    return f"{tool} create -n try {_plain(package)}"


def single_command(tool: str, path: str, package: str | None) -> str:
    """The same for one command, from the channel at this path, without any set-up."""
    url = f"{ADDRESS}{path}"
    if tool == "pixi":
        return f"pixi exec -c {url} {_plain(package)} --version"
    return f"{tool} create -n try --override-channels -c {url} {_plain(package)}"


def _plain(package: str | None) -> str:
    return package if package and _PLAIN_NAME.fullmatch(package) else _PACKAGE


def setup_script(
    template: str,
    channels: Sequence[str],
    example: str,
    *,
    maps_names: bool = False,
    with_wheels: bool = False,
) -> str:
    """``/setup.sh``: client configuration as one command, with a dry run and an undo.

    Guaranteed by the script: nothing of the user's is overwritten; a second run changes nothing;
    ``--undo`` leaves what was there before, byte for byte. conda's part is a file of its own in
    ``~/.conda/condarc.d``, so it counts less than ``~/.condarc``; pixi, which has no such folder,
    gets a file if there is none and else a marked block at the end of the one that is there.

    Args:
        template: the script, with ``@NAME@`` where values go.
        channels: those that are here.
        example: the command that the script proposes at the end.
        maps_names: whether the mapping of conda's names to PyPI's is here.
        with_wheels: whether pixi asks here for Python packages too, and nobody else.
    """
    values = {
        "CHANNELS": " ".join(
            [*channels, *(["defaults"] if "defaults" in first_channels(channels) else [])]
        ),
        "CONDARC": condarc(channels).rstrip("\n"),
        "PIXI": pixi(channels, maps_names=maps_names, with_wheels=with_wheels).rstrip("\n"),
        "MIRRORS": pixi_mirrors(channels, maps_names=maps_names, with_wheels=with_wheels).rstrip(
            "\n"
        ),
        "EXAMPLE": example,
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
