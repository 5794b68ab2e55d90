"""Ready client configuration for the channels that are here. Pure.

The address is a placeholder, which the web server replaces by the name that the client used.
Community channels are below ``/cloud``, Anaconda's own below ``/pkgs``, as on public mirrors.
"""

from __future__ import annotations

from collections.abc import Sequence

ADDRESS = "http://mirror.invalid"

# What clients have in their files and specs; rewritten there, never contacted from here.
_COMMUNITY_URL = "https://conda.anaconda.org"
_PKGS_URL = "https://repo.anaconda.com/pkgs"

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


def _defaults(channels: Sequence[str]) -> list[str]:
    return [name for name in _DEFAULTS if name in channels]


def condarc(channels: Sequence[str]) -> str:
    """For /etc/conda/.condarc or ~/.condarc; conda and mamba read it."""
    lines = [
        f"# {ADDRESS}/condarc",
        "# Save as ~/.condarc, or for all users as /etc/conda/.condarc",
        f"channels: [{', '.join(first_channels(channels))}]",
    ]
    others = [name for name in channels if name not in first_channels(channels)]
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
    return "\n".join(lines) + "\n"


def mambarc(channels: Sequence[str]) -> str:
    """For ~/.mambarc, beside the condarc: saves mamba two questions per command."""
    lines = [
        f"# {ADDRESS}/mambarc",
        "# Optional, beside ~/.condarc: save as ~/.mambarc",
        "repodata_shards_ttl: 3600",
    ]
    if channels:
        lines.append("repodata_has_zst:")
        lines += [f"  - {ADDRESS}{url_path(name)}" for name in channels]
    return "\n".join(lines) + "\n"


def pixi(channels: Sequence[str]) -> str:
    """For ~/.pixi/config.toml: URLs in manifests and lock files stay upstream's."""
    first = [name for name in first_channels(channels) if name != "defaults"]
    quoted = ", ".join(f'"{name}"' for name in first)
    lines = [
        f"# {ADDRESS}/pixi.toml",
        "# Save as ~/.pixi/config.toml, or for all users as /etc/pixi/config.toml",
        f"default-channels = [{quoted}]",
        "",
        "[mirrors]",
        f'"{_COMMUNITY_URL}" = ["{ADDRESS}/cloud"]',
    ]
    if any(name.startswith("pkgs/") for name in channels):
        lines.append(f'"{_PKGS_URL}" = ["{ADDRESS}/pkgs"]')
    return "\n".join(lines) + "\n"
