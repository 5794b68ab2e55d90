"""``/setup.sh``: client configuration as one command, with a dry run and an undo. Pure.

Guaranteed by the script: nothing of the user's is overwritten; a second run changes nothing;
``--undo`` leaves what was there before, byte for byte. conda's part is a file of its own in
``~/.conda/condarc.d``, so it counts less than ``~/.condarc``; pixi, which has no such folder, gets
a file if there is none and else a marked block at the end of the one that is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from indexer.site import clients


def script(template: str, channels: Sequence[str], example: str) -> str:
    """The script for these channels; ``example`` is the command that it proposes at the end."""
    values = {
        "CHANNELS": " ".join([*channels, *_defaults(channels)]),
        "CONDARC": clients.condarc(channels).rstrip("\n"),
        "PIXI": clients.pixi(channels).rstrip("\n"),
        "MIRRORS": clients.pixi_mirrors(channels).rstrip("\n"),
        "EXAMPLE": example,
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _defaults(channels: Sequence[str]) -> list[str]:
    return [name for name in clients.first_channels(channels) if name == "defaults"]
