"""The indexer's settings, each defined once (``volume.program.settings``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from volume.program import parsers
from volume.program import settings as define
from volume.program.settings import Common, setting


@dataclass(frozen=True, slots=True)
class Settings(Common):
    """Everything that can be set."""

    keep_generations: int = setting(
        "KEEP_GENERATIONS", "5", parsers.whole_number(1, 1000),
        "How many generations of each channel's index are kept, for rollback and dated snapshots.",
        section="Index",
    )  # fmt: skip
    keep_shards_days: float = setting(
        "KEEP_SHARDS_DAYS", "7", parsers.number(0, 365),
        "Days that a shard stays downloadable after the index no longer names it; mamba may use"
        " an index for a day.",
        section="Index",
    )  # fmt: skip
    poll_seconds: float = setting(
        "INDEX_POLL_SECONDS", "5", parsers.number(0.1, 3600),
        "Seconds between two looks for new commits and for files that were added by hand.",
        section="Index",
    )  # fmt: skip
    index_engine: str = setting(
        "INDEX_ENGINE", "auto", parsers.one_of("auto", "conda-index", "own"),
        "What writes the index of a channel: conda-index itself, our own writer, which writes the"
        " same and is faster, or auto: conda-index for channels of less than 10,000 packages.",
        section="Index",
    )  # fmt: skip
    indexed_timestamp: str = setting(
        "INDEXED_TIMESTAMP", "upstream", parsers.one_of("upstream", "arrival"),
        "Since when a mirrored package counts as published, for clients' own cooldowns"
        " (exclude-newer): what upstream says, or arrival: where upstream says nothing, the moment"
        " at which it came here. That adds to upstream's records.",
        section="Index",
    )  # fmt: skip
    conda_exe: str = setting(
        "CONDA_EXE", "conda", parsers.text,
        "The conda that has conda-index installed, when run without containers.",
        section="Without containers",
    )  # fmt: skip


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: with every problem found.
    """
    return define.read(Settings, environment, others=_FOREIGN)


# Names of other programs that are too close to ours to be called misspelt.
_FOREIGN = ("MIRROR_DATA", "MIRROR_BIND", "_CONDA_EXE", "CONDA_BASE")
