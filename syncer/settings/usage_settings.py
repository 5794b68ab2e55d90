"""Settings of what is known of the LAN's usage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from volume.program import parsers
from volume.program.settings import setting

_SECTION = "Usage"


@dataclass(frozen=True)
class UsageSettings:
    """The fields that are about what clients ask for."""

    usage_days: float = setting(
        "USAGE_DAYS", "400", parsers.number(1, 3650),
        "Days for which it is known what was asked for on each; after that, only when last.",
        section=_SECTION,
    )  # fmt: skip
    usage_clients: bool = setting(
        "USAGE_CLIENTS", "no", parsers.yes_or_no,
        "Say yes to keep the addresses of clients too, so that 'syncer usage --who FILENAME' can"
        " tell who was served a withdrawn package. Without it none is kept.",
        section=_SECTION,
    )  # fmt: skip
    usage_dir: Path = setting(
        "USAGE_DIR", "/srv/usage", parsers.path,
        "The folder in which nginx leaves requests.log, for 'syncer usage'.",
        section="Without containers",
    )  # fmt: skip
